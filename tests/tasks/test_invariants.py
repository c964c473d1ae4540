from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, delete, insert, literal, select, update

from models import invariants
from models.selection import Chosen
from models.tables import (
    approval,
    assignment,
    certification,
    course,
    exclusion,
    hold,
    message,
    rollout,
    rollout_item,
    rollout_training_type,
)
from models.words import StepSlug
from tasks import ordering
from tasks.ordering import Asked
from tests.world import (
    NOW,
    OPERATOR,
    TODAY,
    a_bench,
    approve,
    count,
    one_pass,
    some_courses,
    some_users,
    started,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.workbench import Workbench

ANOTHER_COURSE = select(course.c.id).where(course.c.code == "N-1").scalar_subquery()
FIRST_RENEWED = select(assignment.c.id).where(assignment.c.rollout_id.is_not(None)).order_by(assignment.c.id).limit(1)
ONE = select(certification.c.id).order_by(certification.c.id).limit(1).scalar_subquery()


def roll_out(bench: Workbench) -> None:
    """Ten learners in the middle of their renewal: everything approved, nothing mailed yet."""
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = started(bench, align_on=TODAY, recertify_on=TODAY)
    for _ in range(3):
        one_pass(bench, rollout_id)
        approve(bench, rollout_id)
    one_pass(bench, rollout_id)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def rolled_out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One such place for all who only look, or break it in a unit of work that is undone."""
    home = tmp_path_factory.mktemp("rolled-out")
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{home / 'recert.db'}"
    bench = a_bench(url, home)
    with writing(bench) as connection:
        some_users(connection)
        some_courses(connection)
    roll_out(bench)
    yield bench
    bench.database.dispose()
    if cluster:
        cluster.drop(url)


def found(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    return {each.invariant.name: each.rows for each in invariants.check(connection) if each.number}


def test_a_rollout_breaks_none(rolled_out: Workbench) -> None:
    with rolled_out.database.read() as connection:
        applied = select(rollout_item.c.learner_id).where(rollout_item.c.applied_at.is_not(None))
        assert len(connection.execute(applied).all()) > 5
        assert connection.scalar(FIRST_RENEWED) is not None
        assert found(connection) == {}


def test_taking_back_what_a_rollout_assigned_breaks_none(bench: Workbench) -> None:
    roll_out(bench)
    asked = Asked(StepSlug.UNASSIGN, Chosen(training_type="conduct"), course="C-1")
    placed = ordering.place(bench, asked, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    taken_back = assignment.c.withdrawn_from.is_not(None), assignment.c.rollout_id.is_not(None)
    assert count(bench, assignment, *taken_back) > 1
    with bench.database.read() as connection:
        assert found(connection) == {}


BREAKS: dict[str, list[Any]] = {
    "completion": [update(certification).where(certification.c.id == ONE).values(completed_on=TODAY)],
    "cycles": [update(certification).where(certification.c.id == ONE).values(cycle=0)],
    "overrides": [
        update(certification)
        .where(certification.c.id == ONE)
        .values(override_on=None, override_by="x", aligned_by=None)
    ],
    "courses": [update(certification).where(certification.c.id == ONE).values(next_course_id=ANOTHER_COURSE)],
    "assigned-courses": [
        update(assignment).where(assignment.c.id == FIRST_RENEWED.scalar_subquery()).values(course_id=ANOTHER_COURSE)
    ],
    "progress": [update(assignment).where(assignment.c.id == FIRST_RENEWED.scalar_subquery()).values(progress=100)],
    "assigned-once": [
        update(assignment)
        .where(assignment.c.completed_on.is_not(None))
        .values(rollout_id=select(rollout.c.id).scalar_subquery())
    ],
    "assigned-from-list": [update(rollout_item).values(applied_at=None)],
    "approved": [update(approval).values(consumed_at=None)],
    "holds": [
        insert(hold).from_select(
            ["rollout_id", "certification_id", "held_at"],
            select(select(rollout.c.id).scalar_subquery(), certification.c.id, literal(NOW, hold.c.held_at.type)).where(
                certification.c.id == ONE,
                ~select(hold.c.certification_id).where(hold.c.certification_id == ONE).exists(),
            ),
        ),
        update(rollout).values(state="completed"),
        update(rollout_training_type).values(alive=False),
    ],
    "claims": [update(rollout_training_type).values(alive=False)],
    "mail-moves": [update(message).where(message.c.state == "queued").values(next_try_at=None)],
    "mail-under-way": [update(message).where(message.c.state == "queued").values(state="sending")],
    "mail-sent": [update(message).where(message.c.state == "queued").values(state="sent")],
    "mail-history": [update(message).values(events=message.c.events + 1)],
    "mail-held": [
        update(message).values(state="held"),
        update(rollout).values(state="cancelled"),
        update(rollout_training_type).values(alive=False),
        delete(hold),
    ],
    "mail-taken-out": [
        insert(exclusion).from_select(
            ["rollout_id", "learner_id", "excluded_by", "excluded_at"],
            select(message.c.rollout_id, message.c.learner_id, literal("x"), literal(NOW, hold.c.held_at.type)).where(
                message.c.kind == "recertification", message.c.learner_id.is_not(None)
            ),
        )
    ],
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_found_by_its_own_rule(rolled_out: Workbench, name: str) -> None:
    with rolled_out.database.rehearse() as connection:
        for statement in BREAKS[name]:
            connection.execute(statement)
        rows = found(connection)
    assert name in rows
    assert all(row.split()[-1].isdecimal() and why for row, why in rows[name])


def test_every_rule_has_a_break() -> None:
    assert {rule.name for rule in invariants.INVARIANTS} == set(BREAKS)


@pytest.mark.parametrize("name", [rule.name for rule in invariants.INVARIANTS if rule.mend is not None])
def test_a_mend_makes_the_rule_hold_again_where_it_can(rolled_out: Workbench, name: str) -> None:
    [rule] = [each for each in invariants.INVARIANTS if each.name == name]
    assert rule.mend is not None
    with rolled_out.database.rehearse() as connection:
        for statement in BREAKS[name]:
            connection.execute(statement)
        if name == "claims":  # the other way round, a person must look
            connection.execute(update(rollout_training_type).values(alive=True))
            connection.execute(update(rollout).values(state="completed"))
        assert name in found(connection)
        assert rule.mend(connection, NOW) > 0
        assert name not in found(connection)
