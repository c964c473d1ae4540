from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from models.database import Database
from models.roster import standing, succession
from models.tables import assignment, certification, course
from tests.world import TODAY, Held, a_learner, some_courses

near_today = st.none() | st.integers(-40, 40).map(lambda days: TODAY + timedelta(days=days))


@pytest.fixture
def database(database: Database) -> Database:
    with database.write() as connection:
        some_courses(connection)
        a_learner(connection, 1, Held(open_due="2026-12-24"))
    return database


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(computed=near_today, override=near_today, is_open=st.booleans())
def test_an_override_counts_before_the_computed_day_and_an_open_assignment_hides_both(
    database: Database, computed: date | None, override: date | None, is_open: bool
) -> None:
    with database.write() as connection:
        connection.execute(update(certification).values(computed_on=computed, override_on=override))
        ended = None if is_open else TODAY
        connection.execute(update(assignment).where(assignment.c.due_on.is_not(None)).values(completed_on=ended))
        row = connection.execute(select(standing(TODAY))).one()
    effective = override if override is not None else computed
    assert (row.own_on, row.overridden) == (effective, override is not None)
    assert row.recertification_on == (None if is_open else effective)
    assert (row.open_id is not None, row.due_on) == (is_open, date(2026, 12, 24) if is_open else None)


def given_for(database: Database, day: date) -> dict[str, str]:
    origin, given_ = course.alias("origin"), course.alias("given")
    leads = succession(day)
    query = (
        select(origin.c.code, given_.c.code.label("given"))
        .join_from(leads, origin, origin.c.id == leads.c.origin_id)
        .join(given_, given_.c.id == leads.c.given_id)
    )
    with database.read() as connection:
        return {row.code: row.given for row in connection.execute(query)}


def test_a_retired_course_is_followed_through_its_successors_from_its_day_on(database: Database) -> None:
    assert given_for(database, date(2025, 6, 29))["C-0"] == "C-0"
    assert given_for(database, date(2025, 6, 30))["C-0"] == "C-1"
    with database.write() as connection:
        follows = select(course.c.id).where(course.c.code == "C-2").scalar_subquery()
        retired = update(course).where(course.c.code == "C-1").values(successor_id=follows, retired_on=TODAY)
        connection.execute(retired)
    assert given_for(database, TODAY) == {"C-0": "C-2", "C-1": "C-2", "C-2": "C-2", "P-1": "P-1", "N-1": "N-1"}


def test_courses_that_succeed_each_other_lead_nowhere_and_nothing_hangs(database: Database) -> None:
    ids = select(course.c.id).where(course.c.code == "C-0").scalar_subquery()
    with database.write() as connection:
        connection.execute(update(course).where(course.c.code == "C-1").values(successor_id=ids, retired_on=TODAY))
    assert {"C-0", "C-1"}.isdisjoint(given_for(database, TODAY))
