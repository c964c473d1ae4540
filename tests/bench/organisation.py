"""A made-up organisation of any size, written by a few statements: one certification for each learner.

One in eight has an open assignment, one in fifty never completed anything, one in a hundred has left, one in fifty has no
address. The others completed within the last fourteen months.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from models import schema
from models.database import Database

TODAY = date(2026, 11, 23)
NUMBERS = """
WITH RECURSIVE one(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM one WHERE n < 999),
number(n) AS (SELECT thousand.n * 1000 + one.n + 1 FROM one AS thousand CROSS JOIN one WHERE thousand.n * 1000 + one.n < {learners})
"""
FOUND = """
INSERT INTO training_type (id, slug, automatic) VALUES (1, 'conduct', {yes});
INSERT INTO course (id, code, title, training_type_id, frequency_months, link) VALUES
    (1, 'C-1', 'Code of Conduct', 1, 12, 'https://lms.example.org/c1'),
    (2, 'C-2', 'Code of Conduct 2026', 1, 12, 'https://lms.example.org/c2');
UPDATE course SET retired_on = {long_ago}, successor_id = 2 WHERE id = 1
"""
LEARNERS = """
INSERT INTO learner (id, email, email_key, employee_id, first_name, last_name, department, location, role, manager_email,
    language, archived_at)
{numbers} SELECT n, CASE WHEN n % 50 <> 3 THEN 'l' || n || '@example.com' END,
    CASE WHEN n % 50 <> 3 THEN 'l' || n || '@example.com' END, 'E' || n, 'Zoë', 'Learner ' || n, 'Department ' || (n % 40),
    'Office ' || (n % 90), 'staff', 'l' || (n / 9 * 9 + 1) || '@example.com', 'en',
    CASE WHEN n % 100 = 5 THEN {long_ago_at} END
FROM number ORDER BY n
"""
CERTIFICATIONS = """
INSERT INTO certification (id, learner_id, training_type_id, cycle, course_id, completed_on, computed_on)
{numbers} SELECT n, n, 1, CASE WHEN n % 50 <> 7 THEN 1 ELSE 0 END, 1 + n % 2, {completed}, {own} FROM number ORDER BY n
"""
ASSIGNMENTS = """
INSERT INTO assignment (id, certification_id, cycle, course_id, assigned_on, due_on, progress, completed_on)
{numbers} SELECT n, n, 1, 1 + n % 2, {assigned}, {due}, CASE WHEN {finished} THEN 100 ELSE n % 3 * 20 END, {completed}
FROM number WHERE n % 50 <> 7 ORDER BY n
"""
SEQUENCES = ("training_type", "course", "learner", "certification", "assignment")


def furnish(database: Database, learners: int, *, due: int | None = None) -> None:
    """Write an organisation of so many learners into an empty database.

    Args:
        database: not even migrated yet.
        learners: how many.
        due: None = dates spread as in a year's life; otherwise nobody is due or about to be reminded but every so many
            thousandths of the learners, who are due today.
    """
    schema.upgrade(database)
    with database.write() as connection:
        _write(connection, learners, due)


def _write(connection: Connection, learners: int, due: int | None) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    age = "n % 425" if due is None else "1 + n % 300"
    completed, own = _day(f"-({age})", sqlite=on_sqlite), _day(f"365 - ({age})", sqlite=on_sqlite)
    if due:
        completed = f"CASE WHEN n % 1000 < {due} THEN {_day('-365', sqlite=on_sqlite)} ELSE {completed} END"
        own = f"CASE WHEN n % 1000 < {due} THEN {_day('0', sqlite=on_sqlite)} ELSE {own} END"
    finished = f"n % 50 <> 7 AND (n % 8 <> 1 OR n % 1000 < {due or 0})"
    words = {
        "learners": learners,
        "yes": "1" if on_sqlite else "true",
        "long_ago": "'2025-01-01'" if on_sqlite else "DATE '2025-01-01'",
        "long_ago_at": "'2025-01-01T00:00:00.000000Z'" if on_sqlite else "TIMESTAMPTZ '2025-01-01T00:00Z'",
        "numbers": NUMBERS.format(learners=learners),
        "finished": finished,
        "completed": f"CASE WHEN {finished} THEN {completed} END",
        "own": f"CASE WHEN {finished} THEN {own} END",
        "assigned": _day(f"-60 - ({age})", sqlite=on_sqlite),
        "due": _day("n % 40 - 30" if due is None else "20", sqlite=on_sqlite),
    }
    for statement in (*FOUND.split(";"), LEARNERS, CERTIFICATIONS, ASSIGNMENTS):
        connection.execute(text(statement.format(**words)))
    if not on_sqlite:
        for name in SEQUENCES:
            connection.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))


def _day(days: str, *, sqlite: bool) -> str:
    """The day so many days after today, in SQL."""
    return f"date('{TODAY}', ({days}) || ' days')" if sqlite else f"(DATE '{TODAY}' + ({days}))"
