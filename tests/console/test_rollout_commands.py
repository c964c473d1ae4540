from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import textwrap
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models import codes, ledger, reviews
from models.tables import learner, message
from models.words import RolloutState, StepSlug
from tasks import gates, rollouts
from tests import world
from tests.console.rollout_desk import AWAY, PretendedPrefect, write_plan
from tests.world import APPROVER, OPERATOR, SECOND, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.workbench import Workbench

VERIFY, RENOTIFY = StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE
ITEM_KEYS = {
    "email", "employee_id", "training_type", "outcome", "flags", "due_on", "recertification_on", "course",
}  # fmt: skip
STEP_KEYS = {"step", "state", "opens_on", "digest", "counts", "proposed_at", "applied_at", "reviews"}


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """An organisation in the home, on the day the rehearsal names."""
    monkeypatch.setenv("RECERT_TODAY", TODAY.isoformat())
    bench = world.a_bench(f"sqlite:///{home / 'recert.db'}", home)
    with bench.database.write() as connection:
        world.some_users(connection)
        world.ten_learners(connection)
    yield bench
    bench.database.dispose()


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> PretendedPrefect:
    """A Prefect that is none; the real conductor is tested with a real one."""
    from console import conductor

    pretended = PretendedPrefect()
    for name in ("require_prefect", "begin", "go_on", "cancel"):
        monkeypatch.setattr(conductor, name, getattr(pretended, name))
    return pretended


@pytest.fixture
def at_gate(bench: Workbench, prefect: PretendedPrefect) -> int:
    """A rollout whose first review is open."""
    assert prefect
    rollout_id = world.started(bench)
    world.propose(bench, rollout_id, VERIFY, RENOTIFY)
    return rollout_id


def plan(home: Path, **changes: Any) -> Path:
    return write_plan(home / "plan.toml", **changes)


# --- preview ---------------------------------------------------------------------------------------------------------


def test_a_preview_shows_every_step_with_its_items_and_stores_nothing(
    recert: Callable[..., Any], bench: Workbench, home: Path
) -> None:
    assert bench
    ended = recert("rollout", "preview", plan(home), "--format", "json")
    document = ended.json
    assert ended.code == 0
    assert (list(document), document["today"], document["plan"]["name"]) == (
        ["plan", "today", "steps"], "2026-11-23", "annual-2027",
    )  # fmt: skip
    assert [step["step"] for step in document["steps"]] == list(StepSlug)
    for step in document["steps"]:
        assert sum(step["counts"].values()) == len(step["items"]) > 0
        assert all(set(item) == ITEM_KEYS for item in step["items"])
    assert {"email": "l7@example.com", "employee_id": "E7", "training_type": "conduct"} in document["steps"][0][
        "uncovered"
    ]
    assert ["uncovered" in step for step in document["steps"][1:]] == [False] * 5
    two = next(item for item in document["steps"][1]["items"] if item["employee_id"] == "E2")
    assert (two["outcome"], two["due_on"]) == ("renotify", ["2026-10-31", "2026-12-18"])
    assert recert("rollout", "list", "--json").json == []


def test_a_preview_as_csv_has_every_line_and_no_formula(
    recert: Callable[..., Any], bench: Workbench, home: Path
) -> None:
    with bench.database.write() as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(first_name="=cmd()"))
    rows = list(csv.DictReader(io.StringIO(recert("rollout", "preview", plan(home), "--format", "csv").out)))
    assert {row["step"] for row in rows} == set(StepSlug)
    assert {row["first_name"] for row in rows if row["employee_id"] == "E1"} == {"'=cmd()"}


def test_a_preview_for_people_is_in_words_and_begins_with_the_gravest(
    recert: Callable[..., Any], bench: Workbench, home: Path
) -> None:
    assert bench
    ended = recert("rollout", "preview", plan(home))
    assert (
        "3. Set the common Recertification Date: opens on Monday, 23 November 2026, reviewed by 1 approver" in ended.out
    )
    assert "! 3 have still not completed" in ended.out
    assert "7 of the audience hold no certification" in ended.out
    assert "a rehearsal: today is 2026-11-23 (RECERT_TODAY)" in ended.err
    assert "align_on (2026-11-23) comes before new_due_on" in ended.err


def test_a_preview_of_nobody_shows_six_empty_steps(recert: Callable[..., Any], bench: Workbench, home: Path) -> None:
    assert bench
    nobody = plan(home, audience={"departments": ["Nowhere"]})
    ended = recert("rollout", "preview", nobody, "--format", "json")
    assert (ended.code, [(step["counts"], step["items"]) for step in ended.json["steps"]]) == (0, [({}, [])] * 6)
    assert "not a single certification" in ended.err
    assert recert("rollout", "preview", nobody).out.count("nobody is concerned") == 6


