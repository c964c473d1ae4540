"""Turns: how many letters may leave at a moment, where the organisation lets only so many go."""

from __future__ import annotations

from typing import NamedTuple

# A delivery waits so long for its turn, in seconds; beyond that it rests and lets go of what it has claimed.
PATIENCE_SECONDS = 90.0


class Turn(NamedTuple):
    """How many letters may leave now; where there are none, how many seconds to wait, and which limit says so."""

    letters: int
    wait: float = 0.0
    why: str = ""
