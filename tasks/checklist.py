"""The checklist: one tuple that flow, gates, ledger, dashboard and doors all read. A step is one file and one line."""

from __future__ import annotations

from datetime import date

from models.plan import RolloutPlan
from models.words import StepSlug
from tasks import (
    disable_automatic_recertification,
    notify_learners,
    recertify_due,
    renotify_incomplete,
    set_recertification_dates,
    verify_completion,
)
from tasks.actions import ACTIONS
from tasks.step import Step


def _at_start(plan: RolloutPlan, started_on: date) -> date:
    del plan
    return started_on


def _aligned_from(plan: RolloutPlan, started_on: date) -> date:
    return max(plan.aligned_from, started_on)


def _recertify_on(plan: RolloutPlan, started_on: date) -> date:
    return max(plan.recertify_on, started_on)


CHECKLIST = (
    Step(StepSlug.VERIFY_COMPLETION, "Verify completion", _at_start, verify_completion.rule),
    Step(
        StepSlug.RENOTIFY_INCOMPLETE,
        "Re-notify the incomplete",
        _at_start,
        renotify_incomplete.rule,
        "planned",
        renotify_incomplete.still_holds,
        renotify_incomplete.apply,
        mails=True,
    ),
    Step(
        StepSlug.SET_RECERTIFICATION_DATES,
        "Set the common Recertification Date",
        _aligned_from,
        set_recertification_dates.rule,
        "planned",
        set_recertification_dates.still_holds,
        set_recertification_dates.apply,
        keeps=True,
    ),
    Step(
        StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION,
        "Disable automatic recertification",
        _aligned_from,
        disable_automatic_recertification.rule,
        "planned",
        disable_automatic_recertification.still_holds,
        disable_automatic_recertification.apply,
    ),
    Step(
        StepSlug.RECERTIFY_DUE,
        "Recertify the learners who are due",
        _recertify_on,
        recertify_due.rule,
        "always",
        recertify_due.still_holds,
        recertify_due.apply,
        keeps=True,
    ),
    Step(
        StepSlug.NOTIFY_LEARNERS,
        "Notify the learners",
        _recertify_on,
        notify_learners.rule,
        "planned",
        notify_learners.still_holds,
        notify_learners.apply,
        source=StepSlug.RECERTIFY_DUE,
        mails=True,
    ),
)
# every step that a ledger may name: the checklist's, and the single ones of actions
STEPS = {step.slug: step for step in (*CHECKLIST, *ACTIONS)}
