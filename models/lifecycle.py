"""How a rollout begins and ends: its training types, its steps, whom its plan takes out, and what its end closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from models.addresses import address_key
from models.errors import PlanInvalid, Refused
from models.orders import ActionPlan
from models.plan import RolloutPlan
from models.roster import training_type_ids
from models.tables import (
    course,
    exclusion,
    hold,
    learner,
    proposal,
    review,
    rollout,
    rollout_step,
    rollout_training_type,
    training_type,
)
from models.words import ALIVE, RESUMABLE, RolloutState, StepSlug, StepState

# Who is named for what the upkeep starts and does by itself.
UPKEEP = "upkeep"


class AlreadyRunning(Refused):
    """Another rollout of the same training type is running."""


def start(
    connection: Connection,
    plan: RolloutPlan,
    requested_by: str,
    steps: Iterable[tuple[StepSlug, date]],
    *,
    at: datetime,
    today: date,
    confirmed: bool = True,
    alive: bool = True,
) -> int:
    """Write a new rollout with its steps; return its id.

    Args:
        connection: an open unit of work.
        plan: checked already, also against what is stored (``resolve``).
        requested_by: whose name stands under it.
        steps: slug and opening day of each, in order.
        at: this instant.
        today: the day it starts.
        confirmed: False while a start from Prefect's own form waits for its code.
        alive: False for a preview, which blocks nobody.

    Raises:
        PlanInvalid: a training type or a course of the plan is not stored, or cannot be.
        AlreadyRunning: a living rollout has one of the training types; its name is told.
    """
    types, _ = resolve(connection, plan)
    refuse_courses(connection, plan)
    if alive:
        refuse_second(connection, types)
    rollout_id = _write(connection, plan, requested_by, at=at, today=today, confirmed=confirmed)
    _claim_types(connection, rollout_id, types, alive=alive)
    _write_steps(connection, rollout_id, steps)
    return rollout_id


def start_action(connection: Connection, plan: ActionPlan, requested_by: str, *, at: datetime, today: date) -> int:
    """Write a new action, unconfirmed; return the id of its rollout. It claims no training type and blocks nobody."""
    action = plan.order.action
    rollout_id = _write(connection, plan, requested_by, at=at, today=today, confirmed=False, action=action.value)
    _write_steps(connection, rollout_id, [(action, today)])
    return rollout_id


def _write(
    connection: Connection,
    plan: RolloutPlan,
    requested_by: str,
    *,
    at: datetime,
    today: date,
    confirmed: bool,
    action: str | None = None,
) -> int:
    values: dict[str, Any] = {"name": plan.name, "plan": plan.model_dump(mode="json"), "requested_by": requested_by}
    values |= {"started_at": at, "started_on": today, "confirmed_at": at if confirmed else None, "action": action}
    state = RolloutState.RUNNING if confirmed else RolloutState.WAITING
    made = connection.execute(insert(rollout).values(**values, state=state.value))
    return int(made.inserted_primary_key[0])  # type: ignore[index]  # a table with one key always has it


def _claim_types(connection: Connection, rollout_id: int, types: Mapping[str, int], *, alive: bool) -> None:
    rows = [{"rollout_id": rollout_id, "training_type_id": key, "alive": alive} for key in types.values()]
    with _one_alive():
        connection.execute(insert(rollout_training_type), rows)


@contextmanager
def _one_alive() -> Iterator[None]:
    try:
        yield
    except IntegrityError:  # another start was quicker between our look and our write
        raise AlreadyRunning(
            "another rollout of these training types was started just now; see: recert rollout list"
        ) from None


def _write_steps(connection: Connection, rollout_id: int, steps: Iterable[tuple[StepSlug, date]]) -> None:
    rows = [
        {"rollout_id": rollout_id, "slug": slug, "position": n, "state": StepState.PENDING.value, "opens_on": day}
        for n, (slug, day) in enumerate(steps, 1)
    ]
    connection.execute(insert(rollout_step), rows)


def resolve(connection: Connection, plan: RolloutPlan) -> tuple[dict[str, int], dict[int, int]]:
    """Return the plan's training types by slug, and its changes of course by id.

    Raises:
        PlanInvalid: a training type or a course that is not stored; the line lists those that are.
    """
    known = training_type_ids(connection)
    for slug in plan.training_types:
        if slug not in known:
            raise PlanInvalid(
                f"training_types: no training type {slug!r}; there are: {', '.join(sorted(known)) or 'none'}"
            )
    return {slug: known[slug] for slug in plan.training_types}, _course_changes(connection, plan)


def _course_changes(connection: Connection, plan: RolloutPlan) -> dict[int, int]:
    courses = {row.code: row.id for row in connection.execute(select(course.c.code, course.c.id))}
    for code in [code for pair in plan.next_course.items() for code in pair]:
        if code not in courses:
            raise PlanInvalid(f"next_course: no course {code!r}; import it first, or mend the code")
    return {courses[old]: courses[new] for old, new in plan.next_course.items()}


def refuse_courses(connection: Connection, plan: RolloutPlan) -> None:
    """Check the plan's changes of course, once, before it starts: later their courses may change and it goes on.

    Raises:
        PlanInvalid: a course in exchange for one of another training type, or one that is retired by the common day.
    """
    courses = {row.code: row for row in connection.execute(select(course))}
    for old, new in ((courses[old], courses[new]) for old, new in plan.next_course.items()):
        if old.training_type_id != new.training_type_id:
            raise PlanInvalid(f"next_course: {new.code!r} is of another training type than {old.code!r}; mend the code")
        if new.retired_on is not None and new.retired_on <= plan.recertify_on:
            raise PlanInvalid(f"next_course: {new.code!r} is retired on {new.retired_on}; name a course that is given")


def giving_way(connection: Connection, types: Mapping[str, int]) -> list[int]:
    """Ids of the upkeep's own living rollouts with one of these training types that no review has answered yet."""
    found = (
        select(rollout.c.id)
        .join(rollout_training_type, rollout_training_type.c.rollout_id == rollout.c.id)
        .where(
            rollout_training_type.c.alive, rollout_training_type.c.training_type_id.in_(types.values()), _gives_way()
        )
    )
    return list(connection.scalars(found.distinct().order_by(rollout.c.id)))


