"""The days between rollouts: when each letter's line was written, what is left to people, who wants a weekly digest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("message_line", sa.Column("told_on", sa.Date(), nullable=True))
    op.add_column("certification", sa.Column("left_to_people_on", sa.Date(), nullable=True))
    op.add_column("certification", sa.Column("left_to_people_because", sa.String(length=30), nullable=True))
    op.add_column("app_user", sa.Column("weekly_digest", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    open_ = sa.text("completed_on IS NULL")
    op.create_index("ix_assignment_open_due", "assignment", ["due_on"], sqlite_where=open_, postgresql_where=open_)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_assignment_open_due", "assignment")
    op.drop_column("app_user", "weekly_digest")
    op.drop_column("certification", "left_to_people_because")
    op.drop_column("certification", "left_to_people_on")
    op.drop_column("message_line", "told_on")
