"""What a living rollout needs: chosen from the ledger's side and Prefect's, no server in sight."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from models import ledger
from models.ledger import Rollout
from models.tables import certification, hold
from models.words import RolloutState, StepSlug
from tasks import duties, rollouts
from tasks.rollouts import open_rollout
from tasks.runs import Run
from tasks.upkeep import DEAD_AFTER, HALF_STARTED_AFTER, Remedy, Situation, is_ready, remedy
from tests.world import (
    NOW,
    OPERATOR,
    Held,
    a_learner,
    a_plan,
    approve,
    carry_out,
    on,
    propose,
    started,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

MOMENT = timedelta(seconds=1)
ROLLOUT = Rollout(
    id=1,
    name="annual-2027",
    plan=a_plan(),
    requested_by=OPERATOR,
    action=None,
    state=RolloutState.RUNNING,
    started_at=NOW - timedelta(days=1),
    started_on=NOW.date(),
    confirmed_at=NOW - timedelta(days=1),
    confirmations=0,
    finished_at=None,
    reason=None,
    flow_run_id="run-1",
    run_number=1,
    epoch=1,
    heartbeat_at=NOW - timedelta(hours=1),
)


def a_run(type_: str, since: timedelta = timedelta(hours=2)) -> Run:
    return Run("run-1", type_, type_.title(), NOW - since)


@pytest.mark.parametrize(
    ("changes", "run", "ready", "expected"),
    [
        pytest.param({}, a_run("PAUSED"), False, Remedy.NOTHING, id="suspended, nothing to do"),
        pytest.param({}, a_run("PAUSED"), True, Remedy.WAKE, id="suspended, its day has come"),
        pytest.param({"heartbeat_at": NOW - DEAD_AFTER}, a_run("RUNNING"), True, Remedy.NOTHING, id="alive just now"),
        pytest.param(
            {"heartbeat_at": NOW - DEAD_AFTER - MOMENT}, a_run("RUNNING"), True, Remedy.RESCHEDULE, id="no heartbeat"
        ),
        pytest.param({}, a_run("RUNNING", DEAD_AFTER), True, Remedy.NOTHING, id="running since just now"),
        pytest.param({"heartbeat_at": None}, a_run("RUNNING"), False, Remedy.RESCHEDULE, id="never a heartbeat"),
        pytest.param({"heartbeat_at": None}, a_run("RUNNING", MOMENT), False, Remedy.NOTHING, id="not one yet"),
        pytest.param({}, a_run("PENDING"), False, Remedy.RESCHEDULE, id="died before it ran"),
        pytest.param({}, a_run("PENDING", MOMENT), False, Remedy.NOTHING, id="about to run"),
        pytest.param({}, a_run("SCHEDULED"), True, Remedy.NOTHING, id="will run by itself"),
        pytest.param({}, a_run("CANCELLING"), True, Remedy.NOTHING, id="being cancelled"),
        pytest.param({}, a_run("CRASHED"), False, Remedy.RESCHEDULE, id="crashed"),
        pytest.param({}, a_run("CANCELLED"), True, Remedy.CANCEL, id="cancelled in Prefect"),
        pytest.param({}, a_run("FAILED"), True, Remedy.FAIL, id="failed for good"),
        pytest.param({}, a_run("COMPLETED"), True, Remedy.FAIL, id="set to Completed by hand"),
        pytest.param({}, None, True, Remedy.BEGIN_ANEW, id="run lost"),
        pytest.param({"flow_run_id": None}, None, True, Remedy.BEGIN, id="half started"),
        pytest.param(
            {"flow_run_id": None, "started_at": NOW - HALF_STARTED_AFTER}, None, True, Remedy.NOTHING,
            id="being started",
        ),
        pytest.param({"flow_run_id": None, "confirmed_at": None}, None, True, Remedy.NOTHING, id="not confirmed"),
    ],
)  # fmt: skip
def test_each_situation_has_its_remedy(changes: dict[str, Any], run: Run | None, ready: bool, expected: Remedy) -> None:
    assert remedy(Situation(replace(ROLLOUT, **changes), run, ready, NOW)) is expected


def ready(bench: Workbench, rollout: int) -> bool:
    with bench.database.read() as connection:
        found = ledger.load(connection, rollout)
    return is_ready(bench, found)


def test_a_wait_is_over_on_its_day_and_a_gate_when_it_is_answered(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
        a_learner(connection, 2, Held())
    rollout = started(bench, recertify_on=date(2027, 1, 18), align_on=date(2026, 12, 19), reviews={"steps": []})
    assert ready(bench, rollout), "its first step opens today"
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    assert not ready(on(bench, "2026-12-18"), rollout)
    aligned = on(bench, "2026-12-19")
    assert ready(aligned, rollout)
    carry_out(aligned, rollout, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION)
    due = on(bench, "2027-01-18")
    propose(due, rollout, StepSlug.RECERTIFY_DUE)
    assert not ready(due, rollout)
    approve(due, rollout)
    assert ready(due, rollout)


def test_a_start_that_is_not_confirmed_is_not_ready(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    assert not ready(bench, open_rollout(bench, a_plan(), OPERATOR, "", "run-1").rollout_id)


def test_upkeep_ends_holds_that_outlived_their_rollout(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = rollouts.start_rollout(bench, a_plan(), OPERATOR)
    rollouts.end_rollout(bench, rollout_id, RolloutState.CANCELLED, "tests")
    with bench.database.write() as connection:
        key = connection.execute(select(certification.c.id)).scalars().first()
        connection.execute(insert(hold).values(rollout_id=rollout_id, certification_id=key, held_at=bench.now()))
    assert duties.expire(bench) == 0
    with bench.database.read() as connection:
        assert connection.execute(select(hold.c.ended_at)).scalar_one() is not None
