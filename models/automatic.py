"""Automatic recertification: upon which certifications it may act by itself, and which it leaves to people.

The administrator's switch is one per training type. Besides it, a living rollout that has aligned or holds a certification,
and an approver or plan that took the learner out, keep it from acting. Whom it could not act upon on their day it never
assigns later by itself: their Recertification Date is noted as left to people, until another date stands.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select, update

from models.dates import utc_day
from models.roster import DAYS_KEPT, standing
from models.tables import (
    assignment,
    certification,
    exclusion,
    hold,
    learner,
    rollout,
    rollout_training_type,
    training_type,
)
from models.words import ALIVE, LeftBecause


def own_on() -> ColumnElement[Any]:
    """A certification's own Recertification Date, to be read only while nothing is open."""
    return func.coalesce(certification.c.override_on, certification.c.computed_on)


@lru_cache(2 * DAYS_KEPT)
def due(today: date, *, left: bool = False) -> Select[Any]:
    """Select ``roster.standing``'s columns of every certification to assign by itself on *today*.

    Due today or since earlier days, with a course to come, and completed before today: never on the day of a completion.

    Args:
        today: the organisation's business day.
        left: those that it leaves to people instead, where nothing else is in the way.
    """
    stands = standing(today)
    return (
        select(*stands.c)
        .join_from(stands, certification, certification.c.id == stands.c.certification_id)
        .where(
            stands.c.own_on <= today,
            stands.c.open_id.is_(None),
            stands.c.completed_on < today,
            stands.c.to_come_id.is_not(None),
            stands.c.archived.is_(False),
            unhindered(),
            is_left() if left else ~is_left(),
        )
    )


def unhindered() -> ColumnElement[bool]:
    """Whether nothing keeps automatic recertification from a row of ``certification``, but that it may be left to people."""
    switched_on = select(training_type.c.automatic).where(training_type.c.id == certification.c.training_type_id)
    held = select(literal(1)).where(hold.c.certification_id == certification.c.id, hold.c.ended_at.is_(None))
    alive = rollout.c.state.in_([state.value for state in ALIVE])
    aligned = select(literal(1)).where(rollout.c.id == certification.c.aligned_by, alive)
    return and_(
        switched_on.correlate(certification).scalar_subquery(),
        ~exists(held.correlate(certification)),
        ~exists(aligned.correlate(certification)),
        ~exists(taken_out_of()),
    )


def is_left() -> ColumnElement[bool]:
    """Whether the date that stands in a row of ``certification`` is left to people."""
    return certification.c.left_to_people_on.is_not_distinct_from(own_on())


def taken_out_of() -> Select[Any]:
    """Select the rollouts that the learner of a row of ``certification`` was taken out of, and nothing has mended since.

    Mended by release, by another date, or by a completion on a later day.
    """
    return (
        select(exclusion.c.rollout_id)
        .join(rollout_training_type, rollout_training_type.c.rollout_id == exclusion.c.rollout_id)
        .where(
            exclusion.c.learner_id == certification.c.learner_id,
            exclusion.c.released_at.is_(None),
            rollout_training_type.c.training_type_id == certification.c.training_type_id,
            or_(certification.c.override_at.is_(None), exclusion.c.excluded_at > certification.c.override_at),
            or_(
                certification.c.completed_on.is_(None),
                certification.c.completed_on <= utc_day(exclusion.c.excluded_at),
            ),
        )
        .correlate(certification)
    )


def leave_to_people(connection: Connection, which: ColumnElement[bool], *, today: date, because: LeftBecause) -> None:
    """Leave to people those certifications that match and are due with nothing open.

    Args:
        connection: an open unit of work.
        which: a condition over ``certification``.
        today: the organisation's business day.
        because: why; who is left to people already keeps the reason.
    """
    opened = select(literal(1)).where(
        assignment.c.certification_id == certification.c.id, assignment.c.completed_on.is_(None)
    )
    left = update(certification).where(
        which,
        own_on() <= today,
        certification.c.completed_on.is_not(None),
        ~is_left(),
        ~exists(opened.correlate(certification)),
    )
    values = {"left_to_people_on": own_on(), "left_to_people_because": because.value}
    connection.execute(left.values(**values))


def left_to_people(connection: Connection, today: date) -> dict[str, int]:
    """Reason → number of certifications that are due on *today* and left to people."""
    stands = standing(today)
    because = certification.c.left_to_people_because
    rows = connection.execute(
        select(because, func.count())
        .join_from(stands, certification, certification.c.id == stands.c.certification_id)
        .where(
            is_left(),
            stands.c.recertification_on <= today,
            stands.c.archived.is_(False),
        )
        .group_by(because)
        .order_by(because)
    )
    return {row[0]: row[1] for row in rows}


def active_learners(connection: Connection) -> int:
    """How many learners are not archived."""
    query = select(func.count()).select_from(learner).where(learner.c.archived_at.is_(None))
    return int(connection.execute(query).scalar_one())
