"""The learners list, page by page: every line once, in order, whatever it is sorted by; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise, product
from typing import Any

import pytest

from models.errors import WrongInput
from models.learner_lines import DAYS, Wanted
from models.learner_pages import SORTS, Order, Turned, counts, narrowed, offered, sight, turn
from models.learners import SEARCHED, learners
from models.words import Status
from tasks.workbench import Workbench
from tests.query_plans import query_plans
from tests.world import TODAY, Held, a_learner, ten_learners

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]
CLOCK: dict[str, Any] = {"today": TODAY, "upcoming_within_days": 30}


@pytest.fixture(scope="module")
def bench(empty: Workbench) -> Workbench:
    """Read only, so that one is enough for all."""
    with empty.database.write() as connection:
        ten_learners(connection)
        for number in range(11, 41):
            a_learner(connection, number, Held(), first_name="Same", last_name="Name", department=None)
        a_learner(connection, 41, first_name="<script>alert(1)</script>")
        a_learner(connection, 42, Held(own_on=None), first_name="Zoë Öz_%", last_name="l/30 O'Neil", location="")
    return empty


def read(bench: Workbench, wanted: Wanted, order: Order, **marks: Any) -> Turned:
    with bench.database.read() as connection:
        return turn(connection, sight(connection, wanted, **CLOCK), order, **marks)


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


WAYS = [
    Wanted(),
    *(Wanted(status=status.value) for status in Status),
    Wanted(training_type="privacy"),
    Wanted(training_type="nothing"),
    Wanted(course="C-1", status="due-for-recertification"),
    Wanted(department="Sales", status="past-due"),
    Wanted(location="Nowhere"),
    Wanted(search="same name"),
    Wanted(search="last 1", status="completed"),
    *(Wanted(day=day, since=date(2025, 10, 1), until=date(2026, 12, 18)) for day in DAYS),
    Wanted(day="due_on", since=TODAY, status="completed"),
    Wanted(day="recertification_on", until=TODAY, status="upcoming-recertification"),
]


@pytest.mark.parametrize("wanted", WAYS, ids=str)
def test_every_way_to_a_page_finds_the_same_lines_in_the_same_order(bench: Workbench, wanted: Wanted) -> None:
    with bench.database.read() as connection:
        everything = connection.execute(learners(**CLOCK)).all()
        exported = connection.execute(narrowed(wanted, TODAY, 30)).all()
    lines = [row for row in everything if _is_wanted(row, wanted)]
    assert [row[:2] for row in exported] == [row[:2] for row in lines]
    for number, (by, down) in enumerate(product(SORTS, (False, True))):
        order, expected = Order(by, down, 25), 0 if number % 3 else None
        pages = [read(bench, wanted, order, expected=expected)]
        while pages[-1].after:
            # each page by the other way than the one before it: their marks are the same
            expected = None if expected == 0 else 0
            pages.append(read(bench, wanted, order, after=pages[-1].after, expected=expected))
        assert [key for page in pages for key in keys(page)] == _in_order(lines, order), order
        for page, further in pairwise(pages):
            assert keys(read(bench, wanted, order, before=further.before, expected=expected)) == keys(page)


FOLLOWED = {
    "name": "ix_learner_last_name_first_name",
    "department": "ix_learner_department",
    "assigned_on": "ix_assignment_assigned_on",
    "due_on": "ix_assignment_open_due",
    "completed_on": "ix_certification_completed_on",
    "recertification_on": "ix_certification_own_on",
}


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("by", SORTS)
def test_a_page_follows_an_index_and_sorts_no_more_than_who_stands_alike(bench: Workbench, by: str, down: bool) -> None:
    if not bench.database.is_sqlite:
        return  # PostgreSQL decides by the size of its tables, and these are small
    with query_plans(bench.database) as plans:
        first = read(bench, Wanted(), Order(by, down, 25))
        read(bench, Wanted(), Order(by, down, 25), after=first.after or "")
    walked = [plan for _, plan in plans if any(FOLLOWED[by] in step for step in plan)]
    assert walked
    for plan in walked:
        assert FOLLOWED[by] in plan[0]
        one_day = f"({by}=?)" in plan[0]
        assert one_day or "USE TEMP B-TREE FOR ORDER BY" not in plan


def _is_wanted(row: Any, wanted: Wanted) -> bool:
    exact = ("status", "training_type", "course", "department", "location")
    text = "\n".join(str(row._mapping[name] or "") for name in SEARCHED).lower()
    day = row._mapping[wanted.day]
    return (
        all(getattr(wanted, name) in ("", row._mapping[name]) for name in exact)
        and all(word in text for word in wanted.search.split())
        and (wanted.since is None or (day is not None and day >= wanted.since))
        and (wanted.until is None or (day is not None and day <= wanted.until))
    )


def _in_order(lines: list[Any], order: Order) -> list[tuple[int, int | None]]:
    def key(row: Any) -> Any:
        names = {"name": ("last_name", "first_name"), "department": ("department",)}.get(order.by, ())
        return [*(row._mapping[name] or "" for name in names), row.learner_id, row.certification_id or 0]

    found = sorted(lines, key=key, reverse=order.down)
    if order.by in DAYS:
        found.sort(key=lambda row: row._mapping[order.by] or date.min, reverse=order.down)
        found.sort(key=lambda row: row._mapping[order.by] is None)
    return [(row.learner_id, row.certification_id) for row in found]


def test_a_search_that_finds_many_looks_for_them_in_the_order_of_the_page(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, wanted = Order("due_on", size=25), Wanted(search="same name")
    few = read(bench, wanted, order)
    monkeypatch.setattr("models.learner_pages.FEW", 2)
    with bench.database.read() as connection:
        assert sight(connection, wanted, **CLOCK).people is None
    assert keys(read(bench, wanted, order)) == keys(few)


@pytest.mark.parametrize("word", ["Zoë", "zoë", "ZOË", "ÖZ_%", "l/30", "o'", "zo ë", "L41@EXAMPLE", "\\"])
def test_words_are_found_whatever_their_case_and_signs(bench: Workbench, word: str) -> None:
    found = {row.employee_id for row in read(bench, Wanted(search=word), Order(size=200)).rows}
    assert found == {"L41@EXAMPLE": {"E41"}, "\\": set()}.get(word, {"E42"})


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
        tally = counts(connection, sight(connection, wanted, **CLOCK))
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
        (Wanted(search="%"), 1),
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
