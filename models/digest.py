"""The fingerprint of a proposal: what an approval is bound to."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, String, cast, select

from models.tables import course, rollout_item, training_type

REMEMBERED = 8_192  # lines that differ in more than their learner


def items_digest(connection: Connection, head: str, proposal_id: int) -> str:
    """Return SHA-256 (64 hex digits) over *head* and the proposal's items in key order.

    A line holds learner id, training type, courses, outcome, flags and the values before and after. It changes if
    and only if one of them, the set of learners, or *head* (rollout, step, plan, template versions) changes.
    Streamed: memory does not grow with the list.
    """
    sha = hashlib.sha256(head.encode() + b"\n")
    courses = {row.id: row.code for row in connection.execute(select(course.c.id, course.c.code))}
    courses[None] = None
    types = {row.id: row.slug for row in connection.execute(select(training_type.c.id, training_type.c.slug))}
    types[0] = None  # the learner as a whole
    item = rollout_item.c
    days = [item.due_before, item.due_after, item.recertification_before, item.recertification_after]
    query = (
        select(
            item.learner_id,
            item.training_type_id,
            item.course_before,
            item.course_after,
            item.outcome,
            item.flags,
            *[cast(day, String) for day in days],
        )
        .where(item.proposal_id == proposal_id)
        .order_by(item.learner_id, item.training_type_id)
        .execution_options(yield_per=5000)
    )

    @lru_cache(maxsize=REMEMBERED)
    def rest_of_line(kind: int, before: int | None, after: int | None, *rest: Any) -> str:
        return repr((types[kind], courses[before], courses[after], *rest))[1:]

    for rows in connection.execute(query).partitions():
        # apart from the learner one line is like many others
        lines = [f"({row[0]}, {rest_of_line(*row[1:])}" for row in rows]
        sha.update("\n".join(lines).encode() + b"\n")
    return sha.hexdigest()
