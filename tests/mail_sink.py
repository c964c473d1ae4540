"""A mail server in a process of its own: it outlives whoever sends, misbehaves by seed, and logs what it kept.

with open_sink(tmp_path, seed=4) as sink:
    deliver(outbox, sink.address, sender="training@example.org")
    assert sink.done()["kept", "ann@example.org"] == 1
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import select
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.settings import MailServer
from tests.mail.fault_server import Fault, FaultServer, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER, DROPPED, KEPT = "later", "dropped", "kept"
# What goes wrong, in shares of one: a letter is put off, its connection is lost before its content, the answer is lost
# after the content was kept, or the content is lost as well.
PUT_OFF, HUNG_UP, ANSWER_LOST, CONTENT_LOST = 0.03, 0.01, 0.01, 0.003
BAD = 5  # times as much, at a server that is to show a fault soon


class _Server(FaultServer):
    """Says what a seed has it say, logs what it did before it says so, and writes a dot for each command."""

    def __init__(self, log: Path, seed: int, heard: int, times: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._times = times
        self._book = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._heard = heard

    async def _obey(self, visit: Any, line: str) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody counts at present
            os.write(self._heard, b".")
        await super()._obey(visit, line)

    def _keep(self, kept: Kept) -> None:
        named = re.search(rb"^Message-ID: *(\S+)", kept.data, re.MULTILINE)
        assert named is not None
        self._log(KEPT, kept.to, named[1].decode())

    def _fault(self, at: str, to: str) -> Fault | None:
        if at not in ("RCPT", "content"):
            return None
        drawn = self._random.random() / self._times
        if at == "RCPT":
            if drawn < PUT_OFF:
                self._log(LATER, to)
                return Fault(at, "451 4.7.1 greylisted, come back later")
            return Fault(at, "drop") if drawn < PUT_OFF + HUNG_UP else None
        if drawn < ANSWER_LOST + CONTENT_LOST:
            self._log(DROPPED, to)
            return Fault(at, "keep-drop" if drawn < ANSWER_LOST else "drop")
        return None

    def _log(self, *words: str) -> None:
        os.write(self._book, (" ".join(words) + "\n").encode())


@dataclass
class Sink:
    """The mail server's process, from the outside.

    Attributes:
        address: where it is.
        log: what it did, one line each: ``kept``, ``later`` or ``dropped``, the recipient, and for kept mail its
            Message-ID.
        heard: readable as commands come in.
    """

    address: MailServer
    log: Path
    heard: int

    def done(self) -> Counter[tuple[str, str]]:
        """How often it did what to whom."""
        return Counter((words[0], words[1]) for words in self._lines())

    def message_ids(self) -> set[tuple[str, str]]:
        """Each (recipient, Message-ID) that it kept."""
        return {(words[1], words[2]) for words in self._lines() if words[0] == KEPT}

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text(encoding="ascii").splitlines()]

    def forget(self) -> None:
        """Count anew."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.heard, 65536):
                pass

    def wait(self, commands: int, pulse: int) -> bool:
        """Wait for so many commands. False: the sender behind *pulse* has ended before."""
        while commands > 0:
            ready, _, _ = select.select([self.heard, pulse], [], [])
            if self.heard not in ready:
                return False
            dots = os.read(self.heard, commands)
            assert dots, "the mail server has ended"
            commands -= len(dots)
        return True


@contextlib.contextmanager
def open_sink(folder: Path, seed: int, times: int = 1) -> Iterator[Sink]:
    """Run a mail server in a process of its own, so that nobody is forked with its thread inside.

    Args:
        folder: where its log goes.
        seed: of what goes wrong.
        times: how many times as much goes wrong as usual.
    """
    log = folder / "sink.log"
    heard, say = os.pipe()
    over, alive = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(alive)
        _serve(_Server(log, seed, say, times), say, over)
    os.close(over)
    os.close(say)
    try:
        with os.fdopen(os.dup(heard), "rb", buffering=0) as first:
            port = int(first.readline())
        os.set_blocking(heard, False)
        yield Sink(MailServer("127.0.0.1", port, "none"), log, heard)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(heard)
        os.close(alive)


def _serve(server: _Server, say: int, over: int) -> None:
    """Serve until we are killed, or nobody is left who could do it."""
    gc.freeze()  # looking through what the parent holds would copy all of it
    try:
        with server:
            os.write(say, b"%d\n" % server.port)
            os.set_blocking(say, False)
            os.read(over, 1)
    finally:
        os._exit(0)
