"""What a history file changes: assignments first, then where each certification stands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    String,
    Subquery,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from models.learners import newest_completion
from models.staging import settle
from models.tables import Instant, assignment, certification
from models.unsent import cancel_finished
from models.words import DateBasis
from tasks.first_lines import store_begun
from tasks.importing import Importing
from tasks.match_history import CHANGED, CHANGES, COMPLETES, CORRECTS, OLDER, REPEAT, REPLACES
from tasks.recounting import recount

OWN_DATE_REASON = "imported"


def apply(importing: Importing, lines: Any, basis: DateBasis) -> int:
    """Write what the staged lines change; return how many assignments are new.

    Args:
        importing: under way, the certifications locked.
        lines: the staging table, matched.
        basis: which day the next recertification is counted from.
    """
    _change_open(importing, lines)
    _complete(importing, lines)
    store_begun(importing.connection, lines, basis)
    created = _create(importing, lines)
    if created:
        settle(importing.connection, assignment, "id", "certification_id", "course_id", "completed_on")
    touched = and_(
        lines.c.begun == 0, or_(lines.c.act.in_(CHANGES), and_(lines.c.act.is_(None), lines.c.known_id.is_(None)))
    )
    recount(
        importing.connection,
        select(lines.c.certification_id).where(touched),
        select(lines.c.known_id).where(lines.c.act.in_((COMPLETES, CORRECTS))),
        basis=basis,
        today=importing.today,
    )
    _set_own_dates(importing, lines)
    completed = select(lines.c.learner_id).where(lines.c.act == COMPLETES)
    cancel_finished(importing.connection, completed, at=importing.at, by=importing.actor)
    return created


def _complete(importing: Importing, lines: Any) -> None:
    """End open assignments by the course that was truly taken, and correct completed days."""
    mine = assignment.c.id == lines.c.known_id
    values = {"completed_on": lines.c.completed_on, "course_id": lines.c.course_id, "progress": 100}
    importing.connection.execute(update(assignment).where(mine, lines.c.act == COMPLETES).values(values))
    importing.connection.execute(
        update(assignment).where(mine, lines.c.act == CORRECTS).values(completed_on=lines.c.completed_on)
    )


def _change_open(importing: Importing, lines: Any) -> None:
    """Bring Due Date and progress of open assignments up to date, or let a newer assignment take their place."""
    mine = and_(assignment.c.id == lines.c.known_id, assignment.c.completed_on.is_(None))
    # a file that still carries the Due Date from before a re-notification does not know the new one
    due_on = case(
        (lines.c.due_given == 0, assignment.c.due_on),
        (lines.c.due_on == assignment.c.first_due_on, assignment.c.due_on),
        else_=lines.c.due_on,
    )
    progress = func.coalesce(lines.c.progress, assignment.c.progress)
    differs = or_(due_on.is_distinct_from(assignment.c.due_on), progress != assignment.c.progress)
    known = and_(lines.c.act.is_(None), lines.c.completed_on.is_(None))
    completing = lines.alias("completing")
    ended = exists(
        select(completing.c.line)
        .where(completing.c.certification_id == lines.c.certification_id, completing.c.act == COMPLETES)
        .correlate(lines)
    )
    changed = exists(select(assignment.c.id).where(mine, differs).correlate(lines))
    importing.connection.execute(update(lines).where(known, changed, ~ended).values(act=CHANGED))
    first = case((assignment.c.first_due_on.is_(None), null()), else_=due_on)
    importing.connection.execute(
        update(assignment)
        .where(mine, lines.c.act == CHANGED)
        .values(due_on=due_on, first_due_on=first, progress=progress)
    )
    taken = {"course_id": lines.c.course_id, "assigned_on": lines.c.assigned_on, "first_due_on": null()}
    taken |= {
        "due_on": func.coalesce(lines.c.due_on, assignment.c.due_on),
        "progress": func.coalesce(lines.c.progress, 0),
    }
    importing.connection.execute(update(assignment).where(mine, lines.c.act == REPLACES).values(taken))


def _create(importing: Importing, lines: Any) -> int:
    """Give each new line a cycle of its own, in the order of their days."""
    day = func.coalesce(lines.c.completed_on, lines.c.assigned_on)
    is_open = case((lines.c.completed_on.is_(None), 1), else_=0)
    number = func.row_number().over(partition_by=lines.c.certification_id, order_by=(day, is_open, lines.c.line))
    progress = case((lines.c.completed_on.is_not(None), 100), else_=func.coalesce(lines.c.progress, 0))
    values = {
        "certification_id": lines.c.certification_id,
        "cycle": case((lines.c.begun == 1, 0), else_=certification.c.cycle) + number,
        "course_id": lines.c.course_id,
        "assigned_on": lines.c.assigned_on,
        "due_on": lines.c.due_on,
        "progress": progress,
        "completed_on": lines.c.completed_on,
    }
    new = (
        select(*values.values())
        .join_from(lines, certification, certification.c.id == lines.c.certification_id)
        .where(lines.c.act.is_(None), lines.c.known_id.is_(None))
    )
    return importing.count(insert(assignment).from_select(list(values), new))


def _set_own_dates(importing: Importing, lines: Any) -> None:
    """An imported Recertification Date overrides the computed one while its own line is the newest completion.

    Where a rollout has set the common day it stays: the file does not know of it.
    """
    counting = select(_own_lines(lines).c.line)
    importing.connection.execute(update(lines).where(lines.c.line.in_(counting)).values(dated=0))
    differs = case(
        (lines.c.own_on.is_(None), certification.c.override_on.is_not(None)),
        (certification.c.override_on.is_(None), certification.c.computed_on.is_distinct_from(lines.c.own_on)),
        else_=certification.c.override_on != lines.c.own_on,
    )
    changed = (
        select(certification.c.id)
        .where(certification.c.id == lines.c.certification_id, differs, certification.c.aligned_by.is_(None))
        .correlate(lines)
    )
    importing.connection.execute(update(lines).where(lines.c.dated == 0, exists(changed)).values(dated=1))
    given = lines.c.own_on.is_not(None)
    importing.connection.execute(
        update(certification)
        .where(certification.c.id == lines.c.certification_id, lines.c.dated == 1)
        .values(
            override_on=lines.c.own_on,
            override_by=case((given, literal(importing.actor[:320], String))),
            override_at=case((given, literal(importing.at, Instant()))),
            override_reason=case((given, literal(OWN_DATE_REASON, String))),
        )
    )
    _note_left_dates(importing, lines)


def _own_lines(lines: Any) -> Subquery:
    """The line of each certification's newest completion, where it carries a Recertification Date or clears one."""
    stands, newest = certification.alias("stands"), assignment.alias("newest")
    itself = newest.c.assigned_on.is_not_distinct_from(lines.c.assigned_on)
    place = func.row_number().over(partition_by=stands.c.id, order_by=(case((itself, 0), else_=1), lines.c.line))
    ranked = (
        select(lines.c.line, lines.c.own_on, lines.c.certification_id, place.label("place"))
        .join_from(lines, stands, stands.c.id == lines.c.certification_id)
        .join(newest, newest.c.id == newest_completion(stands).scalar_subquery())
        .where(
            lines.c.own_given == 1,
            func.coalesce(lines.c.act, "").not_in((REPEAT, OLDER)),
            newest.c.course_id == lines.c.course_id,
            newest.c.completed_on == lines.c.completed_on,
            or_(itself, newest.c.id == lines.c.known_id),
        )
        .subquery("ranked")
    )
    return select(ranked).where(ranked.c.place == 1).subquery("own")


def _note_left_dates(importing: Importing, lines: Any) -> None:
    aligned = importing.connection.scalars(
        select(lines.c.line)
        .join_from(lines, certification, certification.c.id == lines.c.certification_id)
        .where(
            lines.c.dated == 0,
            certification.c.aligned_by.is_not(None),
            certification.c.override_on.is_distinct_from(lines.c.own_on),
        )
        .order_by(lines.c.line)
    )
    importing.findings.note_each(
        (f"line {line}: its Recertification Date is left: a rollout has set the common day" for line in aligned),
        "{} more Recertification Dates are left for the same reason",
    )
    query = select(func.count()).where(lines.c.own_on.is_not(None), lines.c.completed_on.is_(None))
    if unused := importing.connection.scalar(query):
        importing.findings.notes.append(
            f"Recertification Dates of open assignments are not used ({unused}): completing them sets a new one"
        )
