"""An undo is stopped dead before and after every single commit; each time it ends whole, and is told once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from models.tables import message, rollout
from models.words import StepSlug
from tasks import ordering
from tasks.deliver import deliver_mail
from tasks.undo_order import place_undo
from tests.crashes import KILLED, Experiment, die_at, forked, read, side_by_side
from tests.lives import House, Seen, Tomorrow, compare_post, look, small_chunks
from tests.mail.fault_server import FaultServer
from tests.tasks.test_undoing import ACTIONS, do
from tests.world import NOW, OPERATOR, on, rows

if TYPE_CHECKING:
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


def crash(house: House, point: tuple[int, str], whole: Seen) -> Experiment:
    """Run, die, go on, compare. Yields each process to wait for, and is sent how it ended."""
    where, answer = f"commit {point[0]}, {point[1]}", house.folder / "answer.pickle"
    house.post.kept.clear()

    def run_and_die() -> None:
        house.tidy()
        die_at(*point)
        take_back(house.bench)

    def go_on() -> Seen:
        take_back(house.bench)
        seen = look(house.bench)
        ordering.carry_on(on(house.bench, "2026-11-24"))  # what nobody confirmed is given up
        return replace(seen, orphans=look(house.bench).orphans)

    ended = yield forked(run_and_die, answer)
    assert ended in (KILLED, 0), f"{where}: {read(answer)}"
    ended = yield forked(go_on, answer)
    left = read(answer)
    assert ended == 0, f"{where}: {left}"
    for table in STAYS:
        assert left.facts[table] == whole.facts[table], f"{where}: {table}"
    assert (left.audit_holds, left.orphans) == (True, {}), where
    compare_post(where, told(left), house.post)


def told(left: Seen) -> Seen:
    """The retractions alone; what they retract left before anything could crash."""
    mine = {key: state for key, state in left.message_ids.items() if key.startswith("<retraction.")}
    assert len(mine) == len(left.message_ids) / 2 == 3
    return replace(left, message_ids=mine)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_undo_that_is_killed_at_any_commit_is_done_once_and_whole(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cluster = request.getfixturevalue("postgres_cluster") if kind == "postgresql" else None
    with ExitStack() as stack:
        stack.enter_context(small_chunks())
        houses = []
        for number in range(2):
            folder = tmp_path / str(number)
            url = cluster.create_database() if cluster else f"sqlite:///{folder / 'recert.db'}"
            houses.append(House(folder, url, stack.enter_context(FaultServer()), recertified, take_back))
        points, whole = houses[0].undisturbed()
        compare_post("undisturbed", told(whole), houses[0].post)
        houses[1].undisturbed()
        assert len(points) > 8
        side_by_side(houses, (partial(crash, point=point, whole=whole) for point in points))
    for house in houses:
        house.bench.database.dispose()
        if cluster:
            cluster.drop(house.bench.database.url.render_as_string(hide_password=False))
