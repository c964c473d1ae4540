"""The organisation: training types, courses, learners, certifications, assignments."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from models.tables.columns import Instant, identity, link, metadata

training_type = Table(
    "training_type",
    metadata,
    identity(),
    Column("slug", String(100), nullable=False, unique=True),
    # the administrator's switch for automatic recertification; a rollout never writes it behind their back
    Column("automatic", Boolean, nullable=False, server_default=text("true")),
)

course = Table(
    "course",
    metadata,
    identity(),
    Column("code", String(100), nullable=False, unique=True),
    Column("title", String(300), nullable=False),
    link("training_type_id", "training_type"),
    Column("frequency_months", Integer),  # NULL = Never
    link("successor_id", "course", null=True),
    Column("retired_on", Date),
    Column("link", String(1000)),
    Column("regions", JSON(none_as_null=True)),  # the locations it is for; NULL = any
    Column("roles", JSON(none_as_null=True)),
    CheckConstraint("frequency_months >= 1", name="frequency"),
)

learner = Table(
    "learner",
    metadata,
    identity(),
    Column("email", String(320)),  # as it was written
    Column("email_key", String(320), unique=True),  # as it is compared
    Column("employee_id", String(100), unique=True),
    Column("first_name", String(100), nullable=False, server_default=""),
    Column("last_name", String(100), nullable=False, server_default=""),
    Column("department", String(100)),
    Column("location", String(100)),
    Column("role", String(100)),
    Column("manager_email", String(320)),
    Column("language", String(35)),
    Column("time_zone", String(64)),
    Column("archived_at", Instant),
    CheckConstraint("email_key IS NOT NULL OR employee_id IS NOT NULL", name="somebody"),
)
Index("ix_learner_last_name_first_name", learner.c.last_name, learner.c.first_name, learner.c.id)
Index("ix_learner_department", text("coalesce(department, '')"), learner.c.id)

certification = Table(
    "certification",
    metadata,
    identity(),
    link("learner_id", "learner"),
    link("training_type_id", "training_type"),
    Column("cycle", Integer, nullable=False, server_default="0"),  # the last cycle number handed out
    link("course_id", "course", null=True),  # the course last taken or assigned
    link("next_course_id", "course", null=True),  # the course to come where somebody changed it
    Column("completed_on", Date),  # the newest completion
    Column("computed_on", Date),  # anchor + frequency; NULL = Never (or never completed)
    Column("override_on", Date),  # set by hand or by a rollout; the next completion ends it
    Column("override_by", String(320)),
    Column("override_at", Instant),
    Column("override_reason", String(300)),
    link("aligned_by", "rollout", null=True),  # the rollout whose common day stands in override_on
    # the Recertification Date that automatic recertification leaves to people, and why; another date ends it
    Column("left_to_people_on", Date),
    Column("left_to_people_because", String(30)),
    UniqueConstraint("learner_id", "training_type_id"),
)

Index("ix_certification_training_type_id_learner_id", certification.c.training_type_id, certification.c.learner_id)
# The Recertification Date of its own, and the newest completion: pages are read in their order.
Index(
    "ix_certification_own_on",
    text("coalesce(override_on, computed_on)"),
    certification.c.learner_id,
    certification.c.id,
)
Index("ix_certification_completed_on", certification.c.completed_on, certification.c.learner_id, certification.c.id)

assignment = Table(
    "assignment",
    metadata,
    identity(),
    link("certification_id", "certification", null=True),  # NULL = withdrawn: no certification has it any more
    Column("cycle", Integer, nullable=False),
    link("course_id", "course"),
    Column("assigned_on", Date),
    Column("due_on", Date),  # the deadline, shown only while the assignment is open
    Column("first_due_on", Date),  # the deadline before it was first moved
    Column("progress", Integer, nullable=False, server_default="0"),  # percent
    Column("completed_on", Date),  # NULL = open
    link("rollout_id", "rollout", null=True),
    link("withdrawn_from", "certification", null=True, index=True),  # whose it was
    link("withdrawn_by", "rollout", null=True),  # the action that took it back
    Column("withdrawn_at", Instant),
    UniqueConstraint("certification_id", "cycle"),
    CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    CheckConstraint("assigned_on IS NOT NULL OR completed_on IS NOT NULL", name="dated"),
    CheckConstraint("(certification_id IS NULL) = (withdrawn_from IS NOT NULL)", name="withdrawn"),
)
Index(
    "uq_assignment_open",
    assignment.c.certification_id,
    unique=True,
    sqlite_where=assignment.c.completed_on.is_(None),
    postgresql_where=assignment.c.completed_on.is_(None),
)
Index("ix_assignment_assigned_on", assignment.c.assigned_on, assignment.c.certification_id)
Index(
    "ix_assignment_open_due",
    assignment.c.due_on,
    assignment.c.certification_id,
    sqlite_where=assignment.c.completed_on.is_(None),
    postgresql_where=assignment.c.completed_on.is_(None),
)
