"""Pauses: mail that may not leave until somebody says so, all of it or one rollout's; and none leaves from a copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, String, cast, delete, insert, literal, or_, select, text
from sqlalchemy.exc import ProgrammingError

from models import audit
from models.tables import mail_pause, message

ALL = "all"
OF_ROLLOUT = "rollout:"
# A row that pauses nothing here: its ``by`` names the one database from which mail may leave.
ELSEWHERE = "elsewhere"
# A dump that is restored has another table, a cluster that was recovered to a point in time another time line.
_PLACE = text("""
SELECT CASE WHEN NOT pg_is_in_recovery() THEN (SELECT system_identifier FROM pg_control_system()) || ':'
    || (SELECT oid FROM pg_database WHERE datname = current_database()) || ':'
    || CAST(CAST('mail_pause' AS regclass) AS oid) || ':'
    || left(pg_walfile_name(pg_current_wal_lsn()), 8) END
""")


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause: *rollout_id* is None where all mail rests; who ordered it, and when."""

    rollout_id: int | None
    by: str
    at: datetime


def pause(connection: Connection, rollout_id: int | None, *, actor: str, at: datetime) -> bool:
    """Keep mail from leaving, one rollout's or all; False where it rests already."""
    scope = _scope(rollout_id)
    if connection.scalar(select(mail_pause.c.scope).where(mail_pause.c.scope == scope)) is not None:
        return False
    connection.execute(insert(mail_pause).values(scope=scope, by=actor, at=at))
    audit.record(connection, at=at, actor=actor, act="pause-mail", subject=_subject(rollout_id), detail={})
    return True


def resume(connection: Connection, rollout_id: int | None, *, actor: str, at: datetime) -> bool:
    """End the pause of one rollout's mail, or the one of all mail; False where there is none."""
    if connection.execute(delete(mail_pause).where(mail_pause.c.scope == _scope(rollout_id))).rowcount == 0:
        return False
    audit.record(connection, at=at, actor=actor, act="resume-mail", subject=_subject(rollout_id), detail={})
    return True


def pauses(connection: Connection) -> list[Pause]:
    """Every pause, the one of all mail first."""
    ordered = select(mail_pause).where(mail_pause.c.scope != ELSEWHERE).order_by(mail_pause.c.scope)
    rows = connection.execute(ordered).all()
    return [
        Pause(None if row.scope == ALL else int(row.scope.removeprefix(OF_ROLLOUT)), row.by, row.at) for row in rows
    ]


def is_paused() -> ColumnElement[bool]:
    """Whether a message rests by a pause, as a condition over ``message``."""
    own = literal(OF_ROLLOUT) + cast(message.c.rollout_id, String)
    covers = or_(mail_pause.c.scope == ALL, mail_pause.c.scope == own)
    return select(literal(1)).where(covers).correlate(message).exists()


def place(connection: Connection) -> str | None:
    """Where this database lies, as PostgreSQL itself tells and no copy repeats; None where it does not tell.

    SQLite never does, a standby has no place of its own yet, and a hosted PostgreSQL may keep it to itself.
    """
    if connection.dialect.name != "postgresql":
        return None
    try:
        with connection.begin_nested():
            found: str | None = connection.scalar(_PLACE)
            return found
    except ProgrammingError:
        return None


def home_of_mail(connection: Connection) -> str | None:
    """The place that mail may leave from; None where that was never said."""
    return connection.scalar(select(mail_pause.c.by).where(mail_pause.c.scope == ELSEWHERE))


def settle(connection: Connection, at: datetime) -> None:
    """Let mail leave from the place where the database lies now, and from no copy of it."""
    connection.execute(delete(mail_pause).where(mail_pause.c.scope == ELSEWHERE))
    if (here := place(connection)) is not None:
        connection.execute(insert(mail_pause).values(scope=ELSEWHERE, by=here, at=at))


def _scope(rollout_id: int | None) -> str:
    return ALL if rollout_id is None else f"{OF_ROLLOUT}{rollout_id}"


def _subject(rollout_id: int | None) -> str:
    return "all mail" if rollout_id is None else f"mail of rollout {rollout_id}"
