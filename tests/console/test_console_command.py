"""`recert console`: served on this machine alone, ended by Ctrl-C, and in production under an https address only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import free_port


def test_it_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port = free_port()
    env = {**os.environ, "RECERT_HOME": str(tmp_path), "RECERT_CONSOLE_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "console", "console"], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        late = time.monotonic() + 60
        while time.monotonic() < late:
            try:
                seen = httpx.get(f"http://127.0.0.1:{port}/sign-in")
                break
            except httpx.TransportError:
                assert served.poll() is None
                time.sleep(0.05)
        assert seen.status_code == 200
        assert "server" not in seen.headers
        served.send_signal(signal.SIGINT)
        _, told = served.communicate(timeout=30)
    assert served.returncode == 0
    assert told.splitlines()[-2:] == [f"console: http://127.0.0.1:{port}; end with Ctrl-C", "stopped"]


def test_a_port_that_is_taken_is_told_with_the_mend(
    recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("RECERT_CONSOLE_PORT", str(taken.getsockname()[1]))
        ended = recert("console")
    assert ended.code == 3
    assert "RECERT_CONSOLE_PORT=" in ended.err.splitlines()[-1]


def test_in_production_people_come_by_https(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_ENVIRONMENT", "production")
    monkeypatch.setenv("RECERT_PUBLIC_URL", "http://recert.example.org")
    ended = recert("console")
    assert ended.code == 2
    assert "RECERT_PUBLIC_URL" in ended.err.splitlines()[-1]
