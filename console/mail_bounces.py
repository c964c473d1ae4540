"""``recert mail bounces``: delivery reports fed in, from files or folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from console.bench import actor, opened_bench
from console.output import answer, escaped, say, write_json, write_table
from mail.mail_files import RawMail, files_in, mails_of
from models.errors import WrongInput
from models.words import Role
from tasks.bounces import Fed, feed

DONE_IN_PART = 4
COLUMNS = ("mail", "to", "action", "status", "state", "diagnostic")
NAMED = 20


def bounces(
    *places: Path,
    dry_run: bool = False,
    by: Annotated[str | None, Parameter(name="--by")] = None,
    json: bool = False,
) -> int:
    """Take in delivery reports (RFC 3464) and write each into its letter's history.

    A letter that failed for good counts as not reached. Ends with 4 when some of it was no report or could not be read.

    Args:
        places: Single messages, mbox files, Maildir folders, or folders of messages.
        dry_run: Tell all, and store nothing.
        by: The operator who does it; without it, whoever is at the shell.
        json: One JSON document: read, matched, unknown, automatic, refused, repeated.
    """
    if not places:
        raise WrongInput("name the files or folders with the reports")
    files = [file for place in places for file in _files(place)]
    unread: list[tuple[str, str]] = []
    with opened_bench() as bench:
        with bench.database.read() as connection:
            who = actor(connection, by, Role.OPERATOR)
        fed = feed(bench, _mails(files, unread), actor=who, dry_run=dry_run)
    fed.refused += unread
    if json:
        write_json(_document(fed))
    else:
        _tell(fed, dry_run=dry_run)
    return DONE_IN_PART if fed.refused else 0


def _files(place: Path) -> list[Path]:
    try:
        return files_in(place)
    except OSError as error:
        raise WrongInput(f"cannot read {place}: {error.strerror}; name a file or folder with reports") from None


def _mails(files: Sequence[Path], unread: list[tuple[str, str]]) -> Iterator[RawMail]:
    """The messages of each file; one that cannot be read does not keep the others from being read."""
    for file in files:
        try:
            yield from mails_of(file)
        except OSError as error:
            unread.append((file.name, f"it cannot be read: {error.strerror}"))


def _document(fed: Fed) -> dict[str, Any]:
    return {
        "read": fed.read,
        "matched": [asdict(one) for one in fed.matched],
        "unknown": [{"place": place, "recipient": recipient} for place, recipient in fed.unknown],
        "automatic": fed.automatic,
        "refused": [{"place": place, "reason": why} for place, why in fed.refused],
        "repeated": fed.repeated,
    }


def _tell(fed: Fed, *, dry_run: bool) -> None:
    if fed.matched:
        write_table(COLUMNS, (asdict(one) for one in fed.matched))
    _name("no letter of ours", [f"{place}: about {recipient}" for place, recipient in fed.unknown])
    _name("no report", [f"{place}: {why}" for place, why in fed.refused])
    actions = Counter(one.action for one in fed.matched)
    counts = {
        **{f"{action}": number for action, number in sorted(actions.items())},
        "about no letter of ours": len(fed.unknown),
        "automatic replies": fed.automatic,
        "fed in before": fed.repeated,
        "no reports": len(fed.refused),
    }
    told = ", ".join(f"{number:,} {words}" for words, number in counts.items() if number)
    answer(f"{fed.read:,} read: {told or 'nothing'}{' (dry run: nothing was stored)' if dry_run else ''}")


def _name(what: str, lines: Sequence[str]) -> None:
    for line in lines[:NAMED]:
        say(f"{what}: {escaped(line)}")
    if len(lines) > NAMED:
        say(f"{what}: and {len(lines) - NAMED:,} more")
