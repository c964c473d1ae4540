"""The outbox page by page, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from models.errors import WrongInput
from models.searching import mentions
from models.tables import message
from models.words import MessageKind, MessageState

LINES = 100


@dataclass(frozen=True, slots=True)
class WantedMail:
    """What of the outbox is wanted: slugs, a rollout's number, words of an address, Message-ID or reply; empty = any."""

    state: str = ""
    kind: str = ""
    rollout: str = ""
    search: str = ""

    def __post_init__(self) -> None:
        if self.state and self.state not in list(MessageState):
            raise WrongInput(f"no state {self.state[:40]!r}; there are {', '.join(MessageState)}")
        if self.kind and self.kind not in list(MessageKind):
            raise WrongInput(f"no kind {self.kind[:40]!r}; there are {', '.join(MessageKind)}")
        _number(self.rollout)


def mail_page(connection: Connection, wanted: WantedMail, *, before: str = "") -> tuple[Sequence[Row[Any]], int | None]:
    """Read one page.

    Args:
        connection: read only.
        wanted: what of the outbox.
        before: the number of the last mail of the page before; empty for the first page.

    Returns:
        At most 100 mails, and the number to ask the next page with; None where this is the last.

    Raises:
        WrongInput: *before* is no number.
    """
    query = select(message).order_by(message.c.id.desc()).limit(LINES + 1)
    for name in ("state", "kind"):
        if value := getattr(wanted, name):
            query = query.where(message.c[name] == value)
    if (rollout := _number(wanted.rollout)) is not None:
        query = query.where(message.c.rollout_id == rollout)
    if wanted.search.split():
        query = query.where(mentions((message.c.to_address, message.c.message_id, message.c.last_reply), wanted.search))
    if (mark := _number(before)) is not None:
        query = query.where(message.c.id < mark)
    found = connection.execute(query).all()
    return found[:LINES], found[LINES - 1].id if len(found) > LINES else None


def _number(value: str) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 15:  # noqa: PLR2004 - beyond any key
        raise WrongInput(f"{value[:40]!r} is no number")
    return int(value)
