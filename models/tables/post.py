"""Users, the outbox, the settings people choose, and the audit."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from models.tables.columns import BigId, Instant, identity, link, metadata

app_user = Table(
    "app_user",
    metadata,
    identity(),
    Column("email", String(320), nullable=False),
    Column("email_key", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("disabled_at", Instant),
)

message = Table(
    "message",
    metadata,
    identity(),
    Column("kind", String(30), nullable=False),
    Column("occasion", String(100), nullable=False),  # rollout and step, or gate, person and issue
    Column("recipient", String(60), nullable=False),  # learner:12 or user:3, so that one key serves both
    link("learner_id", "learner", null=True, index=True),
    Column("to_address", String(320), nullable=False),
    Column("rollout_id", BigId, ForeignKey("rollout.id"), index=True),
    Column("context", JSON),  # what a mail to a user is rendered from: ids and numbers, never a code
    Column("state", String(12), nullable=False),
    Column("flagged", Boolean, nullable=False, server_default=text("false")),  # it was uncertain at some time
    Column("attempts", Integer, nullable=False, server_default="0"),  # tries that reached DATA
    Column("deferrals", Integer, nullable=False, server_default="0"),
    Column("message_id", String(200), nullable=False, unique=True),
    Column("last_reply", String(500)),
    Column("created_at", Instant, nullable=False),
    Column("next_try_at", Instant),
    Column("claimed_by", String(40)),
    Column("claimed_at", Instant),
    Column("sent_at", Instant),
    UniqueConstraint("kind", "recipient", "occasion"),
)
Index("ix_message_state", message.c.state, message.c.id)

message_line = Table(
    "message_line",
    metadata,
    Column("message_id", BigId, ForeignKey("message.id"), primary_key=True),
    Column("assignment_id", BigId, ForeignKey("assignment.id"), primary_key=True),
    Column("due_on", Date),
    sqlite_with_rowid=False,
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("value", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(320), nullable=False),
    Column("act", String(60), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),  # canonical JSON: what the hash was made of
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
