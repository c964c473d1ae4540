"""How often a course is to be renewed: whole months, or never; read, shown and chosen as text."""

from __future__ import annotations

from difflib import get_close_matches

from sqlalchemy import Connection, select, update

from models.errors import WrongInput
from models.setting_values import number
from models.tables import course

FREQUENCY = "frequency."
NEVER = "never"
MOST_MONTHS = 1_200
ALLOWED = f"1 to {MOST_MONTHS} months, or {NEVER}"
MEANING = f"how long a completion lasts ({ALLOWED})"


def months_of(text: str) -> int | None:
    """Months of a frequency's text; None for ``never``. Raises ValueError where it is neither."""
    return None if text.lower() == NEVER else number(1, MOST_MONTHS)(text)


def shown(months: int | None) -> str:
    """A frequency as its one text."""
    return NEVER if months is None else str(months)


def in_words(text: str) -> str:
    """A frequency's text as a sentence says it: ``every 12 months``, ``every month``, ``never``."""
    return text if text == NEVER else "every month" if text == "1" else f"every {text} months"


def frequencies(connection: Connection) -> dict[str, str]:
    """Course code → frequency as text, by code."""
    rows = connection.execute(select(course.c.code, course.c.frequency_months).order_by(course.c.code))
    return {row.code: shown(row.frequency_months) for row in rows}


def change(connection: Connection, code: str, value: str) -> tuple[str, str]:
    """The frequency of a course as it is, and as *value* would make it.

    Raises:
        WrongInput: no such course, or no frequency.
    """
    known = frequencies(connection)
    if code not in known:
        near = get_close_matches(code, known, n=1)
        raise WrongInput(
            f"no course {code[:80]!r}{f' (did you mean {near[0]}?)' if near else ''}; see: recert settings show"
        )
    try:
        return known[code], shown(months_of(value))
    except ValueError:
        raise WrongInput(f"{FREQUENCY}{code} cannot be {value[:80]!r}; allowed: {ALLOWED}") from None


def set_frequency(connection: Connection, code: str, value: str) -> tuple[str, str]:
    """Choose how often a course is to be renewed from its next completion on; return the texts before and after.

    Raises:
        WrongInput: no such course, or no frequency.
    """
    before, after = change(connection, code, value)
    if before != after:
        connection.execute(update(course).where(course.c.code == code).values(frequency_months=months_of(after)))
    return before, after
