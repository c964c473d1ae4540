"""The daily upkeep: what must be done between people's acts, and without them. Safe to run at any time."""

from __future__ import annotations

from prefect import flow

from models.schema import await_current
from tasks.automatic import recertify
from tasks.automatic_review import propose_left
from tasks.beats import upkeep_duty
from tasks.duties import expire
from tasks.ordering import carry_on
from tasks.posting import sweep
from tasks.reminders import remind
from tasks.succeeding import succeed
from tasks.upkeep import tell_ended, watch
from tasks.weekly_digest import queue_digests
from tasks.workbench import open_workbench


@flow(name="daily-upkeep", flow_run_name="upkeep")
def daily_upkeep() -> None:
    """Do the duties, each as a task run of its own: one that fails does not keep the others from being done."""
    bench = open_workbench()
    await_current(bench.database)
    duties = [
        upkeep_duty("End reviews that nobody answered", lambda: expire(bench)),
        upkeep_duty("Wake waits and revive dead runs", lambda: watch(bench)),
        upkeep_duty("Tell runs that their rollout has ended", lambda: tell_ended(bench)),
        upkeep_duty("Do what is left of actions", lambda: carry_on(bench)),
        upkeep_duty("Move who has not started to the newer version", lambda: succeed(bench)),
        upkeep_duty("Recertify who is due where that is automatic", lambda: recertify(bench)),
        upkeep_duty("Propose for review who is left to people", lambda: propose_left(bench)),
        upkeep_duty("Remind of assignments that are due", lambda: remind(bench)),
        upkeep_duty("Write the weekly digests", lambda: queue_digests(bench)),
        upkeep_duty("Send mail that is due", lambda: sweep(bench)),
    ]
    bench.database.dispose()
    for duty in duties:
        duty.result()
