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
    Column("weekly_digest", Boolean, nullable=False, server_default=text("false")),
)

message = Table(
    "message",
    metadata,
    identity(),
    Column("kind", String(30), nullable=False),
    Column("occasion", String(100), nullable=False),  # rollout and step, or gate, person and issue
    Column("recipient", String(60), nullable=False),  # learner:12, user:3, or manager:12 for the manager of learner 12
    link("learner_id", "learner", null=True, index=True),
    Column("to_address", String(320), nullable=False),
    Column("rollout_id", BigId, ForeignKey("rollout.id"), index=True),
    Column("context", JSON),  # what a mail to a user is rendered from: ids and numbers, never a code
    Column("state", String(12), nullable=False),
    Column("flagged", Boolean, nullable=False, server_default=text("false")),  # it was uncertain at some time
    Column("attempts", Integer, nullable=False, server_default="0"),  # tries that reached DATA
    Column("deferrals", Integer, nullable=False, server_default="0"),
    Column("events", Integer, nullable=False, server_default="0"),  # how many rows of its history there are
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
    Column("told_on", Date),  # the organisation's day on which this was written
    sqlite_with_rowid=False,
)
Index("ix_message_line_assignment_id", message_line.c.assignment_id)

# What became of each mail, try by try: rows are added and never changed.
message_event = Table(
    "message_event",
    metadata,
    Column("message_id", BigId, ForeignKey("message.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, in the order it happened
    Column("at", Instant, nullable=False),
    Column("what", String(20), nullable=False),
    Column("server", String(260)),  # host:port that answered; none where a person or a bounce spoke
    Column("reply", String(500)),
    Column("by", String(320), nullable=False),  # the sending process, or a person's address
    sqlite_with_rowid=False,
)

# Delivery status notifications that were fed in, also those that belong to no mail of ours.
bounce = Table(
    "bounce",
    metadata,
    identity(),
    Column("digest", String(64), nullable=False),  # of the notification as it came, so that none counts twice
    Column("recipient", String(320), nullable=False),
    link("message_id", "message", null=True, index=True),
    Column("action", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("diagnostic", String(500)),
    Column("at", Instant, nullable=False),
    UniqueConstraint("digest", "recipient"),
)

# What may not leave now: everything, or one rollout's mail.
mail_pause = Table(
    "mail_pause",
    metadata,
    Column("scope", String(30), primary_key=True),  # all, or rollout:12
    Column("by", String(320), nullable=False),
    Column("at", Instant, nullable=False),
)

# How many letters were let go in each tenth of a second; only the last hour is kept.
mail_pace = Table(
    "mail_pace",
    metadata,
    Column(
        "tenth", BigId, primary_key=True, autoincrement=False
    ),  # tenths of a second since 1970, by the database's clock
    Column("letters", Integer, nullable=False),
)

# Wording that an organisation wrote itself; a row is never changed, the newest of a kind and language rules.
mail_template = Table(
    "mail_template",
    metadata,
    identity(),
    Column("kind", String(30), nullable=False),
    Column("language", String(35), nullable=False),
    Column("subject", Text),  # all three empty: back to the wording that Recert brings
    Column("text", Text),
    Column("html", Text),
    Column("by", String(320), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_mail_template_kind_language", mail_template.c.kind, mail_template.c.language, mail_template.c.id)

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
