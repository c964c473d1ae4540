"""A small real SMTP server that does what it is told: refuse, defer, hang up, fall silent.

    with FaultServer(Fault("RCPT", "550 5.1.1 no such user", to="bad@example.org")) as server:
        deliver(outbox, server.address, sender="training@example.org")
        assert server.kept[0].to == "good@example.org"

Any thread may look at ``kept`` and ``commands`` while it runs.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from config.settings import MailServer, Tls


@dataclass(frozen=True)
class Fault:
    """What to do instead of what a good server does.

    ``at``: ``banner EHLO STARTTLS AUTH MAIL RCPT DATA content RSET``. ``do``: a reply such as ``450 4.2.0 later``;
    ``drop`` closes the connection; ``silence`` keeps it open without a word; ``keep-drop`` and ``keep-silence`` first
    keep the mail (at ``content`` only), and ``keep-late 0.5`` answers well after so many seconds. ``in content`` drops the
    connection after the letter's first bytes. ``to``: only for this recipient. ``skip`` lets so many pass, then it happens
    ``times`` times.
    """

    at: str
    do: str
    to: str = ""
    skip: int = 0
    times: int = 1_000_000


@dataclass(frozen=True)
class Kept:
    """One accepted mail."""

    sender: str
    to: str
    data: bytes


@dataclass
class _Visit:
    """One connection's state."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str = ""
    to: str = ""


class Ended(Exception):
    """The connection is over."""


class FaultServer:
    """Serves on a free loopback port in a thread of its own, between ``with`` and its end.

    ``certificate`` offers STARTTLS, or speaks TLS from the first byte if ``implicit``; ``users`` offers AUTH;
    ``delay`` is seconds before every reply; more than ``most_connections`` at once are answered 421.
    """

    def __init__(
        self,
        *faults: Fault,
        extensions: Sequence[str] = ("8BITMIME", "SMTPUTF8"),
        certificate: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        delay: float = 0.0,
        most_connections: int = 1_000,
    ) -> None:
        self.extensions = extensions
        self.certificate = certificate
        self.implicit = implicit
        self.users = users or {}
        self.delay = delay
        self.most_connections = most_connections
        self.faults = faults
        self.kept: list[Kept] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._seen = dict.fromkeys(faults, 0)
        self._visits: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def address(self) -> MailServer:
        """Where it is, in clear text."""
        return self.address_with("none")

    def address_with(self, tls: Tls, username: str = "", password: str = "") -> MailServer:
        """Where it is, and how to come in."""
        return MailServer("127.0.0.1", self.port, tls, username, password)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        context = self.certificate if self.implicit else None
        server = await asyncio.start_server(self._welcome, "127.0.0.1", 0, ssl=context, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.001)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self._writers.append(writer)
        visit = _Visit(reader, writer)
        try:
            if self.open > self.most_connections:
                await self._say(visit, "421 4.7.0 too many connections")
                return
            await self._answer(visit, "banner", "220 fault.example ESMTP")
            while line := await visit.reader.readline():
                await self._obey(visit, line.decode().rstrip("\r\n"))
        except (Ended, ConnectionError, EOFError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            self._visits.discard(task)
            visit.writer.close()

    async def _obey(self, visit: _Visit, line: str) -> None:
        verb, _, argument = line.partition(" ")
        self.commands.append(line)
        match verb.upper():
            case "EHLO":
                await self._answer(visit, "EHLO", self._offers())
            case "STARTTLS":
                assert self.certificate is not None
                if await self._answer(visit, "STARTTLS", "220 go ahead"):
                    await visit.writer.start_tls(self.certificate)
            case "AUTH":
                await self._login(visit, argument)
            case "MAIL" | "RCPT" | "DATA" | "RSET":
                await self._transact(visit, verb.upper(), argument.partition("<")[2].partition(">")[0])
            case "QUIT":
                await self._say(visit, "221 2.0.0 goodbye")
                raise Ended
            case _:
                await self._say(visit, "502 5.5.2 what?")

    async def _transact(self, visit: _Visit, verb: str, address: str) -> None:
        if verb in {"MAIL", "RSET"}:
            visit.sender, visit.to = address, ""
        elif verb == "RCPT":
            visit.to = address
        if await self._answer(visit, verb, "354 go ahead" if verb == "DATA" else "250 2.1.0 fine") and verb == "DATA":
            await self._take(visit)

    def _offers(self) -> str:
        offers = ["fault.example", *self.extensions]
        if self.certificate and not self.implicit:
            offers.append("STARTTLS")
        if self.users:
            offers.append("AUTH PLAIN LOGIN")
        return "\r\n".join(f"250{' ' if each is offers[-1] else '-'}{each}" for each in offers)

    async def _login(self, visit: _Visit, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        assert mechanism in {"PLAIN", "LOGIN"}, argument
        if mechanism == "LOGIN":
            await self._say(visit, "535 5.7.8 use PLAIN")
            return
        _, user, password = base64.b64decode(initial).decode().split("\0")
        good = self.users.get(user) == password
        await self._answer(visit, "AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 credentials invalid")

    async def _take(self, visit: _Visit) -> None:
        if self._fault("in content", visit.to) is not None:
            await visit.reader.read(20)
            raise Ended
        raw = await visit.reader.readuntil(b"\r\n.\r\n")
        data = raw[:-3].replace(b"\r\n..", b"\r\n.")
        fault = self._fault("content", visit.to)
        if fault is None or fault.do.startswith("keep-"):
            self._keep(Kept(visit.sender, visit.to, data))
        await self._perform(visit, "250 2.0.0 kept" if fault is None else fault.do.removeprefix("keep-"))
        visit.sender = visit.to = ""

    def _keep(self, kept: Kept) -> None:
        self.kept.append(kept)

    async def _answer(self, visit: _Visit, at: str, good: str) -> bool:
        """Say the good reply, or do what a fault says. Returns whether all was well."""
        fault = self._fault(at, visit.to)
        await self._perform(visit, good if fault is None else fault.do)
        return fault is None

    async def _perform(self, visit: _Visit, act: str) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        if act == "drop":
            raise Ended
        if act.startswith("late "):
            await asyncio.sleep(float(act.removeprefix("late ")))
            act = "250 2.0.0 kept, at last"
        if act == "silence":
            await visit.reader.read()
            raise Ended
        await self._say(visit, act)

    async def _say(self, visit: _Visit, line: str) -> None:
        visit.writer.write(f"{line}\r\n".encode())
        await visit.writer.drain()

    def _fault(self, at: str, to: str) -> Fault | None:
        for fault in self.faults:
            if fault.at == at and fault.to in {"", to}:
                self._seen[fault] += 1
                if fault.skip < self._seen[fault] <= fault.skip + fault.times:
                    return fault
        return None
