"""The first beat: write a step's items for everybody, fingerprint them, and say what the list amounts to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update

from mail.template_versions import template_version
from models import ledger, lifecycle
from models.dates import days_between
from models.digest import items_digest
from models.ledger import Rollout, StepRecord
from models.orders import ActionPlan
from models.tables import assignment, course, proposal, rollout, rollout_item, rollout_step
from models.words import ALIVE, CHANGING, Flag, MessageKind, Outcome, StepSlug, StepState
from tasks import reach
from tasks.audience import Case
from tasks.own_wordings import own_wordings
from tasks.step import Step, proposed
from tasks.workbench import Workbench

# (outcome, flags) → how many items of a list have both
Tally = Mapping[tuple[str, int], int]
CHANGES = [outcome.value for outcome in sorted(CHANGING)]
LETTER_OF = {
    StepSlug.RENOTIFY_INCOMPLETE: MessageKind.RENOTIFICATION,
    StepSlug.RECERTIFY_DUE: MessageKind.RECERTIFICATION,
    StepSlug.NOTIFY_LEARNERS: MessageKind.RECERTIFICATION,
    StepSlug.RECERTIFY: MessageKind.RECERTIFICATION,
    StepSlug.RENOTIFY: MessageKind.RENOTIFICATION,
    StepSlug.ASSIGN: MessageKind.ASSIGNMENT,
    StepSlug.UNDO: MessageKind.RETRACTION,
}


def case_of(connection: Connection, rollout: Rollout, steps: Mapping[StepSlug, StepRecord], today: date) -> Case:
    """Put together what a rule may know of the rollout on *today*."""
    types, changes = lifecycle.resolve(connection, rollout.plan)
    earlier = {slug: step.proposal.id for slug, step in steps.items() if step.proposal is not None}
    return Case(rollout.id, rollout.plan, today, list(types.values()), changes, earlier)


def head(connection: Connection, rollout: Rollout, step: Step) -> str:
    """What every digest of this step begins with: rollout, step, plan, and the version of the mail it sends."""
    plan = json.dumps(rollout.plan.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    letter = LETTER_OF.get(step.slug) if step.slug is not StepSlug.UNDO or _tells(rollout) else None
    version = template_version(letter.value, own_wordings(connection)) if letter else ""
    return f"{rollout.id}\n{step.slug}\n{plan}\n{version}"


def _tells(rollout: Rollout) -> bool:
    """Whether an undo tells whoever was told of what it takes back."""
    return isinstance(rollout.plan, ActionPlan) and rollout.plan.order.tell


def unapplied_with(connection: Connection, kind: MessageKind) -> list[int]:
    """The living rollouts with a list, asked or approved and not yet applied, whose digest holds the words of *kind*."""
    slugs = [slug.value for slug, letter in LETTER_OF.items() if letter is kind]
    standing = [StepState.IN_REVIEW.value, StepState.APPROVED.value]
    found = (
        select(rollout.c.id)
        .join_from(rollout, rollout_step, rollout_step.c.rollout_id == rollout.c.id)
        .where(rollout.c.state.in_(ALIVE), rollout_step.c.slug.in_(slugs), rollout_step.c.state.in_(standing))
    )
    return list(connection.scalars(found.distinct().order_by(rollout.c.id)))


def write_proposal(
    connection: Connection, bench: Workbench, rollout: Rollout, step: Step, today: date
) -> ledger.Proposal:
    """Write the step's next proposal in the open unit of work, and return it."""
    steps = ledger.steps(connection, rollout.id)
    lifecycle.exclude_planned(connection, rollout.id, rollout.plan, bench.now())
    case_ = case_of(connection, rollout, {slug: record for slug, record in steps.items() if slug != step.slug}, today)
    proposal_id = _new_round(connection, steps[step.slug].id, today, bench)
    connection.execute(proposed(step, case_, proposal_id))
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE rollout_item"))  # its planner knows nothing of rows written just now
    fingerprint(connection, rollout, step, proposal_id, today)
    found = ledger.steps(connection, rollout.id)[step.slug].proposal
    assert found is not None  # noqa: S101 - written three lines above, in this very transaction
    return found


