"""One rollout's whole life without Prefect, and what must be left of it: for tests that kill it on the way."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from models import audit, ledger
from models.database import Database
from models.errors import GateClosed
from models.tables import hold, message, metadata, review, rollout
from models.words import ALIVE, MessageState
from tasks.applying import apply_step
from tasks.deliver import deliver_mail
from tasks.recording import MOST_COPIES
from tasks.review import AnswerRefused
from tasks.workbench import Workbench
from tests.canonical import facts
from tests.crashes import KILLED, Point, crash_points, die_at, ended
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
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.mail.fault_server import FaultServer, Kept


class Tomorrow(Workbench):
    """A workbench whose instants are a day later: what was left claimed has been abandoned, what waits is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


@dataclass
class Seen:
    """What is left in the end.

    ``given_up`` are letters that senders died over so often that a person must say what becomes of them.
    """

    facts: dict[str, Counter[tuple[Any, ...]]]
    flagged: set[str]
    given_up: set[str]
    message_ids: dict[str, str]
    audit_holds: bool
    orphans: dict[str, int]


@contextmanager
def small_chunks() -> Iterator[None]:
    """Two items to a chunk, so that a step has something between its chunks."""
    defaults: Any = apply_step.__kwdefaults__
    before, defaults["rows"] = defaults["rows"], 2
    try:
        yield
    finally:
        defaults["rows"] = before


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
            {row.message_id for row in rows if row.state == MessageState.UNCERTAIN and row.attempts >= MOST_COPIES},
            {row.message_id: row.state for row in rows},
            audit.verify(connection) is None,
            _orphans(connection),
        )


def _orphans(connection: Connection) -> dict[str, int]:
    """What outlived its rollout → how many."""
    left = {
        "rollout that has not ended": rollout.c.state.in_(ALIVE),
        "hold": hold.c.ended_at.is_(None),
        "gate": review.c.outcome.is_(None),
        "letter that somebody holds": message.c.claimed_by.is_not(None),
    }
    counted = {
        what: connection.execute(select(func.count()).where(is_left)).scalar_one() for what, is_left in left.items()
    }
    return {what: number for what, number in counted.items() if number}


class House:
    """A furnished database to crash in, a post that outlives the crashes, and a workbench that children inherit.

    Its statements are compiled before anybody is forked; no connection is open then.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        post: FaultServer,
        furnish: Callable[[Workbench], None] | None = None,
        life: Callable[[Workbench], None] = live,
    ) -> None:
        self.folder, self.post, self.life = folder, post, life
        made = a_bench(url, folder, post.address)
        # a process may die, the machine does not: nobody need wait for the disk
        self.bench = replace(made, database=Database(url, durable=False))
        made.database.dispose()
        with self.bench.database.write() as connection:
            some_users(connection)
            ten_learners(connection)
        if furnish is not None:
            furnish(self.bench)
        self.bench.database.dispose()
        self._furnished = self.left()

    def left(self) -> dict[str, bytes]:
        """What there would be if whoever is at work died now: files by their names, rows by the names of their tables.

        SQLite makes the index of its log anew. PostgreSQL rolls back what others do not see.
        """
        files = {file.name: file.read_bytes() for file in self._files()}
        return files if self.bench.database.is_sqlite else files | self._rows()

    def put_back(self, left: dict[str, bytes], post: list[Kept]) -> None:
        """Let everything be as it was left then, by whoever died."""
        self.post.kept[:] = post
        for file in [*self._files(), *self.folder.glob("recert.db-shm")]:
            file.unlink()
        for name in left.keys() - metadata.tables.keys():
            (self.folder / name).write_bytes(left[name])
        if not self.bench.database.is_sqlite:
            self._put_rows(left)
        self.bench.database.dispose()  # no connection is to be in two processes

    def tidy(self) -> None:
        """Let everything be as it was furnished; the home forgets what left, or it would notice a restore."""
        self.put_back(self._furnished, [])

    def die_at(self, point: Point) -> None:
        """Live from the beginning in a process of its own, and let that die there."""
        self.tidy()

        def live_and_die() -> None:
            die_at(point)
            self.life(self.bench)

        code, answer = ended(live_and_die, self.folder / "answer")
        assert code in (KILLED, 0), f"{point}: {answer}"

    def undisturbed(self) -> tuple[list[Point], Seen]:
        """Live once without a crash; return where one could happen, and what is left in the end."""
        points = crash_points(lambda: self.life(self.bench), self.post, self.left)
        left = look(self.bench)
        self.bench.database.dispose()
        return points, left

    def _files(self) -> list[Path]:
        # the log is read last: what is written to it meanwhile is a commit of its own
        names = ("last-sent.json", "recert.db", "recert.db-wal")
        return [file for name in names if (file := self.folder / name).exists()]

    def _rows(self) -> dict[str, bytes]:
        with self.bench.database.engine.connect() as made:
            connection = made.execution_options(isolation_level="REPEATABLE READ")
            cursor = connection.connection.cursor()
            return {name: b"".join(_copied(cursor, f"COPY public.{name} TO STDOUT")) for name in metadata.tables}

    def _put_rows(self, rows: dict[str, bytes]) -> None:
        with self.bench.database.engine.begin() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("SET LOCAL session_replication_role = replica")  # neither references nor guards
            cursor.execute(";".join(f"DELETE FROM public.{name}" for name in metadata.tables))  # noqa: S608 - our own names
            for name in metadata.tables:
                with cursor.copy(f"COPY public.{name} FROM STDIN") as copy:
                    copy.write(rows[name])


def _copied(cursor: Any, order: str) -> Iterator[bytes]:
    with cursor.copy(order) as copy:
        yield from map(bytes, copy)


def compare(where: str, sending: set[str], left: Seen, whole: Seen) -> None:
    for table, expected in whole.facts.items():
        missing, surplus = expected - left.facts[table], left.facts[table] - expected
        assert not missing, f"{where}: {table} lacks {missing} and has {surplus}"
        assert not surplus, f"{where}: {table} has too much: {surplus}"
    assert left.audit_holds, where
    assert not left.orphans, f"{where}: {left.orphans}"
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
