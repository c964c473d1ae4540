"""The mail bench: create, render, send and record notices, beside floors measured in the same run.

    .venv/bin/python tests/bench/mail.py                           # what `make bench` runs
    .venv/bin/python tests/bench/mail.py --memory 10000,1000000    # the memory of the sending process, by size

Every figure comes from a process of its own. Rounds are interleaved (floor, ours, floor, ours …) and a ratio is the median
of the rounds' ratios, since the machine is noisy. The sink discards, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydantic import SecretStr
from sqlalchemy import insert, select

from config.settings import Settings
from models import ledger, lifecycle, schema
from models.database import Database
from models.outbox import occasion_token
from models.plan import plan_from
from models.tables import assignment, certification, course, learner, message, proposal, rollout_item, training_type
from models.words import MessageKind, MessageState, Outcome, StepSlug
from tasks.checklist import CHECKLIST
from tasks.deliver import deliver_mail
from tasks.letters import Letters
from tasks.notices import queue_notices
from tasks.proposing import case_of
from tasks.step import Chunk, mark_applied
from tasks.workbench import Workbench
from tests.bench import mail_floor
from tests.bench.sink import sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

TODAY = date(2026, 11, 23)
DUE_ON = date(2026, 12, 18)
PLAN = {"name": "bench", "training_types": ["conduct"], "recertify_on": TODAY, "align_on": TODAY}
PLAN["incomplete"] = {"new_due_on": DUE_ON}
ROWS = 10_000
GOAL_FLOOR, GOAL_NAIVE = 1.3, 10.0


def furnish(database: Database, learners: int) -> None:
    """So many learners with an open assignment, and an approved list that renews all of them, not yet applied."""
    schema.upgrade(database)
    with database.write() as connection:
        kind = connection.execute(insert(training_type).values(slug="conduct")).inserted_primary_key[0]
        facts = {"code": "C-1", "title": "Code of Conduct", "training_type_id": kind, "frequency_months": 12}
        taken = connection.execute(
            insert(course).values(**facts, link="https://lms.example.org/c1")
        ).inserted_primary_key[0]
        days = [(step.slug, TODAY) for step in CHECKLIST]
        now = Workbench(Settings(), database).now()
        rollout_id = lifecycle.start(connection, plan_from(PLAN), "bench", days, at=now, today=TODAY)
        step = ledger.steps(connection, rollout_id)[StepSlug.RECERTIFY_DUE]
        made = {"step_id": step.id, "round": 1, "proposed_on": TODAY, "proposed_at": now, "digest": "", "counts": {}}
        listed = connection.execute(insert(proposal).values(**made, facts={})).inserted_primary_key[0]
    for first in range(1, learners + 1, ROWS):
        with database.write() as connection:
            _people(connection, range(first, min(first + ROWS, learners + 1)), kind, taken, listed)


def _people(connection: Connection, keys: range, kind: int, taken: int, listed: int) -> None:
    """The learners of these ids, each with what belongs to them under the same id."""
    people = [
        {"id": key, "email": f"l{key}@example.com", "email_key": f"l{key}@example.com", "employee_id": f"E{key}",
         "first_name": "Zoë", "last_name": f"Learner {key}"}
        for key in keys
    ]  # fmt: skip
    held = [{"id": key, "learner_id": key, "training_type_id": kind, "cycle": 1, "course_id": taken} for key in keys]
    opened = [
        {"id": key, "certification_id": key, "cycle": 1, "course_id": taken, "assigned_on": TODAY, "due_on": DUE_ON}
        for key in keys
    ]
    renewed = [
        {"proposal_id": listed, "learner_id": key, "training_type_id": kind, "certification_id": key,
         "outcome": Outcome.RECERTIFY.value, "flags": 0, "due_after": DUE_ON, "assignment_id": key}
        for key in keys
    ]  # fmt: skip
    for table, rows in ((learner, people), (certification, held), (assignment, opened), (rollout_item, renewed)):
        connection.execute(insert(table), rows)


def bench_of(url: str, home: Path, port: int, connections: int) -> Workbench:
    """A workbench that sends to the sink."""
    smtp = SecretStr(f"smtp://127.0.0.1:{port}?tls=none")
    settings = Settings(home=home, database_url=SecretStr(url), smtp_url=smtp, mail_connections=connections)
    return Workbench(settings, Database(url))


def create(bench: Workbench) -> None:
    """Queue the notices as the fifth step does, and mark its lines applied."""
    with bench.database.read() as connection:
        top = connection.scalar(select(learner.c.id).order_by(learner.c.id.desc()).limit(1)) or 0
        listed = connection.scalars(select(proposal.c.id)).one()
    for above in range(0, top, 20_000):
        with bench.database.write() as connection:
            whole = ledger.load(connection, 1)
            chunk = Chunk(
                connection=connection,
                case=case_of(connection, whole, ledger.steps(connection, 1), TODAY),
                proposal_id=listed,
                above=above,
                upto=above + 20_000,
                at=bench.now(),
                actor="bench",
                occasion_token=occasion_token(bench.key, "bench"),
                mail_domain="example.org",
            )
            queue_notices(chunk, MessageKind.RECERTIFICATION, MessageState.QUEUED, [Outcome.RECERTIFY])
            mark_applied(chunk)


def ours(bench: Workbench) -> dict[str, float]:
    """Create and send everything; seconds of each."""
    began = time.perf_counter()
    create(bench)
    created = time.perf_counter()
    done = deliver_mail(bench, "bench")
    ended = time.perf_counter()
    assert done.trouble is None, done.trouble
    return {"create": created - began, "send": ended - created, "letters": done.sent}


def floor(bench: Workbench, port: int, connections: int) -> dict[str, float]:
    """The same by hand, with letters of the same size."""
    mail_floor.make_table(bench.database)
    form = mail_floor.skeleton(_one_letter(bench))
    began = time.perf_counter()
    mail_floor.create(bench.database)
    created = time.perf_counter()
    letters = mail_floor.send(bench.database, form, port, connections)
    return {"create": created - began, "send": time.perf_counter() - created, "letters": letters}


def naive(bench: Workbench, port: int, most: int) -> dict[str, float]:
    """The plain way, some of the letters."""
    mail_floor.make_table(bench.database)
    mail_floor.create(bench.database)
    began = time.perf_counter()
    letters = mail_floor.naive(bench.database, port, most)
    return {"create": 0.0, "send": time.perf_counter() - began, "letters": letters}


def _one_letter(bench: Workbench) -> bytes:
    """A letter as ours are, made from one notice that is taken back."""
    with bench.database.rehearse() as connection:
        made = {"kind": "recertification", "occasion": "form", "recipient": "learner:1", "learner_id": 1}
        made |= {"to_address": "l1@example.com", "state": "queued", "message_id": "<form@example.org>"}
        key = connection.execute(insert(message).values(**made, created_at=bench.now())).inserted_primary_key[0]
        from models.tables import message_line

        connection.execute(insert(message_line).values(message_id=key, assignment_id=1, due_on=DUE_ON))
        return Letters(bench).render(connection, [key])[0].data


def child(asked: argparse.Namespace) -> None:
    """Measure one thing in this process; what is measured is the sink's client alone."""
    home = Path(asked.home)
    bench = bench_of(asked.url, home, asked.port, asked.connections)
    before = resource.getrusage(resource.RUSAGE_SELF)
    if asked.way == "ours":
        figures = ours(bench)
    elif asked.way == "floor":
        figures = floor(bench, asked.port, asked.connections)
    else:
        figures = naive(bench, asked.port, asked.most)
    after = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures["memory_mb"] = after.ru_maxrss // 1024
    print(json.dumps(figures))


