"""Mail that is not sent yet: taken back when nobody needs it any more, and sent after who moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, exists, or_, select, update

from models.dates import days_between
from models.outbox import MANAGER_PREFIX
from models.post_history import cancel
from models.reminding import LAST_DAY
from models.tables import assignment, learner, message, message_line
from models.words import MessageKind, MessageState

UNSENT = (MessageState.HELD, MessageState.QUEUED, MessageState.DEFERRED)


def cancel_of_learners(connection: Connection, learners: Select[Any], *, at: datetime, by: str, reply: str) -> int:
    """Cancel all unsent mail to and about *learners* (a statement that finds their ids); return how many."""
    return cancel(connection, and_(is_unsent(), message.c.learner_id.in_(learners)), at=at, by=by, reply=reply)


def cancel_without_address(connection: Connection, learners: Select[Any], *, at: datetime, by: str, reply: str) -> int:
    """Cancel the unsent mail to those of *learners*, or to their managers, who have no address now; return how many."""
    to_manager = message.c.recipient.like(f"{MANAGER_PREFIX}%")
    address = case((to_manager, learner.c.manager_email), else_=learner.c.email)
    nowhere = select(learner.c.id).where(learner.c.id == message.c.learner_id, address.is_(None)).correlate(message)
    theirs = and_(is_unsent(), message.c.learner_id.in_(learners), exists(nowhere))
    return cancel(connection, theirs, at=at, by=by, reply=reply)


def cancel_finished(connection: Connection, learners: Select[Any], *, at: datetime, by: str) -> int:
    """Cancel the unsent mail that asks for assignments of *learners*, all of which are completed; return how many."""
    line = select(message_line).join(assignment, assignment.c.id == message_line.c.assignment_id)
    lines = line.where(message_line.c.message_id == message.c.id)
    still_open = exists(lines.where(assignment.c.completed_on.is_(None), speaks()).correlate(message))
    asks = message.c.kind != MessageKind.ESCALATION_RESOLVED.value  # which tells that they are completed
    finished = and_(
        is_unsent(), asks, message.c.learner_id.in_(learners), exists(lines.correlate(message)), ~still_open
    )
    return cancel(connection, finished, at=at, by=by, reply="all that it asks for is done")


def cancel_withdrawn(connection: Connection, learners: Select[Any], *, at: datetime, by: str) -> int:
    """Take withdrawn assignments off the unsent mail to *learners*; cancel what asks for nothing else. Return how many."""
    gone = select(assignment.c.id).where(assignment.c.certification_id.is_(None))
    asks = message.c.kind != MessageKind.RETRACTION.value  # which tells that they are withdrawn
    return cancel_lines(connection, learners, gone, at=at, by=by, which=asks)


def cancel_lines(
    connection: Connection,
    learners: Select[Any],
    gone: Select[Any],
    *,
    at: datetime,
    by: str,
    which: ColumnElement[bool],
    states: Sequence[MessageState] = UNSENT,
) -> int:
    """Take assignments off the unsent mail of learners; cancel what lists nothing else. Return how many were cancelled.

    Args:
        connection: an open unit of work.
        learners: a statement that finds the ids of who is concerned.
        gone: a statement that finds the ids of the assignments.
        at: when.
        by: who is named for it.
        which: mail of theirs that may be changed.
        states: in which states mail that lists nothing else is cancelled.
    """
    theirs = and_(which, message.c.learner_id.in_(learners))
    line = select(message_line.c.message_id).where(message_line.c.message_id == message.c.id).correlate(message)
    other = exists(line.where(message_line.c.assignment_id.not_in(gone), speaks()))
    whole = and_(theirs, is_unsent(states), exists(line.where(message_line.c.assignment_id.in_(gone))), ~other)
    cancelled = cancel(connection, whole, at=at, by=by, reply="what it asks for was taken back")
    touched = select(message.c.id).where(theirs, is_unsent())
    lines = and_(message_line.c.message_id.in_(touched), message_line.c.assignment_id.in_(gone))
    connection.execute(delete(message_line).where(lines))
    return cancelled


def readdress(connection: Connection, learners: Select[Any], *, which: ColumnElement[bool] | None = None) -> int:
    """Let the unsent mail to *learners* follow them to the address they have now; return how many were changed.

    Mail to a learner's manager follows the learner to another manager.

    Args:
        connection: an open unit of work.
        learners: a statement that finds their ids.
        which: other mail of theirs instead of what is unsent.
    """
    to_manager = message.c.recipient.like(f"{MANAGER_PREFIX}%")
    address = case((to_manager, learner.c.manager_email), else_=learner.c.email)
    moved = select(address).where(learner.c.id == message.c.learner_id, address != message.c.to_address)
    moved = moved.correlate(message)
    theirs = and_(is_unsent() if which is None else which, message.c.learner_id.in_(learners), exists(moved))
    return connection.execute(update(message).where(theirs).values(to_address=moved.scalar_subquery())).rowcount


def speaks() -> ColumnElement[bool]:
    """Whether a row of ``message_line`` is reason enough for its ``message``: no reminder is for what is long past alone."""
    reminders = message.c.kind.in_([MessageKind.REMINDER.value, MessageKind.ESCALATION.value])
    return or_(~reminders, days_between(message_line.c.due_on, message_line.c.told_on) <= LAST_DAY)


def is_unsent(states: Sequence[MessageState] = UNSENT) -> ColumnElement[bool]:
    """Whether a row of ``message`` may still be taken back: it is in one of these states.

    Found by their state first: they are few beside all that was ever sent, which SQLite's planner cannot know.
    """
    waiting, words = message.alias("waiting"), [state.value for state in states]
    found = select(waiting.c.id).where(waiting.c.state.in_(words))
    return and_(message.c.state.in_(words), message.c.id.in_(found))
