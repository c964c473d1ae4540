"""When people are reminded of an open assignment: days counted from its Due Date, once for Python and once for SQL.

A schedule's step is a number of days from the Due Date: -7 is a week before it, 1 the day after. Of several steps that
were missed only the latest counts, and one that is too long past counts no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, literal, null

# Days past due on which learners and managers are written to; after the last one, never again.
PAST_DUE_DAYS = (1, 4, 7, 14, 21, 30, 45, 60, 90)
# A step that nobody took for so many days (a standstill, an import of old assignments) is let go.
LATE_AT_MOST_DAYS = 7
# Who is so far past due is written to no more.
LAST_DAY = PAST_DUE_DAYS[-1] + LATE_AT_MOST_DAYS


def schedule(days_before: Sequence[int]) -> list[int]:
    """The steps in order, for reminders *days_before* the Due Date and the fixed ones after it."""
    return sorted(-days for days in set(days_before)) + list(PAST_DUE_DAYS)


def step_reached(due_on: date, today: date, days_before: Sequence[int]) -> int | None:
    """The latest step whose day has come; None before the first one, and where it is too long past.

    Args:
        due_on: the Due Date of an open assignment.
        today: the organisation's business day.
        days_before: when to remind ahead of the Due Date; may be empty.
    """
    passed = (today - due_on).days
    reached = [step for step in schedule(days_before) if step <= passed]
    if not reached or passed - reached[-1] > LATE_AT_MOST_DAYS:
        return None
    return reached[-1]


def step_reached_sql(due_on: ColumnElement[Any], today: date, days_before: Sequence[int]) -> ColumnElement[int | None]:
    """SQL twin of ``step_reached``."""
    whens: list[tuple[ColumnElement[bool], Any]] = []
    for step in reversed(schedule(days_before)):
        day = today - timedelta(days=step)
        whens.append((due_on < day - timedelta(days=LATE_AT_MOST_DAYS), cast(null(), Integer)))
        whens.append((due_on <= day, literal(step)))
    return case(*whens, else_=cast(null(), Integer))


def within_reach(due_on: ColumnElement[Any], today: date, days_before: Sequence[int]) -> ColumnElement[bool]:
    """Whether ``step_reached`` can be anything at all for this Due Date: two bounds that an index answers."""
    steps = schedule(days_before)
    first = today - timedelta(days=LAST_DAY)
    return and_(due_on >= first, due_on <= today - timedelta(days=steps[0]))
