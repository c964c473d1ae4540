"""The history file: who was assigned what, and who completed it when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column as Field
from sqlalchemy import Date, Integer, String, case, func, insert, or_, select

from models.choices import read as read_choices
from models.staging import link, load, settle, staged, staging_table
from models.tables import certification, course
from tasks import cells
from tasks.apply_history import apply
from tasks.cells import Read, quoted
from tasks.csv_columns import Column
from tasks.first_lines import BEGUN, give_keys, same_pair
from tasks.importing import Counts, Importing, identify
from tasks.match_history import CHANGES, match

_DAYS = ("assigned_on", "completed_on", "due_on", "own_on")
_NUMBERS = ("due_given", "own_given", "progress")
_STAGED = ("line", "email_key", "email", "employee_id", "course_id", "training_type_id", *_DAYS, *_NUMBERS)
_STORED = ("line", "learner_id", "course_id", *_DAYS, *_NUMBERS)
DONE = "100"


def _facts() -> list[Field[Any]]:
    days = [Field(name, Date) for name in _DAYS]
    return [link("course_id"), *days, *(Field(name, Integer) for name in _NUMBERS)]


# the file's own words
ROWS = staging_table(
    "staged_row",
    *(Field(name, String) for name in ("email_key", "email", "employee_id")),
    *_facts(),
    *map(link, ("training_type_id", "learner_id")),
)
# what is stored for each row: what becomes of it (``act``, see ``match_history``), and whether its own
# Recertification Date counts (``dated`` 0) or changes something (1); ``begun`` 1 where its certification is new
LINES = staging_table(
    "staged_line",
    Field("act", String),
    Field("dated", Integer),
    Field("begun", Integer),
    *_facts(),
    *map(link, ("learner_id", "certification_id", "known_id")),
)


def columns(day: Read) -> tuple[Column, ...]:
    """The columns of a history file, days read by *day*."""
    numbers = ("id", "idnumber", "user id", "externalid")
    own = ("valid until", "expiration date", "next reenrollment date", "certification expiration date")
    return (
        Column("email", "Email", cells.remembered_address, ("e-mail", "email address", "work email")),
        Column("employee_id", "Employee ID", cells.text(100), numbers),
        Column("course", "Course Code", cells.remembered_text, ("code", "course1", "training type")),
        Column("assigned_on", "Assigned Date", day, ("assigned", "assignment date")),
        Column("due_on", "Due Date", day, ("due",)),
        Column("completed_on", "Completed Date", day, ("completed", "completion date", "certification date", "date")),
        Column("progress", "Progress", cells.remembered_percent, ("percent complete",)),
        Column("recertification_on", "Recertification Date", day, own),
    )


def merge(importing: Importing) -> Counts:
    """Store what the file says of each learner's assignments.

    Raises:
        FileRefused: the file cannot be read to its end, or does not say who or which course.
    """
    importing.file.require("email", "employee_id")
    importing.file.require("course")
    rows, lines = ROWS, LINES
    with staged(importing.connection, rows, lines, BEGUN):
        # asked for beforehand: while rows are copied, PostgreSQL answers nothing else
        load(importing.connection, rows, _values(importing, _courses(importing)), _STAGED)
        settle(importing.connection, rows, "email_key", "employee_id", "training_type_id")
        identify(importing, rows)
        _refuse_strangers(importing, rows)
        _certify(importing, rows, lines)
        match(importing.connection, lines)
        basis = read_choices(importing.connection).date_basis
        created = apply(importing, lines, basis)
        counts = _count(importing, lines, created)
        _note(importing, lines)
    return counts


def _courses(importing: Importing) -> dict[str, tuple[int, int]]:
    """Each course's own key and its training type's, by code."""
    query = select(course.c.code, course.c.id, course.c.training_type_id)
    return {row.code: (row.id, row.training_type_id) for row in importing.connection.execute(query)}


def _values(importing: Importing, courses: dict[str, tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
    """The rows that hold by themselves, as the staging table takes them."""
    today = importing.today.isoformat()
    for line, row in importing.file.rows():
        email, employee_id, code, assigned_on, due_on, completed_on, progress, own_on = row
        if fault := _fault(row, courses, today):
            name, value, reason = fault
            importing.findings.reject(line, importing.file.title(name) if name else None, value, reason)
            continue
        yield (
            line,
            cells.remembered_key(email) if email else None,
            email,
            employee_id,
            *courses[code or ""],
            assigned_on or None,
            completed_on or None,
            due_on or None,
            own_on or None,
            0 if due_on is None else 1,
            0 if own_on is None else 1,
            None if progress is None else int(progress),
        )


def _fault(
    row: tuple[str | None, ...], courses: dict[str, tuple[int, int]], today: str
) -> tuple[str | None, str, str] | None:
    """The column at fault, its value and why; None for a row that holds by itself."""
    email, employee_id, code, assigned_on, _, completed_on, progress, _ = row
    if not email and not employee_id:
        return None, "", "neither e-mail nor Employee ID; nobody can tell whose it is"
    if code not in courses:
        return "course", code or "", f"no course {quoted(code)}; import it first" if code else "no course code"
    if not assigned_on and not completed_on:
        return None, "", "neither Assigned nor Completed Date; a line needs one of the two"
    if completed_on and completed_on > today:
        return "completed_on", completed_on, f"{quoted(completed_on)} is still to come: today is {today}"
    if progress == DONE and not completed_on:
        return "progress", progress, "progress 100 without a Completed Date; give the day, or what is done so far"
    return None


def _refuse_strangers(importing: Importing, rows: Any) -> None:
    query = select(rows.c.line, rows.c.email, rows.c.employee_id).where(rows.c.learner_id.is_(None))
    found = importing.connection.execute(query.order_by(rows.c.line)).all()
    for row in found:
        name, value = ("email", row.email) if row.email else ("employee_id", row.employee_id)
        importing.findings.reject(
            row.line, importing.file.title(name), value, f"no learner {quoted(value)}; import learners first"
        )
    importing.take_out(rows, (row.line for row in found))


def _certify(importing: Importing, rows: Any, lines: Any) -> None:
    """Give each row its certification, the key of one where there is none yet, and hold them against other writers."""
    connection = importing.connection
    give_keys(connection, rows)
    begun = case((certification.c.id.is_(None), 1), else_=0)
    certified = (
        select(*(rows.c[name] for name in _STORED), func.coalesce(certification.c.id, BEGUN.c.id), begun)
        .outerjoin_from(rows, certification, same_pair(certification, rows))
        .outerjoin(BEGUN, same_pair(BEGUN, rows))
    )
    connection.execute(insert(lines).from_select([*_STORED, "certification_id", "begun"], certified))
    # now, not later: PostgreSQL does not use an index made over rows that its own transaction has updated
    connection.exec_driver_sql("CREATE INDEX ix_staged_line ON staged_line (certification_id)")
    settle(connection, lines, "certification_id", "course_id", "completed_on")
    if connection.dialect.name == "postgresql":
        mine = certification.c.id.in_(select(lines.c.certification_id))
        locked = select(certification.c.id).where(mine).order_by(certification.c.id).with_for_update().subquery()
        connection.execute(select(func.count()).select_from(locked))


def _count(importing: Importing, lines: Any, created: int) -> Counts:
    changed = or_(lines.c.act.in_(CHANGES), (lines.c.dated == 1) & lines.c.known_id.is_not(None))
    query = select(func.count(), func.count(case((changed, 1)))).select_from(lines)
    taken, updated = importing.connection.execute(query).one()
    return Counts(created, updated, taken - created - updated)


def _note(importing: Importing, lines: Any) -> None:
    """Say which lines count for nothing beside newer ones."""
    said = {
        "superseded": "line {}: superseded: a newer assignment or completion of the same training type counts",
        "older": "line {}: a newer completion of the same assignment is stored and counts",
        "repeat": "line {}: the same assignment stands on another line, which counts",
    }
    for act, words in said.items():
        query = select(lines.c.line).where(lines.c.act == act).order_by(lines.c.line)
        found = importing.connection.scalars(query)
        importing.findings.note_each((words.format(line) for line in found), "{} more lines " + act)
