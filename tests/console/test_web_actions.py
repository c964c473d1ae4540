"""Actions in the console: whom they are about, what is shown before anything is done, and that it is done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from models import choices, ledger, people
from models.passwords import set_password
from models.picking import forget
from models.tables import assignment, audit, certification, learner, message, rollout, selection, selection_line
from models.words import Role, RolloutState, StepSlug
from tasks import ordering
from tasks.workbench import Workbench
from tests.console.browser import PASSWORD, Browser, Form, Seen
from tests.console.rollout_desk import PretendedPrefect
from tests.world import APPROVER, NOW, OPERATOR, TODAY, Held, a_learner, count, outcomes, rollout_state, rows, writing

SECOND_OPERATOR = "oz@example.org"
DUE = "/learners?status=due-for-recertification"
PICK = "/learners/selection"
# learner-certification, of the ten learners of ``tests.world``
L1, L1_PRIVACY, L2, L3, L4, L9, L10 = "1-1", "1-2", "2-3", "3-5", "4-6", "9-11", "10-12"


@pytest.fixture
def opal(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in(OPERATOR)


def pick(browser: Browser, *lines: str, on: str = "/learners", **more: Any) -> Seen:
    """Tick these lines of a page, and press a button of the bar."""
    return browser.send(browser.get(on).form(PICK), line=list(lines), **more)


def order(browser: Browser, action: str, *lines: str, **fields: Any) -> Seen:
    """Tick, choose the action, and fill its form in; the page that shows what it would do."""
    seen = pick(browser, *lines, do=action)
    if seen.url.startswith("/actions/new/"):
        seen = browser.send(seen.form("/actions/new/"), **fields)
    return seen


def confirm(browser: Browser, seen: Seen, **fields: Any) -> Seen:
    return browser.send(seen.form(f"{seen.url.partition('?')[0]}/confirm"), **fields)


def picked(bench: Workbench) -> list[int]:
    """The learners of the newest selection."""
    newest = max(row.id for row in rows(bench, selection))
    return sorted(
        row.learner_id for row in rows(bench, select(selection_line).where(selection_line.c.selection_id == newest))
    )


def test_the_seeds_story_from_the_filter_to_learners_who_are_notified(opal: Browser, bench: Workbench) -> None:
    seen = pick(opal, on=DUE, how="all")
    assert "<b>5</b> lines selected" in seen.text
    seen = opal.send(seen.form(PICK), do="recertify")
    assert "Recertify: 4 lines?" in seen.text
    assert "left out: no course to take next" in seen.text
    assert "Since you selected them" not in seen.text
    assert "1 has no e-mail address" in seen.text
    assert count(bench, message) == 0, "nothing is done before it is confirmed"
    seen = confirm(opal, seen)
    assert "The recertification courses are assigned" in seen.text
    assert outcomes(bench, 1) == {"recertify": {"recertify": 4, "skip-no-course": 1}}
    assert rollout_state(bench, 1) is RolloutState.COMPLETED
    assert count(bench, message) == 3
    acts = [row.act for row in rows(bench, audit)]
    assert acts[acts.index("propose-action") :] == ["propose-action", "confirm-action", "apply-chunk", "end-rollout"]


@pytest.mark.parametrize(
    ("action", "line", "fields", "said"),
    [
        ("renotify", L2, {}, "told again"),
        ("due-date", L2, {"on": "2027-02-01"}, "The Due Dates are changed"),
        ("recertification-date", L3, {"on": "2027-06-01", "training_type": "conduct"}, "Dates are changed"),
        ("next-course", L3, {"course": "C-2"}, "The recertification courses are changed"),
        ("assign", L3, {"course": "P-1", "due_on": "2027-01-31"}, "The course is assigned"),
        ("unassign", L10, {"course": "C-1"}, "The assignments are taken back"),
        ("complete", L2, {"course": "C-1", "on": "2026-11-20"}, "The completions are recorded"),
        ("archive", L3, {}, "The learners are archived"),
        ("unarchive", "5-7", {}, "The learners are back"),
    ],
)
def test_every_action_of_the_bar_has_a_door(
    opal: Browser, bench: Workbench, action: str, line: str, fields: dict[str, str], said: str
) -> None:
    seen = order(opal, action, line, **fields)
    assert seen.url == "/actions/1", seen.text
    assert count(bench, rollout, rollout.c.confirmed_at.is_not(None)) == 0
    seen = confirm(opal, seen)
    assert said in seen.text
    [numbers] = outcomes(bench, 1).values()
    assert sum(numbers.values()) == 1
    with bench.database.read() as connection:
        [record] = ledger.steps(connection, 1).values()
    assert record.is_done
    assert "l" + line.partition("-")[0] + "@example.com" in seen.text


def test_a_selection_survives_pages_sorting_filters_and_a_look_at_somebody(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(100, 140):
            a_learner(connection, number, Held(), department="Hall")
    seen = opal.get("/learners?department=Hall&size=25")
    further = next(link for link in seen.links if "after=" in link)
    seen = opal.send(seen.form(PICK), line=["11-13", "12-14"], go=further)
    assert "after=" in seen.url, "without a script a button carries the ticks to the next page"
    assert "<b>2</b> lines selected" in seen.text
    seen = opal.send(
        seen.form(PICK), line=[seen.form(PICK).fields["shown"].split(",")[0]], go="?department=Hall&size=25"
    )
    assert "<b>3</b> lines selected" in seen.text
    assert seen.text.count(" checked") == 2
    sorted_ = opal.get("/learners" + next(link for link in seen.links if "sort=due_on" in link))
    assert "<b>3</b> lines selected" in sorted_.text
    other = opal.get("/learners" + next(link for link in sorted_.links if "status=completed" in link))
    assert "<b>3</b> lines selected" in other.text
    seen = opal.get("/learners" + next(link for link in other.links if "status" not in link and "selection" in link))
    seen = opal.send(seen.form(PICK), line=["11-13"])
    assert "<b>2</b> lines selected" in seen.text, "what is not ticked on its page is out"


def test_the_whole_page_then_all_that_match_then_nobody(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(100, 140):
            a_learner(connection, number, Held(), department="Hall")
    on = "/learners?department=Hall&size=25"
    seen = pick(opal, on=on, how="page")
    assert "<b>25</b> lines selected" in seen.text
    assert "Select all 40 that match" in seen.text
    seen = opal.send(seen.form(PICK), how="all")
    assert "<b>40</b> lines selected" in seen.text
    clear = next(
        link for link in seen.links if "selection" not in link and "department=Hall" in link and "size" in link
    )
    assert "Nothing selected" in opal.get("/learners" + clear).text


def test_all_that_match_is_what_matched_whatever_happens_after_and_the_page_says_so(
    opal: Browser, bench: Workbench
) -> None:
    seen = pick(opal, on=DUE, how="all")
    with writing(bench) as connection:
        a_learner(connection, 50, Held())
        connection.execute(update(learner).where(learner.c.id == 9).values(archived_at=NOW))
    seen = opal.send(seen.form(PICK), do="recertify")
    assert "Since you selected them, <b>1</b> line no longer matches" in seen.text
    assert "<b>1</b> more does, and is not in the selection" in seen.text
    assert "left out: archived" in seen.text
    confirm(opal, seen)
    assert outcomes(bench, 1)["recertify"] == {"recertify": 3, "skip-archived": 1, "skip-no-course": 1}


def test_every_filter_narrows_what_is_selected(opal: Browser, bench: Workbench) -> None:
    for words, who in {
        "department=Finance": [10], "course=P-OLD": [7], "search=l3@": [3], "training_type=privacy": [1, 2, 7],
        "day=due_on&since=2026-11-01": [2, 10], "day=due_on&until=2026-11-01": [2], "status=archived": [5],
    }.items():  # fmt: skip
        pick(opal, on=f"/learners?{words}", how="all")
        assert picked(bench) == who, words


def test_a_selection_that_an_action_was_ordered_with_stays_as_it_was(opal: Browser, bench: Workbench) -> None:
    seen = pick(opal, L1, do="recertify")
    seen = opal.get(next(link for link in seen.links if "selection=" in link))
    assert "<b>1</b> line selected" in seen.text
    opal.send(seen.form(PICK), line=[L1, L9])
    assert picked(bench) == [1, 9]
    first = select(selection_line.c.learner_id).where(selection_line.c.selection_id == 1)
    assert [row.learner_id for row in rows(bench, first)] == [1]


def test_whoever_has_no_certification_can_be_assigned_a_course(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 50)
    seen = confirm(opal, order(opal, "assign", "11-0", course="C-1"))
    assert "The course is assigned" in seen.text
    assert count(bench, certification, certification.c.learner_id == 11) == 1


def test_lines_that_are_none_select_nobody(opal: Browser) -> None:
    form = opal.get("/learners").form(PICK)
    form.fields["shown"] = "1-11,2-0,999-1,x,1-,-1,1-99999999999999999999," + L1
    seen = opal.send(form, line=["1-11", "2-0", "999-1", "x", L3])
    assert "Nothing selected" in seen.text, "another's certification, a line of the wrong kind, and one not on the page"


def test_without_a_tick_nothing_is_opened(opal: Browser, bench: Workbench) -> None:
    assert "Nothing is selected yet" in pick(opal, do="archive").text
    assert opal.get("/actions/new/assign").status == 400
    assert count(bench, rollout) == 0


@pytest.mark.parametrize(
    ("action", "fields", "reason"),
    [
        ("due-date", {"on": "2026-11-22"}, "2026-11-22 is in the past"),
        ("due-date", {"on": "tomorrow"}, "&#39;tomorrow&#39; is no day"),
        ("due-date", {}, "name the day"),
        ("recertification-date", {"on": "2027-01-01"}, "name it; a Recertification Date"),
        ("next-course", {"course": "NO"}, "no course"),
        ("assign", {"course": "C-0"}, "is retired since"),
        ("complete", {"course": "C-1", "on": "2026-12-01"}, "a completion lies in the past"),
    ],
)
def test_what_cannot_be_comes_back_on_the_form_with_the_reason_beside_it(
    opal: Browser, bench: Workbench, action: str, fields: dict[str, str], reason: str
) -> None:
    seen = order(opal, action, L1, L1_PRIVACY, **fields)
    assert seen.status == 400
    beside = seen.text.split('class="wrong"')[1].split("</span>")[0]
    assert reason in beside
    assert "--" not in beside
    assert all(f'value="{day}"' in seen.text for name, day in fields.items() if name == "on" and day[0] == "2")
    assert count(bench, rollout) == 0


def test_a_day_belongs_to_one_training_type_and_the_other_lines_stay(opal: Browser, bench: Workbench) -> None:
    seen = order(opal, "recertification-date", L1, L1_PRIVACY, training_type="privacy", on="2027-06-01")
    assert "2 lines of 1 learner; 1 of other training types" in seen.text
    confirm(opal, seen)
    days = {row.id: row.override_on for row in rows(bench, certification)}
    assert (days[1], days[2]) == (None, date(2027, 6, 1))


def test_what_changed_between_the_page_and_the_button_is_shown_and_asked_again(opal: Browser, bench: Workbench) -> None:
    seen = order(opal, "recertify", L1, L9)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.id == 9).values(archived_at=NOW))
    again = confirm(opal, seen)
    assert again.status == 409
    assert "Something has changed since you looked" in again.text
    assert "1 no longer does" in again.text
    assert count(bench, message) == 0
    stale = opal.send(Form("/actions/1/confirm", "post", {**seen.form("/actions/1/confirm").fields, "once": "x" * 9}))
    assert stale.status == 409
    assert "an older page" in stale.text
    done = opal.send(again.form("/actions/1/confirm"))
    assert "The recertification courses are assigned" in done.text
    assert outcomes(bench, 1)["recertify"] == {"recertify": 1, "skip-archived": 1}


def test_a_double_click_and_a_second_tab_do_nothing_twice(opal: Browser, bench: Workbench) -> None:
    seen = order(opal, "recertify", L1)
    other_tab = opal.get("/actions/1").form("/actions/1/confirm")
    confirm(opal, seen)
    assert confirm(opal, seen).status == 409, "the very same form"
    second = opal.send(other_tab)
    assert "it is never done twice" in second.text
    assert "Nothing was done." not in second.text
    assert count(bench, assignment, assignment.c.rollout_id == 1) == 1
    assert count(bench, message) == 1


def test_the_rollouts_list_holds_what_was_confirmed_and_the_small_ones_when_asked(opal: Browser) -> None:
    shown = order(opal, "recertify", L1)
    for address in ("/rollouts", "/rollouts?actions=yes"):
        assert "/rollouts/1" not in opal.get(address).links, "only a question yet"
    confirm(opal, shown)
    assert "/rollouts/1" not in opal.get("/rollouts").links
    assert "/rollouts/1" in opal.get("/rollouts?actions=yes").links


def test_what_was_left_is_left_and_the_selection_is_still_there(opal: Browser, bench: Workbench) -> None:
    seen = order(opal, "recertify", L1)
    form, late = seen.form("/actions/1/leave"), opal.get("/actions/1").form("/actions/1/confirm")
    back = opal.send(form)
    assert "Nothing was done" in back.text
    assert "<b>1</b> line selected" in back.text
    assert "was not confirmed, so nothing was done" in opal.send(late).text
    assert rollout_state(bench, 1) is RolloutState.CANCELLED
    assert count(bench, message) == 0


def test_leaving_in_one_tab_stops_nothing_that_was_confirmed_in_the_other(opal: Browser, bench: Workbench) -> None:
    seen = order(opal, "recertify", L1)
    leave = opal.get("/actions/1").form("/actions/1/leave")
    confirm(opal, seen)
    assert "never done twice" in opal.send(leave).text
    assert rollout_state(bench, 1) is RolloutState.COMPLETED


def test_a_session_that_ends_before_the_confirmation_loses_nothing_and_does_nothing(
    bench: Workbench, signed_in: Callable[[str], Browser], cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cheap_passwords is None
    with writing(bench) as connection:
        set_password(connection, OPERATOR, PASSWORD, actor="tests", at=NOW)
    opal = signed_in(OPERATOR)
    seen = order(opal, "recertify", L1)
    ticks = opal.get("/learners").form(PICK)
    later = bench.now() + timedelta(hours=1)
    monkeypatch.setattr(Workbench, "now", lambda _: later)
    over = confirm(opal, seen)
    assert over.status == 401
    assert count(bench, message) == 0
    again = opal.send(over.form("/sign-in"), email=OPERATOR, password=PASSWORD)
    done = opal.send(again.form("/actions/1/confirm"))
    assert "The recertification courses are assigned" in done.text
    assert count(bench, message) == 1
    monkeypatch.setattr(Workbench, "now", lambda _: later + timedelta(hours=1))
    over = opal.send(ticks, line=[L9], do="recertify")
    again = opal.send(over.form("/sign-in"), email=OPERATOR, password=PASSWORD)
    assert "Recertify: 1 line?" in opal.send(again.form(PICK)).text


def test_another_operator_can_neither_use_nor_confirm_what_is_not_theirs(
    opal: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    with writing(bench) as connection:
        people.add_user(connection, SECOND_OPERATOR, "Oz", [Role.OPERATOR], actor="tests", at=NOW)
    oz = signed_in(SECOND_OPERATOR)
    seen = order(opal, "recertify", L1)
    assert "Nothing selected" in oz.get("/learners?selection=1").text
    guessed = oz.get("/learners").form(PICK)
    guessed.fields["selection"] = "1"
    assert oz.send(guessed, line=[L3], how="keep").status == 404
    assert oz.get("/actions/new/assign?selection=1").status == 404
    form = oz.get("/learners").form(PICK)
    form.action, form.fields = "/actions/new/archive", {**form.fields, "selection": "1"}
    assert oz.send(form).status == 404
    looked = oz.get("/actions/1")
    assert f"It waits for {OPERATOR}" in looked.text
    assert "/actions/1/confirm" not in looked.text
    form = oz.get("/learners").form(PICK)
    form.action, form.fields["digest"] = "/actions/1/confirm", seen.form("/actions/1/confirm").fields["digest"]
    assert oz.send(form).status == 403
    form = oz.get("/learners").form(PICK)
    form.action = "/actions/1/leave"
    assert oz.send(form).status == 403
    assert picked(bench) == [1]
    assert rollout_state(bench, 1) is RolloutState.WAITING


def test_a_form_of_another_site_or_of_another_session_orders_nothing(
    opal: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    seen = order(opal, "recertify", L1)
    for form in (seen.form("/actions/1/confirm"), opal.get("/learners").form(PICK)):
        data = {**form.fields, "line": L9, "do": "archive"}
        forged = opal.request("POST", form.action, data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert forged.status == 403
        assert opal.request("POST", form.action, data={**data, "guard": "0" * 64}).status == 403
        assert signed_in(OPERATOR).send(form, line=[L9], do="archive").status == 403
    assert count(bench, rollout) == 1
    assert rollout_state(bench, 1) is RolloutState.WAITING


def test_only_who_may_act_sees_the_bar(signed_in: Callable[[str], Browser]) -> None:
    ava = signed_in(APPROVER)
    for path in ("/learners", "/learners/1"):
        seen = ava.get(path)
        assert "actionbar" not in seen.text
        assert 'name="line"' not in seen.text


def test_one_learners_lines_are_acted_on_from_their_page(opal: Browser) -> None:
    form = opal.get("/learners/1").form(PICK)
    seen = opal.send(form, line=[L1_PRIVACY], do="archive")
    assert "Archive: 1 line?" in seen.text
    confirm(opal, seen)
    assert "Archived" in opal.get("/learners/1").text
    assert "what is ticked" in opal.get("/learners/2").text.lower()


def test_a_large_one_is_typed_reviewed_and_only_then_done(
    opal: Browser, bench: Workbench, prefect: PretendedPrefect, signed_in: Callable[[str], Browser]
) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, "action_review_over", "2", actor="tests", at=NOW, today=TODAY)
    seen = order(opal, "recertify", L1, L4, L9)
    assert "an approver is asked to review this very list" in seen.text
    wrong = confirm(opal, seen, number="2")
    assert wrong.status == 400
    assert "That is not 3; nothing was done" in wrong.text
    assert prefect.asked == []
    asked = opal.send(wrong.form("/actions/1/confirm"), number=" 3 ")
    assert "the approvers will be asked; the mail server" in asked.text, "there is none in this test"
    assert APPROVER in asked.text
    assert ("begin", 1) in prefect.asked
    assert rollout_state(bench, 1) is RolloutState.IN_REVIEW
    assert count(bench, assignment, assignment.c.rollout_id == 1) == 0
    ava = signed_in(APPROVER)
    answer = ava.get("/rollouts/1/steps/recertify").form("/rollouts/1/steps/recertify/answer")
    assert "Approved" in ava.send(answer, decision="approve").text


def test_without_an_approver_a_large_one_is_told_before_it_is_written(opal: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, "action_review_over", "0", actor="tests", at=NOW, today=TODAY)
        for email in (APPROVER, "bo@example.org"):
            people.change_user(connection, email, roles=[Role.VIEWER], actor="tests", at=NOW)
    seen = pick(opal, L1, do="recertify")
    assert seen.status == 400
    assert "needs an approver besides" in seen.text
    assert count(bench, rollout) == 0


def test_an_action_is_taken_back_once_and_says_why_not_twice(opal: Browser, bench: Workbench) -> None:
    done = confirm(opal, order(opal, "recertify", L1, L9))
    with writing(bench) as connection:
        begun = assignment.c.rollout_id == 1, assignment.c.certification_id == 11
        connection.execute(update(assignment).where(*begun).values(progress=80))
    seen = opal.send(done.form("/rollouts/1/undo"))
    assert seen.url == "/actions/2"
    assert "are put back as they were" in seen.text
    assert "left out: the course is under way" in seen.text
    back = confirm(opal, seen)
    assert "It is taken back" in back.text
    assert outcomes(bench, 2) == {"undo": {"undo": 1, "skip-started": 1}}
    refused = opal.send(opal.get("/rollouts/1").form("/rollouts/1/undo"))
    assert refused.status == 409
    assert "is taken back already, by rollout 2" in refused.text
    assert "/rollouts/2/undo" not in back.text


def test_what_ended_too_long_ago_is_not_taken_back(
    opal: Browser, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = confirm(opal, order(opal, "due-date", L2, on="2027-02-01"))
    monkeypatch.setattr(Workbench, "today", lambda _: TODAY + timedelta(days=40))
    with writing(bench) as connection:
        connection.execute(update(rollout).values(finished_at=NOW))
    refused = opal.send(done.form("/rollouts/1/undo"))
    assert "more than 14 days ago" in refused.text
    assert count(bench, rollout) == 1


def test_the_lines_of_a_result_are_listed_by_outcome(opal: Browser) -> None:
    done = confirm(opal, order(opal, "recertify", L1, L3, L9))
    assert all(f"l{number}@example.com" in done.text for number in (1, 3, 9))
    left = opal.get("/actions/1?outcome=skip-not-due")
    assert "l3@example.com" in left.text
    assert "l9@example.com" not in left.text
    assert opal.get("/actions/1?outcome=nonsense").status == 400


def test_a_tick_is_kept_at_once_by_the_script(opal: Browser) -> None:
    told = pick(opal, L1, L1_PRIVACY, by="script").response.json()
    assert told == {"selection": 1, "lines": 2, "learners": 1}
    assert pick(opal, by="script").response.json() == {"selection": None, "lines": 0, "learners": 0}


def test_a_rollout_is_no_action_and_an_unknown_action_is_none(opal: Browser, at_gate: int) -> None:
    assert opal.get(f"/actions/{at_gate}").url == f"/rollouts/{at_gate}"
    assert opal.get("/actions/new/undo?selection=1").status == 404
    assert opal.get("/actions/new/verify-completion?selection=1").status == 404
    assert opal.get("/actions/99").status == 404
    assert pick(opal, L1, do="undo").status == 404


def test_selections_that_nothing_came_of_are_forgotten(opal: Browser, bench: Workbench) -> None:
    pick(opal, L1)
    order(opal, "archive", L3)
    with writing(bench) as connection:
        assert forget(connection, bench.now()) == 0
        assert forget(connection, bench.now() + timedelta(days=3)) == 1
    assert picked(bench) == [3]


def test_an_action_that_died_on_the_way_is_ended_by_the_upkeep(
    opal: Browser, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = order(opal, "recertify", L1)
    with monkeypatch.context() as patched:
        patched.setattr(ordering, "carry_out", lambda *_: 0)
        assert "being carried out" in confirm(opal, seen).text
    monkeypatch.setattr(Workbench, "now", lambda _: NOW + timedelta(days=365))
    assert ordering.carry_on(bench) == 1
    assert outcomes(bench, 1)[StepSlug.RECERTIFY.value] == {"recertify": 1}
