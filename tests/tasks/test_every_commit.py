"""A rollout is stopped dead before and after every single commit; each time it ends as if nothing had happened.

The process is really ended (``os._exit``) at the k-th commit, for every k, and another one goes on from the database
alone. The post is a real mail server in the test's own process, which outlives them all.
"""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import threading
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

import models.database
from models import audit, ledger
from models.database import Database
from models.errors import GateClosed
from models.tables import message, metadata, rollout
from models.words import MessageState
from tasks.deliver import deliver_mail
from tasks.review import AnswerRefused
from tasks.workbench import Workbench
from tests.canonical import facts
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
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection


SIDE_BY_SIDE = 2
KILLED = 137


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
        """Let everything be as it was furnished."""
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


def forked(act: Callable[[], Any], answer: Path) -> int:
    """Do *act* in a process of its own; what it returns, or why it did not, is pickled into *answer*."""
    if pid := os.fork():
        return pid
    gc.disable()  # a short life; and looking through what the parent holds would copy all of it
    try:
        answer.write_bytes(pickle.dumps(act()))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent tells
        answer.write_bytes(pickle.dumps(traceback.format_exc()))
        os._exit(1)


def read(answer: Path) -> Any:
    return pickle.loads(answer.read_bytes())  # noqa: S301 - our own child wrote it


def die_at(number: int, moment: str) -> None:
    """Let this process end at its commit of this *number*: nothing is said, nothing is tidied up."""
    seen, busy = {"before": count(1), "after": count(1)}, threading.Lock()  # the outbox commits in other threads

    def at_commit(now: str) -> None:
        with busy:
            if next(seen[now]) == number and now == moment:
                os._exit(KILLED)

    models.database.at_commit = at_commit


def crash_points(act: Callable[[], None], post: FaultServer) -> list[tuple[int, str]]:
    """Do *act*, and return every moment beside one of its commits at which a crash leaves something of its own.

    To die before a commit is to die after the one before it, unless the post has heard from us in between.
    """
    seen: list[tuple[str, int]] = []
    inert = models.database.at_commit
    models.database.at_commit = lambda moment: seen.append((moment, len(post.commands)))
    try:
        act()
    finally:
        models.database.at_commit = inert
    points, heard, number = [], 0, 0
    for moment, commands in seen:
        number += moment == "before"
        if moment == "after" or commands != heard:
            points.append((number, moment))
        heard = commands
    return points


def crash(house: House, point: tuple[int, str], whole: Seen) -> Generator[int, int, None]:
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


def side_by_side(houses: list[House], experiments: Iterator[Callable[[House], Generator[int, int, None]]]) -> None:
    """Carry the experiments out, as many at a time as there are houses."""
    free: list[House] = list(houses)
    busy: dict[int, tuple[Generator[int, int, None], House]] = {}
    try:
        while True:
            while free and (experiment := next(experiments, None)) is not None:
                house = free.pop()
                made = experiment(house)
                busy[next(made)] = made, house
            if not busy:
                return
            for pid in list(busy):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    made, house = busy.pop(pid)
                    try:
                        busy[made.send(os.waitstatus_to_exitcode(status))] = made, house
                    except StopIteration:
                        free.append(house)
            time.sleep(0.002)
    finally:
        for pid in busy:
            os.waitpid(pid, 0)


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
