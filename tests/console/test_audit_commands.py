from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_acts_are_listed_oldest_first_and_can_be_narrowed(at_work: Callable[..., Any]) -> None:
    at_work("settings", "set", "attach_list", "off", "--as", "eve@example.org")
    acts = at_work("audit", "list", "--json").json
    assert [act["seq"] for act in acts] == [1, 2, 3, 4]
    assert (acts[3]["actor"], acts[3]["act"], acts[3]["subject"]) == (
        "eve@example.org",
        "set-setting",
        "setting:attach_list",
    )
    assert acts[3]["detail"] == {"before": "on", "after": "off"}
    assert at_work("audit", "list", "--json", "--actor", "shell", "--last", "1").json == acts[2:3]
    assert at_work("audit", "list", "--json", "--act", "set-setting").json == acts[3:]
    assert at_work("audit", "list", "--json", "--subject", "user:2").json == acts[1:2]
    assert len(at_work("audit", "list").out.splitlines()) == 5


def test_an_untouched_audit_is_unbroken(at_work: Callable[..., Any]) -> None:
    head = at_work("audit", "list", "--json").json[-1]["hash"]
    ended = at_work("audit", "verify")
    assert (ended.code, ended.out, ended.err) == (0, f"3 acts, unbroken; head {head}\n", "")
    assert at_work("audit", "verify", "--json").json == {"ok": True, "acts": 3, "head": head, "broken": None}


def test_the_first_bad_row_is_named(at_work: Callable[..., Any], home: Path) -> None:
    connection = sqlite3.connect(home / "recert.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    connection.commit()
    connection.close()
    ended = at_work("audit", "verify")
    assert (ended.code, ended.out) == (3, "")
    assert ended.line.startswith("recert: the audit is broken at row 2: changed")
    found = at_work("audit", "verify", "--json")
    assert (found.code, found.json["ok"], found.json["broken"]["seq"]) == (3, False, 2)
