"""Step 5: everyone Due for Recertification is assigned the course to come, once, and the next cycle begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, cast, insert, literal, null, select, update

from models.tables import assignment, certification, rollout_item
from models.words import Flag, MessageKind, MessageState, Outcome
from tasks.audience import Case
from tasks.notices import queue_notices
from tasks.step import Chunk, Rule, chosen, flag


def rule(case_: Case, person: Any) -> Rule:
    """Propose a new assignment of the course to come for who is due."""
    assigned_before = (
        select(literal(1))
        .where(assignment.c.certification_id == person.certification_id, assignment.c.rollout_id == case_.rollout_id)
        .exists()
    )
    return Rule(
        outcome=chosen(
            (assigned_before, Outcome.SKIP_ALREADY_ASSIGNED),
            (person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT),
            (person.completed_on.is_(None), Outcome.SKIP_NEVER_COMPLETED),
            (person.own_on.is_(None), Outcome.SKIP_NEVER),
            (person.to_come_id.is_(None), Outcome.SKIP_NO_COURSE),
            (person.own_on > case_.today, Outcome.SKIP_NOT_DUE),
            otherwise=Outcome.RECERTIFY,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL)
        + flag(person.to_come_id.is_distinct_from(person.taken_id), Flag.COURSE_CHANGED)
        + flag(and_(person.overridden, person.aligned_by.is_distinct_from(case_.rollout_id)), Flag.DATE_OVERRIDDEN),
        due=(person.due_on, literal(case_.today + timedelta(days=case_.plan.due_in_days))),
        recertification=(person.recertification_on, cast(null(), Date)),  # pending completion
        course=(person.taken_id, person.to_come_id),
        assignment=person.open_id,
    )


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """Nothing was opened meanwhile, and date and course are those that were reviewed."""
    del chunk
    return and_(
        now.open_id.is_(None),
        now.own_on == rollout_item.c.recertification_before,
        now.taken_id.is_not_distinct_from(rollout_item.c.course_before),
        now.to_come_id == rollout_item.c.course_after,
    )


def apply(chunk: Chunk) -> None:
    """Assign, and write the notices, held until the next step releases them."""
    assign(chunk, Outcome.RECERTIFY)
    queue_notices(chunk, MessageKind.RECERTIFICATION, MessageState.HELD, (Outcome.RECERTIFY,))


def assign(chunk: Chunk, outcome: Outcome) -> None:
    """Assign the course after of each item of *outcome*, and begin the next cycles."""
    mine = chunk.todo(outcome)
    chunk.connection.execute(
        insert(assignment).from_select(
            ["certification_id", "cycle", "course_id", "assigned_on", "due_on", "first_due_on", "rollout_id"],
            select(
                certification.c.id,
                certification.c.cycle + 1,
                rollout_item.c.course_after,
                literal(chunk.case.today),
                rollout_item.c.due_after,
                rollout_item.c.due_after,
                literal(chunk.case.rollout_id),
            )
            .join_from(rollout_item, certification, certification.c.id == rollout_item.c.certification_id)
            .where(mine)
            .order_by(rollout_item.c.learner_id, rollout_item.c.training_type_id),
        )
    )
    born = select(assignment.c.id).where(
        assignment.c.certification_id == rollout_item.c.certification_id, assignment.c.completed_on.is_(None)
    )
    chunk.connection.execute(update(rollout_item).where(mine).values(assignment_id=born.scalar_subquery()))
    chunk.connection.execute(
        update(certification)
        .where(mine, rollout_item.c.certification_id == certification.c.id)
        .values(cycle=certification.c.cycle + 1, course_id=rollout_item.c.course_after, next_course_id=None)
    )
