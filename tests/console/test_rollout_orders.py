from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from models import codes, ledger, reviews
from models.words import RolloutState, StepSlug
from tasks import gates, rollouts
from tests import world
from tests.world import APPROVER, OPERATOR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench
    from tests.console.rollout_desk import PretendedPrefect

VERIFY, RENOTIFY = StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE


def test_an_approval_is_counted_and_lets_the_run_go_on(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, prefect: PretendedPrefect
) -> None:
    code = world.code_for(bench, at_gate, APPROVER).lower().replace("-", " ")
    ended = recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", code, "--step", RENOTIFY, "--json")
    digest = recert("rollout", "show", at_gate, "--json").json["steps"][1]["digest"]
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {
        "rollout": 1, "step": "renotify-incomplete", "result": "approved", "approvals": 1, "required": 1,
        "digest": digest, "excluded": 0,
    }  # fmt: skip
    assert prefect.asked == [("go on", 1)]
    used = recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", code)
    assert (used.code, "no review is open" in used.line) == (3, True)


def test_an_answer_counts_also_while_prefect_is_away(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, prefect: PretendedPrefect
) -> None:
    prefect.away = True
    ended = recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", world.code_for(bench, at_gate, APPROVER))
    assert (ended.code, ended.line) == (0, "recorded; Prefect does not answer, the run goes on when it is back")
    assert "approved: 1 of 1 approvals" in ended.out


def test_an_exclusion_makes_another_digest_and_asks_the_others_anew(
    recert: Callable[..., Any], bench: Workbench, prefect: PretendedPrefect
) -> None:
    rollout_id = world.started(bench, reviews={"approvals_required": 2})
    world.propose(bench, rollout_id, VERIFY, RENOTIFY)
    before = recert("rollout", "show", rollout_id, "--json").json["steps"][1]["digest"]
    old = world.code_for(bench, rollout_id, SECOND)
    words = ["rollout", "approve", rollout_id, "--as", APPROVER, "--code", world.code_for(bench, rollout_id, APPROVER)]
    ended = recert(*words, "--exclude", "L2@example.com", "--exclude", "E10")
    assert ended.code == 0
    for part in ("counted: 1 of 2 approvals; the list waits for the others", "taken out: 2", "digest: "):
        assert part in ended.out
    assert before not in ended.out
    assert prefect.asked == [], "the gate is still open: there is nothing to go on with"
    assert "the others are asked anew when the mail server is back" in ended.line
    stale = recert("rollout", "approve", rollout_id, "--as", SECOND, "--code", old)
    assert (stale.code, "the code is not the one mailed to bo@example.org" in stale.line) == (3, True)
    fresh = recert(
        "rollout", "approve", rollout_id, "--as", SECOND, "--code", world.code_for(bench, rollout_id, SECOND)
    )
    assert "approved: 2 of 2 approvals" in fresh.out
    taken = recert("rollout", "items", rollout_id, "--list", "taken-out", "--format", "json").json
    assert [(row["employee_id"], row["taken_out_by"]) for row in taken] == [("E2", APPROVER), ("E10", APPROVER)]


def wrong_answers() -> list[Any]:
    """Who, whose code, further words, exit code, what is said."""
    return [
        pytest.param(OPERATOR, APPROVER, [], 3, "opal@example.org is no enabled approver", id="no approver"),
        pytest.param("x@example.org", APPROVER, [], 3, "x@example.org is no enabled approver", id="nobody"),
        pytest.param(APPROVER, None, [], 3, "the code is not the one mailed to ava@example.org", id="wrong code"),
        pytest.param(APPROVER, SECOND, [], 3, "the code is not the one mailed to ava@example.org", id="foreign code"),
        pytest.param(
            APPROVER, APPROVER, ["--step", "recertify-due"], 3, "the open review is renotify-incomplete", id="step"
        ),
        pytest.param(APPROVER, APPROVER, ["--exclude", "who@example.com"], 2, "--exclude who@example.com", id="who"),
        pytest.param(
            APPROVER, APPROVER, ["--exclude", "l1@example.com"], 2, "that changes anything", id="nothing to take out"
        ),
    ]


