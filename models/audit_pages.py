"""The audit page by page, the newest act first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from models.audit import Entry
from models.errors import WrongInput
from models.tables import audit

ACTS = 100


@dataclass(frozen=True, slots=True)
class WantedActs:
    """What of the audit is wanted, each exactly so; empty = any."""

    actor: str = ""
    act: str = ""
    subject: str = ""


def audit_page(connection: Connection, wanted: WantedActs, *, before: str = "") -> tuple[Sequence[Entry], int | None]:
    """Read one page.

    Args:
        connection: read only.
        wanted: what of the audit.
        before: the number of the last act of the page before; empty for the first page.

    Returns:
        At most 100 acts, and the number to ask the next page with; None where this is the last.

    Raises:
        WrongInput: *before* is no number.
    """
    query = select(audit).order_by(audit.c.seq.desc()).limit(ACTS + 1)
    for name in ("actor", "act", "subject"):
        if value := getattr(wanted, name):
            query = query.where(audit.c[name] == value)
    if before:
        if not (before.isascii() and before.isdigit()) or len(before) > 15:  # noqa: PLR2004 - beyond any key
            raise WrongInput(f"{before[:40]!r} is no number")
        query = query.where(audit.c.seq < int(before))
    rows = connection.execute(query).all()
    found = [
        Entry(row.seq, row.at, row.actor, row.act, row.subject, json.loads(row.detail), row.hash) for row in rows[:ACTS]
    ]
    return found, found[-1].seq if len(rows) > ACTS else None


def acts_there(connection: Connection) -> list[str]:
    """Every kind of act there is, by name."""
    return sorted(connection.scalars(select(audit.c.act).distinct()))
