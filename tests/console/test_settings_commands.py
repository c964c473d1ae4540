from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_what_is_chosen_is_shown(at_work: Callable[..., Any]) -> None:
    ended = at_work("settings", "set", "date_basis", "assignment", "--as", "eve@example.org")
    assert (ended.code, ended.out, ended.err) == (0, "date_basis = assignment\n", "")
    assert at_work("settings", "show", "--json").json[0] == {
        "name": "date_basis",
        "value": "assignment",
        "default": "completion",
        "meaning": "the next recertification is counted from this day (completion, assignment)",
    }
    assert at_work("settings", "show").out.splitlines()[1].split()[:3] == ["date_basis", "assignment", "completion"]


def test_a_text_is_cleared_with_nothing(at_work: Callable[..., Any]) -> None:
    at_work("settings", "set", "training_url", "https://lms.example.org")
    assert at_work("settings", "set", "training_url", "").out == "training_url = ''\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["date_basis", "birth"], 2, "allowed: completion, assignment"),
        (["upcoming_within_days", "-5"], 2, "allowed: 0 to 3650"),
        (["dat_basis", "completion"], 2, "did you mean date_basis?"),
        (["automatic.juggling", "on"], 2, "no training type 'juggling'"),
        (["date_basis", "assignment", "--as", "ann@example.org"], 3, "ann@example.org lacks the role admin"),
    ],
)
def test_a_wrong_choice_is_one_line_and_changes_nothing(
    at_work: Callable[..., Any], words: list[str], code: int, says: str
) -> None:
    before = at_work("settings", "show").out
    ended = at_work("settings", "set", *words)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line
    assert at_work("settings", "show").out == before
