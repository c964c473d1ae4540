"""What became of each mail: answers recorded in groups with their history, and what a dead sender left."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Row, and_, bindparam, column, func, insert, or_, select, update

from mail.answers import Answer
from models.choices import RESENT
from models.database import Database
from models.post_history import REPLY_LIMIT, change
from models.tables import message, message_event
from models.words import MailEvent, MessageKind, MessageState

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(hours=4)
# With the delays above: after about three days of trying, however long it had waited before.
MOST_DEFERRALS = 25
SEND_AGAIN_AFTER = timedelta(minutes=15)
# After so many tries of which nobody knows whether they arrived, a person decides.
MOST_COPIES = 4
# Longer than the longest wait for a reply: whoever marked it is dead or cut off.
ABANDONED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes down what becomes of the letters that one process claimed.

    Attributes:
        worker: the process; an answer about a letter that it has lost meanwhile changes nothing.
        server: who answered, as ``host:port``.
        resent: the kinds that go out again when nobody knows whether they arrived.
    """

    worker: str
    server: str = ""
    resent: Collection[MessageKind] = RESENT

    def record(self, connection: Connection, answers: Sequence[Answer], at: datetime) -> list[int]:
        """Write what became of these letters, and a line of history for each that was tried; return their keys."""
        keys = [answer.key for answer in answers]
        mine = {row.id: row for row in connection.execute(_claimed(self.worker, keys))}
        known = [answer for answer in answers if answer.key in mine]
        if not known:
            return []
        _write(connection, [self._state(answer, mine[answer.key], at) for answer in known])
        lines = [self._line(answer, mine[answer.key], at) for answer in known if answer.tried]
        if lines:
            connection.execute(insert(message_event), lines)
        return [line["message_id"] for line in lines]

    def _state(self, answer: Answer, row: Row[Any], at: datetime) -> dict[str, Any]:
        values = {
            "b_key": answer.key,
            "b_state": (MessageState.QUEUED if answer.verdict == "untried" else MessageState(answer.verdict)).value,
            "b_flagged": row.flagged or answer.verdict == "uncertain",
            "b_attempts": row.attempts + int(answer.in_data),
            "b_deferrals": row.deferrals,
            "b_events": row.events + int(answer.tried),
            "b_reply": answer.reply[:REPLY_LIMIT] or None,
            "b_next": at if answer.verdict == "untried" else None,
            "b_sent": at if answer.verdict == "sent" else None,
        }
        if answer.verdict == "deferred":
            values.update(_deferred(row, at))
        elif answer.verdict == "uncertain":
            values["b_next"] = self._again_at(answer, row, at)
        return values

    def _again_at(self, answer: Answer, row: Row[Any], at: datetime) -> datetime | None:
        """When to send once more, though it may be a double; each time later, and not for ever.

        Where it was the delivery that ended, at once, as after its process was killed.
        """
        if row.kind not in self.resent or row.attempts + 1 >= MOST_COPIES:
            return None
        if answer.broken_off:
            return at
        wait: timedelta = SEND_AGAIN_AFTER * 2**row.attempts
        return at + wait

    def _line(self, answer: Answer, row: Row[Any], at: datetime) -> dict[str, Any]:
        return {
            "message_id": answer.key,
            "number": row.events + 1,
            "at": at,
            "what": MailEvent(answer.verdict).value,
            "server": self.server or None,
            "reply": answer.reply[:REPLY_LIMIT] or None,
            "by": self.worker,
        }


def _claimed(worker: str, keys: Sequence[int]) -> Any:
    """The letters that are still this worker's, locked: nobody takes them from it before it has written."""
    columns = ("id", "kind", "flagged", "attempts", "deferrals", "events")
    query = select(*(message.c[name] for name in columns))
    return query.where(message.c.id.in_(keys), message.c.claimed_by == worker).with_for_update()


_COLUMNS = {
    "b_state": message.c.state,
    "b_flagged": message.c.flagged,
    "b_attempts": message.c.attempts,
    "b_deferrals": message.c.deferrals,
    "b_events": message.c.events,
    "b_reply": message.c.last_reply,
    "b_next": message.c.next_try_at,
    "b_sent": message.c.sent_at,
}
_ONE = (
    update(message)
    .where(message.c.id == bindparam("b_key"))
    .values({col: bindparam(name) for name, col in _COLUMNS.items()})
    .values(claimed_by=None, claimed_at=None)
)
_LISTS = (
    func.unnest(
        bindparam("b_key", type_=ARRAY(message.c.id.type)),
        *[bindparam(name, type_=ARRAY(col.type)) for name, col in _COLUMNS.items()],
    )
    .table_valued(column("b_key", message.c.id.type), *[column(name, col.type) for name, col in _COLUMNS.items()])
    .render_derived("answer")
)
_ALL = (
    update(message)
    .where(message.c.id == _LISTS.c.b_key)
    .values({col: _LISTS.c[name] for name, col in _COLUMNS.items()})
    .values(claimed_by=None, claimed_at=None)
)


def _write(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write the states: on PostgreSQL as one statement with a list for each column, a fifth of the time of one a letter."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALL, {name: [row[name] for row in rows] for name in rows[0]})
    else:
        connection.execute(_ONE, rows)


def _deferred(row: Row[Any], at: datetime) -> dict[str, Any]:
    """Wait longer each time, never in step with others, and not for ever."""
    if row.deferrals >= MOST_DEFERRALS:
        return {"b_state": MessageState.FAILED.value, "b_next": None}
    delay = min(FIRST_DELAY * 2**row.deferrals, LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    return {"b_next": at + delay, "b_deferrals": row.deferrals + 1}


def recover(
    database: Database,
    now: datetime,
    *,
    rollout_id: int | None = None,
    worker: str = "",
    resent: Collection[MessageKind] = RESENT,
) -> int:
    """Settle what a dead sender left: marked letters become uncertain, claimed ones free; return how many were marked.

    Args:
        database: where the outbox is.
        now: this instant.
        rollout_id: this rollout's mail was claimed by earlier processes of its run, which have lost their lease.
        worker: the present process, whose claims stand.
        resent: the kinds that go out again.
    """
    stale = and_(message.c.claimed_by.is_not(None), message.c.claimed_at < now - ABANDONED_AFTER)
    if rollout_id is not None:
        before = and_(message.c.claimed_by.like(f"rollout-{rollout_id}-%"), message.c.claimed_by != worker)
        stale = or_(stale, before)
    again = and_(message.c.kind.in_([kind.value for kind in resent]), message.c.attempts + 1 < MOST_COPIES)
    marked = and_(stale, message.c.state == MessageState.SENDING.value)
    with database.write() as connection:
        freed = _abandoned(connection, and_(marked, again), now, worker, next_try_at=now)
        freed += _abandoned(connection, and_(marked, ~again), now, worker, next_try_at=None)
        # Nothing marked is freed here: what its sender marks in this very moment is the next recovery's, or nobody's.
        unmarked = and_(stale, message.c.state != MessageState.SENDING.value)
        connection.execute(update(message).where(unmarked).values(claimed_by=None, claimed_at=None))
    return freed


def _abandoned(connection: Connection, which: ColumnElement[bool], at: datetime, by: str, **values: Any) -> int:
    reply = "the sender ended before the answer was recorded"
    return change(
        connection, which, MailEvent.ABANDONED, at=at, by=by or "recert", reply=reply,
        state=MessageState.UNCERTAIN.value, flagged=True, claimed_by=None, claimed_at=None,
        attempts=message.c.attempts + 1, **values,
    )  # fmt: skip
