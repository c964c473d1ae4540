"""The courses there are, training type by training type: how often each is renewed, what follows it, who stands on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from sqlalchemy import Connection, Row, func, select

from models.frequencies import shown
from models.tables import certification, course, training_type


@dataclass(frozen=True, slots=True)
class Listed:
    """One course.

    Attributes:
        code, title, link: as they were imported.
        frequency: months as text, or ``never``.
        successor: code of the course that follows it.
        retired_on: the day from which it is not given any more.
        regions, roles: the locations and roles it is for; empty = any.
        standing: certifications whose course it is.
    """

    code: str
    title: str
    link: str
    frequency: str
    successor: str | None
    retired_on: date | None
    regions: tuple[str, ...]
    roles: tuple[str, ...]
    standing: int


@dataclass(frozen=True, slots=True)
class Subject:
    """One training type, its switch for automatic recertification, and its courses: the living first."""

    slug: str
    automatic: bool
    courses: list[Listed]


def standing(connection: Connection) -> dict[int, int]:
    """Course → certifications whose course it is; whatever nobody stands on is left out."""
    rows = connection.execute(select(certification.c.course_id, func.count()).group_by(certification.c.course_id))
    return {row[0]: row[1] for row in rows if row[0] is not None}


def subjects(connection: Connection, people: dict[int, int], today: date) -> list[Subject]:
    """Every training type with its courses.

    Args:
        connection: read only.
        people: as ``standing`` counts them.
        today: the organisation's business day: who is retired by it comes last.
    """
    follows = course.alias("follows")
    rows = connection.execute(
        select(training_type.c.slug, training_type.c.automatic, course, follows.c.code.label("successor"))
        .select_from(training_type)
        .outerjoin(course, course.c.training_type_id == training_type.c.id)
        .outerjoin(follows, follows.c.id == course.c.successor_id)
        .order_by(training_type.c.slug, course.c.code)
    )
    found = []
    for (slug, automatic), group in groupby(rows, key=lambda row: (row.slug, row.automatic)):
        courses = [_listed(row, people) for row in group if row.id is not None]
        courses.sort(key=lambda one: one.retired_on is not None and one.retired_on <= today)
        found.append(Subject(slug, automatic, courses))
    return found


def _listed(row: Row[tuple[object, ...]], people: dict[int, int]) -> Listed:
    return Listed(
        code=row.code,
        title=row.title,
        link=row.link or "",
        frequency=shown(row.frequency_months),
        successor=row.successor,
        retired_on=row.retired_on,
        regions=tuple(row.regions or ()),
        roles=tuple(row.roles or ()),
        standing=people.get(row.id, 0),
    )
