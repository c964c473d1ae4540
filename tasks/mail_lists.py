"""The outbox as people read it: a list to look through, and one mail with its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from models.errors import Refused
from models.tables import message, message_event
from models.words import MessageKind, MessageState

STREAM_ROWS = 5_000
HISTORY = ("mail", "number", "at", "what", "server", "reply", "by", "kind", "to", "message_id", "rollout")


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


def uncertain(connection: Connection, rollout_id: int | None = None) -> Iterator[dict[str, Any]]:
    """Stream the mail of which nobody knows whether it arrived, with what happens next.

    ``next_try_at`` is when it is sent again by itself; None where it waits for a person.
    """
    query = select(message).where(message.c.state == MessageState.UNCERTAIN.value).order_by(message.c.id)
    if rollout_id is not None:
        query = query.where(message.c.rollout_id == rollout_id)
    with connection.execute(query.execution_options(yield_per=STREAM_ROWS)) as rows:
        for row in rows:
            yield {**as_json(row), "next_try_at": row.next_try_at}


def history(
    connection: Connection, *, mail: int | None = None, rollout_id: int | None = None
) -> Iterator[dict[str, Any]]:
    """Stream what became of each mail, mail by mail and line by line, in ``HISTORY``'s columns."""
    query = (
        select(message_event, message.c.kind, message.c.to_address, message.c.message_id.label("header"))
        .add_columns(message.c.rollout_id)
        .join_from(message_event, message, message.c.id == message_event.c.message_id)
        .order_by(message_event.c.message_id, message_event.c.number)
    )
    if mail is not None:
        query = query.where(message.c.id == mail)
    if rollout_id is not None:
        query = query.where(message.c.rollout_id == rollout_id)
    with connection.execute(query.execution_options(yield_per=STREAM_ROWS)) as rows:
        for row in rows:
            facts = (row.message_id, row.number, row.at, row.what, row.server, row.reply, row.by, row.kind)
            yield dict(zip(HISTORY, (*facts, row.to_address, row.header, row.rollout_id), strict=True))


def find_mail(connection: Connection, key: int) -> Row[Any]:
    """Return one mail's row.

    Raises:
        UnknownMail: there is none with this id.
    """
    row = connection.execute(select(message).where(message.c.id == key)).first()
    if row is None:
        raise UnknownMail(f"there is no mail {key}; see: recert mail list")
    return row
