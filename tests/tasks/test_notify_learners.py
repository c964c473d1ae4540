"""Step 6: releases the notices that were born with the renewals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models import invariants
from models.errors import WrongInput
from models.tables import learner
from models.words import Decision, RolloutState, StepSlug, StepState
from tasks.exclusions import release
from tasks.overview import overview
from tasks.rollouts import end_rollout
from tests.world import (
    NOW,
    Held,
    a_learner,
    answer,
    approve,
    carry_out,
    line,
    lines,
    mails,
    propose,
    put_into_effect,
    rollout_state,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RECERTIFY, NOTIFY = StepSlug.RECERTIFY_DUE, StepSlug.NOTIFY_LEARNERS
NO_MAIL = {"email": None, "email_key": None}
REVIEWED = {"reviews": {"steps": ["notify-learners"]}}


def notices(bench: Workbench) -> list[tuple[str, str]]:
    """(address, state) of the notices."""
    return [mail[1:] for mail in mails(bench) if mail[0] == "recertification"]


def three(bench: Workbench, **plan: Any) -> int:
    """A rollout of three, one without an address, one not due; step 5 is done."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), Held("privacy", course="P-1"))
        a_learner(connection, 2, Held(), **NO_MAIL)
        a_learner(connection, 3, Held(own_on="2027-06-01"))
        a_learner(connection, 4, Held())
    rollout = started(bench, **plan)
    carry_out(bench, rollout, RECERTIFY)
    return rollout


def test_items_exist_only_for_what_was_renewed(bench: Workbench) -> None:
    rollout = three(bench)
    carry_out(bench, rollout, NOTIFY)
    found = {key: each.outcome for key, each in lines(bench, rollout, NOTIFY).items()}
    assert found == {
        ("E1", "conduct"): "notify",
        ("E1", "privacy"): "notify",
        ("E2", "conduct"): "skip-no-email",
        ("E4", "conduct"): "notify",
    }
    assert notices(bench) == [("l1@example.com", "queued"), ("l4@example.com", "queued")]
    seen = line(bench, rollout, NOTIFY)
    assert (seen.due, seen.recertification, seen.course) == (("2026-12-23",) * 2, (None, None), ("C-1", "C-1"))


def test_a_mover_who_was_renewed_is_told_all_the_same(bench: Workbench) -> None:
    rollout = three(bench, audience={"departments": ["Sales"]})
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(department="Finance"))
    carry_out(bench, rollout, NOTIFY)
    assert line(bench, rollout, NOTIFY).outcome == "notify"
    assert ("l1@example.com", "queued") in notices(bench)


def test_who_was_archived_since_is_not_told(bench: Workbench) -> None:
    rollout = three(bench)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))
    carry_out(bench, rollout, NOTIFY)
    assert line(bench, rollout, NOTIFY).outcome == "skip-archived"
    assert notices(bench) == [("l1@example.com", "held"), ("l4@example.com", "queued")]
    end_rollout(bench, rollout, RolloutState.COMPLETED, "tests")
    assert notices(bench) == [("l1@example.com", "cancelled"), ("l4@example.com", "queued")]


def test_who_is_archived_between_proposal_and_release_is_not_told(bench: Workbench) -> None:
    rollout = three(bench)
    propose(bench, rollout, NOTIFY)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))
    put_into_effect(bench, rollout, NOTIFY)
    assert line(bench, rollout, NOTIFY).outcome == "skip-changed-since-review"
    assert notices(bench) == [("l1@example.com", "held"), ("l4@example.com", "queued")]


