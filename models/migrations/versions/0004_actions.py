"""Actions on a selection of learners: what was selected, what each change replaced, what was withdrawn again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import BigId, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What SQLite's own table does not tell of itself when it is made anew.
WITHOUT_ROWID = {"sqlite_with_rowid": False}


def upgrade() -> None:
    """Make the change."""
    op.add_column("rollout", sa.Column("action", sa.String(length=30), nullable=True))
    with op.batch_alter_table("assignment") as batch:
        batch.alter_column("certification_id", existing_type=BigId, nullable=True)
        batch.add_column(sa.Column("withdrawn_from", BigId, nullable=True))
        batch.add_column(sa.Column("withdrawn_by", BigId, nullable=True))
        batch.add_column(sa.Column("withdrawn_at", Instant(), nullable=True))
        batch.create_foreign_key(op.f("fk_assignment_withdrawn_from"), "certification", ["withdrawn_from"], ["id"])
        batch.create_foreign_key(op.f("fk_assignment_withdrawn_by"), "rollout", ["withdrawn_by"], ["id"])
        batch.create_check_constraint(
            op.f("ck_assignment_withdrawn"), "(certification_id IS NULL) = (withdrawn_from IS NOT NULL)"
        )
    op.create_index(op.f("ix_assignment_withdrawn_from"), "assignment", ["withdrawn_from"])
    with op.batch_alter_table("rollout_item", table_kwargs=WITHOUT_ROWID) as batch:
        batch.alter_column("certification_id", existing_type=BigId, nullable=True)
        batch.drop_constraint(op.f("fk_rollout_item_training_type_id"), type_="foreignkey")
    _make_tables()


def _make_tables() -> None:
    op.create_table(
        "certification_before",
        sa.Column("proposal_id", BigId, nullable=False),
        sa.Column("certification_id", BigId, nullable=False),
        sa.Column("next_course_id", BigId, nullable=True),
        sa.Column("computed_on", sa.Date(), nullable=True),
        sa.Column("override_on", sa.Date(), nullable=True),
        sa.Column("override_by", sa.String(length=320), nullable=True),
        sa.Column("override_at", Instant(), nullable=True),
        sa.Column("override_reason", sa.String(length=300), nullable=True),
        sa.Column("aligned_by", BigId, nullable=True),
        sa.Column("left_to_people_on", sa.Date(), nullable=True),
        sa.Column("left_to_people_because", sa.String(length=30), nullable=True),
        *_references(
            "certification_before",
            {"proposal_id": "proposal", "certification_id": "certification"},
            {"next_course_id": "course", "aligned_by": "rollout"},
        ),
        sa.PrimaryKeyConstraint("proposal_id", "certification_id", name=op.f("pk_certification_before")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "selection",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=320), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selection")),
    )
    op.create_table(
        "selection_line",
        sa.Column("selection_id", BigId, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.Column("training_type_id", BigId, autoincrement=False, nullable=False),
        *_references("selection_line", {"selection_id": "selection", "learner_id": "learner"}),
        sa.PrimaryKeyConstraint("selection_id", "learner_id", "training_type_id", name=op.f("pk_selection_line")),
        sqlite_with_rowid=False,
    )


def _references(table: str, *targets: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for some in targets
        for column, target in some.items()
    ]


# The older schema knows no actions: their ledger goes, what they changed stays.
ACTIONS = "SELECT id FROM rollout WHERE action IS NOT NULL"
STEPS = f"SELECT id FROM rollout_step WHERE rollout_id IN ({ACTIONS})"
PROPOSALS = f"SELECT id FROM proposal WHERE step_id IN ({STEPS})"
REVIEWS = f"SELECT id FROM review WHERE proposal_id IN ({PROPOSALS})"
WITHDRAWN = "SELECT id FROM assignment WHERE certification_id IS NULL"
FORGET = (
    f"DELETE FROM approval WHERE review_id IN ({REVIEWS})",
    f"DELETE FROM review_request WHERE review_id IN ({REVIEWS})",
    f"DELETE FROM review WHERE proposal_id IN ({PROPOSALS})",
    f"DELETE FROM rollout_item WHERE proposal_id IN ({PROPOSALS})",
    f"DELETE FROM proposal WHERE step_id IN ({STEPS})",
    f"DELETE FROM rollout_step WHERE rollout_id IN ({ACTIONS})",
    f"DELETE FROM exclusion WHERE rollout_id IN ({ACTIONS})",
    f"UPDATE message SET rollout_id = NULL WHERE rollout_id IN ({ACTIONS})",
    f"UPDATE assignment SET rollout_id = NULL WHERE rollout_id IN ({ACTIONS})",
    f"DELETE FROM message_line WHERE assignment_id IN ({WITHDRAWN})",
    f"UPDATE rollout_item SET assignment_id = NULL WHERE assignment_id IN ({WITHDRAWN})",
    "UPDATE assignment SET withdrawn_by = NULL",
    f"DELETE FROM assignment WHERE id IN ({WITHDRAWN})",
    f"DELETE FROM rollout WHERE id IN ({ACTIONS})",
)


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("selection_line")
    op.drop_table("selection")
    op.drop_table("certification_before")
    for statement in FORGET:
        op.execute(statement)
    with op.batch_alter_table("rollout_item", table_kwargs=WITHOUT_ROWID) as batch:
        batch.create_foreign_key(
            op.f("fk_rollout_item_training_type_id"), "training_type", ["training_type_id"], ["id"]
        )
        batch.alter_column("certification_id", existing_type=BigId, nullable=False)
    op.drop_index(op.f("ix_assignment_withdrawn_from"), "assignment")
    with op.batch_alter_table("assignment") as batch:
        batch.drop_constraint(op.f("ck_assignment_withdrawn"), type_="check")
        batch.drop_constraint(op.f("fk_assignment_withdrawn_by"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_assignment_withdrawn_from"), type_="foreignkey")
        batch.drop_column("withdrawn_at")
        batch.drop_column("withdrawn_by")
        batch.drop_column("withdrawn_from")
        batch.alter_column("certification_id", existing_type=BigId, nullable=False)
    op.drop_column("rollout", "action")
