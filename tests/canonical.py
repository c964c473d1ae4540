"""A database as plain facts: no ids, no instants, so that two runs of the same rollout can be held side by side."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, select

from models.tables import (
    app_user,
    approval,
    assignment,
    audit,
    certification,
    course,
    exclusion,
    hold,
    learner,
    message,
    message_line,
    proposal,
    review,
    review_request,
    rollout,
    rollout_item,
    rollout_step,
    training_type,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

WHO = learner.c.employee_id
KIND = training_type.c.slug
TO_COME, TAKEN = course.alias("to_come"), course.alias("taken")
BEFORE, AFTER = course.alias("before"), course.alias("after")


def facts(connection: Connection) -> dict[str, Counter[tuple[Any, ...]]]:
    """Table → rows as a bag of tuples, in natural keys."""
    return {name: Counter(tuple(row) for row in connection.execute(query)) for name, query in _QUERIES.items()}


def _by_certification(*columns: Any) -> Select[Any]:
    return (
        select(WHO, KIND, *columns)
        .select_from(certification)
        .join(learner, learner.c.id == certification.c.learner_id)
        .join(training_type, training_type.c.id == certification.c.training_type_id)
    )


_CERTIFICATIONS = (
    _by_certification(
        certification.c.cycle,
        TAKEN.c.code,
        TO_COME.c.code,
        certification.c.completed_on,
        certification.c.computed_on,
        certification.c.override_on,
        certification.c.aligned_by.is_(None),
    )
    .outerjoin(TAKEN, TAKEN.c.id == certification.c.course_id)
    .outerjoin(TO_COME, TO_COME.c.id == certification.c.next_course_id)
)
_ASSIGNMENTS = (
    _by_certification(
        assignment.c.cycle,
        TAKEN.c.code,
        assignment.c.assigned_on,
        assignment.c.due_on,
        assignment.c.first_due_on,
        assignment.c.progress,
        assignment.c.completed_on,
        assignment.c.rollout_id.is_(None),
    )
    .join(assignment, assignment.c.certification_id == certification.c.id)
    .join(TAKEN, TAKEN.c.id == assignment.c.course_id)
)
_ITEMS = (
    select(
        rollout_step.c.slug,
        proposal.c.round,
        WHO,
        KIND,
        rollout_item.c.outcome,
        rollout_item.c.flags,
        rollout_item.c.due_before,
        rollout_item.c.due_after,
        rollout_item.c.recertification_before,
        rollout_item.c.recertification_after,
        BEFORE.c.code,
        AFTER.c.code,
        rollout_item.c.assignment_id.is_(None),
        rollout_item.c.applied_at.is_(None),
    )
    .select_from(rollout_item)
    .join(proposal, proposal.c.id == rollout_item.c.proposal_id)
    .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
    .join(learner, learner.c.id == rollout_item.c.learner_id)
    .join(training_type, training_type.c.id == rollout_item.c.training_type_id)
    .outerjoin(BEFORE, BEFORE.c.id == rollout_item.c.course_before)
    .outerjoin(AFTER, AFTER.c.id == rollout_item.c.course_after)
)
_REVIEWS = (
    select(rollout_step.c.slug, proposal.c.round, review.c.outcome, review.c.last_on, review.c.false_answers)
    .select_from(review)
    .join(proposal, proposal.c.id == review.c.proposal_id)
    .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
)
_LINES = (
    select(message.c.kind, WHO, KIND, assignment.c.cycle, message_line.c.due_on)
    .select_from(message_line)
    .join(message, message.c.id == message_line.c.message_id)
    .join(assignment, assignment.c.id == message_line.c.assignment_id)
    .join(certification, certification.c.id == assignment.c.certification_id)
    .join(learner, learner.c.id == certification.c.learner_id)
    .join(training_type, training_type.c.id == certification.c.training_type_id)
)
_ACTOR = case((audit.c.actor.like("rollout %"), "rollout"), else_=audit.c.actor)
_QUERIES: dict[str, Select[Any]] = {
    "training_type": select(training_type.c.slug, training_type.c.automatic),
    "certification": _CERTIFICATIONS,
    "assignment": _ASSIGNMENTS,
    "rollout": select(rollout.c.name, rollout.c.state, rollout.c.reason, rollout.c.requested_by),
    "rollout_step": select(rollout_step.c.slug, rollout_step.c.state, rollout_step.c.opens_on),
    "rollout_item": _ITEMS,
    "hold": _by_certification(hold.c.ended_at.is_(None)).join(hold, hold.c.certification_id == certification.c.id),
    "exclusion": select(WHO, exclusion.c.excluded_by, exclusion.c.released_at.is_(None)).select_from(
        exclusion.join(learner)
    ),
    "review": _REVIEWS,
    "approval": (
        _REVIEWS.with_only_columns(
            rollout_step.c.slug, app_user.c.email, approval.c.decision, approval.c.void_at, approval.c.consumed_at.is_(None)
        )
        .join(approval, approval.c.review_id == review.c.id)
        .join(app_user, app_user.c.id == approval.c.approver_id)
    ),
    "review_request": (
        _REVIEWS.with_only_columns(rollout_step.c.slug, app_user.c.email, review_request.c.issue)
        .join(review_request, review_request.c.review_id == review.c.id)
        .join(app_user, app_user.c.id == review_request.c.approver_id)
    ),
    "message": select(message.c.kind, message.c.to_address, message.c.state),
    "message_line": _LINES,
    # who looked twice while nobody had answered is told as it was, and a crash may make it so
    "audit": select(_ACTOR, audit.c.act).where(audit.c.act != "woken-without-answer"),
}  # fmt: skip
