"""After a restore from backup nobody knows here what has left since: all mail rests until somebody says so.

A restore is noticed by two things. PostgreSQL tells where a database lies, and no copy lies there. And each home keeps
which letter was the last to leave from it: a database that knows nothing of that has gone back behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from models import audit, choices, pauses
from models.database import one_at_a_time
from models.post_history import change
from models.tables import audit as acts
from models.tables import message, message_event
from models.words import MailEvent, MessageState
from tasks.workbench import Workbench

ACTOR = "restore from backup"
ACT = "notice-restore"
REPLY = "the database was restored from a backup: nobody knows whether this has left since"


@dataclass(frozen=True, slots=True)
class LastSent:
    """The last letter that left from a home: of which database (its first act's hash), its key, and when."""

    database: str
    key: int
    at: datetime

    @classmethod
    def read(cls, path: Path) -> LastSent | None:
        """What a home remembers; None where that is nothing, or cannot be read."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return cls(kept["database"], int(kept["mail"]), datetime.fromisoformat(kept["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Remember it in place of the one before."""
        path.write_text(json.dumps({"database": self.database, "mail": self.key, "at": self.at.isoformat()}), "utf-8")


def remembering(bench: Workbench, connection: Connection) -> Callable[[int, datetime], None]:
    """What keeps, in the home, the last letter that left from it."""
    database = _birth(connection)
    _path(bench).parent.mkdir(parents=True, exist_ok=True)

    def remember(key: int, at: datetime) -> None:
        if database is not None:
            LastSent(database, key, at).write(_path(bench))

    return remember


def notice(bench: Workbench) -> str | None:
    """Pause all mail if this database was restored from a backup; return one line that says so, and how to go on.

    Noticed once: who resumes the mail afterwards has decided.
    """
    last = LastSent.read(_path(bench))
    with bench.database.read() as connection:
        if not _is_restored(connection, last) and _is_settled(connection):
            return None
    with bench.database.write() as connection:
        one_at_a_time(connection)
        restored, doubtful = _is_restored(connection, last), 0
        if restored:
            doubtful = come_up_paused(connection, at=bench.now())
        if not _is_settled(connection):
            pauses.settle(connection, bench.now())
    if not restored:
        return None
    _path(bench).unlink(missing_ok=True)
    return (
        f"this database was restored from a backup: all mail rests, and of {doubtful:,} of it nobody knows whether it has "
        "left since. Settle what has (recert mail uncertain, recert mail resolve), then: recert mail resume"
    )


def come_up_paused(connection: Connection, *, at: datetime) -> int:
    """Pause all mail, and take what waits for mail that may have left; return how much that is.

    What goes out again goes with the same Message-ID and flagged; kinds that are parked when in doubt wait for a person.
    """
    pauses.pause(connection, None, actor=ACTOR, at=at)
    resent = message.c.kind.in_([kind.value for kind in choices.read(connection).resent])
    waiting = message.c.state.in_(
        [each.value for each in (MessageState.QUEUED, MessageState.DEFERRED, MessageState.SENDING)]
    )
    doubted = _doubt(connection, and_(waiting, resent), at, state=MessageState.UNCERTAIN.value, next_try_at=at)
    doubted += _doubt(connection, and_(waiting, ~resent), at, state=MessageState.UNCERTAIN.value, next_try_at=None)
    held = and_(message.c.state == MessageState.HELD.value, ~message.c.flagged)
    doubted += _doubt(connection, held, at)
    audit.record(connection, at=at, actor=ACTOR, act=ACT, subject="all mail", detail={"in doubt": doubted})
    return doubted


def _doubt(connection: Connection, which: ColumnElement[bool], at: datetime, **values: object) -> int:
    return change(
        connection, which, MailEvent.RESTORED, at=at, by=ACTOR, reply=REPLY, flagged=True, claimed_by=None,
        claimed_at=None, **values,
    )  # fmt: skip


def _is_restored(connection: Connection, last: LastSent | None) -> bool:
    home, here = pauses.home_of_mail(connection), pauses.place(connection)
    if None not in (home, here) and home != here:
        return True
    return last is not None and last.database == _birth(connection) and _is_forgotten(connection, last)


def _is_forgotten(connection: Connection, last: LastSent) -> bool:
    """Whether the database knows nothing of the letter, and no restore was noticed since it left."""
    tried = exists().where(message_event.c.message_id == message.c.id, message_event.c.at == last.at)
    # A schema that was taken down and up again may have lost the histories.
    known = select(message.c.id).where(message.c.id == last.key, or_(tried, message.c.sent_at == last.at))
    noticed = select(func.max(acts.c.at)).where(acts.c.act == ACT)
    return connection.execute(known).first() is None and (connection.scalar(noticed) or last.at) <= last.at


def _is_settled(connection: Connection) -> bool:
    return pauses.place(connection) in (None, pauses.home_of_mail(connection))


def _birth(connection: Connection) -> str | None:
    """What no other database has and every copy keeps: the hash of its first act."""
    return connection.scalar(select(acts.c.hash).where(acts.c.seq == 1))


def _path(bench: Workbench) -> Path:
    return bench.settings.home / "last-sent.json"
