"""Which lines of the learners list are wanted, by key alone: from as few tables as it takes, so that an index can find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
)

from models.errors import WrongInput
from models.learners import SEARCHED, finished_on, known_status
from models.searching import mentions
from models.status import status_sql, statuses_sql
from models.tables import assignment, certification, course, learner, training_type
from models.words import Status

DAYS = ("assigned_on", "due_on", "completed_on", "recertification_on")
# What is shown only while an assignment is open, and what only while none is.
OPEN = frozenset({Status.PAST_DUE, Status.IN_PROGRESS, Status.ASSIGNED, "due_on"})
CLOSED = frozenset(
    {Status.DUE_FOR_RECERTIFICATION, Status.UPCOMING_RECERTIFICATION, Status.COMPLETED, "completed_on", "recertification_on"}
)  # fmt: skip
# indexed as it stands here
OWN_ON = func.coalesce(certification.c.override_on, certification.c.computed_on)
DEPARTMENT = func.coalesce(learner.c.department, literal_column("''", String))


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
class Lines:
    """Lines that are wanted.

    Attributes:
        query: a select of ``learner_id`` and ``certification_id`` (null for who has none), in no order.
        status: the label of a line.
        is_status: for each status, what makes a line be of it.
        days: the four days of a line, as the list shows them.
        key: the columns by which lines follow one another where all else is alike.
    """

    query: Select[Any]
    status: ColumnElement[str]
    is_status: dict[Status, ColumnElement[bool]]
    days: dict[str, ColumnElement[date | None]]
    key: tuple[ColumnElement[int], ColumnElement[int]]

    def where(self, *conditions: ColumnElement[bool]) -> Lines:
        """These lines, narrowed further."""
        return replace(self, query=self.query.where(*conditions))


def lines(
    wanted: Wanted,
    today: date,
    soon: int,
    *,
    people: Sequence[int] | None = None,
    dated: str = "",
    by_name: bool = False,
) -> Lines:
    """The lines of the learners list that are wanted on *today*.

    Args:
        wanted: the filters.
        today: the organisation's business day.
        soon: how many days ahead a renewal counts as upcoming.
        people: the learners whom *wanted.search* finds, where they were looked up before.
        dated: only lines that show this day; an index may follow it.
        by_name: let an index of learners be followed.

    Raises:
        WrongInput: no such status or day.
    """
    if wanted.day not in DAYS:
        raise WrongInput(f"no day {wanted.day[:40]!r}; it is one of {', '.join(DAYS)}")
    spanned = wanted.day if wanted.since or wanted.until else ""
    told = {known_status(wanted.status) if wanted.status else "", spanned, dated}
    is_open = None if not told & (OPEN | CLOSED) else bool(told & OPEN)
    certified = not by_name and bool(told & (OPEN | CLOSED | {"assigned_on"}) or wanted.training_type or wanted.course)
    # joined to them from outside, certifications and assignments leave an index of learners in front
    found = _standing(today, soon, certified=certified, is_open=None if by_name and is_open else is_open)
    if told & OPEN and told & CLOSED:
        return found.where(learner.c.id.is_(None))
    if "assigned_on" in told:
        found = _by_assignment(found)
    if dated:
        found = found.where(found.days[dated].is_not(None))
    found = _in_places(found, wanted, people)
    if spanned:
        found = found.where(*_within(found.days[spanned], wanted))
    return found.where(found.is_status[Status(wanted.status)]) if wanted.status else found


def _standing(today: date, soon: int, *, certified: bool, is_open: bool | None) -> Lines:
    """Every line, or only those with a certification; with or without an open assignment, or both (None)."""
    opened, none = assignment.alias("opened"), cast(null(), Date)
    theirs, its = certification.c.learner_id == learner.c.id, opened.c.certification_id == certification.c.id
    its_open = and_(its, opened.c.completed_on.is_(None))
    start: FromClause = certification.join(learner, theirs) if certified else learner.outerjoin(certification, theirs)
    if is_open is None:
        start = start.outerjoin(opened, its_open)
    elif is_open:
        start = start.join(opened, its_open)
    person = certification.c.learner_id if certified else learner.c.id
    its_id = certification.c.id if certified else func.coalesce(certification.c.id, 0)
    query = select(person.label("learner_id"), certification.c.id.label("certification_id")).select_from(start)
    if is_open is False:
        query = query.where(~exists().where(its_open))
    open_id = null() if is_open is False else opened.c.id
    due_on: Any = none if is_open is False else opened.c.due_on

    def closed(day: Any) -> Any:
        return {None: case((opened.c.id.is_not(None), null()), else_=day), True: none, False: day}[is_open]

    facts = SimpleNamespace(
        archived=learner.c.archived_at.is_not(None), open_id=open_id, due_on=due_on, own_on=OWN_ON,
        progress=literal(0) if is_open is False else opened.c.progress, completed_on=certification.c.completed_on,
    )  # fmt: skip
    days = {
        "assigned_on": _assigned_on(opened, is_open), "due_on": due_on,
        "completed_on": closed(certification.c.completed_on), "recertification_on": closed(OWN_ON),
    }  # fmt: skip
    return Lines(query, status_sql(facts, today, soon), statuses_sql(facts, today, soon), days, (person, its_id))


def _within(day: ColumnElement[Any], wanted: Wanted) -> list[ColumnElement[bool]]:
    return [*([day >= wanted.since] if wanted.since else []), *([day <= wanted.until] if wanted.until else [])]


def _by_assignment(found: Lines) -> Lines:
    """These lines with the assignment whose day they show: the open one, else the newest completed one."""
    shown, other = assignment.alias("shown"), assignment.alias("other")

    def rank(each: Any) -> Any:
        return tuple_(each.c.completed_on, func.coalesce(each.c.assigned_on, each.c.completed_on), each.c.id)

    newer = and_(shown.c.completed_on.is_not(None), rank(other) > rank(shown))
    in_its_place = exists().where(
        other.c.certification_id == shown.c.certification_id, other.c.id != shown.c.id, or_(other.c.completed_on.is_(None), newer)
    )  # fmt: skip
    query = found.query.where(shown.c.certification_id == certification.c.id, ~in_its_place)
    return replace(found, query=query, days={**found.days, "assigned_on": shown.c.assigned_on})


def _assigned_on(opened: Any, is_open: bool | None) -> Any:
    if is_open is None:
        return case((opened.c.id.is_not(None), opened.c.assigned_on), else_=finished_on())
    return opened.c.assigned_on if is_open else finished_on()


def _in_places(found: Lines, wanted: Wanted, people: Sequence[int] | None) -> Lines:
    if wanted.training_type:
        kind = select(training_type.c.id).where(training_type.c.slug == wanted.training_type).scalar_subquery()
        found = found.where(certification.c.training_type_id == kind)
    if wanted.course:
        taken = select(course.c.id).where(course.c.code == wanted.course).scalar_subquery()
        found = found.where(certification.c.course_id == taken)
    if wanted.department:
        found = found.where(literal(wanted.department) == DEPARTMENT)
    if wanted.location:
        found = found.where(learner.c.location == wanted.location)
    if people is not None:
        found = found.where(learner.c.id.in_(people))
    elif wanted.search.split():
        found = found.where(named(wanted.search))
    return found


def named(search: str) -> ColumnElement[bool]:
    """Whether a learner is one whom the words find."""
    return mentions([learner.c[name] for name in SEARCHED], search)
