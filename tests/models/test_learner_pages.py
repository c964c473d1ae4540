"""The learners list, page by page: every line once, in order, whatever it is sorted by; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from models.errors import WrongInput
from models.learner_pages import SORTS, Order, Turned, Wanted, counts, narrowed, offered, turn
from models.words import Status
from tasks.workbench import Workbench
from tests.postgres import PostgresCluster
from tests.world import TODAY, Held, a_bench, a_learner, ten_learners

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]
CLOCK: dict[str, Any] = {"today": TODAY, "upcoming_within_days": 30}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Read only, so that one is enough for all."""
    home = tmp_path_factory.mktemp("pages")
    url = f"sqlite:///{home / 'recert.db'}"
    if request.param == "postgresql":
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database()
    made = a_bench(url, home)
    with made.database.write() as connection:
        ten_learners(connection)
        for number in range(11, 41):
            a_learner(connection, number, Held(), first_name="Same", last_name="Name", department=None)
        a_learner(connection, 41, first_name="<script>alert(1)</script>")
    yield made
    made.database.dispose()


def read(bench: Workbench, wanted: Wanted, order: Order, **marks: str) -> Turned:
    with bench.database.read() as connection:
        return turn(connection, wanted, order, **CLOCK, **marks)


def keys(turned: Turned) -> list[tuple[int, int | None]]:
    return [(row.learner_id, row.certification_id) for row in turned.rows]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("by", SORTS)
def test_turning_the_pages_shows_every_line_once_and_back_again(bench: Workbench, by: str, down: bool) -> None:
    order = Order(by, down, 25)
    with bench.database.read() as connection:
        everything = {
            (row.learner_id, row.certification_id) for row in connection.execute(narrowed(Wanted(), TODAY, 30))
        }
    pages = [read(bench, Wanted(), order)]
    assert pages[0].before is None
    while pages[-1].after:
        pages.append(read(bench, Wanted(), order, after=pages[-1].after))
    seen = [key for page in pages for key in keys(page)]
    assert len(seen) == len(set(seen))
    assert set(seen) == everything
    assert len(pages) == 2
    back = read(bench, Wanted(), order, before=pages[1].before or "")
    assert keys(back) == keys(pages[0])
    assert back.before is None


def test_people_are_sorted_and_who_has_no_such_day_comes_last_both_ways(bench: Workbench) -> None:
    for down in (False, True):
        rows = read(bench, Wanted(), Order("due_on", down, 100)).rows
        days = [row.due_on for row in rows]
        known = [day for day in days if day is not None]
        assert known == sorted(known, reverse=down)
        assert known
        assert days[len(known) :] == [None] * (len(days) - len(known))


def test_counts_tell_what_each_status_would_show(bench: Workbench) -> None:
    wanted = Wanted(training_type="conduct", status="archived")
    with bench.database.read() as connection:
        tally = counts(connection, wanted, **CLOCK)
    assert set(tally) == set(Status)
    for status, number in tally.items():
        assert number == len(read(bench, replace(wanted, status=status), Order(size=200)).rows), status
    assert tally["due-for-recertification"] > 30


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (Wanted(department="Finance"), 1),
        (Wanted(course="P-1"), 2),
        (Wanted(search="name same"), 30),
        (Wanted(search="<script>"), 1),
        (Wanted(search="%"), 0),
        (Wanted(search="' OR 1=1 --"), 0),
        (Wanted(department="x' OR '1'='1"), 0),
        (Wanted(day="due_on", since=TODAY), 2),
        (Wanted(day="due_on", until=TODAY), 1),
    ],
)
def test_what_is_wanted_is_what_is_shown(bench: Workbench, wanted: Wanted, number: int) -> None:
    assert len(read(bench, wanted, Order(size=200)).rows) == number


@pytest.mark.parametrize("mark", ["x", "W10", "WzEsMiwzLDRd", "bm90IGpzb24", "eyJhIjoxfQ", "é"])
def test_a_mark_that_nobody_gave_is_refused(bench: Workbench, mark: str) -> None:
    with pytest.raises(WrongInput):
        read(bench, Wanted(), Order(), after=mark)


@pytest.mark.parametrize("order", [{"by": "email; DROP TABLE learner"}, {"size": 10**9}, {"size": 0}])
def test_an_order_that_is_none_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(WrongInput):
        Order(**order)


def test_what_can_be_chosen_is_what_there_is(bench: Workbench) -> None:
    with bench.database.read() as connection:
        offers = offered(connection)
    assert offers["department"] == ["Finance", "Sales"]
    assert offers["training_type"] == ["conduct", "privacy", "safety"]
    assert "C-2" not in offers["course"]
