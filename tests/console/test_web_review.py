"""Reviews in the console: the list that was shown is the list that is approved, by somebody else than who asked."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from models import people
from models.tables import approval, assignment, learner, proposal, review, rollout_item
from models.words import Channel, Decision, Role, RolloutState, StepSlug, StepState
from tasks.proof import Answer, AnswerRefused, Shown
from tasks.review import give_answer
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import Browser, Seen
from tests.console.rollout_desk import PretendedPrefect
from tests.world import APPROVER, NOW, OPERATOR, SECOND, gate_of, line, rows, step_state, writing

RENOTIFY = StepSlug.RENOTIFY_INCOMPLETE
HERE = f"/rollouts/1/steps/{RENOTIFY}"


@pytest.fixture
def ava(signed_in: Callable[[str], Browser], at_gate: int) -> Browser:
    assert at_gate == 1
    return signed_in(APPROVER)


def decide(browser: Browser, decision: str = "approve", shown: Seen | None = None, **fields: str) -> Seen:
    form = (shown or browser.get(HERE)).form(f"{HERE}/answer")
    return browser.send(form, decision=decision, **fields)


def given(bench: Workbench) -> list[tuple[str, str, str]]:
    return [(row.decision, row.channel, row.comment) for row in rows(bench, approval)]


def test_an_approver_sees_the_exact_list_and_approves_it(
    ava: Browser, bench: Workbench, prefect: PretendedPrefect
) -> None:
    shown = ava.get(HERE)
    gate = gate_of(bench, 1)
    assert gate is not None
    assert gate.digest_now in shown.text
    for words in ("l2@example.com", "l10@example.com", "18 Dec 2026", "get a new Due Date"):
        assert words in shown.text
    seen = decide(ava, shown=shown, comment="looks right")
    assert seen.url == "/rollouts/1?said=approved"
    assert given(bench) == [("approve", "console", "looks right")]
    assert [row.digest_approved for row in rows(bench, approval)] == [gate.digest_now]
    assert step_state(bench, 1, RENOTIFY) is StepState.APPROVED
    assert ("go on", 1) in prefect.asked


def test_a_rejection_ends_it_and_a_withdrawal_proposes_afresh(ava: Browser, bench: Workbench) -> None:
    decide(ava, "again")
    assert given(bench) == [("reject", "console", "")]
    assert step_state(bench, 1, RENOTIFY) is StepState.PENDING
    world.propose(bench, 1, RENOTIFY)
    decide(ava, "reject")
    assert step_state(bench, 1, RENOTIFY) is StepState.REJECTED


def test_who_asked_for_it_can_never_answer(signed_in: Callable[[str], Browser], bench: Workbench, ava: Browser) -> None:
    form = ava.get(HERE).form(f"{HERE}/answer")
    with writing(bench) as connection:
        people.change_user(connection, OPERATOR, roles=[Role.OPERATOR, Role.APPROVER], actor="tests", at=NOW)
    opal = signed_in(OPERATOR)
    seen = opal.get(HERE)
    assert f"{HERE}/answer" not in seen.text
    assert "somebody else must answer" in seen.text
    form.fields |= opal.get("/account").form("/sign-out").fields
    refused = opal.send(form, decision="approve")
    assert refused.status == 409
    assert "cannot approve it" in refused.text
    assert given(bench) == []


def test_a_list_that_changed_since_it_was_shown_is_not_approved(
    ava: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    shown = ava.get(HERE)
    world.answer(bench, 1, SECOND, decision=Decision.REJECT, again=True)
    with writing(bench) as connection:
        world.a_learner(connection, 30, world.Held(open_due="2026-11-30"))
    world.propose(bench, 1, RENOTIFY)
    stale = decide(ava, shown=shown, comment="my long comment")
    assert stale.status == 409
    assert "not the one this page showed" in stale.text
    assert "my long comment" in stale.text, "nothing that was typed is lost"
    assert [row for row in given(bench) if row[0] == "approve"] == []
    assert decide(signed_in(APPROVER)).url == "/rollouts/1?said=approved"


def test_a_line_changed_behind_the_scenes_is_not_approved_either(ava: Browser, bench: Workbench) -> None:
    shown = ava.get(HERE)
    with writing(bench) as connection:
        connection.execute(update(proposal).values(digest="0" * 64))
    assert decide(ava, shown=shown).status == 409
    assert given(bench) == []


def test_ticks_survive_paging_and_the_list_without_them_is_what_is_approved(ava: Browser, bench: Workbench) -> None:
    key = rows(bench, select(learner.c.id).where(learner.c.employee_id == "E10"))[0][0]
    ticked = ava.send(ava.get(f"{HERE}?search=l10").form(f"{HERE}/ticks"), learner=[str(key), "999", "x"])
    assert ticked.url == f"{HERE}?search=l10&said=ticked"
    assert line(bench, 1, RENOTIFY, 10).outcome != "skip-excluded", "a tick alone takes nobody out"
    seen = ava.get(HERE)
    assert "To be taken out: 1" in seen.text
    before = gate_of(bench, 1)
    assert before is not None
    decide(ava, shown=seen)
    assert line(bench, 1, RENOTIFY, 10).outcome == "skip-excluded"
    [row] = rows(bench, approval)
    assert row.exclusions == [key]
    assert row.digest_approved != before.digest_now == row.digest_proposed


def test_ticks_made_in_another_window_are_not_approved_unseen(ava: Browser, bench: Workbench) -> None:
    shown = ava.get(HERE)
    ava.send(ava.get(HERE).form(f"{HERE}/ticks"), learner=["2"])
    assert decide(ava, shown=shown).status == 409
    assert given(bench) == []
    ava.send(ava.get(HERE).form(f"{HERE}/ticks"), how="back", learner=["2"])
    assert decide(ava, shown=ava.get(HERE)).status == 200
    assert line(bench, 1, RENOTIFY, 2).outcome != "skip-excluded"


def test_one_approvers_ticks_are_not_anothers(ava: Browser, signed_in: Callable[[str], Browser]) -> None:
    ava.send(ava.get(HERE).form(f"{HERE}/ticks"), learner=["2"])
    assert "To be taken out" not in signed_in(SECOND).get(HERE).text


def test_a_double_click_is_one_answer(ava: Browser, bench: Workbench) -> None:
    form = ava.get(HERE).form(f"{HERE}/answer")
    assert ava.send(form, decision="approve").status == 200
    assert ava.send(form, decision="approve").status == 409
    assert len(given(bench)) == 1


def test_two_approvers_at_once_make_one_answer_each_at_most(
    ava: Browser, signed_in: Callable[[str], Browser], bench: Workbench
) -> None:
    browsers = [ava, signed_in(SECOND)]
    forms = [browser.get(HERE).form(f"{HERE}/answer") for browser in browsers]
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one, form=form: seen.append(one.send(form, decision="approve").status))
        for one, form in zip(browsers, forms, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [200, 409]
    assert len(given(bench)) == 1


def test_nothing_is_approved_by_looking(ava: Browser, bench: Workbench) -> None:
    assert ava.get(f"{HERE}/answer?decision=approve").status == 405
    assert ava.get(f"{HERE}?decision=approve").status == 200
    assert given(bench) == []


def test_a_decision_that_is_none_is_refused(ava: Browser, bench: Workbench) -> None:
    for decision in ("", "maybe"):
        assert decide(ava, decision).status == 409
    assert given(bench) == []


def test_the_last_day_is_kept(ava: Browser, bench: Workbench) -> None:
    shown = ava.get(HERE)
    with writing(bench) as connection:
        connection.execute(update(review).values(last_on=world.date(2026, 11, 22)))
    late = decide(ava, shown=shown)
    assert late.status == 409
    assert "ended on" in late.text


def test_a_session_proves_its_own_user_only(ava: Browser, bench: Workbench) -> None:
    gate = gate_of(bench, 1)
    assert gate is not None
    token = ava.cookies.get("recert-session") or ""
    shown = Shown(gate.id, gate.digest_now)
    for said in (
        Answer(SECOND, "", Decision.APPROVE, session=token, shown=shown),
        Answer(APPROVER, "", Decision.APPROVE, session="guessed", shown=shown),
        Answer(APPROVER, world.code_for(bench, 1, APPROVER), Decision.APPROVE, shown=shown),
        Answer(APPROVER, "", Decision.APPROVE, session=token),
    ):
        with pytest.raises(AnswerRefused):
            give_answer(bench, 1, said, Channel.CONSOLE)
    for door in (Channel.COMMAND_LINE, Channel.PREFECT):
        with pytest.raises(AnswerRefused):
            give_answer(bench, 1, Answer(APPROVER, "", Decision.APPROVE, session=token, shown=shown), door)
    assert given(bench) == []


def test_a_refused_answer_in_the_console_uses_up_no_code(ava: Browser, bench: Workbench) -> None:
    for _ in range(6):
        decide(ava, digest="0" * 64)
    assert world.approve(bench, 1).result == "approved"


def test_an_approver_who_was_never_mailed_may_answer_too(
    at_gate: int, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    assert at_gate == 1
    with writing(bench) as connection:
        people.add_user(connection, "new@example.org", "New", [Role.APPROVER], actor="tests", at=NOW)
    assert decide(signed_in("new@example.org")).url == "/rollouts/1?said=approved"


def test_the_list_is_searched_narrowed_and_downloaded_without_formulas(ava: Browser, bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.id == 2).values(first_name="<b>@SUM</b>", last_name="=1+1"))
    assert "&lt;b&gt;" in ava.get(HERE).text
    narrowed = ava.get(f"{HERE}?outcome=renotify-keep-due")
    assert "l10@example.com" in narrowed.text
    assert "l1@example.com" not in narrowed.text
    download = ava.get(f"{HERE}/list.csv?search=l2@")
    parsed = list(csv.DictReader(io.StringIO(download.text.removeprefix("\ufeff"))))
    assert {row["email"] for row in parsed} == {"l2@example.com"}
    assert parsed[0]["last_name"] == "'=1+1"
    total = rows(bench, select(rollout_item.c.learner_id).join(proposal).where(proposal.c.step_id == 2))
    assert len(ava.get(f"{HERE}/list.csv").text.splitlines()) == len(total) + 1


def test_a_list_proposed_afresh_says_what_is_otherwise(ava: Browser, bench: Workbench) -> None:
    assert "withdrawn before" not in ava.get(HERE).text
    decide(ava, "again")
    with writing(bench) as connection:
        world.a_learner(connection, 30, world.Held(open_due="2026-11-30"))
        world.a_learner(connection, 31, world.Held(open_due="2026-11-30"))
        connection.execute(update(learner).where(learner.c.employee_id == "E10").values(archived_at=NOW))
        open_ = (assignment.c.due_on == world.date(2026, 12, 24), assignment.c.completed_on.is_(None))
        connection.execute(update(assignment).where(*open_).values(due_on=world.date(2026, 11, 1)))
    world.propose(bench, 1, RENOTIFY)
    seen = ava.get(HERE)
    assert "2 lines change something only now, 1 only did before, 1 changes to other values" in seen.text


def test_some_lines_are_shown_at_random(ava: Browser) -> None:
    seen = ava.get(f"{HERE}?random=yes&outcome=changing")
    assert "3 at random" in seen.text
    assert ava.get(f"{HERE}?random=yes&flag=x").status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/rollouts/2/steps/renotify-incomplete",
        "/rollouts/1/steps/nonsense",
        "/rollouts/1/steps/recertify-due",
        "/rollouts/x/steps/renotify-incomplete",
        "/rollouts/1/steps/..%2f..%2fetc",
    ],
)
def test_a_list_that_is_none_is_not_found(ava: Browser, path: str) -> None:
    assert ava.get(path).status == 404


@pytest.mark.parametrize(
    "words", ["outcome=x", "flag=x", "after=1", "after=1.2.3", "before=x.y", "after=9.99999999999999999999"]
)
def test_words_that_make_no_sense_are_told(ava: Browser, words: str) -> None:
    assert ava.get(f"{HERE}?{words}").status == 400


def test_two_approvals_are_counted(
    signed_in: Callable[[str], Browser], bench: Workbench, prefect: PretendedPrefect
) -> None:
    assert prefect
    rollout = world.started(bench, reviews={"steps": ["renotify-incomplete"], "approvals_required": 2})
    world.propose(bench, rollout, StepSlug.VERIFY_COMPLETION, RENOTIFY)
    assert decide(signed_in(APPROVER)).url == "/rollouts/1?said=counted"
    assert "You have answered this review" in signed_in(APPROVER).get(HERE).text
    assert decide(signed_in(SECOND)).url == "/rollouts/1?said=approved"
    assert world.rollout_state(bench, rollout) is not RolloutState.REJECTED
