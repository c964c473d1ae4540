"""First figures, not yet goals: microseconds per certification to propose and apply each step, and peak memory.

    make bench                                   # 10,000 and 100,000 learners, SQLite and PostgreSQL
    .venv/bin/python tests/bench/run.py --learners 10000 --databases sqlite

Each size and database is measured in a process of its own, so that its peak memory is its own. The machine is shared
and noisy: read the figures as sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import func, select

from config.settings import Settings
from models import ledger, lifecycle, schema
from models.database import Database
from models.plan import plan_from
from models.tables import certification, training_type
from tasks.applying import CHUNK_ROWS, Pass, apply_chunk, chunk_end
from tasks.checklist import CHECKLIST
from tasks.import_files import import_courses, import_history, import_learners
from tasks.proposing import write_proposal
from tasks.sample_organisation import write_sample
from tasks.step import Step
from tasks.workbench import Workbench

T = TypeVar("T")
TODAY = date(2026, 11, 23)
PLAN = {"name": "bench", "recertify_on": TODAY, "align_on": TODAY, "incomplete": {"new_due_on": date(2026, 12, 18)}}


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what *act* returned."""
    began = time.perf_counter()
    done = act()
    return time.perf_counter() - began, done


def measure(url: str, learners: int, home: Path) -> dict[str, Any]:
    """Import a sample of so many learners and carry a whole rollout out, without mail; return the figures."""
    bench = Workbench(Settings(home=home, database_url=url, today=TODAY), Database(url))
    schema.upgrade(bench.database)
    write_sample(home / "sample", learners=learners, today=TODAY)
    imports = {"courses": import_courses, "learners": import_learners, "history": import_history}
    figures: dict[str, Any] = {"learners": learners, "database": bench.database.url.get_backend_name(), "steps": {}}
    for kind, read in imports.items():
        seconds, report = timed(lambda kind=kind, read=read: read(bench, home / "sample" / f"{kind}.csv"))
        figures[f"import_{kind}_us_per_row"] = round(seconds * 1e6 / max(report.read, 1), 2)
    with bench.database.write() as connection:
        types = list(connection.scalars(select(training_type.c.slug)))
        plan = plan_from({**PLAN, "training_types": types})
        days = [(step.slug, TODAY) for step in CHECKLIST]
        rollout_id = lifecycle.start(connection, plan, "bench", days, at=bench.now(), today=TODAY)
        figures["certifications"] = connection.execute(select(func.count()).select_from(certification)).scalar_one()
    for step in CHECKLIST:
        figures["steps"][step.slug.value] = _step(bench, rollout_id, step)
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def _step(bench: Workbench, rollout_id: int, step: Step) -> dict[str, float]:
    with bench.database.write() as connection:
        rollout = ledger.load(connection, rollout_id)
        proposing, proposal = timed(lambda: write_proposal(connection, bench, rollout, step, TODAY))
    lines = sum(proposal.counts.values())
    whole = Pass(bench, rollout, step, proposal.id, rollout.epoch, TODAY)
    applying, applied = timed(lambda: _apply(bench, whole))
    return {
        "lines": lines,
        "propose_us_per_line": round(proposing * 1e6 / max(lines, 1), 2),
        "applied": applied,
        "apply_us_per_item": round(applying * 1e6 / max(applied, 1), 2),
    }


def _apply(bench: Workbench, whole: Pass) -> int:
    above, applied = 0, 0
    while whole.step.apply is not None:
        with bench.database.write() as connection:
            upto = chunk_end(connection, whole.proposal_id, above, CHUNK_ROWS)
            if upto is None:
                break
            applied += apply_chunk(connection, whole, above, upto, rehearsal=True)
        above = upto
    return applied


def in_a_process(database: str, learners: int) -> dict[str, Any]:
    """Measure in a child, so that memory is this size's alone."""
    from tests.postgres import PostgresCluster

    with tempfile.TemporaryDirectory(prefix="recert-bench-") as home:
        cluster = PostgresCluster(fsync=True) if database == "postgresql" else None
        try:
            url = cluster.create_database() if cluster else f"sqlite:///{home}/recert.db"
            command = [sys.executable, __file__, "--url", url, "--home", home, "--learners", str(learners)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return dict(json.loads(done.stdout))
        finally:
            if cluster is not None:
                cluster.stop()
                cluster.remove()


def show(figures: dict[str, Any]) -> None:
    """One size on one database, as a table."""
    print(f"\n{figures['database']}, {figures['learners']:,} learners, {figures['certifications']:,} certifications")
    print(
        f"  import: learners {figures['import_learners_us_per_row']} us a row, "
        f"history {figures['import_history_us_per_row']} us a row; peak memory {figures['peak_memory_mb']} MB"
    )
    for slug, step in figures["steps"].items():
        print(
            f"  {slug:36} propose {step['propose_us_per_line']:>7} us a line   "
            f"apply {step['apply_us_per_item']:>7} us an item ({step['applied']:,})"
        )


def main() -> None:
    """Measure every size on every database asked for, and keep the figures in bench.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", default="10000,100000")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.url:
        print(json.dumps(measure(asked.url, int(asked.learners), asked.home)))
        return
    found = []
    for database in asked.databases.split(","):
        for size in asked.learners.split(","):
            found.append(in_a_process(database, int(size)))
            show(found[-1])
    Path("bench.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
