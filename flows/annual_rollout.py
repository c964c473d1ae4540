"""The yearly rollout: the checklist, in order, from the first step that is not done."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from models.plan import RolloutPlan
from models.words import RolloutState
from tasks.beats import conduct
from tasks.stage import Stage


@flow(name="annual-rollout", flow_run_name="{plan.name}")
def annual_rollout(plan: RolloutPlan, requested_by: str, ticket: str = "") -> State[Any]:
    """Renew an organisation's training: verify, re-notify, align, hold, recertify, notify; with reviews in between.

    Args:
        plan: one year's decisions.
        requested_by: e-mail address of the operator who asks for it.
        ticket: leave blank; whoever starts with `recert rollout start` need not confirm by mail.
    """
    return conduct(plan, requested_by, ticket, walk)


def walk(stage: Stage) -> RolloutState:
    """Go through the checklist. Safe to run again from the top: the ledger knows what is done."""
    stage.confirm()
    for step in stage.steps_left():
        stage.wait(step)
        stage.propose(step)
        stage.review(step)
        stage.apply(step)
        stage.deliver(step)
        stage.close(step)
    return stage.end()
