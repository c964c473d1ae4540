"""Rehearsals: mail goes to one address instead of everybody's, or to some addresses only."""

from __future__ import annotations

from typing import NamedTuple

from config.settings import Settings


class Reader(NamedTuple):
    """Who receives a letter: the address, and the name beside it."""

    address: str
    name: str


def reader(settings: Settings, address: str, name: str) -> Reader | None:
    """Say who receives a letter that is for *address*; None: nobody does.

    Without an allow-list everybody is redirected, where there is an address to redirect to. With one, who is on it
    receives their own mail, and everybody else is redirected, or receives nothing.
    """
    allowed = settings.allowed
    if _is_on(allowed, address) if allowed else not settings.mail_redirect:
        return Reader(address, name)
    return Reader(settings.mail_redirect, f"for {address}") if settings.mail_redirect else None


def _is_on(allowed: frozenset[str], address: str) -> bool:
    folded = address.lower()
    return folded in allowed or f"@{folded.rpartition('@')[2]}" in allowed
