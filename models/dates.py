"""Days: month arithmetic and the recertification date, each once for Python and once for SQL.

SQLite's own ``+n months`` overflows into the next month (31 January + 1 month = 3 March), so the
SQL twin clamps by hand there; a property test holds the twins equal on both databases.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, Integer, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from models.errors import InvalidFrequency
from models.words import DateBasis

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler


def add_months(day: date, months: int) -> date:
    """Return *day* moved by calendar *months* (may be negative), held to the month's last day.

    31 August + 6 months = 28 or 29 February; 29 February + 12 months = 28 February.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def recertification_date(anchor_on: date | None, frequency_months: int | None) -> date | None:
    """Return the day a certification must be renewed.

    Counted from the anchor in one go, never chained: 29 February 2024 + 48 months is 29 February 2028.

    Args:
        anchor_on: completion (or assignment) day in the organisation's time zone; None when never completed.
        frequency_months: whole months ≥ 1; None means Never.

    Returns:
        The day, or None for Never.

    Raises:
        InvalidFrequency: *frequency_months* is below 1.

    Source: domain rules 3.2, tables 11.1.
    """
    if frequency_months is not None and frequency_months < 1:
        raise InvalidFrequency(f"a frequency of {frequency_months} months: give 1 or more, or leave it blank for Never")
    if anchor_on is None or frequency_months is None:
        return None
    return add_months(anchor_on, frequency_months)


def anchor_day(basis: DateBasis, assigned_on: date | None, completed_on: date | None) -> date | None:
    """Return the day the next recertification is counted from; None while the assignment is not completed.

    A completion without a known assignment day counts from the completion under either basis.
    """
    if completed_on is None:
        return None
    if basis is DateBasis.ASSIGNMENT:
        return assigned_on or completed_on
    return completed_on


class add_months_sql(FunctionElement[date]):  # noqa: N801 - reads as the SQL function that it compiles to
    """SQL twin of ``add_months``: ``add_months_sql(day, months)``; NULL if either is NULL."""

    type = Date()
    inherit_cache = True
    name = "add_months"

    def __init__(self, day: ColumnElement[Any], months: ColumnElement[Any] | int) -> None:
        super().__init__(day, months if not isinstance(months, int) else cast(months, Integer))


@compiles(add_months_sql, "sqlite")
def _sqlite_add_months(element: add_months_sql, compiler: SQLCompiler, **kw: Any) -> str:
    day, months = (compiler.process(clause, **kw) for clause in element.clauses)
    shifted = f"date({day}, ({months}) || ' months')"
    month_end = f"date({day}, 'start of month', (({months}) + 1) || ' months', '-1 day')"
    return f"min({shifted}, {month_end})"


@compiles(add_months_sql, "postgresql")
def _postgresql_add_months(element: add_months_sql, compiler: SQLCompiler, **kw: Any) -> str:
    day, months = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(({day})::date + make_interval(months => ({months})::integer))::date"


class days_between(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it compiles to
    """Whole days from *earlier* to *later* in SQL; NULL if either is NULL."""

    type = Integer()
    inherit_cache = True
    name = "days_between"

    def __init__(self, earlier: Any, later: Any) -> None:
        super().__init__(earlier, later)


@compiles(days_between, "sqlite")
def _sqlite_days_between(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)"


@compiles(days_between, "postgresql")
def _postgresql_days_between(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(({later})::date - ({earlier})::date)"


class utc_day(FunctionElement[date]):  # noqa: N801 - reads as the SQL function that it compiles to
    """The day in UTC of an instant in SQL; NULL if it is NULL."""

    type = Date()
    inherit_cache = True
    name = "utc_day"

    def __init__(self, instant: Any) -> None:
        super().__init__(instant)


@compiles(utc_day, "sqlite")
def _sqlite_utc_day(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 10)"


@compiles(utc_day, "postgresql")
def _postgresql_utc_day(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(({compiler.process(element.clauses, **kw)}) AT TIME ZONE 'UTC')::date"


def anchor_day_sql(basis: DateBasis, assigned_on: ColumnElement[Any], completed_on: ColumnElement[Any]) -> Any:
    """SQL twin of ``anchor_day`` for a completed assignment."""
    return func.coalesce(assigned_on, completed_on) if basis is DateBasis.ASSIGNMENT else completed_on
