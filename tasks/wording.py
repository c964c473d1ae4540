"""Outcomes, flags and facts in words, the same in every mail, form and report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from models.words import Outcome, StepSlug

OUTCOME_WORDS = {
    Outcome.RENOTIFY: "get a new Due Date and are told again",
    Outcome.RENOTIFY_KEEP_DUE: "keep their later Due Date and are told again",
    Outcome.SET_DATE: "are moved to the common day, from a later or equal one",
    Outcome.SET_DATE_EXTENDS: "are moved to the common day, from an earlier one",
    Outcome.DISABLE: "are held from automatic recertification",
    Outcome.RECERTIFY: "are assigned the renewal",
    Outcome.NOTIFY: "are sent their notice",
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
}


def in_words(day: date) -> str:
    """A day that nobody can misread: ``Monday, 18 January 2027``."""
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Outcome counts with their words, in the vocabulary's order."""
    return [(OUTCOME_WORDS[Outcome(code)], number) for code, number in counts.items()]


def leading_facts(slug: StepSlug, facts: Mapping[str, Any], still_open: int) -> list[str]:
    """What an approver must see first, one line each; the gravest first."""
    lines = []
    if slug is StepSlug.SET_RECERTIFICATION_DATES:
        if still_open:
            lines.append(f"{still_open:,} have still not completed: they keep their assignment and are not aligned")
        lines += _lapses(facts)
    if facts.get("past_due"):
        lines.append(f"{facts['past_due']:,} are past due, the longest since {facts['past_due_since']}")
    if facts.get("date-overridden"):
        lines.append(f"{facts['date-overridden']:,} have a date that was set by hand, which this replaces")
    if facts.get("course-changed"):
        lines.append(f"{facts['course-changed']:,} get another course than the one they took last")
    if facts.get("new-since-start"):
        lines.append(f"{facts['new-since-start']:,} joined since the rollout started")
    if facts.get("no-email"):
        lines.append(f"{facts['no-email']:,} have no e-mail address and must be told by hand")
    return lines


def _lapses(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if facts.get("already-due"):
        lines.append(f"{facts['already-due']:,} were due before today and would go on without a valid certification")
    if facts.get("would-lapse"):
        lines.append(f"{facts['would-lapse']:,} would lapse between today and the common day")
    if facts.get("extends_by_at_most_days"):
        lines.append(f"the longest extension is {facts['extends_by_at_most_days']:,} days")
    if facts.get("brought-forward"):
        most = facts.get("brings_forward_by_at_most_days", 0)
        lines.append(f"{facts['brought-forward']:,} renew earlier than they would have to, by up to {most:,} days")
    return lines
