"""Mail that is not sent yet: taken back when nobody needs it any more, and sent after who moved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select, update

from models.post_history import cancel
from models.tables import assignment, learner, message, message_line
from models.words import MessageState

UNSENT = (MessageState.HELD, MessageState.QUEUED, MessageState.DEFERRED)


def cancel_of_learners(connection: Connection, learners: Select[Any], *, at: datetime, by: str, reply: str) -> int:
    """Cancel all unsent mail to *learners* (a statement that finds their ids); return how many."""
    return cancel(connection, and_(_unsent(), message.c.learner_id.in_(learners)), at=at, by=by, reply=reply)


def cancel_finished(connection: Connection, learners: Select[Any], *, at: datetime, by: str) -> int:
    """Cancel the unsent mail to *learners* that speaks of assignments, all of which are completed; return how many."""
    line = select(message_line).join(assignment, assignment.c.id == message_line.c.assignment_id)
    lines = line.where(message_line.c.message_id == message.c.id)
    still_open = exists(lines.where(assignment.c.completed_on.is_(None)).correlate(message))
    finished = and_(_unsent(), message.c.learner_id.in_(learners), exists(lines.correlate(message)), ~still_open)
    return cancel(connection, finished, at=at, by=by, reply="all that it asks for is done")


def readdress(connection: Connection, learners: Select[Any], *, which: ColumnElement[bool] | None = None) -> int:
    """Let the unsent mail to *learners* follow them to the address they have now; return how many were changed.

    Args:
        connection: an open unit of work.
        learners: a statement that finds their ids.
        which: other mail of theirs instead of what is unsent.
    """
    new = select(learner.c.email).where(learner.c.id == message.c.learner_id, learner.c.email.is_not(None))
    moved = new.where(learner.c.email != message.c.to_address).correlate(message)
    theirs = and_(_unsent() if which is None else which, message.c.learner_id.in_(learners), exists(moved))
    return connection.execute(update(message).where(theirs).values(to_address=moved.scalar_subquery())).rowcount


def _unsent() -> ColumnElement[bool]:
    return message.c.state.in_([state.value for state in UNSENT])
