"""A rollout's start and end: who may start, which run works on it, and who confirms a start from Prefect's form."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models import codes, ledger, lifecycle, people
from models.errors import LeaseLost, NotPermitted, PlanInvalid, Refused
from models.lifecycle import AlreadyRunning
from models.tables import audit, rollout_step, rollout_training_type
from models.tables import rollout as table
from models.words import Role, RolloutState, StepSlug, StepState
from tasks.resume import NotResumable, resume
from tasks.rollouts import (
    Opened,
    TicketRefused,
    ask_confirmation,
    close_step,
    confirm_start,
    end_rollout,
    open_rollout,
    propose_step,
    reopen_gate,
    start_rollout,
)
from tests.world import (
    APPROVER,
    CHECKLIST_SLUGS,
    NOW,
    OPERATOR,
    TODAY,
    Held,
    a_learner,
    a_plan,
    begin,
    count,
    mails,
    on,
    propose,
    rollout_state,
    rows,
    started,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench


@pytest.fixture
def bench(bench: Workbench) -> Workbench:
    """One learner is there."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"), Held("privacy", course="P-1"))
    return bench


def load(bench: Workbench, rollout: int) -> ledger.Rollout:
    with bench.database.read() as connection:
        return ledger.load(connection, rollout)


def ticket(bench: Workbench, rollout: int, number: int = 1) -> str:
    return codes.ticket(bench.key, rollout, number)


def opened_by(bench: Workbench, rollout: int, run: str = "run-1") -> Opened:
    return open_rollout(bench, a_plan(), OPERATOR, ticket(bench, rollout), run)


def test_a_start_writes_rollout_steps_and_one_act(bench: Workbench) -> None:
    rollout = started(bench, recertify_on=date(2027, 1, 18), align_on=None)
    seen = load(bench, rollout)
    assert (seen.requested_by, seen.state, seen.started_on, seen.is_alive) == (
        OPERATOR,
        RolloutState.RUNNING,
        TODAY,
        True,
    )
    days = [
        (row.slug, str(row.opens_on), row.state)
        for row in rows(bench, select(rollout_step).order_by(rollout_step.c.position))
    ]
    assert days == [
        ("verify-completion", "2026-11-23", "pending"),
        ("renotify-incomplete", "2026-11-23", "pending"),
        ("set-recertification-dates", "2026-12-19", "pending"),
        ("disable-automatic-recertification", "2026-12-19", "pending"),
        ("recertify-due", "2027-01-18", "pending"),
        ("notify-learners", "2027-01-18", "pending"),
    ]
    assert [row.act for row in rows(bench, audit)].count("start-rollout") == 1
    assert mails(bench) == []


