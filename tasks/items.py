"""The lines of a proposal as people and programs read them, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, String, cast, select

from models.tables import course, learner, rollout_item, training_type
from models.words import flag_slugs


def item_lines(proposal_id: int, outcomes: Sequence[str] = ()) -> Select[Any]:
    """A `Select` of a proposal's items with names instead of keys; days as ISO text, in key order."""
    before, after = course.alias("before"), course.alias("after")
    item = rollout_item.c
    query = (
        select(
            learner.c.email,
            learner.c.employee_id,
            learner.c.first_name,
            learner.c.last_name,
            learner.c.department,
            learner.c.manager_email,
            training_type.c.slug.label("training_type"),
            item.outcome,
            item.flags,
            *[
                cast(item[name], String).label(name)
                for name in ("due_before", "due_after", "recertification_before", "recertification_after")
            ],
            before.c.code.label("course_before"),
            after.c.code.label("course_after"),
            item.applied_at,
        )
        .join_from(rollout_item, learner, learner.c.id == item.learner_id)
        .outerjoin(training_type, training_type.c.id == item.training_type_id)
        .outerjoin(before, before.c.id == item.course_before)
        .outerjoin(after, after.c.id == item.course_after)
        .where(item.proposal_id == proposal_id)
        .order_by(item.learner_id, item.training_type_id)
    )
    return query.where(item.outcome.in_(outcomes)) if outcomes else query


def items(connection: Connection, proposal_id: int, outcomes: Sequence[str] = ()) -> Iterator[Row[Any]]:
    """Stream a proposal's items."""
    return iter(connection.execute(item_lines(proposal_id, outcomes).execution_options(yield_per=5000)))


def as_json(row: Row[Any]) -> dict[str, Any]:
    """One item in the shape of the interface."""
    return {
        "email": row.email,
        "employee_id": row.employee_id,
        "training_type": row.training_type,
        "outcome": row.outcome,
        "flags": flag_slugs(row.flags),
        "due_on": [row.due_before, row.due_after],
        "recertification_on": [row.recertification_before, row.recertification_after],
        "course": [row.course_before, row.course_after],
    }
