"""What may go wrong with TLS and logging in: never a letter in clear text, never a strike against a learner."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Tls
from mail.sender import Delivered, deliver
from tests.mail.conftest import Certificates
from tests.mail.fault_server import Fault, FaultServer
from tests.mail.memory_outbox import MemoryOutbox

SENDER = "training@example.org"
BOTH: list[tuple[Tls, bool]] = [("starttls", False), ("implicit", True)]


def send(outbox: MemoryOutbox, server: FaultServer, tls: Tls, certificates: Certificates, **more: Any) -> Delivered:
    address = server.address_with(tls, more.pop("username", ""), more.pop("password", ""))
    return deliver(outbox, address, **{"sender": SENDER, "timeout": 1.0, "trust": certificates.client, **more})


def nothing_left(outbox: MemoryOutbox, server: FaultServer, delivered: Delivered, told: str) -> None:
    """Trouble, told in one line; no letter was begun, and none is the worse for it."""
    assert told in (delivered.trouble or "")
    assert "\n" not in (delivered.trouble or "")
    assert not any(line.startswith("MAIL") for line in server.commands)
    assert (server.kept, set(outbox.state.values())) == ([], {"queued"})


@pytest.mark.parametrize(("tls", "implicit"), BOTH, ids=["starttls", "implicit"])
@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        ("expired", "its certificate is not trusted: certificate has expired"),
        ("wrong_name", "its certificate is not trusted: IP address mismatch"),
        ("unknown", "its certificate is not trusted: "),
    ],
)
def test_a_certificate_that_does_not_hold_is_trouble(
    tls: Tls, implicit: bool, certificate: str, told: str, certificates: Certificates
) -> None:
    outbox = MemoryOutbox(20)
    with FaultServer(certificate=certificates.bad(certificate), implicit=implicit) as server:
        nothing_left(outbox, server, send(outbox, server, tls, certificates), told)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(Fault("STARTTLS", "454 4.7.0 TLS not available"), "454 4.7.0 TLS not available", id="refused"),
        pytest.param(Fault("STARTTLS", "drop"), "", id="hung up"),
        pytest.param(Fault("STARTTLS", "220 go ahead"), "", id="agreed to and not done"),
        pytest.param(Fault("STARTTLS", "silence"), "", id="silent"),
    ],
)
def test_encryption_that_is_offered_and_not_given_is_trouble(
    fault: Fault, told: str, certificates: Certificates
) -> None:
    outbox = MemoryOutbox(20)
    with FaultServer(fault, certificate=certificates.server) as server:
        nothing_left(outbox, server, send(outbox, server, "starttls", certificates), told)


def test_encryption_that_was_stripped_from_the_offers_is_trouble(certificates: Certificates) -> None:
    """Somebody in between takes STARTTLS out of the greeting: nothing goes on in clear text."""
    outbox = MemoryOutbox(20)
    with FaultServer() as server:
        nothing_left(outbox, server, send(outbox, server, "starttls", certificates), "it offers no STARTTLS")


def test_a_server_in_clear_text_where_tls_is_to_begin_at_once_is_trouble(certificates: Certificates) -> None:
    outbox = MemoryOutbox(3)
    with FaultServer() as server:
        nothing_left(outbox, server, send(outbox, server, "implicit", certificates), "TLS failed")


def test_a_login_that_is_refused_later_ends_that_connection_and_costs_nobody_anything(
    certificates: Certificates,
) -> None:
    """The first connection got in; the second, when the first has been hung up on, does not."""
    outbox = MemoryOutbox(10)
    faults = (Fault("AUTH", "535 5.7.8 not any more", skip=1), Fault("MAIL", "drop", skip=4, times=1))
    with FaultServer(*faults, certificate=certificates.server, users={"recert": "s3cret"}) as server:
        delivered = send(outbox, server, "starttls", certificates, username="recert", password="s3cret", connections=1)
    assert "535 5.7.8" in (delivered.trouble or "")
    assert "check user and password in RECERT_SMTP_URL" in (delivered.trouble or "")
    assert delivered == Delivered(sent=4, untried=delivered.untried, trouble=delivered.trouble)
    assert sorted(set(outbox.state.values())) == ["queued", "sent"]


def test_a_server_that_asks_for_a_login_after_some_letters_stops_the_delivery(certificates: Certificates) -> None:
    outbox = MemoryOutbox(10)
    with FaultServer(
        Fault("MAIL", "530 5.7.0 authentication required", skip=3), certificate=certificates.server
    ) as server:
        delivered = send(outbox, server, "starttls", certificates, connections=1)
    assert "530 5.7.0 authentication required" in (delivered.trouble or "")
    assert (delivered.sent, delivered.failed, delivered.deferred) == (3, 0, 0)
