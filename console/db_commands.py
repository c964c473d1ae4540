"""``recert db``: the database's schema."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from console.bench import SHELL, unchecked_bench, where
from console.output import answer, say, write_json
from models import audit
from models import roles as logins
from models.database import Database
from models.errors import Refused, WrongInput
from models.schema import (
    SchemaAhead,
    SchemaBehind,
    current_revision,
    downgrade,
    holds_rows,
    newest_revision,
    require_current,
    upgrade,
)
from tasks.backup import back_up

app = App(name="db", help="Move the database's schema up or down.")

EMPTY = "empty"


@app.command(name="upgrade")
def upgrade_() -> None:
    """Bring the schema to what this version needs; everything or nothing."""
    with unchecked_bench() as bench:
        before = schema_state(bench.database)
        if before == "ahead":
            raise SchemaAhead
        upgrade(bench.database)
        done = "was current already" if before == "current" else f"is now {newest_revision()}"
        answer(f"schema of {where(bench.database)} {done}")


@app.command(name="downgrade")
def downgrade_(revision: str = "-1", /, *, yes: bool = False) -> None:
    """Take the schema back, by one revision or to the one that is named.

    Args:
        revision: A revision, -1 for one step back, or base for an empty database.
        yes: Do it although the database holds rows that may be lost.
    """
    from alembic.util import CommandError  # noqa: PLC0415 - `db status` and the doctor need no migrations

    with unchecked_bench() as bench:
        if not yes and holds_rows(bench.database):
            raise Refused(f"{where(bench.database)} holds rows that may be lost; make a backup, then say it with --yes")
        try:
            downgrade(bench.database, revision)
        except CommandError as error:
            raise WrongInput(f"cannot go back to {revision!r}: {error}") from None
        answer(f"schema of {where(bench.database)} is now {current_revision(bench.database) or EMPTY}")


@app.command
def status(*, json: bool = False) -> None:
    """Say where the schema stands.

    Args:
        json: One JSON document: database, schema, needed, state (current, empty, behind, ahead).
    """
    with unchecked_bench() as bench:
        found, state = current_revision(bench.database), schema_state(bench.database)
        if json:
            place = where(bench.database)
            write_json({"database": place, "schema": found, "needed": newest_revision(), "state": state})
        else:
            answer(f"{where(bench.database)}: schema {found or 'none'}, needed {newest_revision()}: {state}")


@app.command
def backup(file: Path, /) -> None:
    """Copy an SQLite database while it is at work; where the copy is put to use, all mail rests until `recert mail resume`.

    PostgreSQL makes its own backups: then the line to type is said.

    Args:
        file: Where to; nothing may be there yet.
    """
    with unchecked_bench() as bench:
        size = back_up(bench, file)
        answer(f"{where(bench.database)} is copied to {file}: {size:,} bytes")
        say(f"keep {bench.settings.home / 'recert.key'} with it: the codes of open reviews come from it")


@app.command
def roles(console: str, worker: str, /, *, show: bool = False) -> None:
    """Give two PostgreSQL logins what is theirs: the worker's cannot write approvals. Say it as the tables' owner.

    Say it again after each upgrade of the schema.

    Args:
        console: The login that doors use: the command line of people who import, start and answer.
        worker: The login that flows and upkeep use.
        show: Only print the statements.
    """
    with unchecked_bench() as bench:
        require_current(bench.database)
        if show:
            with bench.database.read() as connection:
                answer(";\n".join([*logins.grants(connection, console, worker), ""]).rstrip("\n"))
            return
        with bench.database.write() as connection:
            logins.give(connection, console, worker)
            detail = {"console": console, "worker": worker}
            audit.record(connection, at=bench.now(), actor=SHELL, act="grant-roles", subject="database", detail=detail)
        answer(f"{console} may record answers to reviews, {worker} may not")


def schema_state(database: Database) -> str:
    """Where the schema stands: ``current``, ``empty``, ``behind`` or ``ahead``.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    if current_revision(database) is None:
        return EMPTY
    try:
        require_current(database)
    except SchemaBehind:
        return "behind"
    except SchemaAhead:
        return "ahead"
    return "current"
