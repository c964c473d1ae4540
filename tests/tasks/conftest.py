"""What the engine's tests stand on: a migrated database with users and courses, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, text

from config.settings import Settings
from models.database import Database
from models.tables import metadata
from tasks.workbench import Workbench
from tests.mail.fault_server import FaultServer
from tests.world import TODAY, a_bench, some_courses, some_users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresCluster


def _furnish(bench: Workbench) -> None:
    with bench.database.write() as connection:
        some_users(connection)
        some_courses(connection)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file to copy."""
    home = tmp_path_factory.mktemp("template")
    bench = a_bench(f"sqlite:///{home / 'recert.db'}", home)
    _furnish(bench)
    return home / "recert.db"


@pytest.fixture(scope="session")
def postgres_house(postgres_cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One migrated database for all tests: emptied after each, since copying one takes half a second."""
    bench = a_bench(postgres_cluster.create_database(), tmp_path_factory.mktemp("template"))
    yield bench.database
    bench.database.dispose()


@pytest.fixture(scope="session")
def sqlite_house(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One place for all tests, each with a file of its own there: statements are compiled once."""
    return Database(f"sqlite:///{tmp_path_factory.mktemp('house') / 'recert.db'}", durable=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workbench]:
    """A workbench with three users and six courses, once on SQLite and once on PostgreSQL; no mail server."""
    settings = Settings(home=tmp_path, today=TODAY, mail_connections=2)
    if request.param == "sqlite":
        house: Database = request.getfixturevalue("sqlite_house")
        path = Path(str(house.url.database))
        for left in path.parent.iterdir():
            left.unlink()
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield Workbench(settings, house)
        return
    made = Workbench(settings, request.getfixturevalue("postgres_house"))
    _furnish(made)
    yield made
    with made.database.write() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # the audit's guard would object
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


@pytest.fixture
def post() -> Iterator[FaultServer]:
    """A mail server that takes everything."""
    with FaultServer() as server:
        yield server
