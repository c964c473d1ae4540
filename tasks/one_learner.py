"""Everything that is known of one learner: who they are, what they took, what they were told, what rollouts did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from models.errors import Refused
from models.selection import WHOLE
from models.tables import (
    assignment,
    certification,
    course,
    learner,
    message,
    proposal,
    rollout,
    rollout_item,
    rollout_step,
    training_type,
)
from models.words import StepSlug
from tasks.explain import explain
from tasks.explain_text import sentences

NEWEST = 100
ABOUT_LEARNERS = (StepSlug.ARCHIVE, StepSlug.UNARCHIVE, StepSlug.UNDO)


class UnknownLearner(Refused):
    """There is no such learner."""


@dataclass(frozen=True, slots=True)
class OneLearner:
    """One learner.

    Attributes:
        person: their row.
        certifications: as ``explain`` gives them, each with ``why``, its sentences.
        assignments: every one, the newest first.
        mails: the newest 100, to them or about them.
        lines: the newest 100 lines that rollouts have of them.
    """

    person: Row[Any]
    certifications: list[dict[str, Any]]
    assignments: Sequence[Row[Any]]
    mails: Sequence[Row[Any]]
    lines: Sequence[Row[Any]]


def one_learner(connection: Connection, key: int, today: date) -> OneLearner:
    """Read one learner, as things stand on *today*.

    Raises:
        UnknownLearner: there is none with this id.
    """
    person = connection.execute(select(learner).where(learner.c.id == key)).first()
    if person is None:
        raise UnknownLearner
    known = explain(connection, person.email or person.employee_id, today)["certifications"]
    return OneLearner(
        person,
        [{**each, "why": sentences(each)} for each in known],
        connection.execute(_assignments(key)).all(),
        connection.execute(_mails(key)).all(),
        connection.execute(_lines(connection, key)).all(),
    )


def _assignments(key: int) -> Any:
    days = ("assigned_on", "due_on", "first_due_on", "completed_on", "progress", "cycle", "rollout_id")
    return (
        select(
            training_type.c.slug.label("training_type"),
            course.c.code,
            course.c.title,
            *(assignment.c[day] for day in days),
        )
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(training_type, training_type.c.id == certification.c.training_type_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(certification.c.learner_id == key)
        .order_by(assignment.c.id.desc())
    )


def _mails(key: int) -> Any:
    columns = ("id", "kind", "to_address", "state", "flagged", "created_at", "sent_at", "rollout_id")
    newest = message.c.id.desc()
    return (
        select(*(message.c[name] for name in columns)).where(message.c.learner_id == key).order_by(newest).limit(NEWEST)
    )


def _lines(connection: Connection, key: int) -> Any:
    item = rollout_item.c
    # each by an index: of certifications, or by the lists that are about learners as a whole; looked up before, since
    # PostgreSQL reads all lines there are for "in this select or in that one"
    held = connection.scalars(select(certification.c.id).where(certification.c.learner_id == key)).all()
    lists = select(proposal.c.id).join(rollout_step, rollout_step.c.id == proposal.c.step_id)
    about = connection.scalars(lists.where(rollout_step.c.slug.in_([slug.value for slug in ABOUT_LEARNERS]))).all()
    theirs = item.certification_id.in_(held)
    whole = and_(item.proposal_id.in_(about), item.learner_id == key, item.training_type_id == WHOLE)
    return (
        select(
            rollout.c.id.label("rollout_id"),
            rollout.c.name,
            rollout_step.c.slug,
            training_type.c.slug.label("training_type"),
            item.outcome,
            item.applied_at,
            proposal.c.proposed_at,
        )
        .join_from(rollout_item, proposal, proposal.c.id == item.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .join(rollout, rollout.c.id == rollout_step.c.rollout_id)
        .outerjoin(training_type, training_type.c.id == item.training_type_id)
        .where(or_(theirs, whole), proposal.c.withdrawn_at.is_(None))
        .order_by(proposal.c.id.desc(), rollout_step.c.position.desc())
        .limit(NEWEST)
    )
