"""The upkeep's action on courses that were retired: who has not started opens the version that succeeds theirs.

Who has begun finishes the older one. What is to be renewed, and what is assigned from then on, takes the newer version
by ``roster.succession``.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, Subquery, and_, cast, false, literal, null, select, update

from models.roster import succession
from models.tables import assignment, certification, learner, rollout_item
from models.words import Flag, Outcome
from tasks.audience import Case
from tasks.selected import NEVER_SO
from tasks.step import Chunk, Rule, flag


def unstarted(today: date) -> Select[Any]:
    """Select everyone active with an assignment that is not started, of a course that has given way to another.

    Columns: those of ``roster.standing`` that the rule asks for, ``opened_id`` (the course that is open) and ``newer_id``
    (the one that is given for it today).
    """
    newer = succession(today)
    return (
        select(
            certification.c.id.label("certification_id"),
            certification.c.learner_id,
            certification.c.training_type_id,
            false().label("archived"),
            learner.c.email.is_(None).label("no_email"),
            assignment.c.id.label("open_id"),
            assignment.c.due_on,
            newer.c.origin_id.label("opened_id"),
            newer.c.given_id.label("newer_id"),
        )
        .join_from(newer, assignment, assignment.c.course_id == newer.c.origin_id)
        .join(certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .where(
            newer.c.given_id != newer.c.origin_id,
            assignment.c.completed_on.is_(None),
            assignment.c.progress == 0,
            learner.c.archived_at.is_(None),
        )
    )


def people(case_: Case) -> Subquery:
    """Everyone of ``unstarted``, with all columns that a proposal asks for; nobody is taken out."""
    found = unstarted(case_.today).subquery("found")
    return select(*found.c, false().label("excluded"), *NEVER_SO).subquery("audience")


def rule(case_: Case, person: Any) -> Rule:
    """Propose the newer version; the Due Date stays."""
    del case_
    return Rule(
        outcome=literal(Outcome.NEW_VERSION.value),
        flags=flag(person.no_email, Flag.NO_EMAIL) + literal(int(Flag.COURSE_CHANGED)),
        due=(person.due_on, person.due_on),
        recertification=(cast(null(), Date), cast(null(), Date)),  # pending completion
        course=(person.opened_id, person.newer_id),
        assignment=person.open_id,
    )


def still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """The same assignment is still open, of the course that was looked at, and nobody has started it."""
    del chunk
    opened = select(assignment.c.course_id).where(assignment.c.id == rollout_item.c.assignment_id).scalar_subquery()
    same = and_(now.open_id == rollout_item.c.assignment_id, opened == rollout_item.c.course_before)
    return and_(same, now.progress == 0)


def apply(chunk: Chunk) -> None:
    """Exchange the course of the assignments, and of where each certification stands."""
    mine, item = chunk.todo(Outcome.NEW_VERSION), rollout_item.c
    values = {"course_id": item.course_after}
    chunk.connection.execute(update(assignment).where(assignment.c.id == item.assignment_id, mine).values(**values))
    those = and_(certification.c.id == item.certification_id, mine)
    chunk.connection.execute(update(certification).where(those).values(**values))
