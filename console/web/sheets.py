"""Lists as spreadsheets: written row by row into a file without a name, so that memory stays flat and nothing is left behind."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import xlsxwriter  # type: ignore[import-untyped]  # it has none
from starlette.responses import StreamingResponse

from console.web.paper import attached, cell
from console.web.uploads import house
from console.web.visit import Visit

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a sheet and a cell can hold; of longer lists the rest is on further sheets.
ROWS_OF_A_SHEET, LONGEST_TEXT = 1_048_576, 32_767
PIECE = 256 * 1024
DAYS = re.compile(r"_on|_on_\w+|(due|recertification)_(before|after)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def spreadsheet(
    visit: Visit, name: str, columns: Sequence[str], rows: Callable[[], Iterable[Mapping[str, Any]]]
) -> StreamingResponse:
    """Send an XLSX file. Days are days, numbers are numbers, everything else is text: no cell is ever a formula or a link."""
    folder = house(visit)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when it has left
    try:
        write(file, folder, columns, rows())
    except BaseException:
        file.close()
        raise
    return StreamingResponse(_pieces(file), media_type=MEDIA_TYPE, headers=attached(name, "xlsx"))


def write(file: IO[bytes], folder: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a workbook.

    Args:
        file: to write into; left at its beginning.
        folder: for what is put together on the way; what a killed process leaves there is deleted after a day.
        columns: of the list, in order; those of days by their names.
        rows: one after the other, each with every column.
    """
    with tempfile.TemporaryDirectory(dir=folder) as between:
        book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "tmpdir": between, "default_date_format": "yyyy-mm-dd"}
        )
        bold = book.add_format({"bold": True})
        sheet, line = None, ROWS_OF_A_SHEET
        for row in rows:
            if sheet is None or line == ROWS_OF_A_SHEET:
                sheet, line = _begun(book, columns, bold), 1
            for number, column in enumerate(columns):
                _put(sheet, line, number, column, cell(row[column]))
            line += 1
        if sheet is None:
            _begun(book, columns, bold)
        book.close()
    file.seek(0)


def _begun(book: Any, columns: Sequence[str], bold: Any) -> Any:
    sheet = book.add_worksheet()
    for number, column in enumerate(columns):
        sheet.set_column(number, number, max(12, min(30, len(column) + 2)))
        sheet.write_string(0, number, column, bold)
    sheet.freeze_panes(1, 0)
    return sheet


def _put(sheet: Any, line: int, number: int, column: str, value: Any) -> None:
    """Write one cell by its kind; the library's own guess would make a formula of what looks like one."""
    if value is None or value == "":
        return
    if isinstance(value, str) and DAYS.search(column) and _DAY.fullmatch(value):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime) and value.year >= 1900:  # noqa: PLR2004 - before it, spreadsheets know no day
        sheet.write_datetime(line, number, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        sheet.write_number(line, number, value)
    else:
        text = value.isoformat() if isinstance(value, date) else str(value)
        sheet.write_string(line, number, text[:LONGEST_TEXT])


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
