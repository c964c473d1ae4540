from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models import people
from models.tables import certification
from models.words import Role
from tests import world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench
    from tests.console.rollout_desk import PretendedPrefect


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
        (["frequency.C-1", "12"], 2, "no course 'C-1'"),
        (["date_basis", "assignment", "--apply-to-all"], 2, "--apply-to-all: name the admin who orders it with --as"),
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


@pytest.fixture
def admin(bench: Workbench, prefect: PretendedPrefect) -> str:
    """An admin of an organisation with ten learners; Prefect is pretended."""
    assert prefect
    with world.writing(bench) as connection:
        return people.add_user(connection, "ada@example.org", "Ada", [Role.ADMIN], actor="tests", at=world.NOW).email


def test_a_frequency_is_shown_and_chosen_for_what_is_to_come(recert: Callable[..., Any], admin: str) -> None:
    assert recert("settings", "set", "frequency.C-1", "24", "--as", admin).out == "frequency.C-1 = 24\n"
    assert recert("settings", "set", "frequency.N-1", "Never", "--json").json == {
        "name": "frequency.N-1",
        "value": "never",
    }
    shown = {line["name"]: line["value"] for line in recert("settings", "show", "--json").json}
    assert (shown["frequency.C-1"], shown["frequency.N-1"], shown["frequency.P-1"]) == ("24", "never", "24")


def test_applied_to_all_it_is_shown_and_waits_for_its_approvers(
    recert: Callable[..., Any], bench: Workbench, admin: str, prefect: PretendedPrefect
) -> None:
    ended = recert("settings", "set", "frequency.C-1", "24", "--apply-to-all", "--as", admin, "--yes")
    assert ended.code == 0
    said = ended.err.splitlines()
    assert said[0] == "Recompute Recertification Dates: everybody"
    assert [line.split(maxsplit=1) for line in said[1:5]] == [
        ["4", "get another computed Recertification Date"],
        ["3", "stay as they are: nothing would change"],
        ["2", "left out: the last assignment is still open"],
        ["1", "left out: archived"],
    ]
    assert said[5:7] == ["4 of C-1", "the longest extension is 366 days"]
    assert ended.out == "rollout 1: approvers are asked; see: recert rollout show 1\n"
    assert prefect.asked == [("begin", 1)]
    assert recert("settings", "show", "--json").json[0]["value"] == "completion"
    world.approve_all(bench, 1)


def test_as_json_it_is_an_action_with_its_items(recert: Callable[..., Any], admin: str) -> None:
    assert admin
    seen = recert(
        "settings", "set", "date_basis", "assignment", "--apply-to-all", "--as", admin, "--yes", "--json"
    ).json
    assert (seen["action"], seen["state"], seen["selected"]) == ("recompute-dates", "in-review", None)
    assert seen["counts"]["recompute"] == len([item for item in seen["items"] if item["outcome"] == "recompute"]) > 0


def test_unconfirmed_nothing_is_asked_and_nothing_stored(recert: Callable[..., Any], admin: str) -> None:
    ended = recert("settings", "set", "frequency.C-1", "24", "--apply-to-all", "--as", admin)
    assert (ended.code, ended.out) == (2, "")
    assert "nobody is there to confirm it: say it with --yes; nothing was done" in ended.err
    assert recert("rollout", "show", "1", "--json").json["state"] == "cancelled"


def test_where_nobody_moves_it_is_stored_at_once(recert: Callable[..., Any], bench: Workbench, admin: str) -> None:
    with world.writing(bench) as connection:
        connection.execute(update(certification).values(override_on=None))
    ended = recert("settings", "set", "frequency.N-1", "12", "--apply-to-all", "--as", admin, "--yes")
    assert (ended.code, "approvers are asked" in ended.out) == (0, False)
    again = {line["name"]: line["value"] for line in recert("settings", "show", "--json").json}
    assert again["frequency.N-1"] == "12"
