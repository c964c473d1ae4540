"""Staging: a file's rows in a temporary table, so that what they mean is settled by statements over all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Select, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from models.errors import DatabaseUnavailable

# any one number: who imports into a PostgreSQL database holds it, so that two imports do not meet halfway
IMPORT_LOCK = 7_304_217


def staging_table(name: str, *columns: Column[Any]) -> Table:
    """A temporary table keyed by the line of the file on which each row begins."""
    return Table(
        name,
        MetaData(),
        Column("line", Integer, primary_key=True, autoincrement=False),
        *columns,
        prefixes=["TEMPORARY"],
    )


REFUSED_LINES = staging_table("refused_line")  # line numbers alone


def hold_imports(connection: Connection) -> None:
    """Let no other import begin until this unit of work ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": IMPORT_LOCK})


@contextmanager
def staged(connection: Connection, *tables: Table) -> Iterator[None]:
    """Make *tables* for one import and take them away again; one import at a time.

    Args:
        connection: inside ``Database.write``.
        tables: of ``staging_table``.
    """
    hold_imports(connection)
    for table in tables:
        table.create(connection)
        if connection.dialect.name == "postgresql":  # an index that no statement asks for would only slow the load
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP CONSTRAINT "{table.name}_pkey"')
    yield
    for table in tables:
        table.drop(connection)


def load(connection: Connection, table: Table, rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> int:
    """Stream *rows* into *table* with memory that does not grow; return how many they were.

    Args:
        connection: inside ``staged``.
        table: one of its tables.
        rows: values as the database knows them: text, whole numbers, days as ``YYYY-MM-DD``, None.
        columns: the names of the values, in order.

    Raises:
        DatabaseUnavailable: the connection was lost, or there is no room left.
    """
    stream = _load_by_insert if connection.dialect.name == "sqlite" else _load_by_copy
    try:
        return stream(connection.connection.driver_connection, table, rows, columns)
    except (sqlite3.OperationalError, psycopg.OperationalError) as error:
        raise DatabaseUnavailable(f"the database does not answer: {str(error).strip().splitlines()[0]}") from error


def load_unless_there(
    connection: Connection, table: Table, rows: Iterable[Sequence[Any]], columns: Sequence[str]
) -> int | None:
    """Stream *rows* into the lasting *table*; None where a unique key is there already or comes twice: then none is stored.

    Args:
        connection: inside ``Database.write``.
        table: any.
        rows: as for ``load``.
        columns: the names of the values, in order.

    Raises:
        DatabaseUnavailable: as ``load``.
    """
    try:
        with connection.begin_nested():
            return load(connection, table, rows, columns)
    except (sqlite3.IntegrityError, psycopg.errors.UniqueViolation):
        return None


def settle(connection: Connection, table: Table, *names: str) -> None:
    """Let PostgreSQL count what was loaded: without it, it plans for an empty table.

    Args:
        connection: inside ``Database.write``.
        table: what was loaded.
        names: the columns by which the statements that follow seek and join; of others nothing is learned now, and of a
            lasting table the database looks at them itself, soon afterwards.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'ANALYZE "{table.name}" ({", ".join(names)})')


def insert_missing(
    connection: Connection, table: Table, names: Sequence[str], rows: Select[Any], keys: Sequence[str] = ()
) -> int:
    """Insert what *rows* finds, passing over what is there already; return how many were new.

    Args:
        connection: inside ``Database.write``.
        table: any.
        names: the columns, in the order of *rows*.
        rows: has a WHERE, or SQLite takes ON CONFLICT for a join.
        keys: the unique key by which a row is there already; any of the table's, if none is named.
    """
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(table).from_select(list(names), rows)
    return count(connection, statement.on_conflict_do_nothing(index_elements=list(keys) or None))


def count(connection: Connection, statement: Any) -> int:
    """Execute an INSERT, UPDATE or DELETE and return how many rows it touched."""
    # INSERT … SELECT answers -1 on PostgreSQL unless asked beforehand
    touched = int(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount)
    if touched < 0 and connection.dialect.name == "sqlite":  # its driver does not know what begins with WITH
        return int(connection.exec_driver_sql("SELECT changes()").scalar_one())
    return touched


def link(name: str) -> Column[int]:
    """A column for the key of a row elsewhere, unknown at first."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"))


def _load_by_insert(raw: Any, table: Table, rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> int:
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
    return int(raw.executemany(statement, rows).rowcount)


def _load_by_copy(raw: Any, table: Table, rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> int:
    with raw.cursor() as cursor:
        with cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return int(cursor.rowcount)
