"""Rollouts: the ledger of steps and items, the gates, and what an end must undo."""

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

rollout = Table(
    "rollout",
    metadata,
    identity(),
    Column("name", String(200), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("requested_by", String(320), nullable=False),
    Column("action", String(30)),  # NULL = the checklist; else the slug of its only step
    Column("state", String(20), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_on", Date, nullable=False),
    Column("confirmed_at", Instant),  # NULL while a start from Prefect's form waits for its code
    Column("confirmations", Integer, nullable=False, server_default="0"),  # openings of that form
    Column("finished_at", Instant),
    Column("reason", String(500)),
    Column("flow_run_id", String(36), unique=True),
    Column("run_number", Integer, nullable=False, server_default="1"),  # grows when a lost run is replaced
    Column("epoch", Integer, nullable=False, server_default="0"),  # grows with each process that takes the lease
    Column("heartbeat_at", Instant),
)

rollout_training_type = Table(
    "rollout_training_type",
    metadata,
    Column("rollout_id", BigId, ForeignKey("rollout.id"), primary_key=True),
    Column("training_type_id", BigId, ForeignKey("training_type.id"), primary_key=True),
    Column("alive", Boolean, nullable=False),
)
Index(
    "uq_rollout_alive",
    rollout_training_type.c.training_type_id,
    unique=True,
    sqlite_where=text("alive"),
    postgresql_where=text("alive"),
)

rollout_step = Table(
    "rollout_step",
    metadata,
    identity(),
    link("rollout_id", "rollout"),
    Column("slug", String(50), nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("opens_on", Date, nullable=False),
    Column("openings", Integer, nullable=False, server_default="0"),  # suspensions so far: each takes a key of its own
    Column("applied_at", Instant),
    UniqueConstraint("rollout_id", "slug"),
)

proposal = Table(
    "proposal",
    metadata,
    identity(),
    link("step_id", "rollout_step"),
    Column("round", Integer, nullable=False),
    Column("proposed_on", Date, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("digest", String(64), nullable=False),  # of the items as they stand: exclusions at the gate change it
    Column("counts", JSON, nullable=False),  # outcome → number, as proposed and, at the end, as applied
    Column("facts", JSON, nullable=False),  # flags and day spans the request leads with
    Column("withdrawn_at", Instant),
    UniqueConstraint("step_id", "round"),
)
Index(
    "uq_proposal_current",
    proposal.c.step_id,
    unique=True,
    sqlite_where=proposal.c.withdrawn_at.is_(None),
    postgresql_where=proposal.c.withdrawn_at.is_(None),
)

rollout_item = Table(
    "rollout_item",
    metadata,
    Column("proposal_id", BigId, ForeignKey("proposal.id"), primary_key=True),
    Column("learner_id", BigId, ForeignKey("learner.id"), primary_key=True),
    Column("training_type_id", BigId, primary_key=True, autoincrement=False),  # 0 = the learner as a whole
    Column("certification_id", BigId, ForeignKey("certification.id")),  # NULL = the learner, or one yet to be made
    Column("outcome", String(30), nullable=False),
    Column("flags", Integer, nullable=False),  # a sum of words.Flag
    Column("due_before", Date),
    Column("due_after", Date),
    Column("recertification_before", Date),
    Column("recertification_after", Date),
    Column("course_before", BigId, ForeignKey("course.id")),
    Column("course_after", BigId, ForeignKey("course.id")),
    Column("assignment_id", BigId, ForeignKey("assignment.id")),
    Column("applied_at", Instant),
    sqlite_with_rowid=False,
)
Index("ix_rollout_item_certification_id", rollout_item.c.certification_id)

# What a change replaced and no item says, where there was anything; written with the change, for whoever undoes it.
certification_before = Table(
    "certification_before",
    metadata,
    Column("proposal_id", BigId, ForeignKey("proposal.id"), primary_key=True),
    Column("certification_id", BigId, ForeignKey("certification.id"), primary_key=True),
    Column("next_course_id", BigId, ForeignKey("course.id")),
    Column("computed_on", Date),
    Column("override_on", Date),
    Column("override_by", String(320)),
    Column("override_at", Instant),
    Column("override_reason", String(300)),
    Column("aligned_by", BigId, ForeignKey("rollout.id")),
    Column("left_to_people_on", Date),
    Column("left_to_people_because", String(30)),
    sqlite_with_rowid=False,
)

# Since when a learner had been archived whom an action brought back.
learner_before = Table(
    "learner_before",
    metadata,
    Column("proposal_id", BigId, ForeignKey("proposal.id"), primary_key=True),
    Column("learner_id", BigId, ForeignKey("learner.id"), primary_key=True),
    Column("archived_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Whom an action is about, resolved once from what a person chose, and never changed.
selection = Table(
    "selection",
    metadata,
    identity(),
    Column("chosen", JSON, nullable=False),  # how: names, filters, or everybody
    Column("made_by", String(320), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

selection_line = Table(
    "selection_line",
    metadata,
    Column("selection_id", BigId, ForeignKey("selection.id"), primary_key=True),
    Column("learner_id", BigId, ForeignKey("learner.id"), primary_key=True),
    Column("training_type_id", BigId, primary_key=True, autoincrement=False),  # 0 = who has no certification
    sqlite_with_rowid=False,
)

exclusion = Table(
    "exclusion",
    metadata,
    Column("rollout_id", BigId, ForeignKey("rollout.id"), primary_key=True),
    Column("learner_id", BigId, ForeignKey("learner.id"), primary_key=True),
    Column("excluded_by", String(320), nullable=False),
    Column("excluded_at", Instant, nullable=False),
    Column("released_at", Instant),
)

hold = Table(
    "hold",
    metadata,
    Column("rollout_id", BigId, ForeignKey("rollout.id"), primary_key=True),
    Column("certification_id", BigId, ForeignKey("certification.id"), primary_key=True, index=True),
    Column("held_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

review = Table(
    "review",
    metadata,
    identity(),
    link("proposal_id", "proposal", index=True),
    Column("digest", String(64), nullable=False),  # as proposed: what the codes are derived from
    Column("opened_at", Instant, nullable=False),
    Column("last_on", Date, nullable=False),  # the last day to answer, open through it
    Column("closed_at", Instant),
    Column("outcome", String(20)),  # approved, rejected, withdrawn, expired, cancelled
    Column("false_answers", Integer, nullable=False, server_default="0"),
)
Index(
    "uq_review_open",
    review.c.proposal_id,
    unique=True,
    sqlite_where=review.c.closed_at.is_(None),
    postgresql_where=review.c.closed_at.is_(None),
)

review_request = Table(
    "review_request",
    metadata,
    Column("review_id", BigId, ForeignKey("review.id"), primary_key=True),
    Column("approver_id", BigId, ForeignKey("app_user.id"), primary_key=True),
    Column("issue", Integer, nullable=False, server_default="1"),  # which code of this person is the good one
    Column("wrong_codes", Integer, nullable=False, server_default="0"),
)

approval = Table(
    "approval",
    metadata,
    identity(),
    link("review_id", "review", index=True),
    link("approver_id", "app_user"),
    Column("decision", String(10), nullable=False),
    Column("again", Boolean, nullable=False, server_default=text("false")),
    Column("digest_proposed", String(64), nullable=False),
    Column("digest_approved", String(64), nullable=False),
    Column("exclusions", JSON, nullable=False),  # learner ids
    Column("comment", Text, nullable=False, server_default=""),
    Column("channel", String(20), nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("void_at", Instant),
    Column("consumed_at", Instant),  # in the transaction that applies the first chunk
)
