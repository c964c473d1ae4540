"""An undo is stopped dead before and after every single commit; each time it ends whole, and is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from models.tables import message, rollout
from models.words import StepSlug
from tasks import ordering
from tasks.deliver import deliver_mail
from tasks.undo_order import place_undo
from tests.crashes import Point, ended
from tests.lives import House, Seen, Tomorrow, compare_post, look, small_chunks
from tests.mail.fault_server import FaultServer
from tests.tasks.test_undoing import ACTIONS, do
from tests.world import NOW, OPERATOR, on, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.workbench import Workbench

STAYS = ("certification", "assignment", "message", "message_line")


def recertified(bench: Workbench) -> None:
    """An action whose letters have left."""
    do(bench, ACTIONS["recertify"])
    with bench.database.write() as connection:
        connection.execute(update(message).values(state="sent", attempts=1, sent_at=NOW, next_try_at=None))


def take_back(bench: Workbench) -> None:
    """Order it, unless it is confirmed already: then the upkeep sees to it. Tell it."""
    confirmed = select(rollout.c.id).where(rollout.c.action == StepSlug.UNDO.value, rollout.c.confirmed_at.is_not(None))
    if not rows(bench, confirmed):
        placed = place_undo(bench, 1, OPERATOR, tell=True)
        ordering.confirm(bench, placed.rollout_id)
        ordering.carry_out(bench, placed.rollout_id)
    ordering.carry_on(Tomorrow(bench.settings, bench.database))
    deliver_mail(bench, "door")


def go_on(house: House, point: Point, whole: Seen) -> None:
    """Go on from what is there, and compare."""

    def to_the_end() -> Seen:
        take_back(house.bench)
        seen = look(house.bench)
        ordering.carry_on(on(house.bench, "2026-11-24"))  # what nobody confirmed is given up
        return replace(seen, orphans=look(house.bench).orphans)

    code, left = ended(to_the_end, house.folder / "answer")
    assert code == 0, f"{point}: {left}"
    for table in STAYS:
        assert left.facts[table] == whole.facts[table], f"{point}: {table}"
    assert (left.audit_holds, left.orphans) == (True, {}), str(point)
    compare_post(str(point), told(left), house.post)


def told(left: Seen) -> Seen:
    """The retractions alone; what they retract left before anything could crash."""
    mine = {key: state for key, state in left.message_ids.items() if key.startswith("<retraction.")}
    assert len(mine) == len(left.message_ids) / 2 == 3
    return replace(left, message_ids=mine)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with small_chunks(), FaultServer() as post:
        house = House(tmp_path, database_url, post, recertified, take_back)
        yield house
        house.bench.database.dispose()


def undisturbed(house: House) -> tuple[list[Point], Seen]:
    points, whole = house.undisturbed()
    compare_post("undisturbed", told(whole), house.post)
    assert len(points) > 8
    return points, whole


def test_an_undo_that_is_killed_at_any_commit_is_done_once_and_whole(house: House) -> None:
    points, whole = undisturbed(house)
    for point in points:
        house.put_back(point.rows, point.post)
        go_on(house, point, whole)


@pytest.mark.soak
def test_an_undo_whose_process_really_dies_at_a_commit_is_done_once_and_whole(house: House) -> None:
    points, whole = undisturbed(house)
    for point in points:
        house.die_at(point)
        go_on(house, point, whole)
