"""One-time codes and tickets: derived when they are needed, never stored."""

from __future__ import annotations

import hashlib
import hmac
import re

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to be misread
_TICKET = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([^.]+)")
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
GROUPS, GROUP = 4, 4
MASKED = "-".join(["****"] * GROUPS)


def derive(key: bytes, *parts: object) -> str:
    """Derive a code of 80 bits from *parts*, shown as ``7KQF-M2TD-9XWP-4RHC``; the same parts give the same code."""
    mac = hmac.new(key, "\x1f".join(str(part) for part in parts).encode(), hashlib.sha256).digest()
    number = int.from_bytes(mac[:10], "big")
    letters = "".join(ALPHABET[(number >> shift) & 31] for shift in range(75, -1, -5))
    return "-".join(letters[start : start + GROUP] for start in range(0, GROUPS * GROUP, GROUP))


def matches(expected: str, given: str) -> bool:
    """Whether *given* is the expected code, however it was typed: case, blanks and dashes make no difference."""
    return hmac.compare_digest(_plain(expected).encode(), _plain(given).encode())


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper().translate(_MISREAD)


def review_code(key: bytes, review_id: int, digest: str, approver_id: int, issue: int) -> str:
    """The code with which one approver answers one gate, for the list with this digest."""
    return derive(key, "review", review_id, digest, approver_id, issue)


def start_code(key: bytes, rollout_id: int, opening: int) -> str:
    """The code with which the person named as requester confirms a start from Prefect's own form."""
    return derive(key, "start", rollout_id, opening)


def ticket(key: bytes, rollout_id: int, run_number: int) -> str:
    """The ticket by which a flow run proves that a door started it for this rollout; good for one run."""
    return f"{rollout_id}.{run_number}.{derive(key, 'ticket', rollout_id, run_number)}"


def read_ticket(key: bytes, value: str) -> tuple[int, int] | None:
    """Return (rollout id, run number) of a genuine ticket, else None."""
    form = _TICKET.fullmatch(value)
    if form is None:
        return None
    rollout_id, run_number = int(form[1]), int(form[2])
    return (rollout_id, run_number) if matches(derive(key, "ticket", rollout_id, run_number), form[3]) else None
