from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from config.settings import MailServer, Tls
from mail.answers import Answer
from mail.sender import Delivered, deliver, probe
from tests.mail.conftest import Certificates
from tests.mail.fault_server import Fault, FaultServer
from tests.mail.memory_outbox import LETTER, MemoryOutbox

SENDER = "Training <training@example.org>"


def send(outbox: MemoryOutbox, server: FaultServer, **options: object) -> Delivered:
    return deliver(outbox, server.address, **{"sender": SENDER, "connections": 1, **options})  # type: ignore[arg-type]


def test_every_letter_arrives_once_and_unchanged() -> None:
    outbox = MemoryOutbox(7)
    with FaultServer() as server:
        assert send(outbox, server) == Delivered(sent=7)
    assert sorted(kept.to for kept in server.kept) == sorted(outbox.to.values())
    assert {(kept.sender, kept.data) for kept in server.kept} == {("training@example.org", LETTER)}
    assert set(outbox.state.values()) == {"sent"}
    assert outbox.answer(1) == Answer(1, "sent", "250 2.0.0 kept", in_data=True)


def test_an_empty_outbox_opens_no_connection() -> None:
    with FaultServer() as server:
        assert send(MemoryOutbox(0), server) == Delivered()
        assert server.connections == 0


def test_a_connection_that_was_closed_between_two_letters_is_opened_again() -> None:
    outbox = MemoryOutbox(4)
    with FaultServer(Fault("MAIL", "drop", skip=2, times=1)) as server:
        assert send(outbox, server) == Delivered(sent=4)
        assert server.connections == 2


def test_a_letter_on_which_the_server_always_hangs_up_is_tried_again_another_day() -> None:
    outbox = MemoryOutbox(["a@example.org", "odd@example.org", "c@example.org"])
    with FaultServer(Fault("RCPT", "drop", to="odd@example.org")) as server:
        assert send(outbox, server) == Delivered(sent=2, untried=1)
    assert outbox.state == {1: "sent", 2: "queued", 3: "sent"}


def test_a_server_that_hangs_up_on_everybody_is_left_alone() -> None:
    outbox = MemoryOutbox(40)
    with FaultServer(Fault("content", "drop")) as server:
        delivered = send(outbox, server)
    assert delivered.uncertain == 5
    assert delivered.trouble is not None
    assert "5 letters in a row" in delivered.trouble
    assert Counter(outbox.state.values()) == {"uncertain": 5, "queued": 35}


STOPPING = [
    pytest.param(Fault("banner", "421 4.3.2 closing"), "421 4.3.2 closing", 0, False, id="421 as a banner"),
    pytest.param(Fault("banner", "554 5.7.1 go away"), "554 5.7.1 go away", 0, False, id="554 as a banner"),
    pytest.param(Fault("banner", "drop"), "", 0, False, id="drop before the banner"),
    pytest.param(Fault("banner", "silence"), "Timed out", 0, False, id="no banner"),
    pytest.param(Fault("MAIL", "554 5.7.0 sender refused"), "554 5.7.0", 0, False, id="554 at MAIL"),
    pytest.param(Fault("MAIL", "421 4.7.0 slow", skip=1), "421 4.7.0 slow", 1, False, id="421 at MAIL"),
    pytest.param(Fault("RCPT", "421 4.7.0 slow", skip=1), "421 4.7.0 slow", 1, False, id="421 at RCPT"),
    pytest.param(Fault("RCPT", "530 5.7.0 log in", skip=1), "530 5.7.0 log in", 1, False, id="530 at RCPT"),
    pytest.param(Fault("content", "421 4.3.0 bye", skip=1), "421 4.3.0 bye", 1, True, id="421 after the content"),
]


@pytest.mark.parametrize(("fault", "reason", "sent", "in_data"), STOPPING)
def test_trouble_of_the_server_stops_the_delivery_without_a_strike_against_anybody(
    fault: Fault, reason: str, sent: int, in_data: bool
) -> None:
    outbox = MemoryOutbox(30)
    with FaultServer(fault) as server:
        delivered = send(outbox, server, batch=20, timeout=0.5)
        at = f"mail server 127.0.0.1:{server.port}: "
    assert delivered.trouble is not None
    assert delivered.trouble.startswith(at)
    assert reason in delivered.trouble
    assert "\n" not in delivered.trouble
    assert (delivered.sent, len(server.kept)) == (sent, sent)
    assert Counter(outbox.state.values()) == Counter({"queued": 30 - sent, "sent": sent})
    assert [answer.in_data for answer in outbox.answers].count(True) == sent + in_data


