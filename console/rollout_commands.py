"""``recert rollout``: rehearse, start, and look at rollouts. What changes a running one lives in ``rollout_orders``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy import Connection

from console import desk, rollout_orders, undo_commands
from console.bench import opened_bench
from console.item_output import write_items
from console.output import say, write_json, write_json_array, write_table
from console.parameters import As, Format, Key
from console.rollout_output import (
    begun_json,
    overview_json,
    rollout_json,
    tell_begun,
    tell_overview,
    tell_unreachable,
    unreachable_json,
    unreachable_lines,
    write_list,
    write_preview,
)
from models import ledger
from models.errors import WrongInput
from models.plan import read_plan
from models.words import Outcome, StepSlug
from tasks import reach
from tasks.closing_lists import LISTS, ListName, closing_list
from tasks.items import items as read_items
from tasks.preview import Preview
from tasks.preview import preview as rehearsed
from tasks.workbench import Workbench

LIST_COLUMNS = ("rollout", "name", "state", "requested_by", "started_at")

app = App(name="rollout", help="Preview, start, watch and answer rollouts.")


@app.command(sort_key=0)
def preview(plan: Path, /, *, format: Format = "table") -> None:  # noqa: A002 - the option's name
    """Show what a plan would do, step after step, each on its day; nothing of it is stored.

    Args:
        plan: The plan file (TOML).
        format: Counts for people, or every line as CSV or as one JSON document.
    """
    planned = read_plan(plan)
    with opened_bench() as bench:
        carried = reach.ask(bench)
        with rehearsed(bench, planned) as seen:
            _note_rehearsal(bench)
            _write_preview(seen, format, carried=carried)


def _write_preview(seen: Preview, form: Format, *, carried: bool | None) -> None:
    for doubt in [*seen.plan.doubts(), *unreachable_lines(seen.odd_addresses(), carried=carried)]:
        say(doubt)
    if not any(step.counts for step in seen.steps):
        say("the audience holds not a single certification: mend training_types, departments or locations")
    write_preview(seen, form)


@app.command(sort_key=1)
def start(plan: Path, /, *, as_: As, json: bool = False) -> None:
    """Start a rollout.

    Args:
        plan: The plan file (TOML).
        as_: The operator who asks for it; their name stands under it, and they cannot approve it.
        json: One JSON document: rollout, name, state, flow_run_id, url.
    """
    planned = read_plan(plan)
    with opened_bench() as bench:
        begun = desk.start(bench, planned, as_)
        _note_rehearsal(bench)
        for doubt in desk.doubts(bench, planned):
            say(doubt)
    rollout_orders.note_trouble(begun)
    if json:
        write_json(begun_json(begun))
    else:
        tell_begun(begun, f"started by {begun.rollout.requested_by}")


@app.command(name="list", sort_key=2)
def list_(*, actions: bool = False, json: bool = False) -> None:
    """List rollouts and reviewed actions, the newest first.

    Args:
        actions: Also the actions that needed no review.
        json: One JSON array of rollout, name, state, requested_by, started_at.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        rollouts = ledger.listed(connection, actions=actions)
    if json:
        write_json_array(map(rollout_json, rollouts))
    else:
        write_table(LIST_COLUMNS, ({**rollout_json(one), "started_at": one.started_at} for one in rollouts))


@app.command(sort_key=3)
def show(rollout: Key, /, *, json: bool = False) -> None:
    """Show one rollout: its steps, who reviewed what, its mail, and what happens next.

    Args:
        rollout: Its number.
        json: One JSON document.
    """
    with opened_bench() as bench:
        seen = desk.look(bench, rollout)
        lost = desk.out_of_reach(bench, seen)
        run_id = seen.rollout.flow_run_id
        url = desk.run_page(bench, run_id) if run_id else None
        for note in desk.mail_notes(bench.settings):
            say(note)
    if json:
        write_json({**overview_json(seen), "unreachable": unreachable_json(lost)})
    else:
        tell_overview(seen, url)
        tell_unreachable(lost)


@app.command(sort_key=4)
def items(
    rollout: Key,
    /,
    *,
    step: StepSlug | None = None,
    outcome: list[Outcome] | None = None,
    list_: Annotated[ListName | None, Parameter(name="--list")] = None,
    format: Format = "table",  # noqa: A002 - the option's name
) -> None:
    """List every line of one step's proposal, or those whom the rollout did not bring along.

    Args:
        rollout: Its number.
        step: Whose lines.
        outcome: Only lines of this outcome; may be repeated.
        list_: Instead of a step's lines: who is left-behind (still open), not-on-common-day, taken-out (by the plan or
            an approver), not-reached (no address, failed or uncertain mail), or uncovered (no certification).
        format: A table for people, or everything as CSV or as one JSON array.
    """
    if (step is None) == (list_ is None):
        raise WrongInput("rollout items: give either --step or --list; see: recert rollout items --help")
    if list_ is not None and outcome:
        raise WrongInput("rollout items: --outcome goes with --step, not with --list")
    with opened_bench() as bench, bench.database.read() as connection:
        if list_ is not None:
            write_list(LISTS[list_].columns, closing_list(connection, bench, rollout, list_), format)
        elif step is not None:
            _write_step(connection, rollout, step, [one.value for one in outcome or []], format)


def _write_step(connection: Connection, rollout_id: int, step: StepSlug, outcomes: list[str], form: Format) -> None:
    ledger.load(connection, rollout_id)
    steps = ledger.steps(connection, rollout_id)
    if step not in steps:
        raise WrongInput(f"rollout {rollout_id} has no step {step}; it has: {', '.join(steps)}")
    record = steps[step]
    if record.proposal is None:
        say(f"rollout {rollout_id}: {step} has no list now ({record.state.value}; it opens on {record.opens_on})")
        write_items([], form)
    else:
        write_items(read_items(connection, record.proposal.id, outcomes), form)


def _note_rehearsal(bench: Workbench) -> None:
    if bench.settings.today is not None:
        say(f"a rehearsal: today is {bench.settings.today} (RECERT_TODAY)")


for position, order in enumerate(rollout_orders.ORDERS, 5):
    app.command(order, sort_key=position)
app.command(undo_commands.undo, sort_key=20)
