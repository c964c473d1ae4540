"""The runner: offers the flows to a Prefect server and starts a process for each of their runs.

`recert up` starts this as a child: `python -m flows.serving`. Beyond one machine `prefect.yaml` and workers stand here.
"""

from __future__ import annotations

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.utilities.callables import parameter_schema_from_entrypoint

from config.settings import load_settings

AT_ONCE = 10
# Often enough that a dead run or a deferred mail waits minutes; the daily duties are keyed by day.
EVERY_TEN_MINUTES = "*/10 * * * *"


def offered(
    flow: str, module: str, description: str, *, cron: str = "", zone: str = "UTC", tags: tuple[str, ...] = ()
) -> RunnerDeployment:
    """A deployment of ``flows.<module>.<module>``, made without importing it: a flow file is loaded once, in its run."""
    entrypoint = f"flows.{module}.{module}"
    deployment = RunnerDeployment(
        name=flow,
        flow_name=flow,
        entrypoint=entrypoint,
        description=description,
        tags=["recert", *tags],
        schedules=[Cron(cron, timezone=zone)] if cron else [],  # not None: the server refuses that at the second start
    )
    # Private, and the only way to a form without importing the flow here; a test holds on to it.
    deployment._parameter_openapi_schema = parameter_schema_from_entrypoint(entrypoint)  # noqa: SLF001
    return deployment


def deployments() -> list[RunnerDeployment]:
    """Everything this installation offers."""
    zone = load_settings().time_zone
    return [
        offered("annual-rollout", "annual_rollout", "The yearly rollout. Prefer `recert rollout start PLAN.toml`."),
        offered("learner-action", "learner_action", "A large action, reviewed. Started by `recert`, never from here."),
        offered(
            "deliver-mail", "deliver_mail", "Sends what is due; as many runs at once as you start.", tags=("mail",)
        ),
        offered(
            "daily-upkeep",
            "daily_upkeep",
            "Wakes waits, ends late reviews, revives dead runs, sends what is due.",
            cron=EVERY_TEN_MINUTES,
            zone=zone,
        ),
    ]


if __name__ == "__main__":
    serve(*deployments(), limit=AT_ONCE, pause_on_shutdown=False, print_starting_message=False)
