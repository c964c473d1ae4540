"""`recert up` as people run it, in a child process of its own: for tests of the whole."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from config.settings import Settings
from models.database import Database
from tasks.workbench import Workbench
from tests.prefect_server import furnish
from tests.processes import free_port
from tests.world import TODAY

T = TypeVar("T")
WITHIN_S = 90


def eventually(look: Callable[[], T | None], within_s: float = WITHIN_S, what: str = "it") -> T:
    """Look again and again until there is something to see; fail if there is nothing in time."""
    late = time.monotonic() + within_s
    while time.monotonic() < late:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {within_s} s")


@dataclass
class Up:
    """A home with ports of its own, and the `recert up` in it."""

    home: Path
    today: str = TODAY.isoformat()
    database_url: str = ""
    smtp_url: str = ""
    prefect_port: int = field(default_factory=free_port)
    mail_port: int = field(default_factory=free_port)
    console_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        ours = {
            "RECERT_HOME": str(self.home),
            "RECERT_TODAY": self.today,
            "RECERT_DATABASE_URL": self.database_url,
            "RECERT_SMTP_URL": self.smtp_url,
            "RECERT_PREFECT_PORT": str(self.prefect_port),
            "RECERT_MAIL_PORT": str(self.mail_port),
            "RECERT_CONSOLE_PORT": str(self.console_port),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RECERT_", "PREFECT_"))}
        return {**clean, **ours}

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @contextlib.contextmanager
    def looked_into(self) -> Iterator[Workbench]:
        """Its database, for who looks again and again: a command each time would take the machine from the runs."""
        bench = self.bench()
        yield bench
        bench.database.dispose()

    def bench(self) -> Workbench:
        from datetime import date

        settings = Settings(home=self.home, database_url=self.database_url, today=date.fromisoformat(self.today),
                            prefect_port=self.prefect_port, mail_port=self.mail_port)  # fmt: skip
        return Workbench(settings, Database(settings.database))

    def recert(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command as people do."""
        command = [sys.executable, "-m", "console", *words]
        return subprocess.run(
            command, env=self.env, input=typed, capture_output=True, text=True, check=False, timeout=60
        )

    def json(self, *words: str) -> Any:
        done = self.recert(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self) -> None:
        if not (self.home / "prefect").exists():
            furnish(self.home / "prefect")
        log = (self.home / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console", "up"], env=self.env, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        eventually(lambda: b"ready;" in self._log() or self._ended(), 120, "recert up")

    def _log(self) -> bytes:
        return (self.home / "up.log").read_bytes()

    def _ended(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self._log().decode()

    def stop(self) -> int:
        """End it as a service does; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill_everything(self) -> None:
        """SIGKILL to `up` and to everything it started, runs at work included, all at once."""
        assert self.process is not None
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        (self.home / "up.log").unlink()

    def kill(self, child: str) -> None:
        """SIGKILL to one of `up`'s children, by a word of its command line; what it started stays as it is."""
        assert self.process is not None
        (pid,) = [pid for pid in _children(self.process.pid) if child in _command(pid)]
        os.kill(pid, signal.SIGKILL)

    def kill_run(self) -> bool:
        """SIGKILL to a run that is at work; False if there is none."""
        assert self.process is not None
        runners = [pid for pid in _children(self.process.pid) if "flows.serving" in _command(pid)]
        at_work = [pid for runner in runners for pid in descendants(runner)]
        for pid in at_work:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(at_work)

    def close(self) -> None:
        """Leave nothing running, whatever the test came to."""
        if self.process is not None and self.process.poll() is None:
            self.kill_everything()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the Prefect API, tried again where SQLite was busy."""
        for _ in range(20):
            answer = httpx.request(method, f"{self.api}{path}", json=body, timeout=10)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                answer.raise_for_status()
                return answer.json() if answer.content else None
            time.sleep(0.3)
        raise AssertionError(f"{path}: busy for too long")

    def run_state(self, run_id: str) -> tuple[str, str]:
        state = self.ask("GET", f"/flow_runs/{run_id}")["state"]
        return state["type"], state["name"]

    def mails(self, to: str) -> list[str]:
        """The plain text of every caught mail to *to*, oldest first."""
        found = []
        for path in sorted((self.home / "mail").glob(f"*{to}*.eml")):
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = letter.get_body(("plain",))
            assert body is not None
            found.append(str(body.get_content()))
        return found

    def code(self, to: str, step: str = "") -> str | None:
        """The newest code mailed to *to* (for *step*)."""
        for text in reversed(self.mails(to)):
            lines = text.splitlines()
            if not step or f"Step: {step}" in lines:
                return next((line[6:] for line in lines if line.startswith("Code: ")), None)
        return None


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def descendants(pid: int) -> list[int]:
    return [each for child in _children(pid) for each in (child, *descendants(child))]


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found.append(int(entry.name))
    return found
