"""The database's schema: where it stands, and how it moves up and down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, literal, select, table, text

from models.database import Database
from models.errors import Refused, Unreachable

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported where the schema moves, not where it is only looked at: it takes 0.1 s of every command.
VERSION_TABLE = "alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
# any one number: whoever migrates a PostgreSQL database holds it, so that two starts do not migrate at once
MIGRATION_LOCK = 7_304_215


class SchemaBehind(Refused):
    """The database's schema is older than this version of Recert: run `recert db upgrade`."""


class SchemaAhead(Refused):
    """The database was made by a newer version of Recert: install that version, or restore a backup."""


class SchemaNotOurs(Unreachable):
    """The database's schema is not the one that this worker's version of Recert needs."""


def current_revision(database: Database) -> str | None:
    """The revision the database stands on; None when it is empty."""
    with database.read() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def tables_there(database: Database) -> list[str]:
    """The names of all tables in the database but the migrations' own."""
    with database.read() as connection:
        return [name for name in inspect(connection).get_table_names() if name != VERSION_TABLE]


def holds_rows(database: Database) -> bool:
    """Whether there is anything in the database that going down would lose."""
    names = tables_there(database)
    with database.read() as connection:
        return any(connection.execute(select(literal(1)).select_from(table(name)).limit(1)).first() for name in names)


def newest_revision() -> str:
    """The revision this version of Recert needs."""
    return max(known_revisions())


def require_current(database: Database) -> None:
    """Refuse to work on any schema but ours.

    Raises:
        SchemaBehind: nothing there yet, or an older one.
        SchemaAhead: one that this version does not know.
    """
    found = current_revision(database)
    if found == newest_revision():
        return
    raise SchemaBehind if found is None or found in known_revisions() else SchemaAhead


def await_current(database: Database) -> None:
    """Let a run wait while the schema is not ours: workers and database are brought up one after the other.

    Raises:
        SchemaNotOurs: one of the two is still to follow; the same call may go through later.
    """
    try:
        require_current(database)
    except (SchemaBehind, SchemaAhead) as error:
        raise SchemaNotOurs(str(error)) from None


def upgrade(database: Database, revision: str = "head") -> None:
    """Move the schema up; everything or nothing.

    Raises:
        SchemaAhead: the database is newer than this version.
    """
    from alembic import command  # noqa: PLC0415

    _require_known(database)
    with database.migrate() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Move the schema down to *revision* (``base`` empties the database).

    Raises:
        SchemaAhead: the database is newer than this version, which does not know the way back.
    """
    from alembic import command  # noqa: PLC0415

    _require_known(database)
    with database.migrate() as connection:
        command.downgrade(_config(connection), revision)


def known_revisions() -> set[str]:
    """The revisions of this version: each file's name begins with its own, counted up."""
    return {file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")}


def _require_known(database: Database) -> None:
    found = current_revision(database)
    if found is not None and found not in known_revisions():
        raise SchemaAhead


def _config(connection: Connection) -> Config:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
