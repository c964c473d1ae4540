"""Faults put into a rollout on purpose, and the words with which the kill sweep finds each of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

import tasks.deliver
from models.database import Database
from models.tables import message
from models.words import MessageState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from sqlalchemy import Connection


def committing_each_statement(patch: pytest.MonkeyPatch) -> None:
    """On SQLite a unit of work is no unit: what was written before a death stays without what belongs to it."""

    @contextmanager
    def write(self: Database) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            yield connection

    patch.setattr(Database, "write", write)


def forgetting_what_was_under_way(patch: pytest.MonkeyPatch) -> None:
    """What a dead process was sending is left to it for ever."""
    patch.setattr(tasks.deliver, "recover", lambda *_, **__: None)


def sending_again_without_a_flag(patch: pytest.MonkeyPatch) -> None:
    """What a dead process was sending is simply sent once more."""

    def requeue(database: Database, at: Any, **_: Any) -> None:
        back = {"state": MessageState.QUEUED.value, "claimed_by": None, "claimed_at": None, "next_try_at": at}
        with database.write() as connection:
            connection.execute(update(message).where(message.c.claimed_by.is_not(None)).values(**back))

    patch.setattr(tasks.deliver, "recover", requeue)


CAUGHT_BY: dict[Callable[[pytest.MonkeyPatch], None], str | None] = {
    committing_each_statement: None,  # whatever breaks first
    forgetting_what_was_under_way: "'sending'|somebody holds|is sending|called off|to its end",
    sending_again_without_a_flag: "came twice unflagged",
}