@pytest.mark.parametrize(
    ("who", "plan", "error", "told"),
    [
        pytest.param("nobody@example.org", {}, NotPermitted, "no user here", id="unknown"),
        pytest.param(APPROVER, {}, NotPermitted, "lacks the role operator", id="no operator"),
        pytest.param(OPERATOR, {"training_types": ["fire"]}, PlanInvalid, "no training type 'fire'", id="unknown type"),
        pytest.param(OPERATOR, {"next_course": {"C-1": "X"}}, PlanInvalid, "no course 'X'", id="unknown course"),
        pytest.param(
            OPERATOR, {"next_course": {"C-1": "P-1"}}, PlanInvalid, "another training type", id="course of another type"
        ),
        pytest.param(
            OPERATOR, {"align_on": date(2026, 11, 22)}, PlanInvalid, "align_on: 2026-11-22 is in the past", id="past"
        ),
        pytest.param(
            OPERATOR, {"audience": {"departments": ["Sailing"]}}, PlanInvalid, "not a single certification",
            id="nobody there",
        ),
        pytest.param(
            OPERATOR, {"reviews": {"approvals_required": 3}}, Refused, "recert users add", id="too few approvers"
        ),
    ],
)  # fmt: skip
def test_what_may_not_be_started_writes_nothing(
    bench: Workbench, who: str, plan: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        start_rollout(bench, a_plan(**plan), who)
    assert count(bench, table) == 0


def test_the_requester_does_not_count_among_the_approvers(bench: Workbench) -> None:
    with writing(bench) as connection:
        people.change_user(connection, OPERATOR, roles=[Role.OPERATOR, Role.APPROVER], actor="tests", at=NOW)
    with pytest.raises(Refused, match="needs 3"):
        started(bench, reviews={"approvals_required": 3})


def test_one_living_rollout_for_each_training_type(bench: Workbench) -> None:
    first = started(bench, name="first", training_types=["conduct"])
    with pytest.raises(AlreadyRunning, match=rf"rollout {first} \(first\) is running for conduct"):
        started(bench, audience={"departments": ["Sales"]})
    assert rollout_state(bench, started(bench, training_types=["privacy"])) is RolloutState.RUNNING
    end_rollout(bench, first, RolloutState.CANCELLED, "tests")
    assert started(bench, training_types=["conduct"])


def test_of_two_starts_at_once_one_is_refused(bench: Workbench) -> None:
    ready, told = threading.Barrier(2), []

    def start() -> None:
        ready.wait()
        try:
            told.append(started(bench))
        except AlreadyRunning as refusal:
            told.append(type(refusal).__name__)

    both = [threading.Thread(target=start) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert told.count("AlreadyRunning") == 1
    assert count(bench, table) == 1
    assert count(bench, rollout_training_type) == 2


def test_a_run_with_a_doors_ticket_works_on_the_doors_rollout_and_takes_the_lease(bench: Workbench) -> None:
    rollout = started(bench)
    assert opened_by(bench, rollout) == Opened(rollout, 1)
    assert opened_by(bench, rollout) == Opened(rollout, 2), "the same run, from the top in another process"
    seen = load(bench, rollout)
    assert (seen.flow_run_id, seen.epoch, seen.heartbeat_at is not None) == ("run-1", 2, True)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda good: good[:-1] + ("0" if good[-1] != "0" else "1"), id="another proof"),
        pytest.param(lambda good: "9" + good, id="another rollout"),
        pytest.param(lambda good: good.replace(".1.", ".2."), id="another run"),
        pytest.param(lambda good: "rubbish" if good else "", id="rubbish"),
        pytest.param(lambda good: "²" + good[1:], id="a digit that is none"),
    ],
)
def test_a_false_ticket_opens_nothing(bench: Workbench, forge: Any) -> None:
    rollout = started(bench)
    with pytest.raises(TicketRefused):
        open_rollout(bench, a_plan(), OPERATOR, forge(ticket(bench, rollout)), "run-1")
    assert load(bench, rollout).flow_run_id is None
    assert count(bench, table) == 1


def test_a_ticket_is_good_for_one_run(bench: Workbench) -> None:
    rollout = started(bench)
    opened_by(bench, rollout)
    with pytest.raises(TicketRefused):
        opened_by(bench, rollout, "run-2")
    assert load(bench, rollout).flow_run_id == "run-1"


def test_a_start_from_prefects_form_waits_for_the_code_of_whom_it_names(bench: Workbench) -> None:
    opened = open_rollout(bench, a_plan(), OPERATOR.upper(), "", "run-1")
    assert open_rollout(bench, a_plan(), OPERATOR, "", "run-1") == Opened(opened.rollout_id, 2), "not a second rollout"
    seen = load(bench, opened.rollout_id)
    assert (seen.requested_by, seen.confirmed_at, seen.state) == (OPERATOR, None, RolloutState.WAITING)
    opened = Opened(opened.rollout_id, 2)
    assert ask_confirmation(bench, opened) == 1
    assert mails(bench) == [("start-confirmation", OPERATOR, "queued")]
    assert not confirm_start(bench, opened.rollout_id, "AAAA-BBBB-CCCC-DDDD")
    assert load(bench, opened.rollout_id).confirmed_at is None
    assert ask_confirmation(bench, opened) == 2
    old = codes.start_code(bench.key, opened.rollout_id, 1)
    assert not confirm_start(bench, opened.rollout_id, old), "each opening has a code of its own"
    assert confirm_start(bench, opened.rollout_id, codes.start_code(bench.key, opened.rollout_id, 2).lower())
    assert load(bench, opened.rollout_id).state is RolloutState.RUNNING
    acts = [row.act for row in rows(bench, select(audit.c.act).order_by(audit.c.seq))]
    assert acts[-3:] == ["confirm-start-refused", "confirm-start-refused", "confirm-start"]


