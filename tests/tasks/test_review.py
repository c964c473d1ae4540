"""The second beat: whose answer holds, and what the others leave behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models import people
from models.errors import GateClosed, ReviewMissing, WrongInput
from models.tables import (
    app_user,
    approval,
    assignment,
    audit,
    certification,
    exclusion,
    learner,
    message,
    review,
    review_request,
    rollout_step,
)
from models.words import Channel, Decision, Role, RolloutState, StepSlug, StepState
from tasks import review as answers
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.exclusions import release
from tasks.review import AnswerRefused, remind
from tasks.rollouts import end_rollout, reopen_gate
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    Held,
    a_learner,
    answer,
    approve,
    approve_all,
    begin,
    carry_out,
    code_for,
    count,
    gate_of,
    line,
    mails,
    on,
    outcomes,
    propose,
    put_into_effect,
    rows,
    started,
    step_record,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RENOTIFY, SET, RECERTIFY = StepSlug.RENOTIFY_INCOMPLETE, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFY_DUE
TWO = {"reviews": {"steps": [], "approvals_required": 2}}


@pytest.fixture
def rollout(bench: Workbench) -> int:
    """A rollout of five whose renewal is in review."""
    return in_review(bench)


def in_review(bench: Workbench, **plan: Any) -> int:
    with writing(bench) as connection:
        for number in range(1, 6):
            a_learner(connection, number, Held())
        a_learner(connection, 6, Held(own_on="2027-10-01"))
    rollout = started(bench, **plan)
    propose(bench, rollout, RECERTIFY)
    return rollout


def acts(bench: Workbench) -> list[str]:
    return [row.act for row in rows(bench, select(audit.c.act).order_by(audit.c.seq))]


def requests(bench: Workbench, email: str) -> list[str]:
    """The states of the review requests to *email*, oldest first."""
    return [state for kind, to, state in mails(bench) if (kind, to) == ("review-request", email)]


def nothing_changed(bench: Workbench, rollout: int) -> bool:
    return step_state(bench, rollout, RECERTIFY) is StepState.IN_REVIEW and count(bench, approval) == 0


def test_an_approver_with_the_code_they_were_mailed_approves_that_very_list(bench: Workbench, rollout: int) -> None:
    gate = gate_of(bench, rollout)
    assert gate is not None
    verdict = approve(bench, rollout, comment="looked through")
    assert (verdict.result, verdict.step, verdict.digest) == ("approved", "recertify-due", gate.digest)
    [given] = rows(bench, approval)
    assert (given.digest_proposed, given.digest_approved, given.comment) == (gate.digest, gate.digest, "looked through")
    assert (given.channel, given.consumed_at, given.void_at) == ("command-line", None, None)
    assert step_state(bench, rollout, RECERTIFY) is StepState.APPROVED
    put_into_effect(bench, rollout, RECERTIFY)
    [given] = rows(bench, approval)
    assert given.consumed_at is not None


@pytest.mark.parametrize("spelling", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}\n"])
def test_how_a_code_is_typed_makes_no_difference(bench: Workbench, rollout: int, spelling: Any) -> None:
    assert answer(bench, rollout, code=spelling(code_for(bench, rollout, APPROVER))).result == "approved"


def test_the_requester_cannot_approve_even_as_an_approver(bench: Workbench) -> None:
    with writing(bench) as connection:
        people.change_user(connection, OPERATOR, roles=[Role.OPERATOR, Role.APPROVER], actor="tests", at=NOW)
    rollout = in_review(bench)
    assert requests(bench, OPERATOR) == []
    with pytest.raises(AnswerRefused, match="asked for this rollout"):
        answer(bench, rollout, OPERATOR.upper(), code=code_for(bench, rollout, APPROVER))
    assert nothing_changed(bench, rollout)


@pytest.mark.parametrize(
    ("email", "told"),
    [("nobody@example.org", "no enabled approver"), (OPERATOR, "no enabled approver"), ("", "no enabled approver")],
)
def test_who_is_no_approver_cannot_answer(bench: Workbench, rollout: int, email: str, told: str) -> None:
    with pytest.raises(AnswerRefused, match=told):
        answer(bench, rollout, email, code="AAAA-BBBB-CCCC-DDDD")
    assert nothing_changed(bench, rollout)
    assert acts(bench)[-1] == "review-refused"


def test_a_foreign_code_is_refused_burnt_and_a_new_one_is_mailed_to_its_owner(bench: Workbench, rollout: int) -> None:
    stolen = code_for(bench, rollout, SECOND)
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, APPROVER, code=stolen)
    assert nothing_changed(bench, rollout)
    assert len(requests(bench, SECOND)) == 2
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, SECOND, code=stolen)
    assert code_for(bench, rollout, SECOND) != stolen
    assert approve(bench, rollout, SECOND).result == "approved"


def test_a_right_code_given_through_prefect_with_a_false_name_is_burnt_too(bench: Workbench, rollout: int) -> None:
    code = code_for(bench, rollout, APPROVER)
    with pytest.raises(AnswerRefused):
        answer(bench, rollout, "cfo@example.org", code=code, channel=Channel.PREFECT)
    assert code_for(bench, rollout, APPROVER) != code
    assert len(requests(bench, APPROVER)) == 2
    gate = gate_of(bench, rollout)
    assert gate is not None
    assert gate.false_answers == 1


def test_a_right_code_that_was_refused_through_prefect_is_burnt_since_it_can_be_read_there(
    bench: Workbench, rollout: int
) -> None:
    code = code_for(bench, rollout, APPROVER)
    with pytest.raises(WrongInput, match="E77"):
        answer(bench, rollout, channel=Channel.PREFECT, exclude=("E77",))
    assert code_for(bench, rollout, APPROVER) != code


def test_the_code_of_one_gate_does_not_open_another(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
        a_learner(connection, 2, Held())
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    code = code_for(bench, rollout, APPROVER)
    approve_all(bench, rollout)
    put_into_effect(bench, rollout, RENOTIFY)
    propose(bench, rollout, SET)
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, code=code)
    assert step_state(bench, rollout, SET) is StepState.IN_REVIEW


def test_an_answer_for_another_step_than_the_open_one_is_refused(bench: Workbench, rollout: int) -> None:
    said = answers.Answer(APPROVER, code_for(bench, rollout, APPROVER), Decision.APPROVE)
    with pytest.raises(GateClosed, match="recertify-due, not renotify-incomplete"):
        answers.give_answer(bench, rollout, said, Channel.COMMAND_LINE, "renotify-incomplete")
    assert nothing_changed(bench, rollout)


def test_an_answer_after_the_last_day_is_refused(bench: Workbench, rollout: int) -> None:
    gate = gate_of(bench, rollout)
    assert gate is not None
    assert str(gate.last_on) == "2026-11-30"
    with pytest.raises(AnswerRefused, match="ended on 2026-11-30"):
        approve(on(bench, "2026-12-01"), rollout)
    assert approve(on(bench, "2026-11-30"), rollout).result == "approved"


def test_a_used_code_cannot_answer_twice(bench: Workbench) -> None:
    rollout = in_review(bench, **TWO)
    assert approve(bench, rollout).result == "counted"
    with pytest.raises(AnswerRefused, match="answered this review already"):
        approve(bench, rollout)
    with pytest.raises(AnswerRefused, match="answered this review already"):
        answer(bench, rollout, decision=Decision.REJECT)
    assert step_state(bench, rollout, RECERTIFY) is StepState.IN_REVIEW
    assert approve(bench, rollout, SECOND).result == "approved"
    with pytest.raises(GateClosed):
        answer(bench, rollout, SECOND, code="whatever")


def test_after_five_wrong_codes_a_new_one_must_be_mailed(bench: Workbench, rollout: int) -> None:
    good = code_for(bench, rollout, APPROVER)
    for _ in range(5):
        with pytest.raises(AnswerRefused, match="not the one mailed"):
            answer(bench, rollout, code="0000-0000-0000-0000")
    with pytest.raises(AnswerRefused, match="5 wrong codes"):
        answer(bench, rollout, code=good)
    assert nothing_changed(bench, rollout)
    assert remind(bench, rollout) == [APPROVER, SECOND]
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, code=good)
    assert approve(bench, rollout).result == "approved"


def test_a_reminder_carries_the_same_code(bench: Workbench, rollout: int) -> None:
    good = code_for(bench, rollout, APPROVER)
    remind(bench, rollout)
    assert code_for(bench, rollout, APPROVER) == good
    assert len(requests(bench, APPROVER)) == 2


def test_wrong_codes_through_prefect_do_not_lock_an_approver_out(bench: Workbench, rollout: int) -> None:
    for _ in range(6):
        with pytest.raises(AnswerRefused):
            answer(bench, rollout, code="0000-0000-0000-0000", channel=Channel.PREFECT)
    assert approve(bench, rollout).result == "approved"


def test_an_exclusion_makes_another_list_and_the_approval_is_of_that_one(bench: Workbench, rollout: int) -> None:
    before = gate_of(bench, rollout)
    assert before is not None
    verdict = approve(bench, rollout, exclude=("L2@Example.COM", "E3", "E3"))
    assert (verdict.result, verdict.excluded) == ("approved", 2)
    assert verdict.digest != before.digest
    [given] = rows(bench, approval)
    assert (given.digest_proposed, given.digest_approved) == (before.digest, verdict.digest)
    assert len(given.exclusions) == 2
    seen = line(bench, rollout, RECERTIFY, 2)
    assert (seen.outcome, seen.due, seen.recertification) == ("skip-excluded", (None, None), ("2026-10-01",) * 2)
    put_into_effect(bench, rollout, RECERTIFY)
    assert outcomes(bench, rollout)[RECERTIFY] == {"recertify": 3, "skip-not-due": 1, "skip-excluded": 2}
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 3


def test_who_was_taken_out_stays_out_of_later_steps_until_released(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 4):
            a_learner(connection, number, Held())
    rollout = started(bench)
    propose(bench, rollout, SET)
    approve(bench, rollout, exclude=("E1", "E2"))
    put_into_effect(bench, rollout, SET)
    assert release(bench, rollout, ["l1@example.com"], OPERATOR) == 1
    propose(bench, rollout, RECERTIFY)
    assert line(bench, rollout, RECERTIFY, 1).outcome == "recertify", "due by the own date, and let in again"
    assert line(bench, rollout, RECERTIFY, 2).outcome == "skip-excluded"
    with pytest.raises(WrongInput, match="E3 was not taken out"):
        release(bench, rollout, ["E3"], OPERATOR)
    approve(bench, rollout, exclude=("E1",))
    assert [bool(row.released_at) for row in rows(bench, exclusion)] == [False, False], "taken out again"


@pytest.mark.parametrize(
    "who", ["E9", "nobody@example.com", "", "E6"], ids=["unknown", "unknown address", "blank", "has nothing to change"]
)
def test_only_who_is_on_the_list_can_be_taken_out_and_nothing_is_half_done(
    bench: Workbench, rollout: int, who: str
) -> None:
    with pytest.raises(WrongInput, match="nobody of this name"):
        approve(bench, rollout, exclude=("E1", who))
    assert nothing_changed(bench, rollout)
    assert line(bench, rollout, RECERTIFY, 1).outcome == "recertify"
    assert count(bench, exclusion) == 0


def test_an_exclusion_voids_earlier_approvals_and_new_codes_are_mailed(bench: Workbench) -> None:
    rollout = in_review(bench, **TWO)
    assert approve(bench, rollout, APPROVER).result == "counted"
    old = code_for(bench, rollout, APPROVER)
    verdict = approve(bench, rollout, SECOND, exclude=("E1",))
    assert (verdict.result, verdict.approvals) == ("counted", 1)
    assert [row.void_at is None for row in rows(bench, select(approval).order_by(approval.c.id))] == [False, True]
    assert len(requests(bench, APPROVER)) == 2
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, APPROVER, code=old)
    assert approve(bench, rollout, APPROVER).result == "approved"
    put_into_effect(bench, rollout, RECERTIFY)
    assert [row.consumed_at is not None for row in rows(bench, select(approval).order_by(approval.c.id))] == [
        False,
        True,
        True,
    ]


def test_a_rejection_ends_the_review_and_changes_nothing(bench: Workbench, rollout: int) -> None:
    with pytest.raises(WrongInput, match="--exclude"):
        answer(bench, rollout, decision=Decision.REJECT, exclude=("E1",))
    verdict = answer(bench, rollout, decision=Decision.REJECT, comment="not this year")
    assert verdict.result == "rejected"
    assert step_state(bench, rollout, RECERTIFY) is StepState.REJECTED
    assert gate_of(bench, rollout) is None
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 0
    assert set(requests(bench, SECOND)) == {"cancelled"}, "what was not sent is called back"


def test_a_rejection_for_now_proposes_afresh_from_the_facts_of_its_day_and_keeps_what_was_applied(
    bench: Workbench,
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    rollout = started(bench)
    carry_out(bench, rollout, SET)
    aligned = rows(bench, select(certification.c.override_on))
    propose(bench, rollout, RECERTIFY)
    first = gate_of(bench, rollout)
    assert first is not None
    assert answer(bench, rollout, decision=Decision.REJECT, again=True).result == "withdrawn"
    assert step_state(bench, rollout, RECERTIFY) is StepState.PENDING
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))
    propose(on(bench, "2026-11-25"), rollout, RECERTIFY)
    assert line(bench, rollout, RECERTIFY, 1).outcome == "skip-archived"
    assert line(bench, rollout, RECERTIFY, 2).due == (None, "2026-12-25")
    second = gate_of(bench, rollout)
    assert second is not None
    assert second.digest != first.digest
    proposal = step_record(bench, rollout, RECERTIFY).proposal
    assert proposal is not None
    assert proposal.round == 2
    approve(bench, rollout)
    put_into_effect(bench, rollout, RECERTIFY)
    assert rows(bench, select(certification.c.override_on)) == aligned
    assert step_state(bench, rollout, SET) is StepState.APPLIED


def _disabled(bench: Workbench) -> None:
    with writing(bench) as connection:
        people.change_user(connection, APPROVER, disabled=True, actor="tests", at=NOW)


def _role_taken(bench: Workbench) -> None:
    with writing(bench) as connection:
        people.change_user(connection, APPROVER, roles=[Role.VIEWER], actor="tests", at=NOW)


def _role_taken_by_other_means(bench: Workbench) -> None:
    with writing(bench) as connection:
        connection.execute(update(app_user).where(app_user.c.email == APPROVER).values(roles=["viewer"]))


@pytest.mark.parametrize("loss", [_disabled, _role_taken, _role_taken_by_other_means])
def test_an_approver_who_is_none_any_more_takes_their_unapplied_answer_with_them(
    bench: Workbench, rollout: int, loss: Any
) -> None:
    approve(bench, rollout)
    loss(bench)
    opened = begin(bench, rollout)
    with pytest.raises(ReviewMissing, match="0 of 1"):
        apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 0
    reopen_gate(bench, opened, RECERTIFY)
    assert step_state(bench, rollout, RECERTIFY) is StepState.IN_REVIEW
    with pytest.raises(AnswerRefused):
        answer(bench, rollout, APPROVER, code="whatever")
    assert approve(bench, rollout, SECOND).result == "approved"
    put_into_effect(bench, rollout, RECERTIFY)
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 5


def test_who_loses_the_role_while_the_review_is_open_has_no_code_any_more(bench: Workbench, rollout: int) -> None:
    code = code_for(bench, rollout, APPROVER)
    _disabled(bench)
    with writing(bench) as connection:
        people.change_user(connection, APPROVER, disabled=False, actor="tests", at=NOW)
    with pytest.raises(AnswerRefused, match="not the one mailed"):
        answer(bench, rollout, code=code)
    assert requests(bench, APPROVER) == ["cancelled"]
    remind(bench, rollout)
    assert approve(bench, rollout).result == "approved"


def test_an_approval_of_one_rollout_is_none_of_another(bench: Workbench, rollout: int) -> None:
    approve(bench, rollout)
    [given] = rows(bench, approval)
    end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    second = started(bench)
    propose(bench, second, RECERTIFY)
    gate = gate_of(bench, second)
    assert gate is not None
    values = {name: value for name, value in given._mapping.items() if name != "id"}
    with writing(bench) as connection:
        connection.execute(insert(approval).values(**{**values, "review_id": gate.id}))
        mine = step_record(bench, second, RECERTIFY).id
        connection.execute(update(rollout_step).where(rollout_step.c.id == mine).values(state="approved"))
    with pytest.raises(ReviewMissing, match="0 of 1"):
        apply_step(bench, second, STEPS[RECERTIFY], begin(bench, second).epoch)
    assert count(bench, assignment, assignment.c.rollout_id == second) == 0


def test_an_approver_who_came_later_has_a_code_mailed_by_a_reminder(bench: Workbench, rollout: int) -> None:
    with writing(bench) as connection:
        people.add_user(connection, "cy@example.org", "Cy", [Role.APPROVER], actor="tests", at=NOW)
    with pytest.raises(AnswerRefused, match="has no code"):
        answer(bench, rollout, "cy@example.org", code="whatever")
    assert "cy@example.org" in remind(bench, rollout)
    assert approve(bench, rollout, "cy@example.org").result == "approved"


def test_no_code_is_stored_anywhere(bench: Workbench, rollout: int) -> None:
    code = code_for(bench, rollout, APPROVER)
    with pytest.raises(AnswerRefused):
        answer(bench, rollout, SECOND, code=code)
    approve(bench, rollout)
    found = [str(row) for table in (message, audit, approval, review_request, review) for row in rows(bench, table)]
    for known in (code, code.replace("-", "")):
        assert not [row for row in found if known in row]


@pytest.mark.parametrize(
    ("plan", "decisions", "results"),
    [
        pytest.param(TWO, ["approve", "approve"], {"counted", "approved"}, id="two of two at once"),
        pytest.param({}, ["approve", "reject"], {"one", "closed"}, id="approve against reject"),
    ],
)
def test_two_answers_at_once_are_taken_one_after_the_other(
    bench: Workbench, plan: dict[str, Any], decisions: list[str], results: set[str]
) -> None:
    rollout = in_review(bench, **plan)
    codes = {email: code_for(bench, rollout, email) for email in (APPROVER, SECOND)}
    ready, said = threading.Barrier(2), []

    def give(email: str, decision: str) -> None:
        ready.wait()
        try:
            verdict = answer(bench, rollout, email, Decision(decision), code=codes[email])
            said.append(verdict.result if plan else "one")
        except GateClosed:
            said.append("closed")

    both = [threading.Thread(target=give, args=pair) for pair in zip(codes, decisions, strict=True)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert set(said) == results
    given = [row.decision for row in rows(bench, approval)]
    state = step_state(bench, rollout, RECERTIFY)
    if plan:
        assert state is StepState.APPROVED
    else:
        assert state.value.startswith(given[0])
        assert len(given) == 1
