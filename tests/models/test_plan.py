"""A plan file: what it may say, and how one wrong line is told."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from models.errors import PlanInvalid
from models.plan import plan_from, read_plan
from models.words import StepSlug

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
name = "annual-2027"
training_types = ["harassment-prevention", "code-of-conduct"]
recertify_on = 2027-01-18
due_in_days = 30
align_on = 2027-01-04
skip_if_completed_within_days = 0
extend_at_most_days = 90
bring_forward_at_most_days = 365
restore_automatic = true
[incomplete]
new_due_on = 2026-12-18
[next_course]
"COC-2023" = "COC-2025"
[audience]
departments = []
locations = []
exclude = ["Ann@example.org", "E7"]
[reviews]
steps = ["renotify-incomplete", "set-recertification-dates", "recertify-due"]
approvals_required = 1
expires_in_days = 7
"""
LEAST = {
    "name": "n",
    "training_types": ["conduct"],
    "recertify_on": date(2027, 1, 18),
    "incomplete": {"new_due_on": date(2026, 12, 18)},
}


def read(tmp_path: Path, text: str | bytes) -> Any:
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_plan(path)


def test_a_whole_plan_is_read_as_it_stands(tmp_path: Path) -> None:
    plan = read(tmp_path, WHOLE)
    assert plan.training_types == ["harassment-prevention", "code-of-conduct"]
    assert (plan.recertify_on, plan.aligned_from) == (date(2027, 1, 18), date(2027, 1, 4))
    assert plan.next_course == {"COC-2023": "COC-2025"}
    assert plan.audience.exclude == ["Ann@example.org", "E7"]
    assert plan.reviews.steps == [
        StepSlug.RENOTIFY_INCOMPLETE,
        StepSlug.SET_RECERTIFICATION_DATES,
        StepSlug.RECERTIFY_DUE,
    ]


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE.encode("utf-8-sig")).name == "annual-2027"


def test_what_is_left_out_has_its_default() -> None:
    plan = plan_from(LEAST)
    assert plan.aligned_from == date(2026, 12, 19), "the day after the new Due Date"
    assert (plan.due_in_days, plan.skip_if_completed_within_days, plan.restore_automatic) == (30, 0, True)
    assert (plan.extend_at_most_days, plan.bring_forward_at_most_days) == (None, None)
    assert (plan.audience.departments, plan.audience.locations, plan.audience.exclude) == ([], [], [])
    assert (plan.reviews.approvals_required, plan.reviews.expires_in_days) == (1, 7)


def test_it_survives_the_ledger_unchanged() -> None:
    plan = plan_from({**LEAST, "next_course": {"a": "b"}, "reviews": {"steps": ["notify-learners"]}})
    assert plan_from(plan.model_dump(mode="json")) == plan


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nmae": "x"}, "unknown key 'nmae'"),
        ({"incomplete": {"new_due_on": date(2026, 12, 18), "due": 1}}, "unknown key 'incomplete.due'"),
        ({"audience": {"department": []}}, "unknown key 'audience.department'"),
        ({"name": "  "}, "name: "),
        ({"name": "x" * 201}, "name: "),
        ({"training_types": []}, "training_types: "),
        ({"training_types": ["a", "a"]}, "names one twice"),
        ({"recertify_on": "soon"}, "recertify_on: "),
        ({"due_in_days": 0}, "due_in_days: "),
        ({"due_in_days": 3651}, "due_in_days: "),
        ({"extend_at_most_days": -1}, "extend_at_most_days: "),
        ({"skip_if_completed_within_days": -1}, "skip_if_completed_within_days: "),
        ({"reviews": {"approvals_required": 0}}, "reviews.approvals_required: "),
        ({"reviews": {"expires_in_days": 0}}, "reviews.expires_in_days: "),
        ({"reviews": {"steps": ["recertify"]}}, "reviews.steps.0: "),
        ({"recertify_on": date(2026, 12, 18)}, "lies before align_on (2026-12-19)"),
        ({"align_on": date(2027, 1, 19)}, "lies before align_on (2027-01-19)"),
    ],
)
def test_a_wrong_line_is_told_in_one_line_by_its_key(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanInvalid) as refusal:
        plan_from({**LEAST, **changes}, where="plan.toml")
    line = str(refusal.value)
    assert line.startswith("plan.toml: ")
    assert told in line
    assert "\n" not in line


@pytest.mark.parametrize("missing", list(LEAST))
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(PlanInvalid, match=f"{missing} is missing"):
        plan_from({key: value for key, value in LEAST.items() if key != missing})


@pytest.mark.parametrize(
    ("content", "told"), [(b"name = ", "not a TOML file"), (b"\xff\xfe", "not a TOML file"), (b"a = 1\na = 2", "TOML")]
)
def test_a_file_that_is_no_plan_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(PlanInvalid, match=told) as refusal:
        read(tmp_path, content)
    assert "plan.toml" in str(refusal.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid, match=r"nowhere\.toml: No such file"):
        read_plan(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 12, 18), None),
        (date(2026, 12, 19), "incomplete.new_due_on: 2026-12-18 is in the past"),
    ],
)
def test_a_day_before_today_is_refused(today: date, told: str | None) -> None:
    plan = plan_from(LEAST)
    if told is None:
        plan.refuse_the_past(today)
        return
    with pytest.raises(PlanInvalid, match=told):
        plan.refuse_the_past(today)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ["align_on (2026-12-19) is a Saturday"]),
        ({"align_on": date(2026, 12, 14)}, ["align_on (2026-12-14) comes before new_due_on (2026-12-18)"]),
        (
            {"align_on": date(2026, 12, 21), "recertify_on": date(2027, 1, 17)},
            ["recertify_on (2027-01-17) is a Sunday"],
        ),
        ({"align_on": date(2026, 12, 21)}, []),
    ],
)
def test_what_may_not_be_meant_is_said_and_allowed(changes: dict[str, Any], told: list[str]) -> None:
    found = plan_from({**LEAST, **changes}).doubts()
    assert len(found) == len(told)
    for line, beginning in zip(found, told, strict=True):
        assert line.startswith(beginning)
