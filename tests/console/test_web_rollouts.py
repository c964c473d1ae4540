"""Rollouts in the console: seen before they are started, started once, watched, and ended."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest

from models import ledger
from models.selection import Chosen
from models.tables import message, rollout
from models.words import RolloutState, StepSlug
from tasks import ordering
from tasks.ordering import Asked
from tasks.rollouts import end_rollout
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import Browser, Form, Seen
from tests.console.rollout_desk import PretendedPrefect, write_plan
from tests.world import APPROVER, OPERATOR, approve, count, rollout_state, rows

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def opal(signed_in: Callable[[str], Browser], prefect: PretendedPrefect) -> Browser:
    assert not prefect.away
    return signed_in(OPERATOR)


def plan_text(tmp_path: Path, **changes: object) -> str:
    return write_plan(tmp_path / "plan.toml", **changes).read_text(encoding="utf-8")


FORM = {
    "how": "form",
    "name": "annual-2027",
    "training_types": ["conduct", "privacy"],
    "recertify_on": "2026-11-23",
    "align_on": "2026-11-23",
    "new_due_on": "2026-12-18",
}


def test_an_empty_list_says_how_to_begin_and_the_form_is_filled_in(opal: Browser, bench: Workbench) -> None:
    assert "No rollout was ever started" in opal.get("/rollouts").text
    form = opal.get("/rollouts/new").form("/rollouts/preview")
    shown = opal.send(form, **FORM, departments=["Sales"], exclude="l1@example.com E3", extend_at_most_days="90")
    assert "are assigned the renewal" in shown.text
    started = opal.send(shown.form("/rollouts/start"))
    assert started.url == "/rollouts/1?said=started"
    with bench.database.read() as connection:
        plan = ledger.load(connection, 1).plan
    assert plan.training_types == ["conduct", "privacy"]
    assert plan.audience.departments == ["Sales"]
    assert plan.audience.exclude == ["l1@example.com", "E3"]
    assert (plan.extend_at_most_days, plan.due_in_days, plan.restore_automatic) == (90, 30, True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"training_types": []}, "training_types"),
        ({"new_due_on": ""}, "new_due_on"),
        ({"recertify_on": "soon"}, "recertify_on"),
        ({"recertify_on": "2020-01-01", "align_on": "2020-01-01"}, "2020-01-01"),
        ({"due_in_days": "many"}, "Days to complete a renewal"),
        ({"training_types": ["nonsense"]}, "nonsense"),
        ({"approvals_required": "99"}, "approvals_required"),
    ],
)
def test_a_wrong_field_comes_back_with_the_reason_and_all_that_was_typed(
    opal: Browser, bench: Workbench, wrong: dict[str, object], says: str
) -> None:
    form = opal.get("/rollouts/new").form("/rollouts/preview")
    seen = opal.send(form, **{**FORM, "name": "my own name", **wrong})
    assert seen.status == 400
    assert says in seen.text.split('role="alert"')[1].split("</p>")[0]
    assert seen.form("/rollouts/preview").fields["name"] == "my own name"
    assert count(bench, rollout) == 0


def written(browser: Browser, plan: str) -> Seen:
    """Send a plan that was written by hand."""
    form = browser.get("/rollouts/new").form("/rollouts/preview")
    keys = {name: form.fields[name] for name in ("guard", "once")}
    return browser.send(Form(form.action, "post", keys), plan=plan)


def test_a_plan_file_is_rehearsed_and_then_started_as_it_was_shown(
    opal: Browser, bench: Workbench, tmp_path: Path
) -> None:
    content = plan_text(tmp_path).encode("utf-8-sig")
    form = opal.get("/rollouts/new").form("/rollouts/preview")
    seen = opal.send(form, files={"file": ("plan.toml", content)})
    assert "What annual-2027 would do" in seen.text
    assert "are assigned the renewal" in seen.text
    assert count(bench, rollout) == 0, "looking starts nothing"
    started = opal.send(seen.form("/rollouts/start"))
    assert started.url == "/rollouts/1?said=started"
    [row] = rows(bench, rollout)
    assert row.requested_by == OPERATOR
    again = opal.send(seen.form("/rollouts/start"))
    assert again.status == 409
    assert count(bench, rollout) == 1, "a double click starts one"


def test_a_second_rollout_of_the_same_training_is_told(opal: Browser, bench: Workbench, tmp_path: Path) -> None:
    world.started(bench)
    shown = written(opal, plan_text(tmp_path, name="another"))
    refused = opal.send(shown.form("/rollouts/start"))
    assert refused.status == 409
    assert "another" in refused.text
    assert count(bench, rollout) == 1


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ("name = ", "no TOML"),
        ("colour = 1", "colour"),
        ('name = "' + SCRIPT + '"', "training_types"),
    ],
)
def test_a_plan_that_is_none_comes_back_with_the_reason(opal: Browser, plan: str, says: str) -> None:
    seen = written(opal, plan)
    assert seen.status == 400
    assert says in seen.text
    assert SCRIPT not in seen.text
    assert plan in html.unescape(seen.text), "what was written is not lost"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 100_001, b"\x00"])
def test_a_file_that_is_no_plan_is_refused(opal: Browser, content: bytes) -> None:
    form = opal.get("/rollouts/new").form("/rollouts/preview")
    assert opal.send(form, files={"file": ("../../etc/passwd", content)}).status == 400


def test_without_prefect_nothing_is_started(
    opal: Browser, bench: Workbench, prefect: PretendedPrefect, tmp_path: Path
) -> None:
    shown = written(opal, plan_text(tmp_path))
    prefect.away = True
    refused = opal.send(shown.form("/rollouts/start"))
    assert refused.status == 409
    assert "Prefect does not answer" in refused.text
    assert count(bench, rollout) == 0


def test_a_rollout_is_shown_with_its_steps_who_must_act_and_its_run(
    opal: Browser, at_gate: int, bench: Workbench
) -> None:
    assert at_gate == 1
    seen = opal.get("/rollouts/1")
    for words in ("ava@example.org or bo@example.org must answer", "In review", "Look at the list", "data-follow"):
        assert words in seen.text
    assert "/rollouts/1/steps/renotify-incomplete" in seen.links
    approve(bench, 1)
    assert "data-follow" in opal.get("/rollouts/1").text


def test_a_script_in_a_plans_name_is_a_name(opal: Browser, bench: Workbench) -> None:
    world.started(bench, name=SCRIPT)
    for path in ("/rollouts", "/rollouts/1"):
        seen = opal.get(path)
        assert seen.status == 200
        assert SCRIPT not in seen.text


def test_approvers_are_asked_again_once_a_click(opal: Browser, at_gate: int, bench: Workbench) -> None:
    assert at_gate == 1
    before = count(bench, message)
    form = opal.get("/rollouts/1").form("/rollouts/1/remind")
    assert opal.send(form).url == "/rollouts/1?said=reminded"
    opal.send(form)
    assert count(bench, message) == before + 2


def test_a_rollout_is_cancelled_once_and_whoever_comes_late_is_told(
    opal: Browser, at_gate: int, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    assert at_gate == 1
    page = opal.get("/rollouts/1")
    other = signed_in(OPERATOR)
    late = other.get("/rollouts/1").form("/rollouts/1/cancel")
    assert opal.send(page.form("/rollouts/1/cancel"), reason="a test").url == "/rollouts/1?said=cancelled"
    assert rollout_state(bench, 1) is RolloutState.CANCELLED
    refused = other.send(late)
    assert refused.status == 409
    assert "has ended already" in refused.text
    assert "a test" in refused.text


def test_a_rollout_that_could_be_resumed_may_be_cancelled_instead(
    opal: Browser, at_gate: int, bench: Workbench
) -> None:
    assert at_gate == 1
    assert end_rollout(bench, 1, RolloutState.EXPIRED, "tests")
    page = opal.get("/rollouts/1")
    assert page.form("/rollouts/1/resume")
    ended = opal.send(page.form("/rollouts/1/cancel"), reason="next year")
    assert ended.url == "/rollouts/1?said=cancelled"
    assert rollout_state(bench, 1) is RolloutState.CANCELLED
    assert "/rollouts/1/resume" not in ended.text
    assert "/rollouts/1/cancel" not in ended.text


def test_an_approver_cannot_cancel(signed_in: Callable[[str], Browser], at_gate: int, bench: Workbench) -> None:
    assert at_gate == 1
    ava = signed_in(APPROVER)
    seen = ava.get("/rollouts/1")
    assert "/rollouts/1/cancel" not in seen.text
    form = seen.form("/rollouts/1/remind")
    form.action = "/rollouts/1/cancel"
    assert ava.send(form).status == 403
    assert rollout_state(bench, 1).value == "in-review"


def test_closing_lists_are_shown_and_downloaded(opal: Browser, bench: Workbench) -> None:
    world.started(bench)
    world.propose(bench, 1, StepSlug.VERIFY_COMPLETION)
    seen = opal.get("/rollouts/1/lists/left-behind")
    assert "l2@example.com" in seen.text
    download = opal.get("/rollouts/1/lists/left-behind/list.csv")
    assert download.response.headers["content-disposition"] == 'attachment; filename="rollout-1-left-behind.csv"'
    assert "l2@example.com" in download.text
    for name in ("taken-out", "not-reached", "not-on-common-day", "uncovered"):
        assert opal.get(f"/rollouts/1/lists/{name}").status == 200


def test_people_are_let_in_again_by_name_only_or_all_of_them_on_purpose(
    opal: Browser, at_gate: int, bench: Workbench
) -> None:
    assert at_gate == 1
    approve(bench, 1, exclude=["E10"])
    form = opal.get("/rollouts/1").form("/rollouts/1/release")
    assert opal.send(form).status == 400
    form = opal.get("/rollouts/1").form("/rollouts/1/release")
    assert "was not taken out" in opal.send(form, who="E2").text
    form = opal.get("/rollouts/1").form("/rollouts/1/release")
    assert opal.send(form, who="E10").url == "/rollouts/1?said=released"


@pytest.mark.parametrize("path", ["/rollouts/9", "/rollouts/x", "/rollouts/9/lists/left-behind", "/rollouts/1/lists/x"])
def test_what_is_none_is_not_found(opal: Browser, at_gate: int, path: str) -> None:
    assert at_gate == 1
    assert opal.get(path).status == 404


def test_an_action_is_shown_as_its_one_step_with_its_lines_learners_as_a_whole_too(
    opal: Browser, bench: Workbench
) -> None:
    for action in (StepSlug.RECERTIFY, StepSlug.ARCHIVE):
        placed = ordering.place(bench, Asked(action, Chosen(who=("E1", "E3"))), OPERATOR)
        ordering.confirm(bench, placed.rollout_id)
        ordering.carry_out(bench, placed.rollout_id)
    assert "Archive, 2 learners" in opal.get("/rollouts?actions=yes").text
    page = opal.get("/rollouts/2").text
    assert "are archived" in page
    assert "Common Recertification Date" not in page
    lines = opal.get("/rollouts/2/steps/archive").text
    assert all(f"l{number}@example.com" in lines for number in (1, 3))
    assert "are assigned the renewal" in opal.get("/rollouts/1").text
    assert opal.get("/rollouts/1/steps/verify-completion").status == 404
    told = opal.get("/learners/1").text
    assert all(words in told for words in ("Archive, 2 learners", "Recertify, 2 learners"))
    assert "None" not in told
