"""Child processes: started together, watched, and ended together, whatever happens to us."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import Refused

PR_SET_PDEATHSIG = 1
PATIENCE_S = 15
ENDING = (signal.SIGINT, signal.SIGTERM)


class PortTaken(Refused):
    """Something else listens on a port that is needed."""


@dataclass
class Child:
    """One process of the tree.

    Attributes:
        name: what people call it.
        command: the command line.
        log: the file that takes what it prints.
        env: its whole environment.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it in a session of its own: a Ctrl-C at our terminal is ours to pass on, in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, _undisturbed():
            self.process = subprocess.Popen(  # noqa: S603 - our own command lines
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.env),
                start_new_session=True,
                preexec_fn=_in_the_child,  # noqa: PLW1509 - two system calls
            )

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it and what it started: asked first, made to after a while."""
        if self.process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(self.process.pid, sign)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                continue
            break
        _signal_group(self.process.pid, signal.SIGKILL)  # what it started and left behind

    def last_line(self) -> str:
        """The last thing it printed, for an error message."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1][:200] if lines else "it printed nothing"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a Ctrl-C wait until the child that is being started is one that we know and can end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_the_child() -> None:
    """Hear signals again, and ask the kernel for an end when `up` is killed so hard that it cannot do it itself."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(pid: int, sign: signal.Signals) -> None:
    try:
        os.killpg(pid, sign)
    except (ProcessLookupError, PermissionError):
        return


def require_free(port: int, setting: str) -> None:
    """Check that a port of this machine is free.

    Raises:
        PortTaken: it is not; the line names the setting that chooses another.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(
                f"port {port} is taken: end what listens there, or choose another with {setting}={port + 1}"
            ) from None
