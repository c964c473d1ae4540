from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from models.schema import newest_revision

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
        "needed": newest_revision(),
        "state": "empty",
    }
    up = recert("db", "upgrade")
    assert (up.code, up.out, up.err) == (0, f"schema of {home / 'recert.db'} is now {newest_revision()}\n", "")
    assert state(recert) == "current"
    assert "was current already" in recert("db", "upgrade").out
    one = recert("db", "downgrade")
    assert (one.code, one.out) == (0, f"schema of {home / 'recert.db'} is now {int(newest_revision()) - 1:04}\n")
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
    for words in (("db", "upgrade"), ("db", "downgrade", "--yes"), ("users", "list"), ("up",), ("upkeep",)):
        ended = recert(*words)
        assert ended.code == 3
        assert "newer version of Recert" in ended.line


def test_an_older_database_is_named(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recert("db", "upgrade")
    monkeypatch.setattr("models.schema.newest_revision", lambda: "9999")
    assert recert("db", "status").out.endswith(": behind\n")


def test_a_backup_is_made_once_and_says_what_belongs_to_it(
    at_work: Callable[..., Any], home: Path, tmp_path: Path
) -> None:
    made = at_work("db", "backup", tmp_path / "backup.db")
    assert made.code == 0
    assert made.out.startswith(f"{home / 'recert.db'} is copied to {tmp_path / 'backup.db'}: ")
    assert made.line == f"keep {home / 'recert.key'} with it: the codes of open reviews come from it"
    again = at_work("db", "backup", tmp_path / "backup.db")
    assert (again.code, again.line) == (
        3,
        f"recert: {tmp_path / 'backup.db'} is there already; name another file",
    )


def test_what_a_backup_brings_back_rests_and_says_so_until_it_is_let_go(
    at_work: Callable[..., Any], home: Path, tmp_path: Path
) -> None:
    assert at_work("db", "backup", tmp_path / "backup.db").code == 0
    for left in home.glob("recert.db*"):
        left.unlink()
    (tmp_path / "backup.db").rename(home / "recert.db")
    assert "all mail was paused by restore from backup" in at_work("mail", "status").out
    assert at_work("mail", "resume").out == "all mail may leave\n"
