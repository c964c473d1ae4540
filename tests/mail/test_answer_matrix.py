"""Every answer at every stage: what becomes of the letter, of the others, and of the delivery.

Two laws hold throughout. One bad address never stops the others. One bad server never counts against the learners: nobody
fails for it, and what it put off or never came to is tried again.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from mail.answers import Answer
from mail.lanes import PUT_OFF_IN_A_ROW
from mail.sender import Delivered, deliver
from tests.mail.fault_server import Fault, FaultServer
from tests.mail.memory_outbox import MemoryOutbox

SENDER = "training@example.org"
ODD = "odd@example.org"
PEOPLE = ["a@example.org", "b@example.org", ODD, "d@example.org", "e@example.org"]
STAGES = ("MAIL", "RCPT", "DATA", "content")
LATER = ("450 4.2.1 later", "451 4.3.0 trouble here", "452 4.3.1 no room")
NEVER = ("550 5.1.1 no such user", "552 5.2.2 too much", "554 5.7.1 no")


def send(outbox: MemoryOutbox, server: FaultServer, **options: Any) -> Delivered:
    return deliver(outbox, server.address, **{"sender": SENDER, "connections": 1, "timeout": 0.4, **options})


def believe(outbox: MemoryOutbox, server: FaultServer) -> None:
    """What holds whatever was answered: what is called sent was kept, once; what was not kept is not called sent."""
    kept = Counter(mail.to for mail in server.kept)
    assert set(kept.values()) <= {1}
    for key, to in outbox.to.items():
        if outbox.state[key] == "sent":
            assert to in kept
        if to in kept:
            assert outbox.state[key] in {"sent", "uncertain"}
    assert set(outbox.state.values()) <= {"queued", "sent", "deferred", "failed", "uncertain"}


def odd(at: str, do: str) -> Fault:
    """A fault that only the odd one's letter meets; MAIL knows no recipient, so there it is the third letter."""
    return Fault(at, do, skip=2, times=1) if at == "MAIL" else Fault(at, do, to=ODD)


