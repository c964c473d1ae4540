from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, Integer, bindparam, select

from models.database import Database
from models.dates import add_months, add_months_sql, anchor_day, anchor_day_sql, days_between, recertification_date
from models.errors import InvalidFrequency
from models.words import DateBasis

if TYPE_CHECKING:
    from collections.abc import Iterator

days = st.dates(date(1900, 1, 1), date(2199, 12, 31))
relaxed = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2024, 8, 31), 6, date(2025, 2, 28)),
        (date(2024, 3, 31), -1, date(2024, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
    ],
    ids=["D1", "D2", "D3", "backwards", "over the year's end"],
)
def test_months_are_held_to_the_months_last_day(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@relaxed
@given(day=days, months=st.integers(-600, 600))
@example(day=date(2026, 1, 31), months=1)
@example(day=date(2024, 2, 29), months=12)
def test_months_are_the_same_in_sql(database: Database, day: date, months: int) -> None:
    query = select(add_months_sql(bindparam("day", type_=Date), bindparam("months", type_=Integer)))
    with database.read() as connection:
        assert connection.scalar(query, {"day": day, "months": months}) == add_months(day, months)


def test_no_day_or_no_months_is_no_day_in_sql(database: Database) -> None:
    query = select(add_months_sql(bindparam("day", type_=Date), bindparam("months", type_=Integer)))
    with database.read() as connection:
        assert connection.scalar(query, {"day": None, "months": 12}) is None
        assert connection.scalar(query, {"day": date(2026, 1, 31), "months": None}) is None


@relaxed
@given(earlier=days, later=days)
def test_the_days_between_are_the_same_in_sql(database: Database, earlier: date, later: date) -> None:
    query = select(days_between(bindparam("earlier", type_=Date), bindparam("later", type_=Date)))
    with database.read() as connection:
        assert connection.scalar(query, {"earlier": earlier, "later": later}) == (later - earlier).days


@relaxed
@given(basis=st.sampled_from(DateBasis), assigned=st.none() | days, completed=days)
def test_the_anchor_is_the_same_in_sql(
    database: Database, basis: DateBasis, assigned: date | None, completed: date
) -> None:
    query = select(anchor_day_sql(basis, bindparam("assigned", type_=Date), bindparam("completed", type_=Date)))
    with database.read() as connection:
        found = connection.scalar(query, {"assigned": assigned, "completed": completed})
    assert found == anchor_day(basis, assigned, completed)


def test_what_is_not_completed_has_no_anchor() -> None:
    assert anchor_day(DateBasis.ASSIGNMENT, date(2026, 1, 1), None) is None


@given(day=days, months=st.integers(1, 600))
def test_one_month_more_is_never_earlier_and_a_later_completion_never_renews_earlier(day: date, months: int) -> None:
    assert add_months(day, months + 1) > add_months(day, months)
    later = recertification_date(day + timedelta(days=1), months)
    earlier = recertification_date(day, months)
    assert later is not None
    assert earlier is not None
    assert later >= earlier


def test_never_is_no_day_and_a_frequency_below_one_is_refused() -> None:
    assert recertification_date(date(2026, 1, 31), None) is None
    assert recertification_date(None, 12) is None
    with pytest.raises(InvalidFrequency):
        recertification_date(date(2026, 1, 31), 0)