class Ground:
    """A furnished database that each measurement gets a fresh copy of."""

    def __init__(self, database: str, learners: int, home: Path) -> None:
        self.home, self.name = home, database
        if database == "postgresql":
            from tests.postgres import PostgresCluster

            self._cluster: Any = PostgresCluster(fsync=True)
            self._url = self._cluster.create_database()
        else:
            self._cluster = None
            self._url = f"sqlite:///{home}/template.db"
        made = Database(self._url)
        furnish(made, learners)
        made.dispose()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """A copy's URL."""
        if self._cluster is None:
            path = self.home / "copy.db"
            for left in [*self.home.glob("copy.db*"), *self.home.glob("last-sent.json")]:
                left.unlink()
            shutil.copy(self.home / "template.db", path)
            yield f"sqlite:///{path}"
            return
        url = self._cluster.create_database(self._url)
        yield url
        self._cluster.drop(url)

    def close(self) -> None:
        """Take the server down."""
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster.remove()

    def measure(self, way: str, connections: int = 10, delay_ms: float = 0, most: int = 0) -> dict[str, float]:
        """Measure one way in a process of its own against a sink of its own."""
        with self.fresh() as url, sink(delay_ms) as port:
            command = [
                sys.executable,
                __file__,
                "--way",
                way,
                "--url",
                url,
                "--home",
                str(self.home),
                "--port",
                str(port),
            ]
            command += ["--connections", str(connections), "--most", str(most)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(done.stdout))