# --- start -----------------------------------------------------------------------------------------------------------


def test_a_start_is_written_first_and_given_its_run(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    ended = recert("rollout", "start", plan(home), "--as", OPERATOR, "--json")
    page = f"{bench.settings.prefect_ui.rpartition(':')[0]}"
    assert ended.code == 0
    assert ended.json.pop("url").startswith(page)
    assert {key: value for key, value in ended.json.items() if key != "url"} == {
        "rollout": 1, "name": "annual-2027", "state": "running", "flow_run_id": "run-1-1",
    }  # fmt: skip
    assert ended.json["url"].endswith("/runs/flow-run/run-1-1")
    assert prefect.asked == [("begin", 1)]
    for note in ("no link for learners: C-1, C-2, P-1 without a Link", "mail is caught", "RECERT_TODAY"):
        assert note in ended.err


def test_a_start_says_what_happens_next(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    assert prefect
    said = recert("rollout", "start", plan(home), "--as", OPERATOR).out
    assert "rollout 1 (annual-2027) is started by opal@example.org" in said
    assert "next: “Verify completion” is under way" in said


def test_a_link_for_learners_ends_the_warning(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    assert prefect
    recert("settings", "set", "training_url", "https://lms.example.org")
    assert "no link" not in recert("rollout", "start", plan(home), "--as", OPERATOR).err


def test_without_prefect_nothing_is_started(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    prefect.away = True
    ended = recert("rollout", "start", plan(home), "--as", OPERATOR, "--json")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.splitlines()[-1] == f"recert: {AWAY}"
    assert recert("rollout", "list", "--json").json == []


def test_a_start_whose_run_cannot_be_begun_stands_and_upkeep_begins_it(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    prefect.begins = False
    ended = recert("rollout", "start", plan(home), "--as", OPERATOR, "--json")
    assert (ended.code, ended.json["flow_run_id"], ended.json["url"]) == (0, None, None)
    assert "upkeep begins its run when Prefect is back" in ended.err
    assert recert("rollout", "show", 1, "--json").json["state"] == "running"


@pytest.mark.parametrize("command", ["preview", "start"])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recertify_onn": date(2027, 1, 18)}, "unknown key 'recertify_onn'"),
        ({"name": None}, "name is missing"),
        ({"training_types": ["conduct", "fire"]}, "no training type 'fire'; there are: conduct, privacy, safety"),
        ({"recertify_on": date(2026, 11, 22), "align_on": date(2026, 11, 20)}, "2026-11-20 is in the past"),
        ({"recertify_on": date(2026, 11, 23), "align_on": date(2026, 11, 24)}, "lies before align_on"),
        ({"next_course": {"C-1": "C-9"}}, "no course 'C-9'"),
        ({"due_in_days": 0}, "due_in_days"),
    ],
    ids=["unknown key", "missing key", "training type", "past", "order", "course", "number"],
)
def test_a_wrong_plan_is_one_line_even_without_prefect(
    recert: Callable[..., Any],
    bench: Workbench,
    home: Path,
    prefect: PretendedPrefect,
    command: str,
    changes: dict[str, Any],
    says: str,
) -> None:
    assert bench
    prefect.away = True
    who = ["--as", OPERATOR] if command == "start" else []
    ended = recert("rollout", command, plan(home, **changes), *who)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("who", "changes", "code", "says"),
    [
        (APPROVER, {}, 3, "ava@example.org lacks the role operator"),
        ("nobody@example.org", {}, 3, "'nobody@example.org' is no user here"),
        (OPERATOR, {"reviews": {"approvals_required": 3}}, 3, "needs 3 approver(s) besides opal@example.org"),
        (OPERATOR, {"audience": {"locations": ["Nowhere"]}}, 2, "not a single certification"),
    ],
    ids=["no operator", "nobody", "too few approvers", "empty audience"],
)
def test_a_start_that_may_not_be_is_refused_and_writes_nothing(
    recert: Callable[..., Any],
    bench: Workbench,
    home: Path,
    prefect: PretendedPrefect,
    who: str,
    changes: dict[str, Any],
    code: int,
    says: str,
) -> None:
    assert bench
    ended = recert("rollout", "start", plan(home, **changes), "--as", who, "--json")
    assert (ended.code, ended.out, prefect.asked) == (code, "", [])
    assert says in ended.err.splitlines()[-1]
    assert recert("rollout", "list", "--json").json == []


def test_the_second_rollout_of_a_training_type_is_refused_naming_the_first(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    assert prefect
    assert recert("rollout", "start", plan(home, training_types=["privacy"]), "--as", OPERATOR).code == 0
    ended = recert("rollout", "start", plan(home, name="again"), "--as", OPERATOR)
    assert ended.code == 3
    assert "rollout 1 (annual-2027) is running for privacy" in ended.err.splitlines()[-1]


def test_a_plan_that_is_not_there_is_named(recert: Callable[..., Any], home: Path) -> None:
    assert home
    assert recert("rollout", "preview", "nowhere.toml").line.startswith("recert: nowhere.toml: No such file")


# --- list, show, items -----------------------------------------------------------------------------------------------


def test_list_and_show_have_the_shape_of_the_interface(recert: Callable[..., Any], at_gate: int) -> None:
    listed = recert("rollout", "list", "--json")
    assert listed.err == ""
    assert [set(row) for row in listed.json] == [{"rollout", "name", "state", "requested_by", "started_at"}]
    shown = recert("rollout", "show", at_gate, "--json").json
    assert set(shown) == {
        "rollout", "name", "state", "requested_by", "flow_run_id", "steps", "mail", "next", "asked",
    }  # fmt: skip
    assert [step["step"] for step in shown["steps"]] == list(StepSlug)
    assert all(set(step) == STEP_KEYS for step in shown["steps"])
    assert (shown["state"], shown["steps"][1]["state"], shown["steps"][2]["state"]) == (
        "in-review",
        "in-review",
        "pending",
    )
    assert shown["asked"] == [{"approver": APPROVER, "mail": "queued"}, {"approver": SECOND, "mail": "queued"}]
    assert shown["mail"] == {"queued": 2}
    assert "must answer the review of “Re-notify the incomplete” by Monday, 30 November 2026" in shown["next"]


def test_show_tells_people_who_reviewed_what_and_what_comes_next(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    world.approve(bench, at_gate, comment="looks right")
    ended = recert("rollout", "show", at_gate)
    for part in (
        "Rollout 1, annual-2027: in-review",
        "2 renotify-incomplete",
        "         2 keep their later Due Date and are told again",
        "! 1 are past due, the longest since 2026-10-31",
        "ava@example.org: approve, ",
        ": looks right",
        "Mail: 2 cancelled",
        "Next: ",
    ):
        assert part in ended.out
    assert ended.line.startswith("mail is caught on this machine")


def test_items_are_those_of_the_preview_each_with_whether_it_was_applied(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    before = recert("rollout", "items", at_gate, "--step", RENOTIFY, "--format", "json").json
    assert len(before) == 12
    assert all(set(item) == {*ITEM_KEYS, "applied"} for item in before)
    assert not any(item["applied"] for item in before)
    world.approve_all(bench, at_gate)
    world.put_into_effect(bench, at_gate, RENOTIFY)
    told = ["--outcome", "renotify", "--outcome", "renotify-keep-due"]
    after = recert("rollout", "items", at_gate, "--step", RENOTIFY, "--format", "json", *told).json
    assert [(item["employee_id"], item["applied"]) for item in after] == [("E2", True), ("E2", True), ("E10", True)]


def test_items_as_csv_cannot_become_formulas_and_as_table_fit_a_line(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    with bench.database.write() as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(last_name="@SUM(1)"))
    out = recert("rollout", "items", at_gate, "--step", RENOTIFY, "--format", "csv").out
    rows = [row for row in csv.DictReader(io.StringIO(out)) if row["employee_id"] == "E2"]
    assert [(row["last_name"], row["due_after"], row["applied"]) for row in rows] == [
        ("'@SUM(1)", "2026-12-18", "no"),
        ("'@SUM(1)", "2026-12-24", "no"),
    ]
    assert "2026-10-31 > 2026-12-18" in recert("rollout", "items", at_gate, "--step", RENOTIFY).out


def test_a_step_that_has_no_list_yet_is_an_empty_list_and_a_note(recert: Callable[..., Any], at_gate: int) -> None:
    ended = recert("rollout", "items", at_gate, "--step", "recertify-due", "--format", "json")
    assert (ended.code, ended.json) == (0, [])
    assert ended.line == "rollout 1: recertify-due has no list now (pending; it opens on 2026-11-23)"


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_closing_list_comes_in_each_format(recert: Callable[..., Any], at_gate: int, form: str) -> None:
    ended = recert("rollout", "items", at_gate, "--list", "left-behind", "--format", form)
    assert (ended.code, ended.err) == (0, "")
    if form == "json":
        assert [(row["employee_id"], row["days_past_due"]) for row in ended.json] == [("E2", 23), ("E2", 0), ("E10", 0)]
        assert ended.json[0]["due_on"] == "2026-10-31"
    else:
        assert len(ended.out.splitlines()) == 4
        assert "2026-10-31" in ended.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", 7], 3, "there is no rollout 7; see: recert rollout list"),
        (["show", "seven"], 2, "seven"),
        (["show", 10**20], 2, "Must be <="),
        (["items", 7, "--step", RENOTIFY], 3, "there is no rollout 7"),
        (["items", 7, "--list", "taken-out"], 3, "there is no rollout 7"),
        (["items", 1], 2, "give either --step or --list"),
        (["items", 1, "--step", RENOTIFY, "--list", "taken-out"], 2, "give either --step or --list"),
        (["items", 1, "--list", "taken-out", "--outcome", "renotify"], 2, "--outcome goes with --step"),
        (["items", 1, "--step", "step-nine"], 2, "Choose from"),
        (["items", 1, "--step", RENOTIFY, "--outcome", "maybe"], 2, "Choose from"),
        (["approve", 7, "--as", APPROVER, "--code", "x"], 3, "there is no rollout 7"),
        (["approve", 1, "--as", APPROVER], 2, "--code"),
        (["remind", 7], 3, "there is no rollout 7"),
        (["release", 7, "--as", OPERATOR], 3, "there is no rollout 7"),
        (["cancel", 7, "--as", OPERATOR], 3, "there is no rollout 7"),
        (["resume", 7, "--as", OPERATOR], 3, "there is no rollout 7"),
        (["cancel", 1], 2, "--as"),
        (["cancel", 1, "--as", OPERATOR, "--comment", "x" * 501], 2, "at most 500 characters"),
        *[([order, 1, "--as", APPROVER], 3, "lacks the role operator") for order in ("release", "cancel", "resume")],
        (["remind", 1, "--as", "nobody@example.org"], 3, "is no user here"),
        (["release", 1, "l1@example.com", "--as", OPERATOR], 2, "l1@example.com was not taken out"),
        (["resume", 1, "--as", OPERATOR], 3, "rollout 1 is in-review: only one that failed or expired"),
    ],
    ids=lambda value: " ".join(map(str, value))[:60] if isinstance(value, list) else "",
)
def test_what_cannot_be_asked_or_ordered_is_one_line_and_changes_nothing(
    recert: Callable[..., Any],
    at_gate: int,
    prefect: PretendedPrefect,
    words: list[object],
    code: int,
    says: str,
) -> None:
    before = recert("rollout", "show", at_gate, "--json").out
    ended = recert("rollout", *words)
    assert (ended.code, ended.out, prefect.asked) == (code, "", [])
    assert says in ended.line
    assert recert("rollout", "show", at_gate, "--json").out == before


# --- answers ---------------------------------------------------------------------------------------------------------


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


# --- release, cancel, resume -----------------------------------------------------------------------------------------


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
    assert ended.json["mail"]["queued"] == 7, "who was assigned something is told of it"
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


# --- what they stand on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["rollout", "list"],
        ["rollout", "show", "1"],
        ["rollout", "items", "1", "--step", "verify-completion"],
        ["rollout", "items", "1", "--list", "not-reached"],
        ["rollout", "preview", "PLAN"],
        ["rollout", "resume", "1", "--as", OPERATOR],
        ["mail", "list"],
        ["mail", "show", "1"],
    ],
    ids=" ".join,
)
def test_who_only_looks_does_not_wait_for_prefect(bench: Workbench, at_gate: int, home: Path, words: list[str]) -> None:
    assert at_gate == 1
    assert bench
    words = [str(plan(home)) if word == "PLAN" else word for word in words]
    heavy = ["prefect"] + ([] if words[:2] == ["mail", "show"] else ["aiosmtplib"])
    program = f"""
        import sys
        from console.cli import main
        code = main({words!r})
        print("|", code, *(name for name in {heavy!r} if name in sys.modules))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == f"| {3 if 'resume' in words else 0}"


def test_a_reader_that_has_seen_enough_of_a_preview_leaves_nothing_behind(bench: Workbench, home: Path) -> None:
    assert bench
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "console.cli", "rollout", "preview", str(plan(home)), "--format", "csv"]
    ended = subprocess.run(command, env={**os.environ}, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    assert list(home.glob("recert-preview-*")) == []


def test_a_failed_mail_is_counted_in_show(recert: Callable[..., Any], bench: Workbench, at_gate: int) -> None:
    with bench.database.write() as connection:
        connection.execute(update(message).where(message.c.to_address == SECOND).values(state="failed"))
    shown = recert("rollout", "show", at_gate, "--json").json
    assert shown["mail"] == {"queued": 1, "failed": 1}
    assert shown["asked"][1] == {"approver": SECOND, "mail": "failed"}
