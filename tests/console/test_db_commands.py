from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def state(recert: Callable[..., Any]) -> str:
    return str(recert("db", "status", "--json").json["state"])


def test_up_down_and_up_again(recert: Callable[..., Any], home: Path) -> None:
    assert recert("db", "status", "--json").json == {
        "database": str(home / "recert.db"),
        "schema": None,
        "needed": "0006",
        "state": "empty",
    }
    up = recert("db", "upgrade")
    assert (up.code, up.out, up.err) == (0, f"schema of {home / 'recert.db'} is now 0006\n", "")
    assert state(recert) == "current"
    assert "was current already" in recert("db", "upgrade").out
    one = recert("db", "downgrade")
    assert (one.code, one.out) == (0, f"schema of {home / 'recert.db'} is now 0003\n")
    assert state(recert) == "behind"
    down = recert("db", "downgrade", "base")
    assert (down.code, down.out) == (0, f"schema of {home / 'recert.db'} is now empty\n")
    assert state(recert) == "empty"
    assert recert("db", "upgrade").code == 0


def test_rows_are_not_lost_without_a_yes(at_work: Callable[..., Any]) -> None:
    refused = at_work("db", "downgrade", "base")
    assert refused.code == 3
    assert "holds rows that may be lost; make a backup, then say it with --yes" in refused.line
    assert state(at_work) == "current"
    assert at_work("db", "downgrade", "base", "--yes").code == 0
    assert state(at_work) == "empty"


def test_a_revision_that_does_not_exist_is_one_line(recert: Callable[..., Any]) -> None:
    recert("db", "upgrade")
    ended = recert("db", "downgrade", "nowhere")
    assert ended.code == 2
    assert ended.line.startswith("recert: cannot go back to 'nowhere'")


def test_a_newer_database_is_named_and_refused(recert: Callable[..., Any], home: Path) -> None:
    recert("db", "upgrade")
    connection = sqlite3.connect(home / "recert.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert state(recert) == "ahead"
    for words in (("db", "upgrade"), ("users", "list")):
        ended = recert(*words)
        assert ended.code == 3
        assert "newer version of Recert" in ended.line


def test_an_older_database_is_named(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recert("db", "upgrade")
    monkeypatch.setattr("models.schema.newest_revision", lambda: "9999")
    assert recert("db", "status").out.endswith(": behind\n")
