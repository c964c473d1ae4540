"""How a rollout begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from models import ledger, lifecycle, reviews
from models.errors import PlanInvalid, UnknownRollout
from models.lifecycle import AlreadyRunning
from models.tables import certification, exclusion, hold, learner, proposal, review, rollout_training_type
from models.words import RolloutState, StepSlug, StepState
from tests.world import CHECKLIST_SLUGS, NOW, OPERATOR, TODAY, Held, a_learner, a_plan, some_courses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from models.database import Database


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A unit of work on a database with courses."""
    with database.rehearse() as connection:
        some_courses(connection)
        yield connection


def start(connection: Connection, **plan: Any) -> int:
    days = [(slug, TODAY) for slug in CHECKLIST_SLUGS]
    return lifecycle.start(connection, a_plan(**plan), OPERATOR, days, at=NOW, today=TODAY)


def with_gate(connection: Connection) -> tuple[int, ledger.StepRecord]:
    """A rollout with an open gate at its second step, and one certification on hold."""
    rollout = start(connection)
    record = ledger.steps(connection, rollout)[StepSlug.RENOTIFY_INCOMPLETE]
    made = connection.execute(
        insert(proposal).values(
            step_id=record.id, round=1, proposed_on=TODAY, proposed_at=NOW, digest="d" * 64, counts={}, facts={}
        )
    )
    reviews.open_gate(connection, made.inserted_primary_key[0], "d" * 64, TODAY, NOW)
    ledger.set_step_state(connection, record.id, StepState.IN_REVIEW)
    first = next(iter(ledger.steps(connection, rollout).values()))
    ledger.set_step_state(connection, first.id, StepState.PASSED)
    a_learner(connection, 1, Held())
    held = connection.execute(select(certification.c.id)).scalar_one()
    connection.execute(insert(hold).values(rollout_id=rollout, certification_id=held, held_at=NOW))
    return rollout, record


def states(connection: Connection, rollout: int) -> list[str]:
    return [record.state.value for record in ledger.steps(connection, rollout).values()]


def test_a_rollout_begins_with_all_its_steps_pending(connection: Connection) -> None:
    rollout = ledger.load(connection, start(connection, name="spring"))
    assert (rollout.name, rollout.state, rollout.plan.name) == ("spring", RolloutState.RUNNING, "spring")
    assert list(ledger.steps(connection, rollout.id)) == CHECKLIST_SLUGS
    assert states(connection, rollout.id) == ["pending"] * 6


def test_an_unconfirmed_start_waits(connection: Connection) -> None:
    days = [(slug, TODAY) for slug in CHECKLIST_SLUGS]
    key = lifecycle.start(connection, a_plan(), OPERATOR, days, at=NOW, today=TODAY, confirmed=False)
    rollout = ledger.load(connection, key)
    assert (rollout.state, rollout.confirmed_at) == (RolloutState.WAITING, None)


def test_a_rollout_that_is_not_there_is_told(connection: Connection) -> None:
    with pytest.raises(UnknownRollout, match="no rollout 99"):
        ledger.load(connection, 99)


def test_the_database_itself_refuses_a_second_one_when_two_start_at_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(connection, training_types=["privacy"])
    monkeypatch.setattr(lifecycle, "refuse_second", lambda connection, types: None)  # noqa: ARG005
    with pytest.raises(AlreadyRunning, match="just now"):
        start(connection)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"training_types": ["fire"]}, "there are: conduct, privacy, safety"),
        ({"next_course": {"C-9": "C-1"}}, "no course 'C-9'"),
        ({"next_course": {"C-1": "C-9"}}, "no course 'C-9'"),
    ],
)
def test_what_is_not_stored_cannot_be_planned(connection: Connection, plan: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanInvalid, match=told):
        lifecycle.resolve(connection, a_plan(**plan))