@pytest.mark.parametrize("at", STAGES)
@pytest.mark.parametrize("reply", LATER)
def test_later_puts_one_letter_off_and_the_others_are_sent(at: str, reply: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(odd(at, reply)) as server:
        assert send(outbox, server) == Delivered(sent=4, deferred=1)
    believe(outbox, server)
    answer = outbox.answer(3)
    assert (answer.verdict, answer.reply, answer.in_data) == ("deferred", reply, at in {"DATA", "content"})


@pytest.mark.parametrize("reply", NEVER)
def test_never_at_rcpt_is_about_one_address_and_the_others_are_sent(reply: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(odd("RCPT", reply)) as server:
        delivered = send(outbox, server)
    verdict = "deferred" if reply.startswith("552") else "failed"
    assert delivered == Delivered(sent=4, **{verdict: 1})  # type: ignore[arg-type]
    believe(outbox, server)
    assert outbox.answer(3) == Answer(3, verdict, reply)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", ["MAIL", "DATA", "content"])
@pytest.mark.parametrize("reply", NEVER)
def test_never_elsewhere_stops_the_delivery_and_fails_nobody(at: str, reply: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault(at, reply, skip=2)) as server:
        delivered = send(outbox, server)
    believe(outbox, server)
    assert (delivered.sent, delivered.failed) == (2, 0)
    assert reply in (delivered.trouble or "")
    assert [outbox.state[key] for key in (1, 2, 4, 5)] == ["sent", "sent", "queued", "queued"]
    put_off = at != "MAIL" or reply.startswith("552")
    assert outbox.state[3] == ("deferred" if put_off else "queued")


@pytest.mark.parametrize("at", STAGES)
def test_421_at_any_stage_stops_the_delivery_without_a_strike(at: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault(at, "421 4.3.2 closing", skip=2)) as server:
        delivered = send(outbox, server)
    believe(outbox, server)
    assert delivered.sent == 2
    assert "421 4.3.2 closing" in (delivered.trouble or "")
    assert Counter(outbox.state.values()) == {"sent": 2, "queued": 3}


def test_one_letter_whose_content_is_refused_does_not_block_the_others_for_ever() -> None:
    """It is put off, so the next delivery begins with somebody else."""
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault("content", "554 5.7.1 looks like spam", to=PEOPLE[0])) as server:
        assert send(outbox, server).sent == 0
        assert send(outbox, server).sent == 4
    believe(outbox, server)
    assert outbox.state[1] == "deferred"


@pytest.mark.parametrize("at", ["MAIL", "DATA", "content"])
def test_a_server_that_puts_everybody_off_is_left_alone_before_it_grows_anybodys_delay(at: str) -> None:
    outbox = MemoryOutbox(60)
    with FaultServer(Fault(at, "451 4.3.0 not now")) as server:
        delivered = send(outbox, server, connections=2)
    believe(outbox, server)
    assert f"put off {PUT_OFF_IN_A_ROW} letters in a row; the last time: 451 4.3.0 not now" in (delivered.trouble or "")
    assert PUT_OFF_IN_A_ROW <= delivered.deferred <= PUT_OFF_IN_A_ROW + 1
    assert Counter(outbox.state.values())["queued"] >= 54


def test_a_greylisting_server_is_spoken_with_about_every_address() -> None:
    outbox = MemoryOutbox(60)
    with FaultServer(Fault("RCPT", "450 4.7.1 greylisted")) as server:
        assert send(outbox, server, connections=3) == Delivered(deferred=60)


def test_a_rate_limit_at_rcpt_is_the_servers_mood_and_no_greylisting() -> None:
    outbox = MemoryOutbox(60)
    with FaultServer(Fault("RCPT", "452 4.5.3 too many messages", skip=20)) as server:
        delivered = send(outbox, server)
    assert (delivered.sent, delivered.deferred) == (20, PUT_OFF_IN_A_ROW)
    assert "452 4.5.3 too many messages" in (delivered.trouble or "")


def test_a_server_that_takes_so_many_letters_a_connection_gets_them_over_several() -> None:
    """It hangs up between two letters, as many do after a hundred."""
    outbox = MemoryOutbox(10)
    with FaultServer(*[Fault("MAIL", "drop", skip=each, times=1) for each in (3, 7)]) as server:
        assert send(outbox, server) == Delivered(sent=10)
        assert server.connections == 3
    believe(outbox, server)


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("act", ["drop", "silence", "what is this", "999 nonsense", "2"])
def test_what_goes_wrong_before_the_content_leaves_the_letter_as_it_was(at: str, act: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault(at, act, skip=2, times=2)) as server:
        delivered = send(outbox, server)
    believe(outbox, server)
    assert (delivered.uncertain, delivered.failed, delivered.deferred) == (0, 0, 0)
    assert delivered.sent + delivered.untried == 5
    assert {state for key, state in outbox.state.items() if key != 3} <= {"sent", "queued"}


@pytest.mark.parametrize(
    "act",
    ["drop", "silence", "keep-drop", "keep-silence", "keep-what is this", "what is this", "keep-999 nonsense", "2"],
)
def test_what_goes_wrong_after_the_content_is_uncertain_and_the_others_are_sent(act: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(odd("content", act)) as server:
        assert send(outbox, server, data_timeout=0.4) == Delivered(sent=4, uncertain=1)
    believe(outbox, server)
    assert (outbox.state[3], outbox.answer(3).in_data) == ("uncertain", True)


def test_a_server_that_hangs_up_in_the_middle_of_the_content_leaves_it_uncertain() -> None:
    """Nobody can know how far it came: a server may have the whole while the connection is torn behind it."""
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(odd("in content", "drop")) as server:
        assert send(outbox, server) == Delivered(sent=4, uncertain=1)
    believe(outbox, server)


def test_a_reply_that_comes_after_our_patience_is_uncertain_and_counts_for_nobody_else() -> None:
    outbox = MemoryOutbox(["a@example.org", "b@example.org"])
    with FaultServer(Fault("content", "keep-late 0.6", to="a@example.org")) as server:
        assert send(outbox, server, data_timeout=0.2) == Delivered(sent=1, uncertain=1)
        time.sleep(0.6)
    believe(outbox, server)
    assert outbox.state == {1: "uncertain", 2: "sent"}


LINES = "250-2.0.0 line one\r\n250-2.0.0 line two\r\n250 2.0.0 the end"


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "content"])
@pytest.mark.parametrize("reply", [LINES, f"250 2.0.0 {'x' * 8_000}"], ids=["many lines", "8 kB"])
def test_good_replies_of_any_shape_are_good(at: str, reply: str) -> None:
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault(at, f"keep-{reply}" if at == "content" else reply)) as server:
        assert send(outbox, server) == Delivered(sent=5)
    believe(outbox, server)
    assert all(len(answer.reply) <= 300 and "\n" not in answer.reply for answer in outbox.answers)


