"""The console's one way to Prefect: loaded only by the commands that need it, since importing Prefect takes seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from models import ledger
from models.errors import PrefectUnavailable
from tasks import runs, upkeep
from tasks.workbench import Workbench

LOOKS, BETWEEN_LOOKS_S = 10, 0.5


@contextmanager
def _server(bench: Workbench) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: bench.settings.prefect_api}):
        yield


def require_prefect(bench: Workbench) -> None:
    """Check that a rollout's run could be begun now.

    Raises:
        PrefectUnavailable: the server does not answer, or has no rollout deployment.
    """
    with _server(bench):
        runs.require_deployment(runs.ANNUAL_ROLLOUT)


def password() -> tuple[str, str] | None:
    """User and password that Prefect's own settings hold for the server, in ``PREFECT_API_AUTH_STRING``; None for none."""
    held = get_current_settings().api.auth_string
    if held is None:
        return None
    user, _, secret = held.get_secret_value().partition(":")
    return user, secret


def begin(bench: Workbench, rollout_id: int, *, anew: bool = False) -> str:
    """Give a rollout its flow run; return the run's id.

    Raises:
        PrefectUnavailable: the rollout stays written; upkeep gives it a run later.
    """
    with _server(bench):
        return upkeep.begin(bench, rollout_id, anew=anew)


def go_on(bench: Workbench, rollout_id: int) -> bool:
    """Wake a rollout after an answer; False where Prefect does not answer now: upkeep wakes it later.

    The answer may be quicker than the run, which is still about to suspend: then we look again for some seconds.
    """
    try:
        with _server(bench):
            for _ in range(LOOKS):
                with bench.database.read() as connection:
                    rollout = ledger.load(connection, rollout_id)
                done = upkeep.mend(bench, rollout) if rollout.is_alive else upkeep.Remedy.NOTHING
                if done is not upkeep.Remedy.NOTHING or not upkeep.is_ready(bench, rollout):
                    return True
                time.sleep(BETWEEN_LOOKS_S)
    except PrefectUnavailable:
        pass
    return False


def cancel(bench: Workbench, rollout_id: int) -> bool:
    """Stop a rollout's run; False where Prefect does not answer now."""
    with bench.database.read() as connection:
        run_id = ledger.load(connection, rollout_id).flow_run_id
    if run_id is None:
        return True
    try:
        with _server(bench):
            runs.cancel(run_id)
    except PrefectUnavailable:
        return False
    return True


def watch(bench: Workbench) -> dict[str, int]:
    """Look at every living rollout and mend what is to mend; return remedy → number.

    Raises:
        PrefectUnavailable: Prefect does not answer.
    """
    with _server(bench):
        return upkeep.watch(bench)


def look_after_runs(bench: Workbench) -> dict[str, int]:
    """Do all that the upkeep does for runs: ``watch``, and tell runs that their rollout has ended.

    Raises:
        PrefectUnavailable: Prefect does not answer.
    """
    with _server(bench):
        told = upkeep.tell_ended(bench)
        return {**upkeep.watch(bench), **({"tell-ended": told} if told else {})}
