"""What a list proposed afresh would do otherwise than the one before it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, or_, select

from models.ledger import StepRecord
from models.tables import proposal, rollout_item
from tasks.proposing import CHANGES

VALUES = ("outcome", "due_after", "recertification_after", "course_after")


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines that change something: only now, only before, and in both but to other values."""

    added: int
    gone: int
    otherwise: int


def difference(connection: Connection, record: StepRecord) -> Difference | None:
    """Compare a step's list with the newest one that was withdrawn; None where there was none."""
    if record.proposal is None:
        return None
    before = connection.scalar(
        select(proposal.c.id)
        .where(proposal.c.step_id == record.id, proposal.c.round < record.proposal.round)
        .order_by(proposal.c.round.desc())
        .limit(1)
    )
    if before is None:
        return None
    now = record.proposal.id
    return Difference(
        _only_in(connection, now, before), _only_in(connection, before, now), _otherwise(connection, now, before)
    )


def _only_in(connection: Connection, here: int, there: int) -> int:
    mine, other = rollout_item.alias("mine"), rollout_item.alias("other")
    same = _same_line(mine, other)
    query = (
        select(func.count())
        .select_from(mine)
        .outerjoin(other, and_(other.c.proposal_id == there, same, other.c.outcome.in_(CHANGES)))
        .where(mine.c.proposal_id == here, mine.c.outcome.in_(CHANGES), other.c.learner_id.is_(None))
    )
    return connection.execute(query).scalar_one()


def _otherwise(connection: Connection, here: int, there: int) -> int:
    mine, other = rollout_item.alias("mine"), rollout_item.alias("other")
    query = (
        select(func.count())
        .select_from(mine)
        .join(other, and_(other.c.proposal_id == there, _same_line(mine, other), other.c.outcome.in_(CHANGES)))
        .where(
            mine.c.proposal_id == here,
            mine.c.outcome.in_(CHANGES),
            or_(*(mine.c[name].is_distinct_from(other.c[name]) for name in VALUES)),
        )
    )
    return connection.execute(query).scalar_one()


def _same_line(mine: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(other.c.learner_id == mine.c.learner_id, other.c.training_type_id == mine.c.training_type_id)
