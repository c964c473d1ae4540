"""Opening a gate, its last day, and what becomes of one that nobody answers."""

from __future__ import annotations

from datetime import date
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models import people
from models.errors import GateClosed
from models.tables import assignment, audit, message, review
from models.words import Role, RolloutState, StepSlug, StepState
from tasks.deliver import deliver_mail
from tasks.gates import expire_gates
from tasks.resume import resume
from tasks.rollouts import end_rollout
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    Held,
    a_learner,
    approve,
    carry_out,
    count,
    gate_of,
    mailing,
    mails,
    on,
    propose,
    rollout_state,
    rows,
    started,
    step_record,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

RENOTIFY, SET, RECERTIFY = StepSlug.RENOTIFY_INCOMPLETE, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFY_DUE


def in_review(bench: Workbench, slug: StepSlug = RECERTIFY, **plan: Any) -> int:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held(open_due="2026-10-31"))
    rollout = started(bench, **plan)
    propose(bench, rollout, slug)
    return rollout


def test_each_enabled_approver_but_the_requester_is_asked_once(bench: Workbench) -> None:
    with writing(bench) as connection:
        people.change_user(connection, OPERATOR, roles=[Role.OPERATOR, Role.APPROVER], actor="tests", at=NOW)
        people.add_user(connection, "off@example.org", "Off", [Role.APPROVER], actor="tests", at=NOW)
        people.change_user(connection, "off@example.org", disabled=True, actor="tests", at=NOW)
    rollout = in_review(bench)
    assert mails(bench) == [("review-request", APPROVER, "queued"), ("review-request", SECOND, "queued")]
    assert rollout_state(bench, rollout) is RolloutState.IN_REVIEW
    assert step_state(bench, rollout, RECERTIFY) is StepState.IN_REVIEW


@pytest.mark.parametrize(
    ("slug", "plan", "last_on"),
    [
        pytest.param(RECERTIFY, {}, "2026-11-30", id="seven days, as planned"),
        pytest.param(
            RECERTIFY, {"reviews": {"steps": [], "expires_in_days": 20}}, "2026-12-13", id="twenty days, as planned"
        ),
        pytest.param(RECERTIFY, {"due_in_days": 3}, "2026-11-25", id="the day before the new Due Date of renewals"),
        pytest.param(RECERTIFY, {"due_in_days": 1}, "2026-11-23", id="today at least"),
        pytest.param(
            RENOTIFY, {"incomplete": {"new_due_on": date(2026, 11, 27)}}, "2026-11-26", id="before the new Due Date"
        ),
        pytest.param(
            RENOTIFY, {"incomplete": {"new_due_on": date(2026, 11, 23)}}, "2026-11-23", id="today, the new Due Date"
        ),
        pytest.param(SET, {"recertify_on": date(2026, 11, 25)}, "2026-11-25", id="the common day"),
    ],
)
def test_the_last_day_is_never_later_than_the_list_makes_sense(
    bench: Workbench, slug: StepSlug, plan: dict[str, Any], last_on: str
) -> None:
    rollout = in_review(bench, slug, **plan)
    gate = gate_of(bench, rollout)
    assert gate is not None
    assert str(gate.last_on) == last_on


def test_a_gate_is_open_through_its_last_day(bench: Workbench) -> None:
    rollout = in_review(bench)
    assert expire_gates(on(bench, "2026-11-30")) == []
    assert approve(on(bench, "2026-11-30"), rollout).result == "approved"
    assert expire_gates(on(bench, "2027-11-30")) == []


def test_a_gate_that_nobody_answered_ends_the_rollout_and_tells_its_requester(
    bench: Workbench, post: FaultServer
) -> None:
    rollout = in_review(bench)
    later = on(bench, "2026-12-01")
    assert expire_gates(later) == [rollout]
    assert rollout_state(bench, rollout) is RolloutState.EXPIRED
    assert step_state(bench, rollout, RECERTIFY) is StepState.EXPIRED
    assert gate_of(bench, rollout) is None
    [closed] = rows(bench, review)
    assert closed.outcome == "expired"
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 0
    assert mails(bench) == [
        ("review-request", APPROVER, "cancelled"),
        ("review-request", SECOND, "cancelled"),
        ("gate-expired", OPERATOR, "queued"),
    ]
    acts = [row.act for row in rows(bench, select(audit.c.act).order_by(audit.c.seq))]
    assert acts[-2:] == ["end-rollout", "expire-review"]
    with pytest.raises(GateClosed):
        approve_after_the_end(later, rollout)
    assert expire_gates(later) == [], "once"

    assert deliver_mail(mailing(later, post.address), "tests").sent == 1
    letter = message_from_bytes(post.kept[0].data, policy=policy.default)
    text = letter.get_body(("plain",)).get_content()
    assert letter["To"] == "Opal <opal@example.org>"
    assert letter["Subject"] == "Nobody answered in time: Recertify the learners who are due (annual-2027)"
    assert "Step: recertify-due" in text
    assert f"recert rollout resume {rollout} --as {OPERATOR}" in text
    assert "recert rollout resume" in letter.get_body(("html",)).get_content()


