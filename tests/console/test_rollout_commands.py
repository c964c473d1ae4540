from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from console.cli import command_line
from models.tables import learner, message
from models.words import StepSlug
from tests import world
from tests.console.alone import each_alone
from tests.console.rollout_desk import AWAY, PretendedPrefect, write_plan
from tests.world import APPROVER, OPERATOR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.workbench import Workbench

VERIFY, RENOTIFY = StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE
ITEM_KEYS = {
    "email", "employee_id", "training_type", "outcome", "flags", "due_on", "recertification_on", "course",
}  # fmt: skip
STEP_KEYS = {"step", "state", "opens_on", "digest", "counts", "proposed_at", "applied_at", "reviews"}


def plan(home: Path, **changes: Any) -> Path:
    return write_plan(home / "plan.toml", **changes)


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
    assert [step["step"] for step in document["steps"]] == world.CHECKLIST_SLUGS
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
    assert {row["step"] for row in rows} == set(world.CHECKLIST_SLUGS)
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


def test_a_start_is_written_first_and_given_its_run(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    ended = recert("rollout", "start", plan(home), "--as", OPERATOR, "--json")
    assert ended.code == 0
    assert ended.json == {
        "rollout": 1, "name": "annual-2027", "state": "running", "flow_run_id": "run-1-1",
        "url": f"{bench.settings.prefect_ui}/runs/flow-run/run-1-1",
    }  # fmt: skip
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
    assert ended.line == f"recert: {AWAY}"
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
    assert says in ended.line


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
    assert says in ended.line
    assert recert("rollout", "list", "--json").json == []


def test_the_second_rollout_of_a_training_type_is_refused_naming_the_first(
    recert: Callable[..., Any], bench: Workbench, home: Path, prefect: PretendedPrefect
) -> None:
    assert bench
    assert prefect
    assert recert("rollout", "start", plan(home, training_types=["privacy"]), "--as", OPERATOR).code == 0
    ended = recert("rollout", "start", plan(home, name="again"), "--as", OPERATOR)
    assert ended.code == 3
    assert "rollout 1 (annual-2027) is running for privacy" in ended.line


def test_a_plan_that_is_not_there_is_named(recert: Callable[..., Any], home: Path) -> None:
    assert home
    assert recert("rollout", "preview", "nowhere.toml").line.startswith("recert: nowhere.toml: No such file")


def test_list_and_show_have_the_shape_of_the_interface(recert: Callable[..., Any], at_gate: int) -> None:
    listed = recert("rollout", "list", "--json")
    assert listed.err == ""
    assert [set(row) for row in listed.json] == [{"rollout", "name", "state", "requested_by", "started_at"}]
    shown = recert("rollout", "show", at_gate, "--json").json
    assert set(shown) == {
        "rollout", "name", "state", "requested_by", "flow_run_id", "steps", "mail", "next", "asked", "unreachable",
    }  # fmt: skip
    assert [step["step"] for step in shown["steps"]] == world.CHECKLIST_SLUGS
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
        "! 1 is past due, since 2026-10-31",
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


@pytest.mark.parametrize("group", ["rollout", "mail", "mail wording"])
def test_every_command_and_each_of_its_options_is_explained(group: str) -> None:
    app = command_line()
    for word in group.split():
        app = app[word]
    named = [name for name in app if not name.startswith("-")]
    for name in named:
        command = app[name]
        assert command.help, f"recert {group} {name} says nothing about itself"
        if command.default_command is not None:  # a group within the group is looked at by itself
            for argument in command.assemble_argument_collection(parse_docstring=True):
                assert argument.parameter.help, f"recert {group} {name} {argument.name} is not explained"
    assert len(named) >= {"rollout": 11, "mail": 4, "mail wording": 4}[group]


def test_who_only_looks_does_not_wait_for_prefect(bench: Workbench, at_gate: int, home: Path) -> None:
    assert at_gate == 1
    assert bench
    looks = [
        ["rollout", "list"],
        ["rollout", "show", "1"],
        ["rollout", "items", "1", "--step", "verify-completion"],
        ["rollout", "items", "1", "--list", "not-reached"],
        ["rollout", "preview", str(plan(home))],
        ["mail", "list"],
    ]
    assert each_alone(looks, ["prefect", "aiosmtplib"]) == [(0, [])] * len(looks)
    assert each_alone([["rollout", "resume", "1", "--as", OPERATOR]], ["prefect", "aiosmtplib"]) == [(3, [])]
    assert each_alone([["mail", "show", "1"]], ["prefect"]) == [(0, [])]


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
