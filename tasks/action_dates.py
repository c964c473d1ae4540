"""Actions on dates and courses to come: Due Date, Recertification Date, the course to take next."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, null, select, update

from models.automatic import leave_to_people
from models.tables import assignment, certification, message, message_line, rollout_item
from models.unsent import UNSENT
from models.words import Flag, LeftBecause, Outcome
from tasks.audience import Case
from tasks.selected import order_of
from tasks.step import Chunk, Rule, chosen, flag

DATED = (Outcome.SET_DATE, Outcome.SET_DATE_EXTENDS)


def not_open(person: Any) -> tuple[tuple[ColumnElement[bool], Outcome], ...]:
    """Why nothing can be done to an assignment: there is none that is open."""
    done = and_(person.open_id.is_(None), person.completed_on.is_not(None))
    return ((done, Outcome.COMPLETED), (person.open_id.is_(None), Outcome.SKIP_NOT_ASSIGNED))


def due_rule(case_: Case, person: Any) -> Rule:
    """Propose the ordered Due Date for every open assignment."""
    new = literal(_ordered_day(case_))
    return Rule(
        outcome=chosen(*not_open(person), (person.due_on == new, Outcome.SKIP_UNCHANGED), otherwise=Outcome.SET_DUE),
        flags=flag(person.no_email, Flag.NO_EMAIL),
        due=(person.due_on, new),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.taken_id, person.taken_id),
        assignment=person.open_id,
    )


def due_still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """The same assignment is still open, with the Due Date that was looked at."""
    del chunk
    return and_(now.open_id == rollout_item.c.assignment_id, now.due_on.is_not_distinct_from(rollout_item.c.due_before))


def move_due(chunk: Chunk) -> None:
    """Move the Due Dates, keep the first ones on record, and let letters that have not left tell the new ones."""
    mine = and_(assignment.c.id == rollout_item.c.assignment_id, chunk.todo(Outcome.SET_DUE))
    first = func.coalesce(assignment.c.first_due_on, assignment.c.due_on)
    moved = update(assignment).where(mine).values(first_due_on=first, due_on=rollout_item.c.due_after)
    chunk.connection.execute(moved)
    tell_anew(chunk, chunk.todo(Outcome.SET_DUE))


def tell_anew(chunk: Chunk, which: ColumnElement[bool]) -> None:
    """Let letters that have not left tell the Due Date that comes after, for the items *which*."""
    unsent = select(message.c.id).where(message.c.state.in_([state.value for state in UNSENT]))
    told = and_(message_line.c.assignment_id == rollout_item.c.assignment_id, which)
    moved = update(message_line).where(told, message_line.c.message_id.in_(unsent))
    chunk.connection.execute(moved.values(due_on=rollout_item.c.due_after))


def date_rule(case_: Case, person: Any) -> Rule:
    """Propose the ordered Recertification Date for who has completed and has nothing open."""
    new, own, today = literal(_ordered_day(case_)), person.own_on, case_.today
    return Rule(
        outcome=chosen(
            (person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT),
            (person.completed_on.is_(None), Outcome.SKIP_NEVER_COMPLETED),
            (own == new, Outcome.SKIP_UNCHANGED),
            (own < new, Outcome.SET_DATE_EXTENDS),
            otherwise=Outcome.SET_DATE,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL)
        + flag(person.overridden, Flag.DATE_OVERRIDDEN)
        + flag(own < today, Flag.ALREADY_DUE)
        + flag(and_(own >= today, own < new), Flag.WOULD_LAPSE)
        + flag(own > new, Flag.BROUGHT_FORWARD)
        + flag(new <= today, Flag.DUE_AT_ONCE),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, new),
        course=(person.to_come_id, person.to_come_id),
        assignment=person.open_id,
    )


def date_still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """Nothing is open, and the date is the one that was looked at."""
    del chunk
    return and_(now.open_id.is_(None), now.own_on.is_not_distinct_from(rollout_item.c.recertification_before))


def set_dates(chunk: Chunk) -> None:
    """Write the day as an override of whoever ordered it; who becomes due by it is not assigned by itself."""
    mine = and_(chunk.todo(*DATED), rollout_item.c.certification_id == certification.c.id)
    values = {
        "override_on": rollout_item.c.recertification_after,
        "override_by": chunk.actor,
        "override_at": chunk.at,
        "override_reason": f"rollout {chunk.case.rollout_id}",
        "aligned_by": null(),
    }
    chunk.connection.execute(update(certification).where(mine).values(**values))
    leave_moved_to_people(chunk, *DATED)


def leave_moved_to_people(chunk: Chunk, *outcomes: Outcome) -> None:
    """Whom a moved date makes due today or has made due is left to people."""
    moved = certification.c.id.in_(select(rollout_item.c.certification_id).where(chunk.todo(*outcomes)))
    leave_to_people(chunk.connection, moved, today=chunk.case.today, because=LeftBecause.DATE_MOVED)


def course_rule(case_: Case, person: Any) -> Rule:
    """Propose the ordered course as the course to come; dates stay."""
    [new] = set(case_.next_course.values())
    known = person.taken_id.is_not(None)
    return Rule(
        outcome=chosen(
            (~known, Outcome.SKIP_NOT_ASSIGNED),
            (person.to_come_id == new, Outcome.SKIP_UNCHANGED),
            otherwise=Outcome.SET_COURSE,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL) + flag(known, Flag.COURSE_CHANGED),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.to_come_id, literal(new)),
        assignment=person.open_id,
    )


def course_still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """The course to come is the one that was looked at."""
    del chunk
    return and_(now.to_come_id.is_not_distinct_from(rollout_item.c.course_before))


def set_courses(chunk: Chunk) -> None:
    """Write the courses to come."""
    mine = and_(chunk.todo(Outcome.SET_COURSE), rollout_item.c.certification_id == certification.c.id)
    named = case((rollout_item.c.course_after == certification.c.course_id, null()), else_=rollout_item.c.course_after)
    chunk.connection.execute(update(certification).where(mine).values(next_course_id=named))


def _ordered_day(case_: Case) -> date:
    day = order_of(case_).on
    assert day is not None  # noqa: S101 - the door asks for it
    return day
