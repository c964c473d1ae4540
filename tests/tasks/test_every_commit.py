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
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import models.database
from models import audit, ledger
from models.errors import GateClosed
from models.tables import message, rollout
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

    from config.settings import MailServer
    from tests.postgres import PostgresCluster

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
    """Databases to crash in: a furnished one, and fresh copies of it."""

    def __init__(self, folder: Path, cluster: PostgresCluster | None) -> None:
        self.folder, self.cluster, self.numbers = folder, cluster, count(1)
        self.template = cluster.create_database() if cluster else f"sqlite:///{folder / 'template.db'}"
        bench = a_bench(self.template, folder)
        with bench.database.write() as connection:
            some_users(connection)
            ten_learners(connection)
        assert bench.key
        bench.database.dispose()

    def copy(self) -> str:
        if self.cluster:
            return self.cluster.create_database(template=self.template)
        path = self.folder / f"copy-{next(self.numbers)}.db"
        shutil.copy(self.folder / "template.db", path)
        return f"sqlite:///{path}"

    def clear(self, url: str) -> None:
        if self.cluster:
            self.cluster.drop(url)
            return
        for left in self.folder.glob(url.rpartition("/")[2] + "*"):
            left.unlink()

    def bench(self, url: str, post: MailServer) -> Workbench:
        return a_bench(url, self.folder, post, migrated=True)


def forked(act: Callable[[], Any], answer: Path) -> int:
    """Do *act* in a process of its own; what it returns, or why it did not, is pickled into *answer*."""
    if pid := os.fork():
        return pid
    gc.disable()  # a short life; and looking through what the parent holds would copy all of it
    try:
        answer.write_bytes(pickle.dumps(act()))
        os._exit(0)
    except BaseException:
        answer.write_bytes(pickle.dumps(traceback.format_exc()))
        os._exit(1)


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


def crash(house: House, post: FaultServer, number: int, moment: str, whole: Seen) -> Generator[int, int, None]:
    """Run, die, go on, compare. Yields each process to wait for, and is sent how it ended."""
    where = f"commit {number}, {moment}"
    url, answer = house.copy(), house.folder / f"{number}-{moment}.pickle"
    post.kept.clear()

    def run_and_die() -> None:
        die_at(number, moment)
        live(house.bench(url, post.address))

    def go_on() -> tuple[set[str], Seen]:
        bench = house.bench(url, post.address)
        with bench.database.read() as connection:
            marked = message.c.state == MessageState.SENDING.value
            sending = set(connection.scalars(select(message.c.message_id).where(marked)))
        live(bench)
        return sending, look(bench)

    ended = yield forked(run_and_die, answer)
    assert ended in (KILLED, 0), f"{where}: {pickle.loads(answer.read_bytes())}"
    ended = yield forked(go_on, answer)
    found = pickle.loads(answer.read_bytes())
    assert ended == 0, f"{where}: {found}"
    compare(where, *found, whole)
    compare_post(where, found[1], post)
    house.clear(url)


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


def side_by_side(experiments: Iterator[Callable[[FaultServer], Generator[int, int, None]]]) -> None:
    """Carry the experiments out, two at a time, each with a mail server of its own."""
    free, busy = [FaultServer() for _ in range(SIDE_BY_SIDE)], {}
    for server in free:
        server.__enter__()
    try:
        while True:
            while free and (experiment := next(experiments, None)) is not None:
                server = free.pop()
                made = experiment(server)
                busy[next(made)] = made, server
            if not busy:
                return
            for pid in list(busy):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended:
                    continue
                made, server = busy.pop(pid)
                try:
                    busy[made.send(os.waitstatus_to_exitcode(status))] = made, server
                except StopIteration:
                    free.append(server)
            time.sleep(0.002)
    finally:
        for pid in busy:
            os.waitpid(pid, 0)
        for server in [*free, *(server for _, server in busy.values())]:
            server.__exit__()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_crash_at_any_commit_changes_nothing_in_the_end(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    house = House(tmp_path, request.getfixturevalue("postgres_cluster") if kind == "postgresql" else None)
    with FaultServer() as post:
        bench = house.bench(house.copy(), post.address)
        points = crash_points(lambda: live(bench), post)
        whole = look(bench)
        bench.database.dispose()
        compare_post("undisturbed", whole, post)
    assert not whole.flagged
    print(len(points), points[-1])
    assert len(points) > 50
    side_by_side(
        lambda post, at=at: crash(house, post, *at, whole)  # type: ignore[misc]
        for at in points
    )
