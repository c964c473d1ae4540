"""What the charts of a rollout are drawn from: how far each step came, when its mail left, by when its courses are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, String, case, cast, func, literal, select

from models.tables import assignment, message, proposal, rollout_item, rollout_step
from models.words import Outcome, StepSlug
from tasks.overview import Overview
from tasks.proposing import CHANGES, changes_in

# As many columns as a chart has, at most.
COLUMNS = 31
# A span, and the width of the columns it is told in; whatever is longer is told in days.
_WIDTHS = (
    (timedelta(minutes=30), timedelta(minutes=1)),
    (timedelta(hours=5), timedelta(minutes=10)),
    (timedelta(hours=30), timedelta(hours=1)),
)


@dataclass(frozen=True, slots=True)
class Funnel:
    """One step: lines it looked at, lines that change something, lines carried out, and lines that had moved on since."""

    slug: StepSlug
    lines: int
    changes: int
    done: int
    drifted: int


@dataclass(frozen=True, slots=True)
class Sent:
    """Mail that left from *began_at* on, until the next column begins."""

    began_at: datetime
    letters: int


@dataclass(frozen=True, slots=True)
class Due:
    """Assignments due from *first_on* to *last_on* that this rollout told of or made: finished by now, or open."""

    first_on: date
    last_on: date
    finished: int
    open: int


def funnel(connection: Connection, seen: Overview) -> list[Funnel]:
    """Every step that has a list."""
    done = _done(connection, seen.rollout.id)
    return [
        Funnel(
            slug, sum(counts.values()), changes_in(counts), done.get(slug, 0),
            counts.get(Outcome.SKIP_CHANGED_SINCE_REVIEW.value, 0),
        )
        for slug, record in seen.steps.items()
        if record.proposal and (counts := record.proposal.counts)
    ]  # fmt: skip


def sending(connection: Connection, rollout_id: int, zone: ZoneInfo) -> list[Sent]:
    """When the rollout's mail left, in columns of a minute, ten minutes, an hour or a day of *zone*; empty ones, too."""
    mine = (message.c.rollout_id == rollout_id, message.c.sent_at.is_not(None))
    span = select(func.min(message.c.sent_at), func.max(message.c.sent_at)).where(*mine)
    first, last = connection.execute(span).one()
    if first is None:
        return []
    width = next((width for most, width in _WIDTHS if last - first <= most), timedelta(days=1))
    by_minute = func.substr(_as_text(connection), 1, len("2027-01-18T09:00"))
    found = connection.execute(select(by_minute, func.count()).where(*mine).group_by(by_minute))
    letters: Counter[datetime] = Counter()
    for text, number in found:
        letters[_began(datetime.fromisoformat(text).replace(tzinfo=UTC), width, zone)] += number
    return [Sent(at, letters[at]) for at in _columns(min(letters), max(letters), width, zone)]


def due_days(connection: Connection, rollout_id: int) -> list[Due]:
    """By when the courses are due that this rollout gave a Due Date or told of; days are put together where there are many."""
    finished = func.sum(case((assignment.c.completed_on.is_not(None), 1), else_=0))
    rows = connection.execute(
        select(assignment.c.due_on, finished, func.count())
        .where(assignment.c.id.in_(_told_of(rollout_id)), assignment.c.due_on.is_not(None))
        .group_by(assignment.c.due_on)
        .order_by(assignment.c.due_on)
    ).all()
    days = [Due(row[0], row[0], row[1], row[2] - row[1]) for row in rows]
    if len(days) <= COLUMNS:
        return days
    width = -(-((days[-1].last_on - days[0].first_on).days + 1) // COLUMNS)
    return _put_together(days, width)


def _told_of(rollout_id: int) -> Select[tuple[int | None]]:
    return (
        select(rollout_item.c.assignment_id)
        .join_from(rollout_step, proposal, proposal.c.step_id == rollout_step.c.id)
        .join(rollout_item, rollout_item.c.proposal_id == proposal.c.id)
        .where(
            rollout_step.c.rollout_id == rollout_id,
            rollout_item.c.outcome.in_(CHANGES),
            rollout_item.c.applied_at.is_not(None),
            rollout_item.c.assignment_id.is_not(None),
        )
    )


def _done(connection: Connection, rollout_id: int) -> dict[StepSlug, int]:
    """Step → lines of its current list that were carried out."""
    rows = connection.execute(
        select(rollout_step.c.slug, func.count(rollout_item.c.applied_at))
        .join_from(rollout_step, proposal, proposal.c.step_id == rollout_step.c.id)
        .join(rollout_item, rollout_item.c.proposal_id == proposal.c.id)
        .where(
            rollout_step.c.rollout_id == rollout_id,
            proposal.c.withdrawn_at.is_(None),
            rollout_item.c.outcome.in_(CHANGES),
        )
        .group_by(rollout_step.c.slug)
    )
    return {StepSlug(row[0]): row[1] for row in rows}


def _as_text(connection: Connection) -> ColumnElement[str]:
    """When a mail left, as ``2027-01-18T09:00…`` in UTC: on SQLite instants are such text."""
    if connection.dialect.name == "sqlite":
        return cast(message.c.sent_at, String)
    return func.to_char(func.timezone("UTC", message.c.sent_at), literal('YYYY-MM-DD"T"HH24:MI'))


def _began(at: datetime, width: timedelta, zone: ZoneInfo) -> datetime:
    """The beginning of the column that *at* is in."""
    local = at.astimezone(zone)
    if width >= timedelta(days=1):
        return local.replace(hour=0, minute=0)
    if width >= timedelta(hours=1):
        return local.replace(minute=0)
    return local.replace(minute=local.minute - local.minute % (width // timedelta(minutes=1)))


def _columns(first: datetime, last: datetime, width: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    """Every column from the first to the last, by the clock on the wall where it is told in days."""
    at = first
    while at <= last:
        yield at
        at = at + width if width >= timedelta(days=1) else (at.astimezone(UTC) + width).astimezone(zone)


def _put_together(days: list[Due], width: int) -> list[Due]:
    """Columns of *width* days each, from the first day on; those without anything are left out."""
    first = days[0].first_on
    found = []
    for number, group in groupby(days, key=lambda day: (day.first_on - first).days // width):
        several = list(group)
        began = first + timedelta(days=number * width)
        found.append(
            Due(
                began, began + timedelta(days=width - 1), sum(day.finished for day in several),
                sum(day.open for day in several),
            )
        )  # fmt: skip
    return found
