"""The audit: what was done, by whom and when; each row carries the hash of the one before it.

One row per *act* (an import, an answer, one applied chunk), never per learner. A row that is changed, moved or taken
out breaks the chain and is found by ``verify``; rows cut off at the very end leave no trace here, so whoever must be
able to prove that nothing is missing notes down ``head`` somewhere else from time to time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, Select, String, insert, select, text, type_coerce

from models.tables import audit

# any one number: whoever adds a row on PostgreSQL holds it until the end of the transaction
AUDIT_LOCK = 7_304_216
BEFORE_THE_FIRST = "0" * 64
STREAM_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One act.

    Attributes:
        seq: 1, 2, 3 … without a gap.
        at: the instant, aware UTC.
        actor: an e-mail address, or ``shell`` for whoever stood at the server's command line.
        act: what was done, e.g. ``import-learners``.
        subject: to what, e.g. ``rollout:3``.
        detail: the rest, as JSON knows it.
        hash: SHA-256 in hex, over the previous row's hash and all of the above.
    """

    seq: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that does not hold, and why not."""

    seq: int
    why: str


def record(
    connection: Connection, *, at: datetime, actor: str, act: str, subject: str, detail: Mapping[str, Any]
) -> int:
    """Add one act to the chain, in the caller's own transaction.

    Call it as the last thing in a transaction: on PostgreSQL the next writer of the audit waits until this one ends.

    Args:
        connection: inside ``Database.write``.
        at: aware instant.
        actor: who did it.
        act: what was done, one slug.
        subject: what it was done to.
        detail: plain JSON values; counts, ids and digests rather than lists of people.

    Returns:
        The row's number.

    Raises:
        ValueError: *at* has no zone, or *detail* holds what JSON cannot carry.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": AUDIT_LOCK})
    last, previous = head(connection)
    values: dict[str, Any] = {"seq": last + 1, "at": at, "actor": actor, "act": act, "subject": subject}
    values["detail"] = _canonical(detail)
    connection.execute(insert(audit).values(**values, previous=previous, hash=_hash(previous, values)))
    return last + 1


def head(connection: Connection) -> tuple[int, str]:
    """The number and hash of the newest row; ``(0, "000…")`` while there is none."""
    newest = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return (newest.seq, newest.hash) if newest else (0, BEFORE_THE_FIRST)


def verify(connection: Connection) -> Broken | None:
    """Follow the chain from its beginning; rows are streamed.

    Returns:
        The first row that was changed, moved, put in or taken out; None when all of them hold.
    """
    previous = BEFORE_THE_FIRST
    # SQLite's instants are read as the text they are: a garbled one is to be named here, not to end the reading
    columns = [type_coerce(column, String) if column is audit.c.at else column for column in audit.c]
    with _streamed(connection, select(*columns).order_by(audit.c.seq)) as rows:
        for expected, row in enumerate(rows, start=1):
            why = _what_is_wrong(row, expected, previous)
            if why:
                return Broken(min(expected, row.seq), why)
            previous = row.hash
    return None


def entries(
    connection: Connection,
    *,
    actor: str | None = None,
    act: str | None = None,
    subject: str | None = None,
    last: int | None = None,
) -> Generator[Entry]:
    """Stream the acts, oldest first, narrowed by whatever is given.

    Args:
        connection: kept busy until the last row was taken, or the generator is closed.
        actor: exactly this one.
        act: exactly this one.
        subject: exactly this one.
        last: only so many of the newest.
    """
    asked = select(audit)
    for column, wanted in ((audit.c.actor, actor), (audit.c.act, act), (audit.c.subject, subject)):
        asked = asked if wanted is None else asked.where(column == wanted)
    if last is not None:
        newest = asked.order_by(audit.c.seq.desc()).limit(last).subquery()
        asked = select(newest).order_by(newest.c.seq)
    else:
        asked = asked.order_by(audit.c.seq)
    with _streamed(connection, asked) as rows:
        for row in rows:
            yield Entry(row.seq, row.at, row.actor, row.act, row.subject, json.loads(row.detail), row.hash)


def _streamed(connection: Connection, asked: Select[Any]) -> CursorResult[Any]:
    return connection.execute(asked, execution_options={"yield_per": STREAM_ROWS})


def _what_is_wrong(row: Row[Any], expected: int, previous: str) -> str:
    """Say why *row* cannot stand here; empty when it can."""
    if row.seq > expected:
        return f"missing: the next row there is has the number {row.seq}"
    if row.seq < expected:
        return "a row was put in before the first one"
    if row.previous != previous:
        return "it does not follow the row before it: rows were moved, put in or taken out here"
    if row.hash != _hash(previous, row._mapping):  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
        return "changed: its content does not match its hash"
    return ""


def _hash(previous: str, row: Mapping[Any, Any]) -> str:
    """SHA-256 over *previous* and the canonical JSON of the row.

    The detail goes in as the very text that is stored, so that not even its spacing can be changed unseen.
    """
    hashed = {name: row[name] for name in ("seq", "actor", "act", "subject", "detail")}
    at = row["at"]
    hashed["at"] = at if isinstance(at, str) else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hashlib.sha256(previous.encode() + _canonical(hashed).encode()).hexdigest()


def _canonical(value: Mapping[str, Any]) -> str:
    """JSON in the one form that is hashed: sorted keys, no spaces, ASCII."""
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
