"""The promises, over organisations that nobody thought of: what is approved is what is done, once, as foreseen."""

from __future__ import annotations

import itertools
import shutil
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from models import ledger
from models.digest import items_digest
from models.tables import assignment, certification, learner, message, training_type
from models.words import StepSlug
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.items import as_json
from tasks.preview import preview
from tasks.proposing import head
from tests.world import (
    NOW,
    TODAY,
    Held,
    a_bench,
    a_learner,
    a_plan,
    approve,
    begin,
    carry_out,
    count,
    lines,
    on,
    propose,
    rows,
    started,
    step_record,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from models.plan import RolloutPlan
    from tasks.workbench import Workbench

RECERTIFY = StepSlug.RECERTIFY_DUE
EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def near(day: date, least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda days: str(day + timedelta(days=days)))


@st.composite
def certifications(draw: st.DrawFn, training: str) -> Held:
    completed = draw(st.none() | near(TODAY, -700, -1))
    code = draw(st.sampled_from(["C-0", "C-1", "C-2"] if training == "conduct" else ["P-1", "P-OLD"]))
    return Held(
        training,
        completed=completed,
        own_on=draw(st.none() | near(TODAY, -90, 120)) if completed else None,
        open_due=draw(st.none() | st.just("-") | near(TODAY, -60, 60)),
        course=code,
        override=draw(st.none() | near(TODAY, -30, 90)) if completed else None,
        next_course=draw(st.none() | st.just("C-2")) if training == "conduct" else None,
    )


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    held = [draw(certifications(kind)) for kind in ("conduct", "privacy") if draw(st.booleans())]
    values: dict[str, Any] = {"department": draw(st.sampled_from(["Sales", "Finance"]))}
    if draw(st.integers(0, 5)) == 0:
        values["archived_at"] = NOW
    if draw(st.integers(0, 5)) == 0:
        values |= {"email": None, "email_key": None}
    return {"held": held, "values": values}


plans = st.fixed_dictionaries(
    {
        "recertify_on": st.sampled_from([TODAY, TODAY + timedelta(days=56)]),
        "align_on": st.sampled_from([TODAY]),
    },
    optional={
        "skip_if_completed_within_days": st.sampled_from([0, 90]),
        "extend_at_most_days": st.sampled_from([0, 30]),
        "bring_forward_at_most_days": st.sampled_from([0, 30]),
        "next_course": st.sampled_from([{"C-1": "C-2"}, {"P-OLD": "P-1"}]),
        "audience": st.sampled_from([{"departments": ["Sales"]}, {"exclude": ["E1", "l2@example.com"]}]),
    },
)
organisations = st.lists(people(), min_size=1, max_size=6).filter(lambda found: any(one["held"] for one in found))


@pytest.fixture
def houses(sqlite_template: Path, tmp_path: Path) -> Any:
    """Makes a workbench with the people that are given."""
    numbers = itertools.count(1)

    def build(found: list[dict[str, Any]]) -> Workbench:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(sqlite_template, path)
        bench = a_bench(f"sqlite:///{path}", tmp_path, migrated=True)
        with writing(bench) as connection:
            a_learner(connection, 99, Held())  # whatever the audience, somebody is in it
            for number, person in enumerate(found, 1):
                a_learner(connection, number, *person["held"], **person["values"])
        return bench

    return build


def foreseen(bench: Workbench, plan: RolloutPlan) -> dict[StepSlug, tuple[date, dict[Any, Any]]]:
    with preview(bench, plan) as seen:
        return {
            step.step.slug: (
                step.opens_on,
                {(item["employee_id"], item["training_type"]): item for item in map(as_json, seen.items(step))},
            )
            for step in seen.steps
        }


@EXAMPLES
@given(organisation=organisations, plan=plans)
def test_what_was_previewed_is_what_happens_and_nobody_is_assigned_twice(
    houses: Any, organisation: list[dict[str, Any]], plan: dict[str, Any]
) -> None:
    bench = houses(organisation)
    expected = foreseen(bench, a_plan(**plan))
    done = rows(bench, select(assignment).where(assignment.c.completed_on.is_not(None)))
    rollout = started(bench, **plan)
    for slug, (day, items) in expected.items():
        carry_out(on(bench, day), rollout, slug, rows=2)
        found = lines(bench, rollout, slug)
        assert set(found) == set(items)
        for key, line in found.items():
            told = items[key]
            assert (line.outcome, line.flags) == (told["outcome"], told["flags"]), key
            pairs = (line.due, line.recertification, line.course)
            assert pairs == tuple(tuple(told[name]) for name in ("due_on", "recertification_on", "course")), key
    renewed = [key for key, item in expected[RECERTIFY][1].items() if item["outcome"] == "recertify"]
    assert count(bench, assignment, assignment.c.rollout_id == rollout) == len(renewed)
    open_ones = select(func.count()).where(assignment.c.completed_on.is_(None)).group_by(assignment.c.certification_id)
    assert all(row[0] == 1 for row in rows(bench, open_ones)), "at most one is open"
    assert rows(bench, select(assignment).where(assignment.c.completed_on.is_not(None))) == done, "what is done is done"
    each = select(func.count()).where(message.c.learner_id.is_not(None)).group_by(message.c.kind, message.c.learner_id)
    assert all(row[0] == 1 for row in rows(bench, each)), "one mail of a kind for each learner"


@EXAMPLES
@given(
    organisation=organisations,
    excluded=st.sets(st.integers(0, 6), max_size=3),
    moved=st.sets(st.integers(0, 6), max_size=3),
    size=st.integers(1, 4),
)
def test_what_was_approved_is_what_is_assigned_less_who_moved_on_and_running_again_adds_nothing(
    houses: Any, organisation: list[dict[str, Any]], excluded: set[int], moved: set[int], size: int
) -> None:
    bench = houses(organisation)
    rollout = started(bench)
    propose(bench, rollout, RECERTIFY)
    on_list = sorted({key[0] for key, line in lines(bench, rollout, RECERTIFY).items() if line.outcome == "recertify"})
    assert on_list, "E99 is due"
    out = [on_list[number] for number in excluded if number < len(on_list)]
    verdict = approve(bench, rollout, exclude=tuple(out))
    record = step_record(bench, rollout, RECERTIFY)
    assert record.proposal is not None
    with bench.database.read() as connection:
        seen = head(connection, ledger.load(connection, rollout), STEPS[RECERTIFY])
        assert items_digest(connection, seen, record.proposal.id) == verdict.digest, "approved is this very list"
    approved = {key for key, line in lines(bench, rollout, RECERTIFY).items() if line.outcome == "recertify"}
    assert {key[0] for key in approved} == set(on_list) - set(out)
    gone = {on_list[number] for number in moved if number < len(on_list)}
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id.in_(gone)).values(archived_at=NOW))
    for _ in range(2):
        if approved:
            apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch, rows=size)
        assert assigned(bench, rollout) == {key for key in approved if key[0] not in gone}


def assigned(bench: Workbench, rollout: int) -> set[tuple[str, str]]:
    found = rows(
        bench,
        select(learner.c.employee_id, training_type.c.slug)
        .join_from(assignment, certification, certification.c.id == assignment.c.certification_id)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(training_type, training_type.c.id == certification.c.training_type_id)
        .where(assignment.c.rollout_id == rollout),
    )
    assert len(found) == len(set(found)), "nobody twice"
    return {(row[0], row[1]) for row in found}
