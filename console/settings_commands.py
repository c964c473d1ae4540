"""``recert settings``: what the organisation chooses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter

from console.bench import actor, opened_bench
from console.output import answer, write_json, write_table
from models.choices import set_choice, show
from models.errors import WrongInput
from models.words import Role

app = App(name="settings", help="See and choose the organisation's settings.")


@app.command(name="show")
def show_(*, json: bool = False) -> None:
    """Show every setting with its value, its default and its meaning.

    Args:
        json: One JSON array of name, value, default, meaning.
    """
    with opened_bench() as bench:
        with bench.database.read() as connection:
            rows = [asdict(line) for line in show(connection)]
        if json:
            write_json(rows)
        else:
            write_table(("name", "value", "default", "meaning"), rows)


@app.command(name="set")
def set_(
    name: str,
    value: str,
    /,
    *,
    as_: Annotated[str | None, Parameter(name="--as")] = None,
    apply_to_all: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Choose a value.

    Args:
        name: As `recert settings show` lists it, e.g. date_basis, frequency.HP-1 or automatic.harassment-prevention.
        value: The new value; '' clears a text.
        as_: The admin who chooses; without it, whoever is at the shell.
        apply_to_all: For date_basis and frequency.<course>: compute every learner's dates in every course anew, also
            those that were set by hand; shown first, confirmed, then reviewed by an approver. Needs --as.
        yes: With --apply-to-all: ask for the review without asking here; for scripts.
        json: One JSON document: name and value; with --apply-to-all that of an action, with its items.
    """
    name = name.strip()
    with opened_bench() as bench:
        if apply_to_all:
            if as_ is None:
                raise WrongInput("--apply-to-all: name the admin who orders it with --as EMAIL")
            from console.action_commands import Confirming, see_through  # noqa: PLC0415 - whoever only looks needs no mail room
            from tasks.settings_orders import place_setting  # noqa: PLC0415 - as above

            placed = place_setting(bench, name, value.strip(), as_)
            see_through(bench, placed, Confirming(as_, yes=yes, json=json))
            return
        with bench.database.write() as connection:
            who = actor(connection, as_, Role.ADMIN)
            set_choice(connection, name, value, actor=who, at=bench.now(), today=bench.today())
            chosen = next(line.value for line in show(connection) if line.name == name)
    if json:
        write_json({"name": name, "value": chosen})
    else:
        answer(f"{name} = {chosen or chr(39) * 2}")
