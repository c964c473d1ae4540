"""Mail that can be accounted for: its history, bounces, pauses, pace, and an organisation's own wording."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import BigId, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("message", sa.Column("events", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_message_line_assignment_id", "message_line", ["assignment_id"])
    op.create_table(
        "message_event",
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("server", sa.String(length=260), nullable=True),
        sa.Column("reply", sa.String(length=500), nullable=True),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_event_message_id")),
        sa.PrimaryKeyConstraint("message_id", "number", name=op.f("pk_message_event")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bounce",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("message_id", BigId, nullable=True),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("diagnostic", sa.String(length=500), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_bounce_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce")),
        sa.UniqueConstraint("digest", "recipient", name=op.f("uq_bounce_digest_recipient")),
    )
    op.create_index(op.f("ix_bounce_message_id"), "bounce", ["message_id"])
    _controls_and_wording()


def _controls_and_wording() -> None:
    op.create_table(
        "mail_pause",
        sa.Column("scope", sa.String(length=30), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_mail_pause")),
    )
    op.create_table(
        "mail_pace",
        sa.Column("tenth", BigId, autoincrement=False, nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenth", name=op.f("pk_mail_pace")),
    )
    op.create_table(
        "mail_template",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_template")),
    )
    op.create_index("ix_mail_template_kind_language", "mail_template", ["kind", "language", "id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("mail_template")
    op.drop_table("mail_pace")
    op.drop_table("mail_pause")
    op.drop_table("bounce")
    op.drop_table("message_event")
    op.drop_index("ix_message_line_assignment_id", "message_line")
    op.drop_column("message", "events")
