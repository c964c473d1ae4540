"""Signing in to the console: passwords, sessions, failed tries, forms that were sent, and ticks on a list under review."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from models.tables.columns import BigId, Instant, identity, link, metadata

# Apart from the user's row, so that whoever may read who is who reads no hash.
user_password = Table(
    "user_password",
    metadata,
    Column("user_id", BigId, ForeignKey("app_user.id"), primary_key=True, autoincrement=False),
    Column("hash", String(200), nullable=False),  # argon2id with its parameters and salt
    Column("changed_at", Instant, nullable=False),
)

web_session = Table(
    "web_session",
    metadata,
    identity(),
    Column("token_digest", String(64), nullable=False, unique=True),  # SHA-256: the database opens no session
    link("user_id", "app_user", index=True),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    identity(),
    Column("account", String(64), nullable=False),  # SHA-256 of what was typed: it may have been the password
    Column("address", String(64), nullable=False),  # where the try came from
    Column("at", Instant, nullable=False),
)
Index("ix_sign_in_failure_at", sign_in_failure.c.at)

# Each form that orders something carries a key of its own; a key that is here has done its work.
form_sent = Table(
    "form_sent",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)

# Whom an approver means to take out of the list, until the answer is given.
review_tick = Table(
    "review_tick",
    metadata,
    Column("review_id", BigId, ForeignKey("review.id"), primary_key=True),
    Column("user_id", BigId, ForeignKey("app_user.id"), primary_key=True),
    Column("learner_id", BigId, ForeignKey("learner.id"), primary_key=True),
)
