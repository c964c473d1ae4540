"""Mail that is not sent yet: taken back when nobody needs it any more, and sent after who moved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, exists, select, update

from models.tables import assignment, learner, message, message_line
from models.words import MessageState

UNSENT = (MessageState.HELD, MessageState.QUEUED, MessageState.DEFERRED)


def cancel_of_learners(connection: Connection, learners: Select[Any]) -> int:
    """Cancel all unsent mail to *learners* (a statement that finds their ids); return how many."""
    return _cancel(connection, message.c.learner_id.in_(learners))


def cancel_finished(connection: Connection, learners: Select[Any]) -> int:
    """Cancel the unsent mail to *learners* that speaks of assignments, all of which are completed; return how many."""
    line = select(message_line).join(assignment, assignment.c.id == message_line.c.assignment_id)
    lines = line.where(message_line.c.message_id == message.c.id)
    still_open = exists(lines.where(assignment.c.completed_on.is_(None)).correlate(message))
    return _cancel(connection, message.c.learner_id.in_(learners), exists(lines.correlate(message)), ~still_open)


def readdress(connection: Connection, learners: Select[Any]) -> int:
    """Let the unsent mail to *learners* follow them to the address they have now; return how many were changed."""
    new = select(learner.c.email).where(learner.c.id == message.c.learner_id, learner.c.email.is_not(None))
    moved = new.where(learner.c.email != message.c.to_address).correlate(message)
    which = (message.c.learner_id.in_(learners), exists(moved))
    return _change(connection, which, to_address=moved.scalar_subquery())


def _cancel(connection: Connection, *which: Any) -> int:
    return _change(connection, which, state=MessageState.CANCELLED.value)


def _change(connection: Connection, which: tuple[Any, ...], **values: Any) -> int:
    states = [state.value for state in UNSENT]
    found = update(message).where(message.c.state.in_(states), *which).values(**values)
    return connection.execute(found).rowcount
