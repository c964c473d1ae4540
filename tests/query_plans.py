"""How SQLite means to find what it is asked for: a test of what a statement looks through, at any size."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.database import Database


@contextmanager
def query_plans(database: Database) -> Iterator[list[tuple[str, list[str]]]]:
    """Collect (statement, steps of its plan) of all that is asked in the block; nothing on PostgreSQL.

    It decides by the size of its tables, and those of a test are small.
    """
    plans: list[tuple[str, list[str]]] = []

    def explained(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            found = connection.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append((statement, [row[3] for row in found]))

    if not database.is_sqlite:
        yield plans
        return
    event.listen(database.engine, "before_cursor_execute", explained)
    try:
        yield plans
    finally:
        event.remove(database.engine, "before_cursor_execute", explained)
