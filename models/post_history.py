"""Each mail's history: what becomes of it is written beside it, line by line, in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, literal, null, select, update

from models.staging import count
from models.tables import message, message_event
from models.words import MailEvent, MessageState

REPLY_LIMIT = 500


def change(
    connection: Connection,
    which: ColumnElement[bool],
    what: MailEvent,
    *,
    at: datetime,
    by: str,
    reply: str | None = None,
    **values: Any,
) -> int:
    """Change the mails that match and write a line into the history of each; return how many.

    Args:
        connection: an open unit of work; on PostgreSQL the rows are locked in key order first.
        which: a condition over ``message``; it is asked again after the line was written.
        what: what happens to them.
        at: when.
        by: the sending process, or the person.
        reply: one line for people; it becomes the mail's last reply, too.
        values: what changes besides.
    """
    if connection.dialect.name == "postgresql" and not _lock(connection, which):
        return 0
    written = select(
        message.c.id,
        message.c.events + 1,
        literal(at, message_event.c.at.type),
        literal(what.value),
        literal(reply[:REPLY_LIMIT]) if reply is not None else null(),
        literal(by),
    )
    columns = ["message_id", "number", "at", "what", "reply", "by"]
    if not count(connection, insert(message_event).from_select(columns, written.where(which).order_by(message.c.id))):
        return 0
    if reply is not None:
        values["last_reply"] = reply[:REPLY_LIMIT]
    changed = update(message).where(which).values(events=message.c.events + 1, **values)
    return connection.execute(changed).rowcount


def cancel(connection: Connection, which: ColumnElement[bool], *, at: datetime, by: str, reply: str) -> int:
    """Cancel the mails that match, whatever their state: the condition says which may be; return how many."""
    return change(
        connection, which, MailEvent.CANCELLED, at=at, by=by, reply=reply,
        state=MessageState.CANCELLED.value, claimed_by=None, claimed_at=None, next_try_at=None,
    )  # fmt: skip


def _lock(connection: Connection, which: ColumnElement[bool]) -> int:
    """Lock the mails that match in key order; return how many."""
    keys = select(message.c.id).where(which).order_by(message.c.id).with_for_update()
    return int(connection.execute(select(func.count()).select_from(keys.subquery())).scalar_one())
