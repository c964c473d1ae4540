"""Whether what a rollout changed is another by now: whoever changed it since is not overruled by taking it back.

All of it is said over the rows of ``undoing.people``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select

from models.tables import assignment


def changed_since(person: Any, rollout_id: int) -> ColumnElement[bool]:
    """Whether anything that rollout *rollout_id* changed of a person's line stands otherwise than it left it."""
    return or_(_assignment(person), _due_date(person), _date(person, rollout_id), _course(person), _learner(person))


def _assignment(person: Any) -> ColumnElement[bool]:
    """What it assigned, or opened in another version, is not what is open; what it took back has been given anew."""
    gone = and_(person.made_id.is_not(None), person.open_id.is_distinct_from(person.made_id))
    renewed = and_(
        person.renewed_id.is_not(None),
        or_(
            person.open_id.is_distinct_from(person.renewed_id),
            person.made_course_id.is_distinct_from(person.version_became),
        ),
    )
    given = and_(
        person.given_id.is_not(None),
        or_(
            person.open_id.is_not(None),
            person.given_certification_id.is_not(None),
            person.given_in_the_way,
        ),
    )
    return or_(gone, renewed, given)


def in_the_way(given: Any) -> ColumnElement[bool]:
    """Whether something has come about since assignment *given* was taken back that it cannot stand beside.

    That is what has its cycle by now, and a completion that would have been its own.
    """
    since = assignment.alias("since")
    its_own = and_(since.c.id > given.c.id, since.c.completed_on >= given.c.assigned_on)
    of_them = select(literal(1)).where(since.c.certification_id == given.c.withdrawn_from)
    return exists(of_them.where(or_(since.c.cycle == given.c.cycle, its_own)).correlate(given))


def _due_date(person: Any) -> ColumnElement[bool]:
    only_moved = and_(person.moved_id.is_not(None), person.made_id.is_(None), person.date_became.is_(None))
    other = person.open_id.is_distinct_from(person.moved_id)
    return and_(only_moved, or_(other, person.due_on.is_distinct_from(person.due_became)))


def _date(person: Any, rollout_id: int) -> ColumnElement[bool]:
    """The Recertification Date that it set or computed is another, or was set by another hand, or is open by now."""
    another = or_(
        person.override_on_now.is_distinct_from(person.date_became),
        person.override_reason_now.is_distinct_from(f"rollout {rollout_id}"),  # the same day, set by another hand
    )
    opened = and_(person.made_id.is_(None), person.open_id.is_not(None))
    recounted = or_(
        person.open_id.is_not(None),
        person.override_on_now.is_not(None),
        person.computed_on_now.is_distinct_from(person.counted_became),
    )
    return or_(and_(person.date_became.is_not(None), or_(another, opened)), and_(person.recounted, recounted))


def _course(person: Any) -> ColumnElement[bool]:
    """The course to come is another, or it was taken up."""
    named = func.coalesce(person.aligned_course, person.course_became)
    to_come = func.coalesce(person.next_course_id_now, person.taken_id)
    coursed = and_(named.is_not(None), person.made_id.is_(None), to_come.is_distinct_from(named))
    renamed = and_(person.made_id.is_not(None), person.next_course_id_now.is_not(None))
    taken_up = and_(person.course_became.is_not(None), person.open_id.is_distinct_from(person.course_open_id))
    return or_(coursed, renamed, taken_up)


def _learner(person: Any) -> ColumnElement[bool]:
    """Who was archived was brought back, or archived anew; who was brought back is archived again."""
    back = and_(person.archived_at.is_not(None), person.archived_now.is_distinct_from(person.archived_at))
    return or_(back, and_(person.returned, person.archived_now.is_not(None)))
