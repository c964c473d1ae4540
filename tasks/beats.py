"""What a flow run lends to a stage: visible task runs with retries, suspensions, artifacts; and how a pass ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import exponential_backoff

from models.errors import LeaseLost, RecertError, Refused, Unreachable, WrongInput
from models.plan import RolloutPlan
from models.schema import await_current
from models.words import RolloutState
from tasks import gate, report, rollouts
from tasks.heartbeat import heartbeat
from tasks.overview import Overview
from tasks.rollouts import Opened
from tasks.stage import Stage
from tasks.workbench import Workbench, open_workbench

T = TypeVar("T")
TRY_AGAIN_AFTER = timedelta(seconds=30)


def may_pass(task_: Any, run: Any, state: State[Any]) -> bool:
    """Whether a failed beat is worth another try: what did not answer may answer later; a rule's error stays one."""
    del task_, run
    try:
        state.result()
    except Unreachable:
        return True
    except Exception:  # noqa: BLE001 - every other error is final
        return False
    return False


@task(
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=1),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def beat(act: Callable[[], T]) -> T:
    """Do one beat of one step."""
    return act()


class FlowRun:
    """The conductor of a pass: this very flow run."""

    def run(self, name: str, act: Callable[[], T]) -> T:
        """Do *act* as a task run called *name*."""
        return beat.with_options(name=name, task_run_name=name)(act)

    def suspend(self, key: str, form: str | None) -> NoReturn:
        """Suspend at a review form, or for a mere wait."""
        gate.suspend(key, form)

    def confirm(self, key: str) -> NoReturn:
        """Suspend until the requester's code is filled in."""
        gate.suspend_for_confirmation(key)

    def answer(self, key: str) -> Mapping[str, Any] | None:
        """What was filled in at the suspension with this key."""
        return gate.filled_in(key)

    def forget(self, key: str) -> None:
        """Delete it."""
        gate.forget(key)

    def publish(self, seen: Overview, page: str) -> None:
        """Rewrite the run page's artifacts."""
        report.publish(seen, page)


def conduct(
    plan: RolloutPlan | None, requested_by: str, ticket: str, walk: Callable[[Stage], RolloutState]
) -> State[Any]:
    """Run *walk* on this flow run's rollout, and say by a state how the pass ended.

    Without a *plan* only a door's ticket says which rollout it is.

    What does not answer (database, mail server) ends the pass in a retry, never in red.
    """
    bench = open_workbench()
    try:
        await_current(bench.database)
        opened = rollouts.open_rollout(bench, plan, requested_by, ticket, str(runtime.flow_run.id))
        with _failing_for_good(bench, opened), heartbeat(bench, opened):
            if not rollouts.is_alive(bench, opened.rollout_id):
                return ended(_state(bench, opened), "It had ended before this run went on.")
            return ended(walk(Stage(bench, opened, FlowRun())))
    except LeaseLost:
        return _step_aside(bench, opened)
    except Unreachable as error:
        get_run_logger().warning("%s; this run goes on by itself in %s", error, TRY_AGAIN_AFTER)
        gate.put_off(bench.now() + TRY_AGAIN_AFTER, str(error))
    except (Refused, WrongInput) as error:
        return Failed(name="Refused", message=str(error))
    finally:
        bench.database.dispose()


@contextmanager
def _failing_for_good(bench: Workbench, opened: Opened) -> Iterator[None]:
    """An error that no retry mends ends the rollout as failed, its holds with it; `resume` starts it again."""
    try:
        yield
    except (LeaseLost, Unreachable):
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if isinstance(error, RecertError) else type(error).__name__
        rollouts.end_rollout(bench, opened.rollout_id, RolloutState.FAILED, f"rollout {opened.rollout_id}", reason)
        raise


def _state(bench: Workbench, opened: Opened) -> RolloutState:
    return Stage(bench, opened, FlowRun()).rollout().state


def _step_aside(bench: Workbench, opened: Opened) -> State[Any]:
    """This process may write no more: its rollout has ended, or another process has gone on with it."""
    state = _state(bench, opened)
    if rollouts.is_alive(bench, opened.rollout_id):
        # The other process speaks for this run now: an end told from here would be taken for its own.
        os._exit(0)
    return ended(state, "It was ended while this run was at work.")


def ended(state: RolloutState, message: str = "") -> State[Any]:
    """The Prefect state whose name says how the rollout ended; only what broke is red."""
    if state is RolloutState.CANCELLED:
        return Cancelled(message=message)
    if state is RolloutState.FAILED:
        return Failed(message=message)
    return Completed(name=state.value.capitalize(), message=message)


def upkeep_duty(name: str, act: Callable[[], Any]) -> State[Any]:
    """Do one duty as a task run called *name*; return how it ended, for the flow to tell once all were tried."""
    return beat.with_options(name=name, task_run_name=name)(act, return_state=True)
