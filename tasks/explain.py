"""Why a learner's dates and statuses are what they are: the facts behind each certification, for one person."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from models import choices
from models.addresses import address_key
from models.automatic import taken_out_of
from models.choices import Choices
from models.dates import anchor_day, recertification_date
from models.errors import WrongInput
from models.learners import newest_completion
from models.roster import standing, succession
from models.status import Facts, status
from models.tables import (
    assignment,
    certification,
    course,
    hold,
    learner,
    rollout,
    training_type,
)
from models.words import ALIVE


def explain(connection: Connection, who: str, today: date) -> dict[str, Any]:
    """Return what rules each of a learner's certifications on *today*, as plain values.

    Args:
        connection: read only.
        who: an e-mail address (case ignored) or an Employee ID.
        today: the organisation's business day.

    Returns:
        ``email``, ``employee_id``, ``archived_at`` and ``certifications``: of each the ``training_type``, the
        ``status``, the ``recertification_on`` people see, and what they come from: ``open`` and ``completion``
        (assignments), ``reckoned`` (basis, anchor, frequency), ``override`` (by whom, when, why), ``next_course`` and
        ``automatic`` (the switch, what withholds, and why a due one is left to people). Days are dates, absent and Never are None.

    Raises:
        WrongInput: there is no such learner.
    """
    person = connection.execute(
        select(learner).where(or_(learner.c.email_key == address_key(who), learner.c.employee_id == who.strip()))
    ).first()
    if person is None:
        raise WrongInput(f"no learner {who[:80]!r}: neither an e-mail address nor an Employee ID that is known")
    chosen = choices.read(connection)
    stands = standing(today)
    rows = connection.execute(
        select(stands, certification, training_type.c.slug, training_type.c.automatic)
        .join_from(stands, certification, certification.c.id == stands.c.certification_id)
        .join(training_type, training_type.c.id == stands.c.training_type_id)
        .where(stands.c.learner_id == person.id)
        .order_by(training_type.c.slug)
    ).all()
    return {
        "email": person.email,
        "employee_id": person.employee_id,
        "archived_at": person.archived_at,
        "certifications": [_certification(connection, row, chosen, today) for row in rows],
    }


def _certification(connection: Connection, row: Row[Any], chosen: Choices, today: date) -> dict[str, Any]:
    facts = Facts(
        row.archived, row.open_id is not None, row.due_on, row.progress or 0, row.recertification_on,
        row.completed_on is not None,
    )  # fmt: skip
    done = _completion(connection, row.certification_id)
    return {
        "training_type": row.slug,
        "status": status(facts, today, chosen.upcoming_within_days).value,
        "recertification_on": row.recertification_on,
        "open": _assignment(connection, assignment.c.id == row.open_id),
        "completion": done,
        "reckoned": _reckoned(row, done, chosen),
        "override": _override(row),
        "next_course": _next_course(connection, row, today),
        "automatic": {
            "switched_on": row.automatic,
            "withheld_by": _withheld(connection, row),
            "left_to_people": _left_to_people(row, today),
        },
    }


def _completion(connection: Connection, key: int) -> dict[str, Any] | None:
    """The newest completed assignment: what the Recertification Date is counted from."""
    newest = newest_completion(certification).scalar_subquery()
    itself = select(newest).where(certification.c.id == key).scalar_subquery()
    return _assignment(connection, assignment.c.id == itself)


def _assignment(connection: Connection, which: Any) -> dict[str, Any] | None:
    days = ("assigned_on", "due_on", "first_due_on", "completed_on")
    query = select(
        course.c.code, course.c.frequency_months, assignment.c.progress, assignment.c.rollout_id,
        *(assignment.c[day] for day in days),
    ).join_from(assignment, course, course.c.id == assignment.c.course_id)  # fmt: skip
    row = connection.execute(query.where(which)).first()
    if row is None:
        return None
    return {
        "course": row.code,
        "frequency_months": row.frequency_months,
        "progress": row.progress,
        "rollout": row.rollout_id,
        **{day: getattr(row, day) for day in days},
    }


def _reckoned(row: Row[Any], done: dict[str, Any] | None, chosen: Choices) -> dict[str, Any] | None:
    """The day that stands, and the one that today's basis and frequency would give."""
    if done is None:
        return None
    anchor = anchor_day(chosen.date_basis, done["assigned_on"], done["completed_on"])
    return {
        "recertification_on": row.computed_on,
        "basis": chosen.date_basis.value,
        "anchor_on": anchor,
        "frequency_months": done["frequency_months"],
        "would_be_on": recertification_date(anchor, done["frequency_months"]),
    }


def _override(row: Row[Any]) -> dict[str, Any] | None:
    if row.override_on is None:
        return None
    return {
        "recertification_on": row.override_on,
        "by": row.override_by,
        "at": row.override_at,
        "reason": row.override_reason,
        "rollout": row.aligned_by,
    }


def _next_course(connection: Connection, row: Row[Any], today: date) -> dict[str, Any]:
    """The course to come, and why this one: taken last, chosen by somebody, or in the place of a retired one."""
    wanted = row.changed_to_id or row.taken_id
    succeeded = succession(today)
    given, origin = course.alias("given"), course.alias("origin")
    found = connection.execute(
        select(origin.c.code.label("wanted"), given.c.code.label("given"), origin.c.retired_on)
        .select_from(origin)
        .outerjoin(succeeded, succeeded.c.origin_id == origin.c.id)
        .outerjoin(given, given.c.id == succeeded.c.given_id)
        .where(origin.c.id == wanted)
    ).first()
    if found is None:
        return {"course": None, "instead_of": None, "because": "nothing-taken"}
    because = "chosen" if row.changed_to_id is not None else "taken-last"
    if found.given == found.wanted:
        return {"course": found.given, "instead_of": None, "because": because}
    because = "retired" if found.given is not None else "retired-without-successor"
    return {"course": found.given, "instead_of": found.wanted, "because": because}


def _withheld(connection: Connection, row: Row[Any]) -> list[dict[str, Any]]:
    """What keeps automatic recertification from acting, though its switch be on: by rollout, the oldest first."""
    held = and_(hold.c.certification_id == row.certification_id, hold.c.ended_at.is_(None))
    alive = rollout.c.state.in_([state.value for state in ALIVE])
    found = [
        ("held", select(hold.c.rollout_id).where(held)),
        ("aligned", select(rollout.c.id).where(rollout.c.id == row.aligned_by, alive)),
        ("taken-out", taken_out_of().where(certification.c.id == row.certification_id)),
    ]
    by_rollout = [(key, why) for why, query in found for key in connection.scalars(query)]
    names = dict(
        connection.execute(select(rollout.c.id, rollout.c.name).where(rollout.c.id.in_([key for key, _ in by_rollout])))
        .tuples()
        .all()
    )
    return [{"rollout": key, "name": names[key], "why": why} for key, why in sorted(by_rollout)]


def _left_to_people(row: Row[Any], today: date) -> str | None:
    """Why it is not assigned by itself any more; None where that is not so."""
    due = row.recertification_on is not None and row.recertification_on <= today
    return row.left_to_people_because if due and row.left_to_people_on == row.recertification_on else None
