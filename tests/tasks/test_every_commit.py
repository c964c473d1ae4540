"""A rollout is stopped dead before and after every single commit; each time it ends as if nothing had happened.

What whoever dies at the k-th commit leaves is kept for every k, and a process of its own goes on from that alone. In the
soak somebody really dies (``os._exit``) there. The post is a real mail server in the test's own process, which outlives
them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models.tables import message
from models.words import MessageState
from tests.crashes import Point, ended
from tests.lives import House, Seen, compare, compare_post, live, look
from tests.mail.fault_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# every so many-th point is tried on PostgreSQL, another third with each seed; the soak tries all
SOME = 3


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with FaultServer() as post:
        house = House(tmp_path, database_url, post)
        yield house
        house.bench.database.dispose()


def go_on(house: House, point: Point, whole: Seen) -> None:
    """Go on from what is there, and compare."""

    def to_the_end() -> tuple[set[str], Seen]:
        with house.bench.database.read() as connection:
            marked = message.c.state == MessageState.SENDING.value
            sending = set(connection.scalars(select(message.c.message_id).where(marked)))
        live(house.bench)
        return sending, look(house.bench)

    code, found = ended(to_the_end, house.folder / "answer")
    assert code == 0, f"{point}: {found}"
    compare(str(point), *found, whole)
    compare_post(str(point), found[1], house.post)


def undisturbed(house: House) -> tuple[list[Point], Seen]:
    points, whole = house.undisturbed()
    compare_post("undisturbed", whole, house.post)
    assert not whole.flagged
    assert len(points) > 50
    return points, whole


def test_a_crash_at_any_commit_changes_nothing_in_the_end(house: House, request: pytest.FixtureRequest) -> None:
    """The same rows are committed at the same points on both databases: PostgreSQL, which is slower, takes some."""
    points, whole = undisturbed(house)
    if not house.bench.database.is_sqlite:
        points = points[int(request.config.getoption("--seed")) % SOME :: SOME]
    for point in points:
        house.put_back(point.rows, point.post)
        go_on(house, point, whole)


@pytest.mark.soak
def test_whoever_really_dies_at_a_commit_changes_nothing_in_the_end(house: House) -> None:
    points, whole = undisturbed(house)
    for point in points:
        house.die_at(point)
        go_on(house, point, whole)
