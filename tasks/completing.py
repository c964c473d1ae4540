"""An action that records a completion: of what is open, or of a course that was taken besides."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, case, cast, insert, literal, null, or_, select, update

from models.dates import add_months_sql, anchor_day_sql
from models.tables import assignment, certification, course, rollout_item
from models.unsent import cancel_finished
from models.words import Flag, Outcome
from tasks.assigning import make_certifications
from tasks.audience import Case
from tasks.recounting import recount
from tasks.selected import order_of
from tasks.step import Chunk, Rule, chosen, flag, otherwise


def rule(case_: Case, person: Any) -> Rule:
    """Propose the completion for everybody who has not got this very one; what is open since then is completed by it."""
    [taken] = set(case_.next_course.values())
    day = _day(case_)
    known = (
        select(literal(1))
        .where(
            assignment.c.certification_id == person.certification_id,
            assignment.c.course_id == taken,
            assignment.c.completed_on == day,
        )
        .exists()
    )
    completes = and_(person.open_id.is_not(None), person.assigned_on <= day)
    newest = or_(person.completed_on.is_(None), person.completed_on < day)
    stays_open = and_(person.open_id.is_not(None), ~completes)
    return Rule(
        outcome=chosen((known, Outcome.SKIP_UNCHANGED), otherwise=Outcome.COMPLETE),
        flags=flag(and_(person.overridden, newest), Flag.DATE_OVERRIDDEN),
        due=(person.due_on, case((completes, cast(null(), Date)), else_=person.due_on)),
        recertification=(
            person.recertification_on,
            case((stays_open, cast(null(), Date)), (newest, _next_date(case_, person, completes)), else_=person.own_on),
        ),
        course=(person.taken_id, case((and_(newest, ~stays_open), literal(taken)), else_=person.taken_id)),
        assignment=case((completes, person.open_id), else_=null()),
    )


def _next_date(case_: Case, person: Any, completes: ColumnElement[bool]) -> Any:
    """The Recertification Date that the completion leads to."""
    [taken] = set(case_.next_course.values())
    day = literal(_day(case_))
    months = select(course.c.frequency_months).where(course.c.id == taken).scalar_subquery()
    assigned_on = case((completes, person.assigned_on), else_=cast(null(), Date))
    return add_months_sql(anchor_day_sql(order_of(case_).date_basis, assigned_on, day), months)


def moved(chunk: Chunk) -> ColumnElement[bool]:
    """What was open is not open any more, something else is, or a completion was recorded meanwhile."""
    return otherwise(
        chunk,
        lambda now, line: or_(
            now.archived,
            now.due_on.is_distinct_from(line.due_before),
            now.recertification_on.is_distinct_from(line.recertification_before),
            now.taken_id.is_distinct_from(line.course_before),
            and_(line.assignment_id.is_not(None), now.open_id.is_distinct_from(line.assignment_id)),
        ),
    )


def prepare(chunk: Chunk) -> None:
    """Make the certifications of those who had none."""
    make_certifications(chunk, Outcome.COMPLETE)


def apply(chunk: Chunk) -> None:
    """Complete what is open, write what was taken besides, and set where each certification stands."""
    [taken] = set(chunk.case.next_course.values())
    mine, item = chunk.todo(Outcome.COMPLETE), rollout_item.c
    ends = and_(mine, item.assignment_id.is_not(None))
    values = {"completed_on": _day(chunk.case), "course_id": taken, "progress": 100}
    ended = update(assignment).where(assignment.c.id == item.assignment_id, ends)
    chunk.connection.execute(ended.values(**values))
    columns = ["certification_id", "cycle", "course_id", "progress", "completed_on"]
    besides = (
        select(certification.c.id, certification.c.cycle + 1, literal(taken), literal(100), literal(_day(chunk.case)))
        .join_from(rollout_item, certification, certification.c.id == item.certification_id)
        .where(mine, item.assignment_id.is_(None))
        .order_by(item.learner_id)
    )
    chunk.connection.execute(insert(assignment).from_select(columns, besides))
    recount(
        chunk.connection,
        select(item.certification_id).where(mine),
        select(item.assignment_id).where(ends),
        basis=order_of(chunk.case).date_basis,
        today=chunk.case.today,
    )
    learners = select(item.learner_id).where(mine)
    cancel_finished(chunk.connection, learners, at=chunk.at, by=chunk.actor)


def _day(case_: Case) -> date:
    day = order_of(case_).on
    assert day is not None  # noqa: S101 - the door asks for it
    return day
