"""One SMTP connection: opened, used for many letters, closed.

MAIL, RCPT and DATA are driven one by one, so that each answer is known for what it is: a letter whose content has not
begun to be sent cannot have arrived, one whose content has may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import aiosmtplib

from config.settings import MailServer
from mail.addresses import AddressUnusable, Mailbox, read_mailbox
from mail.answers import LINE_LIMIT, Answer, ServerTrouble, Stage, judge, reply_line

TIMEOUT = 30.0
# RFC 5321 asks for ten minutes; a short wait makes doubles, since the server may have taken the mail.
DATA_TIMEOUT = 300.0
BARE_ENDINGS = re.compile(rb"\r\n|\r|\n")
GO_AHEAD = 354


@dataclass(frozen=True, slots=True)
class Parcel:
    r"""One letter on its way: the outbox's key, the one recipient, the bytes (``\r\n`` lines)."""

    key: int
    to: str
    data: bytes


class HungUp(Exception):
    """The connection was lost or fell silent before the letter's content began to be sent."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reply)
        self.answer = answer


class Carrier(Protocol):
    """What the delivery asks of a connection; another way of sending can stand behind it."""

    @property
    def is_open(self) -> bool:
        """Whether a letter can be sent without opening first."""

    @property
    def used(self) -> bool:
        """Whether this connection has carried a letter since it was opened."""

    async def open(self) -> None:
        """Connect, encrypt, log in. Raises ServerTrouble."""

    async def send(self, parcel: Parcel) -> Answer:
        """Send one letter. Raises HungUp (nothing was sent) and ServerTrouble (with the letter's answer)."""

    @property
    def in_content(self) -> bool:
        """Whether the content of a letter is on its way and not yet answered."""

    async def close(self) -> None:
        """Say goodbye, if anybody is still there."""

    def abandon(self) -> None:
        """Close without a word."""


class Connection:
    """A lock-step connection by aiosmtplib.

    Args:
        server: where to connect, how to encrypt, as whom.
        sender: the envelope's sender.
        timeout: seconds to wait for each step but the one after the content.
        data_timeout: seconds to wait for the reply after the content.
        trust: the certificates to trust; the system's when None.
    """

    def __init__(
        self,
        server: MailServer,
        sender: Mailbox,
        timeout: float = TIMEOUT,
        data_timeout: float = DATA_TIMEOUT,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._data_timeout = data_timeout
        self._trust = trust
        self._client: aiosmtplib.SMTP | None = None
        self._transport: asyncio.BaseTransport | None = None
        self.used = False
        self.in_content = False

    @property
    def is_open(self) -> bool:
        """Whether a letter can be sent without opening first."""
        return self._client is not None and self._client.is_connected

    @property
    def abilities(self) -> frozenset[str]:
        """The extensions the server offers on this connection, in lower case; none while it is not open."""
        return frozenset(self._client.esmtp_extensions) if self._client is not None else frozenset()

    async def open(self) -> None:
        """Connect, encrypt as the server's ``tls`` says, log in if there is a user name.

        Raises:
            ServerTrouble: any of it failed; the reason names the server and, where we know it, the mend.
        """
        self.used = False
        server, tls = self._server, self._server.tls
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=tls == "implicit",
            start_tls=tls == "starttls",
            local_hostname="localhost" if server.on_loopback else _own_name(),
            timeout=self._timeout,
            tls_context=self._trust if tls != "none" else None,
        )
        try:
            await client.connect()
            self._client, self._transport = client, client.transport
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            if server.username:
                await client.login(server.username, server.password)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.abandon()
            raise ServerTrouble(f"mail server {server.host}:{server.port}: {_why(error)}") from None

    async def send(self, parcel: Parcel) -> Answer:
        """Send one letter over the open connection.

        Returns:
            ``sent``, ``deferred``, ``failed`` or ``uncertain``.

        Raises:
            HungUp: the connection was lost before the content began to be sent; the answer is ``untried``.
            ServerTrouble: the server will not take anybody's mail now; carries the letter's answer.
        """
        client = self._client
        if client is None:
            raise HungUp(Answer(parcel.key, "untried", "not connected"))
        try:
            to = read_mailbox(parcel.to)
        except AddressUnusable as refusal:
            return Answer(parcel.key, "failed", str(refusal))
        unsendable = self._unsendable(client, to, parcel.data)
        if unsendable:
            return Answer(parcel.key, "failed", unsendable)
        self.used = True
        return await self._converse(client, parcel, to)

    async def close(self) -> None:
        """Say goodbye, if anybody is still there."""
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit(timeout=min(self._timeout, 5))
        self.abandon()

    def abandon(self) -> None:
        """Close without a word."""
        self.in_content = False
        if self._client is not None:
            self._client.close()
            self._client = None
        # A TLS connection would wait for the other side's goodbye, long after the loop has ended.
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        self._transport = None

    async def _converse(self, client: aiosmtplib.SMTP, parcel: Parcel, to: Mailbox) -> Answer:
        envelope: tuple[tuple[Stage, list[bytes]], ...] = (
            ("mail", [b"MAIL", b"FROM:<%b>" % str(self._sender).encode(), *self._options(client, to, parcel.data)]),
            ("rcpt", [b"RCPT", b"TO:<%b>" % str(to).encode()]),
            ("data", [b"DATA"]),
        )
        for stage, words in envelope:
            try:
                code, text = await client.execute_command(*words)
            except (aiosmtplib.SMTPException, OSError) as error:
                self.abandon()
                reply = f"connection lost at {stage.upper()}: {_why(error)}"
                raise HungUp(Answer(parcel.key, "untried", reply, stage == "data")) from None
            if code != GO_AHEAD if stage == "data" else code // 100 != 2:  # noqa: PLR2004 - SMTP's "done"
                return await self._refused(parcel, stage, code, text)
        return await self._send_content(client, parcel)

    async def _send_content(self, client: aiosmtplib.SMTP, parcel: Parcel) -> Answer:
        self.in_content = True
        try:
            if client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("gone")
            client.protocol.write(_content(parcel.data))
            code, text = await client.protocol.read_response(timeout=self._data_timeout)
        except (aiosmtplib.SMTPException, OSError) as error:
            self.abandon()
            return Answer(parcel.key, "uncertain", f"no answer after the letter was sent: {_why(error)}", in_data=True)
        self.in_content = False
        if code // 100 == 2:  # noqa: PLR2004 - SMTP's "done"
            return Answer(parcel.key, "sent", reply_line(code, text), in_data=True)
        return await self._refused(parcel, "content", code, text)

    async def _refused(self, parcel: Parcel, stage: Stage, code: int, text: str) -> Answer:
        judgement = judge(stage, code)
        reply = reply_line(code, text)
        in_data = stage in {"data", "content"}
        answer = Answer(parcel.key, judgement.verdict, reply, in_data, of_server=judgement.of_server)
        if judgement.stops:
            await self.close()
            raise ServerTrouble(f"mail server {self._server.host}:{self._server.port}: {reply}", answer)
        if judgement.verdict in {"untried", "uncertain"}:
            self.abandon()
            if judgement.verdict == "untried":
                raise HungUp(answer)
            return answer
        if stage != "content":
            await self._reset()
        return answer

    async def _reset(self) -> None:
        """Clear the refused envelope; the answer stands whether the server still listens or not."""
        try:
            if self._client is not None:
                await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            self.abandon()

    def _unsendable(self, client: aiosmtplib.SMTP, to: Mailbox, data: bytes) -> str:
        if (to.needs_utf8 or self._sender.needs_utf8) and not client.supports_extension("smtputf8"):
            return f"the mail server cannot carry the address {to}: it does not offer SMTPUTF8"
        limit = client.esmtp_extensions.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(data):
            return f"the letter has {len(data)} bytes, the mail server takes {limit}"
        return ""

    def _options(self, client: aiosmtplib.SMTP, to: Mailbox, data: bytes) -> list[bytes]:
        options = []
        if client.supports_extension("size"):
            options.append(b"SIZE=%d" % len(data))
        if not data.isascii() and client.supports_extension("8bitmime"):
            options.append(b"BODY=8BITMIME")
        if to.needs_utf8 or self._sender.needs_utf8:
            options.append(b"SMTPUTF8")
        return options


def _content(data: bytes) -> bytes:
    r"""Prepare bytes for DATA: ``\r\n`` lines only, leading dots doubled, the closing dot."""
    lines = data.count(b"\r\n")
    if lines != data.count(b"\n") or lines != data.count(b"\r"):
        data = BARE_ENDINGS.sub(b"\r\n", data)
    stuffed = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _why(error: BaseException) -> str:
    """One line on what went wrong, with the mend where we know it; never the password."""
    if isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            reason = f"{reply_line(error.code, error.message)}; check user and password in RECERT_SMTP_URL"
        case aiosmtplib.SMTPResponseException() if error.code > 0:
            reason = reply_line(error.code, error.message)
        case ssl.SSLCertVerificationError():
            reason = f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            reason = f"TLS failed: {error.reason}; check tls= in RECERT_SMTP_URL"
        case aiosmtplib.SMTPException() if "STARTTLS" in error.message:
            reason = "it offers no STARTTLS; set tls=implicit, or tls=none for clear text, in RECERT_SMTP_URL"
        case aiosmtplib.SMTPException():
            reason = error.message
        case _:
            reason = str(error)
    return " ".join(reason.split())[:LINE_LIMIT] or type(error).__name__


@cache
def _own_name() -> str:
    """The name to greet with; looked up once, since a broken resolver takes seconds each time."""
    name = socket.getfqdn()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
