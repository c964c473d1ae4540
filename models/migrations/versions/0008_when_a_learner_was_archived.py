"""When a learner who comes back from the archive had been archived, for whoever takes that back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import BigId, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "learner_before",
        sa.Column("proposal_id", BigId, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.Column("archived_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_learner_before_proposal_id")),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_learner_before_learner_id")),
        sa.PrimaryKeyConstraint("proposal_id", "learner_id", name=op.f("pk_learner_before")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("learner_before")
