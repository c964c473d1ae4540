"""Outcomes, flags and facts in words, the same in every mail, form and report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from models.words import Outcome, StepSlug
from tasks.reach import CARRIES, Why

OUTCOME_WORDS = {
    Outcome.RENOTIFY: "get a new Due Date and are told again",
    Outcome.RENOTIFY_KEEP_DUE: "keep their later Due Date and are told again",
    Outcome.SET_DATE: "are moved to the common day, from a later or equal one",
    Outcome.SET_DATE_EXTENDS: "are moved to the common day, from an earlier one",
    Outcome.DISABLE: "are held from automatic recertification",
    Outcome.RECERTIFY: "are assigned the renewal",
    Outcome.NOTIFY: "are sent their notice",
    Outcome.SET_DUE: "get another Due Date",
    Outcome.SET_COURSE: "get another course to come",
    Outcome.ASSIGN: "are assigned the course",
    Outcome.UNASSIGN: "have their assignment taken back",
    Outcome.ARCHIVE: "are archived",
    Outcome.UNARCHIVE: "come back from the archive",
    Outcome.COMPLETE: "are recorded as completed",
    Outcome.RECOMPUTE: "get another computed Recertification Date",
    Outcome.NEW_VERSION: "open the version that succeeds their course",
    Outcome.UNDO: "are put back as they were",
    Outcome.COMPLETED: "have completed",
    Outcome.OPEN_ASSIGNMENT: "have not completed yet",
    Outcome.SKIP_UNCHANGED: "stay as they are: nothing would change",
    Outcome.SKIP_OPEN_ASSIGNMENT: "left out: the last assignment is still open",
    Outcome.SKIP_NOT_DUE: "left out: not due",
    Outcome.SKIP_NEVER: "left out: never recertified",
    Outcome.SKIP_ARCHIVED: "left out: archived",
    Outcome.SKIP_NEVER_COMPLETED: "left out: never completed",
    Outcome.SKIP_NO_COURSE: "left out: no course to take next (retired without successor)",
    Outcome.SKIP_TOO_RECENT: "left out: completed shortly before the common day",
    Outcome.SKIP_EXCLUDED: "left out: excluded by the plan or an approver",
    Outcome.SKIP_WOULD_EXTEND: "left out: would be extended by too many days",
    Outcome.SKIP_TOO_EARLY: "left out: would be renewed too many days early",
    Outcome.SKIP_LEFT_AUDIENCE: "left out: no longer in the audience",
    Outcome.SKIP_CHANGED_SINCE_REVIEW: "left out: changed since the review",
    Outcome.SKIP_ALREADY_ASSIGNED: "left out: already assigned by this rollout",
    Outcome.SKIP_NO_EMAIL: "cannot be mailed: no address",
    Outcome.SKIP_NOT_ASSIGNED: "left out: nothing is assigned",
    Outcome.SKIP_NO_DUE_DATE: "left out: no Due Date to tell of; set one first",
    Outcome.SKIP_OTHER_COURSE: "left out: another course is assigned",
    Outcome.SKIP_STARTED: "left out: the course is under way",
    Outcome.SKIP_IN_ROLLOUT: "left out: a running rollout has set the date",
}


def in_words(day: date) -> str:
    """A day that nobody can misread: ``Monday, 18 January 2027``."""
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


# What an action does by the same code as a step, and no common day is spoken of.
ACTION_WORDS = {
    StepSlug.RECERTIFICATION_DATE: {
        Outcome.SET_DATE: "get an earlier Recertification Date, or the first",
        Outcome.SET_DATE_EXTENDS: "get a later Recertification Date",
    }
}


def counted(counts: Mapping[str, int], slug: StepSlug | None = None) -> list[tuple[str, int]]:
    """Outcome counts with their words, in the vocabulary's order; of an action's *slug*, with its own."""
    words = outcome_words(slug)
    return [(words[Outcome(code)], number) for code, number in counts.items()]


def outcome_words(slug: StepSlug | None = None) -> Mapping[Outcome, str]:
    """What each outcome says; of an action's *slug*, in its own words."""
    return OUTCOME_WORDS | (ACTION_WORDS.get(slug, {}) if slug else {})


def leading_facts(slug: StepSlug, facts: Mapping[str, Any], still_open: int) -> list[str]:
    """What an approver must see first, one line each; the gravest first."""
    lines = []
    if slug in (StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFICATION_DATE):
        if still_open:
            how = "has still not completed: keeps the assignment and is not aligned"
            lines.append(
                _people(still_open, how, "have still not completed: they keep their assignment and are not aligned")
            )
        lines += _lapses(facts)
    if slug is StepSlug.RECOMPUTE_DATES:
        lines += [f"{number:,} of {code}" for code, number in facts.get("by_course", {}).items()] + _lapses(facts)
    if number := facts.get("past_due"):
        since = facts["past_due_since"]
        lines.append(_people(number, f"is past due, since {since}", f"are past due, the longest since {since}"))
    if number := facts.get("date-overridden"):
        set_by_hand = "a date that was set by hand, which this replaces"
        lines.append(_people(number, f"has {set_by_hand}", f"have {set_by_hand}"))
    if number := facts.get("due-at-once"):
        lines.append(_people(number, "becomes due at once", "become due at once"))
    if number := facts.get("course-changed"):
        lines.append(_people(number, "gets another course than the last one", "get another course than the last one"))
    if number := facts.get("new-since-start"):
        lines.append(_people(number, "joined since the rollout started", "joined since the rollout started"))
    return lines + _mailed(facts) + out_of_reach(facts, carried=facts.get(CARRIES))


def _mailed(facts: Mapping[str, Any]) -> list[str]:
    """Whom mail has told of what is taken back, and whom none can tell anything."""
    lines = []
    if number := facts.get("told"):
        then = "will be told" if facts.get("tells") else "will not be told"
        before = f"been told of it by mail, and {then} that it was taken back"
        lines.append(_people(number, f"has {before}", f"have {before}"))
    if number := facts.get("no-email"):
        by_hand = "no e-mail address and must be told by hand"
        lines.append(_people(number, f"has {by_hand}", f"have {by_hand}"))
    return lines


def out_of_reach(facts: Mapping[str, Any], *, carried: bool | None) -> list[str]:
    """Whose address is out of the mail's reach, one line each; *carried*: whether the server offers SMTPUTF8, if known."""
    lines = []
    if number := facts.get(Why.NO_MAILBOX):
        none = "an address that cannot be mailed as it is written"
        lines.append(_people(number, f"has {none}", f"have {none}"))
    if carried is False and (number := facts.get(Why.NEEDS_SMTPUTF8)):
        other = "an address that the mail server cannot carry: it does not offer SMTPUTF8"
        lines.append(_people(number, f"has {other}", f"have {other}"))
    return lines


def _people(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _lapses(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if number := facts.get("already-due"):
        without = "due before today and would go on without a valid certification"
        lines.append(_people(number, f"was {without}", f"were {without}"))
    if number := facts.get("would-lapse"):
        lapse = "would lapse between today and the common day"
        lines.append(_people(number, lapse, lapse))
    if most := facts.get("extends_by_at_most_days"):
        lines.append(f"the longest extension is {_people(most, 'day', 'days')}")
    if number := facts.get("brought-forward"):
        by = _people(facts.get("brings_forward_by_at_most_days", 0), "day", "days")
        lines.append(
            _people(number, f"renews earlier than needed, by {by}", f"renew earlier than needed, by up to {by}")
        )
    return lines
