"""The schedule of reminders: which step a day has reached, the same in Python and in SQL."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Column, Date, Integer, MetaData, Table, insert, select

from models.database import Database
from models.reminding import PAST_DUE_DAYS, schedule, step_reached, step_reached_sql, within_reach

DUE = date(2026, 12, 18)


def reached(passed: int, before: tuple[int, ...] = (7, 1)) -> int | None:
    return step_reached(DUE, DUE + timedelta(days=passed), before)


@pytest.mark.parametrize(
    ("passed", "step"),
    [(-8, None), (-7, -7), (-2, -7), (-1, -1), (0, -1), (1, 1), (3, 1), (4, 4), (13, 7), (14, 14), (20, 14), (21, 21),
     (28, 21), (29, None), (30, 30), (37, 30), (38, None), (45, 45), (52, 45), (53, None), (60, 60), (90, 90),
     (97, 90), (98, None), (400, None)],
)  # fmt: skip
def test_the_latest_step_counts_until_it_is_a_week_past(passed: int, step: int | None) -> None:
    assert reached(passed) == step


def test_without_days_before_nothing_is_said_until_it_is_past_due() -> None:
    assert [reached(passed, ()) for passed in (-7, -1, 0, 1)] == [None, None, None, 1]


def test_the_day_itself_may_be_a_step() -> None:
    assert [reached(passed, (0,)) for passed in (-1, 0, 1)] == [None, 0, 1]


def test_a_step_is_reached_on_its_own_day_across_a_leap_day() -> None:
    due = date(2028, 2, 25)
    assert [step_reached(due, day, (7, 1)) for day in (date(2028, 2, 29), date(2028, 3, 1))] == [4, 4]
    assert step_reached(due, date(2028, 3, 3), (7, 1)) == 7


@pytest.mark.parametrize("before", [(7, 1), (), (30, 14, 0)])
def test_sql_says_the_same_of_every_day(database_url: str, before: tuple[int, ...]) -> None:
    days = [(number, DUE - timedelta(days=number)) for number in range(-40, 110)]
    table = Table("days", MetaData(), Column("passed", Integer), Column("due_on", Date))
    step = step_reached_sql(table.c.due_on, DUE, before)
    database = Database(database_url)
    with database.rehearse() as connection:
        table.create(connection)
        connection.execute(insert(table).values(days))
        rows = connection.execute(select(table.c.passed, step, within_reach(table.c.due_on, DUE, before))).all()
    database.dispose()
    assert {passed: found for passed, found, _ in rows} == {passed: reached(passed, before) for passed, _ in days}
    assert all(within for _, found, within in rows if found is not None)
    first, last = schedule(before)[0], PAST_DUE_DAYS[-1] + 7
    assert {passed for passed, _, within in rows if within} == set(range(first, last + 1))
