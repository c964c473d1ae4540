"""A plan that is written is the plan that is read."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.plan import plan_from
from models.plan_text import plan_text
from models.words import StepSlug

LEAST: dict[str, Any] = {
    "name": "annual-2027",
    "training_types": ["conduct"],
    "recertify_on": date(2027, 1, 18),
    "incomplete": {"new_due_on": date(2026, 12, 18)},
}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)


def test_what_is_as_by_default_is_left_out() -> None:
    assert plan_text(plan_from(LEAST)).splitlines() == [
        'name = "annual-2027"',
        'training_types = ["conduct"]',
        "recertify_on = 2027-01-18",
        "",
        "[incomplete]",
        "new_due_on = 2026-12-18",
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {"name": WORDS, "training_types": st.lists(WORDS, min_size=1, max_size=3, unique_by=str.strip)},
        optional={
            "due_in_days": st.integers(1, 3650),
            "extend_at_most_days": st.integers(0, 3650),
            "restore_automatic": st.booleans(),
            "next_course": st.dictionaries(WORDS, WORDS, max_size=3),
            "audience": st.fixed_dictionaries(
                {}, optional={"departments": st.lists(WORDS), "exclude": st.lists(WORDS)}
            ),
            "reviews": st.fixed_dictionaries(
                {}, optional={"approvals_required": st.integers(1, 9), "steps": st.just([StepSlug.RECERTIFY_DUE.value])}
            ),
        },
    )
)
def test_any_plan_is_read_back_as_it_was(changes: dict[str, Any]) -> None:
    plan = plan_from({**LEAST, **changes})
    assert plan_from(tomllib.loads(plan_text(plan))) == plan
