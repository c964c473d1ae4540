"""The facts of ``explain`` in sentences, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from models.words import LeftBecause, Status
from tasks.wording import in_words

WITHHELD = {
    "held": "rollout {rollout} ({name}) holds it",
    "aligned": "rollout {rollout} ({name}) gave it the common day and is not over",
    "taken-out": "it was taken out of rollout {rollout} ({name}); let it in again by: recert rollout release {rollout}",
}

LEFT = {
    LeftBecause.SWITCHED_ON: "it was due already when the switch was turned on",
    LeftBecause.RETURNED: "the learner came back from the archive when it was due",
    LeftBecause.HOLD_ENDED: "it became due under a rollout that has ended",
    LeftBecause.UNUSUALLY_MANY: "unusually many were due on that day, so a person is to look at them",
    LeftBecause.DATE_MOVED: "a person, or a setting, moved its date to one that had come",
    LeftBecause.UNDONE: "the rollout that had assigned or moved it was taken back",
}


def sentences(known: dict[str, Any]) -> list[str]:
    """Say of one certification of ``explain`` what it is and why, one sentence a line."""
    return [_standing(known), *_date(known), *_course(known["next_course"]), _automatic(known["automatic"])]


def _standing(known: dict[str, Any]) -> str:
    label, opened = Status(known["status"]), known["open"]
    if label is Status.ARCHIVED:
        return "Archived: nothing is assigned or mailed; dates and courses stay as they are."
    if opened is not None:
        return f"{_label(label)}: {_opened(opened)}."
    if label is Status.NOT_ASSIGNED:
        return "Not assigned: nothing was ever taken."
    return f"{_label(label)}: {_since(label, known)}."


def _since(label: Status, known: dict[str, Any]) -> str:
    day = known["recertification_on"]
    if day is None:
        return "never to be renewed"
    if label is Status.DUE_FOR_RECERTIFICATION:
        return f"to be renewed since {in_words(day)}, and nothing is assigned"
    return f"to be renewed on {in_words(day)}"


def _opened(opened: dict[str, Any]) -> str:
    parts = [f"{opened['course']} is assigned"]
    parts += [f"since {in_words(opened['assigned_on'])}"] if opened["assigned_on"] else []
    parts += [f"by rollout {opened['rollout']}"] if opened["rollout"] else []
    due = f"due on {in_words(opened['due_on'])}" if opened["due_on"] else "without a Due Date"
    moved = opened["first_due_on"] not in (None, opened["due_on"])
    first = f" (first {in_words(opened['first_due_on'])})" if moved else ""
    return f"{' '.join(parts)}, {due}{first}, {opened['progress']} % done"


def _date(known: dict[str, Any]) -> Iterator[str]:
    if known["open"] is not None:
        yield "No Recertification Date is shown while an assignment is open; it is counted anew from its completion."
    override, reckoned = known["override"], known["reckoned"]
    hidden = "Before it, the day was" if known["open"] is not None else "The Recertification Date is"
    if override is not None:
        by = f"rollout {override['rollout']}" if override["rollout"] else override["by"] or "somebody"
        reason = f": {override['reason']}" if override["reason"] not in (None, "", by) else ""
        yield f"The Recertification Date {in_words(override['recertification_on'])} was set by {by}{_when(override)}{reason}."
    if reckoned is not None:
        yield _counted(reckoned, known["completion"], "Without that it would be" if override is not None else hidden)


def _when(override: dict[str, Any]) -> str:
    return f" on {in_words(override['at'].date())}" if override["at"] else ""


def _counted(reckoned: dict[str, Any], done: dict[str, Any], verb: str) -> str:
    """What the day is counted from, and whether today's settings would give another one."""
    months, anchor = reckoned["frequency_months"], in_words(reckoned["anchor_on"])
    every = f"every {months} months" if months else "never renewed"
    counted = f"counted from the {reckoned['basis']} of {done['course']} ({anchor}), {every}"
    stands, would_be = reckoned["recertification_on"], reckoned["would_be_on"]
    if stands == would_be:
        return f"{verb} {_day(stands)}: {counted}."
    return f"{verb} {_day(stands)}, as it was reckoned or imported at the time; today's settings would give {_day(would_be)}: {counted}."


def _day(day: date | None) -> str:
    return in_words(day) if day is not None else "Never"


def _course(coming: dict[str, Any]) -> Iterator[str]:
    match coming["because"]:
        case "taken-last":
            yield f"The course to come is {coming['course']}, the one taken last."
        case "chosen":
            yield f"The course to come is {coming['course']}: somebody chose it in the place of the one taken last."
        case "retired":
            yield f"The course to come is {coming['course']}, which succeeds the retired {coming['instead_of']}."
        case "retired-without-successor":
            yield f"There is no course to come: {coming['instead_of']} is retired and names no successor."


def _automatic(known: dict[str, Any]) -> str:
    if not known["switched_on"]:
        return "Automatic recertification is switched off for this training type."
    if known["left_to_people"]:
        return (
            f"Automatic recertification is switched on, but leaves this one to people: {LEFT[known['left_to_people']]}."
        )
    if not known["withheld_by"]:
        return "Automatic recertification is switched on, and nothing withholds it."
    reasons = "; ".join(WITHHELD[each["why"]].format(**each) for each in known["withheld_by"])
    return f"Automatic recertification is switched on, but withheld: {reasons}."


def _label(label: Status) -> str:
    return label.value.replace("-", " ").capitalize()
