"""When mail to learners may leave: outside of quiet hours and on working days, by the clock on their wall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = "mon-sun"
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
# A week and a day: every weekday and its quiet hours come round in it.
_LOOK_AHEAD_DAYS = 8


@dataclass(frozen=True, slots=True)
class Hours:
    """Quiet hours and working days.

    Attributes:
        quiet: from and until, on the wall; from later than until goes over midnight; None = never quiet.
        days: the days on which mail leaves; 0 is Monday.
    """

    quiet: tuple[time, time] | None = None
    days: frozenset[int] = frozenset(range(7))

    @classmethod
    def of(cls, quiet: str, days: str) -> Hours:
        """Read ``20:00-07:00`` (empty: never quiet) and ``mon-fri`` or ``mon,tue,sun``.

        Raises:
            ValueError: it is neither.
        """
        return cls(read_quiet(quiet), read_days(days))

    @property
    def always_open(self) -> bool:
        """Whether there is nothing to keep."""
        return self.quiet is None and len(self.days) == len(DAYS)

    def open_at(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether mail to somebody in *zone* may leave at the instant *at*."""
        wall = at.astimezone(zone)
        return wall.weekday() in self.days and not self._is_quiet(wall.time())

    def _is_quiet(self, wall: time) -> bool:
        if self.quiet is None:
            return False
        begins, ends = self.quiet
        return begins <= wall < ends if begins < ends else not ends <= wall < begins

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant from *at* on, aware UTC, at which mail to somebody in *zone* may leave."""
        if self.open_at(at, zone):
            return at
        today = at.astimezone(zone).date()
        walls = {time(0), self.quiet[1] if self.quiet else time(0)}
        moments = sorted(
            datetime.combine(today + timedelta(days=day), wall, zone).astimezone(UTC)
            for day in range(_LOOK_AHEAD_DAYS + 1)
            for wall in walls
        )
        return next(moment for moment in moments if moment > at and self.open_at(moment, zone))


def read_quiet(text: str) -> tuple[time, time] | None:
    """Read quiet hours such as ``20:00-07:00``; empty text is None.

    Raises:
        ValueError: it is no such span, or one without an end.
    """
    if not text:
        return None
    span = _SPAN.fullmatch(text)
    if span is None:
        raise ValueError(text)
    begins, ends = time(int(span[1]), int(span[2])), time(int(span[3]), int(span[4]))
    if begins == ends:
        raise ValueError(text)
    return begins, ends


def read_days(text: str) -> frozenset[int]:
    """Read days such as ``mon-fri`` or ``mon,wed,sat-sun``, as numbers from Monday 0.

    Raises:
        ValueError: it names no day, or something else.
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        first, to, last = part.strip().partition("-")
        begins, ends = DAYS.index(first), DAYS.index(last if to else first)
        if begins > ends:
            raise ValueError(text)
        found |= set(range(begins, ends + 1))
    return frozenset(found)
