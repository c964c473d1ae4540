"""So many letters in any second, minute and hour, whoever sends them."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from mail.turns import Turn
from models.database import Database
from models.pace import Pace
from models.tables import mail_pace
from tasks import pacing
from tasks.pacing import take_turn
from tests.tasks.test_outbox import Clock
from tests.world import NOW, count, rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tasks.workbench import Workbench


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that turns are counted by, also where it is the database's."""
    clock, one_at_a_time = Clock(), pacing._one_at_a_time

    def by_our_clock(connection: Connection, now: datetime) -> int:
        one_at_a_time(connection, now)
        return int(clock().timestamp() * 10)

    monkeypatch.setattr(pacing, "_one_at_a_time", by_our_clock)
    return clock


def turn(bench: Workbench, pace: Pace, wanted: int = 5) -> Turn:
    return take_turn(bench.database, pace, wanted, NOW)


def test_without_a_limit_nothing_is_counted(bench: Workbench) -> None:
    assert turn(bench, Pace()) == Turn(5)
    assert count(bench, mail_pace) == 0


def test_a_span_is_never_overdrawn_and_says_when_it_is_over(bench: Workbench, clock: Clock) -> None:
    pace = Pace(per_second=7)
    assert turn(bench, pace) == Turn(5)
    assert turn(bench, pace) == Turn(2)
    assert turn(bench, pace) == Turn(0, 1.1, "7 letters a second")
    clock.move(seconds=1)
    assert turn(bench, pace).letters == 0  # they may have left at the very end of their tenth
    clock.move(seconds=0.1)
    assert turn(bench, pace) == Turn(5)


def test_the_strictest_limit_counts_and_the_longest_wait_is_told(bench: Workbench, clock: Clock) -> None:
    pace = Pace(per_second=3, per_minute=4, per_hour=100)
    assert turn(bench, pace).letters == 3
    clock.move(seconds=2)
    assert turn(bench, pace).letters == 1
    assert turn(bench, pace) == Turn(0, 58.1, "4 letters a minute")


def test_in_any_span_at_most_the_limit_leaves(bench: Workbench, clock: Clock) -> None:
    """Whenever one looks: not only from full second to full second."""
    pace, left = Pace(per_second=5, per_minute=40), []
    for _ in range(150):
        left += [clock()] * turn(bench, pace, 3).letters
        clock.move(seconds=0.17)
    for span, most in ((1, 5), (60, 40)):
        inside = [sum(start <= each < start + timedelta(seconds=span) for each in left) for start in left]
        assert max(inside) == most


def test_a_clock_that_was_set_back_neither_blocks_for_ever_nor_forgets(bench: Workbench, clock: Clock) -> None:
    pace = Pace(per_minute=5)
    assert turn(bench, pace).letters == 5
    clock.move(days=-1)
    assert turn(bench, pace) == Turn(0, 60.1, "5 letters a minute")
    clock.move(seconds=60.1)
    assert turn(bench, pace).letters == 5


def test_what_no_limit_looks_back_to_is_forgotten(bench: Workbench, clock: Clock) -> None:
    for _ in range(4):
        turn(bench, Pace(per_hour=100))
        clock.move(hours=2)
    turn(bench, Pace(per_hour=100))
    assert count(bench, mail_pace) == 1


def test_many_senders_share_one_limit(bench: Workbench, clock: Clock) -> None:
    assert clock
    pace, given = Pace(per_hour=50), Counter[str]()

    def send(name: str) -> None:
        mine = Database(bench.database.url.render_as_string(hide_password=False))
        while letters := take_turn(mine, pace, 3, NOW).letters:
            given[name] += letters
        mine.dispose()

    senders = [threading.Thread(target=send, args=(f"sender {number}",)) for number in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert given.total() == 50
    assert rows(bench, select(func.sum(mail_pace.c.letters)))[0][0] == 50
