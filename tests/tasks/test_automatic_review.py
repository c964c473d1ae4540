"""What automatic recertification leaves to people is proposed to them, once, and gives way to what a person starts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from models import ledger
from models.automatic import own_on
from models.invariants import check
from models.lifecycle import AlreadyRunning
from models.tables import app_user, certification, learner, message, training_type
from models.words import Decision, LeftBecause, RolloutState, StepSlug, StepState
from tasks import ordering, upkeep
from tasks.automatic import recertify
from tasks.automatic_review import propose_left
from tasks.gates import expire_gates
from tasks.rollouts import check_start, end_rollout
from tasks.undo_order import place_undo
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    Held,
    a_learner,
    a_plan,
    answer,
    approve,
    count,
    line,
    lines,
    mailing,
    mails,
    on,
    one_pass,
    outcomes,
    rollout_state,
    run_to_end,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

RECERTIFY = StepSlug.RECERTIFY_DUE


@pytest.fixture
def left(bench: Workbench) -> Workbench:
    """One and two are due and left to people, three is not due, four is due and nothing is in the way."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), Held("privacy", course="P-1"))
        a_learner(connection, 2, Held(), email=None, email_key=None)
        connection.execute(
            update(certification).values(left_to_people_on=own_on(), left_to_people_because=LeftBecause.RETURNED.value)
        )
        a_learner(connection, 3, Held(own_on="2027-05-01"))
        a_learner(connection, 4, Held())
    return bench


def proposed(bench: Workbench) -> int:
    rollout_id = propose_left(bench)
    assert rollout_id is not None
    return rollout_id


def test_exactly_those_are_on_the_list_and_every_approver_is_asked(left: Workbench) -> None:
    rollout_id = proposed(left)
    assert set(lines(left, rollout_id, RECERTIFY)) == {("E1", "conduct"), ("E1", "privacy"), ("E2", "conduct")}
    assert line(left, rollout_id, RECERTIFY).due == (None, "2026-12-23")
    assert [mail[:2] for mail in mails(left)] == [("review-request", APPROVER), ("review-request", SECOND)]
    assert (rollout_state(left, rollout_id), step_state(left, rollout_id, RECERTIFY)) == (
        RolloutState.IN_REVIEW, StepState.IN_REVIEW,
    )  # fmt: skip
    assert recertify(left).learners == 1, "the fourth is assigned all the same"


def test_who_is_approved_is_assigned_and_told_and_who_is_taken_out_is_not(left: Workbench, post: FaultServer) -> None:
    left = mailing(left, post.address)
    rollout_id = proposed(left)
    approve(left, rollout_id, exclude=["E2"])
    assert run_to_end(left, rollout_id) is RolloutState.COMPLETED
    assert outcomes(left, rollout_id)[RECERTIFY] == {"recertify": 2, "skip-excluded": 1}
    assert mails(left)[-1] == ("recertification", "l1@example.com", "sent")
    assert recertify(left).learners == 1
    assert recertify(on(left, "2027-01-23")).left == {"returned": 1}
    with left.database.read() as connection:
        assert all(broken.number == 0 for broken in check(connection))


def test_the_upkeep_gives_it_a_run_and_it_waits_for_the_answer(left: Workbench) -> None:
    rollout_id = proposed(left)
    with left.database.read() as connection:
        whole = ledger.load(connection, rollout_id)
    assert not upkeep.is_ready(left, whole)
    seen = upkeep.Situation(whole, None, ready=False, now=left.now() + upkeep.HALF_STARTED_AFTER * 2)
    assert upkeep.remedy(seen) is upkeep.Remedy.BEGIN
    assert one_pass(left, rollout_id) is None, "suspended"
    answer(left, rollout_id)
    assert upkeep.is_ready(left, whole)


def test_it_is_proposed_once_for_its_date_and_anew_for_another(left: Workbench) -> None:
    rollout_id = proposed(left)
    assert propose_left(left) is None
    assert expire_gates(on(left, "2026-12-24")) == [rollout_id]
    assert propose_left(on(left, "2026-12-24")) is None, "nobody answered: they stay listed as due"
    with writing(left) as connection:
        another = {"override_on": date(2026, 12, 1), "left_to_people_on": date(2026, 12, 1)}
        connection.execute(
            update(certification).where(certification.c.left_to_people_on.is_not(None)).values(**another)
        )
    assert propose_left(on(left, "2026-12-24")) is not None


def test_who_was_assigned_by_itself_and_lost_that_is_proposed_once_they_are_left_to_people(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    [by_itself] = recertify(bench).rollouts
    placed = place_undo(bench, by_itself, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    rollout_id = proposed(bench)
    assert set(lines(bench, rollout_id, RECERTIFY)) == {("E1", "conduct")}
    answer(bench, rollout_id, decision=Decision.REJECT)
    end_rollout(bench, rollout_id, RolloutState.REJECTED, "tests")
    assert propose_left(bench) is None, "once"


def test_it_gives_way_to_what_a_person_starts_and_comes_again_after_it(left: Workbench) -> None:
    first = proposed(left)
    check_start(left, a_plan(), OPERATOR)
    second = started(left)
    assert (rollout_state(left, first), rollout_state(left, second)) == (RolloutState.CANCELLED, RolloutState.RUNNING)
    assert propose_left(left) is None, "the training types are taken"
    end_rollout(left, second, RolloutState.CANCELLED, "tests")
    assert propose_left(left) is not None


def test_once_it_is_approved_it_gives_way_to_nobody(left: Workbench) -> None:
    rollout_id = proposed(left)
    approve(left, rollout_id)
    with pytest.raises(AlreadyRunning, match=f"rollout {rollout_id} "):
        started(left)


def test_of_a_training_type_that_a_rollout_has_nothing_is_proposed(left: Workbench) -> None:
    started(left, training_types=["conduct"])
    rollout_id = proposed(left)
    assert set(lines(left, rollout_id, RECERTIFY)) == {("E1", "privacy")}


@pytest.mark.parametrize("why", ["no approver", "switched off", "archived"])
def test_where_nobody_may_approve_or_nothing_is_to_be_assigned_nothing_is_proposed(left: Workbench, why: str) -> None:
    with writing(left) as connection:
        if why == "no approver":
            connection.execute(update(app_user).values(disabled_at=NOW))
        elif why == "switched off":
            connection.execute(update(training_type).values(automatic=False))
        else:
            connection.execute(update(learner).values(archived_at=NOW))
    assert propose_left(left) is None
    assert count(left, message) == 0
