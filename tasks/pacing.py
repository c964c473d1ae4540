"""Taking turns: every letter that leaves is counted, by all senders together, before it may."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text, update

from mail.turns import Turn
from models.database import Database
from models.pace import TENTHS, Limit, Pace
from models.tables import mail_pace

LONGEST_SPAN = 3_600 * TENTHS


def take_turn(database: Database, pace: Pace, wanted: int, now: datetime) -> Turn:
    """Count up to *wanted* letters as leaving now, as many as every limit allows.

    Args:
        database: where all senders count.
        pace: the limits.
        wanted: how many letters are ready.
        now: this instant; on PostgreSQL the database's own clock counts, so that hosts need not agree.
    """
    if not pace.limits or not wanted:
        return Turn(wanted)
    with database.write() as connection:
        tenth = _one_at_a_time(connection, now)
        _tidy(connection, tenth)
        turn = _allowed(connection, pace, wanted, tenth)
        if turn.letters:
            _count(connection, tenth, turn.letters)
        return turn


def _one_at_a_time(connection: Connection, now: datetime) -> int:
    """Let no other sender count beside us; return the present tenth of a second."""
    if connection.dialect.name != "postgresql":
        return int(now.timestamp() * TENTHS)
    connection.execute(text("LOCK TABLE mail_pace IN EXCLUSIVE MODE"))
    return int(connection.execute(text("SELECT floor(extract(epoch FROM clock_timestamp()) * 10)")).scalar_one())


def _tidy(connection: Connection, tenth: int) -> None:
    """Forget what no limit looks back to. What a clock that was set back left in the future left just now, at the latest."""
    connection.execute(delete(mail_pace).where(mail_pace.c.tenth < tenth - LONGEST_SPAN))
    ahead = mail_pace.c.tenth > tenth
    letters = connection.execute(select(func.sum(mail_pace.c.letters)).where(ahead)).scalar()
    if letters:
        connection.execute(delete(mail_pace).where(ahead))
        _count(connection, tenth, letters)


def _allowed(connection: Connection, pace: Pace, wanted: int, tenth: int) -> Turn:
    allowed, wait, why = wanted, 0.0, ""
    for limit in pace.limits:
        left, first = _left(connection, limit, tenth)
        allowed = min(allowed, left)
        if left == 0 and (seconds := (first + _span(limit) + 1 - tenth) / TENTHS) > wait:
            wait, why = seconds, limit.name
    return Turn(allowed, wait, why)


def _left(connection: Connection, limit: Limit, tenth: int) -> tuple[int, int]:
    """How many letters a limit still allows now, and the earliest tenth that it counts.

    A letter of a tenth may have left at its very end, so one tenth more than the span counts.
    """
    counted = mail_pace.c.tenth >= tenth - _span(limit)
    query = select(func.coalesce(func.sum(mail_pace.c.letters), 0), func.min(mail_pace.c.tenth)).where(counted)
    used, first = connection.execute(query).one()
    return max(0, limit.letters - used), first if first is not None else tenth


def _span(limit: Limit) -> int:
    return limit.seconds * TENTHS


def _count(connection: Connection, tenth: int, letters: int) -> None:
    there = update(mail_pace).where(mail_pace.c.tenth == tenth).values(letters=mail_pace.c.letters + letters)
    if connection.execute(there).rowcount == 0:
        connection.execute(insert(mail_pace).values(tenth=tenth, letters=letters))
