"""What is dear to count is counted again when it may be otherwise, and no sooner."""

from __future__ import annotations

from itertools import count

import pytest

from console.web import memory
from console.web.memory import KEPT_S, UNCHANGED_S, ShortMemory


class Clock:
    """A clock that a test moves."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(memory, "time", clock)
    return clock


def test_without_a_stamp_it_is_kept_for_ten_seconds(clock: Clock) -> None:
    numbers, kept = count(1), ShortMemory()
    found = []
    for seconds in (0, KEPT_S - 1, 2, 1):
        clock.now += seconds
        found.append(kept.get("a", lambda: next(numbers)))
    assert found == [1, 1, 2, 2]
    assert kept.get("b", lambda: next(numbers)) == 3


def test_as_long_as_the_stamp_is_the_same_it_is_kept_for_ten_minutes(clock: Clock) -> None:
    numbers, kept = count(1), ShortMemory()
    found = []
    for seconds, stamp in (
        (0, 7),
        (UNCHANGED_S - 1, 7),
        (2, 7),
        (KEPT_S - 1, 8),
        (2, 8),
        (KEPT_S + 1, 8),
        (KEPT_S + 1, 9),
    ):
        clock.now += seconds
        found.append(kept.get("a", lambda: next(numbers), stamp))
    assert found == [1, 1, 2, 2, 3, 3, 4]


@pytest.mark.usefixtures("clock")
def test_it_forgets_rather_than_grow_without_end() -> None:
    kept = ShortMemory()
    for number in range(memory.MOST + 1):
        assert kept.get(number, lambda number=number: number) == number  # type: ignore[misc]
    assert kept.get(0, lambda: "counted again") == "counted again"
