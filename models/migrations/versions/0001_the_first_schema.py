"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import BigId, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "app_user",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("email_key", name=op.f("uq_app_user_email_key")),
    )
    op.create_table(
        "audit",
        sa.Column("seq", BigId, autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("act", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "learner",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("email_key", sa.String(length=320), nullable=True),
        sa.Column("employee_id", sa.String(length=100), nullable=True),
        sa.Column("first_name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("last_name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("department", sa.String(length=100), nullable=True),
        sa.Column("location", sa.String(length=100), nullable=True),
        sa.Column("role", sa.String(length=100), nullable=True),
        sa.Column("manager_email", sa.String(length=320), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.CheckConstraint("email_key IS NOT NULL OR employee_id IS NOT NULL", name=op.f("ck_learner_somebody")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learner")),
        sa.UniqueConstraint("email_key", name=op.f("uq_learner_email_key")),
        sa.UniqueConstraint("employee_id", name=op.f("uq_learner_employee_id")),
    )
    op.create_table(
        "rollout",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("requested_by", sa.String(length=320), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("confirmations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("flow_run_id", sa.String(length=36), nullable=True),
        sa.Column("run_number", sa.Integer(), server_default="1", nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("heartbeat_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
        sa.UniqueConstraint("flow_run_id", name=op.f("uq_rollout_flow_run_id")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "training_type",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("automatic", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_type")),
        sa.UniqueConstraint("slug", name=op.f("uq_training_type_slug")),
    )
    op.create_table(
        "course",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("training_type_id", BigId, nullable=False),
        sa.Column("frequency_months", sa.Integer(), nullable=True),
        sa.Column("successor_id", BigId, nullable=True),
        sa.Column("retired_on", sa.Date(), nullable=True),
        sa.Column("link", sa.String(length=1000), nullable=True),
        sa.CheckConstraint("frequency_months >= 1", name=op.f("ck_course_frequency")),
        sa.ForeignKeyConstraint(["successor_id"], ["course.id"], name=op.f("fk_course_successor_id")),
        sa.ForeignKeyConstraint(["training_type_id"], ["training_type.id"], name=op.f("fk_course_training_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course")),
        sa.UniqueConstraint("code", name=op.f("uq_course_code")),
    )
    op.create_table(
        "exclusion",
        sa.Column("rollout_id", BigId, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.Column("excluded_by", sa.String(length=320), nullable=False),
        sa.Column("excluded_at", Instant(), nullable=False),
        sa.Column("released_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_exclusion_learner_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_exclusion_rollout_id")),
        sa.PrimaryKeyConstraint("rollout_id", "learner_id", name=op.f("pk_exclusion")),
    )
    op.create_table(
        "message",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("occasion", sa.String(length=100), nullable=False),
        sa.Column("recipient", sa.String(length=60), nullable=False),
        sa.Column("learner_id", BigId, nullable=True),
        sa.Column("to_address", sa.String(length=320), nullable=False),
        sa.Column("rollout_id", BigId, nullable=True),
        sa.Column("context", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("flagged", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deferrals", sa.Integer(), server_default="0", nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("last_reply", sa.String(length=500), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=True),
        sa.Column("claimed_by", sa.String(length=40), nullable=True),
        sa.Column("claimed_at", Instant(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_message_learner_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_message_rollout_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("kind", "recipient", "occasion", name=op.f("uq_message_kind_recipient_occasion")),
        sa.UniqueConstraint("message_id", name=op.f("uq_message_message_id")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_learner_id"), ["learner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_rollout_id"), ["rollout_id"], unique=False)
        batch_op.create_index("ix_message_state", ["state", "id"], unique=False)

    op.create_table(
        "rollout_step",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("rollout_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=50), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_step_rollout_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout_step")),
        sa.UniqueConstraint("rollout_id", "slug", name=op.f("uq_rollout_step_rollout_id_slug")),
    )
    op.create_table(
        "rollout_training_type",
        sa.Column("rollout_id", BigId, nullable=False),
        sa.Column("training_type_id", BigId, nullable=False),
        sa.Column("alive", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_training_type_rollout_id")),
        sa.ForeignKeyConstraint(
            ["training_type_id"], ["training_type.id"], name=op.f("fk_rollout_training_type_training_type_id")
        ),
        sa.PrimaryKeyConstraint("rollout_id", "training_type_id", name=op.f("pk_rollout_training_type")),
    )
    with op.batch_alter_table("rollout_training_type", schema=None) as batch_op:
        batch_op.create_index(
            "uq_rollout_alive",
            ["training_type_id"],
            unique=True,
            sqlite_where=sa.text("alive"),
            postgresql_where=sa.text("alive"),
        )

    op.create_table(
        "certification",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.Column("training_type_id", BigId, nullable=False),
        sa.Column("cycle", sa.Integer(), server_default="0", nullable=False),
        sa.Column("course_id", BigId, nullable=True),
        sa.Column("next_course_id", BigId, nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("computed_on", sa.Date(), nullable=True),
        sa.Column("override_on", sa.Date(), nullable=True),
        sa.Column("override_by", sa.String(length=320), nullable=True),
        sa.Column("override_at", Instant(), nullable=True),
        sa.Column("override_reason", sa.String(length=300), nullable=True),
        sa.Column("aligned_by", BigId, nullable=True),
        sa.ForeignKeyConstraint(["aligned_by"], ["rollout.id"], name=op.f("fk_certification_aligned_by")),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_certification_course_id")),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_certification_learner_id")),
        sa.ForeignKeyConstraint(["next_course_id"], ["course.id"], name=op.f("fk_certification_next_course_id")),
        sa.ForeignKeyConstraint(
            ["training_type_id"], ["training_type.id"], name=op.f("fk_certification_training_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
        sa.UniqueConstraint(
            "learner_id", "training_type_id", name=op.f("uq_certification_learner_id_training_type_id")
        ),
    )
    with op.batch_alter_table("certification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certification_training_type_id"), ["training_type_id"], unique=False)

    op.create_table(
        "proposal",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("step_id", BigId, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("proposed_on", sa.Date(), nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["step_id"], ["rollout_step.id"], name=op.f("fk_proposal_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("step_id", "round", name=op.f("uq_proposal_step_id_round")),
    )
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.create_index(
            "uq_proposal_current",
            ["step_id"],
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )

    op.create_table(
        "assignment",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("certification_id", BigId, nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("course_id", BigId, nullable=False),
        sa.Column("assigned_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("first_due_on", sa.Date(), nullable=True),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("rollout_id", BigId, nullable=True),
        sa.CheckConstraint("assigned_on IS NOT NULL OR completed_on IS NOT NULL", name=op.f("ck_assignment_dated")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_assignment_progress")),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_assignment_certification_id")
        ),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_assignment_course_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_assignment_rollout_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("certification_id", "cycle", name=op.f("uq_assignment_certification_id_cycle")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(
            "uq_assignment_open",
            ["certification_id"],
            unique=True,
            sqlite_where=sa.text("completed_on IS NULL"),
            postgresql_where=sa.text("completed_on IS NULL"),
        )

    op.create_table(
        "hold",
        sa.Column("rollout_id", BigId, nullable=False),
        sa.Column("certification_id", BigId, nullable=False),
        sa.Column("held_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["certification_id"], ["certification.id"], name=op.f("fk_hold_certification_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_hold_rollout_id")),
        sa.PrimaryKeyConstraint("rollout_id", "certification_id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_certification_id"), ["certification_id"], unique=False)

    op.create_table(
        "review",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("proposal_id", BigId, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("false_answers", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_review_proposal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_proposal_id"), ["proposal_id"], unique=False)
        batch_op.create_index(
            "uq_review_open",
            ["proposal_id"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "approval",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("review_id", BigId, nullable=False),
        sa.Column("approver_id", BigId, nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("again", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("digest_proposed", sa.String(length=64), nullable=False),
        sa.Column("digest_approved", sa.String(length=64), nullable=False),
        sa.Column("exclusions", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("answered_at", Instant(), nullable=False),
        sa.Column("void_at", Instant(), nullable=True),
        sa.Column("consumed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["approver_id"], ["app_user.id"], name=op.f("fk_approval_approver_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_approval_review_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approval_review_id"), ["review_id"], unique=False)

    op.create_table(
        "message_line",
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("assignment_id", BigId, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_message_line_assignment_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_line_message_id")),
        sa.PrimaryKeyConstraint("message_id", "assignment_id", name=op.f("pk_message_line")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "review_request",
        sa.Column("review_id", BigId, nullable=False),
        sa.Column("approver_id", BigId, nullable=False),
        sa.Column("issue", sa.Integer(), server_default="1", nullable=False),
        sa.Column("wrong_codes", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["approver_id"], ["app_user.id"], name=op.f("fk_review_request_approver_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_request_review_id")),
        sa.PrimaryKeyConstraint("review_id", "approver_id", name=op.f("pk_review_request")),
    )
    op.create_table(
        "rollout_item",
        sa.Column("proposal_id", BigId, nullable=False),
        sa.Column("learner_id", BigId, nullable=False),
        sa.Column("training_type_id", BigId, nullable=False),
        sa.Column("certification_id", BigId, nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("due_before", sa.Date(), nullable=True),
        sa.Column("due_after", sa.Date(), nullable=True),
        sa.Column("recertification_before", sa.Date(), nullable=True),
        sa.Column("recertification_after", sa.Date(), nullable=True),
        sa.Column("course_before", BigId, nullable=True),
        sa.Column("course_after", BigId, nullable=True),
        sa.Column("assignment_id", BigId, nullable=True),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_rollout_item_assignment_id")),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_rollout_item_certification_id")
        ),
        sa.ForeignKeyConstraint(["course_after"], ["course.id"], name=op.f("fk_rollout_item_course_after")),
        sa.ForeignKeyConstraint(["course_before"], ["course.id"], name=op.f("fk_rollout_item_course_before")),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name=op.f("fk_rollout_item_learner_id")),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_rollout_item_proposal_id")),
        sa.ForeignKeyConstraint(
            ["training_type_id"], ["training_type.id"], name=op.f("fk_rollout_item_training_type_id")
        ),
        sa.PrimaryKeyConstraint("proposal_id", "learner_id", "training_type_id", name=op.f("pk_rollout_item")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("rollout_item", schema=None) as batch_op:
        batch_op.create_index("ix_rollout_item_certification_id", ["certification_id"], unique=False)
    _protect_the_audit()


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("rollout_item", schema=None) as batch_op:
        batch_op.drop_index("ix_rollout_item_certification_id")

    op.drop_table("rollout_item")
    op.drop_table("review_request")
    op.drop_table("message_line")
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_review_id"))

    op.drop_table("approval")
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_review_open", sqlite_where=sa.text("closed_at IS NULL"), postgresql_where=sa.text("closed_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_review_proposal_id"))

    op.drop_table("review")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hold_certification_id"))

    op.drop_table("hold")
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_assignment_open",
            sqlite_where=sa.text("completed_on IS NULL"),
            postgresql_where=sa.text("completed_on IS NULL"),
        )

    op.drop_table("assignment")
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_proposal_current",
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )

    op.drop_table("proposal")
    with op.batch_alter_table("certification", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certification_training_type_id"))

    op.drop_table("certification")
    with op.batch_alter_table("rollout_training_type", schema=None) as batch_op:
        batch_op.drop_index("uq_rollout_alive", sqlite_where=sa.text("alive"), postgresql_where=sa.text("alive"))

    op.drop_table("rollout_training_type")
    op.drop_table("rollout_step")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_state")
        batch_op.drop_index(batch_op.f("ix_message_rollout_id"))
        batch_op.drop_index(batch_op.f("ix_message_learner_id"))

    op.drop_table("message")
    op.drop_table("exclusion")
    op.drop_table("course")
    op.drop_table("training_type")
    op.drop_table("setting")
    op.drop_table("rollout")
    op.drop_table("learner")
    op.drop_table("audit")
    op.drop_table("app_user")
    _unprotect_the_audit()


def _protect_the_audit() -> None:
    """Let the database itself refuse to change, replace or remove an act."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    op.execute(f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit {refuse}")
    op.execute(f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit {refuse}")
    # INSERT OR REPLACE would remove a row without a DELETE
    op.execute(
        f"CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN NEW.seq <= (SELECT max(seq) FROM audit) {refuse}"
    )


def _unprotect_the_audit() -> None:
    """After the table is dropped: its triggers went with it, PostgreSQL's function stays."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_append_only()")
