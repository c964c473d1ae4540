"""Where learners click: which courses cannot tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, or_, select

from models.tables import course, training_type


def courses_without_link(connection: Connection, training_types: Sequence[str], today: date) -> list[str]:
    """Codes of the courses of these training types (slugs) that may be given on *today* and have no link."""
    living = or_(course.c.retired_on.is_(None), course.c.retired_on > today)
    return list(
        connection.scalars(
            select(course.c.code)
            .join(training_type, training_type.c.id == course.c.training_type_id)
            .where(training_type.c.slug.in_(training_types), living, or_(course.c.link.is_(None), course.c.link == ""))
            .order_by(course.c.code)
        )
    )
