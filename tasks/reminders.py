"""Reminders around the Due Date, to learners and to their managers: at most one of a kind for each learner and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    select,
)

from models import choices
from models.database import one_at_a_time
from models.outbox import day_occasion, message_id_sql, occasion_token
from models.post_history import cancel
from models.staging import count
from models.tables import assignment, certification, learner, message, message_line
from models.unsent import is_unsent, speaks
from models.words import MessageKind, MessageState
from tasks.letter_series import Series, assignments, stands, to_learners, to_managers, to_managers_resolved
from tasks.notices import MESSAGE_COLUMNS
from tasks.workbench import Workbench

CHUNK_LEARNERS = 20_000


@dataclass(frozen=True, slots=True)
class Told:
    """What one upkeep did about reminders: mails queued of each kind, and mails taken back."""

    reminders: int
    escalations: int
    resolved: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class _Share:
    """What one transaction writes: letters of one day to learners ``above < id <= upto``.

    ``is_last``: nobody beyond them is called for. ``after``: the newest letter that was there before.
    """

    connection: Connection
    series: Series
    bench: Workbench
    today: date
    above: int
    upto: int
    is_last: bool
    after: int

    @property
    def occasion(self) -> str:
        return day_occasion(self.today)

    def has(self, key: Any) -> ColumnElement[bool]:
        """Whether a learner's id is in this share."""
        return and_(key > self.above, key <= self.upto)

    def letters(self, table: Any) -> ColumnElement[bool]:
        """Whether a row of ``message`` (or an alias) is a letter of this series, day and share."""
        kind = self.series.kind.value
        return and_(table.c.kind == kind, table.c.occasion == self.occasion, self.has(table.c.learner_id))


def remind(bench: Workbench, *, learners: int = CHUNK_LEARNERS) -> Told:
    """Queue what is to be said today about assignments that are due or were completed; take back what is over.

    Of the steps of the schedule that nobody was told of, the latest counts, alone; a letter of an earlier day that has
    not left gives way to it. Run again, or by two processes at once, it adds nothing.

    Args:
        bench: settings, clock and database.
        learners: how many one transaction takes.

    Raises:
        DatabaseUnavailable: safe to call again.
    """
    with bench.database.write() as connection:
        before = choices.read(connection).reminder_days_before
        cancelled = _take_back(connection, bench)
    queued: dict[MessageKind, int] = {}
    for series in (to_learners(before), to_managers(), to_managers_resolved()):
        letters, superseded = _write_letters(bench, series, learners)
        queued[series.kind] = letters
        cancelled += superseded
    return Told(
        queued[MessageKind.REMINDER],
        queued[MessageKind.ESCALATION],
        queued[MessageKind.ESCALATION_RESOLVED],
        cancelled,
    )


def _write_letters(bench: Workbench, series: Series, learners: int) -> tuple[int, int]:
    """Write the letters of one series, share by share; return how many, and how many older ones gave way."""
    above, queued, superseded = 0, 0, 0
    while True:
        with bench.database.write() as connection:
            one_at_a_time(connection)
            share = _next_share(connection, series, bench, above, learners)
            if share is None:
                return queued, superseded
            if written := _queue(share):
                superseded += _supersede(share)
            queued += written
        if share.is_last:
            return queued, superseded
        above = share.upto


def _next_share(connection: Connection, series: Series, bench: Workbench, above: int, learners: int) -> _Share | None:
    today = bench.today()
    called = series.calls_for(today).where(certification.c.learner_id > above, series.address.is_not(None)).distinct()
    some = called.order_by(certification.c.learner_id).limit(learners).subquery()
    newest = select(func.coalesce(func.max(message.c.id), 0)).scalar_subquery()
    upto, number, after = connection.execute(select(func.max(some.c.learner_id), func.count(), newest)).one()
    return None if upto is None else _Share(connection, series, bench, today, above, upto, number < learners, after)


def _queue(share: _Share) -> int:
    """Write the share's letters and their lines; whoever has one of this day already gets no other."""
    series, bench = share.series, share.bench
    recipient = literal(series.prefix) + cast(learner.c.id, String)
    token = occasion_token(bench.key, f"{share.occasion}:{series.kind.value}")
    domain = bench.settings.mail_from.rpartition("@")[2].rstrip(">")
    there = select(literal(1)).where(
        message.c.kind == series.kind.value,
        message.c.recipient == recipient,
        message.c.occasion == share.occasion,
    )
    called = series.calls_for(share.today).where(share.has(certification.c.learner_id))
    at = literal(bench.now(), message.c.created_at.type)
    letters = select(
        literal(series.kind.value),
        literal(share.occasion),
        recipient,
        learner.c.id,
        series.address,
        cast(null(), BigInteger),
        literal(MessageState.QUEUED.value),
        message_id_sql(series.kind, learner.c.id, token, domain),
        at,
        at,
    ).where(learner.c.id.in_(called), series.address.is_not(None), ~there.exists())
    queued = count(share.connection, insert(message).from_select(MESSAGE_COLUMNS, letters.order_by(learner.c.id)))
    if queued:
        _list(share)
    return queued


def _list(share: _Share) -> None:
    """Give each letter that has no lines yet those of its learner."""
    listed = share.series.lists(share.today).where(share.has(certification.c.learner_id)).subquery("listed")
    there = select(literal(1)).where(message_line.c.message_id == message.c.id)
    lines = (
        select(message.c.id, listed.c.id, listed.c.due_on, literal(share.today))
        .join_from(message, listed, listed.c.learner_id == message.c.learner_id)
        .where(message.c.id > share.after, share.letters(message), ~there.exists())
    )
    columns = ["message_id", "assignment_id", "due_on", "told_on"]
    share.connection.execute(insert(message_line).from_select(columns, lines))


def _supersede(share: _Share) -> int:
    """Take back what was to be sent on an earlier day, where today's letter says it; return how many."""
    if share.series.kind is MessageKind.ESCALATION_RESOLVED:
        return 0
    newer = message.alias("newer")
    written = select(newer.c.learner_id).where(share.letters(newer))
    older = and_(message.c.kind == share.series.kind.value, message.c.occasion != share.occasion, is_unsent())
    return cancel(
        share.connection,
        and_(older, message.c.learner_id.in_(written)),
        at=share.bench.now(),
        by="upkeep",
        reply="a later reminder takes its place",
    )


def _take_back(connection: Connection, bench: Workbench) -> int:
    """Cancel unsent reminders of which no line stands: completed, withdrawn, retired, archived, or another Due Date."""
    line = (
        assignments()
        .with_only_columns(literal(1))
        .join(message_line, message_line.c.assignment_id == assignment.c.id)
        .where(
            message_line.c.message_id == message.c.id,
            message_line.c.due_on == assignment.c.due_on,
            stands(bench.today()),
            speaks(),
        )
    )
    kinds = message.c.kind.in_([MessageKind.REMINDER.value, MessageKind.ESCALATION.value])
    over = and_(is_unsent(), kinds, ~exists(line.correlate(message)))
    return cancel(connection, over, at=bench.now(), by="upkeep", reply="nothing of it is to be done any more")
