"""The learners list: one row for each certification, and one for each learner who has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Subquery, and_, case, func, null, select

from models.errors import WrongInput
from models.roster import DAYS_KEPT, succession
from models.searching import mentions
from models.status import status_sql
from models.tables import assignment, certification, course, learner, training_type
from models.words import Status

FIELDS = (
    "email",
    "employee_id",
    "first_name",
    "last_name",
    "department",
    "location",
    "training_type",
    "course",
    "status",
    "assigned_on",
    "due_on",
    "completed_on",
    "recertification_on",
    "next_course",
)
SEARCHED = ("first_name", "last_name", "email", "employee_id", "department", "location")
STREAM_ROWS = 2_000


def learners(
    *,
    today: date,
    upcoming_within_days: int,
    status: str | None = None,
    training_type: str | None = None,
    search: str = "",
) -> Select[Any]:
    """The learners list on *today*, narrowed by what is given, ordered by learner and training type.

    Args:
        today: the organisation's business day.
        upcoming_within_days: how many days ahead a renewal counts as upcoming.
        status: a slug of ``words.Status``; of the certification, or of a learner who has none.
        training_type: a slug; leaves only its certifications.
        search: each of its words is found somewhere in name, e-mail, Employee ID, department or location.

    Returns:
        A select of ``FIELDS``, preceded by learner_id and certification_id (null for who has none).

    Raises:
        WrongInput: no such status.
    """
    listed = _listed(today, certified=training_type is not None)
    label = status_sql(listed.c, today, upcoming_within_days)
    query = select(
        listed.c.learner_id,
        listed.c.certification_id,
        *(label.label("status") if name == "status" else listed.c[name] for name in FIELDS),
    )
    if status is not None:
        query = query.where(label == known_status(status))
    if training_type is not None:
        query = query.where(listed.c.training_type == training_type)
    if search.split():
        query = query.where(mentions([listed.c[name] for name in SEARCHED], search))
    return query.order_by(listed.c.learner_id, listed.c.training_type_id)


def read(connection: Connection, query: Select[Any]) -> Iterator[dict[str, str | None]]:
    """Stream the rows of ``learners`` as they stand in JSON: days as ``YYYY-MM-DD``, absent and Never as None.

    Args:
        connection: kept busy until the last row was taken; memory does not grow with the rows.
        query: of ``learners``, perhaps narrowed further.
    """
    with connection.execute(query, execution_options={"yield_per": STREAM_ROWS}) as rows:
        for row in rows:
            values = row[-len(FIELDS) :]
            yield {
                name: value.isoformat() if isinstance(value, date) else value
                for name, value in zip(FIELDS, values, strict=True)
            }


def newest_completion(stands: Any) -> Select[Any]:
    """The newest completed assignment of the certification *stands*: a correlated select of one row, its id."""
    done = assignment.alias("done")
    return (
        select(done.c.id)
        .where(done.c.certification_id == stands.c.id, done.c.completed_on.is_not(None))
        .order_by(
            done.c.completed_on.desc(), func.coalesce(done.c.assigned_on, done.c.completed_on).desc(), done.c.id.desc()
        )
        .limit(1)
        .correlate(stands)
    )


@lru_cache(DAYS_KEPT)
def _listed(today: date, *, certified: bool) -> Subquery:
    """The facts of each row; the columns ``status_sql`` looks for are among them.

    Where only certifications are asked for (*certified*) the learner's number is theirs, so that the index of a
    training type gives its first page without reading all of it.
    """
    opened = assignment.alias("opened")
    taken, to_come = course.alias("taken"), course.alias("to_come")
    succeeded = succession(today)
    is_open = opened.c.id.is_not(None)
    own_on = func.coalesce(certification.c.override_on, certification.c.computed_on)
    next_id = func.coalesce(certification.c.next_course_id, certification.c.course_id)
    return (
        select(
            (certification.c.learner_id if certified else learner.c.id).label("learner_id"),
            certification.c.id.label("certification_id"),
            certification.c.training_type_id,
            *(learner.c[name] for name in FIELDS[:6]),
            learner.c.archived_at.is_not(None).label("archived"),
            training_type.c.slug.label("training_type"),
            taken.c.code.label("course"),
            to_come.c.code.label("next_course"),
            opened.c.id.label("open_id"),
            opened.c.due_on,
            opened.c.progress,
            case((is_open, opened.c.assigned_on), else_=finished_on()).label("assigned_on"),
            case((is_open, null()), else_=certification.c.completed_on).label("completed_on"),
            case((is_open, null()), else_=own_on).label("recertification_on"),
            own_on.label("own_on"),
        )
        .select_from(learner)
        .outerjoin(certification, certification.c.learner_id == learner.c.id)
        .outerjoin(training_type, training_type.c.id == certification.c.training_type_id)
        .outerjoin(opened, and_(opened.c.certification_id == certification.c.id, opened.c.completed_on.is_(None)))
        .outerjoin(taken, taken.c.id == certification.c.course_id)
        .outerjoin(succeeded, succeeded.c.origin_id == next_id)
        .outerjoin(to_come, to_come.c.id == succeeded.c.given_id)
        .subquery("listed")
    )


def finished_on() -> Any:
    """The assigned day of the newest completed assignment of a certification."""
    done = newest_completion(certification)
    [key] = done.selected_columns
    return done.with_only_columns(key.table.c.assigned_on).scalar_subquery()


def known_status(slug: str) -> str:
    """The slug, if it is one. Raises WrongInput."""
    try:
        return Status(slug).value
    except ValueError:
        known = ", ".join(status.value for status in Status)
        raise WrongInput(f"no status {slug[:80]!r}; it is one of {known}") from None
