"""Sessions of the console: who is signed in, for how long, and how often somebody may try."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.errors import Refused
from models.people import User, find_user
from models.tables import app_user, form_sent, sign_in_failure, web_session

IDLE = timedelta(minutes=30)
AT_MOST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
FAILURES_COUNT_FOR = timedelta(minutes=1)
# From one place for one account, and from one place for all: an account is never locked for its owner elsewhere.
FAILURES_FOR_ACCOUNT, FAILURES_FROM_ADDRESS = 5, 20
KEPT = timedelta(days=1)


class TooManyTries(Refused):
    """Too many failed tries to sign in: wait a minute."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person: *began_at* and *seen_at* are aware instants."""

    id: int
    user: User
    began_at: datetime
    seen_at: datetime


def begin(connection: Connection, user: User, at: datetime) -> str:
    """Open a session; return its token, which is stored nowhere and never was anybody's before."""
    token = secrets.token_urlsafe(32)
    values = {"user_id": user.id, "began_at": at, "seen_at": at}
    connection.execute(insert(web_session).values(token_digest=digest(token), **values))
    return token


def find(connection: Connection, token: str, at: datetime) -> Session | None:
    """Return the living session of this token: neither ended nor idle nor too old, its user not disabled."""
    row = connection.execute(
        select(web_session, app_user.c.email)
        .join_from(web_session, app_user, app_user.c.id == web_session.c.user_id)
        .where(web_session.c.token_digest == digest(token), web_session.c.ended_at.is_(None))
    ).first()
    user = find_user(connection, row.email) if row is not None else None
    if row is None or user is None or user.disabled or _is_over(row, at):
        return None
    return Session(row.id, user, row.began_at, row.seen_at)


def _is_over(row: Row[tuple[object, ...]], at: datetime) -> bool:
    return bool(at - row.seen_at > IDLE or at - row.began_at > AT_MOST)


def touch(connection: Connection, session: Session, at: datetime) -> None:
    """Note that somebody is there."""
    connection.execute(update(web_session).where(web_session.c.id == session.id).values(seen_at=at))


def end(connection: Connection, session: Session, at: datetime) -> None:
    """Sign out: the token opens nothing any more."""
    connection.execute(update(web_session).where(web_session.c.id == session.id).values(ended_at=at))


def end_sessions_of(connection: Connection, user_id: int, at: datetime) -> None:
    """Sign a user out everywhere."""
    mine = web_session.c.user_id == user_id
    connection.execute(update(web_session).where(mine, web_session.c.ended_at.is_(None)).values(ended_at=at))


def check_tries(connection: Connection, account: str, address: str, at: datetime) -> None:
    """Refuse whoever failed too often just now.

    Raises:
        TooManyTries: from this place for this account, or from this place at all.
    """
    recent = (sign_in_failure.c.at > at - FAILURES_COUNT_FOR, sign_in_failure.c.address == address[:64])
    tried = select(func.count()).select_from(sign_in_failure).where(*recent)
    for_account = tried.where(sign_in_failure.c.account == digest(account))
    if connection.execute(for_account).scalar_one() >= FAILURES_FOR_ACCOUNT:
        raise TooManyTries
    if connection.execute(tried).scalar_one() >= FAILURES_FROM_ADDRESS:
        raise TooManyTries


def count_failure(connection: Connection, account: str, address: str, at: datetime) -> None:
    """Count a failed try; what is older than a day is forgotten, here and among the forms and sessions."""
    connection.execute(insert(sign_in_failure).values(account=digest(account), address=address[:64], at=at))
    forget(connection, at)


def forget(connection: Connection, at: datetime) -> None:
    """Forget failures, forms and sessions that matter no more."""
    connection.execute(delete(sign_in_failure).where(sign_in_failure.c.at < at - KEPT))
    connection.execute(delete(form_sent).where(form_sent.c.at < at - KEPT))
    connection.execute(delete(web_session).where(web_session.c.began_at < at - KEPT))


def use_form(connection: Connection, key: str, at: datetime) -> bool:
    """Use a form's key up; False where it was used before: the same form was sent twice."""
    try:
        with connection.begin_nested():
            connection.execute(insert(form_sent).values(key=digest(key), at=at))
    except IntegrityError:
        return False
    return True


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
