from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from console.bench import SHELL, actor, opened_bench, where
from models.database import Database
from models.errors import DatabaseUnavailable, NotPermitted, Refused
from models.schema import SchemaAhead, SchemaBehind, current_revision, newest_revision
from models.words import Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any


def test_an_empty_database_gets_the_schema_at_its_first_use_and_says_so_once(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECERT_DATABASE_URL", database_url)
    for _ in range(2):
        with opened_bench() as bench:
            assert current_revision(bench.database) == newest_revision()
            assert bench.settings.home == home
            said = f"recert: new database at {where(bench.database)}\n"
    assert capsys.readouterr() == ("", said)
    assert ":***@" in said or "@" not in said


def _executed(home: Path, *statements: str) -> None:
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "recert.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_database_of_somebody_else_is_refused_and_left_alone(home: Path) -> None:
    _executed(home, "CREATE TABLE payroll (id INTEGER)")
    with pytest.raises(Refused, match="holds tables that are not Recert's"), opened_bench():
        pass
    database = Database(f"sqlite:///{home / 'recert.db'}")
    assert current_revision(database) is None


def test_a_schema_that_this_version_does_not_know_is_refused(recert: Callable[..., Any], home: Path) -> None:
    assert recert("users", "list").code == 0
    _executed(home, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaAhead), opened_bench():
        pass


def test_an_older_schema_is_refused_with_the_line_to_type(
    recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recert("users", "list").code == 0
    monkeypatch.setattr("models.schema.newest_revision", lambda: "9999")
    with pytest.raises(SchemaBehind, match="run `recert db upgrade`"), opened_bench():
        pass
    ended = recert("users", "list")
    assert (ended.code, ended.line) == (3, f"recert: {SchemaBehind.__doc__}")


def test_a_file_that_is_no_database_is_told_with_its_place(home: Path) -> None:
    home.mkdir()
    (home / "recert.db").write_text("no database, but longer than the header of one would be " * 20)
    with pytest.raises(DatabaseUnavailable, match=r"recert\.db.*not a database"), opened_bench():
        pass


def test_who_acts_is_the_named_user_or_whoever_is_at_the_shell(at_work: Callable[..., Any]) -> None:
    assert at_work
    with opened_bench() as bench, bench.database.read() as connection:
        assert actor(connection, None, Role.ADMIN) == SHELL
        assert actor(connection, "EVE@example.org", Role.ADMIN) == "eve@example.org"
        with pytest.raises(NotPermitted, match=r"ann@example\.org lacks the role admin"):
            actor(connection, "ann@example.org", Role.ADMIN)
