"""What became of each mail: answers recorded in groups, and what a dead sender left."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select, update

from mail.answers import Answer
from models.database import Database
from models.tables import message
from models.words import MessageKind, MessageState

# Missing a legal deadline is worse than a second copy: these go out again when nobody knows whether they arrived.
SENT_AGAIN = (
    MessageKind.RENOTIFICATION,
    MessageKind.RECERTIFICATION,
    MessageKind.REVIEW_REQUEST,
    MessageKind.START_CONFIRMATION,
)
FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=3)
SEND_AGAIN_AFTER = timedelta(minutes=15)
# After so many tries of which nobody knows whether they arrived, a person decides.
MOST_COPIES = 4
# Longer than the longest wait for a reply: whoever marked it is dead or cut off.
ABANDONED_AFTER = timedelta(minutes=10)


def record(connection: Connection, worker: str, answers: Sequence[Answer], at: datetime) -> None:
    """Write what became of these letters of *worker*; an answer about a letter that it lost changes nothing."""
    rows = [_row(answer, at) for answer in answers]
    created = _created(connection, [answer.key for answer in answers])
    for row, answer in zip(rows, answers, strict=True):
        if answer.verdict == "deferred":
            row.update(_deferred(created.get(answer.key), at))
        elif answer.verdict == "uncertain":
            row["b_next"] = _again_at(created.get(answer.key), at)
    if rows:
        connection.execute(_recorded(worker), rows)


def _row(answer: Answer, at: datetime) -> dict[str, Any]:
    state = {"untried": MessageState.QUEUED}.get(answer.verdict) or MessageState(answer.verdict)
    return {
        "b_key": answer.key,
        "b_state": state.value,
        "b_flagged": answer.verdict == "uncertain",
        "b_tried": int(answer.in_data),
        "b_deferred": 0,
        "b_reply": answer.reply[:500] or None,
        "b_next": at if answer.verdict == "untried" else None,
        "b_sent": at if answer.verdict == "sent" else None,
    }


def _created(connection: Connection, keys: Sequence[int]) -> dict[int, Any]:
    query = select(message.c.id, message.c.created_at, message.c.deferrals, message.c.attempts, message.c.kind)
    return {row.id: row for row in connection.execute(query.where(message.c.id.in_(keys)))}


def _deferred(row: Any, at: datetime) -> dict[str, Any]:
    """Wait longer each time, never in step with others, and not for ever."""
    if row is None or at - row.created_at > GIVE_UP_AFTER:
        return {"b_state": MessageState.FAILED.value, "b_next": None}
    delay = min(FIRST_DELAY * 2**row.deferrals, LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    return {"b_next": at + delay, "b_deferred": 1}


def _again_at(row: Row[Any] | None, at: datetime) -> datetime | None:
    """When to send once more, though it may be a double; each time later, and not for ever."""
    if row is None or row.kind not in SENT_AGAIN or row.attempts + 1 >= MOST_COPIES:
        return None
    wait: timedelta = SEND_AGAIN_AFTER * 2**row.attempts
    return at + wait


def _recorded(worker: str) -> Any:
    return (
        update(message)
        .where(message.c.id == bindparam("b_key"), message.c.claimed_by == worker)
        .values(
            state=bindparam("b_state"),
            flagged=or_(message.c.flagged, bindparam("b_flagged")),
            attempts=message.c.attempts + bindparam("b_tried"),
            deferrals=message.c.deferrals + bindparam("b_deferred"),
            last_reply=bindparam("b_reply"),
            next_try_at=bindparam("b_next"),
            sent_at=bindparam("b_sent"),
            claimed_by=None,
            claimed_at=None,
        )
    )


def recover(database: Database, now: datetime, *, rollout_id: int | None = None, worker: str = "") -> int:
    """Settle what a dead sender left: marked letters become uncertain, claimed ones free; return how many were marked.

    Args:
        database: where the outbox is.
        now: this instant.
        rollout_id: this rollout's mail was claimed by earlier processes of its run, which have lost their lease.
        worker: the present process, whose claims stand.
    """
    stale = and_(message.c.claimed_by.is_not(None), message.c.claimed_at < now - ABANDONED_AFTER)
    if rollout_id is not None:
        before = and_(message.c.claimed_by.like(f"rollout-{rollout_id}-%"), message.c.claimed_by != worker)
        stale = or_(stale, before)
    with database.write() as connection:
        again = and_(message.c.kind.in_([kind.value for kind in SENT_AGAIN]), message.c.attempts + 1 < MOST_COPIES)
        marked = and_(stale, message.c.state == MessageState.SENDING.value)
        settled = {"state": MessageState.UNCERTAIN.value, "flagged": True, "claimed_by": None, "claimed_at": None,
                   "last_reply": "the sender ended before the answer was recorded", "attempts": message.c.attempts + 1}  # fmt: skip
        freed = connection.execute(update(message).where(marked, again).values(**settled, next_try_at=now)).rowcount
        freed += connection.execute(update(message).where(marked, ~again).values(**settled, next_try_at=None)).rowcount
        connection.execute(update(message).where(stale).values(claimed_by=None, claimed_at=None))
    return freed
