"""Step 4: a hold on each certification that now stands on the common day, so that nothing goes out early."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, literal, select

from models.staging import insert_missing
from models.tables import hold, rollout_item, training_type
from models.words import Outcome
from tasks.audience import Case
from tasks.step import Chunk, Rule, chosen

STILL_A_REASON = (
    Outcome.SKIP_NO_COURSE,
    Outcome.SKIP_TOO_RECENT,
    Outcome.SKIP_WOULD_EXTEND,
    Outcome.SKIP_TOO_EARLY,
    Outcome.SKIP_CHANGED_SINCE_REVIEW,
)


def rule(case_: Case, person: Any) -> Rule:
    """Propose a hold where automatic recertification would otherwise act on the common day.

    Who does not stand on the common day keeps the reason that the alignment gave, where it is still one.
    """
    aligned = and_(person.open_id.is_(None), person.own_on == case_.plan.recertify_on)
    automatic = select(training_type.c.automatic).where(training_type.c.id == person.training_type_id).scalar_subquery()
    return Rule(
        outcome=chosen(
            (person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT),
            (and_(aligned, automatic), Outcome.DISABLE),
            (aligned, Outcome.SKIP_UNCHANGED),
            (person.completed_on.is_(None), Outcome.SKIP_NEVER_COMPLETED),
            (person.own_on.is_(None), Outcome.SKIP_NEVER),
            *[(person.aligned_outcome == reason.value, reason) for reason in STILL_A_REASON],
            otherwise=Outcome.SKIP_NOT_DUE,
        ),
        flags=literal(0),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.to_come_id, person.to_come_id),
        assignment=person.open_id,
    )


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """It still stands on the common day."""
    return and_(now.open_id.is_(None), now.own_on == chunk.case.plan.recertify_on)


def apply(chunk: Chunk) -> None:
    """Write the holds; one that is there stays as it is."""
    held = select(
        literal(chunk.case.rollout_id), rollout_item.c.certification_id, literal(chunk.at, hold.c.held_at.type)
    ).where(chunk.todo(Outcome.DISABLE))
    insert_missing(chunk.connection, hold, ["rollout_id", "certification_id", "held_at"], held)
