"""The actions as people know them: what a button says, what the action does, what it asks for, what is true once it is done."""

from __future__ import annotations

from dataclasses import dataclass

from models.words import StepSlug


@dataclass(frozen=True, slots=True)
class ActionWords:
    """One action in words.

    Attributes:
        label: what its buttons say.
        does: what it does, for whoever is about to order it.
        done: what is true once it was carried out.
        needs: the fields of its form: ``on``, ``course``, ``training_type``, ``due_on``.
        day: what its day is called.
        held: whether its course is one that the selected learners hold already.
    """

    label: str
    does: str
    done: str
    needs: tuple[str, ...] = ()
    day: str = ""
    held: bool = False


ACTIONS = {
    StepSlug.RECERTIFY: ActionWords(
        "Recertify",
        "Whoever is Due for Recertification is assigned the course to come, with a Due Date, and told by mail.",
        "The recertification courses are assigned",
    ),
    StepSlug.RENOTIFY: ActionWords(
        "Re-notify",
        "Whoever has not completed is told again by mail. There is no new assignment and no other Due Date.",
        "Whoever has not completed is told again",
    ),
    StepSlug.DUE_DATE: ActionWords(
        "Change due date",
        "Open assignments get another Due Date. Nobody is mailed by this alone: re-notify them to tell.",
        "The Due Dates are changed",
        ("on",),
        "New Due Date",
    ),
    StepSlug.RECERTIFICATION_DATE: ActionWords(
        "Edit recertification date",
        "Certifications of one training type get another Recertification Date; the next completion ends it. "
        "A day in the past makes them due, and assigns nothing by itself.",
        "The Recertification Dates are changed",
        ("training_type", "on"),
        "New Recertification Date",
    ),
    StepSlug.NEXT_COURSE: ActionWords(
        "Change recertification course",
        "They take this course next in its training type. Dates stay as they are.",
        "The recertification courses are changed",
        ("course",),
        held=True,
    ),
    StepSlug.ASSIGN: ActionWords(
        "Assign a course now",
        "The course is assigned at once, due or not, and they are told by mail. "
        "It takes the place of the dates of earlier versions.",
        "The course is assigned",
        ("course", "due_on"),
    ),
    StepSlug.UNASSIGN: ActionWords(
        "Unassign",
        "Open assignments of a course are taken back, and each certification stands as before it. "
        "Whoever is well under way keeps theirs.",
        "The assignments are taken back",
        ("course",),
        held=True,
    ),
    StepSlug.COMPLETE: ActionWords(
        "Complete",
        "Records that they completed a course on a day. A completion is permanent: it cannot be taken back.",
        "The completions are recorded",
        ("course", "on"),
        "Completed on",
    ),
    StepSlug.ARCHIVE: ActionWords(
        "Archive",
        "The learners go out of circulation: nothing is assigned or mailed to them. Dates and courses stay, "
        "mail that has not left is cancelled.",
        "The learners are archived",
    ),
    StepSlug.UNARCHIVE: ActionWords(
        "Unarchive",
        "The learners come back as they were. Whoever is overdue is proposed for review, and not assigned by itself.",
        "The learners are back",
    ),
    StepSlug.UNDO: ActionWords(
        "Take it back",
        "Whoever has not started stands as before it. Whoever has started is left as they are, and listed.",
        "It is taken back",
    ),
    StepSlug.RECOMPUTE_DATES: ActionWords(
        "Apply to all",
        "The Recertification Dates that exist are counted anew with this setting. Nothing is changed yet, the setting "
        "neither: both wait for an approver.",
        "The setting is stored, and the dates that exist follow it",
    ),
}
# What the bar offers, in its order; the first ones stand open, the others behind More. The rest has doors of its own.
ON_THE_BAR = tuple(slug for slug in ACTIONS if slug not in (StepSlug.UNDO, StepSlug.RECOMPUTE_DATES))
OPEN_ON_THE_BAR = 2
