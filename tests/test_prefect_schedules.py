"""Guards the pins of FastAPI and SQLAlchemy: with others Prefect's server does not start, or never schedules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.prefect_server import PrefectServer

PATIENCE_SECONDS = 90


@pytest.fixture
def flow_id(prefect_server: PrefectServer) -> Iterator[str]:
    """A flow that exists by name only: scheduling needs no code, and nothing ever runs it."""
    flow = prefect_server.ask("POST", "/flows/", {"name": "schedule-smoke-test"})
    yield flow["id"]
    prefect_server.ask("DELETE", f"/flows/{flow['id']}")


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "0 6 * * *", "timezone": "Europe/Berlin"},
        {"interval": 86400.0, "anchor_date": "2027-01-18T06:00:00Z", "timezone": "UTC"},
        {"rrule": "DTSTART:20270118T060000Z\nRRULE:FREQ=YEARLY", "timezone": "UTC"},
    ],
    ids=["cron", "interval", "yearly-rrule"],
)
def test_a_scheduled_deployment_gets_its_runs(
    prefect_server: PrefectServer, flow_id: str, schedule: dict[str, Any]
) -> None:
    deployment = prefect_server.ask(
        "POST",
        "/deployments/",
        {"name": "every-day", "flow_id": flow_id, "schedules": [{"schedule": schedule, "active": True}]},
    )
    runs = wait_for_runs(prefect_server, deployment["id"])
    assert {run["state_type"] for run in runs} == {"SCHEDULED"}
    assert all(run["auto_scheduled"] for run in runs)


def wait_for_runs(server: PrefectServer, deployment_id: str) -> list[dict[str, Any]]:
    """Return the runs of the deployment as soon as there is one; an empty list when patience ends."""
    question = {"deployments": {"id": {"any_": [deployment_id]}}}
    deadline = time.monotonic() + PATIENCE_SECONDS
    runs: list[dict[str, Any]] = []
    while not runs and time.monotonic() < deadline:
        time.sleep(0.5)
        runs = server.ask("POST", "/flow_runs/filter", question)
    return runs
