"""How the text of a setting is read; each raises ValueError where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LONGEST_URL = 1_000
MOST_DAYS_BEFORE, MOST_REMINDERS_BEFORE = 180, 9
_SWITCH = {"on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the table of settings, as text."""

    name: str
    value: str
    default: str
    meaning: str


def number(least: int, most: int) -> Callable[[str], int]:
    """Read a whole number between these."""

    def read(value: str) -> int:
        found = int(value)
        if not (value.isascii() and value.isdecimal() and least <= found <= most):
            raise ValueError(value)
        return found

    return read


def text(understood: Callable[[str], Any]) -> Callable[[str], str]:
    """Keep a value as its text in lower case, once it was understood."""

    def read(value: str) -> str:
        understood(value.lower())
        return value.lower()

    return read


def days_before(value: str) -> tuple[int, ...]:
    """Read ``7, 1``: days before a Due Date, the most first; empty text is none."""
    read = number(0, MOST_DAYS_BEFORE)
    days = {read(word.strip()) for word in value.split(",")} if value else set()
    if len(days) > MOST_REMINDERS_BEFORE:
        raise ValueError(value)
    return tuple(sorted(days, reverse=True))


def switch(value: str) -> bool:
    """Read ``on`` or ``off``."""
    try:
        return _SWITCH[value.lower()]
    except KeyError:
        raise ValueError(value) from None


def url(value: str) -> str:
    """Read a web address, or nothing."""
    parts = urlsplit(value)
    told = parts.scheme in ("http", "https") and parts.hostname and value.isprintable() and " " not in value
    if value and not (told and len(value) <= LONGEST_URL):
        raise ValueError(value)
    return value


def policy(value: str) -> str:
    """Read what happens to mail that may have arrived or not."""
    if value not in ("resend", "park"):
        raise ValueError(value)
    return value
