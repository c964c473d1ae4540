"""The import bench: learners and history with every check, beside a bare loop that stores the same rows.

    .venv/bin/python tests/bench/imports.py                       # 10,000 and 100,000 learners, what `make bench` runs
    .venv/bin/python tests/bench/imports.py --learners 1000000 --rounds 1

Both read the same files into a copy of the same database, in turn. A ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydantic import SecretStr
from sqlalchemy import func, select

from config.settings import Settings
from models import schema
from models.database import Database
from models.tables import assignment, certification, learner
from tasks.import_files import import_courses, import_history, import_learners
from tasks.sample_organisation import write_sample
from tasks.workbench import Workbench
from tests.bench import imports_floor
from tests.bench.ground import Ground, Servant, Spent, beside, each, ground, keep, rounds_of, serve, timed
from tests.bench.organisation import TODAY

GOALS = {"sqlite": 2.2, "postgresql": 1.7}
GOAL_MEMORY_MB = 300
KINDS = ("learners", "history")


def bench_of(url: str, home: Path) -> Workbench:
    """A workbench of that day."""
    return Workbench(Settings(home=home, database_url=SecretStr(url), today=TODAY), Database(url))


class Ours:
    """Files imported as the product imports them; ``sample`` lies in its home."""

    def __init__(self, url: str, home: str) -> None:
        self._bench, self._home = bench_of(url, Path(home)), Path(home)

    def learners(self) -> dict[str, Any]:
        """Import the learners."""
        spent, report = timed(
            lambda: import_learners(self._bench, self._home / "sample" / "learners.csv"), self._bench.database
        )
        return {"spent": spent, "rows": report.created, "refused": len(report.rejected)}

    def history(self) -> dict[str, Any]:
        """Import what they were assigned and completed."""
        spent, report = timed(
            lambda: import_history(self._bench, self._home / "sample" / "history.csv"), self._bench.database
        )
        return {"spent": spent, "rows": report.created, "refused": len(report.rejected)}


class Floor:
    """The same files in a bare loop."""

    def __init__(self, url: str, home: str) -> None:
        self._database, self._home = Database(url), Path(home)

    def learners(self) -> dict[str, Any]:
        """Store the learners."""
        path = self._home / "sample" / "learners.csv"
        spent, rows = timed(lambda: imports_floor.learners(self._database, path), self._database)
        return {"spent": spent, "rows": rows}

    def history(self) -> dict[str, Any]:
        """Store what they were assigned and completed."""
        path = self._home / "sample" / "history.csv"
        spent, rows = timed(lambda: imports_floor.history(self._database, path), self._database)
        return {"spent": spent, "rows": rows}


def stored(url: str) -> list[int]:
    """How many rows there are, and the sum of what they say: of both ways the same."""
    database = Database(url)
    sums = [
        select(func.count(), func.count(learner.c.email), func.count(learner.c.archived_at)),
        select(func.count(), func.sum(certification.c.cycle), func.count(certification.c.completed_on)),
        select(func.count(), func.sum(assignment.c.progress), func.count(assignment.c.completed_on)),
    ]
    with database.read() as connection:
        found = [int(number or 0) for each in sums for number in connection.execute(each).one()]
    database.dispose()
    return found


def one_round(place: Ground, *, turned: bool) -> dict[str, list[dict[str, Any]]]:
    """Both files by both ways in turn: kind → figures of ours and of the floor's."""
    with place.fresh() as ours, place.fresh() as floor:
        home = str(place.home)
        with Servant(__file__, "ours", ours, home) as first, Servant(__file__, "floor", floor, home) as second:
            order = [second, first] if turned else [first, second]
            answers = {kind: {way: way.do(kind) for way in order} for kind in KINDS}
            taken = {kind: [both[first], both[second]] for kind, both in answers.items()}
        for_ours, for_floor = stored(ours), stored(floor)
    assert for_ours == for_floor, f"the floor did something else: {for_ours} {for_floor}"
    return taken


def measure(database: str, learners: int, rounds: int) -> list[dict[str, Any]]:
    """One size on one database; the lines to keep."""
    with ground(database, schema.upgrade) as place:
        write_sample(place.home / "sample", learners=learners, today=TODAY)
        bench = bench_of(place.url, place.home)
        import_courses(bench, place.home / "sample" / "courses.csv")
        bench.database.dispose()
        taken = [one_round(place, turned=bool(number % 2)) for number in range(rounds)]
    print(f"\n{database}, {learners:,} learners: files imported beside a bare loop")
    lines = []
    for kind in KINDS:
        ours, floor = ([Spent(*figures[kind][way]["spent"]) for figures in taken] for way in (0, 1))
        figures: dict[str, Any] = {**beside(ours, floor), **each(ours, learners)}
        rows, memory = taken[0][kind][0]["rows"], max(figures[kind][0]["memory_mb"] for figures in taken)
        figures |= {"us_per_row": round(figures["us_per_learner"] * learners / rows, 2), "memory_mb": memory}
        print(f"  import {kind:9} {figures['us_per_row']:6.2f} us a row   x {figures['ratio']:.2f}, "
              f"processor x {figures['cpu_ratio']:.2f} (goal {GOALS[database]})   {rows:,} rows, {memory} MB")  # fmt: skip
        lines.append({"name": f"import {kind}", "database": database, "learners": learners, "goal": GOALS[database],
                      **figures, "memory_goal_mb": GOAL_MEMORY_MB})  # fmt: skip
    return lines


def main() -> None:
    """Measure every size on every database asked for, print tables, and keep the lines where told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--learners", default="10000,100000")
    parser.add_argument("--rounds", type=int, help="3 for small organisations, 1 from 100,000 learners on")
    parser.add_argument("--json", type=Path, help="where to keep the lines, beside those of other sizes")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        which, url, home = asked.serve
        servant: Any = {"ours": Ours, "floor": Floor}[which](url, home)
        serve({kind: getattr(servant, kind) for kind in KINDS})
        return
    lines: list[dict[str, Any]] = []
    for database in asked.databases.split(","):
        for size in map(int, asked.learners.split(",")):
            lines += measure(database, size, asked.rounds or rounds_of(size))
            keep(asked.json, lines)


if __name__ == "__main__":
    main()