@pytest.mark.parametrize("connections", [1, 4])
def test_a_server_that_is_away_is_told_and_never_raised(connections: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = MailServer("127.0.0.1", taken.getsockname()[1], "none")
        outbox = MemoryOutbox(9)
        delivered = deliver(outbox, server, sender=SENDER, connections=connections)
    assert delivered.trouble is not None
    assert "Connect call failed" in delivered.trouble
    assert set(outbox.state.values()) == {"queued"}


def test_connections_are_reused_and_never_more_than_asked() -> None:
    outbox = MemoryOutbox(60)
    with FaultServer(delay=0.002) as server:
        assert send(outbox, server, connections=4, batch=25) == Delivered(sent=60)
        assert server.connections == 4
        assert server.most_open == 4
        assert Counter(line.split()[0] for line in server.commands)["EHLO"] == 4


def test_few_letters_open_few_connections() -> None:
    with FaultServer() as server:
        assert send(MemoryOutbox(5), server, connections=10, group=3) == Delivered(sent=5)
        assert server.connections == 2


def test_a_server_that_allows_fewer_connections_keeps_those_it_gave() -> None:
    outbox = MemoryOutbox(60)
    with FaultServer(delay=0.002, most_connections=2) as server:
        assert send(outbox, server, connections=6).sent == 60
        assert len({kept.to for kept in server.kept}) == len(server.kept) == 60


@pytest.mark.parametrize(("connections", "group"), [(1, 1), (3, 2), (4, 3), (2, 7)])
def test_never_more_is_marked_than_a_kill_may_leave_uncertain(connections: int, group: int) -> None:
    outbox = MemoryOutbox(90, slowness=0.001)
    with FaultServer() as server:
        assert send(outbox, server, connections=connections, group=group).sent == 90
    assert group < outbox.most_marked <= 2 * connections * group


def test_the_ledger_is_asked_by_the_group_and_not_by_the_letter() -> None:
    outbox = MemoryOutbox(300)
    with FaultServer() as server:
        send(outbox, server, connections=10, group=3)
    assert outbox.calls < 300


def test_what_may_no_longer_be_sent_is_skipped() -> None:
    outbox = MemoryOutbox(20, cancelled=range(5, 15))
    with FaultServer() as server:
        assert send(outbox, server, connections=2) == Delivered(sent=10, skipped=10)
    assert len(server.kept) == 10


def test_an_outbox_that_is_paused_meanwhile_ends_the_delivery() -> None:
    class Paused(MemoryOutbox):
        def _mark(self, keys: Sequence[int]) -> Collection[int]:
            super()._mark(keys)
            self.state.update(dict.fromkeys(keys, "queued"))
            return []

    outbox = Paused(20)
    with FaultServer() as server:
        assert send(outbox, server) == Delivered(skipped=20)
        assert server.connections == 0
    assert set(outbox.state.values()) == {"queued"}


def test_an_error_of_the_ledger_is_raised_and_leaves_nothing_called_sent() -> None:
    class Broken(MemoryOutbox):
        def _record(self, answers: Sequence[Answer]) -> None:
            if answers:
                raise OSError("disk full")

    outbox = Broken(20)
    with FaultServer() as server, pytest.raises(OSError, match="disk full"):
        send(outbox, server)
    assert set(outbox.state.values()) == {"queued", "sending"}
    assert len(server.kept) <= 6


def test_an_interruption_says_of_each_letter_what_is_known() -> None:
    outbox = MemoryOutbox(["a@example.org", "odd@example.org", "c@example.org", "d@example.org", "e@example.org"])

    def interrupt_while_the_second_is_in_the_balance() -> None:
        while [line for line in server.commands if line == "DATA"] != ["DATA"] * 2:
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    with FaultServer(Fault("content", "silence", to="odd@example.org")) as server:
        threading.Thread(target=interrupt_while_the_second_is_in_the_balance, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            send(outbox, server)
    assert outbox.state == {1: "sent", 2: "uncertain", 3: "queued", 4: "queued", 5: "queued"}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_a_server_does_no_letter_is_lost_doubled_or_wrongly_called_sent(seed: int) -> None:
    chance = random.Random(seed)
    replies = ["450 4.2.0 later", "550 5.1.1 no", "421 4.3.2 bye", "drop", "what?"]
    faults = [
        Fault(at, chance.choice(replies + ["keep-drop"] * (at == "content")), skip=chance.randrange(60), times=3)
        for at in ("banner", "MAIL", "RCPT", "RCPT", "DATA", "content", "content", "RSET")
    ]
    outbox = MemoryOutbox(80, cancelled={3, 30, 31})
    with FaultServer(*faults, most_connections=chance.choice([2, 5, 9])) as server:
        delivered = send(outbox, server, connections=chance.choice([1, 3, 6]), group=chance.choice([1, 3]), batch=25)
    arrived = Counter(kept.to for kept in server.kept)
    states = Counter(outbox.state.values())
    assert set(arrived.values()) <= {1}
    assert {outbox.to[key] for key, state in outbox.state.items() if state == "sent"} <= set(arrived)
    assert {outbox.state[key] for key, to in outbox.to.items() if to in arrived} <= {"sent", "uncertain"}
    assert set(states) <= {"queued", "sent", "deferred", "failed", "uncertain", "cancelled"}
    assert [states[kind] for kind in ("sent", "deferred", "failed", "uncertain")] == [
        delivered.sent,
        delivered.deferred,
        delivered.failed,
        delivered.uncertain,
    ]


@pytest.mark.parametrize(
    ("to", "reply"),
    [
        pytest.param("two@example.org, b@example.org", "not one e-mail address", id="two addresses"),
        pytest.param("x@example.org>\r\nRCPT TO:<evil@example.com", "not one e-mail address", id="injected command"),
        pytest.param("zoë@example.org", "SMTPUTF8", id="no SMTPUTF8"),
    ],
)
def test_an_address_that_cannot_be_carried_fails_alone_and_says_why(to: str, reply: str) -> None:
    outbox = MemoryOutbox(["a@example.org", to, "c@example.org"])
    with FaultServer(extensions=()) as server:
        assert send(outbox, server) == Delivered(sent=2, failed=1)
    assert reply in outbox.answer(2).reply
    assert not any("evil" in line for line in server.commands)


def test_international_addresses_are_carried() -> None:
    outbox = MemoryOutbox(["zoë@example.org", "ada@exämple.org"])
    with FaultServer(extensions=("SMTPUTF8", "8BITMIME", "SIZE 1000")) as server:
        assert send(outbox, server) == Delivered(sent=2)
    assert [kept.to for kept in server.kept] == ["zoë@example.org", "ada@xn--exmple-cua.org"]
    assert sum("SMTPUTF8" in line for line in server.commands) == 1


def test_a_letter_too_large_for_the_server_fails_alone() -> None:
    outbox = MemoryOutbox(1)
    with FaultServer(extensions=("SIZE 50",)) as server:
        assert send(outbox, server) == Delivered(failed=1)


TLS_CASES = [
    pytest.param("starttls", False, id="starttls"),
    pytest.param("implicit", True, id="implicit"),
]


@pytest.mark.parametrize(("tls", "implicit"), TLS_CASES)
def test_mail_goes_through_tls_and_login(tls: Tls, implicit: bool, certificates: Certificates) -> None:
    outbox = MemoryOutbox(4)
    with FaultServer(certificate=certificates.server, implicit=implicit, users={"recert": "s3cret"}) as server:
        address = server.address_with(tls, "recert", "s3cret")
        delivered = deliver(outbox, address, sender=SENDER, connections=2, trust=certificates.client)
        assert probe(address, trust=certificates.client) is None
    assert delivered == Delivered(sent=4)


@pytest.mark.parametrize(("tls", "implicit"), TLS_CASES)
def test_a_certificate_nobody_vouches_for_is_trouble(tls: Tls, implicit: bool, certificates: Certificates) -> None:
    outbox = MemoryOutbox(2)
    with FaultServer(certificate=certificates.server, implicit=implicit) as server:
        delivered = deliver(outbox, server.address_with(tls), sender=SENDER)
    assert "certificate is not trusted" in (delivered.trouble or "")
    assert server.kept == []


def test_a_server_without_starttls_gets_nothing_when_starttls_is_required() -> None:
    outbox = MemoryOutbox(2)
    with FaultServer() as server:
        delivered = deliver(outbox, server.address_with("starttls"), sender=SENDER)
    assert "offers no STARTTLS" in (delivered.trouble or "")
    assert not any(line.startswith("MAIL") for line in server.commands)
    assert set(outbox.state.values()) == {"queued"}


def test_a_wrong_password_is_tried_once_and_never_shown(certificates: Certificates) -> None:
    outbox = MemoryOutbox(30)
    with FaultServer(certificate=certificates.server, users={"recert": "s3cret"}) as server:
        address = server.address_with("starttls", "recert", "wr0ng-pass")
        delivered = deliver(outbox, address, sender=SENDER, connections=5, trust=certificates.client)
        assert server.connections == 1
    assert "535 5.7.8" in (delivered.trouble or "")
    assert "RECERT_SMTP_URL" in (delivered.trouble or "")
    assert "wr0ng-pass" not in (delivered.trouble or "")
    assert set(outbox.state.values()) == {"queued"}


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        pytest.param((), None, id="well"),
        pytest.param((Fault("banner", "421 4.3.2 closing"),), "421 4.3.2 closing", id="421"),
        pytest.param((Fault("EHLO", "502 no"), Fault("EHLO", "502 no")), "502", id="knows no greeting"),
        pytest.param((Fault("banner", "silence"),), "Timed out", id="silent"),
    ],
)
def test_a_probe_says_in_one_line_what_is_wrong(faults: tuple[Fault, ...], reason: str | None) -> None:
    with FaultServer(*faults) as server:
        found = probe(server.address, timeout=0.3)
    if reason is None:
        assert found is None
        assert server.commands[-1] == "QUIT"
    else:
        assert found is not None
        assert reason in found
        assert "\n" not in found
