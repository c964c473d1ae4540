"""Alembic's entry: works on the connection that ``models.schema`` hands over."""

from __future__ import annotations

from alembic import context

from models.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=False,  # Instant is text on SQLite and timestamptz on PostgreSQL, by intent
)
context.run_migrations()
