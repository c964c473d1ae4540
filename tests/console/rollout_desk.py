"""What the tests of rollout and mail commands share: an organisation in the home, a plan file, a Prefect that is none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from models import lease, ledger
from models.errors import PrefectUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

AWAY = "Prefect does not answer: connection refused"


@dataclass
class PretendedPrefect:
    """Stands for ``console.conductor``: what it was asked for, and whether it answers."""

    away: bool = False
    begins: bool = True
    asked: list[tuple[str, int]] = field(default_factory=list)

    def require_prefect(self, bench: Workbench) -> None:
        del bench
        if self.away:
            raise PrefectUnavailable(AWAY)

    def begin(self, bench: Workbench, rollout_id: int, *, anew: bool = False) -> str:
        assert not anew, "a resumed rollout has let go of its run already"
        if not self.begins:
            raise PrefectUnavailable(AWAY)
        self.asked.append(("begin", rollout_id))
        with bench.database.write() as connection:
            number = ledger.load(connection, rollout_id).run_number
            assert lease.bind_run(connection, rollout_id, f"run-{rollout_id}-{number}", number)
        return f"run-{rollout_id}-{number}"

    def go_on(self, bench: Workbench, rollout_id: int) -> bool:
        del bench
        self.asked.append(("go on", rollout_id))
        return not self.away

    def cancel(self, bench: Workbench, rollout_id: int) -> bool:
        del bench
        self.asked.append(("cancel", rollout_id))
        return not self.away


def write_plan(path: Path, **changes: Any) -> Path:
    """Write a plan whose every step opens today; a table is given as a dict, None leaves a key out."""
    content: dict[str, Any] = {
        "name": "annual-2027",
        "training_types": ["conduct", "privacy"],
        "recertify_on": date(2026, 11, 23),
        "align_on": date(2026, 11, 23),
        "incomplete": {"new_due_on": date(2026, 12, 18)},
        **changes,
    }
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    lines = [_line(key, value) for key, value in content.items() if key not in tables and value is not None]
    for name, table in tables.items():
        lines += [f"[{name}]", *[_line(key, value) for key, value in table.items()]]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _line(key: str, value: Any) -> str:
    return f"{key} = {value.isoformat() if isinstance(value, date) else json.dumps(value)}"