def _gives_way() -> ColumnElement[bool]:
    unanswered = (
        select(review.c.id)
        .join(proposal, proposal.c.id == review.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(rollout_step.c.rollout_id == rollout.c.id, review.c.closed_at.is_(None))
    )
    return and_(rollout.c.requested_by == UPKEEP, exists(unanswered.correlate(rollout)))


def refuse_second(connection: Connection, types: Mapping[str, int], *, but_giving_way: bool = False) -> None:
    """Check that no living rollout has one of these training types (slug → id).

    Args:
        connection: an open unit of work.
        types: the training types.
        but_giving_way: those of ``giving_way`` do not count: who starts a rollout ends them first.

    Raises:
        AlreadyRunning: one has; the line names it.
    """
    counts = ~_gives_way() if but_giving_way else true()
    first = connection.execute(
        select(rollout.c.id, rollout.c.name, training_type.c.slug)
        .join_from(rollout_training_type, rollout, rollout.c.id == rollout_training_type.c.rollout_id)
        .join(training_type, training_type.c.id == rollout_training_type.c.training_type_id)
        .where(rollout_training_type.c.alive, rollout_training_type.c.training_type_id.in_(types.values()), counts)
        .order_by(rollout.c.id)
    ).first()
    if first is not None:
        raise AlreadyRunning(
            f"rollout {first.id} ({first.name}) is running for {first.slug}: "
            f"wait for its end, or cancel it with: recert rollout cancel {first.id} --as EMAIL"
        )


def exclude_planned(connection: Connection, rollout_id: int, plan: RolloutPlan, at: datetime) -> None:
    """Take out whom the plan excludes; read anew at each proposal, since people may be imported in between."""
    if not plan.audience.exclude:
        return
    keys = [address_key(who) for who in plan.audience.exclude]
    there = select(exclusion.c.learner_id).where(exclusion.c.rollout_id == rollout_id)
    wanted = select(learner.c.id).where(
        or_(learner.c.email_key.in_(keys), learner.c.employee_id.in_(plan.audience.exclude)), learner.c.id.not_in(there)
    )
    rows = [
        {"rollout_id": rollout_id, "learner_id": key, "excluded_by": "plan", "excluded_at": at}
        for key in connection.scalars(wanted)
    ]
    if rows:
        connection.execute(insert(exclusion), rows)


def finish(connection: Connection, rollout_id: int, state: RolloutState, at: datetime, reason: str = "") -> bool:
    """Bring a rollout to its end: steps, gates and holds end with it. False if it had ended before.

    One that could be resumed has not ended for good: it may yet be cancelled. A step that is done or was rejected stays
    so: an answer is never taken back by an end.
    """
    endable = (*ALIVE, *RESUMABLE) if state is RolloutState.CANCELLED else ALIVE
    whole = update(rollout).where(rollout.c.id == rollout_id, rollout.c.state.in_(endable))
    if connection.execute(whole.values(state=state.value, finished_at=at, reason=reason or None)).rowcount == 0:
        return False
    mine = rollout_training_type.c.rollout_id == rollout_id
    connection.execute(update(rollout_training_type).where(mine).values(alive=False))
    connection.execute(
        update(hold).where(hold.c.rollout_id == rollout_id, hold.c.ended_at.is_(None)).values(ended_at=at)
    )
    if state in (RolloutState.FAILED, RolloutState.COMPLETED):
        return True  # steps and gates stay as they are: for `resume`, or since all of them are done
    open_steps = select(rollout_step.c.id).where(
        rollout_step.c.rollout_id == rollout_id,
        rollout_step.c.state.not_in([StepState.APPLIED.value, StepState.PASSED.value, StepState.REJECTED.value]),
    )
    close_reviews(connection, select(proposal.c.id).where(proposal.c.step_id.in_(open_steps)), state.value, at)
    connection.execute(update(rollout_step).where(rollout_step.c.id.in_(open_steps)).values(state=state.value))
    return True


def close_reviews(connection: Connection, proposals: Select[Any], outcome: str, at: datetime) -> None:
    """Close what is open of the reviews of *proposals*."""
    connection.execute(
        update(review)
        .where(review.c.proposal_id.in_(proposals), review.c.closed_at.is_(None))
        .values(closed_at=at, outcome=outcome)
    )


def reopen(connection: Connection, rollout_id: int) -> None:
    """Bring a failed rollout back to life, where it stopped, its holds with it.

    Raises:
        AlreadyRunning: another rollout has its training types by now.
    """
    types = {
        row.slug: row.id
        for row in connection.execute(
            select(training_type.c.slug, training_type.c.id)
            .join(rollout_training_type, rollout_training_type.c.training_type_id == training_type.c.id)
            .where(rollout_training_type.c.rollout_id == rollout_id)
        )
    }
    refuse_second(connection, types)
    connection.execute(
        update(rollout)
        .where(rollout.c.id == rollout_id)
        .values(state=RolloutState.RUNNING.value, finished_at=None, reason=None)
    )
    mine = rollout_training_type.c.rollout_id == rollout_id
    with _one_alive():
        connection.execute(update(rollout_training_type).where(mine).values(alive=True))
    connection.execute(update(hold).where(hold.c.rollout_id == rollout_id).values(ended_at=None))
