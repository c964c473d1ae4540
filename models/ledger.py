"""The ledger: where every rollout and each of its steps stands. The flow reads it on every re-run; it is the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from models.errors import UnknownRollout
from models.orders import ActionPlan, stored_plan
from models.plan import RolloutPlan
from models.tables import (
    proposal,
    rollout,
    rollout_step,
)
from models.words import ALIVE, RESUMABLE, RolloutState, StepSlug, StepState


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one step proposed: ``counts`` is outcome → number, ``facts`` what the request leads with."""

    id: int
    round: int
    proposed_on: date
    proposed_at: datetime
    digest: str
    counts: Mapping[str, int]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Where one step stands."""

    id: int
    slug: StepSlug
    position: int
    state: StepState
    opens_on: date
    openings: int
    applied_at: datetime | None
    proposal: Proposal | None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state in (StepState.APPLIED, StepState.PASSED)

    @property
    def is_decided(self) -> bool:
        """Whether its list is carried out or refused, so that who is not on it now never will be."""
        return self.is_done or self.state is StepState.REJECTED


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout, as the ledger has it; ``action`` is None for a checklist, else the slug of its only step."""

    id: int
    name: str
    plan: RolloutPlan
    requested_by: str
    action: StepSlug | None
    state: RolloutState
    started_at: datetime
    started_on: date
    confirmed_at: datetime | None
    confirmations: int
    finished_at: datetime | None
    reason: str | None
    flow_run_id: str | None
    run_number: int
    epoch: int
    heartbeat_at: datetime | None

    @property
    def is_alive(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in ALIVE

    @property
    def is_resumable(self) -> bool:
        """Whether it has ended, but not for good."""
        return self.state in RESUMABLE

    @property
    def is_direct(self) -> bool:
        """Whether it is an action that a door carries out itself, without a run in Prefect."""
        return isinstance(self.plan, ActionPlan) and not self.plan.order.review


_STEPS = (
    select(rollout_step, *[column.label(f"p_{column.name}") for column in proposal.c])
    .outerjoin(proposal, and_(proposal.c.step_id == rollout_step.c.id, proposal.c.withdrawn_at.is_(None)))
    .where(rollout_step.c.rollout_id == bindparam("of_rollout"))
    .order_by(rollout_step.c.position)
)


def load(connection: Connection, rollout_id: int, *, lock: bool = False) -> Rollout:
    """Return one rollout.

    Args:
        connection: an open unit of work.
        rollout_id: which.
        lock: let nobody else decide on it until this unit of work ends.

    Raises:
        UnknownRollout: there is none with this id.
    """
    query = select(rollout).where(rollout.c.id == rollout_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise UnknownRollout(f"there is no rollout {rollout_id}; see: recert rollout list")
    return _rollout(row)


def listed(connection: Connection, *, actions: bool = False) -> list[Rollout]:
    """Rollouts and reviewed actions, the newest first; if asked also the *actions* that needed no review.

    An action that nobody has confirmed is only a question, and not among them.
    """
    every = (one for one in rollouts(connection) if one.action is None or one.confirmed_at is not None)
    return [one for one in every if actions or not one.is_direct]


def rollouts(connection: Connection, *, alive: bool = False) -> list[Rollout]:
    """All rollouts, the newest first; only the living ones if asked."""
    query = select(rollout).order_by(rollout.c.id.desc())
    if alive:
        query = query.where(rollout.c.state.in_(ALIVE))
    return [_rollout(row) for row in connection.execute(query)]


def steps(connection: Connection, rollout_id: int) -> dict[StepSlug, StepRecord]:
    """The rollout's steps by slug, in checklist order, each with its current proposal."""
    rows = connection.execute(_STEPS, {"of_rollout": rollout_id})
    return {StepSlug(row.slug): _step(row) for row in rows}


def _rollout(row: Row[Any]) -> Rollout:
    values = {**row._mapping, "plan": stored_plan(row.plan), "state": RolloutState(row.state)}  # noqa: SLF001 - SQLAlchemy's public name for it
    values["action"] = StepSlug(row.action) if row.action else None
    return Rollout(**{str(key): value for key, value in values.items()})


def _step(row: Row[Any]) -> StepRecord:
    current = None
    if row.p_id is not None:
        current = Proposal(
            row.p_id, row.p_round, row.p_proposed_on, row.p_proposed_at, row.p_digest, row.p_counts, row.p_facts
        )
    return StepRecord(
        row.id,
        StepSlug(row.slug),
        row.position,
        StepState(row.state),
        row.opens_on,
        row.openings,
        row.applied_at,
        current,
    )


def set_state(connection: Connection, rollout_id: int, state: RolloutState) -> None:
    """Note where a living rollout stands; one that has ended stays as it ended."""
    connection.execute(
        update(rollout).where(rollout.c.id == rollout_id, rollout.c.state.in_(ALIVE)).values(state=state.value)
    )


def set_step_state(
    connection: Connection, step_id: int, state: StepState, *, applied_at: datetime | None = None
) -> None:
    """Note where a step stands."""
    values: dict[str, Any] = {"state": state.value}
    if applied_at is not None:
        values["applied_at"] = applied_at
    connection.execute(update(rollout_step).where(rollout_step.c.id == step_id).values(**values))


def count_opening(connection: Connection, step_id: int) -> int:
    """Count one more suspension of this step; the number makes the key of the next one."""
    connection.execute(
        update(rollout_step).where(rollout_step.c.id == step_id).values(openings=rollout_step.c.openings + 1)
    )
    return int(connection.execute(select(rollout_step.c.openings).where(rollout_step.c.id == step_id)).scalar_one())
