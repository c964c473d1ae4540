"""What it costs to write a learner's letter, ready to be sent, beside a small floor in the same run.

    .venv/bin/python tests/bench/letters.py

The floor is what one would write by hand: Jinja2 with the same templates compiled once, and a MIME skeleton that is filled.
It cleans no facts, folds no header, checks no address. Rounds are interleaved; the ratios are of medians.
"""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import jinja2

from mail.calendar import DueDate, DueDates
from mail.facts import is_web_address
from mail.letters import Letterhead, Stationery
from mail.markup import compile_markup
from mail.wordings import TEMPLATES, shipped, words

LETTERS, ROUNDS = 10_000, 5
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
COURSES = [
    {"title": "Preventing Harassment", "due_on": date(2026, 12, 18), "link": "https://lms.example.org/c?a=1"},
    {"title": "Code of Conduct 2026", "due_on": date(2026, 12, 18), "link": "https://lms.example.org/d"},
]
READERS: list[dict[str, Any]] = [
    {"learner": {"first_name": f"Zoë{n}", "last_name": f"O'Brien{n}"}, "courses": COURSES, "contact": ""}
    for n in range(LETTERS)
]


def ours(*, dated: bool) -> None:
    """Write every letter, with or without its calendar."""
    stationery = Stationery(Letterhead("training@example.org", "Acme, Inc."))
    for number, context in enumerate(READERS):
        entries = [DueDate(f"recert-{number}-{each['title']}", **each) for each in COURSES]
        stationery.letter(
            "renotification",
            "en",
            to_address=f"l{number}@example.org",
            to_name=f"Zoë{number} O'Brien{number}",
            message_id=f"<renotification.{number}.abcd@example.org>",
            sent_at=AT,
            context=context,
            due=DueDates(number, AT, entries) if dated else None,
        )


def by_hand() -> None:
    """Write every letter as one would by hand."""
    wording = shipped("renotification", "en")
    assert wording is not None
    layout = {f"layout/{path.name}": path.read_text(encoding="utf-8") for path in (TEMPLATES / "layout").iterdir()}
    sources = {**vars(wording), "html": compile_markup(wording.html, layout)}
    room = jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        autoescape=lambda name: name == "html",  # noqa: S701 - names are escaped where they are read as HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters["day"], room.tests["web_address"] = lru_cache(words("en").in_words), is_web_address
    subject, text, html = (room.get_template(name).render for name in ("subject", "text", "html"))
    frame = Stationery(Letterhead("training@example.org", "Acme"))._frame("en", "", attached=False)
    for number, context in enumerate(READERS):
        facts = {**context, "organisation": "Acme, Inc.", "language": "en"}
        frame.fill(
            {
                "to": b"l%d@example.org" % number,
                "subject": subject(facts).strip().encode(),
                "date": b"Mon, 23 Nov 2026 09:30:00 +0000",
                "message_id": b"<renotification.%d.abcd@example.org>" % number,
                "text": _encoded(text(facts)),
                "html": _encoded(html(facts)),
            }
        )


def _encoded(text: str) -> bytes:
    return base64.encodebytes(text.replace("\n", "\r\n").encode()).rstrip().replace(b"\n", b"\r\n")


WAYS: dict[str, Callable[[], None]] = {
    "by hand (Jinja2 and a skeleton)": by_hand,
    "ours": lambda: ours(dated=False),
    "ours with a calendar": lambda: ours(dated=True),
}


def main() -> None:
    """Measure each way in turn, some rounds, and print microseconds of this process for one letter."""
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, write in WAYS.items():
            began = time.process_time()
            write()
            spent[name].append((time.process_time() - began) * 1e6 / LETTERS)
    floor = median(spent["by hand (Jinja2 and a skeleton)"])
    print(f"{LETTERS:,} letters of two courses, {ROUNDS} rounds, microseconds of CPU for one")
    for name, each in spent.items():
        print(f"  {name:32} {median(each):6.1f}   {median(each) / floor:5.2f} x")


if __name__ == "__main__":
    main()
