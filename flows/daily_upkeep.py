"""The daily upkeep: wakes waits and revives dead runs, ends late gates, sends what is due. Safe to run at any time."""

from __future__ import annotations

from prefect import flow

from tasks.beats import upkeep_duty
from tasks.posting import sweep
from tasks.upkeep import expire, tell_ended, watch
from tasks.workbench import open_workbench


@flow(name="daily-upkeep", flow_run_name="upkeep")
def daily_upkeep() -> None:
    """Do the duties, each as a task run of its own: one that fails does not keep the others from being done."""
    bench = open_workbench()
    duties = [
        upkeep_duty("End reviews that nobody answered", lambda: expire(bench)),
        upkeep_duty("Wake waits and revive dead runs", lambda: watch(bench)),
        upkeep_duty("Tell runs that their rollout has ended", lambda: tell_ended(bench)),
        upkeep_duty("Send mail that is due", lambda: sweep(bench)),
    ]
    bench.database.dispose()
    for duty in duties:
        duty.result()
