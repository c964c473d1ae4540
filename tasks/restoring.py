"""What taking a rollout back writes: each row as the rollout's items and ``certification_before`` have it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, func, null, or_, select, update

from models.tables import assignment, certification, certification_before, rollout_item
from models.words import Flag, Outcome
from tasks.action_dates import DATED, tell_anew
from tasks.step import Chunk

OVERRIDE = ("override_on", "override_by", "override_at", "override_reason", "aligned_by")
LEFT = ("left_to_people_on", "left_to_people_because")
ASSIGNED = (Outcome.RECERTIFY, Outcome.ASSIGN, Outcome.UNASSIGN)
RECOUNTED = (Outcome.RECOMPUTE,)
KEPT = (*ASSIGNED, *DATED, *RECOUNTED, Outcome.SET_COURSE)


def certifications(chunk: Chunk, mine: ColumnElement[bool], was: Subquery) -> None:
    """Put back overrides and courses to come, each only where the rollout changed it.

    Args:
        chunk: of the undo.
        mine: its items to put back.
        was: the items of the rollout that is taken back.
    """
    those = certification.c.id.in_(select(rollout_item.c.certification_id).where(mine))
    before = {name: _before(was, name) for name in ("next_course_id", *OVERRIDE, *LEFT)}
    aligned = and_(was.c.outcome.in_(DATED), was.c.flags.op("&")(int(Flag.COURSE_CHANGED)) != 0)
    coursed = or_(was.c.outcome.in_((*ASSIGNED, Outcome.SET_COURSE)), aligned)
    parts: list[tuple[ColumnElement[bool], dict[str, Any]]] = [
        (coursed, {"next_course_id": before["next_course_id"]}),
        (was.c.outcome.in_((*DATED, *RECOUNTED)), {name: before[name] for name in OVERRIDE}),
        (was.c.outcome.in_(RECOUNTED), {"computed_on": _computed(was)}),
        (was.c.outcome.in_(KEPT), {name: before[name] for name in LEFT}),
    ]
    for which, values in parts:
        changed = certification.c.id.in_(select(was.c.certification_id).where(which).correlate(None))
        chunk.connection.execute(update(certification).where(those, changed).values(**values))


def _before(was: Subquery, name: str) -> ColumnElement[Any]:
    """What was kept by the rollout's first change to the certification; nothing kept = nothing was there."""
    first = (
        select(func.min(was.c.proposal_id))
        .where(was.c.certification_id == certification.c.id, was.c.outcome.in_(KEPT))
        .correlate(certification)
        .scalar_subquery()
    )
    return (
        select(certification_before.c[name])
        .where(
            certification_before.c.certification_id == certification.c.id, certification_before.c.proposal_id == first
        )
        .correlate(certification)
        .scalar_subquery()
    )


def _computed(was: Subquery) -> ColumnElement[Any]:
    """The date as it was reckoned before: where nothing else was kept, it is the one that the item replaced."""
    replaced = (
        select(func.max(was.c.recertification_before))
        .where(was.c.certification_id == certification.c.id, was.c.outcome.in_(RECOUNTED))
        .correlate(certification)
        .scalar_subquery()
    )
    return case((_before(was, "certification_id").is_not(None), _before(was, "computed_on")), else_=replaced)


def versions(chunk: Chunk, which: ColumnElement[bool]) -> None:
    """Let assignments, and where their certifications stand, be of the earlier version again."""
    item = rollout_item.c
    mine = and_(assignment.c.id == item.assignment_id, which)
    chunk.connection.execute(update(assignment).where(mine).values(course_id=item.course_after))
    those = and_(certification.c.id == item.certification_id, which)
    chunk.connection.execute(update(certification).where(those).values(course_id=item.course_after))


def course_before(was: Subquery) -> ColumnElement[Any]:
    """The course that a certification stood at before the rollout assigned another, or took it back."""
    return (
        select(func.max(was.c.course_before))
        .where(was.c.certification_id == certification.c.id, was.c.outcome.in_(ASSIGNED))
        .correlate(certification)
        .scalar_subquery()
    )


def give_back(chunk: Chunk, which: ColumnElement[bool]) -> None:
    """Let certifications have the assignments again that were taken from them."""
    values = {"certification_id": assignment.c.withdrawn_from, "withdrawn_from": null()}
    values |= {"withdrawn_by": null(), "withdrawn_at": null()}
    theirs = assignment.c.id.in_(select(rollout_item.c.assignment_id).where(which))
    chunk.connection.execute(update(assignment).where(theirs).values(**values))


def due_dates(chunk: Chunk, which: ColumnElement[bool]) -> None:
    """Put Due Dates back, also in letters that have not left; a first one that only the move had noted goes with it."""
    mine = and_(assignment.c.id == rollout_item.c.assignment_id, which)
    noted = and_(assignment.c.rollout_id.is_(None), assignment.c.first_due_on == rollout_item.c.due_after)
    values = {
        "first_due_on": case((noted, null()), else_=assignment.c.first_due_on),
        "due_on": rollout_item.c.due_after,
    }
    chunk.connection.execute(update(assignment).where(mine).values(**values))
    tell_anew(chunk, which)
