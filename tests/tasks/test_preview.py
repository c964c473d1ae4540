"""A rehearsal tells what the real thing will do, and leaves nothing behind."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models import audit
from models.errors import PlanInvalid
from models.tables import metadata
from models.words import CHANGING, StepSlug
from tasks.items import as_json
from tasks.preview import preview
from tests.world import (
    NOW,
    Held,
    a_learner,
    a_plan,
    carry_out,
    lines,
    on,
    rows,
    started,
    step_state,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.preview import Preview, PreviewedStep
    from tasks.workbench import Workbench

LATER = {"recertify_on": date(2027, 1, 18), "align_on": date(2026, 12, 19)}


def read(seen: Preview, step: PreviewedStep) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(employee id, training type) → outcome, flags, and the pairs before and after."""
    return {
        (item["employee_id"], item["training_type"]): (
            item["outcome"],
            item["flags"],
            *(tuple(item[name]) for name in ("due_on", "recertification_on", "course")),
        )
        for item in map(as_json, seen.items(step))
    }


def everything(bench: Workbench) -> dict[str, list[Any]]:
    return {table.name: rows(bench, select(table).order_by(*table.primary_key)) for table in metadata.sorted_tables}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param({}, id="all on one day"),
        pytest.param(LATER, id="months apart"),
        pytest.param({**LATER, "next_course": {"C-1": "C-2", "P-OLD": "P-1"}}, id="with other courses"),
        pytest.param(
            {**LATER, "extend_at_most_days": 60, "bring_forward_at_most_days": 30, "audience": {"exclude": ["E9"]}},
            id="with limits and exclusions",
        ),
    ],
)
def test_it_equals_the_real_rollout_learner_by_learner(bench: Workbench, plan: dict[str, Any]) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    with preview(bench, a_plan(**plan)) as seen:
        foreseen = {step.step.slug: (step.opens_on, read(seen, step)) for step in seen.steps}
    rollout = started(bench, **plan)
    for slug, (day, expected) in foreseen.items():
        carry_out(on(bench, day), rollout, slug)
        found = {
            key: (line.outcome, line.flags, line.due, line.recertification, line.course)
            for key, line in lines(bench, rollout, slug).items()
        }
        assert found == expected, slug
        assert any(each[0] in CHANGING for each in expected.values()) or slug is StepSlug.VERIFY_COMPLETION
        assert step_state(bench, rollout, slug).value in ("applied", "passed")


def test_it_counts_what_each_step_would_propose_on_its_own_day(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    with preview(bench, a_plan(**LATER)) as seen:
        days = [str(step.opens_on) for step in seen.steps]
        counts = {step.step.slug: step.counts for step in seen.steps}
    assert days == ["2026-11-23", "2026-11-23", "2026-12-19", "2026-12-19", "2027-01-18", "2027-01-18"]
    assert counts[StepSlug.RECERTIFY_DUE] == {
        "recertify": 6,
        "skip-open-assignment": 3,
        "skip-archived": 1,
        "skip-never-completed": 1,
        "skip-no-course": 1,
    }
    assert counts[StepSlug.NOTIFY_LEARNERS] == {"notify": 5, "skip-no-email": 1}


def test_nothing_of_it_stays(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    assert bench.key
    before, files = everything(bench), sorted(path.name for path in bench.settings.home.iterdir())
    with preview(bench, a_plan()) as seen:
        assert len(seen.steps) == 6
    with pytest.raises(ZeroDivisionError), preview(bench, a_plan()):
        raise ZeroDivisionError
    assert everything(bench) == before
    assert sorted(path.name for path in bench.settings.home.iterdir()) == files


def test_others_may_write_and_audit_while_it_is_looked_at(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    with preview(bench, a_plan()) as seen:
        with writing(bench) as connection:
            a_learner(connection, 11, Held())
            audit.record(connection, at=NOW, actor="tests", act="import-learners", subject="file", detail={})
        assert ("E11", "conduct") not in read(seen, seen.steps[0])


def test_an_audience_of_nobody_shows_six_empty_steps(bench: Workbench) -> None:
    with preview(bench, a_plan(audience={"departments": ["Sailing"]})) as seen:
        assert [step.counts for step in seen.steps] == [{}] * 6


def test_it_is_possible_while_a_rollout_of_the_training_type_runs(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    started(bench)
    with preview(bench, a_plan()) as seen:
        assert seen.steps[4].counts == {"recertify": 1}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"training_types": ["fire"]}, "no training type 'fire'"),
        ({"incomplete": {"new_due_on": date(2026, 11, 22)}}, "in the past"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(bench: Workbench, plan: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanInvalid, match=told), preview(bench, a_plan(**plan)):
        pytest.fail("it was rehearsed")
