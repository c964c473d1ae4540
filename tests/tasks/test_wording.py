from __future__ import annotations

import pytest

from models.words import StepSlug
from tasks.wording import leading_facts

EVERY = {
    "past_due": 1, "past_due_since": "2026-10-31", "date-overridden": 1, "course-changed": 1, "new-since-start": 1,
    "no-email": 1, "already-due": 1, "would-lapse": 1, "extends_by_at_most_days": 1, "brought-forward": 1,
    "brings_forward_by_at_most_days": 1,
}  # fmt: skip


@pytest.mark.parametrize("number", [1, 1_200])
def test_one_and_many_read_as_a_person_would_say_them(number: int) -> None:
    facts = {name: value if isinstance(value, str) else number for name, value in EVERY.items()}
    text = "; ".join(leading_facts(StepSlug.SET_RECERTIFICATION_DATES, facts, number))
    wrong = (
        ("1 are", "1 have", "1 were", "1 days") if number == 1 else ("1,200 is", "1,200 has", "1,200 was", "1,200 day,")
    )
    assert not [words for words in wrong if words in text]
    assert text.count(f"{number:,} ") >= len(EVERY) - 1


def test_nothing_to_say_is_nothing_said() -> None:
    assert leading_facts(StepSlug.RECERTIFY_DUE, {}, 0) == []
