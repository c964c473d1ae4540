"""Sessions: found by a token that is stored nowhere, over when they are over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from models import schema, sessions
from models.database import Database
from models.people import add_user, change_user, find_user
from models.sessions import Session, TooManyTries
from models.tables import sign_in_failure, web_session
from models.words import Role
from tests.world import NOW

ANN = "ann@example.org"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'recert.db'}")
    schema.upgrade(made)
    with made.write() as connection:
        add_user(connection, ANN, "Ann", [Role.OPERATOR], actor="tests", at=NOW)
    yield made
    made.dispose()


def begun(database: Database) -> str:
    with database.write() as connection:
        user = find_user(connection, ANN)
        assert user is not None
        return sessions.begin(connection, user, NOW)


def found(database: Database, token: str, at: datetime = NOW) -> Session | None:
    with database.read() as connection:
        return sessions.find(connection, token, at)


def test_a_token_finds_its_session_and_is_stored_nowhere(database: Database) -> None:
    token = begun(database)
    session = found(database, token)
    assert session is not None
    assert session.user.email == ANN
    assert found(database, token + "x") is None
    with database.read() as connection:
        assert token not in str(connection.execute(select(web_session)).all())
        stored = connection.scalar(select(web_session.c.token_digest))
    assert found(database, str(stored)) is None, "what the database holds opens nothing"


def test_a_session_ends_by_idleness_by_age_and_by_signing_out(database: Database) -> None:
    token = begun(database)
    assert found(database, token, NOW + timedelta(minutes=30)) is not None
    assert found(database, token, NOW + timedelta(minutes=31)) is None
    session = found(database, token)
    assert session is not None
    for minutes in range(20, 12 * 60, 20):
        with database.write() as connection:
            sessions.touch(connection, session, NOW + timedelta(minutes=minutes))
    assert found(database, token, NOW + timedelta(hours=12)) is not None
    assert found(database, token, NOW + timedelta(hours=12, minutes=1)) is None
    with database.write() as connection:
        sessions.end(connection, session, NOW)
    assert found(database, token) is None


def test_who_is_disabled_is_signed_out_at_once(database: Database) -> None:
    token = begun(database)
    with database.write() as connection:
        change_user(connection, ANN, disabled=True, actor="tests", at=NOW)
    assert found(database, token) is None


def test_who_fails_too_often_waits_a_minute_and_nobody_elsewhere_does(database: Database) -> None:
    with database.write() as connection:
        for _ in range(5):
            sessions.check_tries(connection, ANN, "192.0.2.1", NOW)
            sessions.count_failure(connection, ANN, "192.0.2.1", NOW)
        with pytest.raises(TooManyTries):
            sessions.check_tries(connection, ANN, "192.0.2.1", NOW)
        sessions.check_tries(connection, ANN, "192.0.2.2", NOW)
        sessions.check_tries(connection, ANN, "192.0.2.1", NOW + timedelta(minutes=2))
        for number in range(15):
            sessions.count_failure(connection, f"x{number}@example.org", "192.0.2.1", NOW)
        with pytest.raises(TooManyTries):
            sessions.check_tries(connection, "new@example.org", "192.0.2.1", NOW)


def test_what_was_typed_as_an_account_is_not_kept(database: Database) -> None:
    with database.write() as connection:
        sessions.count_failure(connection, "my secret password", "192.0.2.1", NOW)
        assert "secret" not in str(connection.execute(select(sign_in_failure)).all())


def test_a_forms_key_is_good_once(database: Database) -> None:
    with database.write() as connection:
        assert sessions.use_form(connection, "key", NOW)
        assert not sessions.use_form(connection, "key", NOW)
        assert sessions.use_form(connection, "other", NOW)
        sessions.forget(connection, NOW + timedelta(days=2))
        assert sessions.use_form(connection, "key", NOW)
