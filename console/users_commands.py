"""``recert users``: who may do what."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Annotated, Literal

from cyclopts import App, Parameter

from console.bench import actor, opened_bench
from console.output import answer, write_json, write_table
from models.errors import WrongInput
from models.passwords import set_password
from models.people import User, add_user, ask_for_digest, change_user, readers_of_digest, users
from models.words import Role

app = App(name="users", help="Say who may do what.")

COLUMNS = ("email", "name", "roles", "disabled")
As = Annotated[str | None, Parameter(name="--as")]


@app.command(name="list")
def list_(*, json: bool = False) -> None:
    """List everybody, with their roles.

    Args:
        json: One JSON array of email, name, roles, disabled.
    """
    with opened_bench() as bench:
        with bench.database.read() as connection:
            rows = [_row(user) for user in users(connection)]
        if json:
            write_json(rows)
        else:
            write_table(COLUMNS, rows)


@app.command
def add(email: str, /, *, name: str | None = None, roles: list[str], as_: As = None) -> None:
    """Add one person.

    Args:
        email: Their address.
        name: Their name, as mails and reports show it; the address when left out.
        roles: viewer, operator, approver or admin; several with commas, or by repeating the option.
        as_: The admin who does it; without it, whoever is at the shell.
    """
    given = read_roles(roles)
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        user = add_user(connection, email, name or email, given, actor=who, at=bench.now())
    answer(_told(user))


@app.command(name="set")
def set_(email: str, /, *, name: str | None = None, roles: list[str] | None = None, as_: As = None) -> None:
    """Change a person's name or roles. Roles given here replace the ones before.

    Args:
        email: Who.
        name: The new name.
        roles: All roles from now on; several with commas, or by repeating the option.
        as_: The admin who does it; without it, whoever is at the shell.
    """
    given = None if roles is None else read_roles(roles)
    if name is None and given is None:
        raise WrongInput(f"nothing to change for {email}; give --name or --roles")
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        user = change_user(connection, email, name=name, roles=given, actor=who, at=bench.now())
    answer(_told(user))


@app.command
def disable(email: str, /, *, as_: As = None) -> None:
    """Keep a person out. Their codes and the answers not yet applied become void; their acts stay on record.

    Args:
        email: Who.
        as_: The admin who does it; without it, whoever is at the shell.
    """
    _switch(email, disabled=True, as_=as_)


@app.command
def enable(email: str, /, *, as_: As = None) -> None:
    """Let a disabled person in again.

    Args:
        email: Who.
        as_: The admin who does it; without it, whoever is at the shell.
    """
    _switch(email, disabled=False, as_=as_)


@app.command
def password(email: str, /, *, stdin: bool = False, as_: As = None) -> None:
    """Give a person the password they sign in to the console with; who is signed in with the old one is signed out.

    Args:
        email: Who.
        stdin: Read the password from the first line of the standard input, instead of asking for it twice.
        as_: The admin who does it; without it, whoever is at the shell.
    """
    given = _read_password(stdin=stdin)
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        user = set_password(connection, email, given, actor=who, at=bench.now())
    answer(f"{user.email} signs in to the console with the new password")


def _read_password(*, stdin: bool) -> str:
    """The new password, from the standard input or from somebody who types it unseen, twice."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise WrongInput("nobody is here to be asked for the password; give it with --stdin")
    given = getpass("New password: ")
    if getpass("The same again: ") != given:
        raise WrongInput("the two passwords differ; nothing was changed")
    return given


@app.command
def digest(
    email: str | None = None, wanted: Literal["on", "off"] | None = None, /, *, as_: As = None, json: bool = False
) -> None:
    """Say who gets the weekly digest: what is up for recertification, who became past due, whom no mail reaches.

    Args:
        email: Who; without it, all who get it are listed.
        wanted: on or off.
        as_: The admin who does it; without it, whoever is at the shell.
        json: With no one named: one JSON array of email, name, roles, disabled.
    """
    with opened_bench() as bench, bench.database.write() as connection:
        if email is not None and wanted is not None:
            who = actor(connection, as_, Role.ADMIN)
            ask_for_digest(connection, email, wanted=wanted == "on", actor=who, at=bench.now())
        elif email is not None:
            raise WrongInput(f"say whether {email[:80]} wants the digest: recert users digest {email[:80]} on")
        rows = [_row(user) for user in readers_of_digest(connection)]
    if json:
        write_json(rows)
    else:
        write_table(COLUMNS, rows)


def read_roles(given: list[str]) -> list[Role]:
    """Read ``operator,approver`` or a repeated option.

    Raises:
        WrongInput: a word is no role; the message names the roles there are.
    """
    words = [word.strip().lower() for part in given for word in part.split(",") if word.strip()]
    for word in words:
        if word not in list(Role):
            raise WrongInput(f"no role {word[:80]!r}; the roles are {', '.join(Role)}")
    return [Role(word) for word in words]


def _switch(email: str, *, disabled: bool, as_: str | None) -> None:
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        user = change_user(connection, email, disabled=disabled, actor=who, at=bench.now())
    answer(_told(user))


def _row(user: User) -> dict[str, object]:
    return {"email": user.email, "name": user.name, "roles": sorted(user.roles), "disabled": user.disabled}


def _told(user: User) -> str:
    return f"{user.email} ({user.name}): {', '.join(sorted(user.roles))}{', disabled' if user.disabled else ''}"
