"""`recert demo`, as people run it: in a process of its own, to its end and stopped on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import free_port

pytestmark = pytest.mark.timeout(240)
DEMO = [sys.executable, "-m", "console", "demo"]
OF_THE_UPKEEP = re.compile(rb"^Message-ID:\s*<(reminder|escalation|digest)", re.MULTILINE)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "RECERT_HOME": str(tmp_path / "demo"),
        "RECERT_PREFECT_PORT": str(free_port()),
        "RECERT_MAIL_PORT": str(free_port()),
        "RECERT_CONSOLE_PORT": str(free_port()),
        # a demo never touches what is real
        "RECERT_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "RECERT_SMTP_URL": "smtp://127.0.0.1:1",
    }


@pytest.fixture
def taken(env: dict[str, str]) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", int(env["RECERT_PREFECT_PORT"]))):
        yield


def _run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *words], env=env, capture_output=True, text=True, check=False, timeout=200)


def _children_of(home: str) -> list[str]:
    """Command lines of processes that know this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if f"RECERT_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def test_it_runs_a_whole_rollout_answers_its_gates_and_leaves_nothing_running(env: dict[str, str]) -> None:
    done = _run(env, "--auto", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "completed"
    assert [step["state"] for step in told["steps"]] == ["passed", *["applied"] * 5]
    assert [len(step["reviews"]) for step in told["steps"]] == [0, 1, 1, 0, 1, 0]
    assert told["mail"] == {"sent": sum(told["mail"].values())}
    letters = [path.read_bytes() for path in (Path(env["RECERT_HOME"]) / "mail").glob("*.eml")]
    # Where the demo crosses a full ten minutes, the upkeep reminds people beside the rollout.
    of_the_rollout = [letter for letter in letters if not OF_THE_UPKEEP.search(letter)]
    assert len(of_the_rollout) == told["mail"]["sent"]
    assert _children_of(env["RECERT_HOME"]) == []


def test_a_taken_port_is_one_line_that_names_the_setting(env: dict[str, str], taken: None) -> None:
    del taken
    done = _run(env)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(f"recert: port {env['RECERT_PREFECT_PORT']} is taken")
    assert "RECERT_PREFECT_PORT=" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_no_demo_made_is_left_alone(env: dict[str, str]) -> None:
    home = Path(env["RECERT_HOME"])
    home.mkdir()
    (home / "thesis.txt").write_text("all of it")
    done = _run(env)
    assert done.returncode == 3
    assert (home / "thesis.txt").read_text() == "all of it"
    assert "no demo made" in done.stderr


@pytest.mark.parametrize("after_s", [0.7, 3, 9], ids=["at-once", "starting", "under-way"])
def test_ctrl_c_at_any_moment_is_one_line_and_leaves_nothing(env: dict[str, str], after_s: float) -> None:
    demo = subprocess.Popen([*DEMO, "--auto"], env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(after_s)
    second = _run(env) if after_s == 9 else None
    demo.send_signal(signal.SIGINT)
    _, words = demo.communicate(timeout=60)
    assert demo.returncode in (130, 0, 5, -2), words
    assert "Traceback" not in words
    assert _children_of(env["RECERT_HOME"]) == []
    if second is not None:
        assert second.returncode == 3
        assert "already running" in second.stderr
