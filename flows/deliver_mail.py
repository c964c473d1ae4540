"""The post on its own: sends what is due. Start as many runs at once as the mail server bears; they share one outbox."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.posting import run_name, send


@flow(name="deliver-mail", flow_run_name=run_name)
def deliver_mail() -> State[Any]:
    """Send the mail that is due now, and end. Needs no parameters; the upkeep sweeps every ten minutes all the same."""
    return send()
