from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Date, Integer, MetaData, Table, delete, insert, select

from models.database import Database
from models.status import Facts, status, status_sql, statuses_sql
from models.words import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY = date(2026, 11, 23)
WITHIN = 30
standings = Table(
    "standings",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("archived", Boolean),
    Column("open_id", Integer),
    Column("due_on", Date),
    Column("progress", Integer),
    Column("own_on", Date),
    Column("completed_on", Date),
)
near_today = st.none() | st.integers(-40, 40).map(lambda days: TODAY + timedelta(days=days))


def facts(**values: Any) -> Facts:
    nothing: dict[str, Any] = {"archived": False, "open": False, "due_on": None, "progress": 0}
    return Facts(**{**nothing, "recertification_on": None, "completed": False, **values})


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(archived=True, open=True, due_on=day(-1)), Status.ARCHIVED),
        (facts(open=True, due_on=day(-1), progress=50), Status.PAST_DUE),
        (facts(open=True, due_on=day(0), progress=50), Status.IN_PROGRESS),
        (facts(open=True, due_on=day(0)), Status.ASSIGNED),
        (facts(open=True, completed=True), Status.ASSIGNED),
        (facts(completed=True, recertification_on=day(0)), Status.DUE_FOR_RECERTIFICATION),
        (facts(completed=True, recertification_on=day(1)), Status.UPCOMING_RECERTIFICATION),
        (facts(completed=True, recertification_on=day(30)), Status.UPCOMING_RECERTIFICATION),
        (facts(completed=True, recertification_on=day(31)), Status.COMPLETED),
        (facts(completed=True), Status.COMPLETED),
        (facts(), Status.NOT_ASSIGNED),
    ],
    ids=lambda value: value.value if isinstance(value, Status) else None,
)
def test_the_first_rule_that_matches_names_the_status(known: Facts, expected: Status) -> None:
    assert status(known, TODAY, WITHIN) is expected


def test_nothing_is_upcoming_when_no_days_are_looked_ahead() -> None:
    assert status(facts(completed=True, recertification_on=day(1)), TODAY, 0) is Status.COMPLETED


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.write() as connection:
        standings.create(connection)
    yield database
    database.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=st.builds(
        Facts,
        archived=st.booleans(),
        open=st.booleans(),
        due_on=near_today,
        progress=st.integers(0, 100),
        recertification_on=near_today,
        completed=st.booleans(),
    ),
    within=st.integers(0, 40),
)
def test_the_status_is_the_same_in_sql(database: Database, known: Facts, within: int) -> None:
    row = {
        "archived": known.archived,
        "open_id": 7 if known.open else None,
        "due_on": known.due_on if known.open else None,
        "progress": known.progress if known.open else None,
        "own_on": known.recertification_on,
        "completed_on": TODAY if known.completed else None,
    }
    with database.write() as connection:
        connection.execute(delete(standings))
        connection.execute(insert(standings).values(**row))
        found = connection.scalar(select(status_sql(standings.c, TODAY, within)))
        each = statuses_sql(standings.c, TODAY, within)
        held = [label for label, holds in each.items() if connection.scalar(select(standings.c.id).where(holds))]
    assert found == status(known, TODAY, within)
    assert held == [found]
    assert each.keys() == set(Status)
