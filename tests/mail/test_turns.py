"""Letters that take turns: none leaves before it may, and a long wait lets go of everything."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mail.sender import Delivered, deliver
from mail.turns import PATIENCE_SECONDS, Turn
from tests.mail.fault_server import Fault, FaultServer
from tests.mail.memory_outbox import MemoryOutbox

SENDER = "training@example.org"
LONG = PATIENCE_SECONDS + 1


def send(outbox: MemoryOutbox, server: FaultServer, **options: Any) -> Delivered:
    return deliver(outbox, server.address, sender=SENDER, paced=True, **{"connections": 4, **options})


class Counting(MemoryOutbox):
    """Notes how many letters were let go and how many were marked at any time."""

    def __init__(self, recipients: int, *turns: Turn) -> None:
        super().__init__(recipients)
        self.turns = list(turns)
        self.let_go = 0

    def take_turn(self, wanted: int) -> Turn:
        turn = super().take_turn(wanted)
        self.let_go += (given := min(turn.letters, wanted))
        return turn._replace(letters=given)

    def _mark(self, keys: Any) -> Any:
        marked = super()._mark(keys)
        assert sum(state not in {"queued", "claimed"} for state in self.state.values()) <= self.let_go
        return marked


def test_nothing_is_marked_that_was_not_let_go() -> None:
    outbox = Counting(20, *[Turn(3)] * 9)
    with FaultServer() as server:
        assert send(outbox, server) == Delivered(sent=20)
    assert outbox.let_go == 20
    assert outbox.most_marked <= 4


def test_each_connection_has_one_letter_at_a_time_so_that_each_leaves_at_once() -> None:
    outbox = Counting(12)
    with FaultServer() as server:
        assert send(outbox, server, group=5) == Delivered(sent=12)
    assert outbox.most_marked <= 4


def test_a_short_wait_is_waited_for() -> None:
    outbox = Counting(3, Turn(1), Turn(0, 0.3, "2 letters a second"), Turn(0, 0.2, "2 letters a second"))
    began = time.monotonic()
    with FaultServer() as server:
        assert send(outbox, server) == Delivered(sent=3)
    assert time.monotonic() - began >= 0.5


def test_a_long_wait_ends_the_delivery_and_lets_go_of_what_it_claimed() -> None:
    outbox = Counting(9, Turn(2), Turn(0, LONG, "2 letters an hour"))
    with FaultServer() as server:
        assert send(outbox, server) == Delivered(sent=2, resting="2 letters an hour")
    assert sorted(outbox.state.values()) == ["queued"] * 7 + ["sent"] * 2


def test_letters_are_not_counted_as_leaving_while_the_server_is_away() -> None:
    outbox = Counting(5)
    with FaultServer(Fault("banner", "421 busy")) as server:
        assert "421 busy" in (send(outbox, server).trouble or "")
    assert outbox.let_go == 0
    assert set(outbox.state.values()) == {"queued"}


def test_a_server_that_allows_fewer_connections_gets_its_letters_over_those() -> None:
    outbox = Counting(10)
    with FaultServer(most_connections=2) as server:
        assert send(outbox, server) == Delivered(sent=10)


@pytest.mark.parametrize("wait", [0.0, 0.05])
def test_one_lane_is_enough(wait: float) -> None:
    outbox = Counting(4, Turn(0, wait, "slowly"))
    with FaultServer() as server:
        assert send(outbox, server, connections=1) == Delivered(sent=4)
