"""Taking assignments back: no certification has them any more, and each stands where it stood before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Date, Select, cast, func, literal, null, select, update

from models.tables import assignment, certification, certification_before, proposal, rollout_item, rollout_step
from models.unsent import cancel_withdrawn
from models.words import Flag, Outcome
from tasks.action_dates import due_still_holds, not_open
from tasks.audience import Case
from tasks.selected import order_of
from tasks.step import Chunk, Rule, chosen, flag

still_holds = due_still_holds


def rule(case_: Case, person: Any) -> Rule:
    """Propose to take back open assignments of the ordered course that are not too far under way."""
    [wanted] = set(case_.next_course.values())
    opened = select(assignment.c.course_id).where(assignment.c.id == person.open_id).scalar_subquery()
    return Rule(
        outcome=chosen(
            *not_open(person),
            (opened != wanted, Outcome.SKIP_OTHER_COURSE),
            (person.progress > literal(order_of(case_).most_progress), Outcome.SKIP_STARTED),
            otherwise=Outcome.UNASSIGN,
        ),
        flags=flag(person.no_email, Flag.NO_EMAIL),
        due=(person.due_on, cast(null(), Date)),
        recertification=(person.recertification_on, person.own_on),
        course=(person.taken_id, last_taken(person.certification_id).scalar_subquery()),
        assignment=person.open_id,
    )


def last_taken(certification_id: Any) -> Select[Any]:
    """The course of a certification's newest completion: a select of one row, correlated with its argument."""
    done = assignment.alias("done")
    day = func.coalesce(done.c.assigned_on, done.c.completed_on)
    return (
        select(done.c.course_id)
        .where(done.c.certification_id == certification_id, done.c.completed_on.is_not(None))
        .order_by(done.c.completed_on.desc(), day.desc(), done.c.id.desc())
        .limit(1)
    )


def apply(chunk: Chunk) -> None:
    """Take the assignments back."""
    withdraw(chunk, Outcome.UNASSIGN)


def withdraw(chunk: Chunk, outcome: Outcome) -> None:
    """Take the assignments of the chunk's items of *outcome* back, with what has not left of their mail.

    Each certification's course to come is that from before the assignment.
    """
    mine, item = chunk.todo(outcome), rollout_item.c
    _restore_next_courses(chunk, mine)
    detach(chunk, mine)
    stand(chunk, mine)
    learners = select(item.learner_id).where(mine)
    cancel_withdrawn(chunk.connection, learners, at=chunk.at, by=chunk.actor)


def detach(chunk: Chunk, which: ColumnElement[bool]) -> None:
    """Take the assignments of the items that match from their certifications, and note by whom and when."""
    chunk.connection.execute(
        update(assignment)
        .where(assignment.c.id == rollout_item.c.assignment_id, which)
        .values(
            withdrawn_from=assignment.c.certification_id,
            certification_id=null(),
            withdrawn_by=chunk.case.rollout_id,
            withdrawn_at=chunk.at,
        )
    )


def stand(chunk: Chunk, which: ColumnElement[bool], otherwise: Any = None) -> None:
    """Let the certifications of the items that match stand at the course and cycle that their assignments, as they are, say.

    A file may have brought any completions in between.

    Args:
        chunk: of the action or the undo.
        which: its items whose assignments were taken away or given back.
        otherwise: the course of a certification that has no assignment at all.
    """
    theirs = select(assignment).where(assignment.c.certification_id == certification.c.id)
    reached = theirs.with_only_columns(func.coalesce(func.max(assignment.c.cycle), 0)).scalar_subquery()
    opened = (
        theirs.with_only_columns(assignment.c.course_id).where(assignment.c.completed_on.is_(None)).scalar_subquery()
    )
    course = func.coalesce(opened, last_taken(certification.c.id).scalar_subquery(), otherwise)
    those = certification.c.id.in_(select(rollout_item.c.certification_id).where(which))
    chunk.connection.execute(update(certification).where(those).values(cycle=reached, course_id=course))


def _restore_next_courses(chunk: Chunk, mine: ColumnElement[bool]) -> None:
    """Let the courses to come be what was kept of them before the assignment, where nobody has named another since."""
    item = rollout_item.c
    kept = (
        select(certification_before.c.next_course_id)
        .join_from(assignment, rollout_step, rollout_step.c.rollout_id == assignment.c.rollout_id)
        .join(proposal, proposal.c.step_id == rollout_step.c.id)
        .join(certification_before, certification_before.c.proposal_id == proposal.c.id)
        .where(
            assignment.c.certification_id == certification.c.id,
            assignment.c.completed_on.is_(None),
            certification_before.c.certification_id == certification.c.id,
        )
        .order_by(proposal.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    those = certification.c.id.in_(select(item.certification_id).where(mine))
    named = func.coalesce(certification.c.next_course_id, kept)
    chunk.connection.execute(update(certification).where(those).values(next_course_id=named))
