"""For whom a version of a training type is: the regions and the roles that it names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("course", sa.Column("regions", sa.JSON(), nullable=True))
    op.add_column("course", sa.Column("roles", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("course", "roles")
    op.drop_column("course", "regions")
