"""Step 1: who has completed, who has not, who is not covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from models.tables import metadata
from models.words import StepSlug, StepState
from tasks.preview import preview
from tests.world import (
    NOW,
    Held,
    a_learner,
    a_plan,
    carry_out,
    line,
    lines,
    propose,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

VERIFY = StepSlug.VERIFY_COMPLETION
OUT = {"audience": {"exclude": ["L1@Example.com"]}}
OUT_BY_ID = {"audience": {"exclude": ["E1"]}}


@pytest.mark.parametrize(
    ("held", "learner", "plan", "outcome"),
    [
        pytest.param(Held(), {}, {}, "completed", id="completed"),
        pytest.param(Held(open_due="2026-12-01"), {}, {}, "open-assignment", id="open again"),
        pytest.param(Held(completed=None, own_on=None, open_due="-"), {}, {}, "open-assignment", id="open, first time"),
        pytest.param(Held(completed=None, own_on=None), {}, {}, "skip-never-completed", id="nothing at all"),
        pytest.param(Held(open_due="2026-12-01"), {"archived_at": NOW}, {}, "skip-archived", id="archived"),
        pytest.param(Held(), {}, OUT, "skip-excluded", id="excluded by address, case ignored"),
        pytest.param(Held(), {"email": None, "email_key": None}, OUT_BY_ID, "skip-excluded", id="excluded by id"),
        pytest.param(Held(), {"archived_at": NOW}, OUT, "skip-archived", id="archived goes before excluded"),
    ],
)
def test_everybody_has_one_code(
    bench: Workbench, held: Held, learner: dict[str, Any], plan: dict[str, Any], outcome: str
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, held, **learner)
        a_learner(connection, 2, Held())
    rollout = started(bench, **plan)
    propose(bench, rollout, VERIFY)
    seen = line(bench, rollout, VERIFY)
    assert seen.outcome == outcome
    assert seen.flags == []
    assert seen.due[0] == seen.due[1]
    assert seen.recertification[0] == seen.recertification[1]
    assert seen.course[0] == seen.course[1]


def test_an_open_assignment_shows_its_course_and_a_completed_one_the_course_to_come(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(course="C-0", open_due="2026-12-01"))
        a_learner(connection, 2, Held(course="C-0"))
    rollout = started(bench)
    propose(bench, rollout, VERIFY)
    opened, completed = line(bench, rollout, VERIFY, 1), line(bench, rollout, VERIFY, 2)
    assert (opened.course, opened.due, opened.recertification) == (("C-0",) * 2, ("2026-12-01",) * 2, (None, None))
    assert (completed.course, completed.recertification) == (("C-1",) * 2, ("2026-10-01",) * 2)


def test_who_is_outside_the_audience_has_no_line(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), department="Sales", location="Oslo")
        a_learner(connection, 2, Held(), department="Finance", location="Oslo")
        a_learner(connection, 3, Held(), department="Sales", location="Rome")
        a_learner(connection, 4, Held(), Held("safety", course="N-1"), department="Sales", location="Oslo")
    rollout = started(bench, audience={"departments": ["Sales"], "locations": ["Oslo"]})
    propose(bench, rollout, VERIFY)
    assert set(lines(bench, rollout, VERIFY)) == {("E1", "conduct"), ("E4", "conduct")}


def test_it_changes_nothing_and_asks_nobody(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), Held("privacy", course="P-1", open_due="2026-12-01"))
    watched = [metadata.tables[name] for name in ("learner", "certification", "assignment", "message", "review")]
    rollout = started(bench, reviews={"steps": ["verify-completion"]})
    before = [rows(bench, table) for table in watched]
    carry_out(bench, rollout, VERIFY)
    assert [rows(bench, table) for table in watched] == before
    assert step_state(bench, rollout, VERIFY) is StepState.PASSED


def test_the_uncovered_are_listed_but_not_who_is_archived_out_of_the_audience_or_excluded(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2)
        a_learner(connection, 3, archived_at=NOW)
        a_learner(connection, 4, department="Finance")
        a_learner(connection, 5)
        a_learner(connection, 6, Held(), Held("privacy", course="P-1"))
    plan = a_plan(audience={"departments": ["Sales"], "exclude": ["E5"]})
    with preview(bench, plan) as seen:
        found = {(row.employee_id, row.training_type) for row in seen.uncovered()}
    assert found == {("E1", "privacy"), ("E2", "conduct"), ("E2", "privacy")}
