"""A page of one training type: its certifications in the order of their learners."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    columns = ["training_type_id", "learner_id"]
    op.create_index("ix_certification_training_type_id_learner_id", "certification", columns)
    op.drop_index("ix_certification_training_type_id", "certification")


def downgrade() -> None:
    """Take the change back."""
    op.create_index("ix_certification_training_type_id", "certification", ["training_type_id"])
    op.drop_index("ix_certification_training_type_id_learner_id", "certification")
