"""What people and programs get to see: one-line errors, tables, CSV and JSON, each row written as it comes."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

from models.safe_csv import safe_cell

LONGEST_CELL = 80
# so many rows decide how wide a column is; what comes after them is written as it comes
MEASURED_ROWS = 500


def say(line: str) -> None:
    """Tell the person something: one line on stderr, never among the answers on stdout."""
    sys.stderr.write(one_line(line) + "\n")


def complain(message: str) -> None:
    """Say in one line what is wrong."""
    say(f"recert: {message}")


def answer(line: str) -> None:
    """Write one line for the person on stdout."""
    sys.stdout.write(one_line(line) + "\n")


def one_line(text: str) -> str:
    """*text* without line breaks or anything else that could steer a terminal."""
    return escaped(" ".join(part.strip() for part in text.splitlines()))


def escaped(text: str, limit: int | None = None) -> str:
    """*text* with every unprintable character shown as its escape, cut to *limit* characters of the original."""
    cut = text if limit is None or len(text) <= limit else text[:limit] + "…"
    return cut if cut.isprintable() else "".join(map(_visible, cut))


def write_json(document: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(_json(document) + "\n")


def write_json_array(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON array, one object a line, each as it comes; memory stays flat."""
    before = "["
    for row in rows:
        sys.stdout.write(f"{before}\n{_json(row)}")
        before = ","
    sys.stdout.write("\n]\n" if before == "," else "[]\n")


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write CSV with a header line; no cell can become a formula in a spreadsheet."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([safe_cell(_cell(row[column])) for column in columns] for row in rows)


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table for people: wrapped to the window on a terminal, plain columns elsewhere and for long lists."""
    cells = ([escaped(_cell(row[column])) for column in columns] for row in rows)
    titles = [column.replace("_", " ").capitalize() for column in columns]
    first = list(islice(cells, MEASURED_ROWS))
    if sys.stdout.isatty() and len(first) < MEASURED_ROWS:
        _write_for_terminal(titles, first)
    else:
        _write_plain(titles, first, cells)


def on_terminal() -> bool:
    """Whether somebody watches: a progress bar makes sense."""
    return sys.stderr.isatty()


def speak_utf8() -> None:
    """Write UTF-8 whatever the locale says, and never fail on a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _write_for_terminal(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only people at a terminal pay for rich
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*titles, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a name in square brackets is a name, not a colour
    Console(file=sys.stdout).print(table)


def _write_plain(titles: Sequence[str], first: Sequence[Sequence[str]], rest: Iterator[Sequence[str]]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415 - how wide a character is, a table of its own

    widths = [max(map(cell_len, column)) for column in zip(titles, *first, strict=True)]
    for row in chain([titles], first, rest):
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _cell(value: Any) -> str:
    """A value as the text of a cell: nothing for None, a day or an instant in ISO form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(_cell, value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    """What JSON does not know itself."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _visible(character: str) -> str:
    return (
        character
        if character.isprintable() or character == "\u00a0"
        else character.encode("unicode_escape").decode("ascii")
    )
