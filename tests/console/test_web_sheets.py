"""Lists as spreadsheets: complete, typed, and never a formula; memory stays flat."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update

from console.web import sheets
from models.tables import learner
from models.words import StepSlug
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import Browser
from tests.world import APPROVER, OPERATOR, writing

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    '=HYPERLINK("http://x.example")',
    "{=1}",
    "http://x.example",
    "0012",
]
STEP = "/rollouts/1/steps/renotify-incomplete"


def read(content: bytes) -> list[list[list[str]]]:
    """Every sheet's rows; it fails on anything but texts and numbers, which XlsxWriter puts inline or into one table."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert not [name for name in file.namelist() if "external" in name.lower() or "vba" in name.lower()]
        found = []
        for name in sorted(name for name in file.namelist() if name.startswith("xl/worksheets/sheet")):
            root = ET.fromstring(file.read(name))  # noqa: S314 - our own
            assert root.findall(f".//{MAIN}f") == [], "a formula"
            assert root.findall(f".//{MAIN}hyperlink") == [], "a link"
            found.append([[_value(cell) for cell in row] for row in root.iter(f"{MAIN}row")])
        return found


def _value(cell: ET.Element) -> str:
    return "".join(text.text or "" for text in cell.iter() if text.tag in {f"{MAIN}t", f"{MAIN}v"})


def written(tmp_path: Path, columns: tuple[str, ...], rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    sheets.write(file, tmp_path, columns, rows)
    assert list(tmp_path.iterdir()) == []
    return file.read()


@pytest.mark.parametrize("text", FORMULAS)
def test_what_looks_like_a_formula_a_link_or_a_number_stays_the_text_it_is(tmp_path: Path, text: str) -> None:
    [[_, row]] = read(written(tmp_path, ("name",), [{"name": text}]))
    assert row == [text]


def test_days_are_days_and_numbers_numbers(tmp_path: Path) -> None:
    columns = ("employee_id", "due_on", "due_before", "days", "flags", "early_on", "none")
    row = {"employee_id": "2026-01-01", "due_on": date(2026, 12, 18), "due_before": "2026-12-18", "days": 7}
    row |= {"flags": ["a", "b"], "early_on": date(1, 1, 1), "none": None}
    [[head, line]] = read(written(tmp_path, columns, [row]))
    assert head == list(columns)
    assert line == ["2026-01-01", "46374", "46374", "7", "a,b", "0001-01-01"]


def test_what_a_sheet_cannot_hold_goes_on_the_next_and_an_empty_list_has_its_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "ROWS_OF_A_SHEET", 3)
    found = read(written(tmp_path, ("n",), [{"n": number} for number in range(5)]))
    assert found == [[["n"], ["0"], ["1"]], [["n"], ["2"], ["3"]], [["n"], ["4"]]]
    assert read(written(tmp_path, ("n",), [])) == [[["n"]]]


def test_many_rows_take_no_more_memory_than_few(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        with (tmp_path / "file").open("w+b") as file:
            tracemalloc.start()
            sheets.write(
                file, tmp_path, ("email", "days"), ({"email": f"l{n}@example.com", "days": n} for n in range(rows))
            )
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

    assert peak(6_000) < peak(600) + 200_000


def test_closing_lists_and_reviewed_lists_are_downloaded_as_spreadsheets(
    signed_in: Callable[[str], Browser], bench: Workbench, at_gate: int
) -> None:
    assert at_gate == 1
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(first_name="=1+1"))
    world.approve(bench, 1)
    ava = signed_in(APPROVER)
    got = ava.get(f"{STEP}/list.xlsx?outcome=changing").response
    assert got.headers["content-disposition"] == 'attachment; filename="rollout-1-renotify-incomplete.xlsx"'
    [rows] = read(got.content)
    assert rows[0][:2] == ["email", "employee_id"]
    assert {row[2] for row in rows if row[1] == "E2"} == {"=1+1"}
    assert len(rows) - 1 == ava.get(f"{STEP}/list.csv?outcome=changing").text.count("@example.com")
    [left] = read(signed_in(OPERATOR).get("/rollouts/1/lists/left-behind/list.xlsx").response.content)
    assert "E2" in {row[1] for row in left}


def test_the_learners_list_is_downloaded_as_a_spreadsheet_as_the_filters_leave_it(
    signed_in: Callable[[str], Browser], bench: Workbench
) -> None:
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(first_name="=1+1"))
    browser, words = signed_in(APPROVER), "?search=E2"
    got = browser.get(f"/learners.xlsx{words}").response
    assert got.headers["content-disposition"].startswith('attachment; filename="learners-all-')
    [rows] = read(got.content)
    told = browser.get(f"/learners.csv{words}").text.splitlines()
    assert rows[0] == told[0].removeprefix("\ufeff").split(",")
    assert len(rows) == len(told) > 1
    assert {row[2] for row in rows[1:]} == {"=1+1"}
    assert f"/learners.xlsx{words}" in browser.get(f"/learners{words}").links


def test_a_report_holds_everything_that_was_decided_and_done(
    signed_in: Callable[[str], Browser], bench: Workbench
) -> None:
    world.started(bench)
    world.carry_out(bench, 1, *world.CHECKLIST_SLUGS)
    text = signed_in(APPROVER).get("/rollouts/1/report").text
    for words in (
        "Common Recertification Date",
        APPROVER,
        "Digest",
        "Left behind",
        "Courses by Due Date",
        "Moved on since",
    ):
        assert words in text
    assert "<form" not in text.partition("<main")[2].partition("</main")[0]
    assert signed_in(APPROVER).get("/rollouts/9/report").status == 404


def test_the_bar_moves_while_a_step_is_being_carried_out(
    signed_in: Callable[[str], Browser], bench: Workbench, at_gate: int
) -> None:
    assert at_gate == 1

    def now() -> int:
        return int(signed_in(OPERATOR).get("/rollouts/1").text.partition('aria-valuenow="')[2].partition('"')[0])

    before = now()
    world.approve(bench, 1)
    world.put_into_effect(bench, 1, StepSlug.RENOTIFY_INCOMPLETE)
    assert now() > before > 0
