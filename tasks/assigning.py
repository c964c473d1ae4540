"""Actions that assign: a course to anybody, the renewal to who is due; and telling again of what is open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, cast, literal, null, or_, select, update

from models.staging import insert_missing
from models.tables import certification, rollout_item
from models.words import Flag, MessageKind, MessageState, Outcome
from tasks import recertify_due
from tasks.action_dates import not_open
from tasks.audience import Case
from tasks.notices import queue_notices
from tasks.selected import order_of
from tasks.step import Chunk, Rule, chosen, flag, otherwise


def rule(case_: Case, person: Any) -> Rule:
    """Propose the ordered course for everybody who has nothing open in its training type."""
    [new] = set(case_.next_course.values())
    due_on = order_of(case_).due_on or case_.today + timedelta(days=case_.plan.due_in_days)
    other = and_(person.taken_id.is_not(None), person.taken_id != new)
    return Rule(
        outcome=chosen((person.open_id.is_not(None), Outcome.SKIP_OPEN_ASSIGNMENT), otherwise=Outcome.ASSIGN),
        flags=flag(person.no_email, Flag.NO_EMAIL) + flag(other, Flag.COURSE_CHANGED),
        due=(person.due_on, literal(due_on)),
        recertification=(person.recertification_on, cast(null(), Date)),  # pending completion
        course=(person.taken_id, literal(new)),
        assignment=person.open_id,
    )


def make_certifications(chunk: Chunk, outcome: Outcome = Outcome.ASSIGN) -> None:
    """Make the certifications that the chunk's lines of *outcome* lack, and name them in the lines."""
    item = rollout_item.c
    lacking = and_(chunk.todo(outcome), item.certification_id.is_(None))
    columns = ["learner_id", "training_type_id", "cycle"]
    new = select(item.learner_id, item.training_type_id, literal(0)).where(lacking).order_by(item.learner_id)
    insert_missing(chunk.connection, certification, columns, new)
    mine = select(certification.c.id).where(
        certification.c.learner_id == item.learner_id, certification.c.training_type_id == item.training_type_id
    )
    chunk.connection.execute(update(rollout_item).where(lacking).values(certification_id=mine.scalar_subquery()))


def moved(chunk: Chunk) -> ColumnElement[bool]:
    """Something was opened meanwhile, the learner was archived, or what they had is not what was looked at."""
    return otherwise(
        chunk,
        lambda now, line: or_(
            now.open_id.is_not(None),
            now.archived,
            now.taken_id.is_distinct_from(line.course_before),
            now.recertification_on.is_distinct_from(line.recertification_before),
        ),
    )


def apply(chunk: Chunk) -> None:
    """Assign, and queue one notice to each learner."""
    recertify_due.assign(chunk, Outcome.ASSIGN)
    queue_notices(chunk, MessageKind.ASSIGNMENT, MessageState.QUEUED, (Outcome.ASSIGN,))


def recertify(chunk: Chunk) -> None:
    """Assign the courses to come, and queue one notice to each learner."""
    recertify_due.assign(chunk, Outcome.RECERTIFY)
    queue_notices(chunk, MessageKind.RECERTIFICATION, MessageState.QUEUED, (Outcome.RECERTIFY,))


def renotify_rule(case_: Case, person: Any) -> Rule:
    """Propose to tell again of every open assignment, with the Due Date that it has."""
    del case_
    return Rule(
        outcome=chosen(
            *not_open(person), (person.due_on.is_(None), Outcome.SKIP_NO_DUE_DATE), otherwise=Outcome.RENOTIFY_KEEP_DUE
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL),
        due=(person.due_on, person.due_on),
        recertification=(person.recertification_on, person.recertification_on),
        course=(person.taken_id, person.taken_id),
        assignment=person.open_id,
    )


def renotify(chunk: Chunk) -> None:
    """Queue one notice to each learner, listing all that they are told of."""
    queue_notices(chunk, MessageKind.RENOTIFICATION, MessageState.QUEUED, (Outcome.RENOTIFY_KEEP_DUE,))
