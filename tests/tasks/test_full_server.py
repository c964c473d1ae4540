"""A PostgreSQL whose disk is full: one clear line, no half step, and it goes on when there is room."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from models.errors import DatabaseUnavailable
from models.tables import learner
from tasks.import_files import import_learners
from tests.lives import live, look
from tests.mail.fault_server import FaultServer
from tests.world import a_bench, count, some_courses, some_users, ten_learners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.workbench import Workbench

PAGE = 8192
DISK = "24m"


class SmallDisk:
    """A file system of our own for one database; what is free on it is given out by hand."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        # PostgreSQL's user must be able to walk there
        self.folder = Path(tempfile.mkdtemp(prefix="recert-disk-", dir="/tmp"))
        self._filler = self.folder / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0777", "recert", str(self.folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            self.folder.rmdir()
            pytest.skip(f"this machine mounts no file systems for us: {made.stderr.strip()}")
        (self.folder / "pg").mkdir()
        os.chown(self.folder / "pg", *cluster.owner)
        self._order("CREATE TABLESPACE small LOCATION {}", sql.Literal(str(self.folder / "pg")))

    def take_in(self, url: str) -> None:
        """Move a database here that nobody is connected to."""
        self._order("ALTER DATABASE {} SET TABLESPACE small", sql.Identifier(url.rsplit("/", 1)[-1]))

    def leave(self, pages: int) -> None:
        """Fill it up, but for so many of the database's pages."""
        free = os.statvfs(self.folder)
        filled = self._filler.stat().st_size if self._filler.exists() else 0
        room = free.f_bavail * free.f_frsize - pages * PAGE
        with self._filler.open("ab") as file:
            if room < 0:
                file.truncate(max(0, filled + room))
            else:
                file.write(bytes(room))

    def remove(self) -> None:
        self._order("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", str(self.folder)], check=True)  # noqa: S607
        self.folder.rmdir()

    def _order(self, statement: str, *names: sql.Composable) -> None:
        with psycopg.connect(self._cluster.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*names))


@pytest.fixture
def disk(postgres_cluster: Any) -> Iterator[SmallDisk]:
    small = SmallDisk(postgres_cluster)
    yield small
    small.remove()


@pytest.fixture
def house(postgres_cluster: Any, tmp_path: Path) -> Iterator[Callable[..., Workbench]]:
    made: list[Workbench] = []

    def build(name: str, post: FaultServer) -> Workbench:
        bench = a_bench(postgres_cluster.create_database(), tmp_path / name, post.address)
        made.append(bench)
        with bench.database.write() as connection:
            some_users(connection)
            some_courses(connection)
            ten_learners(connection)
        bench.database.dispose()
        return bench

    yield build
    for bench in made:
        bench.database.dispose()
        postgres_cluster.drop(url(bench))


def url(bench: Workbench) -> str:
    return bench.database.url.render_as_string(hide_password=False)


def refused(act: Callable[[], object]) -> str:
    """The one line that *act* ends with for want of room; empty when there was enough."""
    line = ""
    try:
        act()
    except DatabaseUnavailable as error:
        line = str(error)
    assert line.count("\n") == 0
    assert not line or "No space left on device" in line
    return line


def test_a_rollout_on_a_full_disk_goes_on_with_every_page_that_it_is_given(
    disk: SmallDisk, house: Callable[..., Workbench]
) -> None:
    with FaultServer() as post:
        whole = house("whole", post)
        live(whole)
        expected = look(whole).facts
        bench, told = house("small", post), []
        disk.take_in(url(bench))
        disk.leave(0)
        while line := refused(lambda: live(bench)):
            told.append(line)
            disk.leave(5)
        left = look(bench)
    assert len(told) > 5
    assert left.audit_holds
    assert left.facts == expected


def test_an_import_on_a_full_disk_takes_nothing_of_the_file(
    disk: SmallDisk, house: Callable[..., Workbench], tmp_path: Path
) -> None:
    file = tmp_path / "learners.csv"
    lines = "".join(f"n{number}@example.com,N{number},First,Last\n" for number in range(2_000))
    file.write_text(f"Email,Employee ID,First Name,Last Name\n{lines}", "utf-8")
    with FaultServer() as post:
        bench, told = house("small", post), []
        disk.take_in(url(bench))
        disk.leave(0)
        while line := refused(lambda: import_learners(bench, file)):
            told.append(line)
            assert count(bench, learner, learner.c.email_key.like("n%")) == 0
            disk.leave(10 * len(told))
    assert len(told) > 3
    assert count(bench, learner, learner.c.email_key.like("n%")) == 2_000
