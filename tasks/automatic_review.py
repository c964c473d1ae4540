"""What automatic recertification leaves to people is proposed to them: a rollout of the fifth step alone, for review."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, exists, literal, select

from models import audit, automatic, ledger, people
from models.database import one_at_a_time
from models.lifecycle import UPKEEP, AlreadyRunning
from models.tables import (
    certification,
    proposal,
    review,
    rollout,
    rollout_item,
    rollout_step,
    rollout_training_type,
    training_type,
)
from models.words import RolloutState
from tasks.automatic import SLUG, open_ledger, people_of, plan_of
from tasks.checklist import STEPS
from tasks.gates import open_gate
from tasks.proposing import write_proposal
from tasks.rollouts import NO_ROLLOUT
from tasks.workbench import Workbench


def propose_left(bench: Workbench) -> int | None:
    """Propose those who are due and left to people, and were on no such list for that date; return the rollout's id.

    Every approver is asked; who is approved is assigned when Prefect carries the rollout out, everybody else stays as
    they are. Nothing is proposed where there is no approver, nor of a training type that a living rollout has; and an
    unanswered proposal gives way to a rollout that a person starts.

    Raises:
        DatabaseUnavailable: safe to call again.
    """
    try:
        with bench.database.write() as connection:
            one_at_a_time(connection)
            return _propose(connection, bench)
    except AlreadyRunning:  # a person's rollout was started in this very moment
        return None


def _propose(connection: Connection, bench: Workbench) -> int | None:
    today = bench.today()
    left = _left(today).subquery("left_to_people")
    types = select(training_type.c.slug).where(training_type.c.id.in_(select(left.c.training_type_id)))
    slugs = list(connection.scalars(types.order_by(training_type.c.id)))
    if not slugs or not people.approvers_besides(connection, UPKEEP):
        return None
    plan = plan_of(connection, "left to people", today, slugs)
    rollout_id = open_ledger(connection, bench, plan, alive=True)
    whole = ledger.load(connection, rollout_id)
    step = replace(STEPS[SLUG], people=lambda case: people_of(_left(case.today, besides=rollout_id)))
    written = write_proposal(connection, bench, whole, step, today)
    open_gate(connection, bench, whole, ledger.steps(connection, rollout_id)[SLUG])
    detail = {"plan": plan.model_dump(mode="json"), "digest": written.digest, "counts": dict(written.counts)}
    audit.record(
        connection,
        at=bench.now(),
        actor=UPKEEP,
        act="propose-left-to-people",
        subject=f"rollout {rollout_id}",
        detail=detail,
    )
    return rollout_id


def _left(today: date, *, besides: int = NO_ROLLOUT) -> Select[Any]:
    """Those left to people whose training type no other rollout has, and who were on no list of ours for that date."""
    taken = select(rollout_training_type.c.training_type_id).where(
        rollout_training_type.c.alive, rollout_training_type.c.rollout_id != besides
    )
    listed = (
        select(literal(1))
        .join_from(rollout_item, proposal, proposal.c.id == rollout_item.c.proposal_id)
        .join(review, review.c.proposal_id == proposal.c.id)  # what was assigned by itself was on no list for people
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .join(rollout, rollout.c.id == rollout_step.c.rollout_id)
        .where(
            rollout_item.c.certification_id == certification.c.id,
            rollout_item.c.recertification_before == automatic.own_on(),
            rollout.c.requested_by == UPKEEP,
            rollout.c.state != RolloutState.CANCELLED.value,
        )
    )
    return automatic.due(today, left=True).where(
        certification.c.training_type_id.not_in(taken), ~exists(listed.correlate(certification))
    )
