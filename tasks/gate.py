"""Suspending a flow run and reading what was filled in: the forms people see in the Prefect UI."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import delete_flow_run_input, read_flow_run_input
from prefect.states import AwaitingRetry
from pydantic import Field

from models.words import Decision


class ReviewForm(RunInput):
    """Your answer to this review."""

    decision: Decision = Field(description="Approve this very list, or reject it (which ends the rollout)")
    approver: str = Field(min_length=3, description="Your e-mail address")
    code: str = Field(min_length=4, description="The one-time code from the mail that asked you")
    comment: str = Field(default="", description="Kept with your answer")
    exclude: list[str] = Field(default=[], description="Addresses or employee ids to take out of the list")


class ConfirmationForm(RunInput):
    """Confirmation that you asked for this rollout."""

    code: str = Field(min_length=4, description="The code that was mailed to the requester")


def suspend(key: str, text: str | None) -> NoReturn:
    """Suspend this run: at a review form with *text* above it, or, with None, until something wakes it."""
    if text is None:
        suspend_flow_run(key=key, timeout=None)
    else:
        suspend_flow_run(wait_for_input=ReviewForm.with_initial_data(description=text), key=key, timeout=None)
    raise AssertionError("a fresh key always suspends")


def suspend_for_confirmation(key: str) -> NoReturn:
    """Suspend this run until the requester's code is filled in."""
    text = "Somebody asked for this rollout in your name. Fill in the code that was mailed to you."
    suspend_flow_run(wait_for_input=ConfirmationForm.with_initial_data(description=text), key=key, timeout=None)
    raise AssertionError("a fresh key always suspends")


def put_off(until: datetime, reason: str) -> NoReturn:
    """Leave this process and let the run begin again at an instant, without a failure in between.

    Returned from the flow such a state counts as a crash; left by the door of a suspension it is what it says.
    """
    later: State[Any] = AwaitingRetry(scheduled_time=until, message=reason)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(str(runtime.flow_run.id)), later)
    raise Pause(state=later)


def filled_in(key: str) -> dict[str, Any] | None:
    """What was filled in at the suspension with this key; None if nothing was."""
    found = read_flow_run_input(_response(key))
    return found if isinstance(found, dict) else None


def forget(key: str) -> None:
    """Delete what was filled in, if it is there: codes stay readable to whoever reaches the API."""
    if read_flow_run_input(_response(key)) is not None:
        delete_flow_run_input(_response(key))


def _response(key: str) -> str:
    return f"suspended-{key}-response"
