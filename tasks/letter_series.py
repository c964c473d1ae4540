"""Whom letters about Due Dates are called for on a day, and which assignments each of them lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, null, or_, select

from models.dates import days_between
from models.outbox import LEARNER_PREFIX, MANAGER_PREFIX
from models.reminding import step_reached_sql, within_reach
from models.tables import assignment, certification, course, learner, message, message_line
from models.words import MessageKind, MessageState

# Where a manager has been written to, as far as anybody can know.
_ARRIVED = message.c.state.in_([MessageState.SENT.value, MessageState.UNCERTAIN.value])


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of letter about assignments.

    Attributes:
        kind: of the letter.
        prefix: of its recipient's key.
        address: where it goes, over ``learner``; null where it cannot.
        calls_for: select of ``learner_id``, from ``learner`` among others: who is to be written to on a day.
        lists: select of ``id`` and ``due_on``: the assignments that a letter of that day lists.
    """

    kind: MessageKind
    prefix: str
    address: ColumnElement[Any]
    calls_for: Callable[[date], Select[Any]]
    lists: Callable[[date], Select[Any]]


def to_learners(before: tuple[int, ...]) -> Series:
    """Reminders ahead of the Due Date and after it, each listing all of the learner's that is due by then."""
    tellers = (MessageKind.REMINDER, MessageKind.RENOTIFICATION, MessageKind.RECERTIFICATION, MessageKind.ASSIGNMENT)
    ahead = timedelta(days=max(before, default=-1))
    return Series(
        MessageKind.REMINDER,
        LEARNER_PREFIX,
        learner.c.email,
        lambda today: _untold(today, before, tellers),
        lambda today: _open(today).where(assignment.c.due_on <= today + ahead),
    )


def to_managers() -> Series:
    """Escalations, on the steps past due; who leads themselves has the reminder already."""
    itself = func.lower(learner.c.manager_email) == func.coalesce(learner.c.email_key, "")
    return Series(
        MessageKind.ESCALATION,
        MANAGER_PREFIX,
        case((itself, null()), else_=learner.c.manager_email),
        lambda today: _untold(today, (), (MessageKind.ESCALATION,)),
        lambda today: _open(today).where(assignment.c.due_on < today),
    )


def to_managers_resolved() -> Series:
    """The word that what was escalated is completed, once for each assignment."""
    return Series(
        MessageKind.ESCALATION_RESOLVED,
        MANAGER_PREFIX,
        learner.c.manager_email,
        lambda today: _resolved(today).with_only_columns(certification.c.learner_id),
        _resolved,
    )


def stands(today: date) -> ColumnElement[bool]:
    """Whether an assignment still asks for something: open, its course not retired, its learner not archived."""
    given = or_(course.c.retired_on.is_(None), course.c.retired_on > today)
    return and_(assignment.c.completed_on.is_(None), learner.c.archived_at.is_(None), given)


def assignments() -> Select[Any]:
    """``id``, ``due_on`` and ``learner_id`` of every assignment, joined with certification, learner and course."""
    return (
        select(assignment.c.id, assignment.c.due_on, certification.c.learner_id)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(course, course.c.id == assignment.c.course_id)
    )


@lru_cache(2)
def _open(today: date) -> Select[Any]:
    return assignments().where(stands(today))


@lru_cache(8)
def _untold(today: date, before: tuple[int, ...], tellers: tuple[MessageKind, ...]) -> Select[Any]:
    """Learners with an assignment whose latest step has come, and was not told by any of *tellers* since it came.

    What was told of another Due Date does not count: a moved one begins anew.
    """
    step = step_reached_sql(assignment.c.due_on, today, before)
    told = (
        select(literal(1))
        .join_from(message_line, message, message.c.id == message_line.c.message_id)
        .where(
            message_line.c.assignment_id == assignment.c.id,
            message_line.c.due_on == assignment.c.due_on,
            days_between(message_line.c.due_on, message_line.c.told_on) >= step,
            message.c.kind.in_([kind.value for kind in tellers]),
            or_(message.c.state != MessageState.CANCELLED.value, message.c.attempts > 0),
        )
    )
    query = _open(today).where(within_reach(assignment.c.due_on, today, before), step.is_not(None))
    return query.where(~exists(told.correlate(assignment))).with_only_columns(certification.c.learner_id)


@lru_cache(2)
def _resolved(today: date) -> Select[Any]:
    """Completed assignments that a manager was written to about, and was not told of since."""
    del today
    lines = select(message_line.c.assignment_id).join_from(
        message_line, message, message.c.id == message_line.c.message_id
    )
    escalated = lines.where(message.c.kind == MessageKind.ESCALATION.value, _ARRIVED)
    # One within the other: as a join, SQLite looked for each assignment at every letter of the kind there ever was.
    resolved = select(literal(1)).where(
        message.c.id == message_line.c.message_id, message.c.kind == MessageKind.ESCALATION_RESOLVED.value
    )
    told = select(literal(1)).where(
        message_line.c.assignment_id == assignment.c.id, exists(resolved.correlate(message_line))
    )
    return assignments().where(
        assignment.c.id.in_(escalated),
        assignment.c.completed_on.is_not(None),
        learner.c.archived_at.is_(None),
        ~exists(told.correlate(assignment)),
    )
