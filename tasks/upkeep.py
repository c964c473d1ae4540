"""What keeps rollouts moving between people's acts: waits that are over, runs that are dead or were not told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from models import codes, lease, ledger, reviews
from models.ledger import Rollout
from models.words import RolloutState
from tasks import rollouts, runs
from tasks.workbench import Workbench

# A heartbeat is written every three seconds; a long transaction may delay a few.
DEAD_AFTER = timedelta(seconds=20)
# Between writing a rollout and creating its run a door needs a moment.
HALF_STARTED_AFTER = timedelta(seconds=15)

# We never put a run off for longer: somebody else has.
FAR_AWAY = timedelta(minutes=2)
# A run that could not be told of its rollout's end is looked for so long.
TOLD_WITHIN = timedelta(days=2)


class Remedy(StrEnum):
    """What a rollout needs so that it goes on."""

    NOTHING = "nothing"
    WAKE = "wake"
    RESCHEDULE = "reschedule"
    BEGIN = "begin"
    BEGIN_ANEW = "begin-anew"
    CANCEL = "cancel"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a remedy is chosen from: the ledger's side and Prefect's."""

    rollout: Rollout
    run: runs.Run | None
    ready: bool
    now: datetime


def remedy(seen: Situation) -> Remedy:
    """Choose what a living rollout needs.

    A run is judged by its present state and the ledger's heartbeat, never by events: those crash suspended runs.
    """
    if seen.rollout.flow_run_id is None:
        half = seen.rollout.confirmed_at is not None and seen.now - seen.rollout.started_at > HALF_STARTED_AFTER
        return Remedy.BEGIN if half else Remedy.NOTHING
    if seen.run is None:
        return Remedy.BEGIN_ANEW
    if seen.run.type == "PAUSED":
        return Remedy.WAKE if seen.ready else Remedy.NOTHING
    if seen.run.type == "SCHEDULED":
        far = seen.run.due_at is not None and seen.run.due_at - seen.now > FAR_AWAY
        return Remedy.WAKE if far else Remedy.NOTHING
    if seen.run.type in ("RUNNING", "PENDING"):
        last = max(seen.run.since, seen.rollout.heartbeat_at or seen.run.since)
        return Remedy.RESCHEDULE if seen.now - last > DEAD_AFTER else Remedy.NOTHING
    return {
        "CRASHED": Remedy.RESCHEDULE,
        "CANCELLED": Remedy.CANCEL,
        "FAILED": Remedy.FAIL,
        "COMPLETED": Remedy.FAIL,
    }.get(seen.run.type, Remedy.NOTHING)


def is_ready(bench: Workbench, rollout: Rollout) -> bool:
    """Whether a suspended rollout has something to do: its day has come, its gate is answered, its mail was tried."""
    if rollout.confirmed_at is None or not rollout.is_alive:
        return False
    with bench.database.read() as connection:
        if reviews.open_gate_of(connection, rollout.id) is not None:
            return False
        steps = ledger.steps(connection, rollout.id)
        current = next((record for record in steps.values() if not record.is_done), None)
        if current is None:
            return True
        if current.proposal is None:
            return bench.today() >= current.opens_on
        return bool(rollouts.items_left(connection, current)) or not rollouts.mail_untried(connection, rollout.id)


def mend(bench: Workbench, rollout: Rollout) -> Remedy:
    """Look at one living rollout and give it what it needs.

    Raises:
        PrefectUnavailable: nothing was done.
    """
    if rollout.is_direct:
        return Remedy.NOTHING
    run = runs.find_run(rollout.flow_run_id) if rollout.flow_run_id else None
    chosen = remedy(Situation(rollout, run, is_ready(bench, rollout), bench.now()))
    if chosen is Remedy.WAKE:
        runs.wake(str(rollout.flow_run_id))
    elif chosen is Remedy.RESCHEDULE:
        runs.reschedule(str(rollout.flow_run_id))
    elif chosen in (Remedy.BEGIN, Remedy.BEGIN_ANEW):
        begin(bench, rollout.id, anew=chosen is Remedy.BEGIN_ANEW)
    elif chosen is Remedy.CANCEL:
        rollouts.end_rollout(bench, rollout.id, RolloutState.CANCELLED, "upkeep", "the run was cancelled in Prefect")
    elif chosen is Remedy.FAIL:
        rollouts.end_rollout(
            bench, rollout.id, RolloutState.FAILED, "upkeep", f"the run ended {run.name if run else ''}"
        )
    return chosen


def begin(bench: Workbench, rollout_id: int, *, anew: bool = False) -> str:
    """Give a rollout its flow run, once however often it is asked; return the run's id.

    Args:
        bench: settings, clock and database.
        rollout_id: a living rollout.
        anew: its run is lost or has ended: let go of it first.

    Raises:
        PrefectUnavailable: safe to call again.
    """
    with bench.database.write() as connection:
        if anew:
            lease.unbind_run(connection, rollout_id)
        rollout = ledger.load(connection, rollout_id)
    ticket = codes.ticket(bench.key, rollout_id, rollout.run_number)
    plan = {"plan": rollout.plan.model_dump(mode="json"), "requested_by": rollout.requested_by}
    run_id = runs.begin_run(
        runs.LEARNER_ACTION if rollout.action else runs.ANNUAL_ROLLOUT,
        {**({"rollout": rollout_id} if rollout.action else plan), "ticket": ticket},
        key=f"rollout-{rollout_id}-{rollout.run_number}-{rollout.started_at:%Y%m%d%H%M%S%f}",
        name=rollout.name,
        tags=["recert", f"rollout:{rollout_id}", *rollout.plan.training_types],
    )
    with bench.database.write() as connection:
        lease.bind_run(connection, rollout_id, run_id, rollout.run_number)
    return run_id


def watch(bench: Workbench) -> dict[str, int]:
    """Look at every living rollout and mend what is to mend; return remedy → number.

    Raises:
        PrefectUnavailable: what was mended before stays so.
    """
    with bench.database.read() as connection:
        alive = ledger.rollouts(connection, alive=True)
    found: dict[str, int] = {}
    for rollout in alive:
        done = mend(bench, rollout)
        if done is not Remedy.NOTHING:
            found[done.value] = found.get(done.value, 0) + 1
    return found


def tell_ended(bench: Workbench) -> int:
    """Wake suspended runs whose rollout has ended without them, so that they say so; return how many.

    Raises:
        PrefectUnavailable: the next look finds them again.
    """
    with bench.database.read() as connection:
        every = ledger.rollouts(connection)
    woken = 0
    for rollout in every:
        recent = rollout.finished_at is not None and bench.now() - rollout.finished_at < TOLD_WITHIN
        if not recent or rollout.flow_run_id is None:
            continue
        run = runs.find_run(rollout.flow_run_id)
        if run is not None and run.type == "PAUSED":
            runs.wake(run.id)
            woken += 1
    return woken
