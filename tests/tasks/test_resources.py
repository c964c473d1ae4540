"""No room, no lock, no connection, no reliable clock: one clear line, no half step, and it goes on when that is mended."""

from __future__ import annotations

import random
import re
import shutil
import socket
import sqlite3
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import event, make_url, select

import models.database
from models import audit
from models.database import Database
from models.errors import DatabaseUnavailable
from models.tables import assignment, learner, rollout
from models.words import RolloutState, StepSlug
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.import_files import import_learners
from tasks.workbench import Workbench
from tests.canonical import facts
from tests.lives import Tomorrow, live, look
from tests.mail.fault_server import FaultServer
from tests.world import (
    Held,
    a_bench,
    a_learner,
    approve,
    approve_all,
    begin,
    count,
    mailing,
    one_pass,
    propose,
    rollout_state,
    rows,
    run_to_end,
    some_courses,
    some_users,
    started,
    step_record,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECERTIFY = StepSlug.RECERTIFY_DUE


def house(url: str, folder: Path, post: FaultServer | None = None) -> Workbench:
    if url.startswith("sqlite"):
        _in_small_pages(url, folder)
    made = a_bench(url, folder, post.address if post else None)
    with made.database.write() as connection:
        some_users(connection)
        some_courses(connection)
        ten_learners(connection)
    return made


def _in_small_pages(url: str, folder: Path) -> None:
    """Make the file so that a small rollout takes many pages."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(str(make_url(url).database))
    connection.execute("PRAGMA page_size=1024")
    connection.execute("VACUUM")
    connection.close()


def told_in_one_line(error: DatabaseUnavailable) -> bool:
    return "\n" not in str(error) and error.exit_code == 5


def seen(bench: Workbench) -> dict[str, Counter[tuple[Any, ...]]]:
    with bench.database.read() as connection:
        assert audit.verify(connection) is None
        return facts(connection)


def limited(bench: Workbench, pages: Callable[[], int]) -> Workbench:
    """The same database on a disk that has room for so many pages, at each moment. Statements are compiled once."""
    database = Database(bench.database.url.render_as_string(hide_password=False), durable=False)

    @event.listens_for(database.engine, "connect")
    def _little_room(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages()}").close()

    return replace(bench, database=database)


def pages(bench: Workbench) -> int:
    with sqlite3.connect(str(bench.database.url.database)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def test_a_disk_that_is_full_at_any_page_of_a_rollout_leaves_no_half_step(tmp_path: Path) -> None:
    with FaultServer() as post:
        whole = house(f"sqlite:///{tmp_path}/whole/recert.db", tmp_path / "whole", post)
        empty, file = pages(whole), tmp_path / "recert.db"
        whole.database.dispose()
        shutil.copy(tmp_path / "whole" / "recert.db", tmp_path / "furnished")
        live(whole)
        growth, expected = pages(whole) - empty, look(whole).facts
        assert growth > 10
        bench, room = replace(whole, database=Database(f"sqlite:///{file}", durable=False)), 0
        tight = limited(bench, lambda: empty + room)
        for room in range(growth):
            for left_over in [*tmp_path.glob("recert.db*"), *tmp_path.rglob("last-sent.json")]:
                left_over.unlink()
            shutil.copy(tmp_path / "furnished", file)
            with pytest.raises(DatabaseUnavailable, match="full") as told:
                live(tight)
            assert told_in_one_line(told.value)
            live(bench)
            left = look(bench)
            assert left.audit_holds
            assert left.facts == expected, f"{room} pages more"


def full_at(bench: Workbench, file: Path) -> DatabaseUnavailable | None:
    """What an import is told for want of room; None when there was enough."""
    try:
        import_learners(bench, file)
    except DatabaseUnavailable as error:
        return error
    return None


def test_a_disk_that_is_full_at_any_page_of_an_import_takes_nothing_of_the_file(tmp_path: Path) -> None:
    bench = house(f"sqlite:///{tmp_path}/recert.db", tmp_path)
    file = tmp_path / "learners.csv"
    lines = "".join(f"n{number}@example.com,N{number},First,Last\n" for number in range(2_000))
    file.write_text(f"Email,Employee ID,First Name,Last Name\n{lines}", "utf-8")
    empty, before, errors = pages(bench), seen(bench), list[DatabaseUnavailable]()
    tight = limited(bench, lambda: empty + 11 * len(errors))
    while (error := full_at(tight, file)) is not None:
        errors.append(error)
        assert count(bench, learner, learner.c.email_key.like("n%")) == 0
        assert seen(bench) == before
    assert len(errors) > 10
    assert all(map(told_in_one_line, errors))
    assert count(bench, learner, learner.c.email_key.like("n%")) == 2_000


def test_a_database_that_another_process_keeps_locked_is_told_and_nothing_is_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.database, "BUSY_TIMEOUT_MS", 100)
    bench = house(f"sqlite:///{tmp_path}/recert.db", tmp_path)
    bench = replace(bench, database=Database(f"sqlite:///{tmp_path}/recert.db"))
    rollout_id = started(bench)
    propose(bench, rollout_id, RECERTIFY)
    approve(bench, rollout_id)
    opened = begin(bench, rollout_id)
    other = sqlite3.connect(tmp_path / "recert.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked") as told:
        apply_step(bench, rollout_id, STEPS[RECERTIFY], opened.epoch)
    assert told_in_one_line(told.value)
    other.execute("ROLLBACK")
    other.close()
    assert count(bench, assignment, assignment.c.rollout_id == rollout_id) == 0
    assert apply_step(bench, rollout_id, STEPS[RECERTIFY], opened.epoch) > 0


@pytest.fixture
def on_postgresql(postgres_cluster: Any, tmp_path: Path) -> Iterator[Workbench]:
    url = postgres_cluster.create_database()
    bench = house(url, tmp_path)
    yield bench
    bench.database.dispose()
    postgres_cluster.drop(url)


def plain(bench: Workbench) -> str:
    return bench.database.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_server_that_takes_no_more_connections_is_told_in_one_line(on_postgresql: Workbench) -> None:
    on_postgresql.database.dispose()
    held: list[psycopg.Connection[Any]] = []
    try:
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(plain(on_postgresql)))
        with pytest.raises(DatabaseUnavailable) as told:
            started(on_postgresql)
        assert told_in_one_line(told.value)
        assert "too many clients" in str(told.value)
    finally:
        for each in held:
            each.close()
    assert rows(on_postgresql, rollout) == []


def test_a_connection_that_is_ended_between_the_changes_and_their_commit_leaves_nothing(
    on_postgresql: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout_id = started(on_postgresql)
    propose(on_postgresql, rollout_id, RECERTIFY)
    approve(on_postgresql, rollout_id)
    opened = begin(on_postgresql, rollout_id)

    def end_all(moment: str) -> None:
        if moment == "before":
            with psycopg.connect(plain(on_postgresql), autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )

    with monkeypatch.context() as patched:
        patched.setattr(models.database, "at_commit", end_all)
        with pytest.raises(DatabaseUnavailable) as told:
            apply_step(on_postgresql, rollout_id, STEPS[RECERTIFY], opened.epoch)
    assert told_in_one_line(told.value)
    assert count(on_postgresql, assignment, assignment.c.rollout_id == rollout_id) == 0
    assert apply_step(on_postgresql, rollout_id, STEPS[RECERTIFY], opened.epoch) > 0


class Wire:
    """Between us and PostgreSQL: now and then it breaks when a COMMIT goes by, before or after the server had it."""

    def __init__(self, port: int, seed: int) -> None:
        self.broken: Counter[str] = Counter()
        self._target, self._chance = port, random.Random(seed)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _welcome(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._there, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        while said := _heard(client):
            fate = self._chance.choice(["", "", "", "", "before", "after"]) if b"COMMIT" in said else ""
            if fate:
                self.broken[fate] += 1
                _end(client)
            if fate == "before":
                break
            server.sendall(said)
        _end(server, socket.SHUT_WR)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket) -> None:
        while said := _heard(server):
            try:
                client.sendall(said)
            except OSError:  # nobody hears what became of the COMMIT
                continue
        _end(client)
        server.close()


def _heard(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except OSError:
        return b""


def _end(line: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        line.shutdown(how)


def through(bench: Workbench, wire: Wire) -> Workbench:
    url = bench.database.url.set(port=wire.port).render_as_string(hide_password=False)
    return replace(bench, database=Database(url))


# whatever connection a broken wire left behind is told when it is collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_connections_that_are_lost_in_mid_commit_change_nothing_in_the_end(
    postgres_cluster: Any, tmp_path: Path
) -> None:
    with FaultServer() as post:
        whole = house(postgres_cluster.create_database(), tmp_path / "whole", post)
        bench = house(postgres_cluster.create_database(), tmp_path / "torn", post)
        live(whole)
        port = make_url(str(bench.database.url)).port
        assert port is not None
        wire = Wire(port, seed=7)
        torn = through(bench, wire)
        for _ in range(300):
            with suppress(DatabaseUnavailable):
                live(torn)
                break
        wire.close()
        torn.database.dispose()
        assert min(wire.broken["before"], wire.broken["after"]) > 3
        left, expected = look(bench), look(whole)
        assert left.audit_holds
        assert left.facts == expected.facts
    for each in (whole, bench):
        each.database.dispose()
        postgres_cluster.drop(each.database.url.render_as_string(hide_password=False))


class Jumping(Workbench):
    """A workbench whose clock is another at every look."""

    def now(self) -> datetime:
        jumps = (timedelta(), timedelta(hours=1), timedelta(hours=-1), timedelta(days=-1))
        _jumps["looks"] += 1
        return super().now() + jumps[_jumps["looks"] % len(jumps)]


_jumps: Counter[str] = Counter()


def test_a_clock_that_jumps_to_and_fro_changes_neither_leases_nor_gates_nor_what_is_assigned(bench: Workbench) -> None:
    jumping = Jumping(bench.settings, bench.database)
    with writing(bench) as connection:
        for number in range(1, 5):
            a_learner(connection, number, Held())
    with FaultServer() as post:
        jumping = mailing(jumping, post.address)
        rollout_id = started(jumping)
        for _ in range(12):
            one_pass(jumping, rollout_id)
            approve_all(jumping, rollout_id)
        # what was to leave at an instant that never was waits for it, and no longer
        later = mailing(Tomorrow(bench.settings, bench.database), post.address)
        assert run_to_end(later, rollout_id) is RolloutState.COMPLETED
        ids = Counter(re.findall(rb"^Message-ID: *(\S+)", b"\n".join(kept.data for kept in post.kept), re.MULTILINE))
    assert len(ids) >= 4
    assert set(ids.values()) == {1}, "nobody is mailed twice"
    assert rollout_state(bench, rollout_id) is RolloutState.COMPLETED
    assert count(bench, assignment, assignment.c.rollout_id == rollout_id) == 4
    made = rows(bench, select(assignment.c.certification_id).where(assignment.c.rollout_id == rollout_id))
    assert len(set(made)) == 4
    assert step_record(bench, rollout_id, RECERTIFY).is_done