def fingerprint(connection: Connection, rollout: Rollout, step: Step, proposal_id: int, proposed_on: date) -> str:
    """Fingerprint and count a list as it stands, and note both; return the digest."""
    tallied = tally(connection, proposal_id)
    values = {
        "digest": items_digest(connection, head(connection, rollout, step), proposal_id),
        "counts": counts(tallied),
        "facts": facts(connection, proposal_id, step.slug, proposed_on, tallied)
        | reach.facts(connection, proposal_id, step.slug)
        | ({"tells": True} if _tells(rollout) else {}),
    }
    connection.execute(update(proposal).where(proposal.c.id == proposal_id).values(**values))
    return str(values["digest"])


def _new_round(connection: Connection, step_id: int, today: date, bench: Workbench) -> int:
    number = connection.execute(select(func.max(proposal.c.round)).where(proposal.c.step_id == step_id)).scalar() or 0
    made = connection.execute(
        insert(proposal).values(
            step_id=step_id,
            round=number + 1,
            proposed_on=today,
            proposed_at=bench.now(),
            digest="",
            counts={},
            facts={},
        )
    )
    return int(made.inserted_primary_key[0])  # type: ignore[index]  # a table with one key always has it


def tally(connection: Connection, proposal_id: int) -> Tally:
    """Read once how many items have which outcome and flags: what a list is counted by."""
    item = rollout_item.c
    rows = connection.execute(
        select(item.outcome, item.flags, func.count())
        .where(item.proposal_id == proposal_id)
        .group_by(item.outcome, item.flags)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def counts(tallied: Tally) -> dict[str, int]:
    """Outcome → number of items, in the vocabulary's order; what does not occur is left out."""
    found: Counter[str] = Counter()
    for (outcome, _), number in tallied.items():
        found[outcome] += number
    return {outcome.value: found[outcome.value] for outcome in Outcome if outcome.value in found}


def changes_in(numbers: Mapping[str, int]) -> int:
    """How many of the counted items change or send something."""
    return sum(number for outcome, number in numbers.items() if outcome in CHANGES)


def facts(connection: Connection, proposal_id: int, slug: StepSlug, today: date, tallied: Tally) -> dict[str, Any]:
    """What the request leads with: flags with their counts, and the spans of days that matter in this step."""
    flagged: Counter[str] = Counter()
    for (outcome, flags), number in tallied.items():
        flagged.update({bit.slug: number for bit in Flag if flags & bit and outcome in CHANGES})
    found: dict[str, Any] = {bit.slug: flagged[bit.slug] for bit in Flag if flagged[bit.slug]}
    if slug in (StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFICATION_DATE, StepSlug.RECOMPUTE_DATES):
        found.update(_spans(connection, proposal_id))
    if slug in (StepSlug.RENOTIFY_INCOMPLETE, StepSlug.RENOTIFY, StepSlug.DUE_DATE):
        found.update(_past_due(connection, proposal_id, today))
    if slug is StepSlug.RECOMPUTE_DATES:
        found["by_course"] = _by_course(connection, proposal_id)
    return found


def _spans(connection: Connection, proposal_id: int) -> dict[str, Any]:
    """By how many days at most a list moves a Recertification Date, away and nearer."""
    item = rollout_item.c
    moved = days_between(item.recertification_before, item.recertification_after)
    changing = (item.proposal_id == proposal_id) & item.outcome.in_(CHANGES)
    longest, shortest = connection.execute(select(func.max(moved), func.min(moved)).where(changing)).one()
    return {
        "extends_by_at_most_days": max(0, longest or 0),
        "brings_forward_by_at_most_days": max(0, -(shortest or 0)),
    }


def _past_due(connection: Connection, proposal_id: int, today: date) -> dict[str, Any]:
    """How many were past due, and since when: by the first Due Date on record."""
    first_due = func.coalesce(assignment.c.first_due_on, assignment.c.due_on)
    row = connection.execute(
        select(func.count(), func.min(first_due))
        .join_from(rollout_item, assignment, assignment.c.id == rollout_item.c.assignment_id)
        .where(rollout_item.c.proposal_id == proposal_id, rollout_item.c.outcome.in_(CHANGES), first_due < today)
    ).one()
    return {"past_due": row[0], "past_due_since": str(row[1])} if row[0] else {}


def _by_course(connection: Connection, proposal_id: int) -> dict[str, int]:
    """Course code → how many lines with this course change something, by code."""
    rows = connection.execute(
        select(course.c.code, func.count())
        .join_from(rollout_item, course, course.c.id == rollout_item.c.course_after)
        .where(rollout_item.c.proposal_id == proposal_id, rollout_item.c.outcome.in_(CHANGES))
        .group_by(course.c.code)
        .order_by(course.c.code)
    )
    return {row[0]: row[1] for row in rows}
