"""The door of the post: deliver what an outbox holds, and ask a mail server whether it is there."""

from __future__ import annotations

import ssl

from config.settings import MailServer
from mail.addresses import read_mailbox, split_sender
from mail.answers import Answer, ServerTrouble
from mail.connection import DATA_TIMEOUT, TIMEOUT, Carrier, Connection, Parcel
from mail.delivery import Delivered, Delivery, Outbox
from mail.loop import run

__all__ = ["Answer", "Delivered", "Outbox", "Parcel", "ServerTrouble", "abilities", "deliver", "probe"]


def deliver(
    outbox: Outbox,
    server: MailServer,
    *,
    sender: str,
    connections: int = 10,
    group: int = 5,
    batch: int = 500,
    paced: bool = False,
    timeout: float = TIMEOUT,
    data_timeout: float = DATA_TIMEOUT,
    trust: ssl.SSLContext | None = None,
) -> Delivered:
    """Send what the outbox has, until it has no more or the server can take no more.

    Args:
        outbox: where letters come from and answers go.
        server: the mail server.
        sender: the envelope's sender, an address or ``Name <address>``.
        connections: how many to keep at once, at least 1.
        group: how many letters of a connection are marked at a time, at least 1.
        batch: how many letters to claim at a time.
        paced: whether letters take turns.
        timeout: seconds to wait for each step but the reply after the content.
        data_timeout: seconds to wait for that reply.
        trust: the certificates to trust; the system's when None.

    Returns:
        The counts. A mail server that is away is told in ``trouble``, never raised.

    Raises:
        AddressUnusable: *sender* is not one address.
        Exception: whatever the outbox raises; what was marked and not recorded stays marked.
    """
    envelope_sender, context = split_sender(sender)[1], trust or _system_trust(server)

    def carrier() -> Carrier:
        return Connection(server, envelope_sender, timeout, data_timeout, context)

    return run(Delivery(outbox, carrier, connections, group, batch, paced=paced).run())


def probe(server: MailServer, *, timeout: float = TIMEOUT, trust: ssl.SSLContext | None = None) -> str | None:
    """Connect, greet, encrypt, log in and leave. Returns None, or one line that says what is wrong."""
    try:
        abilities(server, timeout=timeout, trust=trust)
    except ServerTrouble as trouble:
        return trouble.reason
    return None


def abilities(server: MailServer, *, timeout: float = TIMEOUT, trust: ssl.SSLContext | None = None) -> frozenset[str]:
    """Do as ``probe`` and return the extensions the server offers us, in lower case, such as ``smtputf8`` or ``size``.

    Raises:
        ServerTrouble: it cannot be spoken with; the reason is one line.
    """

    async def visit() -> frozenset[str]:
        connection = Connection(server, read_mailbox("nobody@localhost"), timeout, timeout, trust)
        await connection.open()
        offered = connection.abilities
        await connection.close()
        return offered

    return run(visit())


def _system_trust(server: MailServer) -> ssl.SSLContext | None:
    # Made once: each reading of the system's certificates costs as much as fifty letters.
    return None if server.tls == "none" else ssl.create_default_context()
