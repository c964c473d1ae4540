"""Users: who they are and what they may do. Learners are not users; one person may be both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from models.addresses import address_key, is_address
from models.audit import record
from models.errors import NotPermitted, WrongInput
from models.reviews import void_answers
from models.tables import app_user
from models.words import Role

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class User:
    """A person who may order or approve something here."""

    id: int
    email: str
    name: str
    roles: frozenset[Role]
    disabled: bool

    def may(self, role: Role) -> bool:
        """Whether this person acts in *role* now. An admin may also read; no other role includes another."""
        return not self.disabled and (role in self.roles or (role is Role.VIEWER and Role.ADMIN in self.roles))


def users(connection: Connection) -> list[User]:
    """Everybody, disabled ones too, by id."""
    return [_user(row) for row in connection.execute(select(app_user).order_by(app_user.c.id))]


def find_user(connection: Connection, email: str, *, lock: bool = False) -> User | None:
    """The user of this address, case ignored; None when there is none.

    With *lock* nobody changes them until this unit of work ends; who is changing them just now is waited for.
    """
    query = select(app_user).where(app_user.c.email_key == address_key(email))
    row = connection.execute(query.with_for_update(read=True) if lock else query).first()
    return _user(row) if row else None


def require(connection: Connection, email: str, role: Role) -> User:
    """Return the user if they may act in *role*.

    Raises:
        NotPermitted: unknown, disabled, or without the role; the message ends with the line to type.
    """
    user = find_user(connection, email)
    if user is None:
        raise NotPermitted(
            f"{email!r} is no user here; an admin adds them with: recert users add {email} --name NAME --roles {role}"
        )
    if user.disabled:
        raise NotPermitted(f"{user.email} is disabled; an admin undoes it with: recert users enable {user.email}")
    if not user.may(role):
        roles = ",".join(sorted(user.roles | {role}))
        raise NotPermitted(
            f"{user.email} lacks the role {role}; an admin gives it with: recert users set {user.email} --roles {roles}"
        )
    return user


def approvers_besides(connection: Connection, requester_email: str) -> list[User]:
    """Every enabled approver but the requester, by id."""
    requester = address_key(requester_email)
    return [user for user in users(connection) if user.may(Role.APPROVER) and address_key(user.email) != requester]


def add_user(  # noqa: D417 - *at* and *actor* are what they are everywhere
    connection: Connection, email: str, name: str, roles: Iterable[Role], *, actor: str, at: datetime
) -> User:
    """Add one person.

    Args:
        email: one address; compared without regard to case.
        name: as mails and reports show it.
        roles: at least one.

    Raises:
        WrongInput: no such address, no name, no role, or the person is there already.
    """
    email, name, given = email.strip(), _checked_name(name), _checked_roles(roles)
    if not is_address(email):
        raise WrongInput(f"{email[:80]!r} is not one e-mail address, such as ann@example.org")
    if find_user(connection, email):
        raise WrongInput(f"{email} is a user already; change them with: recert users set {email} --roles …")
    values = {"email": email, "email_key": address_key(email), "name": name, "roles": given}
    connection.execute(insert(app_user).values(**values))
    user = _known(connection, email)
    record(connection, at=at, actor=actor, act="add-user", subject=f"user:{user.id}", detail=_facts(user))
    return user


def change_user(
    connection: Connection,
    email: str,
    *,
    name: str | None = None,
    roles: Iterable[Role] | None = None,
    disabled: bool | None = None,
    actor: str,
    at: datetime,
) -> User:
    """Change what is given, leave the rest; what is as asked already is no act.

    Who is disabled, or is an approver no more, has the codes they hold and the answers not yet applied made void.

    Raises:
        WrongInput: there is no such user, or the name or the roles are empty.
    """
    before = _known(connection, email)
    after = User(
        before.id,
        before.email,
        before.name if name is None else _checked_name(name),
        before.roles if roles is None else frozenset(_checked_roles(roles)),
        before.disabled if disabled is None else disabled,
    )
    if after == before:
        return before
    values: dict[str, Any] = {"name": after.name, "roles": sorted(after.roles)}
    if after.disabled != before.disabled:
        values["disabled_at"] = at if after.disabled else None
    connection.execute(update(app_user).where(app_user.c.id == before.id).values(**values))
    if before.may(Role.APPROVER) and not after.may(Role.APPROVER):
        void_answers(connection, before.id, at)
    detail = {"before": _facts(before), "after": _facts(after)}
    record(connection, at=at, actor=actor, act="change-user", subject=f"user:{before.id}", detail=detail)
    return after


def ask_for_digest(connection: Connection, email: str, *, wanted: bool, actor: str, at: datetime) -> User:
    """Let a user have the weekly digest, or have it no more; what is as asked already is no act.

    Raises:
        WrongInput: there is no such user.
    """
    user = _known(connection, email)
    other = update(app_user).where(app_user.c.id == user.id, app_user.c.weekly_digest.is_not(wanted))
    if connection.execute(other.values(weekly_digest=wanted)).rowcount:
        detail = {"weekly_digest": wanted}
        record(connection, at=at, actor=actor, act="ask-for-digest", subject=f"user:{user.id}", detail=detail)
    return user


def readers_of_digest(connection: Connection) -> list[User]:
    """Every enabled user who asked for the weekly digest, by id."""
    wanted = select(app_user).where(app_user.c.weekly_digest, app_user.c.disabled_at.is_(None))
    return [_user(row) for row in connection.execute(wanted.order_by(app_user.c.id))]


def anybody(connection: Connection) -> bool:
    """Whether there is any user yet."""
    return bool(connection.scalar(select(func.count()).select_from(app_user)))


def _known(connection: Connection, email: str) -> User:
    user = find_user(connection, email)
    if user is None:
        raise WrongInput(f"{email[:80]!r} is no user here; see who is: recert users list")
    return user


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise WrongInput(f"the name {name[:80]!r}: give 1 to {LONGEST_NAME} printable characters")
    return name


def _checked_roles(roles: Iterable[Role]) -> list[Role]:
    given = sorted(set(roles))
    if not given:
        raise WrongInput(f"a user needs at least one role of: {', '.join(Role)}")
    return given


def _facts(user: User) -> dict[str, Any]:
    return {"email": user.email, "name": user.name, "roles": sorted(user.roles), "disabled": user.disabled}


def _user(row: Row[Any]) -> User:
    return User(row.id, row.email, row.name, frozenset(map(Role, row.roles)), row.disabled_at is not None)
