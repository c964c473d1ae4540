"""``recert doctor --data``: the invariants over the whole database, each broken row named, mended where that is safe."""

from __future__ import annotations

from collections.abc import Iterator

from console.findings import Finding, Level
from models import audit, invariants
from models.invariants import Broken
from tasks.workbench import Workbench

ACTOR = "recert doctor"
# So many rows are named on the line itself; --json names a thousand.
NAMED = 3
MEND = "recert doctor --data --mend"
BY_HAND = "restore the backup that still has it right, or ask whoever wrote to the database"


def of_the_data(bench: Workbench, *, mend: bool = False) -> Iterator[tuple[Finding, list[tuple[str, str]]]]:
    """Look at every invariant; yield its finding with the rows that break it, at most a thousand.

    Args:
        bench: settings, clock and database.
        mend: set right what can be set right safely first, each as an act of its own in the audit.
    """
    if mend:
        _mend(bench)
    with bench.database.read() as connection:
        for broken in invariants.check(connection):
            yield _finding(broken), broken.rows


def _mend(bench: Workbench) -> None:
    with bench.database.write() as connection:
        wrong = [found for found in invariants.check(connection) if found.number and found.invariant.mend is not None]
        for found in wrong:
            mended = found.invariant.mend(connection, bench.now()) if found.invariant.mend else 0
            detail = {"mended": mended, "rows": [row for row, _ in found.rows]}
            audit.record(
                connection, at=bench.now(), actor=ACTOR, act="mend", subject=found.invariant.name, detail=detail
            )


def _finding(broken: Broken) -> Finding:
    rule = broken.invariant
    if not broken.number:
        return Finding(f"data: {rule.name}", Level.OK, rule.says)
    named = "; ".join(f"{row} {why}" for row, why in broken.rows[:NAMED])
    more = f"; and {broken.number - NAMED:,} more" if broken.number > NAMED else ""
    says = f"broken by {broken.number:,}: {rule.says}. {named}{more}"
    return Finding(f"data: {rule.name}", Level.WRONG, says, MEND if rule.mend else BY_HAND)
