"""Flow runs in Prefect, as few verbs: read, begin, wake, reschedule, cancel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Scheduled

from models.errors import PrefectUnavailable

ANNUAL_ROLLOUT = "annual-rollout/annual-rollout"
LEARNER_ACTION = "learner-action/learner-action"


@dataclass(frozen=True, slots=True)
class Run:
    """A flow run: its state's type (``RUNNING``, ``PAUSED``, …), that state's name, since when, and when it is due."""

    id: str
    type: str
    name: str
    since: datetime
    due_at: datetime | None = None


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    """A client of the server named in Prefect's own settings.

    Raises:
        PrefectUnavailable: it does not answer, or not sensibly.
    """
    try:
        with get_client(sync_client=True) as client:
            yield client
    except (httpx.TransportError, PrefectHTTPStatusError, RuntimeError) as error:
        if isinstance(error, ObjectNotFound):
            raise
        raise PrefectUnavailable(f"Prefect does not answer: {str(error).splitlines()[0][:200]}") from error


def find_run(run_id: str) -> Run | None:
    """The run, or None where Prefect knows none of this id."""
    try:
        with _client() as client:
            found = client.read_flow_run(UUID(run_id))
    except ObjectNotFound:
        return None
    state = found.state
    if state is None:
        return None
    return Run(run_id, state.type.value, state.name or "", state.timestamp, state.state_details.scheduled_time)


def begin_run(deployment: str, parameters: Mapping[str, Any], *, key: str, name: str, tags: Sequence[str]) -> str:
    """Create a flow run of a deployment, once for each *key*; return its id.

    Raises:
        PrefectUnavailable: Prefect does not answer, or does not have the deployment.
    """
    try:
        with _client() as client:
            found = client.read_deployment_by_name(deployment)
            run = client.create_flow_run_from_deployment(
                found.id, parameters=dict(parameters), idempotency_key=key, name=name, tags=list(tags)
            )
    except ObjectNotFound as error:
        raise PrefectUnavailable(f"Prefect has no deployment {deployment}: is `recert up` running?") from error
    return str(run.id)


def require_deployment(deployment: str) -> None:
    """Check that runs of *deployment* can be begun.

    Raises:
        PrefectUnavailable: Prefect does not answer, or does not have it.
    """
    try:
        with _client() as client:
            client.read_deployment_by_name(deployment)
    except ObjectNotFound as error:
        raise PrefectUnavailable(f"Prefect has no deployment {deployment}: is `recert up` running?") from error


def wake(run_id: str) -> None:
    """Let a suspended run go on; it reads the ledger and sees why."""
    _set_state(run_id, Scheduled(name="Resuming"))


def reschedule(run_id: str) -> None:
    """Let a run whose process is dead begin again, where the ledger says it stopped."""
    _set_state(run_id, Scheduled(name="AwaitingRetry"))
    _bury_tasks(run_id)


def cancel(run_id: str) -> None:
    """Stop a run, whatever it is doing."""
    _set_state(run_id, Cancelling())


def _set_state(run_id: str, state: State[Any]) -> None:
    with _client() as client:
        client.set_flow_run_state(UUID(run_id), state)


def _bury_tasks(run_id: str) -> None:
    """Task runs that were running when the process died would look alive for ever."""
    from prefect.client.schemas.filters import (  # noqa: PLC0415 - rarely needed, and slow to load
        FlowRunFilter,
        FlowRunFilterId,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.states import Crashed  # noqa: PLC0415 - as above

    running = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))
    with _client() as client:
        dead = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id)])),
            task_run_filter=TaskRunFilter(state=running),
        )
        for task_run in dead:
            client.set_task_run_state(task_run.id, Crashed(message="its process ended"), force=True)
