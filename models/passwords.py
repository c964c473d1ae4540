"""Passwords of the console's users: argon2id, never kept in any other form."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, select, update

from models.audit import record
from models.errors import WrongInput
from models.people import User, find_user
from models.sessions import TooManyTries, end_sessions_of
from models.tables import user_password

SHORTEST, LONGEST = 12, 200
# Each hash takes 64 MiB and a good part of a second: more at once would let strangers bring the console down.
_AT_ONCE = threading.BoundedSemaphore(2)
# Who waits for that holds a thread that pages need: more than these are told to try again.
MOST_WAITING = 8
_WAITING = threading.BoundedSemaphore(MOST_WAITING)


@cache
def hasher() -> PasswordHasher:
    """Return the hasher: the library's own parameters, which grow with its versions (old hashes are made anew at sign-in)."""
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Return a hash that no password fits: who is unknown takes as long as who is known."""
    return hasher().hash("nobody has this password")


def set_password(connection: Connection, email: str, password: str, *, actor: str, at: datetime) -> User:
    """Give a user a password, and end every session they have.

    Args:
        connection: inside ``Database.write``.
        email: whose.
        password: 12 to 200 characters.
        actor: who does it.
        at: aware instant.

    Raises:
        WrongInput: there is no such user, or the password is too short, too long, or the address itself.
    """
    user = find_user(connection, email)
    if user is None:
        raise WrongInput(f"{email[:80]!r} is no user here; see who is: recert users list")
    _check(password, user)
    values = {"hash": hasher().hash(password), "changed_at": at}
    mine = user_password.c.user_id == user.id
    if not connection.execute(update(user_password).where(mine).values(**values)).rowcount:
        connection.execute(insert(user_password).values(user_id=user.id, **values))
    end_sessions_of(connection, user.id, at)
    record(connection, at=at, actor=actor, act="set-password", subject=f"user:{user.id}", detail={})
    return user


def stored_hash(connection: Connection, user: User | None) -> str | None:
    """Return the hash of this user's password; None where there is no user or no password."""
    if user is None:
        return None
    return connection.scalar(select(user_password.c.hash).where(user_password.c.user_id == user.id))


def fits(stored: str | None, password: str) -> bool:
    """Whether *password* is the one of this hash. Takes as long where there is none; call it outside of a transaction.

    Raises:
        TooManyTries: eight others wait already.
    """
    if not _WAITING.acquire(blocking=False):
        raise TooManyTries("many people sign in just now: try again in a moment")
    try:
        with _AT_ONCE:
            return _fits(stored, password)
    finally:
        _WAITING.release()


def _fits(stored: str | None, password: str) -> bool:
    try:
        hasher().verify(stored or _nobodys(), password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _check(password: str, user: User) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise WrongInput(f"a password has {SHORTEST} to {LONGEST} characters, and this one {len(password)}")
    if password.casefold() == user.email.casefold():
        raise WrongInput("the password is the address itself: choose another")
