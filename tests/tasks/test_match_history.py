"""Whatever lines come in, in whatever files: the newest facts stand, and nothing is stored twice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from models.dates import add_months
from models.tables import assignment, certification
from tests.imports import Office

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

FIRST = date(2026, 10, 1)
MONTHS = {"K-12": 12, "K-24": 24, "G-2": 12}
TYPES = {"K-12": "kiln", "K-24": "kiln", "G-2": "glazes"}


class Line(NamedTuple):
    """One line of history: offsets in days from the first."""

    course: str
    assigned: int | None
    completed: int | None

    def cells(self) -> str:
        days = ["" if day is None else str(FIRST + timedelta(days=day)) for day in (self.assigned, self.completed)]
        return f"uma@example.org,K1,{self.course},{days[0]},,{days[1]},,"


@st.composite
def a_line(draw: st.DrawFn) -> Line:
    course = draw(st.sampled_from(sorted(MONTHS)))
    assigned = draw(st.none() | st.integers(0, 6))
    if assigned is None or draw(st.booleans()):
        return Line(course, assigned, (assigned or 0) + draw(st.integers(0, 5)))
    return Line(course, assigned, None)


files_of_lines = st.lists(st.lists(a_line(), min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.fixture
def office(bench: Workbench, tmp_path: Path) -> Office:
    office = Office(bench, tmp_path)
    office.courses("K-12,Kiln,kiln,12,,", "K-24,Kiln Abroad,kiln,24,,", "G-2,Glazes,glazes,12,,")
    office.learners("uma@example.org,K1,Uma,Thorn,,,,,,")
    return office


def expected(lines: list[Line], training_type: str) -> tuple[set[str], str | None, str | None]:
    """What must stand: possible Recertification Dates, the newest completion, the open assignment's day."""
    mine = [line for line in lines if TYPES[line.course] == training_type]
    newest = max((line.completed for line in mine if line.completed is not None), default=None)
    latest_open = max(
        (line.assigned for line in mine if line.completed is None and line.assigned is not None), default=None
    )
    is_open = latest_open is not None and (newest is None or latest_open > newest)
    completed = None if newest is None else FIRST + timedelta(days=newest)
    days = {
        add_months(completed, MONTHS[line.course]).isoformat()
        for line in mine
        if completed and line.completed == newest
    }
    assigned = str(FIRST + timedelta(days=latest_open or 0)) if is_open else None
    return days, None if completed is None else str(completed), assigned


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=files_of_lines)
def test_the_newest_facts_stand_and_the_same_file_again_changes_nothing(
    office: Office, files: list[list[Line]]
) -> None:
    with office.bench.database.write() as connection:
        for table in (assignment, certification):
            connection.execute(delete(table))
    for file in files:
        office.history(*(line.cells() for line in file))
    before = office.listed()
    for row in before:
        days, completed, assigned = expected([line for file in files for line in file], str(row["training_type"]))
        if assigned is None:
            assert row["recertification_on"] in days
            assert row["completed_on"] == completed
        else:
            assert (row["status"], row["assigned_on"]) == ("assigned", assigned)
    assert {row["training_type"] for row in before} == {TYPES[line.course] for file in files for line in file}
    again = office.history(*(line.cells() for line in files[-1]))
    assert (again.created, again.updated) == (0, 0)
    for file in files:
        office.history(*(line.cells() for line in file))
    assert office.listed() == before
