from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COURSES = """Course Code,Title,Training Type,Frequency Months
HP,Harassment Prevention,harassment-prevention,12
COC,Code of Conduct,code-of-conduct,12
"""
LEARNERS = """Email,Employee ID,First Name,Last Name,Department,Location
ann@example.org,1,Ann,Arbor,Sales,Toronto
bea@example.org,2,Béa,Berlin,Legal,Paris
,3,=cmd(),Cairo,Sales,Paris
"""
HISTORY = """Employee ID,Course Code,Assigned Date,Due Date,Completed Date
1,HP,2025-12-01,2025-12-31,2025-12-15
1,COC,2026-11-01,2026-12-01,
2,HP,2026-10-01,2026-10-31,
"""


@pytest.fixture
def listed(recert: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``recert learners`` over three people, on 23 November 2026."""
    monkeypatch.setenv("RECERT_TODAY", "2026-11-23")
    for kind, text in (("courses", COURSES), ("learners", LEARNERS), ("history", HISTORY)):
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        assert recert("import", kind, path).code == 0
    return lambda *words: recert("learners", *words)


def statuses(ended: Any) -> list[tuple[str, str, str]]:
    assert (ended.code, ended.err) == (0, "")
    return [(row["employee_id"], row["training_type"], row["status"]) for row in ended.json]


def test_json_has_one_object_a_certification_and_one_for_who_has_none(listed: Callable[..., Any]) -> None:
    ended = listed("--format", "json")
    assert statuses(ended) == [
        ("1", "code-of-conduct", "assigned"),
        ("1", "harassment-prevention", "upcoming-recertification"),
        ("2", "harassment-prevention", "past-due"),
        ("3", None, "not-assigned"),
    ]
    assert ended.json[1] == {
        "email": "ann@example.org",
        "employee_id": "1",
        "first_name": "Ann",
        "last_name": "Arbor",
        "department": "Sales",
        "location": "Toronto",
        "training_type": "harassment-prevention",
        "course": "HP",
        "status": "upcoming-recertification",
        "assigned_on": "2025-12-01",
        "due_on": None,
        "completed_on": "2025-12-15",
        "recertification_on": "2026-12-15",
        "next_course": "HP",
    }
    assert ended.json[3]["first_name"] == "=cmd()"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--status", "past-due"], ["2"]),
        (["--status", "not-assigned"], ["3"]),
        (["--training-type", "code-of-conduct"], ["1"]),
        (["--search", "sales"], ["1", "1", "3"]),
        (["--search", "sales par"], ["3"]),
        (["--search", "BÉA"], ["2"]),
        (["--search", "%"], []),
        (["--current-course", "COC"], ["1"]),
        (["--department", "Sales", "--location", "Paris"], ["3"]),
        (["--day", "due_on", "--until", "2026-10-31"], ["2"]),
        (["--since", "2026-12-01", "--until", "2026-12-31"], ["1"]),
        (["--status", "past-due", "--training-type", "code-of-conduct"], []),
    ],
    ids=" ".join,
)
def test_the_list_can_be_narrowed(listed: Callable[..., Any], words: list[str], ids: list[str]) -> None:
    assert [who for who, _, _ in statuses(listed("--format", "json", *words))] == ids


def test_the_setting_says_what_is_upcoming(listed: Callable[..., Any], recert: Callable[..., Any]) -> None:
    recert("settings", "set", "upcoming_within_days", "5")
    assert statuses(listed("--format", "json"))[1][2] == "completed"


def test_csv_holds_the_same_and_no_formula(listed: Callable[..., Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(listed("--format", "csv").out)))
    array = listed("--format", "json").json
    assert rows[:3] == [{name: value or "" for name, value in row.items()} for row in array[:3]]
    assert rows[3]["first_name"] == "'=cmd()"


def test_the_table_names_a_learner_without_an_address_by_employee_id(listed: Callable[..., Any]) -> None:
    lines = listed().out.splitlines()
    assert lines[0].split("  ")[0] == "Learner"
    assert lines[1].startswith("ann@example.org  Ann Arbor  ")
    assert lines[4].startswith("3 ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--status", "late"], "past-due"),
        (["--training-type", "juggling"], "known: code-of-conduct, harassment-prevention"),
        (["--format", "xml"], "json"),
    ],
    ids=" ".join,
)
def test_a_wrong_question_is_one_line_that_names_what_there_is(
    listed: Callable[..., Any], words: list[str], says: str
) -> None:
    ended = listed(*words)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.line


def test_nobody_is_an_empty_array_and_a_table_with_a_header(recert: Callable[..., Any]) -> None:
    assert recert("learners", "--format", "json").json == []
    assert len(recert("learners").out.splitlines()) == 1
    assert len(recert("learners", "--format", "csv").out.splitlines()) == 1
