"""The database: one engine, and the two ways into it (`read`, `write`).

SQLite has one writer, and a read that turns into a write is refused at once whatever the time-out; so whoever means
to write begins IMMEDIATE. PostgreSQL takes the same statements.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool

from models.errors import DatabaseUnavailable

BUSY_TIMEOUT_MS = 15_000
BUSY_PAUSE_SECONDS = 0.02
# Who writes and stands still in mid-transaction (frozen, cut off) would hold its locks for ever on PostgreSQL: it is cut
# off. The work between two of our statements takes seconds at most; a lock may be held by a statement over a million.
STANDSTILL_MS = 60_000
LOCK_PATIENCE_MS = 300_000
# any one number: the upkeep's duties hold it, so that two upkeeps do not do the same at once
UPKEEP_LOCK = 7_304_219


def at_commit(moment: str) -> None:
    """Do nothing, ``before`` and ``after`` each commit: here a test stops the process."""
    del moment


class Database:
    """An organisation's database.

    Args:
        url: SQLAlchemy address, ``sqlite:///…`` or ``postgresql+psycopg://…``.
        durable: False for a scratch copy that may be lost (the preview's).
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite_engine(url, durable=durable) if self.is_sqlite else _postgresql_engine(url)

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads; always undone at the end.

        Raises:
            DatabaseUnavailable: the database did not answer (safe to retry).
        """
        with _told_in_one_line(), self.engine.connect() as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open one unit of work: committed on a clean exit, undone on any exception.

        Never held open across a review, a mail or a call to Prefect.

        Raises:
            DatabaseUnavailable: the database did not answer, stayed locked, is full, or cut us off after a minute's
                standstill (safe to retry).
        """
        with _told_in_one_line(), self.engine.connect() as connection:
            connection = connection.execution_options(recert_writes=True)  # noqa: PLW2901 - the same connection, told
            with connection.begin():
                yield connection
                at_commit("before")
            at_commit("after")

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Open a unit of work that may make tables anew, all of it or nothing.

        SQLite changes a column by making its table anew, which references to it must not hinder; they are checked again
        before the commit.

        Raises:
            DatabaseUnavailable: as ``write``.
        """
        with _told_in_one_line(), self.engine.connect() as connection:
            connection = connection.execution_options(recert_writes=True, recert_migrates=True)  # noqa: PLW2901 - as above
            with connection.begin():
                yield connection
                if self.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise AssertionError(f"a migration has lost what a row of {broken[0]} refers to")
                at_commit("before")
            at_commit("after")

    @contextmanager
    def rehearse(self) -> Iterator[Connection]:
        """Open a unit of work that may write and is always undone.

        Raises:
            DatabaseUnavailable: as ``write``.
        """
        with _told_in_one_line(), self.engine.connect() as connection:
            connection = connection.execution_options(recert_writes=True)  # noqa: PLW2901 - the same connection, told
            try:
                yield connection
            finally:
                connection.rollback()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def one_at_a_time(connection: Connection) -> None:
    """Let no other upkeep write until this unit of work ends; what it wrote before is seen by the next statement.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": UPKEEP_LOCK})


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Turn the drivers' many ways of saying "not there" into ours; a programming error stays what it is."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise  # a statement that cannot be; SQLite's driver calls that operational, too
        raise DatabaseUnavailable(f"the database does not answer: {_first_line(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(f"the connection to the database was lost: {_first_line(error)}") from error
        raise


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]


def _postgresql_engine(url: str) -> Engine:
    connect_args = {"connect_timeout": 10, "application_name": "recert"}
    engine = create_engine(url, pool_pre_ping=True, connect_args=connect_args)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # a statement over everybody is dear enough to be compiled, which takes longer than carrying it out
        connection.execute("SET jit = off")
        connection.commit()

    @event.listens_for(engine, "begin")
    def _bound(connection: Connection) -> None:
        # Not for who only reads: nobody waits for them, and a list may be read page by page on somebody's screen.
        if connection.get_execution_options().get("recert_writes"):
            connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout = {STANDSTILL_MS}; SET LOCAL lock_timeout = {LOCK_PATIENCE_MS}"
            )

    return engine


def _sqlite_engine(url: str, *, durable: bool, pool: type[Pool] = NullPool) -> Engine:
    # No pool: a connection is cheap here, and a file that was replaced under a pool would go on being read.
    engine = create_engine(url, poolclass=pool, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        _write_ahead(connection)
        for pragma in (
            f"synchronous={'FULL' if durable else 'OFF'}",
            "foreign_keys=ON",
            "temp_store=FILE",  # what is sorted or staged may be a million rows
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        if options.get("recert_migrates"):
            connection.exec_driver_sql(
                "PRAGMA foreign_keys=OFF"
            )  # nothing within a transaction; each opens its own file
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("recert_writes") else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Put a database on its write-ahead log. A new file is refused at once while another does the same: wait for it."""
    patience = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return
