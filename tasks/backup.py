"""A copy of a database that is at work, made so that mail rests wherever it is put to use."""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from models.database import Database
from models.errors import DatabaseUnavailable, Refused, WrongInput
from models.schema import SchemaBehind, require_current
from tasks.restored import come_up_paused
from tasks.workbench import Workbench

PAGES_AT_ONCE = 1_000


class BackupExists(Refused):
    """There is a file of that name already; a backup never takes the place of another."""


def back_up(bench: Workbench, file: Path) -> int:
    """Copy the whole SQLite database into *file* while others go on reading and writing; return its size in bytes.

    In the copy, and there alone, all mail is paused and what waits is in doubt. The file appears whole or not at all.

    Raises:
        WrongInput: the database is PostgreSQL, or the folder cannot be written to.
        BackupExists: the file is there already.
        SchemaBehind, SchemaAhead: the schema is not ours: the copy's mail could not be paused.
        DatabaseUnavailable: the copy is not whole.
    """
    if not bench.database.is_sqlite:
        raise WrongInput(f"PostgreSQL makes its own backups: {dump_command(bench.database.url, file)}")
    _require_current(bench.database)
    if file.exists():
        raise BackupExists(f"{file} is there already; name another file")
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _copy(str(bench.database.url.database), draft)
        _pause(bench, draft)
        os.link(draft, file)  # whole or not at all, and never over another one
    except FileExistsError:
        raise BackupExists(f"{file} is there already; name another file") from None
    except OSError as error:
        raise WrongInput(f"{file} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def dump_command(url: URL, file: Path) -> str:
    """What to type for a backup of a PostgreSQL database; the password is not shown."""
    address = url.set(drivername="postgresql")._replace(password=None).render_as_string()
    return f"pg_dump --format=custom --file={shlex.quote(str(file))} {shlex.quote(address)}"


def _require_current(database: Database) -> None:
    """To bring the schema up first would be the wrong way round."""
    try:
        require_current(database)
    except SchemaBehind:
        raise SchemaBehind(
            "the schema is older than this version of Recert: make the backup with the one before"
        ) from None


def _copy(path: str, draft: Path) -> None:
    draft.touch(mode=0o600, exist_ok=False)  # addresses and names: nobody else's to read
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target, pages=PAGES_AT_ONCE)
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"the copy could not be made: {error}") from error


def _pause(bench: Workbench, draft: Path) -> None:
    """Pause the copy's mail, look whether it is whole, and leave it as one file that is on the disk."""
    copy = Database(f"sqlite:///{draft}")
    with copy.write() as connection:
        come_up_paused(connection, at=bench.now())
    copy.dispose()
    with closing(sqlite3.connect(draft)) as target:
        target.execute("PRAGMA journal_mode=DELETE")
        [found] = target.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise DatabaseUnavailable(f"the copy is not whole: {found.splitlines()[0]}")
    with draft.open("rb") as written:
        os.fsync(written.fileno())
