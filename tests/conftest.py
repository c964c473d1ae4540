"""What every test stands on: a clean environment, closed sockets, real databases and servers on demand."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from models.database import Database
from tests.postgres import BIN_VARIABLE, PostgresCluster, PostgresUnavailable
from tests.prefect_server import QUIET, PrefectServer
from tests.world import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
# Rules and settings need no network at all; whatever else is tested talks to this machine only.
WITHOUT_SOCKETS = ("config", "models")
LOOPBACK_HOSTS = ["127.0.0.1", "::1"]

# Before anything imports Prefect or reads a setting: nothing of the developer's own, and nothing told to anybody.
for name in list(os.environ):
    if name.startswith(("RECERT_", "PREFECT_")) and name != BIN_VARIABLE:
        del os.environ[name]
_prefect_home = tempfile.TemporaryDirectory(prefix="recert-prefect-home-", ignore_cleanup_errors=True)
os.environ |= QUIET | {"PREFECT_HOME": _prefect_home.name}


@event.listens_for(Engine, "connect")
def _the_wrong_way_round(connection: Any, _: object) -> None:
    """What is read in no order may come in any: let SQLite give it in the one that nobody expects."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects=ON").close()


# What starts a Prefect server or a whole stack. Two at once would be late for each other's patience.
STACKS = (
    "tests/flows/test_live_",
    "tests/flows/test_prefect_yaml.py",
    "tests/console/test_demo.py",
    "tests/test_prefect_schedules.py",
)

# What takes half a minute and more for one test: begun first, so that nobody is left with it while the other has nothing.
LONG = (
    "tests/tasks/test_three_years.py",
    "tests/tasks/test_interleavings.py",
    "tests/tasks/test_kill_sweep.py",
    "tests/tasks/test_mail_sweep.py::test_a_hundred",
    "tests/tasks/test_every_commit.py",
    "tests/tasks/test_undo_every_commit.py",
    "tests/tasks/test_resources.py",
    "tests/tasks/test_migrations.py",
    "tests/console/test_web_every_page.py",
    "tests/console/test_web_actions_in_a_browser.py",
)
# one process tries them all
MUTANTS = "tests/test_mutants.py"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n 2``: one process starts the stacks, one after the other, and waits; the rest goes to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class StacksTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(STACKS):
                return "stacks"
            return MUTANTS if nodeid.startswith(MUTANTS) else nodeid

    return StacksTogether(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a sweep be repeated, or another one be made."""
    parser.addoption("--seed", type=int, default=4, help="what the random crash sweeps are drawn from")


def pytest_sessionstart() -> None:
    """Let a polite end (a cancelled build) be like Ctrl-C, so that servers and folders go with the run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Close the sockets of each test as far as its folder allows; with ``-n``, begin with what takes long."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(
            pytest.mark.disable_socket if folder in WITHOUT_SOCKETS else pytest.mark.allow_hosts(LOOPBACK_HOSTS)
        )


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """One PostgreSQL for the whole run, started when the first test asks for it. Never skipped."""
    try:
        cluster = PostgresCluster()
    except PostgresUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh, empty database; every test that asks runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'recert.db'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database()
    yield url
    cluster.drop(url)


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: PostgresCluster) -> str:
    """A migrated database to copy, which takes a fifth of making one."""
    url = postgres_cluster.create_database()
    database = Database(url)
    migrate(database)
    database.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with every table and no row, on each of the two."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'recert.db'}"
        migrate(Database(url))
        yield url
        return
    template: str = request.getfixturevalue("postgres_template")
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database(template)
    yield url
    cluster.drop(url)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[PrefectServer]:
    """One Prefect server for the whole run; who stops or kills it starts it again."""
    # Newly made schedules are looked for each second, not every fifth.
    server = PrefectServer(PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS="1")
    yield server
    server.remove()
