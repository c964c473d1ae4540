"""The learners list page by page: narrowed, sorted, counted by status; a page costs what a page holds, wherever it lies."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, Row, Select, func, literal, select, tuple_

from models.errors import WrongInput
from models.learners import learners
from models.tables import certification, course, learner, training_type
from models.words import Status

SIZES = (25, 50, 100, 200)
LAST_DAY, FIRST_DAY = date(9999, 12, 31), date(1, 1, 1)
DAYS = ("assigned_on", "due_on", "completed_on", "recertification_on")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list is wanted; what is empty leaves its question open.

    Attributes:
        status: a slug of ``words.Status``.
        training_type, course, department, location: exactly this one.
        search: each of its words is found somewhere in name, e-mail, Employee ID, department or location.
        day: which of ``DAYS`` *since* and *until* are about, both included.
    """

    status: str = ""
    training_type: str = ""
    course: str = ""
    department: str = ""
    location: str = ""
    search: str = ""
    day: str = "recertification_on"
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """One page of the list; *before* and *after* are marks of the pages beside it, None where there is none."""

    rows: Sequence[Row[Any]]
    before: str | None
    after: str | None


# What people sort by, and the columns that make it; who stands alike follows by number.
SORTS = {
    "name": ("last_name", "first_name"),
    "department": ("department",),
    **{day: (day,) for day in DAYS},
}


@dataclass(frozen=True, slots=True)
class Order:
    """How the list is sorted, and how long a page is."""

    by: str = "name"
    down: bool = False
    size: int = 50

    def __post_init__(self) -> None:
        if self.by not in SORTS:
            raise WrongInput(f"the list is not sorted by {self.by[:40]!r}; it is by one of {', '.join(SORTS)}")
        if self.size not in SIZES:
            raise WrongInput(f"a page has one of {', '.join(map(str, SIZES))} lines")


def turn(
    connection: Connection,
    wanted: Wanted,
    order: Order,
    *,
    today: date,
    upcoming_within_days: int,
    after: str = "",
    before: str = "",
) -> Turned:
    """Read one page.

    Args:
        connection: read only.
        wanted: what of the list.
        order: how.
        today: the organisation's business day.
        upcoming_within_days: how many days ahead a renewal counts as upcoming.
        after: the mark of the line before this page.
        before: the mark of the line after it; then the page is read backwards.

    Raises:
        WrongInput: no such status, day or mark.
    """
    query = narrowed(wanted, today, upcoming_within_days)
    keys, backwards = _keys(query, order), bool(before)
    found = connection.execute(_beyond(query, keys, order, before or after, backwards=backwards)).all()
    more, rows = len(found) > order.size, found[: order.size]
    if backwards:
        rows = rows[::-1]
    further_back, further_on = (more, True) if backwards else (bool(after), more)
    return Turned(
        rows,
        _mark(rows[0], len(keys)) if rows and further_back else None,
        _mark(rows[-1], len(keys)) if rows and further_on else None,
    )


def _beyond(
    query: Select[Any], keys: Sequence[ColumnElement[Any]], order: Order, mark: str, *, backwards: bool
) -> Select[Any]:
    """The lines beyond *mark*, one more than a page has: so it is seen whether there are more."""
    down = order.down is not backwards
    if mark:
        line, here = tuple_(*keys), tuple_(*_read_mark(mark, keys))
        query = query.where(line < here if down else line > here)
    marks = [key.label(f"key_{number}") for number, key in enumerate(keys)]
    sorted_ = [key.desc() if down else key.asc() for key in keys]
    return query.add_columns(*marks).order_by(None).order_by(*sorted_).limit(order.size + 1)


def counts(connection: Connection, wanted: Wanted, *, today: date, upcoming_within_days: int) -> dict[str, int]:
    """Status → how many lines there are of it; everything else that is wanted holds, every status is named."""
    lines = narrowed(replace(wanted, status=""), today, upcoming_within_days).order_by(None).subquery()
    found = dict(connection.execute(select(lines.c.status, func.count()).group_by(lines.c.status)).tuples().all())
    return {status.value: found.get(status.value, 0) for status in Status}


def offered(connection: Connection) -> dict[str, list[str]]:
    """What the list can be narrowed to: training types, courses that somebody holds, departments, locations."""
    held = select(certification.c.course_id).distinct()
    queries = {
        "training_type": select(training_type.c.slug),
        "course": select(course.c.code).where(course.c.id.in_(held)),
        "department": select(learner.c.department).distinct().where(learner.c.department.is_not(None)),
        "location": select(learner.c.location).distinct().where(learner.c.location.is_not(None)),
    }
    return {name: sorted(connection.scalars(query)) for name, query in queries.items()}


def narrowed(wanted: Wanted, today: date, upcoming_within_days: int) -> Select[Any]:
    """Everything that is wanted, as ``models.learners`` gives it.

    Raises:
        WrongInput: no such status or day.
    """
    query = learners(
        today=today,
        upcoming_within_days=upcoming_within_days,
        status=wanted.status or None,
        training_type=wanted.training_type or None,
        search=wanted.search,
    )
    columns = query.selected_columns
    for name in ("course", "department", "location"):
        if value := getattr(wanted, name):
            query = query.where(columns[name] == value)
    if wanted.day not in DAYS:
        raise WrongInput(f"no day {wanted.day[:40]!r}; it is one of {', '.join(DAYS)}")
    if wanted.since is not None:
        query = query.where(columns[wanted.day] >= wanted.since)
    if wanted.until is not None:
        query = query.where(columns[wanted.day] <= wanted.until)
    return query


def _keys(query: Select[Any], order: Order) -> list[ColumnElement[Any]]:
    """What a page is sorted by: never null, and never alike in two lines. Who has no such day comes last."""
    columns = query.selected_columns
    missing: Any = FIRST_DAY if order.down else LAST_DAY
    shown = [
        func.coalesce(columns[name], literal(missing, Date)) if name in DAYS else
        columns[name] if name.endswith("_name") else func.coalesce(columns[name], "")
        for name in SORTS[order.by]
    ]  # fmt: skip
    return [*shown, columns.learner_id, func.coalesce(columns.certification_id, 0)]


def _mark(row: Row[Any], number: int) -> str:
    values = [getattr(row, f"key_{key}") for key in range(number)]
    told = json.dumps([value.isoformat() if isinstance(value, date) else value for value in values])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _read_mark(mark: str, keys: Sequence[ColumnElement[Any]]) -> list[Any]:
    """Read a mark back: one value of the right kind for each key."""
    try:
        values = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        return [_of_kind(value, key) for value, key in zip(values, keys, strict=True)]
    except (ValueError, TypeError):
        raise WrongInput("this page of the list is not to be found: begin at its first page") from None


def _of_kind(value: Any, key: ColumnElement[Any]) -> Any:
    kind = key.type.python_type
    if kind is date:
        return literal(date.fromisoformat(value), Date)
    if not isinstance(value, kind):
        raise TypeError
    return value
