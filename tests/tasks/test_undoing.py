"""Taking a rollout back: who has not started stands exactly as before; who has is left as they are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models.errors import Refused
from models.selection import Chosen
from models.tables import assignment, certification, learner
from models.words import RolloutState, StepSlug
from tasks import automatic, ordering
from tasks.ordering import Asked
from tasks.undo_order import place_undo
from tests.world import (
    OPERATOR,
    mailing,
    on,
    rows,
    run_to_end,
    started,
    step_record,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

EVERYBODY = Chosen(everybody=True)
LEFT = {"left_to_people_on", "left_to_people_because"}


def facts(bench: Workbench) -> dict[str, Any]:
    """All that an undo has to put back; that a date is left to people may be new."""
    certifications = rows(
        bench, select(*[c for c in certification.c if c.name not in LEFT]).order_by(certification.c.id)
    )
    held = select(assignment).where(assignment.c.certification_id.is_not(None)).order_by(assignment.c.id)
    archived = rows(bench, select(learner.c.id, learner.c.archived_at).order_by(learner.c.id))
    return {"certifications": certifications, "assignments": rows(bench, held), "learners": archived}


def do(bench: Workbench, asked: Asked) -> int:
    """Carry an action out; return its rollout."""
    placed = ordering.place(bench, asked, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    assert ordering.carry_out(bench, placed.rollout_id) > 0
    return placed.rollout_id


def undo(bench: Workbench, rollout_id: int) -> dict[str, int]:
    """Take it back; return outcome → lines."""
    placed = place_undo(bench, rollout_id, OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    record = step_record(bench, placed.rollout_id, StepSlug.UNDO)
    assert record.proposal is not None
    return dict(record.proposal.counts)


ACTIONS = {
    "recertify": Asked(StepSlug.RECERTIFY, EVERYBODY),
    "due-date": Asked(StepSlug.DUE_DATE, EVERYBODY, on=date(2027, 1, 31)),
    "recertification-date": Asked(
        StepSlug.RECERTIFICATION_DATE, Chosen(training_type="conduct", everybody=True), on=date(2027, 2, 1)
    ),
    "next-course": Asked(StepSlug.NEXT_COURSE, EVERYBODY, course="C-2"),
    "assign": Asked(StepSlug.ASSIGN, EVERYBODY, course="C-2"),
    "unassign": Asked(StepSlug.UNASSIGN, EVERYBODY, course="C-1"),
    "archive": Asked(StepSlug.ARCHIVE, EVERYBODY),
}


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_taken_back_leaves_everything_as_before_it(bench: Workbench, action: str) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    before = facts(bench)
    rollout_id = do(bench, ACTIONS[action])
    assert facts(bench) != before

    counts = undo(bench, rollout_id)

    after = facts(bench)
    if action == "assign":  # a certification that was made for it stays, with nothing in it
        known = {row.id for row in before["certifications"]}
        after["certifications"] = [row for row in after["certifications"] if row.id in known]
    assert set(counts) == {"undo"}
    assert after == before


def test_a_whole_rollout_taken_back_leaves_everything_as_before_it(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    before = facts(bench)
    rollout_id = started(bench)
    later = on(mailing(bench, post.address), date(2026, 12, 1))
    assert run_to_end(later, rollout_id) is RolloutState.COMPLETED
    assert facts(bench) != before

    undo(later, rollout_id)

    assert facts(bench) == before


def test_who_has_started_is_left_as_they_are_and_listed(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertify"])
    first = select(assignment.c.id).where(assignment.c.rollout_id == rollout_id).order_by(assignment.c.id).limit(1)
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.id == first.scalar_subquery()).values(progress=10))

    counts = undo(bench, rollout_id)

    assert counts["skip-started"] == 1
    held = select(assignment.c.progress).where(
        assignment.c.rollout_id == rollout_id, assignment.c.certification_id.is_not(None)
    )
    assert [row.progress for row in rows(bench, held)] == [10]


def test_who_starts_after_the_proposal_is_left_as_they_are(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertify"])
    placed = place_undo(bench, rollout_id, OPERATOR)
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.rollout_id == rollout_id).values(progress=10))
    ordering.confirm(bench, placed.rollout_id)

    assert ordering.carry_out(bench, placed.rollout_id) == 0


@pytest.mark.parametrize("by_another", [{"override_on": date(2027, 5, 5)}, {"override_reason": "imported"}])
def test_a_date_that_somebody_else_has_set_since_stays(bench: Workbench, by_another: dict[str, Any]) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["recertification-date"])
    [one, *others] = rows(
        bench, select(certification).where(certification.c.override_reason == f"rollout {rollout_id}")
    )
    with writing(bench) as connection:
        connection.execute(update(certification).where(certification.c.id == one.id).values(**by_another))

    counts = undo(bench, rollout_id)

    assert counts == {"undo": len(others), "skip-changed-since-review": 1}
    [left] = rows(bench, select(certification).where(certification.c.id == one.id))
    assert (left.override_on, left.override_reason) == (
        by_another.get("override_on", one.override_on), by_another.get("override_reason", one.override_reason),
    )  # fmt: skip


def test_what_was_taken_back_is_not_assigned_by_the_upkeep_of_that_night(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    undo(bench, do(bench, ACTIONS["recertify"]))
    before = facts(bench)["assignments"]

    automatic.recertify(on(bench, date(2026, 11, 24)))

    assert facts(bench)["assignments"] == before


def test_it_is_taken_back_once_within_its_days_and_only_when_it_has_ended(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, ACTIONS["due-date"])
    late = on(bench, bench.now().date() + timedelta(days=16))
    with pytest.raises(Refused, match="undo_within_days"):
        place_undo(late, rollout_id, OPERATOR)
    undo(bench, rollout_id)
    with pytest.raises(Refused, match="taken back already"):
        place_undo(bench, rollout_id, OPERATOR)
    with pytest.raises(Refused, match="recert rollout cancel"):
        place_undo(bench, started(bench), OPERATOR)


def test_completions_are_never_taken_back(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout_id = do(bench, Asked(StepSlug.COMPLETE, EVERYBODY, on=date(2026, 11, 20), course="C-1"))
    with pytest.raises(Refused, match="permanent"):
        place_undo(bench, rollout_id, OPERATOR)
