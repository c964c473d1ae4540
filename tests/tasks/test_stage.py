"""One pass of a run: every beat once, suspensions with fresh keys, false answers that decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models import codes, ledger
from models.errors import DatabaseUnavailable, LeaseLost
from models.tables import assignment, audit, message, rollout_step
from models.words import Channel, Decision, RolloutState, StepSlug, StepState
from tasks import stage as stage_module
from tasks.review import Answer, give_answer
from tasks.rollouts import open_rollout
from tests.mail.fault_server import Fault, FaultServer
from tests.world import (
    APPROVER,
    CHECKLIST_SLUGS,
    OPERATOR,
    SECOND,
    PlainConductor,
    a_plan,
    answer,
    approve,
    begin,
    code_for,
    count,
    gate_of,
    mailing,
    mails,
    on,
    one_pass,
    outcomes,
    rollout_state,
    rows,
    run_to_end,
    started,
    step_record,
    step_state,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RENOTIFY, SET, RECERTIFY = StepSlug.RENOTIFY_INCOMPLETE, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFY_DUE
NOTIFY = StepSlug.NOTIFY_LEARNERS
# what is decided in Python alone need not be seen on both databases
ON_SQLITE = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)


@pytest.fixture
def house(bench: Workbench, post: FaultServer) -> Workbench:
    """Ten learners, and a mail server that takes everything."""
    with writing(bench) as connection:
        ten_learners(connection)
    return mailing(bench, post.address)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses after false answers, in seconds, not slept."""
    slept: list[float] = []
    monkeypatch.setattr(stage_module.time, "sleep", slept.append)
    return slept


def acts(bench: Workbench) -> list[str]:
    return [row.act for row in rows(bench, select(audit.c.act).order_by(audit.c.seq))]


def test_a_rollout_walks_through_its_checklist(house: Workbench, post: FaultServer) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    assert run_to_end(house, rollout, conductor) is RolloutState.COMPLETED
    assert conductor.keys == ["renotify-incomplete-1", "set-recertification-dates-1", "recertify-due-1"]
    assert conductor.ran == [
        "Verify completion: propose",
        "Re-notify the incomplete: propose",
        "Re-notify the incomplete: request review",
        "Re-notify the incomplete: apply",
        "Re-notify the incomplete: send",
        "Set the common Recertification Date: propose",
        "Set the common Recertification Date: request review",
        "Set the common Recertification Date: apply",
        "Disable automatic recertification: propose",
        "Disable automatic recertification: apply",
        "Recertify the learners who are due: propose",
        "Recertify the learners who are due: request review",
        "Recertify the learners who are due: apply",
        "Notify the learners: propose",
        "Notify the learners: apply",
        "Notify the learners: send",
    ]
    assert outcomes(house, rollout)["recertify-due"]["recertify"] == 6
    assert {state for _, _, state in mails(house)} == {"sent"}
    assert len(post.kept) == 12
    assert conductor.seen[-1].rollout.state is RolloutState.COMPLETED


@ON_SQLITE
def test_a_finished_rollout_woken_again_does_nothing(house: Workbench, post: FaultServer) -> None:
    rollout = started(house)
    run_to_end(house, rollout)
    before, sent = count(house, assignment), len(post.kept)
    conductor = PlainConductor()
    assert one_pass(house, rollout, conductor) is RolloutState.COMPLETED
    assert conductor.ran == []
    assert (count(house, assignment), len(post.kept)) == (before, sent)


@ON_SQLITE
def test_a_wait_sleeps_again_when_it_is_woken_early_each_time_under_a_new_key(house: Workbench) -> None:
    rollout = started(house, recertify_on=date(2027, 1, 18), align_on=date(2026, 12, 19))
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    approve(house, rollout)
    for day in ("2026-11-24", "2026-12-01", "2026-12-18"):
        assert one_pass(on(house, day), rollout, conductor) is None
        assert step_state(house, rollout, SET) is StepState.WAITING
        assert rollout_state(house, rollout) is RolloutState.WAITING
    one_pass(on(house, "2026-12-19"), rollout, conductor)
    assert step_state(house, rollout, SET) is StepState.IN_REVIEW
    assert conductor.keys[1:] == [f"set-recertification-dates-{number}" for number in (1, 2, 3, 4)]
    assert conductor.forms[1:4] == ["", "", ""], "a wait asks nothing"


