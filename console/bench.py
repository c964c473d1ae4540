"""The way from a command to the workbench: settings, database and schema, or one line that says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import ArgumentError, DatabaseError

from config.settings import SettingsInvalid
from console.output import complain
from models.database import Database
from models.errors import DatabaseUnavailable, Refused
from models.people import require
from models.schema import current_revision, require_current, tables_there, upgrade
from models.words import Role
from tasks import restored
from tasks.workbench import Workbench, open_workbench

SHELL = "shell"


@contextmanager
def opened_bench() -> Iterator[Workbench]:
    """Open the workbench on a database that is there and has our schema; close it at the end.

    A database that is empty gets the schema at its first use.

    Raises:
        SettingsInvalid: a setting is wrong.
        DatabaseUnavailable: the database does not answer.
        Refused: its schema is older or newer than this version, or it belongs to somebody else.
    """
    with unchecked_bench() as bench:
        with _named(bench.database):
            _ensure_schema(bench.database)
            if found := restored.notice(bench):
                complain(found)
        yield bench


@contextmanager
def unchecked_bench() -> Iterator[Workbench]:
    """Open the workbench on whatever is there, for commands that are about the database itself.

    Raises:
        SettingsInvalid: a setting is wrong.
        DatabaseUnavailable: the folder of the database cannot be made.
    """
    try:
        bench = open_workbench()
    except OSError as error:
        message = f"cannot make the folder of the database, {error.filename}: {error.strerror}; set RECERT_HOME"
        raise DatabaseUnavailable(message) from error
    except (ArgumentError, ValueError):
        raise SettingsInvalid(
            "RECERT_DATABASE_URL: no database address; it looks like postgresql+psycopg://user:password@host:5432/name"
        ) from None
    try:
        yield bench
    finally:
        bench.database.dispose()


def actor(connection: Connection, email: str | None, role: Role) -> str:
    """Return who acts: the user named with ``--as`` (who must have *role*), else whoever stands at the shell.

    Whoever has the server's shell can act as anybody; asking for a name there would only look safe.

    Raises:
        NotPermitted: the named user lacks the role.
    """
    return require(connection, email, role).email if email else SHELL


def where(database: Database) -> str:
    """The database's place as people may see it: a path, or an address without its password."""
    return (database.url.database or "memory") if database.is_sqlite else database.url.render_as_string()


def _ensure_schema(database: Database) -> None:
    if current_revision(database) is None:
        if tables_there(database):
            raise Refused(
                f"{where(database)} holds tables that are not Recert's; name an empty one in RECERT_DATABASE_URL"
            )
        upgrade(database)
        complain(f"new database at {where(database)}")
    require_current(database)


@contextmanager
def _named(database: Database) -> Iterator[None]:
    """Say in an error which database it is about."""
    try:
        yield
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(f"{error} ({where(database)}); start it, or mend RECERT_DATABASE_URL") from error
    except DatabaseError as error:
        first = str(error.orig).strip().splitlines()[0]
        raise DatabaseUnavailable(f"{where(database)} cannot be used as a database: {first}") from error
