"""CSV that no spreadsheet runs: text that looks like a formula is marked as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets read the full-width ones alike


def safe_cell(value: object) -> str:
    """*value* as a cell: an apostrophe goes before what a spreadsheet would take for a formula; None is empty."""
    if value is None:
        return ""
    cell = str(value)
    suspicious = cell.startswith(_FORMULA_SIGNS) or cell.lstrip().startswith(_FORMULA_SIGNS)
    return f"'{cell}" if suspicious else cell


def safe_row(values: Iterable[Any]) -> list[str]:
    """A row of safe cells."""
    return [safe_cell(value) for value in values]
