"""``recert mail uncertain``, ``resolve`` and ``history``: who was told what, and what nobody knows yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

from cyclopts import Parameter

from console.bench import actor, opened_bench
from console.output import answer, say, write_csv, write_json_array, write_table
from console.parameters import Format, Key
from models import ledger
from models.errors import WrongInput
from models.words import Role
from tasks.mail_lists import HISTORY, history, uncertain
from tasks.resolving import Resolution
from tasks.resolving import resolve as settle

UNCERTAIN = ("id", "kind", "to", "attempts", "rollout", "next", "last_reply")
SHOWN = ("mail", "at", "what", "kind", "to", "server", "reply", "by")
MEND = "take each for what you found out: recert mail resolve ID… --as sent|resend|drop"


def uncertain_(*, rollout: Key | None = None, json: bool = False) -> None:
    """List the mail of which nobody knows whether it arrived, and what happens to it next.

    Args:
        rollout: Only one rollout's mail.
        json: One JSON array, complete.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        if rollout is not None:
            ledger.load(connection, rollout)
        rows = uncertain(connection, rollout)
        if json:
            write_json_array(rows)
            return
        waiting = _Waiting(rows)
        write_table(UNCERTAIN, waiting.lines())
    answer(f"{waiting.number:,} uncertain, {waiting.for_a_person:,} of them wait for a person")
    if waiting.for_a_person:
        say(MEND)


class _Waiting:
    """Counts the lines while they are written."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._rows = rows
        self.number = 0
        self.for_a_person = 0

    def lines(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self.number += 1
            at = row["next_try_at"]
            self.for_a_person += at is None
            yield {**row, "next": f"again at {at:%Y-%m-%d %H:%M} UTC" if at else "waits for a person"}


def resolve(
    *mails: Key,
    as_: Annotated[Resolution, Parameter(name="--as")],
    by: Annotated[str | None, Parameter(name="--by")] = None,
) -> None:
    """Say of uncertain mail what became of it: all of these mails, or none.

    Args:
        mails: Their numbers, as in `recert mail uncertain`.
        as_: sent: it has arrived. resend: send it again, with the same Message-ID (also for failed mail). drop: never send it.
        by: The operator who decides; without it, whoever is at the shell.
    """
    if not mails:
        raise WrongInput("name the mails by their numbers, as in: recert mail uncertain")
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, by, Role.OPERATOR)
        done = settle(connection, mails, as_, actor=who, at=bench.now())
    past = {Resolution.SENT: "taken for sent", Resolution.RESEND: "queued again", Resolution.DROP: "dropped"}[as_]
    answer(f"{done:,} {'mail' if done == 1 else 'mails'} {past}")


def history_(
    *,
    mail: Key | None = None,
    rollout: Key | None = None,
    format: Format = "table",  # noqa: A002 - the option's name
) -> None:
    """Tell what became of each mail, try by try: when, which server, what it answered, who decided.

    Args:
        mail: Only one mail.
        rollout: Only one rollout's mail.
        format: A table for people, or everything as CSV or as one JSON array.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        if rollout is not None:
            ledger.load(connection, rollout)
        with closing(history(connection, mail=mail, rollout_id=rollout)) as rows:  # type: ignore[type-var]  # a generator
            if format == "json":
                write_json_array(rows)
            elif format == "csv":
                write_csv(HISTORY, rows)
            else:
                write_table(SHOWN, rows)