def _per_letter(figures: dict[str, float]) -> float:
    """Microseconds from the first notice to the last record."""
    return (figures["create"] + figures["send"]) / figures["letters"] * 1e6


def beside_floors(database: str, learners: int, rounds: int) -> list[dict[str, Any]]:
    """Ours beside both floors."""
    with tempfile.TemporaryDirectory(prefix="recert-bench-") as home:
        ground = Ground(database, learners, Path(home))
        try:
            found: dict[str, list[dict[str, float]]] = {"floor": [], "ours": [], "naive": []}
            for _ in range(rounds):
                for way, seen in found.items():
                    seen.append(ground.measure(way, most=300))
        finally:
            ground.close()
    return _lines(database, learners, found)


def _lines(database: str, learners: int, found: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    micro = {way: [_per_letter(figures) for figures in seen] for way, seen in found.items()}
    over = statistics.median(own / low for own, low in zip(micro["ours"], micro["floor"], strict=True))
    under = statistics.median(high / own for own, high in zip(micro["ours"], micro["naive"], strict=True))
    cpu = statistics.median(
        (own["cpu"] / own["letters"]) / (low["cpu"] / low["letters"])
        for own, low in zip(found["ours"], found["floor"], strict=True)
    )
    each = {way: round(statistics.median(seen)) for way, seen in micro.items()}
    memory = max(figures["memory_mb"] for figures in found["ours"])
    print(f"\n{database}, {learners:,} notices created, rendered, sent and recorded over 10 connections")
    print(
        f"  floor {each['floor']} us a letter   ours {each['ours']} us   naive {each['naive']} us; peak {memory:.0f} MB"
    )
    print(
        f"  x {over:.2f} of the floor (goal {GOAL_FLOOR}), CPU x {cpu:.2f}; {under:.1f} times as fast as naive (goal {GOAL_NAIVE:.0f})"
    )
    common = {"database": database, "learners": learners}
    return [
        {"name": "mail beside the floor", **common, "ratio": round(over, 2), "goal": GOAL_FLOOR, "us_per_learner": each["ours"], "memory_mb": memory},
        {"name": "naive mail beside ours", **common, "ratio": round(under, 1), "goal": GOAL_NAIVE, "us_per_learner": each["naive"]},
    ]  # fmt: skip


def by_latency(database: str, letters: int) -> list[dict[str, Any]]:
    """Letters a second where each reply takes 5 ms."""
    found = []
    with tempfile.TemporaryDirectory(prefix="recert-bench-") as home:
        ground = Ground(database, letters, Path(home))
        try:
            print(f"\n{database}, 5 ms before each reply")
            for connections in (1, 10, 20, 50):
                figures = ground.measure("ours", connections, delay_ms=5)
                rate = round(figures["letters"] / figures["send"])
                print(f"  {connections:>3} connections: {rate:>6,} letters a second")
                found.append({"name": f"mail at 5 ms, {connections} connections", "database": database,
                              "learners": letters, "letters_per_second": rate})  # fmt: skip
        finally:
            ground.close()
    return found


def by_size(database: str, sizes: list[int]) -> list[dict[str, Any]]:
    """The memory of the sending process and the time of a letter, by the number of letters."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="recert-bench-") as home:
            ground = Ground(database, size, Path(home))
            try:
                figures = ground.measure("ours")
            finally:
                ground.close()
        each = round(_per_letter(figures))
        print(
            f"  {database}, {size:,} letters: {each} us a letter, peak memory {figures['memory_mb']:.0f} MB", flush=True
        )
        found.append({"name": "mail by size", "database": database, "learners": size, "us_per_learner": each,
                      "memory_mb": figures["memory_mb"]})  # fmt: skip
    return found


def main() -> None:
    """Measure what is asked for, print tables, and keep the lines where told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--learners", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", help="sizes, with commas: measure memory alone")
    parser.add_argument("--json", type=Path, help="where to write the lines")
    for name in ("--way", "--url", "--home"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--port", "--connections", "--most"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        child(asked)
        return
    found: list[dict[str, Any]] = []
    for database in asked.databases.split(","):
        if asked.memory:
            found += by_size(database, [int(size) for size in asked.memory.split(",")])
        else:
            found += beside_floors(database, asked.learners, asked.rounds) + by_latency(database, 2_000)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
