from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models.tables import course, training_type
from tests.imports import Office, counts
from tests.world import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

OLD, NEW = "G-1,Glazes,glazes,24,G-2,2025-01-31", "G-2,Glazes without Lead,glazes,12,,"


@pytest.fixture
def office(bench: Workbench, tmp_path: Path) -> Office:
    return Office(bench, tmp_path)


def stored(office: Office, code: str) -> Any:
    follows = course.alias("follows")
    query = (
        select(course, training_type.c.slug, follows.c.code.label("follows"))
        .join_from(course, training_type)
        .outerjoin(follows, follows.c.id == course.c.successor_id)
        .where(course.c.code == code)
    )
    return rows(office.bench, query)[0]


def test_a_training_type_is_made_when_it_is_first_named_and_a_successor_may_stand_further_down(office: Office) -> None:
    assert counts(office.courses(OLD, NEW)) == (2, 0, 0, 0)
    old = stored(office, "G-1")
    assert (old.slug, old.frequency_months, old.follows, old.retired_on) == ("glazes", 24, "G-2", date(2025, 1, 31))
    assert counts(office.courses(OLD, NEW)) == (0, 0, 2, 0)


@pytest.mark.parametrize("cell", ["", "-", "Never"])
def test_a_new_course_without_a_frequency_is_never_repeated(office: Office, cell: str) -> None:
    office.courses(f"G-1,Glazes,glazes,{cell},,")
    assert stored(office, "G-1").frequency_months is None


def test_a_blank_frequency_leaves_the_stored_one_and_a_dash_makes_it_never(office: Office) -> None:
    office.courses(NEW)
    assert counts(office.courses("G-2,,,,,")) == (0, 0, 1, 0)
    assert stored(office, "G-2").frequency_months == 12
    assert counts(office.courses("G-2,,,-,,")) == (0, 1, 0, 0)
    assert stored(office, "G-2").frequency_months is None


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", "a year", "1201", "१२"])
def test_a_frequency_is_a_whole_number_of_months(office: Office, cell: str) -> None:
    (refused,) = office.courses(f"G-1,Glazes,glazes,{cell},,").rejected
    assert (refused.column, refused.value) == ("Frequency Months", cell)


def test_a_change_is_counted_once_also_when_the_successor_changes_too(office: Office) -> None:
    office.courses(OLD, NEW, "G-3,More Glazes,glazes,12,,")
    assert counts(office.courses("G-1,Other Title,,,G-3,", "G-2,,,,,", "G-3,,,,,")) == (0, 1, 2, 0)
    assert (stored(office, "G-1").title, stored(office, "G-1").follows) == ("Other Title", "G-3")
    assert counts(office.courses("G-1,,,,-,-")) == (0, 1, 0, 0)
    assert (stored(office, "G-1").follows, stored(office, "G-1").retired_on) == (None, None)


def test_a_new_course_needs_a_training_type_and_a_title(office: Office) -> None:
    report = office.courses("G-1,Glazes,,12,,", "G-2,,glazes,12,,", ",Glazes,glazes,12,,", "G-3,Glazes,glazes,12,,")
    assert [refused.column for refused in report.rejected] == ["Training Type", "Title", "Course Code"]
    assert report.created == 1


def test_a_course_does_not_move_to_another_training_type(office: Office) -> None:
    office.courses(NEW)
    (refused,) = office.courses("G-2,Glazes,kilns,12,,").rejected
    assert (refused.column, "glazes" in refused.reason) == ("Training Type", True)


def test_a_course_twice_in_a_file_is_taken_the_first_time(office: Office) -> None:
    (refused,) = office.courses(NEW, "G-2,Second,glazes,24,,").rejected
    assert (refused.line, refused.column, "line 2" in refused.reason) == (3, "Course Code", True)
    assert stored(office, "G-2").frequency_months == 12


@pytest.mark.parametrize(
    "line",
    ["G-2,,,,G-1,", "G-2,,,,G-2,", "G-2,,,,C-1,", "G-2,,,,NOWHERE,"],
    ids=["back to its predecessor", "itself", "another training type", "unknown"],
)
def test_a_successor_that_leads_nowhere_is_refused(office: Office, line: str) -> None:
    office.courses(OLD, NEW)
    (refused,) = office.courses(line).rejected
    assert refused.column == "Successor"
    assert stored(office, "G-2").follows is None


def test_a_circle_is_judged_by_what_the_file_leaves_of_it(office: Office) -> None:
    office.courses(OLD, NEW)
    assert counts(office.courses("G-2,,,,G-1,", "G-1,,,,-,")) == (0, 2, 0, 0)


def test_a_successor_that_was_itself_refused_is_none(office: Office) -> None:
    report = office.courses(OLD, "G-2,Glazes without Lead,glazes,often,,")
    assert [(refused.line, refused.column) for refused in report.rejected] == [
        (2, "Successor"),
        (3, "Frequency Months"),
    ]


def test_a_link_is_a_web_address(office: Office) -> None:
    header = "Course Code,Title,Training Type,Link"
    report = office.courses(
        "G-1,One,glazes,https://learning.example.org/g-1", "G-2,Two,glazes,javascript:alert(1)", header=header
    )
    assert [refused.column for refused in report.rejected] == ["Link"]
    assert stored(office, "G-1").link == "https://learning.example.org/g-1"


def test_another_frequency_is_told_with_the_line_that_applies_it_to_all(office: Office) -> None:
    assert office.courses(NEW).notes == []
    (told,) = office.courses("G-2,,,24,,").notes
    assert told.startswith("the frequency of G-2 is 24 now (was 12): dates that stand stay")
    assert told.endswith("recert settings set frequency.G-2 24 --apply-to-all --as EMAIL")
    assert office.courses("G-2,Glazes,,,,").notes == []
