from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench


@pytest.fixture
def explained(bench: Workbench, recert: Callable[..., Any]) -> Callable[..., Any]:
    """``recert explain`` over ten learners."""
    assert bench
    return lambda *words: recert("explain", *words)


def test_people_read_sentences(explained: Callable[..., Any]) -> None:
    ended = explained("l2@example.com")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:4] == [
        "l2@example.com · E2 · on 2026-11-23",
        "",
        "conduct",
        "  Past due: C-1 is assigned since Thursday, 1 October 2026, due on Saturday, 31 October 2026, 40 % done.",
    ]


def test_programs_read_the_facts(explained: Callable[..., Any]) -> None:
    document = explained("E2", "--json").json
    assert (document["email"], document["today"]) == ("l2@example.com", "2026-11-23")
    assert [each["training_type"] for each in document["certifications"]] == ["conduct", "privacy"]
    assert document["certifications"][0]["open"] == {
        "course": "C-1",
        "frequency_months": 12,
        "progress": 40,
        "rollout": None,
        "assigned_on": "2026-10-01",
        "due_on": "2026-10-31",
        "first_due_on": None,
        "completed_on": None,
    }


def test_somebody_unknown_is_one_line(explained: Callable[..., Any]) -> None:
    ended = explained("nobody@example.com")
    assert ended.code == 2
    assert "no learner 'nobody@example.com'" in ended.line
