"""The two ways into the database, and what is told when it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

import models.database
from models.database import Database
from models.errors import DatabaseUnavailable
from models.tables import setting

if TYPE_CHECKING:
    from sqlalchemy import Connection


def note(connection: Connection) -> None:
    connection.execute(insert(setting).values(name="note", value="x"))


def note_and_break_off(connection: Connection) -> None:
    note(connection)
    raise ZeroDivisionError


def noted(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.execute(select(func.count()).select_from(setting)).scalar_one())


def test_a_unit_of_work_is_committed_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        note_and_break_off(connection)
    assert not noted(database)
    with database.write() as connection:
        note(connection)
    assert noted(database)


def test_a_reading_and_a_rehearsal_leave_nothing(database: Database) -> None:
    with database.read() as connection:
        note(connection)
    with database.rehearse() as connection:
        note(connection)
    with pytest.raises(ZeroDivisionError), database.rehearse() as connection:
        note_and_break_off(connection)
    assert not noted(database)


def test_each_commit_has_a_moment_before_and_after(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    other = Database(database.url.render_as_string(hide_password=False))
    monkeypatch.setattr(models.database, "at_commit", lambda moment: seen.append((moment, noted(other))))
    with database.write() as connection:
        note(connection)
    with database.read():
        pass
    assert seen == [("before", False), ("after", True)]
    other.dispose()


def test_a_programming_error_is_told_as_what_it_is_and_never_as_a_database_that_is_away(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_a_server_that_is_away_is_told_in_one_line_without_the_password() -> None:
    database = Database("postgresql+psycopg://recert:secret@127.0.0.1:1/recert")
    with pytest.raises(DatabaseUnavailable) as told, database.read():
        pytest.fail("it was there")
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value) + repr(database)


def test_instants_survive_and_sort_on_both(database: Database) -> None:
    from datetime import UTC, datetime, timedelta, timezone

    from models.tables import audit

    noon = datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5)))
    with database.write() as connection:
        for seq, at in enumerate((noon, noon - timedelta(microseconds=1)), 1):
            row = {"seq": seq, "at": at, "actor": "a", "act": "b", "subject": "c", "detail": "{}"}
            connection.execute(insert(audit).values(**row, previous="", hash=""))
        found = connection.execute(select(audit.c.at).order_by(audit.c.at)).scalars().all()
    assert found == [noon - timedelta(microseconds=1), noon]
    assert {at.tzinfo for at in found} == {UTC}
    with pytest.raises(Exception, match="aware"), database.write() as connection:
        connection.execute(select(audit).where(audit.c.at == datetime(2026, 11, 23, 12, 0)))  # noqa: DTZ001
