"""A large action on selected learners: its frozen list is reviewed, carried out, and told."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from models.words import RolloutState
from tasks.beats import conduct
from tasks.stage import Stage


@flow(name="learner-action", flow_run_name="action {rollout}")
def learner_action(rollout: int, ticket: str) -> State[Any]:
    """Carry an action out once its list is approved.

    Args:
        rollout: number of the action's rollout, for people to read.
        ticket: what `recert` hands out; without it nothing is done.
    """
    del rollout  # the ticket says which one it is, and cannot be guessed
    return conduct(None, "", ticket, walk)


def walk(stage: Stage) -> RolloutState:
    """Go through the action's only step. Safe to run again from the top."""
    for step in stage.steps_left():
        stage.propose(step)
        stage.review(step)
        stage.apply(step)
        stage.deliver(step)
        stage.close(step)
    return stage.end()
