"""``recert recertify``, ``renotify``, ``due-date`` …: actions on selected learners, each proposed before it is done."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Annotated, Any

from cyclopts import Parameter

from console import action_desk
from console.action_desk import Ended
from console.bench import opened_bench
from console.desk import mail_notes
from console.item_output import compact_item, write_items_json
from console.output import answer, say
from console.parameters import As, Day
from models.errors import Refused, WrongInput
from models.selection import Chosen
from models.words import RolloutState, Status, StepSlug
from tasks.checklist import STEPS
from tasks.items import items as read_items
from tasks.ordering import Asked, Placed, give_up, place
from tasks.proposing import CHANGES
from tasks.review_letters import summary
from tasks.wording import counted
from tasks.workbench import Workbench

REFUSED = 3
EXAMPLES = 10
SHOWN = ("learner", "training_type", "due_on", "recertification_on", "course")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Given:
    """Who orders it, whom it is about, and how it is confirmed.

    Attributes:
        as_: The operator who orders it.
        learner: Addresses or Employee IDs.
        status: Only certifications of this status.
        training_type: Only this training type.
        search: Only who has each of these words in name, address, Employee ID, department or location.
        current_course: Only who last took, or has open, the course of this code.
        department: Only this department.
        location: Only this location.
        day: Which day --since and --until are about.
        since: Only from this day on, YYYY-MM-DD.
        until: Only up to this day, YYYY-MM-DD.
        all_: Every learner who is not archived; asks for their number.
        yes: Do it without asking; for scripts. A large action is reviewed all the same.
        json: One JSON document: action, rollout, state, selected, digest, counts, items.
    """

    as_: As
    learner: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None
    status: Status | None = None
    training_type: str | None = None
    search: str = ""
    current_course: str = ""
    department: str = ""
    location: str = ""
    day: Day = "recertification_on"
    since: date | None = None
    until: date | None = None
    all_: Annotated[bool, Parameter(name="--all")] = False
    yes: bool = False
    json: bool = False

    @property
    def chosen(self) -> Chosen:
        """The choice, for the selection to resolve."""
        status = self.status.value if self.status else None
        places: dict[str, Any] = {
            "course": self.current_course,
            "department": self.department,
            "location": self.location,
        }
        days: dict[str, Any] = {"day": self.day, "since": self.since, "until": self.until}
        return Chosen(tuple(self.learner or ()), status, self.training_type, self.search, self.all_, **places, **days)


def recertify(given: Given) -> int:
    """Assign the course to come to learners who are Due for Recertification, and tell them."""
    return _order(Asked(StepSlug.RECERTIFY, given.chosen), given)


def renotify(given: Given) -> int:
    """Tell learners again of what they have not completed; no new assignment, no other Due Date."""
    return _order(Asked(StepSlug.RENOTIFY, given.chosen), given)


def due_date(given: Given, *, on: date) -> int:
    """Give open assignments another Due Date.

    Args:
        given: whom, and who orders it.
        on: The new Due Date, YYYY-MM-DD.
    """
    return _order(Asked(StepSlug.DUE_DATE, given.chosen, on=on), given)


def recertification_date(given: Given, *, on: date) -> int:
    """Give certifications of one training type another Recertification Date; the next completion ends it.

    Args:
        given: whom, and who orders it.
        on: The new Recertification Date, YYYY-MM-DD; one in the past makes them due.
    """
    return _order(Asked(StepSlug.RECERTIFICATION_DATE, given.chosen, on=on), given)


def next_course(given: Given, *, course: str) -> int:
    """Change the course that learners take next in its training type; dates stay.

    Args:
        given: whom, and who orders it.
        course: Code of the course to come.
    """
    return _order(Asked(StepSlug.NEXT_COURSE, given.chosen, course=course), given)


def assign(given: Given, *, course: str, due_on: date | None = None) -> int:
    """Assign a course now, due or not, and tell the learners; it takes the place of earlier versions' dates.

    Args:
        given: whom, and who orders it.
        course: Code of the course.
        due_on: The Due Date, YYYY-MM-DD; else default_due_days from today.
    """
    return _order(Asked(StepSlug.ASSIGN, given.chosen, course=course, due_on=due_on), given)


def unassign(given: Given, *, course: str) -> int:
    """Take open assignments of a course back; each certification stands as before.

    Args:
        given: whom, and who orders it.
        course: Code of the course that is assigned.
    """
    return _order(Asked(StepSlug.UNASSIGN, given.chosen, course=course), given)


def archive(given: Given) -> int:
    """Take learners out of circulation; dates and courses stay, unsent mail is cancelled."""
    return _order(Asked(StepSlug.ARCHIVE, given.chosen), given)


def unarchive(given: Given) -> int:
    """Bring archived learners back; who is overdue is proposed for review and not assigned by itself."""
    return _order(Asked(StepSlug.UNARCHIVE, given.chosen), given)


def complete(given: Given, *, course: str, on: date) -> int:
    """Record that learners completed a course.

    Args:
        given: whom, and who orders it.
        course: Code of the course that was taken.
        on: The day it was completed, YYYY-MM-DD.
    """
    return _order(Asked(StepSlug.COMPLETE, given.chosen, course=course, on=on), given)


def _order(asked: Asked, given: Given) -> int:
    with opened_bench() as bench:
        placed = place(bench, asked, given.as_)
        whole = str(placed.selection.learners) if given.all_ and placed.selection else "yes"
        return see_through(bench, placed, Confirming(given.as_, whole, yes=given.yes, json=given.json))


@dataclass(frozen=True, slots=True)
class Confirming:
    """Who confirms an action, what they have to type for it unless *yes*, and in which form its end is told."""

    email: str
    wanted: str = "yes"
    yes: bool = False
    json: bool = False


def see_through(bench: Workbench, placed: Placed, how: Confirming) -> int:
    """Show a proposed action, have it confirmed, do it or ask its approvers, and tell; return the exit code.

    Raises:
        Refused: it is not confirmed; nothing was done.
        WrongInput: nobody is there to be asked.
    """
    if not how.json:
        _tell_placed(bench, placed)
    _ask(bench, placed, how)
    ended = action_desk.go_ahead(bench, placed)
    for note in mail_notes(bench.settings) if STEPS[placed.record.slug].mails or placed.review else []:
        say(note)
    if ended.trouble:
        say(f"{ended.trouble}; what is to be sent waits in the outbox, and the upkeep sees to it")
    if how.json:
        _write_ended(bench, placed, ended)
    else:
        _tell_ended(placed, ended)
    return REFUSED if action_desk.was_refused(ended) else 0


def _tell_placed(bench: Workbench, placed: Placed) -> None:
    """Show what would be done, who is left out and why, and some of the lines."""
    record = placed.record
    assert record.proposal is not None  # noqa: S101 - just proposed
    chosen = placed.selection
    whom = f"{_number(chosen.learners, 'learner')}, {_number(chosen.number, 'line')}" if chosen else "everybody"
    say(f"{STEPS[record.slug].title}: {whom}")
    for words, number in counted(record.proposal.counts, record.slug):
        say(f"{number:>10,} {words}")
    for fact in summary(record):
        say(fact)
    with bench.database.read() as connection:
        for row in islice(read_items(connection, record.proposal.id, CHANGES), EXAMPLES):
            shown = compact_item(row)
            say("  " + "  ".join(str(shown[name]) for name in SHOWN if shown[name]))


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _ask(bench: Workbench, placed: Placed, how: Confirming) -> None:
    """Let whoever orders it confirm the list.

    Raises:
        Refused: they do not; nothing was done.
        WrongInput: nobody is there to be asked.
    """
    if how.yes or placed.changes == 0:
        return
    if not sys.stdin.isatty():
        give_up(bench, placed.rollout_id, how.email)
        raise WrongInput("nobody is there to confirm it: say it with --yes; nothing was done")
    question = f"type {how.wanted} to {'ask for a review of' if placed.review else 'do'} this: "
    if input_from_person(question) != how.wanted:
        give_up(bench, placed.rollout_id, how.email)
        raise Refused("not confirmed; nothing was done")


def input_from_person(question: str) -> str:
    """One line from the person at the terminal; stdout stays clean."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _tell_ended(placed: Placed, ended: Ended) -> None:
    """Say where a confirmed action stands."""
    number = f"rollout {placed.rollout_id}"
    if ended.state is RolloutState.IN_REVIEW:
        answer(f"{number}: approvers are asked; see: recert rollout show {placed.rollout_id}")
        return
    counts = ended.record.proposal.counts if ended.record.proposal else {}
    for words, lines in counted(counts, ended.record.slug):
        answer(f"{number}: {lines:,} {words}")


def _write_ended(bench: Workbench, placed: Placed, ended: Ended) -> None:
    """Write where a confirmed action stands, with all its lines, as one JSON document."""
    proposal = ended.record.proposal or placed.record.proposal
    assert proposal is not None  # noqa: S101 - an action is never without its list
    selected = placed.selection
    head = {
        "action": placed.record.slug.value,
        "rollout": placed.rollout_id,
        "state": ended.state.value,
        "selected": selected and {"lines": selected.number, "learners": selected.learners, "digest": selected.digest},
        "digest": proposal.digest,
        "counts": dict(proposal.counts),
    }
    with bench.database.read() as connection:
        write_items_json(head, read_items(connection, proposal.id))
