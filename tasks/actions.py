"""The actions: one tuple that doors, ledger, gates and mail all read. Each is the only step of a rollout of its own."""

from __future__ import annotations

from datetime import date

from models.plan import RolloutPlan
from models.words import StepSlug
from tasks import (
    action_dates,
    archiving,
    assigning,
    completing,
    new_version,
    recertify_due,
    recomputing,
    selected,
    undoing,
    withdrawing,
)
from tasks.renotify_incomplete import still_holds as still_open
from tasks.step import Step


def _at_once(plan: RolloutPlan, ordered_on: date) -> date:
    del plan
    return ordered_on


ACTIONS = (
    Step(
        StepSlug.RECERTIFY,
        "Recertify",
        _at_once,
        recertify_due.rule,
        "ordered",
        recertify_due.still_holds,
        assigning.recertify,
        mails=True,
        people=selected.certifications,
        keeps=True,
    ),
    Step(
        StepSlug.RENOTIFY,
        "Re-notify",
        _at_once,
        assigning.renotify_rule,
        "ordered",
        still_open,
        assigning.renotify,
        mails=True,
        people=selected.certifications,
    ),
    Step(
        StepSlug.DUE_DATE,
        "Change Due Dates",
        _at_once,
        action_dates.due_rule,
        "ordered",
        action_dates.due_still_holds,
        action_dates.move_due,
        people=selected.certifications,
    ),
    Step(
        StepSlug.RECERTIFICATION_DATE,
        "Change Recertification Dates",
        _at_once,
        action_dates.date_rule,
        "ordered",
        action_dates.date_still_holds,
        action_dates.set_dates,
        people=selected.certifications,
        keeps=True,
    ),
    Step(
        StepSlug.NEXT_COURSE,
        "Change the course to come",
        _at_once,
        action_dates.course_rule,
        "ordered",
        action_dates.course_still_holds,
        action_dates.set_courses,
        people=selected.certifications,
        keeps=True,
    ),
    Step(
        StepSlug.ASSIGN,
        "Assign a course",
        _at_once,
        assigning.rule,
        "ordered",
        apply=assigning.apply,
        mails=True,
        people=selected.for_course,
        prepare=assigning.make_certifications,
        moved=assigning.moved,
        keeps=True,
    ),
    Step(
        StepSlug.UNASSIGN,
        "Take assignments back",
        _at_once,
        withdrawing.rule,
        "ordered",
        withdrawing.still_holds,
        withdrawing.apply,
        people=selected.certifications,
        keeps=True,
    ),
    Step(
        StepSlug.ARCHIVE,
        "Archive",
        _at_once,
        archiving.archive_rule,
        "ordered",
        apply=archiving.archive,
        people=selected.learners,
        moved=archiving.archived_meanwhile,
    ),
    Step(
        StepSlug.UNARCHIVE,
        "Bring back from the archive",
        _at_once,
        archiving.unarchive_rule,
        "ordered",
        apply=archiving.unarchive,
        people=selected.learners,
        moved=archiving.returned_meanwhile,
    ),
    Step(
        StepSlug.COMPLETE,
        "Record completions",
        _at_once,
        completing.rule,
        "ordered",
        apply=completing.apply,
        people=selected.for_course,
        prepare=completing.prepare,
        moved=completing.moved,
        keeps=True,
    ),
    Step(
        StepSlug.RECOMPUTE_DATES,
        "Recompute Recertification Dates",
        _at_once,
        recomputing.rule,
        "ordered",
        apply=recomputing.apply,
        people=recomputing.people,
        prepare=recomputing.choose,
        moved=recomputing.moved,
        keeps=True,
    ),
    Step(
        StepSlug.NEW_VERSION,
        "Open the newer version",
        _at_once,
        new_version.rule,
        still_holds=new_version.still_holds,
        apply=new_version.apply,
        people=new_version.people,
    ),
    Step(
        StepSlug.UNDO,
        "Take a rollout back",
        _at_once,
        undoing.rule,
        "ordered",
        apply=undoing.apply,
        people=undoing.people,
        moved=undoing.moved,
        keeps=True,
    ),
)
