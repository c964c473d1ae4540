"""How the lines of a list are shown: all of them for programs, streamed; what fits a line for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from console.output import write_csv, write_json_array, write_table
from console.parameters import Format
from models.words import flag_slugs
from tasks.items import as_json

PAIRS = ("due", "recertification", "course")
ITEM_COLUMNS = (
    "email", "employee_id", "first_name", "last_name", "department", "training_type", "outcome", "flags",
    *[f"{name}_{side}" for name in PAIRS for side in ("before", "after")],
)  # fmt: skip
ITEM_TABLE = ("learner", "training_type", "outcome", "due_on", "recertification_on", "course", "flags")


def opened(document: Mapping[str, Any]) -> str:
    """A document that more may be written into."""
    return json.dumps(document, ensure_ascii=False)[:-1]


def write_items_json(head: Mapping[str, Any], rows: Iterable[Row[Any]]) -> None:
    """Write *head* as one document with the items as its last key, streamed."""
    sys.stdout.write(opened(head) + ', "items": ')
    write_items(rows, "json")
    sys.stdout.write("}\n")


def write_items(rows: Iterable[Row[Any]], form: Format) -> None:
    """Write a proposal's items, streamed, each with whether it was applied."""
    if form == "json":
        write_json_array({**as_json(row), "applied": row.applied_at is not None} for row in rows)
    elif form == "csv":
        write_csv((*ITEM_COLUMNS, "applied"), map(flat, rows))
    else:
        write_table((*ITEM_TABLE, "applied"), map(compact_item, rows))


def flat(row: Row[Any]) -> dict[str, Any]:
    """Everything of an item, one value a column."""
    values = {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - SQLAlchemy's public name
    return {**values, "flags": flag_slugs(row.flags), "applied": row.applied_at is not None}


def compact_item(row: Row[Any]) -> dict[str, Any]:
    """What fits a line: who by address, else by Employee ID, and each pair of values as one."""
    shown = as_json(row)
    pairs = {name: _change(*shown[name]) for name in ("due_on", "recertification_on", "course")}
    return {**shown, **pairs, "learner": row.email or row.employee_id, "applied": row.applied_at is not None}


def _change(before: str | None, after: str | None) -> str:
    return before or "" if before == after else f"{before or 'none'} > {after or 'none'}"
