"""Cells: what a file's text means, or one line that says why it means nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config.settings import known_zones
from models.addresses import address_key, is_address
from models.frequencies import MOST_MONTHS

DateFormat = Literal["iso", "mdy", "dmy"]
Read = Callable[[str], str | None]
CLEAR = ""  # what a reader answers for "-"; None stands for a blank cell, which leaves the stored value alone
SHOWN = 80
REMEMBERED = 8_192
FIRST_YEAR, LAST_YEAR = 1900, 2199

_ISO_DAY = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_OTHER_DAY = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
_WHOLE = re.compile(r"[0-9]{1,6}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
# joiners, marks and overrides that show nothing themselves: zero-width, bidirectional, tags
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_STATUS = {"active": "1", "terminated": "0", "inactive": "0"}


class CellRefused(Exception):
    """This cell cannot be read; the message says why."""


def clean(cell: str) -> str:
    """Return *cell* composed (NFC) and trimmed, without what cannot be seen.

    Raises:
        CellRefused: a line break or another control character is in it.
    """
    if cell.isprintable() and (cell.isascii() or unicodedata.is_normalized("NFC", cell)):
        return cell.strip()
    if any(unicodedata.category(sign) in _BREAKS for sign in cell):
        raise CellRefused(f"{quoted(cell)} holds a line break or control character; take it out")
    return unicodedata.normalize("NFC", _UNSEEN.sub("", cell)).strip()


def shown(value: str) -> str:
    """At most 80 characters of *value*, what cannot be printed escaped."""
    start = value[: SHOWN + 1]
    safe = start if start.isprintable() else "".join(s if s.isprintable() else _escaped(s) for s in start)
    return safe if len(value) <= SHOWN and len(safe) <= SHOWN else safe[: SHOWN - 1] + "…"


def quoted(value: str) -> str:
    """*value* as a reason repeats it."""
    return f"`{shown(value)}`"


def _remembered(read: Read) -> Read:
    """Columns repeat themselves: what was read lately is not read again."""
    return lru_cache(maxsize=REMEMBERED)(read)


def text(longest: int) -> Read:
    """A reader of text of at most so many characters."""

    def read(cell: str) -> str | None:
        if len(cell) > longest:
            raise CellRefused(f"longer than the field may be: {len(cell)} characters, and {longest} fit")
        return (CLEAR if cell == "-" else cell) if cell else None

    return read


def address(cell: str) -> str | None:
    """Read one e-mail address, kept as it was written."""
    if cell in ("", "-"):
        return None if not cell else CLEAR
    if not is_address(cell):
        several = cell.count("@") > 1 and any(sign in cell for sign in ",; ")
        what = "more than one address; one person, one address" if several else "not an e-mail address"
        raise CellRefused(f"{quoted(cell)} is {what}")
    return cell


def status(cell: str) -> str | None:
    """Read Active as ``1``, Terminated and Inactive as ``0``."""
    if not cell:
        return None
    try:
        return _STATUS[cell.casefold()]
    except KeyError:
        raise CellRefused(f"{quoted(cell)} is no status; it is Active, Terminated or Inactive") from None


def language(cell: str) -> str | None:
    """Read a language tag such as ``en`` or ``pt-BR``."""
    tag = cell.replace("_", "-")
    if tag in ("", "-"):
        return None if not tag else CLEAR
    if len(tag) > 35 or not _LANGUAGE.fullmatch(tag):  # noqa: PLR2004 - the column's width
        raise CellRefused(f"{quoted(cell)} is no language tag; write en or pt-BR")
    return tag


def time_zone(cell: str) -> str | None:
    """Read a time zone's name."""
    if cell in ("", "-"):
        return None if not cell else CLEAR
    if cell not in known_zones():
        raise CellRefused(f"{quoted(cell)} is no time zone; write a name such as Europe/Berlin")
    return cell


