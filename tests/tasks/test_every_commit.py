"""A rollout is stopped dead before and after every single commit; each time it ends as if nothing had happened.

The process is really ended (``os._exit``) at the k-th commit, for every k, and another one goes on from the database
alone. The post is a real mail server in the test's own process, which outlives them all.
"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from models import audit, ledger
from models.database import Database
from models.errors import GateClosed
from models.tables import message, metadata, rollout
from models.words import MessageState
from tasks.deliver import deliver_mail
from tasks.review import AnswerRefused
from tasks.workbench import Workbench
from tests.canonical import facts
from tests.crashes import KILLED, Experiment, crash_points, die_at, forked, read, side_by_side
from tests.mail.fault_server import FaultServer
from tests.world import (
    APPROVER,
    PlainConductor,
    a_bench,
    approve,
    gate_of,
    one_pass,
    rollout_state,
    some_users,
    started,
    ten_learners,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection


SIDE_BY_SIDE = 2


class Tomorrow(Workbench):
    """A workbench whose instants are a day later: what was left claimed has been abandoned, what waits is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


@dataclass
class Seen:
    """What is left in the end."""

    facts: dict[str, Counter[tuple[Any, ...]]]
    flagged: set[str]
    message_ids: dict[str, str]
    audit_holds: bool


def live(bench: Workbench) -> None:
    """Start the rollout if it is not there, and go on to its end, the approver answering whatever is open."""
    with bench.database.read() as connection:
        rollout_id = connection.execute(select(rollout.c.id)).scalar()
    if rollout_id is None:
        rollout_id = started(bench, restore_automatic=False, next_course={"C-1": "C-2"})
    conductor = PlainConductor()
    for _ in range(20):
        with bench.database.read() as connection:
            if not ledger.load(connection, rollout_id).is_alive:
                return
        conductor.keys.clear()
        if one_pass(bench, rollout_id, conductor) is None and gate_of(bench, rollout_id) is not None:
            try:
                approve(bench, rollout_id, APPROVER, exclude=("E9",) if conductor.keys[-1].startswith("recert") else ())
            except (AnswerRefused, GateClosed):
                continue
    raise AssertionError(f"the rollout does not come to its end: {rollout_state(bench, rollout_id)}")


def look(bench: Workbench) -> Seen:
    """Send what is left, then read everything."""
    later = Tomorrow(bench.settings, bench.database)
    deliver_mail(later, "upkeep")
    with bench.database.read() as connection:
        rows = connection.execute(select(message)).all()
        return Seen(
            facts(connection),
            {row.message_id for row in rows if row.flagged},
            {row.message_id: row.state for row in rows},
            audit.verify(connection) is None,
        )


class House:
    """A furnished database to crash in, a post that outlives the crashes, and a workbench that children inherit.

    Its statements are compiled before anybody is forked; no connection is open then.
    """

    def __init__(self, folder: Path, url: str, post: FaultServer) -> None:
        self.folder, self.post = folder, post
        made = a_bench(url, folder, post.address)
        # a process may die, the machine does not: nobody need wait for the disk
        self.bench = replace(made, database=Database(url, durable=False))
        made.database.dispose()
        with self.bench.database.write() as connection:
            some_users(connection)
            ten_learners(connection)
            if not self.bench.database.is_sqlite:
                _keep_aside(connection)
        self.bench.database.dispose()
        if self.bench.database.is_sqlite:
            shutil.copy(folder / "recert.db", folder / "furnished.db")

    def tidy(self) -> None:
        """Let everything be as it was furnished; the home forgets what left, or it would notice a restore."""
        (self.folder / "last-sent.json").unlink(missing_ok=True)
        if self.bench.database.is_sqlite:
            for left in self.folder.glob("recert.db*"):
                left.unlink()
            shutil.copy(self.folder / "furnished.db", self.folder / "recert.db")
        else:
            with self.bench.database.write() as connection:
                _put_back(connection)

    def undisturbed(self) -> tuple[list[tuple[int, str]], Seen]:
        """Live once without a crash; return where one could happen, and what is left in the end."""
        points = crash_points(lambda: live(self.bench), self.post)
        left = look(self.bench)
        self.bench.database.dispose()
        return points, left


