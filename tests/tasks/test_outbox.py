"""The outbox as the post sees it: claims, marks, answers, and what a dead sender left."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select, text, update

import models.database
from mail.answers import Answer
from mail.connection import Parcel
from models.tables import message
from models.words import MessageKind, MessageState
from tasks.outbox import SqlOutbox
from tasks.recording import MOST_COPIES, MOST_DEFERRALS, recover
from tests.live import eventually
from tests.world import NOW, rows, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from tasks.workbench import Workbench

SOON = timedelta(seconds=1)


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Letters:
    """Renders everything but what it is told to lose."""

    lost: set[int] = field(default_factory=set)

    def __call__(self, connection: Connection, keys: Sequence[int]) -> list[Parcel]:
        for key in self.lost & set(keys):
            connection.execute(update(message).where(message.c.id == key).values(state="cancelled", claimed_by=None))
        return [Parcel(key, f"l{key}@example.com", b"hello") for key in keys if key not in self.lost]


def queue(
    bench: Workbench, number: int = 1, kind: MessageKind = MessageKind.RECERTIFICATION, **values: Any
) -> list[int]:
    """Queue so many messages; return their ids."""
    with writing(bench) as connection:
        first = int(connection.execute(select(func.coalesce(func.max(message.c.id), 0))).scalar_one())
        for each in range(first + 1, first + number + 1):
            facts = {
                "kind": kind.value,
                "occasion": "o",
                "recipient": f"user:{each}",
                "to_address": f"l{each}@example.com",
            }
            facts |= {"message_id": f"<{each}@example.org>", "created_at": NOW, "next_try_at": NOW, "state": "queued"}
            connection.execute(insert(message).values(**{**facts, **values}))
        return list(connection.scalars(select(message.c.id).where(message.c.id > first).order_by(message.c.id)))


def outbox(bench: Workbench, worker: str = "one", clock: Clock | None = None, **more: Any) -> SqlOutbox:
    return SqlOutbox(bench.database, worker, clock or Clock(), more.pop("render", Letters()), **more)


def row(bench: Workbench, key: int) -> Any:
    return rows(bench, select(message).where(message.c.id == key))[0]


def tried(box: SqlOutbox, answer: Answer) -> None:
    """Claim, mark and answer one letter."""
    assert [parcel.key for parcel in box.claim(1)] == [answer.key]
    assert list(box.exchange([], [answer.key])) == [answer.key]
    box.exchange([answer], [])


def test_letters_are_claimed_in_order_and_not_twice(bench: Workbench) -> None:
    keys = queue(bench, 5)
    one, two = outbox(bench, "one"), outbox(bench, "two")
    assert [parcel.key for parcel in one.claim(2)] == keys[:2]
    assert [parcel.key for parcel in two.claim(9)] == keys[2:]
    assert one.claim(9) == []
    one.give_back(keys[:2])
    assert [parcel.key for parcel in two.claim(9)] == keys[:2]


def test_what_is_to_be_tried_again_goes_first_and_what_came_back_goes_last(bench: Workbench) -> None:
    keys = queue(bench, 5)
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == keys[3]).values(state="deferred"))
    box = outbox(bench)

    def claimed(limit: int) -> list[int]:
        return [parcel.key for parcel in box.claim(limit)]

    assert [claimed(2), claimed(2)] == [[keys[3]], keys[:2]]
    box.give_back([keys[0]])
    assert [claimed(9), claimed(9), claimed(9)] == [[keys[2], keys[4]], [keys[0]], []]


@pytest.mark.parametrize("state", [state for state in MessageState if state not in ("queued", "deferred", "uncertain")])
def test_only_what_waits_is_claimed(bench: Workbench, state: MessageState) -> None:
    queue(bench, state=state.value)
    assert outbox(bench).claim(9) == []


@pytest.mark.parametrize("state", ["queued", "deferred", "uncertain"])
def test_what_waits_is_claimed_when_its_time_has_come(bench: Workbench, state: str) -> None:
    [key] = queue(bench, state=state, next_try_at=NOW + SOON)
    clock = Clock()
    assert outbox(bench, clock=clock).claim(9) == []
    clock.move(seconds=1)
    assert [parcel.key for parcel in outbox(bench, clock=clock).claim(9)] == [key]


def test_an_uncertain_letter_that_a_person_must_decide_on_is_never_claimed(bench: Workbench) -> None:
    queue(bench, state="uncertain", next_try_at=None)
    assert outbox(bench, clock=Clock(NOW + timedelta(days=99))).claim(9) == []


def test_what_cannot_be_rendered_does_not_end_the_claiming(bench: Workbench) -> None:
    keys = queue(bench, 4)
    box = outbox(bench, render=Letters(set(keys[:2])))
    assert [parcel.key for parcel in box.claim(2)] == keys[2:]


def test_a_rollouts_mail_or_that_of_users_alone_can_be_claimed(bench: Workbench) -> None:
    from tests.world import Held, a_learner, started

    with writing(bench) as connection:
        learner = a_learner(connection, 1, Held())
    rollout = started(bench)
    queue(bench)
    [mine] = queue(bench, rollout_id=rollout)
    [told] = queue(bench, rollout_id=rollout, learner_id=learner)
    assert [parcel.key for parcel in outbox(bench, rollout_id=rollout, users_only=True).claim(9)] == [mine]
    assert [parcel.key for parcel in outbox(bench, rollout_id=rollout).claim(9)] == [told]


def test_what_was_cancelled_since_it_was_claimed_is_not_marked(bench: Workbench) -> None:
    keys = queue(bench, 2)
    box = outbox(bench)
    box.claim(9)
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == keys[0]).values(state="cancelled"))
    assert list(box.exchange([], keys)) == keys[1:]
    assert [row(bench, key).state for key in keys] == ["cancelled", "sending"]


def test_only_who_claimed_may_mark_record_or_give_back(bench: Workbench) -> None:
    [key] = queue(bench)
    outbox(bench, "one").claim(9)
    other = outbox(bench, "two")
    assert list(other.exchange([], [key])) == []
    other.exchange([Answer(key, "sent", "250 fine", in_data=True)], [])
    other.give_back([key])
    assert (row(bench, key).state, row(bench, key).claimed_by) == ("queued", "one")


@pytest.mark.parametrize(
    ("answer", "state", "attempts", "flagged"),
    [
        (("sent", "250 2.0.0 kept", True), "sent", 1, False),
        (("failed", "550 5.1.1 no such user", False), "failed", 0, False),
        (("deferred", "450 4.2.0 later", False), "deferred", 0, False),
        (("deferred", "451 4.3.0 later", True), "deferred", 1, False),
        (("untried", "421 4.3.2 going down", False), "queued", 0, False),
        (("uncertain", "lost", True), "uncertain", 1, True),
    ],
)
def test_an_answer_becomes_a_state(
    bench: Workbench, answer: tuple[Any, str, bool], state: str, attempts: int, flagged: bool
) -> None:
    [key] = queue(bench)
    tried(outbox(bench), Answer(key, *answer))
    found = row(bench, key)
    assert (found.state, found.attempts, found.flagged) == (state, attempts, flagged)
    assert (found.claimed_by, found.claimed_at, found.last_reply) == (None, None, answer[1])
    assert (found.sent_at == NOW) == (state == "sent")
    assert (found.next_try_at is None) == (state in ("sent", "failed"))


def test_a_deferred_letter_waits_longer_each_time_and_not_for_ever(bench: Workbench) -> None:
    [key] = queue(bench)
    clock, waits = Clock(), []
    box = outbox(bench, clock=clock)
    while True:
        tried(box, Answer(key, "deferred", "450 4.2.0 later"))
        if row(bench, key).state == "failed":
            break
        waits.append((row(bench, key).next_try_at - clock.at).total_seconds() / 60)
        clock.at = row(bench, key).next_try_at
    for number, wait in enumerate(waits):
        planned = min(2**number, 240)
        assert 0.8 * planned <= wait <= 1.2 * planned
    assert len(set(waits[9:])) > 1, "not all at the same moment"
    assert len(waits) == MOST_DEFERRALS
    assert timedelta(days=2.5) < clock.at - NOW < timedelta(days=3.5)
    assert row(bench, key).next_try_at is None


def test_a_letter_that_waited_long_for_its_review_is_not_given_up_at_its_first_deferral(bench: Workbench) -> None:
    [key] = queue(bench, created_at=NOW - timedelta(days=30))
    tried(outbox(bench), Answer(key, "deferred", "450 4.2.0 greylisted"))
    assert row(bench, key).state == "deferred"


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        (MessageKind.RECERTIFICATION, True),
        (MessageKind.RENOTIFICATION, True),
        (MessageKind.REVIEW_REQUEST, True),
        (MessageKind.START_CONFIRMATION, True),
        (MessageKind.GATE_EXPIRED, False),
        (MessageKind.DIGEST, False),
    ],
)
def test_an_uncertain_notice_goes_out_again_and_a_digest_waits_for_a_person(
    bench: Workbench, kind: MessageKind, again: bool
) -> None:
    [key] = queue(bench, kind=kind)
    tried(outbox(bench), Answer(key, "uncertain", "lost", in_data=True))
    found = row(bench, key)
    assert found.flagged
    assert found.next_try_at == (NOW + timedelta(minutes=15) if again else None)


def test_a_letter_whose_delivery_was_broken_off_goes_out_again_at_once(bench: Workbench) -> None:
    [key] = queue(bench)
    tried(outbox(bench), Answer(key, "uncertain", "interrupted", in_data=True, broken_off=True))
    found = row(bench, key)
    assert (found.state, found.flagged, found.next_try_at) == ("uncertain", True, NOW)


def test_copies_of_an_uncertain_notice_come_ever_later_and_to_an_end(bench: Workbench) -> None:
    [key] = queue(bench)
    clock, waits = Clock(), []
    box = outbox(bench, clock=clock)
    for _ in range(MOST_COPIES):
        tried(box, Answer(key, "uncertain", "lost", in_data=True))
        found = row(bench, key)
        if found.next_try_at is not None:
            waits.append((found.next_try_at - clock.at).total_seconds() / 60)
            clock.at = found.next_try_at
    assert waits == [15, 30, 60]
    assert (found.state, found.attempts, found.next_try_at) == ("uncertain", MOST_COPIES, None)


def test_a_flag_stays_when_the_letter_arrives_after_all(bench: Workbench) -> None:
    [key] = queue(bench)
    clock = Clock()
    box = outbox(bench, clock=clock)
    tried(box, Answer(key, "uncertain", "lost", in_data=True))
    clock.move(hours=1)
    tried(box, Answer(key, "sent", "250 kept", in_data=True))
    found = row(bench, key)
    assert (found.state, found.flagged, found.attempts) == ("sent", True, 2)


def test_what_a_dead_sender_had_marked_is_uncertain_and_what_it_had_claimed_is_free(bench: Workbench) -> None:
    marked, claimed, parked = *queue(bench, 2), *queue(bench, kind=MessageKind.DIGEST)
    dead, clock = outbox(bench, "dead"), Clock()
    dead.claim(9)
    dead.exchange([], [marked, parked])
    clock.move(minutes=10)
    assert recover(bench.database, clock.at) == 0, "it may still be alive"
    clock.move(seconds=1)
    assert recover(bench.database, clock.at) == 2
    assert [row(bench, key).state for key in (marked, claimed, parked)] == ["uncertain", "queued", "uncertain"]
    assert [row(bench, key).flagged for key in (marked, claimed, parked)] == [True, False, True]
    heir = outbox(bench, "new", clock)
    assert [[parcel.key for parcel in heir.claim(9)] for _ in range(3)] == [[marked], [claimed], []]
    dead.exchange([Answer(marked, "sent", "250 kept", in_data=True)], [])
    assert row(bench, marked).state == "uncertain", "an answer that comes too late counts for nobody"


def test_an_earlier_process_of_the_same_run_is_dead_for_sure(bench: Workbench) -> None:
    keys = queue(bench, 3)
    for worker, key in zip(("rollout-1-1", "rollout-11-1", "rollout-1-2"), keys, strict=True):
        box = outbox(bench, worker)
        assert [parcel.key for parcel in box.claim(1)] == [key]
        box.exchange([], [key])
    assert recover(bench.database, NOW, rollout_id=1, worker="rollout-1-2") == 1
    assert [row(bench, key).state for key in keys] == ["uncertain", "sending", "sending"]


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_what_is_marked_in_the_very_moment_of_the_recovery_does_not_fall_between_two_senders(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key] = queue(bench)
    late = outbox(bench, "rollout-1-1")
    late.claim(1)
    marked, settling = threading.Event(), threading.Event()

    def linger(moment: str) -> None:
        if moment == "before" and threading.current_thread() is marking:
            marked.set()
            settling.wait(30)

    monkeypatch.setattr(models.database, "at_commit", linger)
    marking = threading.Thread(target=late.exchange, args=([], [key]))
    recovering = threading.Thread(
        target=recover, args=(bench.database, NOW), kwargs={"rollout_id": 1, "worker": "rollout-1-2"}
    )
    marking.start()
    assert marked.wait(30)
    recovering.start()
    eventually(lambda: not recovering.is_alive() or waits_for_a_lock(bench), 30)
    settling.set()
    for thread in (marking, recovering):
        thread.join(30)
    recover(bench.database, NOW, rollout_id=1, worker="rollout-1-3")
    found = row(bench, key)
    assert (found.state, found.flagged, found.claimed_by) == ("uncertain", True, None)


def waits_for_a_lock(bench: Workbench) -> bool:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with bench.database.read() as connection:
        return bool(connection.execute(waiting).scalar_one())


def test_a_letter_that_kills_its_sender_each_time_is_left_to_a_person(bench: Workbench) -> None:
    [key] = queue(bench)
    clock = Clock()
    for _ in range(MOST_COPIES):
        box = outbox(bench, "dead", clock)
        assert [parcel.key for parcel in box.claim(1)] == [key]
        box.exchange([], [key])
        clock.move(minutes=11)
        recover(bench.database, clock.at)
    found = row(bench, key)
    assert (found.state, found.attempts, found.next_try_at) == ("uncertain", MOST_COPIES, None)