def test_where_nothing_was_renewed_the_step_is_passed(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2027-06-01"))
    rollout = started(bench)
    carry_out(bench, rollout, RECERTIFY, NOTIFY)
    assert lines(bench, rollout, NOTIFY) == {}
    assert step_state(bench, rollout, NOTIFY) is StepState.PASSED


@pytest.mark.parametrize("state", [RolloutState.COMPLETED, RolloutState.CANCELLED, RolloutState.FAILED])
def test_who_an_approver_takes_out_of_the_notices_is_not_told_at_the_end_either(
    bench: Workbench, state: RolloutState
) -> None:
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    approve(bench, rollout, exclude=("L1@EXAMPLE.COM",))
    put_into_effect(bench, rollout, NOTIFY)
    end_rollout(bench, rollout, state, "tests")
    assert notices(bench) == [("l1@example.com", "cancelled"), ("l4@example.com", "queued")]


def test_who_was_taken_out_is_not_told_where_the_rollout_is_cancelled_before_the_list_is_carried_out(
    bench: Workbench,
) -> None:
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    approve(bench, rollout, exclude=("L1@EXAMPLE.COM",))
    end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    assert notices(bench) == [("l1@example.com", "cancelled"), ("l4@example.com", "queued")]


def test_who_was_taken_out_and_let_in_again_is_told_after_all(bench: Workbench) -> None:
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    approve(bench, rollout, exclude=("L1@EXAMPLE.COM",))
    release(bench, rollout, ["E1"], "tests")
    end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    assert {state for _, state in notices(bench)} == {"queued"}


@pytest.mark.parametrize(
    "state", [RolloutState.REJECTED, RolloutState.CANCELLED, RolloutState.FAILED, RolloutState.EXPIRED]
)
def test_notices_that_an_approver_rejected_are_not_sent_however_the_rollout_ends(
    bench: Workbench, state: RolloutState
) -> None:
    """Somebody may cancel it before the flow has seen the rejection."""
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    answer(bench, rollout, decision=Decision.REJECT)
    end_rollout(bench, rollout, state, "tests")
    assert {state for _, state in notices(bench)} == {"cancelled"}
    assert step_state(bench, rollout, NOTIFY) is StepState.REJECTED


@pytest.mark.parametrize(
    ("state", "drop", "plan", "left"),
    [
        pytest.param(RolloutState.CANCELLED, False, {}, "queued", id="cancelled: what was assigned is told"),
        pytest.param(RolloutState.CANCELLED, True, {}, "cancelled", id="cancelled with its mail"),
        pytest.param(RolloutState.CANCELLED, False, REVIEWED, "queued", id="cancelled though reviewed"),
        pytest.param(RolloutState.FAILED, False, {}, "queued", id="failed: what was assigned is told"),
        pytest.param(RolloutState.FAILED, False, REVIEWED, "held", id="failed before the review of the notices"),
        pytest.param(RolloutState.EXPIRED, False, REVIEWED, "held", id="expired: may be opened again"),
    ],
)
def test_what_an_end_between_assigning_and_telling_does_to_the_notices(
    bench: Workbench, state: RolloutState, drop: bool, plan: dict[str, Any], left: str
) -> None:
    rollout = three(bench, **plan)
    end_rollout(bench, rollout, state, "tests", drop_mail=drop)
    assert {state for _, state in notices(bench)} == {left}
    with bench.database.read() as connection:
        assert not [each.rows for each in invariants.check(connection) if each.number]


@pytest.mark.parametrize(("drop", "left"), [(False, "queued"), (True, "cancelled")])
@pytest.mark.parametrize("ended", [RolloutState.FAILED, RolloutState.EXPIRED])
def test_what_waits_for_a_rollout_that_nobody_resumes_is_told_once_it_is_cancelled(
    bench: Workbench, ended: RolloutState, drop: bool, left: str
) -> None:
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    approve(bench, rollout, exclude=("L1@EXAMPLE.COM",))
    end_rollout(bench, rollout, ended, "tests")
    with bench.database.read() as connection:
        assert "2 of its notices wait for that, or leave once it is cancelled" in overview(connection, rollout).next
    assert end_rollout(bench, rollout, RolloutState.CANCELLED, "tests", drop_mail=drop)
    assert notices(bench) == [("l1@example.com", "cancelled"), ("l4@example.com", left)]
    assert not end_rollout(bench, rollout, RolloutState.CANCELLED, "tests"), "an end is an end"
    with bench.database.read() as connection:
        assert overview(connection, rollout).next == "nothing: it has ended"
        assert not [each.rows for each in invariants.check(connection) if each.number]


@pytest.mark.parametrize("ended", [RolloutState.COMPLETED, RolloutState.REJECTED])
def test_what_has_ended_for_good_is_not_cancelled(bench: Workbench, ended: RolloutState) -> None:
    rollout = three(bench)
    end_rollout(bench, rollout, ended, "tests")
    assert not end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    assert rollout_state(bench, rollout) is ended


def test_only_who_is_on_the_list_can_be_taken_out(bench: Workbench) -> None:
    rollout = three(bench, **REVIEWED)
    propose(bench, rollout, NOTIFY)
    with pytest.raises(WrongInput, match="E3"):
        approve(bench, rollout, exclude=("E3",))
    assert step_state(bench, rollout, NOTIFY) is StepState.IN_REVIEW
