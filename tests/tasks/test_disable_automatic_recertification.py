"""Step 4: a hold on each certification that stands on the common day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models.tables import audit, certification, hold, learner, training_type
from models.words import RolloutState, StepSlug, StepState
from tasks.exclusions import release
from tasks.gates import expire_gates
from tasks.rollouts import end_rollout
from tests.world import (
    NOW,
    OPERATOR,
    Held,
    a_learner,
    approve,
    carry_out,
    line,
    on,
    outcomes,
    propose,
    put_into_effect,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tasks.workbench import Workbench

SET, DISABLE = StepSlug.SET_RECERTIFICATION_DATES, StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION
COMMON = "2027-01-18"
ALIGNED_ON = "2026-12-19"
RECENT = {"skip_if_completed_within_days": 60}


def start(bench: Workbench, **plan: Any) -> int:
    return started(bench, **{"recertify_on": date(2027, 1, 18), "align_on": date(2026, 12, 19), **plan})


def _switch(connection: Connection, *, automatic: bool, slug: str = "conduct") -> None:
    connection.execute(update(training_type).where(training_type.c.slug == slug).values(automatic=automatic))


def holds(bench: Workbench) -> list[tuple[str, bool]]:
    """(employee id, still held), by id."""
    query = (
        select(learner.c.employee_id, hold.c.ended_at.is_(None))
        .join_from(hold, certification, certification.c.id == hold.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .order_by(learner.c.id)
    )
    return [(row[0], bool(row[1])) for row in rows(bench, query)]


@pytest.mark.parametrize(
    ("held", "learner", "plan", "outcome"),
    [
        pytest.param(Held(own_on="2027-03-01"), {}, {}, "disable", id="aligned"),
        pytest.param(Held(own_on=COMMON), {}, {}, "disable", id="stood there already"),
        pytest.param(Held(open_due="2026-12-18"), {}, {}, "skip-open-assignment", id="still open"),
        pytest.param(Held(completed=None, own_on=None), {}, {}, "skip-never-completed", id="never completed"),
        pytest.param(Held(own_on=None), {}, {}, "skip-never", id="never to be renewed"),
        pytest.param(Held("privacy", course="P-OLD"), {}, {}, "skip-no-course", id="nothing to take next"),
        pytest.param(Held(completed="2026-12-01", own_on="2027-12-01"), {}, RECENT, "skip-too-recent", id="too recent"),
        pytest.param(Held(own_on="2026-10-01"), {}, {"extend_at_most_days": 9}, "skip-would-extend", id="would extend"),
        pytest.param(
            Held(own_on="2027-10-01"), {}, {"bring_forward_at_most_days": 9}, "skip-too-early", id="too early"
        ),
        pytest.param(Held(), {"archived_at": NOW}, {}, "skip-archived", id="archived"),
        pytest.param(Held(), {}, {"audience": {"exclude": ["E1"]}}, "skip-excluded", id="excluded"),
    ],
)
def test_everybody_has_one_code(
    bench: Workbench, held: Held, learner: dict[str, Any], plan: dict[str, Any], outcome: str
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held, **learner)
    rollout = start(bench, **plan)
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET)
    propose(later, rollout, DISABLE)
    seen = line(bench, rollout, DISABLE, 1, held.training)
    assert (seen.outcome, seen.flags) == (outcome, [])
    assert seen.recertification[0] == seen.recertification[1]


def test_where_automatic_recertification_is_off_there_is_nothing_to_hold(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), Held("privacy", course="P-1"))
        _switch(connection, automatic=False)
    rollout = start(bench)
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET, DISABLE)
    assert line(bench, rollout, DISABLE, 1, "conduct").outcome == "skip-unchanged"
    assert line(bench, rollout, DISABLE, 1, "privacy").outcome == "disable"
    assert holds(bench) == [("E1", True)]


@pytest.mark.parametrize(
    ("before", "between", "outcome"),
    [
        pytest.param({}, {"override_on": date(2027, 5, 5)}, "skip-not-due", id="given another date after alignment"),
        pytest.param(
            {"own_on": "2026-12-01"},
            {"computed_on": date(2027, 12, 10), "completed_on": date(2026, 12, 10), "override_on": None},
            "skip-not-due",
            id="completed again after alignment",
        ),
    ],
)
def test_who_stands_elsewhere_by_now_is_not_due(
    bench: Workbench, before: dict[str, Any], between: dict[str, Any], outcome: str
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(**before))
        a_learner(connection, 2, Held())
    rollout = start(bench)
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET)
    with writing(bench) as connection:
        mine = select(certification.c.id).join(learner).where(learner.c.employee_id == "E1").scalar_subquery()
        connection.execute(update(certification).where(certification.c.id == mine).values(**between))
    propose(later, rollout, DISABLE)
    assert line(bench, rollout, DISABLE, 1).outcome == outcome
    assert line(bench, rollout, DISABLE, 2).outcome == "disable"


def test_a_reason_of_the_alignment_that_is_none_any_more_is_not_repeated(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    rollout = start(bench)
    later = on(bench, ALIGNED_ON)
    propose(later, rollout, SET)
    approve(later, rollout, exclude=("E1",))
    put_into_effect(later, rollout, SET)
    release(bench, rollout, ["E1"], OPERATOR)
    propose(later, rollout, DISABLE)
    assert line(bench, rollout, DISABLE, 1).outcome == "skip-not-due"


def test_who_left_the_audience_since_is_not_held(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    rollout = start(bench, audience={"departments": ["Sales"]})
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(department="Finance"))
    carry_out(later, rollout, DISABLE)
    assert outcomes(bench, rollout)[DISABLE] == {"disable": 1, "skip-left-audience": 1}
    assert holds(bench) == [("E2", True)]


def _cancel(bench: Workbench, rollout: int) -> None:
    assert end_rollout(bench, rollout, RolloutState.CANCELLED, OPERATOR)


def _fail(bench: Workbench, rollout: int) -> None:
    assert end_rollout(bench, rollout, RolloutState.FAILED, "upkeep")


def _expire(bench: Workbench, rollout: int) -> None:
    due = on(bench, COMMON)
    propose(due, rollout, StepSlug.RECERTIFY_DUE)
    assert expire_gates(on(bench, "2027-02-18")) == [rollout]


@pytest.mark.parametrize("end", [_cancel, _fail, _expire])
@pytest.mark.parametrize("restore", [True, False], ids=["restored", "not restored"])
def test_every_end_removes_the_holds_and_turns_the_switch_off_where_the_plan_says_so(
    bench: Workbench, end: Callable[[Workbench, int], None], restore: bool
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = start(bench, restore_automatic=restore, training_types=["conduct"])
    carry_out(on(bench, ALIGNED_ON), rollout, SET, DISABLE)
    assert holds(bench) == [("E1", True)]
    end(bench, rollout)
    assert holds(bench) == [("E1", False)]
    switches = {row.slug: row.automatic for row in rows(bench, training_type)}
    assert switches == {"conduct": restore, "privacy": True, "safety": True}
    acts = [row.act for row in rows(bench, audit)]
    assert acts.count("automatic-off") == (0 if restore else 1)


def test_a_rollout_that_never_held_anything_leaves_the_switch_alone(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = start(bench, restore_automatic=False)
    end_rollout(bench, rollout, RolloutState.CANCELLED, OPERATOR)
    assert all(row.automatic for row in rows(bench, training_type))


def test_who_moved_between_proposal_and_hold_is_not_held(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    rollout = start(bench)
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET)
    propose(later, rollout, DISABLE)
    with writing(bench) as connection:
        mine = select(certification.c.id).join(learner).where(learner.c.employee_id == "E1").scalar_subquery()
        connection.execute(update(certification).where(certification.c.id == mine).values(override_on=date(2027, 5, 5)))
    put_into_effect(later, rollout, DISABLE)
    assert outcomes(bench, rollout)[DISABLE] == {"disable": 1, "skip-changed-since-review": 1}
    assert holds(bench) == [("E2", True)]


def test_held_again_after_a_crash_is_held_once(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, 6):
            a_learner(connection, number, Held())
    rollout = start(bench)
    later = on(bench, ALIGNED_ON)
    carry_out(later, rollout, SET)
    carry_out(later, rollout, DISABLE, rows=2)
    assert step_state(bench, rollout, DISABLE) is StepState.APPLIED
    assert len(holds(bench)) == 5
