"""Step 6: releases the notices born in step 5, and says who could not be reached."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, literal, select, true, update

from models.outbox import occasion
from models.tables import message, rollout_item
from models.words import MessageKind, MessageState, Outcome
from tasks.audience import Case
from tasks.step import Chunk, Rule, chosen


def rule(case_: Case, person: Any) -> Rule:
    """Propose to notify each learner whose certification was renewed in step 5 and who can be reached."""
    written = (
        select(literal(1))
        .where(
            message.c.learner_id == person.learner_id,
            message.c.kind == MessageKind.RECERTIFICATION.value,
            message.c.occasion == occasion(case_.rollout_id, MessageKind.RECERTIFICATION),
        )
        .exists()
    )
    return Rule(
        outcome=chosen((~written, Outcome.SKIP_NO_EMAIL), otherwise=Outcome.NOTIFY),
        flags=literal(0),
        due=(person.renewed_due, person.renewed_due),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.taken_id, person.taken_id),
        assignment=person.renewed_assignment_id,
    )


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """A learner who is still here is told, also if they have finished meanwhile: their mail is cancelled then."""
    del chunk, now
    return true()


def apply(chunk: Chunk) -> None:
    """Release the learners' held notices."""
    told = select(rollout_item.c.learner_id).where(chunk.todo(Outcome.NOTIFY))
    chunk.connection.execute(
        update(message)
        .where(
            and_(
                message.c.learner_id.in_(told),
                message.c.kind == MessageKind.RECERTIFICATION.value,
                message.c.occasion == occasion(chunk.case.rollout_id, MessageKind.RECERTIFICATION),
                message.c.state == MessageState.HELD.value,
            )
        )
        .values(state=MessageState.QUEUED.value, next_try_at=chunk.mail_from_at)
    )
