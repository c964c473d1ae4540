"""Signing in to the console: passwords, sessions, failed tries, forms that were sent, ticks on a list under review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import BigId, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "user_password",
        sa.Column("user_id", BigId, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=200), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_user_password_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_password")),
    )
    op.create_table(
        "web_session",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_web_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_web_session_token_digest")),
    )
    op.create_index(op.f("ix_web_session_user_id"), "web_session", ["user_id"])
    op.create_table(
        "sign_in_failure",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index("ix_sign_in_failure_at", "sign_in_failure", ["at"])
    op.create_table(
        "form_sent",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_form_sent")),
    )
    op.create_table(
        "review_tick",
        sa.Column("review_id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_review_tick_learner_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_tick_review_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_review_tick_user_id")),
        sa.PrimaryKeyConstraint("review_id", "user_id", "learner_id", name=op.f("pk_review_tick")),
    )
    op.create_index("ix_learner_last_name_first_name", "learner", ["last_name", "first_name", "id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_learner_last_name_first_name", "learner")
    for table in ("review_tick", "form_sent", "sign_in_failure", "web_session", "user_password"):
        op.drop_table(table)
