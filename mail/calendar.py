"""Due Dates as calendar entries (RFC 5545): all day, nobody's time is taken, no alarm; a later mail moves or cancels the same entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from mail.facts import is_web_address
from mail.headers import one_line

CONTENT_TYPE = "text/calendar; charset=utf-8; method={method}"
FILE_NAME = "due-dates.ics"
# A line has at most 75 octets; what goes on begins with a blank.
LINE_OCTETS = 75
CANCELLED = "STATUS:CANCELLED\n"
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,"})


@dataclass(frozen=True, slots=True)
class DueDate:
    """One course's entry.

    Attributes:
        uid: the same for ever for one assignment, and in no other installation; no part of it is about a person.
        due_on: the day.
        title: of the course.
        link: where to click, a web address or anything else, which is left out.
        cancelled: the entry goes out of the calendar again.
    """

    uid: str
    due_on: date
    title: str
    link: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class DueDates:
    """What one mail puts into its reader's calendar.

    Attributes:
        sequence: greater in each later mail about an assignment: of two entries programs keep the one with the greater.
        stamped_at: an instant in UTC, the same for every try of one mail.
        entries: one for each course.
    """

    sequence: int
    stamped_at: datetime
    entries: Sequence[DueDate]

    @property
    def method(self) -> str:
        """What the calendar as a whole does: ``CANCEL`` where no entry stays, else ``PUBLISH``."""
        return "CANCEL" if all(each.cancelled for each in self.entries) else "PUBLISH"


def organiser(name: str, address: str) -> str:
    """The property that says who publishes the entries; made once for a letterhead."""
    shown = one_line(name).replace('"', "'")
    return _folded(f'ORGANIZER;CN="{shown}":mailto:{quote(address, safe="@+")}')


def calendar(dates: DueDates, summary: str, publisher: str) -> str:
    r"""Return the calendar, with ``\n`` lines.

    Args:
        dates: what is due.
        summary: how a language says that something is due, with ``{title}`` in it.
        publisher: what ``organiser`` made.
    """
    ending = (
        f"{publisher}\nSEQUENCE:{dates.sequence}\nDTSTAMP:{_stamp(dates.stamped_at)}\nTRANSP:TRANSPARENT\nEND:VEVENT\n"
    )
    entries = [
        f"BEGIN:VEVENT\nUID:{each.uid}\n{_course(each.due_on, each.title, each.link, summary)}"
        f"{CANCELLED if each.cancelled else ''}{ending}"
        for each in dates.entries
    ]
    head = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Recert//Recert//EN\nMETHOD:{dates.method}\n"
    return f"{head}{''.join(entries)}END:VCALENDAR\n"


@lru_cache(maxsize=1024)
def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"


@lru_cache(maxsize=4096)
def _course(due_on: date, title: str, link: str, summary: str) -> str:
    """What is the same for each reader of one course: the whole day (it ends where the next begins), words, link."""
    lines = [
        f"DTSTART;VALUE=DATE:{due_on:%Y%m%d}",
        f"DTEND;VALUE=DATE:{due_on + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{one_line(summary.format(title=title)).translate(_ESCAPED)}",
    ]
    if is_web_address(link):  # twice: some programs show the one property, some the other
        lines += [f"URL:{one_line(link)}", f"DESCRIPTION:{one_line(link).translate(_ESCAPED)}"]
    return "".join([f"{_folded(line)}\n" for line in lines])


def _folded(line: str) -> str:
    """Fold a line as RFC 5545 wants it, between characters."""
    if len(line) <= LINE_OCTETS and line.isascii():
        return line
    pieces, octets = [""], 0
    for sign in line:
        width = len(sign.encode("utf-8", "replace"))
        if octets + width > LINE_OCTETS:
            pieces.append("")
            octets = 1
        pieces[-1] += sign
        octets += width
    return "\n ".join(pieces)
