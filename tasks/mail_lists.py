"""The outbox as people read it: a list to look through, and one mail with its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from models.errors import Refused
from models.tables import message
from models.words import MessageKind, MessageState

STREAM_ROWS = 5_000


class UnknownMail(Refused):
    """There is no such mail."""


def mails(
    connection: Connection,
    *,
    state: MessageState | None = None,
    kind: MessageKind | None = None,
    rollout_id: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Stream the mails that match, oldest first, in the shape of the interface."""
    wanted = {message.c.state: state, message.c.kind: kind}
    query = select(message).order_by(message.c.id)
    for column, word in wanted.items():
        if word is not None:
            query = query.where(column == word.value)
    if rollout_id is not None:
        query = query.where(message.c.rollout_id == rollout_id)
    return _streamed(connection, query)


def _streamed(connection: Connection, query: Select[Any]) -> Iterator[dict[str, Any]]:
    with connection.execute(query.execution_options(yield_per=STREAM_ROWS)) as rows:
        for row in rows:
            yield as_json(row)


def as_json(row: Row[Any]) -> dict[str, Any]:
    """One mail in the shape of the interface."""
    return {
        "id": row.id,
        "kind": row.kind,
        "to": row.to_address,
        "state": row.state,
        "flagged": row.flagged,
        "attempts": row.attempts,
        "message_id": row.message_id,
        "last_reply": row.last_reply,
        "rollout": row.rollout_id,
    }


def find_mail(connection: Connection, key: int) -> Row[Any]:
    """Return one mail's row.

    Raises:
        UnknownMail: there is none with this id.
    """
    row = connection.execute(select(message).where(message.c.id == key)).first()
    if row is None:
        raise UnknownMail(f"there is no mail {key}; see: recert mail list")
    return row
