"""``recert mail wording``: what each kind of mail says, in Recert's words or in the organisation's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from console.bench import actor, opened_bench
from console.output import answer, say, write_json, write_table
from console.rollout_output import line
from mail.facts import KINDS
from mail.wordings import Wording
from models.errors import FileRefused, WrongInput
from models.words import MessageKind, Role
from tasks import own_wordings
from tasks.own_wordings import Chosen, Standing, checked_language
from tasks.proposing import unapplied_with

ENDINGS = {"subject": "subject", "text": "txt", "html": "mjml"}
COLUMNS = ("kind", "language", "wording", "by", "at")
LARGEST_FILE = 1_000_000
RECERTS, OWN = "Recert's", "own"

app = App(name="wording", help="See and choose what each kind of mail says.")

As = Annotated[str | None, Parameter(name="--as")]


@app.command(name="list", sort_key=0)
def list_(*, json: bool = False) -> None:
    """List each kind of mail in each language, whose wording rules, and who chose it when.

    Args:
        json: One JSON array of kind, language, wording, by, at.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        rows = [_row(each) for each in own_wordings.standings(connection)]
    if json:
        write_json(rows)
    else:
        write_table(COLUMNS, rows)


@app.command(sort_key=1)
def show(
    kind: str, /, *, language: str = "en", shipped: bool = False, write_to: Path | None = None, json: bool = False
) -> None:
    """Show the wording that rules for readers of a language, as it is written.

    Args:
        kind: Of mail, as `recert mail wording list` has it.
        language: The readers'.
        shipped: Recert's wording instead of the organisation's own.
        write_to: Write it into this folder, to be changed there and given to `recert mail wording set`.
        json: One JSON document: kind, language, wording, subject, text, html.
    """
    _known(kind)
    with opened_bench() as bench, bench.database.read() as connection:
        own = {} if shipped else own_wordings.own_wordings(connection)
    asked = checked_language(language)
    found = own_wordings.ruling(kind, asked, own)
    spoken, whose, wording = found.language, OWN if found.own else RECERTS, found.wording
    if spoken != asked:
        say(f"there is none of {asked}: its readers get the wording of {spoken}")
    if write_to is not None:
        _write_out(write_to, kind, wording)
    if json:
        write_json({"kind": kind, "language": spoken, "wording": whose, **vars(wording)})
    elif write_to is None:
        for part, source in vars(wording).items():
            line(f"=== {part} ({whose}, {spoken})")
            for each in source.splitlines():
                line(each)


@app.command(name="set", sort_key=2)
def set_(kind: str, /, *, language: str, from_: Annotated[Path, Parameter(name="--from")], as_: As = None) -> None:
    """Let the organisation's own wording rule for a kind of mail and a language, after it was checked.

    Args:
        kind: Of mail, as `recert mail wording list` has it.
        language: The readers', such as es or es-MX.
        from_: The folder with KIND.subject, KIND.txt and KIND.mjml.
        as_: The admin who chooses; without it, whoever is at the shell.
    """
    wording = _read(from_, _known(kind))
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        done = own_wordings.set_wording(connection, kind, language, wording, actor=who, at=bench.now())
        asked = unapplied_with(connection, MessageKind(kind))
    _tell(done, asked, f"{kind} ({checked_language(language)}) is in the organisation's own words")


@app.command(sort_key=3)
def reset(kind: str, /, *, language: str, as_: As = None) -> None:
    """Go back to Recert's wording for a kind of mail and a language; the own one stays on record.

    Args:
        kind: Of mail, as `recert mail wording list` has it.
        language: The readers'.
        as_: The admin who chooses; without it, whoever is at the shell.
    """
    _known(kind)
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        done = own_wordings.reset_wording(connection, kind, language, actor=who, at=bench.now())
        asked = unapplied_with(connection, MessageKind(kind))
    _tell(done, asked, f"{kind} ({checked_language(language)}) is in Recert's words")


def _tell(done: Chosen, asked: list[int], says: str) -> None:
    answer(says if done.changed else f"{says} already; nothing was changed")
    if done.queued_again:
        letters = "1 letter" if done.queued_again == 1 else f"{done.queued_again:,} letters"
        say(f"{letters} that could not be written for the wording: in the outbox again")
    if done.changed and asked:
        say(
            f"approvers are asked again, since their list was read with other words: rollout {', '.join(map(str, asked))}"
        )


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise WrongInput(f"{kind[:80]!r} is no kind of mail with a wording; there are {', '.join(KINDS)}")
    return kind


def _row(each: Standing) -> dict[str, Any]:
    whose = OWN if each.own else RECERTS
    return {"kind": each.kind, "language": each.language, "wording": whose, "by": each.by, "at": each.at}


def _files(folder: Path, kind: str) -> Iterator[tuple[str, Path]]:
    for part, ending in ENDINGS.items():
        yield part, folder / f"{kind}.{ending}"


def _read(folder: Path, kind: str) -> Wording:
    """Read the three files.

    Raises:
        FileRefused: one of them is missing, is no text, or is too large to be a wording.
    """
    parts = {}
    for part, path in _files(folder, kind):
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise FileRefused(f"{path} is too large for a wording")
            parts[part] = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            mend = f"recert mail wording show {kind} --write-to DIR writes all three"
            raise FileRefused(f"cannot read {path}: {error.strerror}; {mend}") from None
        except UnicodeDecodeError:
            raise FileRefused(f"{path} is no UTF-8 text; save it as UTF-8") from None
    return Wording(**parts)


def _write_out(folder: Path, kind: str, wording: Wording) -> None:
    """Write the three files, none over another that is there."""
    paths = dict(_files(folder, kind))
    there = [path for path in paths.values() if path.exists()]
    if there:
        raise WrongInput(f"{there[0]} is there already; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, path in paths.items():
            path.write_text(getattr(wording, part), encoding="utf-8")
    except OSError as error:
        raise WrongInput(f"cannot write to {folder}: {error.strerror}") from None
    for path in paths.values():
        say(f"written: {path}")
