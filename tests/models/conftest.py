"""A database for each test, or for a whole file of tests, on each of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.database import Database
from tests.world import a_bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.workbench import Workbench
    from tests.postgres import PostgresCluster


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """A migrated database that holds nothing."""
    made = Database(migrated_url)
    yield made
    made.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench on a migrated database that holds nothing."""
    home = tmp_path_factory.mktemp("house")
    url = f"sqlite:///{home / 'recert.db'}"
    if request.param == "postgresql":
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database()
    made = a_bench(url, home)
    yield made
    made.database.dispose()
