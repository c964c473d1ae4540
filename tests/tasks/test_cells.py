from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import cells
from tasks.cells import CellRefused

UTC, TOKYO = ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("2026-02-03", "iso", "2026-02-03"),
        ("2026-02-03", "dmy", "2026-02-03"),
        ("2026/2/3", "mdy", "2026-02-03"),
        ("03/02/2026", "dmy", "2026-02-03"),
        ("03/02/2026", "mdy", "2026-03-02"),
        ("3.2.2026", "dmy", "2026-02-03"),
        ("13/04/2025", "iso", "2025-04-13"),
        ("04/13/2025", "iso", "2025-04-13"),
        ("05/05/2025", "iso", "2025-05-05"),
        ("2026-06-30T23:30:00", "iso", "2026-06-30"),
        ("2026-07-01T03:30:00+05:00", "iso", "2026-06-30"),
        ("2026-06-30 16:00:00Z", "iso", "2026-06-30"),
    ],
)
def test_a_day_is_understood(cell: str, order: Any, expected: str) -> None:
    assert cells.day(order, UTC)(cell) == expected


def test_an_instant_is_the_day_it_is_in_the_zone_that_was_named() -> None:
    assert cells.day("iso", TOKYO)("2026-06-30T16:00:00Z") == "2026-07-01"


@pytest.mark.parametrize(
    ("cell", "order", "words"),
    [
        ("03/04/2025", "iso", "3 April or March 4"),
        ("22/22/2024", "iso", "no date, in any order"),
        ("13/04/2025", "mdy", "no date in the order mdy"),
        ("2025-02-29", "iso", "does not exist"),
        ("2025-02-29T10:00", "iso", "does not exist"),
        ("0", "iso", "no date"),
        ("45678", "iso", "no date"),
        ("1/2/26", "dmy", "no date"),
        ("२०२६-०१-०१", "iso", "no date"),
        ("0026-01-01", "iso", "out of range"),
        ("9999-12-31", "iso", "out of range"),
        ("2026-W05-1", "iso", "no date"),
        ("20260203", "iso", "no date"),
    ],
)
def test_what_is_no_certain_day_is_refused(cell: str, order: Any, words: str) -> None:
    with pytest.raises(CellRefused, match=words):
        cells.day(order, UTC)(cell)


@pytest.mark.parametrize(
    "read",
    [cells.text(5), cells.address, cells.language, cells.time_zone, cells.link, cells.months, cells.day("iso", UTC)],
)
def test_a_blank_cell_says_nothing_and_a_dash_clears(read: cells.Read) -> None:
    assert (read(""), read("-")) == (None, cells.CLEAR)


@given(st.text())
def test_what_is_shown_of_a_value_is_short_and_can_be_printed(value: str) -> None:
    shown = cells.shown(value)
    assert shown.isprintable()
    assert len(shown) <= 80


@given(st.text())
def test_what_was_cleaned_is_clean(cell: str) -> None:
    try:
        cleaned = cells.clean(cell)
    except CellRefused as error:
        refused = str(error)
        assert (refused.isprintable(), cell.isprintable()) == (True, False)
    else:
        assert cells.clean(cleaned) == cleaned
