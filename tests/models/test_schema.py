"""The schema goes up and down on both databases, and is what the tables say."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from models.database import Database
from models.schema import (
    SchemaAhead,
    SchemaBehind,
    current_revision,
    downgrade,
    newest_revision,
    require_current,
    upgrade,
)
from models.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database."""
    database = Database(database_url)
    yield database
    database.dispose()


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_it_goes_up_down_and_up_again(database: Database) -> None:
    assert current_revision(database) is None
    for _ in range(2):
        upgrade(database)
        assert current_revision(database) == newest_revision()
        assert tables(database) == set(metadata.tables)
        require_current(database)
        downgrade(database, "base")
        assert tables(database) == set()
        assert current_revision(database) is None


def test_going_up_twice_changes_nothing(database: Database) -> None:
    upgrade(database)
    upgrade(database)
    require_current(database)


def test_what_the_migrations_make_is_what_the_tables_say(database: Database) -> None:
    upgrade(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_indexes_on_expressions_are_made_and_taken_down(database: Database) -> None:
    """SQLAlchemy reads none of them back from SQLite, so that the comparison above leaves them out there."""
    names = {"ix_certification_own_on": "override_on, computed_on", "ix_learner_department": "department, ''"}
    told = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index'" if database.is_sqlite else
        "SELECT indexname, indexdef FROM pg_indexes"
    )  # fmt: skip
    for revision in ("head", "0008", "head"):
        (downgrade if revision == "0008" else upgrade)(database, revision)
        with database.read() as connection:
            found = {name: sql or "" for name, sql in connection.execute(text(told)) if name in names}
        assert set(found) == (set(names) if revision == "head" else set())
        for name, sql in found.items():
            inside = re.sub(r"::[a-z ]+", "", sql.lower())
            assert f"coalesce({names[name]})" in inside


def test_indexes_that_hold_a_promise_are_partial_and_unique(database: Database) -> None:
    upgrade(database)
    promises = {
        "uq_assignment_open": "assignment",
        "uq_rollout_alive": "rollout_training_type",
        "uq_proposal_current": "proposal",
        "uq_review_open": "review",
    }
    with database.read() as connection:
        for name, table in promises.items():
            [found] = [each for each in inspect(connection).get_indexes(table) if each["name"] == name]
            assert found["unique"]
            assert any(key.endswith("_where") for key in found.get("dialect_options", {}))


def test_an_empty_or_older_database_is_behind(database: Database) -> None:
    with pytest.raises(SchemaBehind, match="recert db upgrade"):
        require_current(database)


def test_a_newer_one_is_refused_and_left_alone(database: Database) -> None:
    upgrade(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaAhead):
        require_current(database)
    with pytest.raises(SchemaAhead):
        upgrade(database)
    assert current_revision(database) == "9999"
    assert tables(database) == set(metadata.tables)


def test_two_that_go_up_at_once_end_with_one_schema(database: Database) -> None:
    other, broken = Database(database.url.render_as_string(hide_password=False)), []

    def work(one: Database) -> None:
        try:
            upgrade(one)
        except Exception as error:  # noqa: BLE001 - told below
            broken.append(error)

    both = [threading.Thread(target=work, args=(each,)) for each in (database, other)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    other.dispose()
    assert broken == []
    require_current(database)


def test_a_migration_that_breaks_leaves_nothing_of_itself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    make = op.create_table

    def break_off(name: str, *columns: object, **how: object) -> object:
        if name == "rollout_item":
            raise RuntimeError(name)
        return make(name, *columns, **how)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", break_off)
        with pytest.raises(RuntimeError):
            upgrade(database)
    assert tables(database) == set()
    upgrade(database)
    require_current(database)
