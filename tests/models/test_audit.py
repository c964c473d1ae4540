from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError

from models.audit import BEFORE_THE_FIRST, Broken, entries, head, record, verify
from models.database import Database
from models.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

AT = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)


def add(connection: Connection, act: str = "import-learners", **detail: object) -> int:
    return record(connection, at=AT, actor="ann@example.org", act=act, subject="file:learners.csv", detail=detail)


@pytest.fixture
def four_acts(database: Database) -> Database:
    with database.write() as connection:
        for number in range(1, 5):
            add(connection, read=number, name="Zoë")
    return database


@contextmanager
def tampering(database: Database) -> Iterator[Connection]:
    """Somebody with the database's own password, who takes the triggers away first where there are any."""
    with database.write() as connection:
        if database.is_sqlite:
            names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
            for name in names:
                connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        yield connection


def broken(database: Database) -> Broken | None:
    with database.read() as connection:
        return verify(connection)


def test_an_empty_audit_is_unbroken_and_has_a_head_of_zeros(database: Database) -> None:
    with database.read() as connection:
        assert (verify(connection), head(connection)) == (None, (0, BEFORE_THE_FIRST))


def test_acts_are_numbered_without_gaps_and_read_back_as_they_were_written(four_acts: Database) -> None:
    with four_acts.read() as connection:
        acts = list(entries(connection))
        assert [act.seq for act in acts] == [1, 2, 3, 4]
        assert (acts[2].at, acts[2].actor, acts[2].act) == (AT, "ann@example.org", "import-learners")
        assert acts[2].detail == {"read": 3, "name": "Zoë"}
        assert head(connection) == (4, acts[-1].hash)
    assert broken(four_acts) is None


def test_anybody_can_recompute_the_hashes_from_what_is_listed(four_acts: Database) -> None:
    previous = "0" * 64
    with four_acts.read() as connection:
        for act in entries(connection):
            row = {"seq": act.seq, "at": "2026-11-23T09:30:00.123456Z", "actor": act.actor, "act": act.act}
            row |= {"subject": act.subject, "detail": json.dumps(act.detail, sort_keys=True, separators=(",", ":"))}
            line = previous + json.dumps(row, sort_keys=True, separators=(",", ":"))
            previous = hashlib.sha256(line.encode()).hexdigest()
            assert act.hash == previous


def test_an_act_that_is_undone_leaves_no_gap(four_acts: Database) -> None:
    with four_acts.write() as connection:
        add(connection)
        connection.rollback()
    with four_acts.write() as connection:
        assert add(connection) == 5
    assert broken(four_acts) is None


@pytest.mark.parametrize(
    ("statement", "seq", "why"),
    [
        ("UPDATE audit SET actor = 'bob@example.org' WHERE seq = 2", 2, "changed"),
        ("""UPDATE audit SET detail = '{"name":"Zo\\u00eb", "read":3}' WHERE seq = 3""", 3, "changed"),
        ("UPDATE audit SET at = '2026-11-24T09:30:00.123456Z' WHERE seq = 1", 1, "changed"),
        ("UPDATE audit SET hash = previous WHERE seq = 4", 4, "changed"),
        ("DELETE FROM audit WHERE seq = 1", 1, "missing"),
        ("DELETE FROM audit WHERE seq = 3", 3, "missing"),
        ("UPDATE audit SET seq = CASE seq WHEN 2 THEN 93 ELSE 92 END WHERE seq IN (2, 3)", 2, "missing"),
        ("UPDATE audit SET previous = hash WHERE seq = 3", 3, "does not follow"),
        ("UPDATE audit SET seq = 0 WHERE seq = 1", 0, "put in"),
    ],
    ids=["actor", "spacing", "instant", "hash", "first gone", "one gone", "renumbered", "previous", "before the first"],
)
def test_the_first_row_that_was_tampered_with_is_named(four_acts: Database, statement: str, seq: int, why: str) -> None:
    with tampering(four_acts) as connection:
        connection.exec_driver_sql(statement)
    found = broken(four_acts)
    assert found is not None
    assert found.seq == seq
    assert why in found.why


def test_two_rows_that_changed_places_are_found(four_acts: Database) -> None:
    with tampering(four_acts) as connection:
        for old, new in ((2, 92), (3, 2), (92, 3)):
            connection.execute(text("UPDATE audit SET seq = :new WHERE seq = :old"), {"new": new, "old": old})
    found = broken(four_acts)
    assert found is not None
    assert found.seq == 2
    assert "moved" in found.why


def test_an_instant_that_cannot_be_read_is_named_and_does_not_end_the_reading(tmp_path: Path) -> None:
    # PostgreSQL itself refuses such an instant
    database = Database(f"sqlite:///{tmp_path / 'recert.db'}")
    upgrade(database)
    with database.write() as connection:
        add(connection)
        add(connection)
    with tampering(database) as connection:
        connection.exec_driver_sql("UPDATE audit SET at = 'yesterday' WHERE seq = 2")
    assert broken(database) == Broken(2, "changed: its content does not match its hash")


def test_acts_can_be_narrowed_and_cut_to_the_newest(database: Database) -> None:
    with database.write() as connection:
        for act in ("start", "answer", "start", "answer", "start"):
            add(connection, act)
    with database.read() as connection:
        assert [act.seq for act in entries(connection, act="start")] == [1, 3, 5]
        assert [act.seq for act in entries(connection, act="start", last=2)] == [3, 5]
        assert [act.seq for act in entries(connection, actor="bob@example.org")] == []
        assert [act.seq for act in entries(connection, subject="file:learners.csv", last=1)] == [5]


def test_writers_that_come_at_once_form_one_chain(database: Database) -> None:
    def ten_acts() -> None:
        for _ in range(10):
            with database.write() as connection:
                add(connection)

    writers = [Thread(target=ten_acts) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.read() as connection:
        assert head(connection)[0] == 40
    assert broken(database) is None


def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the mistake itself
    with database.write() as connection, pytest.raises(StatementError, match="aware"):
        record(connection, at=naive, actor="a", act="b", subject="c", detail={})


@pytest.mark.parametrize("value", [float("nan"), AT, {1}], ids=["nan", "datetime", "set"])
def test_what_json_cannot_carry_is_refused(database: Database, value: object) -> None:
    with pytest.raises((ValueError, TypeError)), database.write() as connection:
        add(connection, value=value)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'nobody' WHERE seq = 2", "DELETE FROM audit WHERE seq = 4"],
    ids=["change", "removal"],
)
def test_the_database_itself_refuses_to_change_or_remove_an_act(four_acts: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), four_acts.write() as connection:
        connection.exec_driver_sql(statement)
    assert broken(four_acts) is None


def test_an_act_cannot_be_put_in_the_place_of_another(tmp_path: Path) -> None:
    # SQLite alone knows a statement that replaces without deleting
    database = Database(f"sqlite:///{tmp_path / 'recert.db'}")
    upgrade(database)
    with database.write() as connection:
        add(connection)
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO audit SELECT seq, at, 'nobody', act, subject, detail, previous, hash FROM audit"
        )
