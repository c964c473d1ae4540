"""A certification's status, derived from the facts and the day: once for Python, once for SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_

from models.words import Status


@dataclass(frozen=True, slots=True)
class Facts:
    """What a status is derived from.

    Attributes:
        archived: the learner is out of circulation.
        open: there is an assignment that is not completed.
        due_on: its Due Date; None when there is none or nothing is open.
        progress: percent of the open assignment.
        recertification_on: the day to renew; None = Never, or pending while an assignment is open.
        completed: something of this training type was ever completed.
    """

    archived: bool
    open: bool
    due_on: date | None
    progress: int
    recertification_on: date | None
    completed: bool


def status(facts: Facts, today: date, upcoming_within_days: int) -> Status:
    """Derive the label; the first rule that matches wins.

    Due *today* is not past due; a Recertification Date of *today* is due.

    Args:
        facts: of one certification.
        today: the organisation's business day.
        upcoming_within_days: how many days ahead a renewal counts as upcoming; 0 = never.

    Source: domain rules 2.1.
    """
    if facts.archived:
        return Status.ARCHIVED
    if facts.open:
        return _open_status(facts, today)
    if facts.recertification_on is not None:
        if facts.recertification_on <= today:
            return Status.DUE_FOR_RECERTIFICATION
        if facts.recertification_on <= today + timedelta(days=upcoming_within_days):
            return Status.UPCOMING_RECERTIFICATION
    return Status.COMPLETED if facts.completed else Status.NOT_ASSIGNED


def _open_status(facts: Facts, today: date) -> Status:
    if facts.due_on is not None and facts.due_on < today:
        return Status.PAST_DUE
    return Status.IN_PROGRESS if facts.progress > 0 else Status.ASSIGNED


def status_sql(standing: Any, today: date, upcoming_within_days: int) -> ColumnElement[str]:
    """SQL twin of ``status`` over the columns of ``roster.standing``."""
    is_open = standing.open_id.is_not(None)
    soon = today + timedelta(days=upcoming_within_days)
    return case(
        (standing.archived, literal(Status.ARCHIVED.value)),
        (and_(is_open, standing.due_on < today), literal(Status.PAST_DUE.value)),
        (and_(is_open, standing.progress > 0), literal(Status.IN_PROGRESS.value)),
        (is_open, literal(Status.ASSIGNED.value)),
        (standing.own_on <= today, literal(Status.DUE_FOR_RECERTIFICATION.value)),
        (standing.own_on <= soon, literal(Status.UPCOMING_RECERTIFICATION.value)),
        (standing.completed_on.is_not(None), literal(Status.COMPLETED.value)),
        else_=literal(Status.NOT_ASSIGNED.value),
    )


def statuses_sql(standing: Any, today: date, upcoming_within_days: int) -> dict[Status, ColumnElement[bool]]:
    """For each status what makes it, said of the facts alone: a label is known to no index and to no planner."""
    soon = today + timedelta(days=upcoming_within_days)
    own_on, completed_on = standing.own_on, standing.completed_on
    is_open = and_(~standing.archived, standing.open_id.is_not(None))
    in_time = and_(is_open, or_(standing.due_on.is_(None), standing.due_on >= today))
    closed = and_(~standing.archived, standing.open_id.is_(None))
    later = and_(closed, or_(own_on.is_(None), own_on > soon))
    return {
        Status.ARCHIVED: standing.archived,
        Status.PAST_DUE: and_(is_open, standing.due_on < today),
        Status.IN_PROGRESS: and_(in_time, standing.progress > 0),
        Status.ASSIGNED: and_(in_time, standing.progress <= 0),
        Status.DUE_FOR_RECERTIFICATION: and_(closed, own_on <= today),
        Status.UPCOMING_RECERTIFICATION: and_(closed, own_on > today, own_on <= soon),
        Status.COMPLETED: and_(later, completed_on.is_not(None)),
        Status.NOT_ASSIGNED: and_(later, completed_on.is_(None)),
    }
