"""``recert settings``: what the organisation chooses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter

from console.bench import actor, opened_bench
from console.output import answer, write_json, write_table
from models.choices import set_choice, show
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
) -> None:
    """Choose a value.

    Args:
        name: As `recert settings show` lists it, e.g. date_basis or automatic.harassment-prevention.
        value: The new value; '' clears a text.
        as_: The admin who chooses; without it, whoever is at the shell.
    """
    with opened_bench() as bench, bench.database.write() as connection:
        who = actor(connection, as_, Role.ADMIN)
        set_choice(connection, name, value, actor=who, at=bench.now(), today=bench.today())
        chosen = next(line.value for line in show(connection) if line.name == name.strip())
    answer(f"{name.strip()} = {chosen or chr(39) * 2}")
