"""The tables: facts only. What can be derived (a status, a count, "finished") is derived, never stored.

A day ends in ``_on`` and is a date in the organisation's time zone; an instant ends in ``_at`` and is aware UTC.
"""

from models.tables.columns import BigId, Instant, metadata
from models.tables.organisation import assignment, certification, course, learner, training_type
from models.tables.post import (
    app_user,
    audit,
    bounce,
    mail_pace,
    mail_pause,
    mail_template,
    message,
    message_event,
    message_line,
    setting,
)
from models.tables.rollouts import (
    approval,
    certification_before,
    exclusion,
    hold,
    learner_before,
    proposal,
    review,
    review_request,
    rollout,
    rollout_item,
    rollout_step,
    rollout_training_type,
    selection,
    selection_line,
)
from models.tables.signing_in import form_sent, review_tick, sign_in_failure, user_password, web_session

__all__ = [
    "BigId",
    "Instant",
    "app_user",
    "approval",
    "assignment",
    "audit",
    "bounce",
    "certification",
    "certification_before",
    "course",
    "exclusion",
    "form_sent",
    "hold",
    "learner",
    "learner_before",
    "mail_pace",
    "mail_pause",
    "mail_template",
    "message",
    "message_event",
    "message_line",
    "metadata",
    "proposal",
    "review",
    "review_request",
    "review_tick",
    "rollout",
    "rollout_item",
    "rollout_step",
    "rollout_training_type",
    "selection",
    "selection_line",
    "setting",
    "sign_in_failure",
    "training_type",
    "user_password",
    "web_session",
]
