"""What the flows that send lend to the post: a visible task run, an artifact with the counts, and an end in words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from mail.sender import Delivered
from models.errors import Unreachable
from models.schema import await_current
from tasks import gate
from tasks.beats import beat
from tasks.rounds import counted, deliver_due, in_numbers, sender_name
from tasks.workbench import Workbench, open_workbench

TRY_AGAIN_AFTER = timedelta(seconds=30)
# A server that stays away is left to the upkeep, which looks every ten minutes; a run is not put off for ever.
MOST_PUT_OFFS = 5
ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")


def run_name() -> str:
    """A run's name: when it was due, in UTC."""
    return f"mail {runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M}"


def send() -> State[Any]:
    """Send what is due as one task run, publish the counts, and say by a state how it went.

    What does not answer (mail server, database) puts the run off by half a minute, some times, then fails it.
    """
    bench = open_workbench()
    try:
        await_current(bench.database)
        done = beat.with_options(name="Send mail that is due", task_run_name="Send mail that is due")(
            lambda: deliver_due(bench, sender_name("deliver"))
        )
        publish(done)
        if done.trouble:
            return _later(bench, done.trouble)
        return Completed(name=_name(done), message=said(done))
    except Unreachable as error:
        return _later(bench, str(error))
    finally:
        bench.database.dispose()


def sweep(bench: Workbench) -> Delivered:
    """Send what is due as one of the upkeep's duties: a mail server that is away is told, and tried at the next upkeep."""
    done = deliver_due(bench, sender_name("upkeep"))
    if done.trouble:
        get_run_logger().warning("%s; the next upkeep tries again", anonymous(done.trouble))
    return done


def _later(bench: Workbench, reason: str) -> State[Any]:
    """Put this run off; one that has been put off too often is failed, and its mail stays with the upkeep."""
    reason = anonymous(reason)
    if runtime.flow_run.run_count <= MOST_PUT_OFFS:
        get_run_logger().warning("%s; this run goes on by itself in %s", reason, TRY_AGAIN_AFTER)
        gate.put_off(bench.now() + TRY_AGAIN_AFTER, reason)
    return Failed(message=f"{reason}; the mail stays in the outbox, and the upkeep tries every ten minutes")


def _name(done: Delivered) -> str:
    if done.resting:
        return "Resting"
    return "Delivered" if any(counted(done).values()) else "Nothing due"


def said(done: Delivered) -> str:
    """The counts in one line, and why the sending rests."""
    return "; ".join(filter(None, [in_numbers(done), done.resting and f"resting: {done.resting}"]))


def publish(done: Delivered) -> None:
    """Show the counts on the run's page. A page that cannot be written never stops the mail it is about."""
    lines = ["| Letters | |", "|---|---|", *[f"| {name} | {number:,} |" for name, number in counted(done).items()]]
    ended = done.trouble or done.resting
    page = "\n".join([*lines, "", anonymous(ended)] if ended else lines)
    try:
        create_markdown_artifact(page, key="deliver-mail", description="What became of the mail that was due")
    except Exception as error:  # noqa: BLE001 - whatever it was, the outbox is right and only the page is missing
        get_run_logger().warning("The counts could not be published: %s", type(error).__name__)


def anonymous(text: str) -> str:
    """*text* without addresses: a server's words may name a learner, and Prefect is to know none."""
    return ADDRESS.sub("(an address)", text)
