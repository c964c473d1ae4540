"""The outbox as the post sees it: claims, marks and answers, each committed in groups."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from mail.answers import Answer
from mail.connection import Parcel
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


@dataclass
class SqlOutbox:
    """What the post asks of the database.

    Attributes:
        database: where the outbox is.
        worker: who claims; an answer counts only for the one that claimed.
        now: the clock.
        render: from claimed message ids to letters; what cannot be rendered it settles itself.
        rollout_id: deliver this rollout's mail alone, or any.
        users_only: deliver what is for approvers and operators, no learner's notice.
    """

    database: Database
    worker: str
    now: Callable[[], datetime]
    render: Callable[[Connection, Sequence[int]], list[Parcel]]
    rollout_id: int | None = None
    users_only: bool = False

    def claim(self, limit: int) -> Sequence[Parcel]:
        """Take up to *limit* letters that are due; none means that nothing is left now."""
        while True:
            with self.database.write() as connection:
                keys = self._claim_keys(connection, limit)
                if not keys:
                    return []
                parcels = self.render(connection, keys)
            if parcels:
                return parcels

    def _claim_keys(self, connection: Connection, limit: int) -> list[int]:
        due = select(message.c.id).where(is_due(self.now()), message.c.claimed_by.is_(None))
        if self.rollout_id is not None:
            due = due.where(message.c.rollout_id == self.rollout_id)
        if self.users_only:
            due = due.where(message.c.learner_id.is_(None))
        keys = list(connection.scalars(due.order_by(message.c.id).limit(limit).with_for_update(skip_locked=True)))
        if keys:
            claimed = update(message).where(message.c.id.in_(keys))
            connection.execute(claimed.values(claimed_by=self.worker, claimed_at=self.now()))
        return keys

    def mark_sending(self, keys: Sequence[int]) -> Collection[int]:
        """Commit that these are about to be sent; return those that still may be."""
        with self.database.write() as connection:
            mine = and_(message.c.id.in_(keys), message.c.claimed_by == self.worker, _is_waiting())
            allowed = list(connection.scalars(select(message.c.id).where(mine).with_for_update()))
            marked = update(message).where(message.c.id.in_(allowed))
            connection.execute(marked.values(state=MessageState.SENDING.value, claimed_at=self.now()))
        return allowed

    def record(self, answers: Sequence[Answer]) -> None:
        """Commit what became of these."""
        at = self.now()
        rows = [self._row(answer, at) for answer in answers]
        with self.database.write() as connection:
            created = self._created(connection, [answer.key for answer in answers])
            for row, answer in zip(rows, answers, strict=True):
                if answer.verdict == "deferred":
                    row.update(self._deferred(created.get(answer.key), at))
                elif answer.verdict == "uncertain":
                    row["b_next"] = self._again_at(created.get(answer.key), at)
            if rows:
                connection.execute(_recorded(self.worker), rows)

    def _row(self, answer: Answer, at: datetime) -> dict[str, Any]:
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

    def _created(self, connection: Connection, keys: Sequence[int]) -> dict[int, Any]:
        query = select(message.c.id, message.c.created_at, message.c.deferrals, message.c.attempts, message.c.kind)
        return {row.id: row for row in connection.execute(query.where(message.c.id.in_(keys)))}

    def _deferred(self, row: Any, at: datetime) -> dict[str, Any]:
        """Wait longer each time, never in step with others, and not for ever."""
        if row is None or at - row.created_at > GIVE_UP_AFTER:
            return {"b_state": MessageState.FAILED.value, "b_next": None}
        delay = min(FIRST_DELAY * 2**row.deferrals, LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        return {"b_next": at + delay, "b_deferred": 1}

    def _again_at(self, row: Row[Any] | None, at: datetime) -> datetime | None:
        """When to send once more, though it may be a double; each time later, and not for ever."""
        if row is None or row.kind not in SENT_AGAIN or row.attempts + 1 >= MOST_COPIES:
            return None
        wait: timedelta = SEND_AGAIN_AFTER * 2**row.attempts
        return at + wait

    def give_back(self, keys: Sequence[int]) -> None:
        """Take back claimed letters that were never tried."""
        with self.database.write() as connection:
            mine = and_(message.c.id.in_(keys), message.c.claimed_by == self.worker, _is_waiting())
            connection.execute(update(message).where(mine).values(claimed_by=None, claimed_at=None))


def is_due(now: datetime) -> ColumnElement[bool]:
    """Whether a message may leave now: queued, deferred long enough, or uncertain and to be sent again."""
    return and_(_is_waiting(), message.c.next_try_at <= now)


def _is_waiting() -> ColumnElement[bool]:
    return message.c.state.in_([MessageState.QUEUED.value, MessageState.DEFERRED.value, MessageState.UNCERTAIN.value])


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