@ON_SQLITE
def test_a_rejection_ends_the_rollout_as_rejected(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    answer(house, rollout, decision=Decision.REJECT)
    assert one_pass(house, rollout, conductor) is RolloutState.REJECTED
    assert rollout_state(house, rollout) is RolloutState.REJECTED
    assert count(house, message, message.c.kind == "renotification") == 0


@ON_SQLITE
def test_a_rejection_for_now_proposes_afresh(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    answer(house, rollout, decision=Decision.REJECT, again=True)
    assert one_pass(house, rollout, conductor) is None
    proposal = step_record(house, rollout, RENOTIFY).proposal
    assert proposal is not None
    assert proposal.round == 2
    assert run_to_end(house, rollout, conductor) is RolloutState.COMPLETED


def test_a_rejection_for_now_that_leaves_nothing_to_do_passes_the_step(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    answer(house, rollout, decision=Decision.REJECT, again=True)
    with writing(house) as connection:
        done = {"completed_on": date(2026, 11, 20), "progress": 100}
        connection.execute(update(assignment).where(assignment.c.completed_on.is_(None)).values(**done))
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.PASSED
    assert step_state(house, rollout, SET) is StepState.IN_REVIEW


@ON_SQLITE
def test_resume_with_nothing_filled_in_decides_nothing_and_is_audited(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    for _ in range(3):
        assert one_pass(house, rollout, conductor) is None
    assert conductor.keys == [f"renotify-incomplete-{number}" for number in (1, 2, 3)]
    assert acts(house).count("woken-without-answer") == 2
    assert step_state(house, rollout, RENOTIFY) is StepState.IN_REVIEW
    assert count(house, message, message.c.kind == "review-request") == 2, "nobody is asked twice"


def test_a_right_answer_in_prefects_form_is_taken_and_deleted_there(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    conductor.fill_in(decision="approve", approver=APPROVER, code=code_for(house, rollout, APPROVER), exclude=["E10"])
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED
    assert outcomes(house, rollout)["renotify-incomplete"]["skip-excluded"] == 1
    assert conductor.filled_in == {}
    assert "woken-without-answer" not in acts(house)
    assert acts(house).count("review-approved") == 1


@ON_SQLITE
def test_of_two_approvals_the_first_is_counted_and_the_gate_opens_again_without_complaint(house: Workbench) -> None:
    rollout = started(house, reviews={"approvals_required": 2})
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    for email in (APPROVER, SECOND):
        conductor.fill_in(decision="approve", approver=email, code=code_for(house, rollout, email))
        one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED
    assert "woken-without-answer" not in acts(house)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"decision": "approve", "approver": "cfo@example.org", "code": "GOOD"}, id="a name from nowhere"),
        pytest.param({"decision": "approve", "approver": OPERATOR, "code": "GOOD"}, id="the requester"),
        pytest.param({"decision": "approve", "approver": APPROVER, "code": "0000"}, id="a wrong code"),
        pytest.param({"decision": "approve", "approver": SECOND, "code": "GOOD"}, id="another's code"),
        pytest.param({"decision": "perhaps", "approver": APPROVER, "code": "GOOD"}, id="no decision"),
        pytest.param({"approver": APPROVER, "code": "GOOD"}, id="decision left out"),
        pytest.param({"decision": ["approve"], "approver": 7, "code": None, "exclude": "E1"}, id="rubbish"),
        pytest.param({"decision": "approve", "approver": APPROVER, "code": "GOOD", "exclude": ["E99"]}, id="nobody"),
        pytest.param({}, id="nothing"),
    ],
)
@ON_SQLITE
def test_a_false_answer_in_prefects_form_decides_nothing_is_audited_and_the_gate_opens_again(
    house: Workbench, form: dict[str, Any], pauses: list[float]
) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    good = code_for(house, rollout, APPROVER)
    conductor.fill_in(**{name: good if value == "GOOD" else value for name, value in form.items()})
    assert one_pass(house, rollout, conductor) is None
    gate = gate_of(house, rollout)
    assert gate is not None
    assert gate.false_answers == 1
    assert conductor.keys == ["renotify-incomplete-1", "renotify-incomplete-2"]
    assert conductor.filled_in == {}
    assert acts(house).count("review-refused") == 1
    assert (code_for(house, rollout, APPROVER) != good) == ("GOOD" in form.values()), (
        "a code that could be read is burnt"
    )
    assert pauses == [2]


@ON_SQLITE
def test_false_answers_let_the_gate_open_ever_later_up_to_a_minute(house: Workbench, pauses: list[float]) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    for _ in range(7):
        conductor.fill_in(decision="approve", approver="cfo@example.org", code="0000")
        one_pass(house, rollout, conductor)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    assert approve(house, rollout).result == "approved"


@ON_SQLITE
def test_an_answer_that_the_database_could_not_take_is_not_lost(
    house: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    conductor.fill_in(decision="approve", approver=APPROVER, code=code_for(house, rollout, APPROVER))

    def away(*given: Any) -> None:
        assert given
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stage_module, "give_answer", away)
        with pytest.raises(DatabaseUnavailable):
            one_pass(house, rollout, conductor)
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED


@ON_SQLITE
def test_an_answer_by_another_door_that_is_quicker_than_the_suspension_is_seen(house: Workbench) -> None:
    rollout = started(house)

    @dataclass
    class Busy(PlainConductor):
        def publish(self, seen: Any, page: str) -> None:
            super().publish(seen, page)
            if seen.gate is not None and seen.gate.slug is RENOTIFY:
                approve(house, rollout)

    conductor = Busy()
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED
    assert conductor.keys == ["set-recertification-dates-1"]


def test_an_approval_that_lost_its_approver_opens_the_gate_again(house: Workbench) -> None:
    from models import people
    from tests.world import NOW

    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    approve(house, rollout)
    with writing(house) as connection:
        people.change_user(connection, APPROVER, disabled=True, actor="tests", at=NOW)
    assert one_pass(house, rollout, conductor) is None
    assert step_state(house, rollout, RENOTIFY) is StepState.IN_REVIEW
    assert count(house, message, message.c.kind == "renotification") == 0
    approve(house, rollout, SECOND)
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED


@ON_SQLITE
def test_the_form_says_what_is_asked_in_counts_and_never_a_learner(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    gate = gate_of(house, rollout)
    assert gate is not None
    [form] = conductor.forms
    assert gate.digest in form
    assert "Monday, 30 November 2026" in form
    assert "keep their later Due Date and are told again | 2 |" in form
    for secret in ("example.com", "First2", "Last2", code_for(house, rollout, APPROVER)):
        assert secret not in form


@ON_SQLITE
def test_a_mail_server_that_is_away_holds_up_the_last_step_only(house: Workbench) -> None:
    nobody = mailing(house, MailAway())
    rollout = started(house)
    conductor = PlainConductor()
    for _ in range(3):
        assert one_pass(nobody, rollout, conductor) is None
        approve(nobody, rollout)
    assert one_pass(nobody, rollout, conductor) is None
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED
    assert step_state(house, rollout, NOTIFY) is StepState.APPROVED
    assert rollout_state(house, rollout) is RolloutState.WAITING
    assert {state for kind, _, state in mails(house) if kind == "recertification"} == {"queued"}
    assert conductor.keys[-1] == "notify-learners-1"
    assert one_pass(house, rollout, conductor) is RolloutState.COMPLETED
    assert {state for kind, _, state in mails(house) if kind != "review-request"} == {"sent"}


def MailAway() -> Any:  # noqa: N802 - stands for a server
    from config.settings import MailServer
    from tests.processes import free_port

    return MailServer("127.0.0.1", free_port(), "none")


def test_the_last_step_is_done_when_each_notice_was_tried_once(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    later = Fault("RCPT", "450 4.2.0 later", to="l1@example.com")
    gone = Fault("RCPT", "550 5.1.1 no such user", to="l3@example.com")
    with FaultServer(later, gone) as server:
        house = mailing(bench, server.address)
        rollout = started(house)
        assert run_to_end(house, rollout) is RolloutState.COMPLETED
    found = {to: state for kind, to, state in mails(bench) if kind == "recertification"}
    assert found == {
        "l1@example.com": "deferred",
        "l3@example.com": "failed",
        "l6@example.com": "sent",
        "l9@example.com": "sent",
    }


@ON_SQLITE
def test_a_start_that_no_door_vouches_for_waits_for_its_code(house: Workbench) -> None:
    rollout = open_rollout(house, a_plan(), OPERATOR, "", "run-1").rollout_id
    conductor = PlainConductor()
    assert one_pass(house, rollout, conductor) is None
    assert conductor.keys == ["start-1"]
    assert count(house, message, message.c.kind == "start-confirmation", message.c.state == "sent") == 1
    conductor.fill_in(code="0000-0000-0000-0000")
    assert one_pass(house, rollout, conductor) is None
    assert conductor.keys == ["start-1", "start-2"]
    assert all(row.state == "pending" for row in rows(house, rollout_step))
    conductor.fill_in(code=codes.start_code(house.key, rollout, 2))
    assert one_pass(house, rollout, conductor) is None
    assert conductor.keys[-1] == "renotify-incomplete-1"
    assert conductor.filled_in == {}


@pytest.mark.parametrize("where", ["wait", "gate"])
def test_an_orphan_suspends_nothing(house: Workbench, where: str) -> None:
    from flows.annual_rollout import walk

    plan = {"recertify_on": date(2027, 1, 18), "align_on": date(2026, 12, 19)} if where == "wait" else {}
    rollout = started(house, **plan)
    if where == "wait":
        one_pass(house, rollout)
        approve(house, rollout)
        one_pass(house, rollout)
    else:
        one_pass(house, rollout)
    orphan = begin(house, rollout)
    begin(house, rollout)
    conductor = PlainConductor()
    with pytest.raises(LeaseLost):
        walk(stage_module.Stage(house, orphan, conductor))
    assert conductor.keys == []


@ON_SQLITE
def test_every_step_that_may_be_reviewed_can_be(house: Workbench) -> None:
    rollout = started(house, reviews={"steps": [slug.value for slug in CHECKLIST_SLUGS]})
    conductor = PlainConductor()
    assert run_to_end(house, rollout, conductor) is RolloutState.COMPLETED
    assert [key.rpartition("-")[0] for key in conductor.keys] == [slug.value for slug in CHECKLIST_SLUGS[1:]]


@ON_SQLITE
def test_with_no_reviews_planned_the_renewal_alone_stops(house: Workbench) -> None:
    rollout = started(house, reviews={"steps": []})
    conductor = PlainConductor()
    assert run_to_end(house, rollout, conductor) is RolloutState.COMPLETED
    assert conductor.keys == ["recertify-due-1"]


@ON_SQLITE
def test_after_an_answer_by_the_command_line_a_form_filled_in_late_changes_nothing(house: Workbench) -> None:
    rollout = started(house)
    conductor = PlainConductor()
    one_pass(house, rollout, conductor)
    late = {"decision": "reject", "approver": SECOND, "code": code_for(house, rollout, SECOND)}
    said = Answer(APPROVER, code_for(house, rollout, APPROVER), Decision.APPROVE)
    give_answer(house, rollout, said, Channel.COMMAND_LINE)
    conductor.fill_in(**late)
    one_pass(house, rollout, conductor)
    assert step_state(house, rollout, RENOTIFY) is StepState.APPLIED
    assert conductor.filled_in == {}, "a code is not left lying in Prefect"


@ON_SQLITE
def test_the_ledger_says_how_each_step_stands_while_the_rollout_is_on_its_way(house: Workbench) -> None:
    rollout = started(house)
    one_pass(house, rollout)
    with house.database.read() as connection:
        states = [step.state.value for step in ledger.steps(connection, rollout).values()]
    assert states == ["passed", "in-review", "pending", "pending", "pending", "pending"]
