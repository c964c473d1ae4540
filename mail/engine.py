"""Fills wordings with facts: minijinja, strict about names, on fuel, with a cap on what comes out.

One engine for the wording that Recert brings and for wording that an organisation wrote. Facts are texts, numbers, yes or
no, and tuples and mappings of them: there is no object to reach into.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from minijinja import Environment, TemplateError

from mail.facts import is_web_address
from mail.wording_rules import FILTERS, Refused

# A letter of one course burns some 200 units and one of 300 courses 15,000; this much is gone in a few milliseconds.
FUEL = 200_000
LONGEST_LETTER = 500_000  # signs of one part

# What minijinja brings beyond our FILTERS: none of it can be named, not even as map("…").
_BROUGHT = frozenset({
    "abs", "attr", "batch", "bool", "chain", "count", "d", "default", "dictsort", "e", "escape",
    "filesizeformat", "float", "format", "groupby", "indent", "int", "items", "lines", "pluralize", "pprint",
    "random", "reject", "replace", "reverse", "round", "safe", "select", "slice", "split", "string",
    "striptags", "sum", "title", "tojson", "truncate", "urlencode", "wordcount", "wordwrap", "zip", "center",
    "datetimeformat", "dateformat", "timeformat",
})  # fmt: skip
_GLOBALS = ("cycler", "debug", "dict", "joiner", "namespace", "range")


@dataclass(frozen=True)
class Words:
    """A language's ways with days and numbers, and what a calendar says of a day by which ``{title}`` must be done."""

    day: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    thousands: str
    due: str

    @classmethod
    def read(cls, folder: Path) -> Words:
        """Read ``calendar.toml`` of a language's folder."""
        said = tomllib.loads((folder / "calendar.toml").read_text(encoding="utf-8"))
        weekdays, months = tuple(said["weekdays"]), tuple(said["months"])
        return cls(said["day"], weekdays, months, said["thousands"], said["due"])

    def in_words(self, day: date) -> str:
        """Say a day so that nobody can misread it: ``Monday, 18 January 2027``."""
        weekday, month = self.weekdays[day.weekday()], self.months[day.month - 1]
        return self.day.format(weekday=weekday, day=day.day, month=month, year=day.year)


class Engine:
    """Sources by name, read once and filled for each reader; in one named ``html``, values are escaped."""

    def __init__(self, sources: Mapping[str, str], words: Words) -> None:
        self._sources = dict(sources)
        self._room = Environment(
            templates=self._sources,
            filters={"day": _day_filter(words), "number": _number_filter(words)},
            tests={"web_address": is_web_address},
            undefined_behavior="strict",
            auto_escape_callback=_escaping,
            fuel=FUEL,
            debug=False,
            pycompat=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        for name in _BROUGHT - FILTERS:
            self._room.remove_filter(name)
        for name in _GLOBALS:
            self._room.remove_global(name)

    def fill(self, name: str, facts: Mapping[str, Any]) -> str:
        """Render one of the sources.

        Raises:
            Refused: the facts lack something that it names, it ran out of fuel, or it came out too long.
        """
        try:
            filled = self._room.render_template(name, **facts)
        except TemplateError as error:
            raise Refused(error.line, self._reason(name, error)) from None
        except TypeError as error:  # one of ours was given more, or less, than it takes
            raise Refused(None, f"{error}; mend it or leave it out") from None
        if len(filled) > LONGEST_LETTER:
            raise Refused(None, f"it comes out longer than {LONGEST_LETTER:,} signs; shorten it")
        # The engine escapes "/" as well, and an address of nothing but &#x2f; looks to filters like one with something to hide.
        return filled.replace("&#x2f;", "/") if name == "html" else filled

    def _reason(self, name: str, error: TemplateError) -> str:
        match error.kind:
            case "OutOfFuel":
                return "it runs away: loops or texts grow beyond all measure; simplify it"
            case "UndefinedError":
                return f"it names {self._named(name, error)!r}, which is not there; see docs/wording.md for what each kind has"
        return f"{error.detail or error.message.partition(' (in ')[0]}; mend it or leave it out"

    def _named(self, name: str, error: TemplateError) -> str:
        """The whole name that the engine stumbled over: it tells the place of the last part only."""
        start, end = error.range or (0, 0)
        source = self._sources[name].encode()
        before = re.search(r"[\w.\[\]]*$", source[:start].decode(errors="replace"))
        return (before[0] if before else "") + source[start:end].decode(errors="replace")


def _escaping(name: str) -> str | None:
    return "html" if name == "html" else None


def _day_filter(words: Words) -> Any:
    @lru_cache(maxsize=1024)
    def said(day: str) -> str:
        return words.in_words(date.fromisoformat(day))

    def day(value: object) -> str:
        try:
            return said(value)
        except (TypeError, ValueError):
            raise Refused(
                None, f"day says days, and {str(value)[:40]!r} is none; give it a day such as course.due_on"
            ) from None

    return day


def _number_filter(words: Words) -> Any:
    def number(value: object) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused(None, f"number says whole numbers, and {str(value)[:40]!r} is none; leave the filter out")
        return f"{value:,}".replace(",", words.thousands)

    return number