def test_nobody_but_an_operator_can_be_named_in_prefects_form(bench: Workbench) -> None:
    with pytest.raises(NotPermitted):
        open_rollout(bench, a_plan(), APPROVER, "", "run-1")
    assert count(bench, table) == 0


def test_an_orphan_can_neither_propose_nor_close_nor_open_a_gate(bench: Workbench) -> None:
    rollout = started(bench)
    orphan = begin(bench, rollout)
    begin(bench, rollout)
    for act in (propose_step, close_step, reopen_gate):
        with pytest.raises(LeaseLost):
            act(bench, orphan, StepSlug.RENOTIFY_INCOMPLETE)
    with pytest.raises(LeaseLost):
        ask_confirmation(bench, orphan)
    assert mails(bench) == []


def test_a_step_is_proposed_once(bench: Workbench) -> None:
    rollout = started(bench)
    first = propose_step(bench, begin(bench, rollout), StepSlug.RENOTIFY_INCOMPLETE)
    again = propose_step(on(bench, "2026-11-24"), begin(bench, rollout), StepSlug.RENOTIFY_INCOMPLETE)
    assert first.proposal == again.proposal


@pytest.mark.parametrize("state", [RolloutState.CANCELLED, RolloutState.REJECTED])
def test_an_end_is_an_end(bench: Workbench, state: RolloutState) -> None:
    rollout = started(bench)
    propose(bench, rollout, StepSlug.RENOTIFY_INCOMPLETE)
    assert end_rollout(bench, rollout, state, OPERATOR, "enough")
    assert not end_rollout(bench, rollout, RolloutState.FAILED, OPERATOR)
    seen = load(bench, rollout)
    assert (seen.state, seen.reason, seen.is_alive) == (state, "enough", False)
    states = {row.state for row in rows(bench, rollout_step)}
    assert states == {state.value}
    with pytest.raises(NotResumable):
        resume(bench, rollout, OPERATOR)


def test_a_failed_rollout_goes_on_where_it_stopped(bench: Workbench) -> None:
    rollout = started(bench)
    opened_by(bench, rollout)
    propose(bench, rollout, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    end_rollout(bench, rollout, RolloutState.FAILED, "upkeep", "the run ended Failed")
    resume(bench, rollout, OPERATOR)
    seen = load(bench, rollout)
    assert (seen.state, seen.reason, seen.finished_at) == (RolloutState.RUNNING, None, None)
    assert (seen.flow_run_id, seen.run_number) == (None, 2)
    with bench.database.read() as connection:
        steps = ledger.steps(connection, rollout)
    assert steps[StepSlug.VERIFY_COMPLETION].state is StepState.PASSED
    assert steps[StepSlug.RENOTIFY_INCOMPLETE].state is StepState.IN_REVIEW
    with pytest.raises(TicketRefused):
        opened_by(bench, rollout, "run-2")
    assert open_rollout(bench, a_plan(), OPERATOR, ticket(bench, rollout, 2), "run-2").rollout_id == rollout


def test_a_failed_rollout_stays_so_while_another_has_its_training_type(bench: Workbench) -> None:
    first = started(bench)
    end_rollout(bench, first, RolloutState.FAILED, "upkeep")
    started(bench)
    with pytest.raises(AlreadyRunning):
        resume(bench, first, OPERATOR)
    assert rollout_state(bench, first) is RolloutState.FAILED


def test_a_preview_blocks_nobody(bench: Workbench) -> None:
    with writing(bench) as connection:
        days = [(slug, TODAY) for slug in CHECKLIST_SLUGS]
        lifecycle.start(connection, a_plan(), "preview", days, at=NOW, today=TODAY, alive=False)
    assert started(bench)
