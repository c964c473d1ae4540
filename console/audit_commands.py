"""``recert audit``: what was done, by whom, and that nobody touched the record since."""

from __future__ import annotations

import json as json_
from contextlib import closing
from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter, validators

from console.bench import opened_bench
from console.output import answer, complain, write_json, write_json_array, write_table
from models.audit import entries, head, verify
from models.errors import Refused

app = App(name="audit", help="Read the audit, and prove it unbroken.")


@app.command(name="list")
def list_(
    *,
    actor: str | None = None,
    act: str | None = None,
    subject: str | None = None,
    last: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    json: bool = False,
) -> None:
    """List the acts, oldest first.

    Args:
        actor: Only what this person did.
        act: Only this kind, e.g. import-learners.
        subject: Only what was done to this, e.g. rollout:3.
        last: Only so many of the newest.
        json: One JSON array.
    """
    with (
        opened_bench() as bench,
        bench.database.read() as connection,
        closing(entries(connection, actor=actor, act=act, subject=subject, last=last)) as found,
    ):
        acts = map(asdict, found)
        if json:
            write_json_array(acts)
        else:
            shown = ({**row, "detail": json_.dumps(row["detail"], ensure_ascii=False)} for row in acts)
            write_table(("seq", "at", "actor", "act", "subject", "detail"), shown)


@app.command(name="verify")
def verify_(*, json: bool = False) -> int:
    """Follow the chain of hashes from the first act to the last; the first row that does not hold ends it with 3.

    Args:
        json: One JSON document: ok, acts, head, and the row that is broken.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        broken, (acts, newest) = verify(connection), head(connection)
    if json:
        found = {"seq": broken.seq, "why": broken.why} if broken else None
        write_json({"ok": broken is None, "acts": acts, "head": newest, "broken": found})
    elif broken is None:
        answer(f"{acts} acts, unbroken; head {newest}")
    if broken is None:
        return 0
    complain(f"the audit is broken at row {broken.seq}: {broken.why}; compare it with a backup")
    return Refused.exit_code
