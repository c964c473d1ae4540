"""``recert demo``: a sample organisation, the whole stack, and one rollout that really runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr

from config.settings import Settings, load_settings
from console.demo_approver import APPROVER, answer_gate, caught_code, line_to_paste, recert
from console.output import answer, say, write_json
from console.rollout_output import overview_json, tell_overview
from console.stack import Stack, alone, look_after, mail_folder, shell_prefix, started, stopped_by_signals
from models import ledger, people, reviews, schema
from models.errors import Refused, Unreachable
from models.plan import RolloutPlan, plan_from
from models.roster import training_type_ids
from models.words import Role, RolloutState
from tasks.import_files import import_courses, import_history, import_learners
from tasks.overview import Overview, overview
from tasks.rollouts import start_rollout
from tasks.sample_organisation import write_sample
from tasks.workbench import Workbench, open_workbench

MARKER = ".recert-demo"
LEARNERS = 300
OPERATOR, OTHER = "opal@example.org", "bo@example.org"
SAMPLES = (OPERATOR, APPROVER, OTHER)
ENDS_WITHIN_S = 300


def demo(*, auto: bool = False, json: bool = False) -> int:
    """Show it all: a sample organisation, the whole stack on this machine, one rollout.

    Stops at each review gate and prints one line to paste; ends with Ctrl-C.

    Args:
        auto: Answer the gates as the sample approver, run to the end, and exit.
        json: Print the summary as one JSON document on stdout.
    """
    settings = _settings()
    with stopped_by_signals(), alone(_home(settings.home)):
        _clear(settings.home)
        bench = open_workbench(settings)
        try:
            return _show(bench, auto=auto, json=json)
        finally:
            bench.database.dispose()


def _settings() -> Settings:
    """The environment's settings, but never its database or its mail server: a demo touches nothing that is real."""
    own = {"database_url": SecretStr(""), "smtp_url": SecretStr(""), "environment": "development", "public_url": ""}
    settings = load_settings(**own)
    home = settings.home if "home" in settings.model_fields_set else Path("var/demo")
    return settings.model_copy(update={"home": home.absolute()})


def _home(home: Path) -> Path:
    """Take a home that is empty, missing, or a demo's own; leave any other alone."""
    if home.exists() and not home.is_dir():
        raise Refused(f"{home} is no folder: name an empty one with RECERT_HOME")
    if home.is_dir() and not (home / MARKER).exists() and any(home.iterdir()):
        raise Refused(f"{home} holds something that no demo made: name an empty folder with RECERT_HOME")
    home.mkdir(parents=True, exist_ok=True)
    (home / MARKER).touch()
    return home


def _clear(home: Path) -> None:
    for path in home.iterdir():
        if path.name in (MARKER, "up.lock"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _show(bench: Workbench, *, auto: bool, json: bool) -> int:
    say(f"making a sample organisation of {LEARNERS} learners in {bench.settings.home} …")
    plan = _organisation(bench)
    say("starting Prefect, the runner and the mail catcher (10 to 40 seconds) …")
    with started(bench, SAMPLES) as stack:
        rollout_id = _begin(bench, plan)
        say(f"rollout {rollout_id} ({plan.name}) has started; watch it at {bench.settings.prefect_ui}")
        say(f"the console: {bench.settings.console}; sign in as {OPERATOR} or {APPROVER} with one click")
        ended = _follow(bench, stack, rollout_id, answer_gate if auto else _print_gate, forever=not auto)
        with bench.database.read() as connection:
            seen = overview(connection, rollout_id)
    if json:
        write_json({**overview_json(seen), "home": str(bench.settings.home)})
    else:
        _tell(bench, seen)
    return 0 if ended or not auto else Unreachable.exit_code


def _organisation(bench: Workbench) -> RolloutPlan:
    """Import the sample through the same door as real files, and make the sample's users and plan."""
    schema.upgrade(bench.database)
    folder, today = bench.settings.home / "sample", bench.today()
    write_sample(folder, learners=LEARNERS, today=today)
    import_courses(bench, folder / "courses.csv", actor="demo")
    import_learners(bench, folder / "learners.csv", actor="demo")
    import_history(bench, folder / "history.csv", actor="demo")
    with bench.database.write() as connection:
        for email, name, role in (
            (OPERATOR, "Opal Okafor", Role.OPERATOR),
            (APPROVER, "Ava Lindqvist", Role.APPROVER),
            (OTHER, "Bo Tanaka", Role.APPROVER),
        ):
            people.add_user(connection, email, name, [role], actor="demo", at=bench.now())
        types = list(training_type_ids(connection))
    return _plan(types, today)


def _plan(types: list[str], today: date) -> RolloutPlan:
    """A plan that opens every step today."""
    return plan_from(
        {
            "name": f"annual-{today.year}",
            "training_types": types,
            "recertify_on": today,
            "align_on": today,
            "incomplete": {"new_due_on": today + timedelta(days=14)},
        }
    )


def _begin(bench: Workbench, plan: RolloutPlan) -> int:
    from console.conductor import begin  # noqa: PLC0415 - importing Prefect takes seconds

    rollout_id = start_rollout(bench, plan, OPERATOR)
    begin(bench, rollout_id)
    return rollout_id


def _follow(
    bench: Workbench, stack: Stack, rollout_id: int, at_gate: Callable[[Workbench, int, str], None], *, forever: bool
) -> bool:
    """Go with the rollout to its end, meeting each gate once; False if it was not reached in time."""
    met: set[int] = set()
    late = time.monotonic() + ENDS_WITHIN_S
    try:
        while forever or time.monotonic() < late:
            with bench.database.read() as connection:
                rollout, gate = ledger.load(connection, rollout_id), reviews.open_gate_of(connection, rollout_id)
            if not rollout.is_alive:
                return rollout.state is RolloutState.COMPLETED
            if gate is not None and gate.id not in met and caught_code(bench, APPROVER, gate.slug):
                met.add(gate.id)
                at_gate(bench, rollout_id, gate.slug)
            for line in look_after(bench, stack):
                say(line)
            time.sleep(0.5)
    except KeyboardInterrupt:
        if not met:
            raise
        say("stopping …")
    return False


def _print_gate(bench: Workbench, rollout_id: int, slug: str) -> None:
    say("")
    say(f"the rollout waits for a review of {slug}; the request lies in {mail_folder(bench.settings)}")
    with bench.database.read() as connection:
        run_id = ledger.load(connection, rollout_id).flow_run_id
    say(f"look at it: {bench.settings.prefect_ui}/runs/flow-run/{run_id}")
    say(
        f"or answer it in the console, signed in as {APPROVER}: {bench.settings.console}/rollouts/{rollout_id}/steps/{slug}"
    )
    say("approve it: paste this line into another terminal, in this folder (here you end the demo with Ctrl-C)")
    say(f"  {line_to_paste(bench, rollout_id, APPROVER, slug)}")


def _tell(bench: Workbench, seen: Overview) -> None:
    """The summary, and where to look now that Prefect is down again."""
    tell_overview(seen, None)
    answer(f"The mail, caught: {mail_folder(bench.settings)}")
    answer(f"The rollout: {shell_prefix(bench.settings)} {recert()} rollout show {seen.rollout.id}")
