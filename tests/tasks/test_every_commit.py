"""A rollout is stopped dead before and after every single commit; each time it ends as if nothing had happened.

The process is really ended (``os._exit``) at the k-th commit, for every k, and another one goes on from the database
alone. The post is a real mail server in the test's own process, which outlives them all.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models.tables import message
from models.words import MessageState
from tests.crashes import KILLED, Experiment, die_at, forked, read, side_by_side
from tests.lives import House, Seen, compare, compare_post, live, look
from tests.mail.fault_server import FaultServer

if TYPE_CHECKING:
    from pathlib import Path

SIDE_BY_SIDE = 2


def crash(house: House, point: tuple[int, str], whole: Seen) -> Experiment:
    """Run, die, go on, compare. Yields each process to wait for, and is sent how it ended."""
    where, answer = f"commit {point[0]}, {point[1]}", house.folder / "answer.pickle"
    house.post.kept.clear()

    def run_and_die() -> None:
        house.tidy()
        die_at(*point)
        live(house.bench)

    def go_on() -> tuple[set[str], Seen]:
        with house.bench.database.read() as connection:
            marked = message.c.state == MessageState.SENDING.value
            sending = set(connection.scalars(select(message.c.message_id).where(marked)))
        live(house.bench)
        return sending, look(house.bench)

    ended = yield forked(run_and_die, answer)
    assert ended in (KILLED, 0), f"{where}: {read(answer)}"
    ended = yield forked(go_on, answer)
    found = read(answer)
    assert ended == 0, f"{where}: {found}"
    compare(where, *found, whole)
    compare_post(where, found[1], house.post)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_crash_at_any_commit_changes_nothing_in_the_end(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cluster = request.getfixturevalue("postgres_cluster") if kind == "postgresql" else None
    with ExitStack() as posts:
        houses = []
        for number in range(SIDE_BY_SIDE):
            folder = tmp_path / str(number)
            url = cluster.create_database() if cluster else f"sqlite:///{folder / 'recert.db'}"
            houses.append(House(folder, url, posts.enter_context(FaultServer())))
        undisturbed = [house.undisturbed() for house in houses]
        points, whole = undisturbed[0]
        compare("undisturbed", set(), undisturbed[1][1], whole)
        compare_post("undisturbed", whole, houses[0].post)
        assert not whole.flagged
        assert len(points) > 50
        side_by_side(houses, (partial(crash, point=point, whole=whole) for point in points))
    for house in houses:
        house.bench.database.dispose()
        if cluster:
            cluster.drop(house.bench.database.url.render_as_string(hide_password=False))
