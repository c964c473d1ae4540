"""Where certifications stand after their assignments changed: one set of rules for imports and for single completions."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, Subquery, and_, case, func, null, or_, select, update

from models.dates import add_months_sql, anchor_day_sql
from models.learners import newest_completion
from models.roster import succession
from models.tables import assignment, certification, course
from models.words import DateBasis


def recount(connection: Connection, touched: Select[Any], ended: Select[Any], *, basis: DateBasis, today: date) -> None:
    """Set where each touched certification stands; a newer completion ends an override.

    Args:
        connection: an open unit of work, the certifications locked.
        touched: finds the ids of the certifications of which an assignment changed.
        ended: finds the ids of assignments that were there and were completed just now, or corrected.
        basis: which day the next recertification is counted from.
        today: the organisation's business day.
    """
    now = _facts(touched, ended, basis, today)
    newer = and_(
        now.c.completed_on.is_not(None),
        or_(certification.c.completed_on.is_(None), now.c.completed_on > certification.c.completed_on),
    )
    taken = or_(certification.c.next_course_id == now.c.taken_id, now.c.given_id == now.c.taken_id)
    values: dict[str, Any] = {
        "cycle": now.c.cycle,
        "course_id": func.coalesce(now.c.open_course_id, now.c.taken_id),
        "completed_on": now.c.completed_on,
        "computed_on": case((now.c.is_fresh == 1, now.c.computed_on), else_=certification.c.computed_on),
        "next_course_id": case((and_(newer, taken), null()), else_=certification.c.next_course_id),
    }
    for name in ("override_on", "override_by", "override_at", "override_reason", "aligned_by"):
        values[name] = case((newer, null()), else_=certification.c[name])
    connection.execute(update(certification).where(certification.c.id == now.c.id).values(values))


def _facts(touched: Select[Any], ended: Select[Any], basis: DateBasis, today: date) -> Subquery:
    """One row for each certification in which an assignment changed.

    Columns: id, cycle (the highest), open_course_id, taken_id (the course of the newest completion), completed_on,
    is_fresh (1 where that completion is new or was changed), computed_on, given_id (for the course to come today).
    """
    stands, newest = certification.alias("stands"), assignment.alias("newest")
    every = assignment.alias("every")
    mine = every.c.certification_id == stands.c.id
    succeeded = succession(today)
    fresh = or_(newest.c.cycle > stands.c.cycle, newest.c.id.in_(ended))
    anchor = anchor_day_sql(basis, newest.c.assigned_on, newest.c.completed_on)
    return (
        select(
            stands.c.id,
            select(func.max(every.c.cycle)).where(mine).correlate(stands).scalar_subquery().label("cycle"),
            select(every.c.course_id)
            .where(mine, every.c.completed_on.is_(None))
            .correlate(stands)
            .scalar_subquery()
            .label("open_course_id"),
            newest.c.course_id.label("taken_id"),
            newest.c.completed_on,
            case((fresh, 1), else_=0).label("is_fresh"),
            add_months_sql(anchor, course.c.frequency_months).label("computed_on"),
            succeeded.c.given_id,
        )
        .select_from(stands)
        .outerjoin(newest, newest.c.id == newest_completion(stands).scalar_subquery())
        .outerjoin(course, course.c.id == newest.c.course_id)
        .outerjoin(succeeded, succeeded.c.origin_id == stands.c.next_course_id)
        .where(stands.c.id.in_(touched))
        .subquery("facts")
    )
