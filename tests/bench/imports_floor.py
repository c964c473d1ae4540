"""The floor of the import bench: a bare loop over ``csv.reader`` that stores the same people and the same history.

It takes every cell as it stands: no date is read, no address is looked at, nobody is looked for who is there already, and
a second run of it ends in the database's refusal. SQLite is fed by ``executemany``, PostgreSQL by COPY.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from models.database import Database

LEARNER = (
    "email", "email_key", "employee_id", "first_name", "last_name", "department", "location", "role", "manager_email",
    "language", "time_zone", "archived_at",
)  # fmt: skip
CERTIFICATION = ("id", "learner_id", "training_type_id", "cycle", "course_id", "completed_on")
ASSIGNMENT = ("certification_id", "cycle", "course_id", "assigned_on", "due_on", "progress", "completed_on")
LONG_AGO = "2026-11-23T09:00:00.000000Z"


def learners(database: Database, path: Path) -> int:
    """Store a learners' file; return how many rows."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        with database.write() as connection:
            return _store(connection, "learner", LEARNER, _people(rows))


def _people(rows: Iterable[list[str]]) -> Iterator[tuple[Any, ...]]:
    for email, number, first, last, department, location, role, manager, language, status, zone in rows:
        key, gone = email.lower() or None, None if status == "Active" else LONG_AGO
        yield (
            email or None, key, number, first, last, department or None, location or None, role, manager or None,
            language, zone or None, gone,
        )  # fmt: skip


def history(database: Database, path: Path) -> int:
    """Store a history file; return how many rows. Who and what is looked up in dictionaries held in memory."""
    with path.open(encoding="utf-8", newline="") as file, database.write() as connection:
        people = {row[0]: row[1] for row in connection.execute(text("SELECT employee_id, id FROM learner"))}
        courses = {
            row[0]: (row[1], row[2])
            for row in connection.execute(text("SELECT code, id, training_type_id FROM course"))
        }
        rows = csv.reader(file)
        next(rows)
        stands: dict[tuple[int, int], list[Any]] = {}
        taken = list(_taken(rows, people, courses, stands))
        _store(connection, "certification", CERTIFICATION, stands.values())
        return _store(connection, "assignment", ASSIGNMENT, taken)


def _taken(
    rows: Iterable[list[str]],
    people: dict[str, int],
    courses: dict[str, tuple[int, int]],
    stands: dict[tuple[int, int], list[Any]],
) -> Iterator[tuple[Any, ...]]:
    """Each line as an assignment; on the way *stands* learns where each certification stands."""
    for _, number, code, assigned, due, completed, progress, _ in rows:
        person, (course, kind) = people[number], courses[code]
        held = stands.get((person, kind))
        if held is None:
            held = stands[person, kind] = [len(stands) + 1, person, kind, 0, course, None]
        held[3] += 1
        held[4] = course
        held[5] = completed or held[5]
        yield held[0], held[3], course, assigned, due or None, progress, completed or None


def _store(connection: Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        done = raw.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
        return int(done.rowcount)
    stored = 0
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            stored += 1
    return stored