def link(cell: str) -> str | None:
    """Read an ``http://`` or ``https://`` address."""
    if cell in ("", "-"):
        return None if not cell else CLEAR
    parts = urlsplit(cell)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in cell or len(cell) > 1_000:  # noqa: PLR2004
        raise CellRefused(f"{quoted(cell)} is no link; it begins with https:// and has at most 1000 characters")
    return cell


def months(cell: str) -> str | None:
    """Read a frequency in whole months; ``never`` is said by ``-`` or in so many letters."""
    if not cell:
        return None
    if cell == "-" or cell.casefold() == "never":
        return CLEAR
    if not _WHOLE.fullmatch(cell) or not 1 <= int(cell) <= MOST_MONTHS:
        raise CellRefused(
            f"{quoted(cell)} is no frequency; it is a whole number of months from 1 to {MOST_MONTHS}, or blank for never"
        )
    return cell


def percent(cell: str) -> str | None:
    """Read a whole percentage."""
    if not cell:
        return None
    if cell == "-":
        return "0"
    if not _WHOLE.fullmatch(cell) or int(cell) > 100:  # noqa: PLR2004 - percent
        raise CellRefused(f"{quoted(cell)} is not a whole number from 0 to 100")
    return str(int(cell))


def day(order: DateFormat, zone: ZoneInfo) -> Read:
    """A reader of days, answering ``YYYY-MM-DD``.

    Args:
        order: how days that do not begin with the year are written; with ``iso`` such a day is understood where only
            one order makes a day of it.
        zone: the organisation's; an instant with an offset is the day it is there.
    """

    def read(cell: str) -> str | None:
        if cell in ("", "-"):
            return None if not cell else CLEAR
        found = _day(cell, order, zone)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise CellRefused(f"{quoted(cell)} is out of range; days lie from {FIRST_YEAR} to {LAST_YEAR}")
        return found.isoformat()

    return _remembered(read)


def _day(cell: str, order: DateFormat, zone: ZoneInfo) -> date:
    if match := _ISO_DAY.fullmatch(cell):
        return _existing(cell, *map(int, match.groups()))
    if match := _INSTANT.fullmatch(cell):
        return _day_of_instant(cell, match, zone)
    if match := _OTHER_DAY.fullmatch(cell):
        first, second, year = map(int, match.groups())
        return _ordered(cell, order, first, second, year)
    raise CellRefused(f"{quoted(cell)} is no date; write YYYY-MM-DD")


def _existing(cell: str, year: int, month: int, number: int) -> date:
    try:
        return date(year, month, number)
    except ValueError:
        raise CellRefused(f"{quoted(cell)} does not exist in the calendar") from None


def _day_of_instant(cell: str, match: re.Match[str], zone: ZoneInfo) -> date:
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        raise CellRefused(f"{quoted(cell)} does not exist in the calendar") from None
    return instant.astimezone(zone).date() if match[2] else instant.date()


def _ordered(cell: str, order: DateFormat, first: int, second: int, year: int) -> date:
    by_month, by_day = _possible(year, first, second), _possible(year, second, first)
    if order != "iso":
        found = by_month if order == "mdy" else by_day
        if found is None:
            raise CellRefused(f"{quoted(cell)} is no date in the order {order}")
        return found
    if by_month and by_day and by_month != by_day:
        what = f"{by_day.day} {_MONTHS[by_day.month - 1]} or {_MONTHS[by_month.month - 1]} {by_month.day}"
        raise CellRefused(f"{quoted(cell)} may be {what}: say --date-format dmy or --date-format mdy")
    if not (by_month or by_day):
        raise CellRefused(f"{quoted(cell)} is no date, in any order")
    return by_month or by_day  # type: ignore[return-value]  # one of them is a day, as was just seen


def _possible(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


remembered_clean = lru_cache(maxsize=REMEMBERED)(clean)
remembered_key = lru_cache(maxsize=REMEMBERED)(address_key)
remembered_text = _remembered(text(100))
remembered_address = _remembered(address)
remembered_language = _remembered(language)
remembered_time_zone = _remembered(time_zone)
remembered_status = _remembered(status)
remembered_percent = _remembered(percent)
