"""The outbox as the post sees it: claims and marks, each committed in groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, true, update

from mail.answers import Answer
from mail.connection import Parcel
from mail.turns import Turn
from models.choices import RESENT
from models.database import Database
from models.pace import Pace
from models.tables import message
from models.words import MessageKind, MessageState
from tasks.leaving import Leaving, is_waiting
from tasks.pacing import take_turn
from tasks.recording import Scribe


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
        server: who answers, as ``host:port``, for each letter's history.
        resent: the kinds that go out again when nobody knows whether they arrived.
        leaving: which mail may leave at this moment; any, when None.
        pace: how many letters may leave, all senders together.
        remember: told of the last letter of each group that was tried, and when, once that is committed.
    """

    database: Database
    worker: str
    now: Callable[[], datetime]
    render: Callable[[Connection, Sequence[int]], list[Parcel]]
    rollout_id: int | None = None
    users_only: bool = False
    server: str = ""
    resent: Collection[MessageKind] = RESENT
    leaving: Leaving | None = None
    pace: Pace = field(default_factory=Pace)
    remember: Callable[[int, datetime], None] = lambda _key, _at: None
    _above: int = field(default=0, init=False)  # the last new letter that was claimed

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
        """Choose what to try again, then what is new by number, then what has come back behind us.

        One state at a time, and above the last number: asked for all that waits, a claim would sort all of it, or step
        over all that was sent before, and a million letters would take the square of their time.
        """
        again = message.c.state.in_([MessageState.DEFERRED.value, MessageState.UNCERTAIN.value])
        new = message.c.state == MessageState.QUEUED.value
        keys = [] if self._above else self._due(connection, limit, again)
        if not keys:
            keys = self._due(connection, limit, and_(new, message.c.id > self._above))
            self._above = keys[-1] if keys else self._above
        if not keys and self._above:
            keys = self._due(connection, limit, again) or self._due(connection, limit, new)
        if keys:
            claimed = update(message).where(message.c.id.in_(keys))
            connection.execute(claimed.values(claimed_by=self.worker, claimed_at=self.now()))
        return keys

    def _due(self, connection: Connection, limit: int, which: ColumnElement[bool]) -> list[int]:
        due = select(message.c.id).where(
            which, message.c.next_try_at <= self.now(), message.c.claimed_by.is_(None), self._may_leave()
        )
        if self.rollout_id is not None:
            due = due.where(message.c.rollout_id == self.rollout_id)
        if self.users_only:
            due = due.where(message.c.learner_id.is_(None))
        return list(connection.scalars(due.order_by(message.c.id).limit(limit).with_for_update(skip_locked=True)))

    def _may_leave(self) -> ColumnElement[bool]:
        return true() if self.leaving is None else self.leaving.allowed()

    def take_turn(self, wanted: int) -> Turn:
        """Count letters as leaving now, as many as the pace allows."""
        return take_turn(self.database, self.pace, wanted, self.now())

    def exchange(self, answers: Sequence[Answer], keys: Sequence[int]) -> Collection[int]:
        """Commit at once what became of letters, and that those of *keys* are about to be sent; return who may be."""
        tried, at = [], self.now()
        with self.database.write() as connection:
            if answers:
                tried = Scribe(self.worker, self.server, self.resent).record(connection, answers, at)
            marked = self._mark(connection, keys) if keys else []
        if tried:
            self.remember(tried[-1], at)
        return marked

    def _mark(self, connection: Connection, keys: Sequence[int]) -> list[int]:
        mine = and_(message.c.id.in_(keys), message.c.claimed_by == self.worker, is_waiting())
        marked = update(message).where(mine, self._may_leave()).returning(message.c.id)
        allowed = list(connection.scalars(marked.values(state=MessageState.SENDING.value, claimed_at=self.now())))
        if len(allowed) < len(keys):  # cancelled, paused, or lost to another sender meanwhile
            _let_go(connection, mine)
        return allowed

    def give_back(self, keys: Sequence[int]) -> None:
        """Take back claimed letters that were never tried."""
        with self.database.write() as connection:
            mine = and_(message.c.id.in_(keys), message.c.claimed_by == self.worker, is_waiting())
            _let_go(connection, mine)


def _let_go(connection: Connection, which: ColumnElement[bool]) -> None:
    connection.execute(update(message).where(which).values(claimed_by=None, claimed_at=None))
