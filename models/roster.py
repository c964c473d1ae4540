"""Where every certification stands: one `Select` that lists, filters and proposals are built from."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, func, null, or_, select

from models.tables import assignment, certification, course, learner, training_type

# Statements say the same all day long, and putting a large one together takes longer than a small database's answer.
DAYS_KEPT = 4


@lru_cache(DAYS_KEPT)
def succession(day: date) -> Subquery:
    """Map each course to the one that is given for it on *day*: itself while it is given, else the end of its successors.

    Columns ``origin_id``, ``given_id``; null where a course is retired and leads nowhere.
    """
    origin = course.alias("origin")
    given = case((_living(origin, day), origin.c.id), else_=_heir(origin, day))
    return select(origin.c.id.label("origin_id"), given.label("given_id")).subquery("succession")


def _heir(retired: Any, day: date) -> ColumnElement[Any]:
    """Who is given for a retired course: one step by key, and only from there on step by step."""
    heir = course.alias("heir")
    given = case((_living(heir, day), heir.c.id), else_=_end_of_chain(heir, day))
    return select(given).where(heir.c.id == retired.c.successor_id).correlate(retired).scalar_subquery()


def _end_of_chain(first: Any, day: date) -> ColumnElement[Any]:
    columns = [course.c.id, course.c.retired_on, course.c.successor_id]
    begun = select(*columns).where(course.c.id == first.c.successor_id).correlate(first)
    chain = begun.cte("chain", recursive=True, nesting=True)
    onward = select(*columns).where(chain.c.retired_on <= day, course.c.id == chain.c.successor_id)
    chain = chain.union(onward)  # UNION, not UNION ALL: two courses that succeed each other end here, too
    return select(chain.c.id).where(_living(chain, day)).scalar_subquery()


def _living(which: Any, day: date) -> ColumnElement[bool]:
    return or_(which.c.retired_on.is_(None), which.c.retired_on > day)


@lru_cache(DAYS_KEPT)
def standing(day: date) -> Subquery:
    """One row for every certification, as it stands on *day*.

    Columns:
        certification_id, learner_id, training_type_id: keys.
        archived: whether the learner is out of circulation.
        no_email: whether mail cannot reach them; department, location: where they work.
        open_id, due_on, progress, assigned_on: of the open assignment; null when there is none.
        completed_on: the newest completion ever; null when never.
        own_on: the Recertification Date of its own, null for Never; to be read only while nothing is open.
        recertification_on: as people see it: null while an assignment is open.
        overridden: whether own_on was set by hand or by a rollout; aligned_by: the rollout, if it was one.
        taken_id: the course last taken or assigned.
        changed_to_id: the course to come where somebody changed it; null where nobody did.
        to_come_id: the course that would be given next; null when it is retired and nothing succeeds it.
    """
    succeeded, opened = succession(day), assignment.alias("opened")
    last = func.coalesce(certification.c.next_course_id, certification.c.course_id)
    return (
        select(*_facts(opened), succeeded.c.given_id.label("to_come_id"))
        .join_from(certification, learner, learner.c.id == certification.c.learner_id)
        .outerjoin(opened, and_(opened.c.certification_id == certification.c.id, opened.c.completed_on.is_(None)))
        .outerjoin(succeeded, succeeded.c.origin_id == last)
        .subquery("standing")
    )


def _facts(opened: Any) -> list[ColumnElement[Any]]:
    own_on = func.coalesce(certification.c.override_on, certification.c.computed_on)
    return [
        certification.c.id.label("certification_id"),
        certification.c.learner_id,
        certification.c.training_type_id,
        learner.c.archived_at.is_not(None).label("archived"),
        learner.c.email.is_(None).label("no_email"),
        learner.c.department,
        learner.c.location,
        opened.c.id.label("open_id"),
        opened.c.due_on,
        opened.c.progress,
        opened.c.assigned_on,
        certification.c.completed_on,
        own_on.label("own_on"),
        case((opened.c.id.is_not(None), null()), else_=own_on).label("recertification_on"),
        certification.c.override_on.is_not(None).label("overridden"),
        certification.c.aligned_by,
        certification.c.course_id.label("taken_id"),
        certification.c.next_course_id.label("changed_to_id"),
    ]


def training_type_ids(connection: Any) -> dict[str, int]:
    """The id of each training type, by slug, the oldest first."""
    rows = connection.execute(select(training_type.c.slug, training_type.c.id).order_by(training_type.c.id))
    return {row.slug: row.id for row in rows}


def courses_offered(connection: Any) -> Any:
    """Every course: code, title, retired_on and its training_type; by training type and code."""
    return connection.execute(
        select(course.c.code, course.c.title, course.c.retired_on, training_type.c.slug.label("training_type"))
        .join(training_type, training_type.c.id == course.c.training_type_id)
        .order_by(training_type.c.slug, course.c.code)
    ).all()
