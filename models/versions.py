"""Which version of a training type is for whom: courses may name regions and roles, and the closest one counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, or_, select

from models.tables import course


@dataclass(frozen=True, slots=True)
class Version:
    """A course that is given: whom it is for; an empty list names nobody in particular."""

    id: int
    code: str
    training_type_id: int
    regions: frozenset[str]
    roles: frozenset[str]

    @property
    def named(self) -> int:
        """How much it says of whom it is for."""
        return bool(self.regions) + bool(self.roles)

    def suits(self, region: str | None, role: str | None) -> bool:
        """Whether it is for people of this region and role; case makes no difference."""
        return all(
            not wanted or (has or "").casefold() in wanted
            for wanted, has in ((self.regions, region), (self.roles, role))
        )


def versions(connection: Connection, day: date) -> list[Version]:
    """The courses given on *day* of every training type that has one for some region or role; by code."""
    given = or_(course.c.retired_on.is_(None), course.c.retired_on > day)
    found = [
        Version(row.id, row.code, row.training_type_id, _folded(row.regions), _folded(row.roles))
        for row in connection.execute(select(course).where(given).order_by(course.c.code))
    ]
    told_apart = {version.training_type_id for version in found if version.named}
    return [version for version in found if version.training_type_id in told_apart]


def closest(given: Iterable[Version], region: str | None, role: str | None) -> list[Version]:
    """Those of one training type that say the most of a person of this region and role; several match equally."""
    suited = [version for version in given if version.suits(region, role)]
    most = max((version.named for version in suited), default=0)
    return [version for version in suited if version.named == most]


def _folded(names: Sequence[str] | None) -> frozenset[str]:
    return frozenset(name.casefold() for name in names or ())
