"""Automatic recertification: everyone due is assigned the course to come, as a rollout's fifth step does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Subquery,
    and_,
    cast,
    false,
    func,
    null,
    select,
    update,
)

from models import audit, automatic, choices, ledger, lifecycle
from models.database import one_at_a_time
from models.lifecycle import UPKEEP
from models.plan import RolloutPlan
from models.tables import assignment, certification, message, rollout_step, training_type
from models.words import LeftBecause, MessageKind, MessageState, Outcome, RolloutState, StepSlug, StepState
from tasks import recertify_due
from tasks.applying import CHUNK_ROWS, Pass, carry_out, finish_step
from tasks.checklist import CHECKLIST, STEPS
from tasks.notices import queue_notices
from tasks.proposing import write_proposal
from tasks.step import Chunk
from tasks.workbench import Workbench

# So many may always be assigned in one upkeep, however small the organisation is.
ALWAYS_ALLOWED = 50
SLUG = StepSlug.RECERTIFY_DUE


@dataclass(frozen=True, slots=True)
class Assigned:
    """What one upkeep assigned by itself, and what is due and left to people.

    Attributes:
        certifications, learners: how many were assigned something, and to how many learners.
        notices: how many letters were queued; nobody without an address gets one.
        rollouts: ids of the ledger's rollouts that hold the items.
        left: reason → number of certifications that are due and wait for a person.
    """

    certifications: int
    learners: int
    notices: int
    rollouts: tuple[int, ...]
    left: Mapping[str, int]


def recertify(bench: Workbench, *, learners: int = CHUNK_ROWS) -> Assigned:
    """Assign to everyone whom automatic recertification may act upon today, and queue one notice to each.

    More people than the setting allows in one upkeep are all left to people instead. Run again, or by two processes at
    once, it assigns nothing twice; days of standstill are made up for.

    Args:
        bench: settings, clock and database.
        learners: how many one transaction takes; each makes a rollout in the ledger, of that step alone.

    Raises:
        DatabaseUnavailable: what was assigned stays so; safe to call again.
    """
    with bench.database.write() as connection:
        one_at_a_time(connection)
        waiting = _waiting(connection, bench)
    made = []
    for _ in range(0, waiting, learners):
        with bench.database.write() as connection:
            one_at_a_time(connection)
            rollout_id = _assign(connection, bench, learners)
        if rollout_id is None:  # another upkeep was quicker
            break
        made.append(rollout_id)
    with bench.database.read() as connection:
        left = automatic.left_to_people(connection, bench.today())
        return Assigned(*_counted(connection, made), tuple(made), left)


def _counted(connection: Connection, rollouts: Sequence[int]) -> tuple[int, int, int]:
    """How many certifications and learners these rollouts assigned to, and how many letters they queued."""
    if not rollouts:
        return 0, 0, 0
    assigned = select(func.count(), func.count(certification.c.learner_id.distinct())).join_from(
        assignment, certification, assignment.c.certification_id == certification.c.id
    )
    certifications, learners = connection.execute(assigned.where(assignment.c.rollout_id.in_(rollouts))).one()
    letters = select(func.count()).where(message.c.rollout_id.in_(rollouts))
    return certifications, learners, connection.execute(letters).scalar_one()


def _waiting(connection: Connection, bench: Workbench) -> int:
    """How many people may be assigned to by themselves; where they are unusually many, leave them to people: none."""
    today = bench.today()
    due = automatic.due(today).subquery("due")
    numbers = select(func.count(), func.count(due.c.learner_id.distinct())).select_from(due)
    certifications, people = connection.execute(numbers).one()
    if people <= ALWAYS_ALLOWED:
        return int(people)
    share = choices.read(connection).automatic_review_share
    most = max(ALWAYS_ALLOWED, automatic.active_learners(connection) * share // 100)
    if people <= most:
        return int(people)
    which = certification.c.id.in_(select(due.c.certification_id))
    automatic.leave_to_people(connection, which, today=today, because=LeftBecause.UNUSUALLY_MANY)
    audit.record(
        connection,
        at=bench.now(),
        actor=UPKEEP,
        act="automatic-left-to-people",
        subject=f"day {today}",
        detail={"certifications": certifications, "learners": people, "allowed": most},
    )
    return 0


def _assign(connection: Connection, bench: Workbench, learners: int) -> int | None:
    """Assign to the next so many learners in the open unit of work; return the rollout that says so, if anybody is left."""
    today = bench.today()
    due = automatic.due(today).subquery("due")
    some = select(due.c.learner_id).distinct().order_by(due.c.learner_id).limit(learners).subquery()
    upto = connection.execute(select(func.max(some.c.learner_id))).scalar()
    if upto is None:
        return None
    types = select(training_type.c.slug).where(training_type.c.id.in_(select(due.c.training_type_id)))
    slugs = list(connection.scalars(types.order_by(training_type.c.id)))
    plan = plan_of(connection, "automatic", today, slugs)
    rollout_id = open_ledger(connection, bench, plan, alive=False)
    step = replace(
        STEPS[SLUG],
        review="never",
        people=lambda case: people_of(automatic.due(case.today), upto),
        still_holds=_still_holds,
        apply=_apply,
    )
    whole = ledger.load(connection, rollout_id)
    proposal = write_proposal(connection, bench, whole, step, today)
    carry_out(connection, Pass(bench, whole, step, proposal.id, whole.epoch, today), 0, upto)
    finish_step(connection, ledger.steps(connection, rollout_id)[SLUG], StepState.APPLIED, bench)
    lifecycle.finish(connection, rollout_id, RolloutState.COMPLETED, bench.now(), "automatic recertification")
    # The audit comes last: whoever waits for its turn there must not be waited for here.
    audit.record(
        connection,
        at=bench.now(),
        actor=UPKEEP,
        act="automatic-recertification",
        subject=f"rollout {rollout_id}",
        detail={"plan": plan.model_dump(mode="json")},
    )
    return rollout_id


def plan_of(connection: Connection, name: str, today: date, slugs: Sequence[str]) -> RolloutPlan:
    """What the ledger says is done: these training types, people who are due today, the usual time to complete."""
    return RolloutPlan.model_validate(
        {
            "name": f"{name} {today}",
            "training_types": list(slugs),
            "recertify_on": today,
            "align_on": today,
            "due_in_days": choices.read(connection).default_due_days,
            "incomplete": {"new_due_on": today},
            "reviews": {"steps": []},
        }
    )


def open_ledger(connection: Connection, bench: Workbench, plan: RolloutPlan, *, alive: bool) -> int:
    """Write a rollout of the upkeep's own whose every step but the fifth is passed; return its id.

    Args:
        connection: an open unit of work.
        bench: settings, clock and database.
        plan: of ``plan_of``.
        alive: it waits for people, and tells the renewed in its last step; otherwise it is over when this unit ends.
    """
    today = bench.today()
    days = [(step.slug, today) for step in CHECKLIST]
    rollout_id = lifecycle.start(connection, plan, UPKEEP, days, at=bench.now(), today=today, alive=alive)
    open_ = [SLUG.value, StepSlug.NOTIFY_LEARNERS.value] if alive else [SLUG.value]
    others = update(rollout_step).where(rollout_step.c.rollout_id == rollout_id, rollout_step.c.slug.not_in(open_))
    connection.execute(others.values(state=StepState.PASSED.value, applied_at=bench.now()))
    return rollout_id


def people_of(due: Select[Any], upto: int | None = None) -> Subquery:
    """Those of ``automatic.due``, up to a learner's id, with all columns that a rule may ask about."""
    people = due.subquery("due")
    query = select(
        *people.c,
        false().label("excluded"),
        cast(null(), String).label("aligned_outcome"),
        false().label("is_new"),
        false().label("left_audience"),
    )
    return (query if upto is None else query.where(people.c.learner_id <= upto)).subquery("audience")


def _still_holds(chunk: Chunk, now: Any) -> ColumnElement[bool]:
    """As in a rollout, and nothing has come in its way while its certification was locked."""
    free = select(certification.c.id).where(automatic.unhindered(), ~automatic.is_left())
    return and_(recertify_due.still_holds(chunk, now), now.certification_id.in_(free))


def _apply(chunk: Chunk) -> None:
    """Assign, and queue the notices at once."""
    recertify_due.assign(chunk, Outcome.RECERTIFY)
    queue_notices(chunk, MessageKind.RECERTIFICATION, MessageState.QUEUED, (Outcome.RECERTIFY,))
