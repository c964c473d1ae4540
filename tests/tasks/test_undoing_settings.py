"""Dates that a setting moved for everybody, and newer versions that the upkeep opened, are put back with what they came of."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from flows.learner_action import walk
from models import choices, people
from models.errors import NotPermitted
from models.tables import assignment, certification, course, rollout
from models.words import Role, RolloutState
from tasks import ordering, succeeding
from tasks.settings_orders import place_setting
from tasks.stage import Stage
from tasks.undo_order import place_undo
from tests.tasks.test_undoing import facts, ten_who_have_not_begun, undo
from tests.world import (
    NOW,
    OPERATOR,
    Held,
    PlainConductor,
    a_learner,
    approve_all,
    begin,
    rows,
    step_record,
    writing,
)

if TYPE_CHECKING:
    from tasks.ordering import Placed
    from tasks.workbench import Workbench

ADMIN = "eve@example.org"


@pytest.fixture
def bench(bench: Workbench) -> Workbench:
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Eve", [Role.ADMIN, Role.OPERATOR], actor="tests", at=NOW)
    return bench


def reviewed(bench: Workbench, placed: Placed) -> dict[str, int]:
    """Carry an approved action out; return outcome → lines."""
    assert ordering.confirm(bench, placed.rollout_id), "an approver is asked, however few it is about"
    approve_all(bench, placed.rollout_id)
    assert walk(Stage(bench, begin(bench, placed.rollout_id), PlainConductor())) is RolloutState.COMPLETED
    proposal = step_record(bench, placed.rollout_id, placed.record.slug).proposal
    assert proposal is not None
    return dict(proposal.counts)


def stored(bench: Workbench, name: str) -> str:
    with bench.database.read() as connection:
        return next(each.value for each in choices.show(connection) if each.name == name)


def choose(bench: Workbench, name: str, value: str) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, name, value, actor="tests", at=NOW)


@pytest.mark.parametrize(
    ("name", "value"), [("frequency.C-1", "6"), ("frequency.C-1", "never"), ("date_basis", "assignment")]
)
def test_dates_overrides_and_the_setting_go_back_exactly(bench: Workbench, name: str, value: str) -> None:
    ten_who_have_not_begun(bench)
    with writing(bench) as connection:
        a_learner(connection, 11, Held(override="2027-05-05", next_course="C-2"), Held("privacy", course="P-1"))
    before, was = facts(bench), stored(bench, name)
    moved = place_setting(bench, name, value, ADMIN)
    reviewed(bench, moved)
    assert (facts(bench) != before, stored(bench, name)) == (True, value)

    counts = reviewed(bench, place_undo(bench, moved.rollout_id, ADMIN))

    assert (set(counts), facts(bench), stored(bench, name)) == ({"undo"}, before, was)


def test_a_setting_that_somebody_has_chosen_since_stays_and_so_do_their_dates(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    moved = place_setting(bench, "frequency.C-1", "24", ADMIN)
    reviewed(bench, moved)
    first = select(certification.c.id).order_by(certification.c.id).limit(1).scalar_subquery()
    with writing(bench) as connection:
        connection.execute(
            update(certification).where(certification.c.id == first).values(override_on=date(2028, 1, 1))
        )
    choose(bench, "frequency.C-1", "36")

    assert reviewed(bench, place_undo(bench, moved.rollout_id, ADMIN)) == {"undo": 1, "skip-changed-since-review": 1}

    assert stored(bench, "frequency.C-1") == "36"
    dates = rows(bench, select(certification.c.override_on, certification.c.computed_on).order_by(certification.c.id))
    assert dates == [(date(2028, 1, 1), date(2027, 10, 1)), (None, date(2026, 10, 1))]


def test_a_setting_chosen_while_the_undo_waits_for_its_approver_stays(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    moved = place_setting(bench, "frequency.C-1", "24", ADMIN)
    reviewed(bench, moved)
    placed = place_undo(bench, moved.rollout_id, ADMIN)
    choose(bench, "frequency.C-1", "36")
    reviewed(bench, placed)
    assert stored(bench, "frequency.C-1") == "36"


def test_settings_are_taken_back_by_admins_alone(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    moved = place_setting(bench, "frequency.C-1", "24", ADMIN)
    reviewed(bench, moved)
    with pytest.raises(NotPermitted):
        place_undo(bench, moved.rollout_id, OPERATOR)


def versions(bench: Workbench) -> list[Any]:
    query = select(course.c.code, assignment.c.progress).join(course, course.c.id == assignment.c.course_id)
    return rows(bench, query.where(assignment.c.completed_on.is_(None)).order_by(assignment.c.id))


def test_a_newer_version_is_taken_back_once_the_older_one_is_not_retired_any_more(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in (1, 2):
            a_learner(connection, number, Held(course="C-0", open_due="2026-12-18"))
    before = facts(bench)
    succeeding.succeed(bench)
    [rollout_id] = [row.id for row in rows(bench, select(rollout.c.id))]
    assert versions(bench) == [("C-1", 0), ("C-1", 0)]

    assert undo(bench, rollout_id) == {"skip-no-course": 2}
    with writing(bench) as connection:
        connection.execute(update(course).where(course.c.code == "C-0").values(retired_on=None))
    assert undo(bench, rollout_id) == {"undo": 2}

    assert facts(bench) == before
    succeeding.succeed(bench)
    assert versions(bench) == [("C-0", 0), ("C-0", 0)]
