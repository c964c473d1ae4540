"""Children of a test run: real servers that never outlive it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

# Taken by name: pytest-socket swaps the attribute of the module, and asking for a port sends nothing anywhere.
from socket import AF_INET, SOCK_STREAM, socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerFailed(RuntimeError):
    """A server of the tests did not come up. The message ends with the last lines of its log."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def start_process(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: tuple[int, int] | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start *command* as the head of its own process group, its words going to *log*.

    Args:
        user: uid and gid to run under; only root may name one.
        death_signal: what the kernel sends it when the test run itself is killed (Linux).
    """

    def die_with_the_test_run() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)

    uid, gid = user or (None, None)
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            user=uid,
            group=gid,
            extra_groups=[] if user else None,
            start_new_session=True,
            preexec_fn=die_with_the_test_run,  # noqa: PLW1509 - one system call, and no lock is taken
        )


def end_process(process: subprocess.Popen[bytes], how: int = signal.SIGTERM, within: float = 20) -> None:
    """End *process* and its whole group: *how* first, SIGKILL after *within* seconds. Ending it twice is harmless."""
    if process.returncode is not None:
        return  # known to be gone, and its number may be another's by now
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(within)
    _end_group(process)


def wait_until_up(process: subprocess.Popen[bytes], is_up: Callable[[], bool], *, log: Path, within: float) -> None:
    """Wait until *is_up* says yes.

    Raises:
        ServerFailed: the process ended, or *within* seconds went by.
    """
    deadline = time.monotonic() + within
    while not is_up():
        if process.poll() is not None:
            _end_group(process)
            raise ServerFailed(f"the server ended with code {process.returncode}:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            end_process(process)
            raise ServerFailed(f"the server was not ready within {within:.0f} s:\n{last_lines(log)}")
        time.sleep(0.05)


def last_lines(log: Path, count: int = 20) -> str:
    """Return the last *count* lines of *log*."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever the head of the group left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