def test_a_refusal_of_many_lines_is_told_in_one() -> None:
    outbox = MemoryOutbox([ODD])
    reply = f"550-5.1.1 no such user\r\n550-5.1.1 {'y' * 8_000}\r\n550 5.1.1 really"
    with FaultServer(Fault("RCPT", reply)) as server:
        assert send(outbox, server) == Delivered(failed=1)
    assert outbox.answer(1).reply.startswith("550 5.1.1 no such user 5.1.1 yyy")
    assert len(outbox.answer(1).reply) <= 300


def test_a_reply_without_end_is_cut_off_and_harms_nobody() -> None:
    outbox = MemoryOutbox(PEOPLE)
    endless = "\r\n".join(["250-2.0.0 more"] * 20_000)
    with FaultServer(Fault("RCPT", endless, skip=2, times=1)) as server:
        delivered = send(outbox, server)
    believe(outbox, server)
    assert delivered.sent + delivered.untried == 5


@pytest.mark.parametrize(
    ("banner", "told"),
    [
        pytest.param("421 4.3.2 too busy", "421 4.3.2 too busy", id="421"),
        pytest.param("554 5.7.1 you are blocked", "554 5.7.1 you are blocked", id="554"),
        pytest.param("silence", "Timed out", id="accepts and says nothing"),
        pytest.param("drop", "", id="accepts and hangs up"),
        pytest.param("HTTP/1.1 400 Bad Request", "", id="is no mail server"),
    ],
)
def test_a_server_that_does_not_greet_is_trouble_and_nobodys_strike(banner: str, told: str) -> None:
    outbox = MemoryOutbox(30)
    with FaultServer(Fault("banner", banner)) as server:
        delivered = send(outbox, server, connections=5)
        assert server.connections == 1, "asked once, not by every connection"
    assert delivered.trouble is not None
    assert told in delivered.trouble
    assert set(outbox.state.values()) == {"queued"}


def test_a_server_without_8bitmime_gets_letters_of_seven_bits() -> None:
    outbox = MemoryOutbox(3)
    with FaultServer(extensions=()) as server:
        assert send(outbox, server) == Delivered(sent=3)
        assert not any("BODY=" in line or "SMTPUTF8" in line for line in server.commands)


def test_a_server_that_lies_about_its_size_refuses_one_letter_and_stops_nobody_for_good() -> None:
    """It offers none and then refuses the letter for its size at MAIL."""
    outbox = MemoryOutbox(PEOPLE)
    with FaultServer(Fault("MAIL", "552 5.3.4 message size exceeds limit", times=1)) as server:
        assert send(outbox, server).deferred == 1
        assert send(outbox, server).sent == 4
    believe(outbox, server)
