"""Step 2: who has not completed gets a new Due Date and is told again; never a recertification."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, update

from models.tables import assignment, rollout_item
from models.words import Flag, MessageKind, MessageState, Outcome
from tasks.audience import Case
from tasks.notices import queue_notices
from tasks.step import Chunk, Rule, chosen, flag


def rule(case_: Case, person: Any) -> Rule:
    """Propose the plan's new Due Date for every open assignment; one that is equal or later is kept."""
    new_due = literal(case_.plan.incomplete.new_due_on)
    is_open = person.open_id.is_not(None)
    kept = person.due_on >= new_due
    return Rule(
        outcome=chosen(
            (and_(is_open, kept), Outcome.RENOTIFY_KEEP_DUE),
            (is_open, Outcome.RENOTIFY),
            (person.completed_on.is_not(None), Outcome.COMPLETED),
            otherwise=Outcome.SKIP_NEVER_COMPLETED,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL),
        due=(person.due_on, case((kept, person.due_on), else_=new_due)),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.taken_id, person.taken_id),
        assignment=person.open_id,
    )


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """The same assignment is still open, with the Due Date that was reviewed."""
    del chunk
    return and_(
        now.open_id == rollout_item.c.assignment_id,
        now.due_on.is_not_distinct_from(rollout_item.c.due_before),
    )


def apply(chunk: Chunk) -> None:
    """Move the Due Dates, keep the first ones on record, and queue one notice for each learner."""
    chunk.connection.execute(
        update(assignment)
        .where(assignment.c.id == rollout_item.c.assignment_id, chunk.todo(Outcome.RENOTIFY))
        .values(
            first_due_on=func.coalesce(assignment.c.first_due_on, assignment.c.due_on),
            due_on=rollout_item.c.due_after,
        )
    )
    queue_notices(chunk, MessageKind.RENOTIFICATION, MessageState.QUEUED, (Outcome.RENOTIFY, Outcome.RENOTIFY_KEEP_DUE))
