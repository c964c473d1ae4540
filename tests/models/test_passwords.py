"""Passwords: argon2id, of a decent length, and of nobody but their owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from models import passwords, schema
from models.database import Database
from models.errors import WrongInput
from models.passwords import fits, set_password, stored_hash
from models.people import add_user, find_user
from models.sessions import TooManyTries
from models.tables import audit, user_password
from models.words import Role
from tests.world import NOW


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(passwords, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    made = Database(f"sqlite:///{tmp_path / 'recert.db'}")
    schema.upgrade(made)
    with made.write() as connection:
        add_user(connection, "ann@example.org", "Ann", [Role.OPERATOR], actor="tests", at=NOW)
    yield made
    made.dispose()


def give(database: Database, password: str, email: str = "ann@example.org") -> str | None:
    with database.write() as connection:
        set_password(connection, email, password, actor="tests", at=NOW)
        return stored_hash(connection, find_user(connection, email))


def test_a_password_fits_itself_and_nothing_else(database: Database) -> None:
    stored = give(database, "correct horse battery")
    assert fits(stored, "correct horse battery")
    assert not fits(stored, "correct horse batterx")
    assert not fits(None, "correct horse battery")


def test_the_shipped_hash_is_argon2id_with_the_librarys_own_costs() -> None:
    made = PasswordHasher().hash("x")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.hasher().memory_cost == 65536


def test_neither_the_database_nor_the_audit_holds_the_password(database: Database) -> None:
    give(database, "correct horse battery")
    with database.read() as connection:
        rows = [*connection.execute(select(user_password)), *connection.execute(select(audit))]
    assert "correct" not in str(rows)


def test_a_new_password_takes_the_place_of_the_old_one(database: Database) -> None:
    give(database, "correct horse battery")
    stored = give(database, "another horse battery")
    assert not fits(stored, "correct horse battery")
    assert fits(stored, "another horse battery")


@pytest.mark.parametrize("password", ["", "short", "x" * 201, "ANN@example.org"])
def test_a_password_that_is_none_is_refused(database: Database, password: str) -> None:
    with pytest.raises(WrongInput):
        give(database, password)


def test_nobody_has_no_password(database: Database) -> None:
    with pytest.raises(WrongInput, match="is no user here"):
        give(database, "correct horse battery", "bob@example.org")


def test_a_flood_of_tries_holds_no_more_than_a_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, told = threading.Event(), []

    class Slow:
        def verify(self, stored: str, password: str) -> bool:
            del stored, password
            return go_on.wait(20)

    def attempt() -> None:
        try:
            fits("stored", "x")
        except TooManyTries:
            told.append("later")

    monkeypatch.setattr(passwords, "hasher", Slow)
    threads = [threading.Thread(target=attempt) for _ in range(passwords.MOST_WAITING)]
    for thread in threads:
        thread.start()
    while passwords._WAITING._value:
        threads[0].join(0.001)
    attempt()
    assert told == ["later"]
    go_on.set()
    for thread in threads:
        thread.join()
    assert fits("stored", "x")
    assert told == ["later"]
