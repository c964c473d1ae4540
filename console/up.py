"""``recert up``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import time

from console.bench import opened_bench
from console.output import say
from console.stack import (
    LOOK_EVERY_S,
    Stack,
    alone,
    look_after,
    mail_folder,
    started,
    stopped_by_signals,
)
from models.pauses import pauses
from tasks.workbench import Workbench


def up() -> int:
    """Run the Prefect server, the runner with its schedules, the console, and a mail catcher if no mail server is set.

    Goes on with every rollout that was under way when it last stopped, however it stopped. Ends with Ctrl-C.
    """
    with stopped_by_signals(), opened_bench() as bench, alone(bench.settings.home):
        say(f"starting in {bench.settings.home.absolute()} …")
        with started(bench) as stack:
            _tell(bench)
            _stay(bench, stack)
    say("stopped; what was under way goes on with the next `recert up`")
    return 0


def _tell(bench: Workbench) -> None:
    settings = bench.settings
    say(f"console: {settings.console} (a user's first password: recert users password EMAIL)")
    say(f"Prefect: {settings.prefect_ui} (runs, logs, review forms)")
    if settings.mail_is_caught:
        say(f"mail is caught in {mail_folder(settings)}: nobody receives it (set RECERT_SMTP_URL to send)")
    else:
        say(f"mail goes to {settings.post.host}:{settings.post.port}")
    with bench.database.read() as connection:
        if any(pause.rollout_id is None for pause in pauses(connection)):
            say("all mail is paused; see recert mail status, and let it go with: recert mail resume")
    if settings.today:
        say(f"this is a rehearsal: today is {settings.today} (RECERT_TODAY)")
    say("ready; start a rollout with: recert rollout start PLAN.toml --as EMAIL; end with Ctrl-C")


def _stay(bench: Workbench, stack: Stack) -> None:
    try:
        while True:
            for line in look_after(bench, stack):
                say(line)
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        say("stopping …")
