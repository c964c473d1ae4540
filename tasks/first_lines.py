"""Certifications that a history file begins: stored once, as its lines leave them, and not written twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, select

from models.dates import add_months_sql, anchor_day_sql
from models.staging import link, settle, staging_table
from models.tables import certification, course
from models.words import DateBasis

# their keys are given out before they are stored, so that their lines can be told apart; only an import stores
# certifications, and two imports never run at once
BEGUN = staging_table("begun_certification", link("id"), link("learner_id"), link("training_type_id"))
_PAIR = ("learner_id", "training_type_id")


def same_pair(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether two tables speak of the same learner and training type."""
    return and_(*(one.c[name] == other.c[name] for name in _PAIR))


def give_keys(connection: Connection, rows: Any) -> None:
    """Give each pair of learner and training type in *rows* that has no certification yet the key of one."""
    stored = exists(select(certification.c.id).where(same_pair(certification, rows)).correlate(rows))
    pair = [rows.c[name] for name in _PAIR]
    first = func.min(rows.c.line).label("line")
    found = select(first, *pair).where(~stored).group_by(*pair)
    if connection.dialect.name == "postgresql":  # its sequence counts as they come
        found = found.order_by(first)
    missing = found.subquery("missing")
    key = _next_key(connection, missing.c.line)
    connection.execute(insert(BEGUN).from_select(["line", *_PAIR, "id"], select(*missing.c, key)))
    settle(connection, BEGUN, "id", *_PAIR)


def _next_key(connection: Connection, line: ColumnElement[Any]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return func.nextval(func.pg_get_serial_sequence(certification.name, "id"))
    highest = select(func.coalesce(func.max(certification.c.id), 0)).scalar_subquery()
    return highest + func.row_number().over(order_by=line)


def store_begun(connection: Connection, lines: Any, basis: DateBasis) -> None:
    """Store the certifications that *lines* begin, as the new ones among these leave them.

    Args:
        connection: inside ``Database.write``.
        lines: the staging table, matched.
        basis: which day the next recertification is counted from.
    """
    newest = lines.alias("newest")
    cycle, opened, first = _facts(lines)
    anchor = anchor_day_sql(basis, newest.c.assigned_on, newest.c.completed_on)
    values: dict[str, ColumnElement[Any]] = {
        "id": BEGUN.c.id,
        **{name: BEGUN.c[name] for name in _PAIR},
        "cycle": cycle,
        "course_id": func.coalesce(opened, newest.c.course_id),
        "completed_on": newest.c.completed_on,
        "computed_on": case((newest.c.completed_on.is_not(None), add_months_sql(anchor, course.c.frequency_months))),
    }
    begun = (
        select(*values.values())
        .join_from(BEGUN, newest, newest.c.line == first)
        .join(course, course.c.id == newest.c.course_id)
        .order_by(BEGUN.c.id)
    )
    connection.execute(insert(certification).from_select(list(values), begun))
    settle(connection, certification, "id", *_PAIR)


def _facts(lines: Any) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    """Of the new lines of each certification that is begun: how many, the open one's course, and the newest completion.

    The last is a line; as ``newest_completion`` has it, or the open one where nothing is completed.
    """
    mine = (lines.c.certification_id == BEGUN.c.id, lines.c.act.is_(None), lines.c.known_id.is_(None))
    is_open = case((lines.c.completed_on.is_(None), 1), else_=0)
    day = func.coalesce(lines.c.assigned_on, lines.c.completed_on)
    newest = (is_open, lines.c.completed_on.desc(), day.desc(), lines.c.line.desc())
    opened = select(func.max(lines.c.course_id)).where(*mine, lines.c.completed_on.is_(None))
    return (
        select(func.count()).select_from(lines).where(*mine).correlate(BEGUN).scalar_subquery(),
        opened.correlate(BEGUN).scalar_subquery(),
        select(lines.c.line).where(*mine).order_by(*newest).limit(1).correlate(BEGUN).scalar_subquery(),
    )
