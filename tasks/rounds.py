"""Sending until nothing is due: one pass after the other, for whoever sends everything that is due and not one rollout."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from mail.sender import Delivered
from models.tables import message
from tasks.deliver import deliver_mail
from tasks.leaving import is_waiting
from tasks.workbench import Workbench

# What brings a letter further. A letter that was never tried, or is no longer to be sent, comes round again or never.
SETTLED = ("sent", "deferred", "failed", "uncertain")
COUNTED = (*SETTLED, "skipped")


@dataclass(frozen=True, slots=True)
class Later:
    """Mail that waits to be tried: how many letters, and when the first of them is due (None where there are none)."""

    letters: int
    first_at: datetime | None


def sender_name(door: str) -> str:
    """A name for a sending process that no other has: what it claimed is found by it."""
    return f"{door}-{secrets.token_hex(4)}"


def deliver_due(
    bench: Workbench, worker: str, *, one_pass: Callable[[Workbench, str], Delivered] = deliver_mail
) -> Delivered:
    """Make passes over the outbox until nothing is due now; several processes may do so at once.

    It ends early where the mail server is away (``trouble``) or the sending rests (``resting``), and when a pass got
    no letter further: what the server hung up on would come round for ever.

    Args:
        bench: settings, clock and database.
        worker: as for ``deliver_mail``.
        one_pass: makes one pass.

    Returns:
        The counts of all passes; ``untried`` are those that the last one left.
    """
    whole = Delivered()
    while True:
        done = one_pass(bench, worker)
        whole = replace(done, **{name: getattr(whole, name) + getattr(done, name) for name in COUNTED})
        if done.trouble or done.resting or not any(getattr(done, name) for name in SETTLED):
            return whole


def later(bench: Workbench) -> Later:
    """What still waits to be tried by nobody at this moment."""
    waiting = select(func.count(), func.min(message.c.next_try_at)).where(
        is_waiting(), message.c.next_try_at.is_not(None), message.c.claimed_by.is_(None)
    )
    with bench.database.read() as connection:
        letters, first_at = connection.execute(waiting).one()
    return Later(letters, first_at)


def in_numbers(done: Delivered) -> str:
    """What became of the letters in one line."""
    numbers = [f"{number:,} {state}" for state, number in counted(done).items() if number]
    return ", ".join(numbers) or ("nothing was sent" if done.resting else "nothing was due")


def counted(done: Delivered) -> dict[str, int]:
    """What became of the letters: state → number, in the order of interest."""
    return {name: getattr(done, name) for name in (*COUNTED, "untried")}
