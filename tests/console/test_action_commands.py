"""The actions on the command line: what they answer, how they are confirmed, and that every door knows their rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.world import APPROVER, OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench

BY = ("--as", OPERATOR, "--yes")


def test_the_items_are_answered_with_what_was_applied(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    ended = recert("recertify", "--learner", "E1", "E3", *BY, "--json")
    document = ended.json
    assert ended.code == 0
    assert list(document) == ["action", "rollout", "state", "selected", "digest", "counts", "items"]
    assert (document["action"], document["state"], document["selected"]["learners"]) == ("recertify", "completed", 2)
    assert {(item["employee_id"], item["outcome"], item["applied"]) for item in document["items"]} == {
        ("E1", "recertify", True), ("E1", "skip-not-due", False), ("E3", "skip-not-due", False),
    }  # fmt: skip


def test_the_filters_of_the_list_choose_the_same_lines(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    where = ("--current-course", "C-1", "--department", "Sales", "--day", "due_on", "--until", "2026-10-31")
    ended = recert("renotify", *where, *BY, "--json")
    assert [item["employee_id"] for item in ended.json["items"]] == ["E2"]


def test_what_cannot_be_done_for_anybody_is_refused_and_what_stands_already_is_not(
    recert: Callable[..., Any], bench: Workbench
) -> None:
    assert bench
    assert recert("recertify", "--learner", "E3", *BY).code == 3
    chosen = ("next-course", "--learner", "E3", "--course", "C-2", *BY)
    assert [recert(*chosen).code, recert(*chosen).code] == [0, 0]


def test_without_anybody_to_ask_nothing_is_done(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    ended = recert("archive", "--learner", "E1", "--as", OPERATOR)
    assert (ended.code, "say it with --yes; nothing was done" in ended.err) == (2, True)
    assert recert("learners", "--search", "E1", "--status", "archived", "--format", "json").json == []


def test_only_an_operator_orders(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    ended = recert("archive", "--learner", "E1", "--as", APPROVER, "--yes")
    assert (ended.code, "lacks the role operator" in ended.err) == (3, True)


@pytest.mark.parametrize("name", ["left-behind", "not-on-common-day", "taken-out", "not-reached", "uncovered"])
def test_every_closing_list_of_an_action_can_be_asked_for(
    recert: Callable[..., Any], bench: Workbench, name: str
) -> None:
    assert bench
    recert("recertify", "--learner", "E1", "E4", *BY)
    ended = recert("rollout", "items", 1, "--list", name, "--format", "json")
    assert ended.code == 0
    assert [row["email"] for row in ended.json] == ([None] if name == "not-reached" else [])


def test_a_step_that_an_action_has_not_is_named_with_the_one_that_it_has(
    recert: Callable[..., Any], bench: Workbench
) -> None:
    assert bench
    recert("recertify", "--learner", "E1", *BY)
    ended = recert("rollout", "items", 1, "--step", "verify-completion")
    assert (ended.code, ended.line) == (2, "recert: rollout 1 has no step verify-completion; it has: recertify")


def test_actions_without_a_review_are_listed_when_asked_for(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    recert("recertify", "--learner", "E1", *BY)
    assert recert("rollout", "list", "--json").json == []
    [listed] = recert("rollout", "list", "--actions", "--json").json
    assert (listed["name"], listed["state"]) == ("Recertify, 1 learner", "completed")
    shown = recert("rollout", "show", 1, "--json").json
    assert [step["step"] for step in shown["steps"]] == ["recertify"]


def test_a_rollout_is_taken_back_once(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    recert("recertify", "--learner", "E1", *BY)
    first = recert("rollout", "undo", 1, *BY, "--json")
    assert (first.code, first.json["action"], first.json["counts"]) == (0, "undo", {"undo": 1})
    second = recert("rollout", "undo", 1, *BY)
    assert (second.code, second.line) == (3, "recert: rollout 1 is taken back already, by rollout 2")