def _keep_aside(connection: Connection) -> None:
    connection.execute(text("CREATE SCHEMA furnished"))
    for table in metadata.sorted_tables:
        connection.execute(text(f"CREATE TABLE furnished.{table.name} AS TABLE public.{table.name}"))


def _put_back(connection: Connection) -> None:
    orders = ["SET LOCAL session_replication_role = replica"]  # neither references nor guards
    for table in metadata.sorted_tables:
        orders.append(f"DELETE FROM public.{table.name}")  # noqa: S608 - our own names
        orders.append(f"INSERT INTO public.{table.name} SELECT * FROM furnished.{table.name}")  # noqa: S608 - as above
    connection.exec_driver_sql(";".join(orders))


def crash(house: House, point: tuple[int, str], whole: Seen) -> Experiment:
    """Run, die, go on, compare. Yields each process to wait for, and is sent how it ended."""
    where, answer = f"commit {point[0]}, {point[1]}", house.folder / "answer.pickle"
    house.post.kept.clear()

    def run_and_die() -> None:
        house.tidy()
        die_at(*point)
        live(house.bench)

    def go_on() -> tuple[set[str], Seen]:
        with house.bench.database.read() as connection:
            marked = message.c.state == MessageState.SENDING.value
            sending = set(connection.scalars(select(message.c.message_id).where(marked)))
        live(house.bench)
        return sending, look(house.bench)

    ended = yield forked(run_and_die, answer)
    assert ended in (KILLED, 0), f"{where}: {read(answer)}"
    ended = yield forked(go_on, answer)
    found = read(answer)
    assert ended == 0, f"{where}: {found}"
    compare(where, *found, whole)
    compare_post(where, found[1], house.post)


def compare(where: str, sending: set[str], left: Seen, whole: Seen) -> None:
    for table, expected in whole.facts.items():
        missing, surplus = expected - left.facts[table], left.facts[table] - expected
        assert not missing, f"{where}: {table} lacks {missing} and has {surplus}"
        assert not surplus, f"{where}: {table} has too much: {surplus}"
    assert left.audit_holds, where
    assert left.flagged <= sending, f"{where}: flagged without having been under way: {left.flagged - sending}"


def compare_post(where: str, left: Seen, post: FaultServer) -> None:
    """Nothing is called sent that did not arrive; only what is flagged arrived twice."""
    arrived = Counter(
        next(line for line in kept.data.decode().splitlines() if line.startswith("Message-ID:")).split()[1]
        for kept in post.kept
    )
    for message_id, state in left.message_ids.items():
        assert state == MessageState.SENT.value, f"{where}: {message_id} is {state}"
        assert arrived[message_id] >= 1, f"{where}: {message_id} never arrived"
        assert arrived[message_id] == 1 or message_id in left.flagged, f"{where}: {message_id} came twice unflagged"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_crash_at_any_commit_changes_nothing_in_the_end(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cluster = request.getfixturevalue("postgres_cluster") if kind == "postgresql" else None
    with ExitStack() as posts:
        houses = []
        for number in range(SIDE_BY_SIDE):
            folder = tmp_path / str(number)
            url = cluster.create_database() if cluster else f"sqlite:///{folder / 'recert.db'}"
            houses.append(House(folder, url, posts.enter_context(FaultServer())))
        undisturbed = [house.undisturbed() for house in houses]
        points, whole = undisturbed[0]
        compare("undisturbed", set(), undisturbed[1][1], whole)
        compare_post("undisturbed", whole, houses[0].post)
        assert not whole.flagged
        assert len(points) > 50
        side_by_side(houses, (partial(crash, point=point, whole=whole) for point in points))
    for house in houses:
        house.bench.database.dispose()
        if cluster:
            cluster.drop(house.bench.database.url.render_as_string(hide_password=False))
