"""What the runner offers: real flows, under their true names, with a form that people can fill in."""

from __future__ import annotations

import pytest
from prefect.flows import load_flow_from_entrypoint

from flows.serving import deployments


@pytest.fixture(params=["annual-rollout", "learner-action", "deliver-mail", "daily-upkeep"])
def deployment(request: pytest.FixtureRequest) -> object:
    return next(one for one in deployments() if one.name == request.param)


def test_what_is_offered_is_all_that_there_is_and_the_upkeep_comes_last() -> None:
    """`recert up` takes the last one for the sign that all are there."""
    assert [one.name for one in deployments()] == ["annual-rollout", "learner-action", "deliver-mail", "daily-upkeep"]


def test_the_post_has_no_schedule_needs_nothing_and_bears_its_tag() -> None:
    post = deployments()[2]
    assert (post.schedules, post.tags) == ([], ["recert", "mail"])
    assert post._parameter_openapi_schema.model_dump()["properties"] == {}


def test_every_entrypoint_is_the_real_flow_and_not_the_loaders_stub(deployment: object) -> None:
    flow = load_flow_from_entrypoint(deployment.entrypoint)  # type: ignore[attr-defined]
    assert flow.name == deployment.flow_name  # type: ignore[attr-defined]
    assert flow.fn.__module__ == deployment.entrypoint.rpartition(".")[0]  # type: ignore[attr-defined]


def test_the_form_of_a_rollout_asks_for_the_whole_plan() -> None:
    schema = deployments()[0]._parameter_openapi_schema.model_dump()
    assert schema["required"] == ["plan", "requested_by"]
    plan = schema["definitions"]["RolloutPlan"]
    assert set(plan["required"]) == {"name", "training_types", "recertify_on", "incomplete"}
    assert plan["properties"]["recertify_on"]["description"] == "The common Recertification Date"
    assert plan["additionalProperties"] is False


def test_the_upkeep_is_scheduled_in_the_organisations_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_TIME_ZONE", "Asia/Tokyo")
    schedule = deployments()[3].schedules[0].schedule
    assert (schedule.cron, schedule.timezone) == ("*/10 * * * *", "Asia/Tokyo")
