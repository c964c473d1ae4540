"""How fast mail may leave: so many letters in any second, minute and hour, all senders together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TENTHS = 10  # how many there are in a second


class Limit(NamedTuple):
    """At most *letters* in any span of *seconds*."""

    letters: int
    seconds: int
    name: str


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits; 0 is none."""

    per_second: int = 0
    per_minute: int = 0
    per_hour: int = 0

    @property
    def limits(self) -> list[Limit]:
        """Those that are set, the shortest span first."""
        every = (
            Limit(self.per_second, 1, f"{self.per_second:,} letters a second"),
            Limit(self.per_minute, 60, f"{self.per_minute:,} letters a minute"),
            Limit(self.per_hour, 3_600, f"{self.per_hour:,} letters an hour"),
        )
        return [limit for limit in every if limit.letters]

    def within_patience(self, most: int) -> int:
        """How many letters, up to *most* and at least one, may leave within about a minute: more need not be claimed."""
        rates = [limit.letters * 60 // limit.seconds for limit in self.limits]
        return max(1, min([most, *rates]))
