"""What of the outbox needs a look: mail that a person must decide on, that waits too long, or that a dead sender left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from models.tables import message
from models.words import MessageState
from tasks.recording import ABANDONED_AFTER

# A busy or greylisting server takes a letter within hours.
LONG = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many letters need a look.

    Attributes:
        undecided: uncertain ones that nobody will send again unless a person says so.
        late: deferred ones that have waited for longer than a day.
        late_since: when the oldest of those was written; None where there are none.
        abandoned: ones whose sender took them up so long ago that it must be dead or cut off.
    """

    undecided: int
    late: int
    late_since: datetime | None
    abandoned: int


def backlog(connection: Connection, now: datetime) -> Backlog:
    """Count what needs a look at this instant."""
    row = connection.execute(
        select(
            _number(and_(_is(MessageState.UNCERTAIN), message.c.next_try_at.is_(None))),
            _number(_late(now)),
            func.min(case((_late(now), message.c.created_at))),
            _number(and_(_is(MessageState.SENDING), message.c.claimed_at < now - ABANDONED_AFTER)),
        ).where(message.c.state.in_([MessageState.UNCERTAIN, MessageState.DEFERRED, MessageState.SENDING]))
    ).one()
    return Backlog(row[0], row[1], row[2], row[3])


def _is(state: MessageState) -> ColumnElement[bool]:
    return message.c.state == state.value


def _late(now: datetime) -> ColumnElement[bool]:
    return and_(_is(MessageState.DEFERRED), message.c.created_at < now - LONG)


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))
