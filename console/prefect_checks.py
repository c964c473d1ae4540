"""What ``recert doctor`` looks at in Prefect: the server, whether it lets us in, and who carries rollouts out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from config.settings import Settings
from console.findings import Finding, Level
from models.errors import Unreachable

PATIENCE_SECONDS = 5
DEPLOYMENT = "/deployments/name/annual-rollout/annual-rollout"
Password = tuple[str, str] | None


def of_prefect(settings: Settings) -> Iterator[Finding]:
    """The server; and, where it lets us in, whether anything would carry a rollout out."""
    address = f"{settings.prefect_api.rstrip('/')}/health"
    try:
        answer = _ask(settings, "GET", "/health")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        says = f"{address} does not answer: {str(error) or type(error).__name__}"
        yield Finding("prefect", Level.WRONG, says, "run: recert up", Unreachable.exit_code)
        return
    if not answer.is_success:
        says = f"{address} answers with {answer.status_code}"
        mend = "see whether RECERT_PREFECT_API_URL names a Prefect server"
        yield Finding("prefect", Level.WRONG, says, mend, Unreachable.exit_code)
        return
    try:
        yield from _inside(settings)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        yield Finding("workers", Level.WARNING, f"cannot be told: {type(error).__name__}", "ask again")


def _inside(settings: Settings) -> Iterator[Finding]:
    """A server that wants its password tells its health to everybody all the same."""
    answer, password = _ask(settings, "GET", DEPLOYMENT), None
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        yield Finding("prefect", Level.OK, f"{settings.prefect_api} answers")
    else:
        from console.conductor import password as ours  # noqa: PLC0415 - importing Prefect takes seconds

        password = ours()
        answer = _ask(settings, "GET", DEPLOYMENT, password)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            says = f"{settings.prefect_api} answers 401: it wants the password it was started with"
            mend = "set PREFECT_API_AUTH_STRING to the server's PREFECT_SERVER_API_AUTH_STRING"
            yield Finding("prefect", Level.WRONG, says, mend)
            return
        says = f"{settings.prefect_api} answers, and takes our PREFECT_API_AUTH_STRING"
        yield Finding("prefect", Level.OK, says)
    yield _carried_out(settings, answer, password)


def _carried_out(settings: Settings, deployment: httpx.Response, password: Password) -> Finding:
    """Whether a runner or a worker asks for runs; a rollout that is begun without one waits."""
    if deployment.status_code == httpx.codes.NOT_FOUND:
        mend = "run: recert up; or beyond one machine: prefect deploy --all, and prefect worker start"
        return Finding("workers", Level.WARNING, "nothing was ever offered to carry rollouts out", mend)
    known = deployment.raise_for_status().json()
    pool = known["work_pool_name"]
    if pool is None:
        if known["status"] == "READY":
            return Finding("workers", Level.OK, "the runner of `recert up` carries rollouts out")
        return Finding("workers", Level.WARNING, "the runner that carries rollouts out is away", "run: recert up")
    found = _ask(settings, "POST", f"/work_pools/{quote(pool, safe='')}/workers/filter", password)
    alive = sum(worker["status"] == "ONLINE" for worker in found.raise_for_status().json())
    if alive:
        who = "1 worker of work pool {} is alive" if alive == 1 else f"{alive} workers of work pool {{}} are alive"
        return Finding("workers", Level.OK, who.format(pool))
    says = f"work pool {pool} has no worker that is alive: rollouts wait"
    return Finding("workers", Level.WARNING, says, f"on a worker's machine: prefect worker start --pool {pool}")


def _ask(settings: Settings, method: str, path: str, password: Password = None) -> httpx.Response:
    body: dict[str, Any] | None = {} if method == "POST" else None
    # The server is one of our own machines: a proxy that the environment names for the web is not for it.
    with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False, auth=password) as client:
        return client.request(method, f"{settings.prefect_api.rstrip('/')}{path}", json=body)
