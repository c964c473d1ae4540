"""What a work pool is given is what `recert up` serves, and each entrypoint is the real flow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from flows.serving import deployments
from tests.prefect_server import PrefectServer

ROOT = Path(__file__).parents[2]
ZONE = "Europe/Berlin"
GIVEN: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_the_file_names_what_is_served_word_for_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_TIME_ZONE", ZONE)
    served = [
        (one.name, one.entrypoint, one.description, one.tags, [each.schedule.cron for each in one.schedules])
        for one in deployments()
    ]
    assert served == [
        (one["name"], one["entrypoint"], one["description"], one["tags"], [s["cron"] for s in one.get("schedules", [])])
        for one in GIVEN
    ]
    assert {s["timezone"] for one in GIVEN for s in one.get("schedules", [])} == {"{{ $RECERT_TIME_ZONE }}"}


@pytest.mark.parametrize("given", GIVEN, ids=lambda one: one["name"])
def test_every_entrypoint_is_the_real_flow_and_not_the_loaders_stub(given: dict[str, Any]) -> None:
    flow = load_flow_from_entrypoint(given["entrypoint"])
    assert flow.name == given["name"]
    assert flow.fn.__module__ == given["entrypoint"].rpartition(".")[0]


def _prefect(server: PrefectServer, *words: str) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    env = {**server.env, "RECERT_TIME_ZONE": ZONE}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_real_server_takes_the_file(prefect_server: PrefectServer) -> None:
    _prefect(prefect_server, "work-pool", "create", "recert", "--type", "process")
    _prefect(prefect_server, "deploy", "--all")
    try:
        for own in deployments():
            found = prefect_server.ask("GET", f"/deployments/name/{own.name}/{own.name}")
            assert found["entrypoint"] == own.entrypoint
            assert (found["work_pool_name"], found["pull_steps"] or []) == ("recert", [])
            form, schema = found["parameter_openapi_schema"], own._parameter_openapi_schema.model_dump()
            assert (form["properties"], form.get("required", [])) == (schema["properties"], schema["required"])
            assert [one["schedule"]["timezone"] for one in found["schedules"]] == [ZONE] * len(own.schedules)
    finally:
        prefect_server.ask("DELETE", "/work_pools/recert")
