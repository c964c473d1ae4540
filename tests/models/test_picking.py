"""A selection tick by tick, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from models import picking
from models.learner_lines import Wanted
from models.selection import WHOLE, Chosen, UnknownSelection, freeze
from models.tables import certification, learner, rollout, selection, selection_line
from tasks.workbench import Workbench
from tests.world import NOW, TODAY, Held, a_learner, ten_learners

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]
WHO, DUE = "opal@example.org", Wanted(status="due-for-recertification")
CLOCK: dict[str, Any] = {"today": TODAY, "soon": 30}


@pytest.fixture(scope="module")
def bench(empty: Workbench) -> Workbench:
    with empty.database.write() as connection:
        ten_learners(connection)
        a_learner(connection, 11)
        a_learner(connection, 12, Held(), Held(training="privacy", course="P-1", own_on="2027-06-01"))
    return empty


@pytest.fixture
def work(bench: Workbench) -> Iterator[Connection]:
    """A unit of work that is undone."""
    with bench.database.rehearse() as connection:
        yield connection


def lines(work: Connection, *numbers: int) -> list[picking.Line]:
    """The lines of these learners as the list shows them."""
    people = [f"E{number}" for number in numbers]
    query = (
        select(learner.c.id, certification.c.id)
        .outerjoin(certification, certification.c.learner_id == learner.c.id)
        .where(learner.c.employee_id.in_(people))
        .order_by(learner.c.id, certification.c.id)
    )
    return [(row[0], row[1] or 0) for row in work.execute(query)]


def mark(work: Connection, key: int | None, shown: list[picking.Line], ticked: list[picking.Line], **more: Any) -> int:
    return picking.mark(work, key, shown, ticked, more.get("wanted", DUE), WHO, more.get("at", NOW))


def test_ticks_of_two_pages_add_up_and_a_line_of_nobodys_certification_is_one(work: Connection) -> None:
    first, second = lines(work, 1, 2), lines(work, 11, 12)
    key = mark(work, None, first, first[:3])
    assert mark(work, key, second, second) == key
    assert picking.picked(work, key, WHO) == picking.Picked(key, 6, 4, DUE, whole=False)
    assert picking.tick_marks(work, key, first) == set(first[:3])
    assert picking.tick_marks(work, key, second) == set(second)
    assert [tuple(row) for row in picking.by_type(work, key)] == [("conduct", 3), ("privacy", 2)]
    kinds = select(selection_line.c.training_type_id).where(selection_line.c.selection_id == key)
    assert WHOLE in work.scalars(kinds).all()


def test_what_is_unticked_goes_and_the_other_training_of_the_same_learner_stays(work: Connection) -> None:
    shown = lines(work, 1, 11, 12)
    key = mark(work, None, shown, shown)
    kept = [shown[0], shown[-1]]
    mark(work, key, shown, kept)
    assert picking.tick_marks(work, key, shown) == set(kept)
    assert picking.picked(work, key, WHO).number == 2


def test_everything_that_matches_is_taken_once_and_is_whole_until_a_tick_is_taken_back(work: Connection) -> None:
    some = lines(work, 1)
    key = mark(work, None, some, some[:1])
    picking.add_all(work, key, DUE, WHO, NOW, **CLOCK)
    chosen = picking.picked(work, key, WHO)
    assert chosen.whole
    assert chosen.number == len(work.execute(picking.lines_of(DUE, TODAY, 30)).all()) > 3
    assert picking.since(work, chosen, **CLOCK) == (0, 0)
    mark(work, key, some, [])
    assert not picking.picked(work, key, WHO).whole


def test_what_moved_on_since_is_counted_both_ways(work: Connection) -> None:
    key = picking.add_all(work, None, DUE, WHO, NOW, **CLOCK)
    gone, come = lines(work, 1)[0], lines(work, 3)[0]
    for line, day in ((gone, TODAY + timedelta(days=99)), (come, TODAY)):
        work.execute(update(certification).where(certification.c.id == line[1]).values(override_on=day))
    chosen = picking.picked(work, key, WHO)
    assert picking.since(work, chosen, **CLOCK) == (1, 1)
    assert picking.since(work, replace(chosen, whole=False), **CLOCK) == (1, 0)


def test_filters_that_were_several_are_none(work: Connection) -> None:
    shown = lines(work, 1)
    key = mark(work, None, shown, shown)
    mark(work, key, lines(work, 3), lines(work, 3), wanted=Wanted(department="Sales"))
    assert picking.picked(work, key, WHO).wanted is None


def test_one_that_was_ordered_with_is_copied_and_is_nobody_elses(work: Connection) -> None:
    shown = lines(work, 1, 3)
    key = mark(work, None, shown, shown)
    freeze(work, Chosen(kept=key), today=TODAY, upcoming_within_days=30, by=WHO, at=NOW)
    copied = mark(work, key, shown, shown[:1])
    assert copied != key
    assert picking.picked(work, key, WHO).number == len(shown)
    assert picking.picked(work, copied, WHO).number == 1
    narrowed = freeze(
        work, Chosen(kept=key, training_type="privacy"), today=TODAY, upcoming_within_days=30, by=WHO, at=NOW
    )
    assert picking.origin(work, narrowed.id, WHO).id == key
    with pytest.raises(UnknownSelection):
        picking.picked(work, key, "ava@example.org")


def test_what_nothing_came_of_is_forgotten_after_two_days_and_what_was_ordered_with_is_not(work: Connection) -> None:
    shown = lines(work, 1)
    old = NOW - timedelta(days=3)
    forgotten, used, young = (mark(work, None, shown, shown, at=at) for at in (old, old, NOW))
    whole = {"name": "x", "requested_by": WHO, "state": "completed", "started_at": NOW, "started_on": TODAY}
    work.execute(rollout.insert().values(**whole, plan={"order": {"selection": used}}))
    work.execute(rollout.insert().values(**whole, plan={"training_types": ["conduct"]}))
    assert picking.forget(work, NOW) == 1
    assert set(work.scalars(select(selection.c.id))) == {used, young}
    assert forgotten not in work.scalars(select(selection_line.c.selection_id)).all()
