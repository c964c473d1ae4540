"""A plan as the file it would be read from."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from models.plan import RolloutPlan


def plan_text(plan: RolloutPlan) -> str:
    """Return *plan* as TOML that ``plan_from`` reads back as the same plan; what is as by default is left out."""
    content = plan.model_dump(exclude_defaults=True, exclude_none=True)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    lines = [f"{name} = {_value(value)}" for name, value in content.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").isalnum() else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """A string as TOML writes it: as JSON does, but for one sign that TOML wants escaped, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