@pytest.mark.parametrize(("who", "whose", "more", "code", "says"), wrong_answers())
def test_an_answer_that_does_not_hold_is_one_line_and_the_gate_stays_open(
    recert: Callable[..., Any],
    bench: Workbench,
    at_gate: int,
    prefect: PretendedPrefect,
    who: str,
    whose: str | None,
    more: list[str],
    code: int,
    says: str,
) -> None:
    given = world.code_for(bench, at_gate, whose) if whose else "0000-0000-0000-0000"
    ended = recert("rollout", "approve", at_gate, "--as", who, "--code", given, *more)
    assert (ended.code, ended.out, prefect.asked) == (code, "", [])
    assert says in ended.line
    shown = recert("rollout", "show", at_gate, "--json").json
    assert (shown["state"], shown["steps"][1]["reviews"]) == ("in-review", [])


def test_whoever_asked_for_a_rollout_cannot_approve_it(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    assert recert("users", "set", OPERATOR, "--roles", "operator,approver").code == 0
    with bench.database.read() as connection:
        gate = reviews.open_gate_of(connection, at_gate)
    assert gate is not None
    ended = recert("rollout", "approve", at_gate, "--as", OPERATOR, "--code", codes.MASKED)
    assert (ended.code, "asked for this rollout and cannot approve it" in ended.line) == (3, True)


def test_after_the_last_day_nobody_answers(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = world.code_for(bench, at_gate, APPROVER)
    monkeypatch.setenv("RECERT_TODAY", "2026-12-01")
    ended = recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", code)
    assert (ended.code, "the review ended on 2026-11-30: recert rollout resume 1 --as" in ended.line) == (3, True)


def test_five_wrong_codes_are_enough_and_a_reminder_brings_a_new_one(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    good = world.code_for(bench, at_gate, APPROVER)
    for _ in range(5):
        assert recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", "wrong").code == 3
    ended = recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", good)
    assert (ended.code, "5 wrong codes from ava@example.org: have a new one mailed" in ended.line) == (3, True)
    reminded = recert("rollout", "remind", at_gate, "--as", APPROVER)
    assert (reminded.code, reminded.out) == (0, "rollout 1: asked again: ava@example.org, bo@example.org\n")
    assert "the requests wait in the outbox, upkeep sends them: " in reminded.err
    new = world.code_for(bench, at_gate, APPROVER)
    assert new != good
    assert recert("rollout", "approve", at_gate, "--as", APPROVER, "--code", new).code == 0
    assert [act["actor"] for act in recert("audit", "list", "--act", "remind", "--json").json] == [APPROVER]


@pytest.mark.parametrize("who", [[], ["--as", OPERATOR], ["--as", SECOND]], ids=["shell", "operator", "approver"])
def test_a_reminder_mails_the_same_code_again(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, who: list[str]
) -> None:
    before = world.code_for(bench, at_gate, APPROVER)
    assert recert("rollout", "remind", at_gate, *who, "--json").json == {"rollout": 1, "asked": [APPROVER, SECOND]}
    assert world.code_for(bench, at_gate, APPROVER) == before
    assert world.mails(bench).count(("review-request", APPROVER, "queued")) == 2


@pytest.mark.parametrize(
    ("more", "result", "state"), [([], "rejected", "rejected"), (["--again"], "withdrawn", "pending")]
)
def test_a_rejection_ends_the_rollout_or_asks_for_another_list(
    recert: Callable[..., Any],
    bench: Workbench,
    at_gate: int,
    prefect: PretendedPrefect,
    more: list[str],
    result: str,
    state: str,
) -> None:
    code = world.code_for(bench, at_gate, APPROVER)
    ended = recert("rollout", "reject", at_gate, "--as", APPROVER, "--code", code, "--comment", "no", *more, "--json")
    assert (ended.code, ended.json["result"]) == (0, result)
    assert recert("rollout", "show", at_gate, "--json").json["steps"][1]["state"] == state
    assert prefect.asked == [("go on", 1)]


def test_who_was_taken_out_is_let_in_again(recert: Callable[..., Any], bench: Workbench, at_gate: int) -> None:
    world.approve(bench, at_gate, exclude=("E2", "E10"))
    assert recert("rollout", "release", at_gate, "l2@EXAMPLE.com", "--as", OPERATOR, "--json").json["released"] == 1
    assert recert("rollout", "release", at_gate, "--as", OPERATOR).out.startswith("rollout 1: 1 let in again")
    assert recert("rollout", "items", at_gate, "--list", "taken-out", "--format", "json").json == []


def test_a_cancelled_rollout_keeps_what_was_applied_and_says_so(
    recert: Callable[..., Any], bench: Workbench, prefect: PretendedPrefect
) -> None:
    rollout_id = world.started(bench)
    world.carry_out(bench, rollout_id, *list(StepSlug)[:5])
    ended = recert("rollout", "cancel", rollout_id, "--as", OPERATOR, "--comment", "wrong year", "--json")
    assert (ended.code, ended.json["state"], ended.json["applied"]["recertify-due"]) == (0, "cancelled", 6)
    assert ended.json["mail"]["queued"] == 6, "who was assigned something is told of it"
    assert prefect.asked == [("cancel", rollout_id)]
    shown = recert("rollout", "show", rollout_id).out
    assert "Rollout 1, annual-2027: cancelled (wrong year)" in shown
    again = recert("rollout", "cancel", rollout_id, "--as", OPERATOR)
    assert (again.code, "rollout 1 has ended already (cancelled)" in again.line) == (3, True)


def test_a_cancelled_rollout_may_drop_its_mail(
    recert: Callable[..., Any], bench: Workbench, prefect: PretendedPrefect
) -> None:
    rollout_id = world.started(bench)
    world.carry_out(bench, rollout_id, *list(StepSlug)[:5])
    prefect.away = True
    ended = recert("rollout", "cancel", rollout_id, "--as", OPERATOR, "--drop-mail")
    assert ended.code == 0
    assert "         6 Recertify the learners who are due" in ended.out
    assert "        20 in all: aligned dates and assignments are not taken back" in ended.out
    assert "queued" not in ended.out
    assert ended.line.startswith("Prefect does not answer: its run page may still show the run")


def test_an_expired_review_is_opened_afresh(
    recert: Callable[..., Any],
    bench: Workbench,
    at_gate: int,
    prefect: PretendedPrefect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = world.a_bench(f"sqlite:///{bench.database.url.database}", bench.settings.home, today=date(2026, 12, 1))
    assert gates.expire_gates(later) == [at_gate]
    later.database.dispose()
    monkeypatch.setenv("RECERT_TODAY", "2026-12-01")
    ended = recert("rollout", "resume", at_gate, "--as", OPERATOR, "--json")
    assert (ended.code, ended.json["state"], ended.json["flow_run_id"]) == (0, "running", f"run-{at_gate}-2")
    assert prefect.asked == [("begin", at_gate)]
    states = [step["state"] for step in recert("rollout", "show", at_gate, "--json").json["steps"]]
    assert states == ["passed", *["pending"] * 5]
    world.propose(bench, at_gate, RENOTIFY)
    assert world.gate_of(bench, at_gate) is not None
    acts = recert("audit", "list", "--act", "resume-rollout", "--json").json
    assert [(act["actor"], act["detail"]["ended"]) for act in acts] == [(OPERATOR, "expired")]


def test_a_failed_rollout_goes_on_where_it_stopped(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, prefect: PretendedPrefect
) -> None:
    assert rollouts.end_rollout(bench, at_gate, RolloutState.FAILED, "upkeep", "the run ended Failed")
    prefect.begins = False
    ended = recert("rollout", "resume", at_gate, "--as", OPERATOR)
    assert (ended.code, "rollout 1 (annual-2027) is resumed" in ended.out) == (0, True)
    assert "upkeep begins its run when Prefect is back" in ended.line
    assert world.gate_of(bench, at_gate) is not None
    with bench.database.read() as connection:
        assert ledger.load(connection, at_gate).is_alive


@pytest.mark.parametrize(
    ("today", "says"),
    [("2026-12-19", "would give a Due Date that has passed (2026-12-18)"), ("2026-11-23", "is running for conduct")],
    ids=["its Due Date has passed", "another one is running"],
)
def test_a_rollout_whose_time_has_passed_is_not_resumed(
    recert: Callable[..., Any],
    bench: Workbench,
    at_gate: int,
    prefect: PretendedPrefect,
    monkeypatch: pytest.MonkeyPatch,
    today: str,
    says: str,
) -> None:
    rollouts.end_rollout(bench, at_gate, RolloutState.EXPIRED, "upkeep")
    if "running" in says:
        world.started(bench, name="second")
    monkeypatch.setenv("RECERT_TODAY", today)
    ended = recert("rollout", "resume", at_gate, "--as", OPERATOR)
    assert (ended.code, says in ended.line, prefect.asked) == (3, True, [])


def test_without_prefect_nothing_is_resumed(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, prefect: PretendedPrefect
) -> None:
    rollouts.end_rollout(bench, at_gate, RolloutState.FAILED, "upkeep")
    prefect.away = True
    assert recert("rollout", "resume", at_gate, "--as", OPERATOR).code == 5
    assert recert("rollout", "show", at_gate, "--json").json["state"] == "failed"
