"""Pages of the learners list in the order of an index: by department, by days; open assignments by Due Date hold their certification."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# SQLAlchemy reads no index on an expression back from SQLite: who makes one of these tables anew there makes it again.
OPEN = sa.text("completed_on IS NULL")


def upgrade() -> None:
    """Make the change."""
    own_on, department = sa.text("coalesce(override_on, computed_on)"), sa.text("coalesce(department, '')")
    op.create_index("ix_certification_own_on", "certification", [own_on, "learner_id", "id"])
    op.create_index("ix_certification_completed_on", "certification", ["completed_on", "learner_id", "id"])
    op.create_index("ix_learner_department", "learner", [department, "id"])
    op.create_index("ix_assignment_assigned_on", "assignment", ["assigned_on", "certification_id"])
    op.drop_index("ix_assignment_open_due", "assignment")
    op.create_index(
        "ix_assignment_open_due", "assignment", ["due_on", "certification_id"], sqlite_where=OPEN, postgresql_where=OPEN
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_assignment_open_due", "assignment")
    op.create_index("ix_assignment_open_due", "assignment", ["due_on"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("ix_assignment_assigned_on", "assignment")
    op.drop_index("ix_learner_department", "learner")
    op.drop_index("ix_certification_completed_on", "certification")
    op.drop_index("ix_certification_own_on", "certification")
