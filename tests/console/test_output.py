from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from console import output

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = [
    {"name": "Zoë", "day": date(2027, 1, 18), "done": True, "roles": ["a", "b"], "none": None},
    {"name": "=1+1", "day": None, "done": False, "roles": [], "none": None},
]
COLUMNS = ("name", "day", "done", "roles", "none")


@pytest.mark.parametrize("count", [0, 1, 3], ids=["none", "one", "three"])
def test_an_array_is_one_json_document_however_many_rows_it_has(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json_array({"n": number, "day": date(2027, 1, 1)} for number in range(count))
    assert json.loads(capsys.readouterr().out) == [{"n": number, "day": "2027-01-01"} for number in range(count)]


def test_rows_are_written_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        assert '{"n": 1}' in capsys.readouterr().out
        yield {"n": 2}

    output.write_json_array(rows())
    assert capsys.readouterr().out == ',\n{"n": 2}\n]\n'


def test_json_keeps_text_as_it_is_and_writes_days_and_instants_in_iso(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json({**ROWS[1], "at": datetime(2027, 1, 18, 9, 30, 0, 5, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {
        "name": "=1+1",
        "day": None,
        "done": False,
        "roles": [],
        "none": None,
        "at": "2027-01-18T09:30:00.000005Z",
    }


def test_what_json_does_not_know_is_a_fault_and_not_a_guess() -> None:
    with pytest.raises(TypeError, match="set has no form"):
        output.write_json({"a": {1}})


def test_csv_can_be_read_back_and_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_csv(COLUMNS, ROWS)
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert read == [
        {"name": "Zoë", "day": "2027-01-18", "done": "yes", "roles": "a,b", "none": ""},
        {"name": "'=1+1", "day": "", "done": "no", "roles": "", "none": ""},
    ]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(cell: str, safe: str) -> None:
    assert output.safe_cell(cell) == safe


def test_a_table_lines_its_columns_up_and_escapes_what_would_steer_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.write_table(("name", "due_on"), [{"name": "日本", "due_on": 1}, {"name": "\x1b[2Jx", "due_on": None}])
    assert capsys.readouterr().out.splitlines() == ["Name      Due on", "日本      1", "\\x1b[2Jx"]


def test_a_table_on_a_terminal_takes_a_name_in_brackets_for_a_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output.write_table(("name",), [{"name": "[red]Ann"}])
    assert "[red]Ann" in capsys.readouterr().out


def test_a_long_table_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_table(("n",), ({"n": number} for number in range(output.MEASURED_ROWS * 2)))
    assert capsys.readouterr().out.splitlines()[-1] == str(output.MEASURED_ROWS * 2 - 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [("one\ntwo\r\n three", "one two three"), ("a\x00b\x1b", "a\\x00b\\x1b"), ("Zoë 日本", "Zoë 日本"), ("", "")],
    ids=["lines", "controls", "letters", "nothing"],
)
def test_whatever_is_said_is_one_printable_line(text: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.say(text)
    assert capsys.readouterr() == ("", line + "\n")


def test_a_long_value_is_cut_before_it_is_escaped() -> None:
    assert output.escaped("\n" * 100, 80) == "\\n" * 80 + "…"
