from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.errors import FileRefused
from tasks import cells
from tasks.csv_columns import Column, delimiter
from tasks.csv_files import LONGEST_LINE, CsvFile
from tasks.findings import Findings

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (Column("name", "Name", cells.text(20), ("full name",)), Column("note", "Note", cells.text(20)))


def taken(
    path: Path, content: bytes | str, encoding: str | None = None
) -> tuple[list[tuple[int, list[str | None]]], Findings]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    findings = Findings()
    with CsvFile(path, COLUMNS, findings, encoding=encoding) as file:
        return [(line, list(cells)) for line, cells in file.rows()], findings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_row_is_named_by_the_line_it_begins_on(file: Path, end: str) -> None:
    rows, findings = taken(file, end.join(["", "Name,Note", "a,b", "", '"x', 'y",b', "c,d"]))
    assert rows == [(3, ["a", "b"]), (7, ["c", "d"])]
    assert [(refused.line, refused.column) for refused in findings.rejected] == [(5, "Name")]
    assert findings.read == 3


def test_a_quoted_cell_may_hold_delimiters_and_quotes(file: Path) -> None:
    rows, findings = taken(file, 'Name,Note\n"Lee, ""Bo""","a"\n')
    assert rows == [(2, ['Lee, "Bo"', "a"])]
    assert findings.rejected == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [("a,b;c,d", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ('"a,b,c";d', ";"), ("one", ",")],
)
def test_the_delimiter_is_found_from_the_header_outside_of_quotes(header: str, expected: str) -> None:
    assert delimiter(header) == expected


def test_a_missing_column_is_read_as_blank(file: Path) -> None:
    assert taken(file, "Note\nx\n")[0] == [(2, [None, "x"])]


def test_a_mark_at_the_beginning_is_believed_whatever_encoding_was_named(file: Path) -> None:
    rows, _ = taken(file, b"\xef\xbb\xbfName\nZo\xc3\xab\n", encoding="cp1252")
    assert rows == [(2, ["Zoë", None])]


def test_columns_that_are_not_used_are_named_but_not_a_thousand_of_them(file: Path) -> None:
    _, findings = taken(file, "Name,,Size\n")
    assert findings.notes == ["the columns number 2, `Size` are not used"]
    _, findings = taken(file, "Name," + ",".join(f"c{number}" for number in range(2_000)) + "\n")
    (note,) = findings.notes
    assert "`c19` and 1980 more are not used" in note


def test_a_quote_that_swallows_good_rows_refuses_the_file_however_long_it_is(file: Path) -> None:
    with pytest.raises(FileRefused, match="the quote opened on line 3 is never closed"):
        taken(file, 'Name,Note\na,b\n"open,c\n' + "good,row\n" * 200_000)


def test_a_broken_quote_that_may_reach_further_refuses_the_file(file: Path) -> None:
    with pytest.raises(FileRefused, match="line 2: text beside a quoted cell"):
        taken(file, 'Name,Note\n"a"b"c,\n"d",e\n')


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(file: Path) -> None:
    with pytest.raises(FileRefused, match="line 1: the line is endless"):
        taken(file, "x," * LONGEST_LINE)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="cannot be read"):
        CsvFile(tmp_path, COLUMNS, Findings())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200) | st.text('Name,ote;"\t\r\n ab\x00\u200b\ufeff\u0301', max_size=80).map(str.encode),
    encoding=st.sampled_from([None, "cp1252", "utf-16", "shift_jis"]),
)
@example(content=b'Name\n"', encoding=None)
@example(content=b"\xff\xfeN\x00", encoding=None)
@example(content=b"Name\nx", encoding="utf-16")
@example(content=b"Name\n+2AA-", encoding="utf-7")
def test_whatever_the_bytes_are_each_row_is_taken_or_told_or_the_file_refused(
    file: Path, content: bytes, encoding: str | None
) -> None:
    try:
        rows, findings = taken(file, content, encoding)
    except FileRefused as error:
        refusal = str(error)
        assert refusal.isprintable()
    else:
        assert len(rows) + len(findings.rejected) == findings.read
        assert all(refused.reason.isprintable() for refused in findings.rejected)
