from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.safe_csv import safe_cell, safe_row


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]
)  # fmt: skip
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["Uma", "uma@example.org", "2026-11-23", "a=b", "O'Connor", "", " x"])
def test_what_is_plain_stays_as_it_is(cell: str) -> None:
    assert safe_cell(cell) == cell


def test_nothing_is_an_empty_cell_and_numbers_are_text() -> None:
    assert safe_row([None, 3, "=x"]) == ["", "3", "'=x"]


@given(st.text())
def test_no_cell_begins_with_a_sign_and_each_can_be_read_back(cell: str) -> None:
    safe = safe_cell(cell)
    assert not safe.lstrip().startswith(("=", "+", "-", "@"))
    assert safe.removeprefix("'") == cell or safe == cell
