"""A real Prefect server for the tests: its own home, its own port, its own database."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from tests.processes import LOOPBACK, end_process, free_port, start_process, wait_until_up

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # The second UI calls out to the internet from the browser, whatever the two lines above say.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
}
# The address is 127.0.0.1: a proxy of the developer's has no part in it.
_open = build_opener(ProxyHandler({})).open


@cache
def _migrated() -> tempfile.TemporaryDirectory[str]:
    """A home that is gone with this process: making Prefect's tables takes longer than all else at a server's start."""
    made = tempfile.TemporaryDirectory(prefix="recert-prefect-template-", ignore_cleanup_errors=True)
    words = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= QUIET | {"PREFECT_HOME": made.name}
    subprocess.run(words, env=env, check=True, capture_output=True)
    return made


def furnish(home: Path) -> None:
    """Put a Prefect database without anything in it, but with all its tables, into a ``PREFECT_HOME``."""
    shutil.copytree(_migrated().name, home, dirs_exist_ok=True)


class PrefectServer:
    """One ``prefect server start`` of our own on 127.0.0.1.

    Attributes:
        home: its ``PREFECT_HOME``.
        api_url: where its API answers, the same through every stop and start.
        env: the whole environment for a child that is to talk to it (flows, runners, the console).
    """

    def __init__(self, **settings: str) -> None:
        """Make and start the server; *settings* are further ``PREFECT_…`` variables.

        Raises:
            ServerFailed: it did not come up.
        """
        self.home = Path(tempfile.mkdtemp(prefix="recert-prefect-"))
        self._port = free_port()
        self._log = self.home / "server.log"
        self.api_url = f"http://{LOOPBACK}:{self._port}/api"
        foreign = ("PREFECT_", "RECERT_")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env |= QUIET | {"PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.api_url} | settings
        try:
            if "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in settings:
                furnish(self.home)
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self) -> None:
        """Start the server on its port and home; return when it is healthy.

        Raises:
            ServerFailed: it did not come up; the message holds its last words.
        """
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(self._port)]
        self._process = start_process(command, log=self._log, env=self.env, cwd=self.home)
        # Importing everything and migrating a new database took 35 s on a cold machine.
        wait_until_up(self._process, self._is_healthy, log=self._log, within=180)

    def stop(self) -> None:
        """Stop in good order; home and database stay."""
        end_process(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """Let it drop dead, as a crash would; home and database stay."""
        end_process(self._process, signal.SIGKILL)

    def remove(self) -> None:
        """End the server and delete its home."""
        if hasattr(self, "_process"):
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the API, e.g. ``ask("POST", "/flow_runs/filter", {…})``, and return its JSON answer (None if empty).

        Raises:
            urllib.error.HTTPError: the answer was not one of success.
        """
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 - the address is our own
            self.api_url + path, data, {"Content-Type": "application/json", **self._credentials()}, method=method
        )
        text = self._answer(request)
        return json.loads(text) if text else None

    def _credentials(self) -> dict[str, str]:
        """What a client sends to a server that wants a password, as ``PREFECT_API_AUTH_STRING`` names it."""
        named = self.env.get("PREFECT_API_AUTH_STRING", "")
        return {"Authorization": f"Basic {base64.b64encode(named.encode()).decode()}"} if named else {}

    def _answer(self, request: Request, tries: int = 10) -> bytes:
        """Send *request*, again while the server's SQLite is locked: it then says 503 and has done nothing."""
        try:
            with _open(request, timeout=30) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            error.close()
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or tries == 1:
                raise
        time.sleep(0.5)
        return self._answer(request, tries - 1)

    def _is_healthy(self) -> bool:
        try:
            return self.ask("GET", "/health") is True
        except (URLError, OSError):
            return False