@pytest.mark.parametrize(
    ("next_course", "told"),
    [
        ({"C-1": "N-1"}, "'N-1' is of another training type than 'C-1'"),
        ({"C-2": "C-0"}, "'C-0' is retired on 2025-06-30"),
    ],
)
def test_a_change_of_course_that_cannot_be_is_refused_at_the_start_and_only_there(
    connection: Connection, next_course: dict[str, str], told: str
) -> None:
    with pytest.raises(PlanInvalid, match=told):
        start(connection, next_course=next_course)
    assert len(lifecycle.resolve(connection, a_plan(next_course=next_course))[1]) == 1


def test_a_step_that_was_rejected_stays_so_however_the_rollout_ends(connection: Connection) -> None:
    rollout, record = with_gate(connection)
    ledger.set_step_state(connection, record.id, StepState.REJECTED)
    assert lifecycle.finish(connection, rollout, RolloutState.CANCELLED, NOW)
    assert states(connection, rollout) == ["passed", "rejected", *["cancelled"] * 4]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RolloutState.CANCELLED, ["passed", *["cancelled"] * 5]),
        (RolloutState.EXPIRED, ["passed", *["expired"] * 5]),
        (RolloutState.REJECTED, ["passed", *["rejected"] * 5]),
        (RolloutState.FAILED, ["passed", "in-review", *["pending"] * 4]),
    ],
)
def test_an_end_takes_steps_gates_holds_and_training_types_with_it(
    connection: Connection, state: RolloutState, expected: list[str]
) -> None:
    rollout, _ = with_gate(connection)
    assert lifecycle.finish(connection, rollout, state, NOW, "why")
    assert not lifecycle.finish(connection, rollout, RolloutState.COMPLETED, NOW)
    seen = ledger.load(connection, rollout)
    assert (seen.state, seen.reason, seen.finished_at) == (state, "why", NOW)
    assert states(connection, rollout) == expected
    failed = state is RolloutState.FAILED
    assert (connection.execute(select(review.c.closed_at)).scalar_one() is None) == failed
    assert connection.execute(select(hold.c.ended_at)).scalar_one() == NOW
    assert set(connection.scalars(select(rollout_training_type.c.alive))) == {False}
    assert start(connection) != rollout, "its training types are free"


def test_a_failed_rollout_comes_back_with_its_holds(connection: Connection) -> None:
    rollout, _ = with_gate(connection)
    lifecycle.finish(connection, rollout, RolloutState.FAILED, NOW, "why")
    lifecycle.reopen(connection, rollout)
    seen = ledger.load(connection, rollout)
    assert (seen.state, seen.reason, seen.finished_at) == (RolloutState.RUNNING, None, None)
    assert connection.execute(select(hold.c.ended_at)).scalar_one() is None
    with pytest.raises(AlreadyRunning):
        start(connection)


def test_an_ended_rollout_stays_as_it_ended(connection: Connection) -> None:
    rollout = start(connection)
    lifecycle.finish(connection, rollout, RolloutState.CANCELLED, NOW)
    ledger.set_state(connection, rollout, RolloutState.RUNNING)
    assert ledger.load(connection, rollout).state is RolloutState.CANCELLED


def test_whom_the_plan_excludes_is_taken_out_once_and_stays_released(connection: Connection) -> None:
    a_learner(connection, 1)
    a_learner(connection, 2, email="Zoë@Example.com", email_key="zoë@example.com")
    a_learner(connection, 3)
    plan = a_plan(audience={"exclude": ["ZOË@example.COM", "E3", "E3", "nobody@example.com"]})
    rollout = start(connection)
    for _ in range(2):
        lifecycle.exclude_planned(connection, rollout, plan, NOW)
    out = select(learner.c.employee_id, exclusion.c.released_at).join(exclusion).order_by(learner.c.id)
    assert [tuple(row) for row in connection.execute(out)] == [("E2", None), ("E3", None)]
    connection.execute(exclusion.update().values(released_at=NOW))
    lifecycle.exclude_planned(connection, rollout, plan, NOW)
    assert [row.released_at for row in connection.execute(out)] == [NOW, NOW]