def approve_after_the_end(bench: Workbench, rollout: int) -> None:
    from models.words import Channel, Decision
    from tasks.review import Answer, give_answer

    give_answer(bench, rollout, Answer(APPROVER, "whatever", Decision.APPROVE), Channel.COMMAND_LINE)


def test_an_expired_rollout_can_be_resumed_with_a_list_of_that_days_facts(bench: Workbench) -> None:
    rollout = in_review(bench)
    carried = step_record(bench, rollout, RECERTIFY).proposal
    expire_gates(on(bench, "2026-12-01"))
    resume(on(bench, "2026-12-02"), rollout, OPERATOR)
    assert rollout_state(bench, rollout) is RolloutState.RUNNING
    assert step_state(bench, rollout, RECERTIFY) is StepState.PENDING
    later = on(bench, "2026-12-03")
    carry_out(later, rollout, RECERTIFY)
    proposal = step_record(bench, rollout, RECERTIFY).proposal
    assert carried is not None
    assert proposal is not None
    assert (proposal.round, str(proposal.proposed_on)) == (2, "2026-12-03")
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == 1


def test_a_rollout_that_ended_otherwise_closes_its_gate_and_does_not_expire(bench: Workbench) -> None:
    rollout = in_review(bench)
    end_rollout(bench, rollout, RolloutState.CANCELLED, OPERATOR)
    assert gate_of(bench, rollout) is None
    assert expire_gates(on(bench, "2027-01-01")) == []
    assert rollout_state(bench, rollout) is RolloutState.CANCELLED


def test_a_failed_rollout_keeps_its_gate_for_its_resumption(bench: Workbench) -> None:
    rollout = in_review(bench)
    end_rollout(bench, rollout, RolloutState.FAILED, "upkeep")
    assert expire_gates(on(bench, "2027-01-01")) == []
    with pytest.raises(GateClosed):
        approve(bench, rollout)
    resume(bench, rollout, OPERATOR)
    assert approve(bench, rollout).result == "approved"


def test_a_request_in_the_outbox_holds_ids_and_numbers_only(bench: Workbench) -> None:
    in_review(bench)
    for row in rows(bench, message):
        assert set(row.context) == {"rollout", "user", "review", "issue"}
        assert all(isinstance(value, int) for value in row.context.values())


def test_requests_of_a_closed_gate_are_cancelled_when_they_would_leave(bench: Workbench, post: FaultServer) -> None:
    rollout = in_review(bench)
    from models.tables import message as table

    approve(bench, rollout)
    with writing(bench) as connection:
        connection.execute(
            table.update().values(state="queued", next_try_at=NOW)
        )  # as if a process had held on to them
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 0
    assert {state for _, _, state in mails(bench)} == {"cancelled"}
    assert post.kept == []


def test_what_approvers_are_mailed_carries_code_counts_digest_and_the_exact_list(
    bench: Workbench, post: FaultServer
) -> None:
    from tests.world import code_for

    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2027-10-01"))
        a_learner(connection, 2, Held(open_due="2026-10-31"))
        a_learner(connection, 3, Held())
    rollout = started(bench)
    propose(bench, rollout, RECERTIFY)
    gate = gate_of(bench, rollout)
    assert gate is not None
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 2
    letter = message_from_bytes(post.kept[0].data, policy=policy.default)
    text = letter.get_body(("plain",)).get_content()
    assert f"Code: {code_for(bench, rollout, APPROVER)}" in text
    assert "Step: recertify-due" in text
    assert gate.digest in text
    [attached] = list(letter.iter_attachments())
    lines = attached.get_content().splitlines()
    assert len(lines) == 5
    assert [line.split(",")[:2] for line in lines[1:4]] == [
        ["l3@example.com", "E3"],
        ["l1@example.com", "E1"],
        ["l2@example.com", "E2"],
    ], "what changes comes first"
    assert lines[-1] == f"Digest {gate.digest}"
