from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from mail.answers import Answer
from models import choices
from models.tables import audit, message, message_event
from models.words import MessageKind
from tasks.mail_lists import UnknownMail, history, uncertain
from tasks.outbox import SqlOutbox
from tasks.recording import recover
from tasks.resolving import NotResolvable, Resolution, resolve
from tests.tasks.test_outbox import Clock, outbox, queue, row, tried
from tests.world import NOW, rows, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench


def told(bench: Workbench, key: int) -> list[tuple[Any, ...]]:
    """(number, what, server, reply, by) of one mail's history."""
    with bench.database.read() as connection:
        names = ("number", "what", "server", "reply", "by")
        return [tuple(each[name] for name in names) for each in history(connection, mail=key)]


def test_every_try_is_a_line_with_its_server_reply_and_sender(bench: Workbench) -> None:
    [key] = queue(bench)
    clock = Clock()
    box = outbox(bench, "one", clock, server="relay:25")
    tried(box, Answer(key, "deferred", "451 4.3.0 later", in_data=True))
    clock.move(hours=1)
    tried(box, Answer(key, "untried", "421 4.3.2 going down"))
    tried(box, Answer(key, "sent", "250 2.0.0 kept", in_data=True))
    assert told(bench, key) == [
        (1, "deferred", "relay:25", "451 4.3.0 later", "one"),
        (2, "untried", "relay:25", "421 4.3.2 going down", "one"),
        (3, "sent", "relay:25", "250 2.0.0 kept", "one"),
    ]
    assert row(bench, key).events == 3


def test_a_letter_that_was_never_spoken_of_has_no_line(bench: Workbench) -> None:
    [key] = queue(bench)
    tried(outbox(bench), Answer(key, "untried", "the server is away", tried=False))
    assert told(bench, key) == []
    assert row(bench, key).last_reply == "the server is away"


def test_an_answer_about_a_letter_that_was_lost_meanwhile_writes_nothing(bench: Workbench) -> None:
    mine, lost = queue(bench, 2)
    box = outbox(bench, "one")
    box.claim(9)
    box.exchange([], [mine, lost])
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == lost).values(claimed_by="two"))
    box.exchange([Answer(mine, "sent", "250 a", in_data=True), Answer(lost, "sent", "250 b", in_data=True)], [])
    assert (row(bench, mine).state, row(bench, lost).state) == ("sent", "sending")
    assert (told(bench, mine), told(bench, lost)) == ([(1, "sent", None, "250 a", "one")], [])


def test_what_a_dead_sender_left_is_told(bench: Workbench) -> None:
    [key] = queue(bench)
    box = outbox(bench, "dead")
    box.claim(1)
    box.exchange([], [key])
    recover(bench.database, NOW + timedelta(minutes=11), worker="next")
    assert told(bench, key) == [(1, "abandoned", None, "the sender ended before the answer was recorded", "next")]


@pytest.mark.parametrize(("kind", "value", "again"), [("recertification", "park", False), ("digest", "resend", True)])
def test_a_kind_is_sent_again_or_parked_as_the_organisation_chose(
    bench: Workbench, kind: str, value: str, again: bool
) -> None:
    with writing(bench) as connection:
        choices.set_choice(connection, f"uncertain.{kind}", value, actor="eve", at=NOW)
        resent = choices.read(connection).resent
    one, other = queue(bench, 2, kind=MessageKind(kind))
    box: SqlOutbox = outbox(bench, resent=resent)
    tried(box, Answer(one, "uncertain", "lost", in_data=True))
    assert (row(bench, one).next_try_at is not None) == again
    box.claim(9)
    box.exchange([], [other])
    recover(bench.database, NOW + timedelta(minutes=11), resent=resent)
    assert (row(bench, other).state, row(bench, other).next_try_at is not None) == ("uncertain", again)


@pytest.mark.parametrize(
    ("how", "state", "due", "sent"),
    [
        (Resolution.SENT, "sent", None, NOW),
        (Resolution.RESEND, "queued", NOW, None),
        (Resolution.DROP, "cancelled", None, None),
    ],
)
def test_a_person_settles_uncertain_mail(bench: Workbench, how: Resolution, state: str, due: Any, sent: Any) -> None:
    keys = queue(bench, 2, kind=MessageKind.DIGEST)
    before = {key: row(bench, key).message_id for key in keys}
    for key in keys:
        tried(outbox(bench), Answer(key, "uncertain", "lost", in_data=True))
    with writing(bench) as connection:
        assert resolve(connection, keys, how, actor="ann@example.org", at=NOW) == 2
    for key in keys:
        found = row(bench, key)
        assert (found.state, found.next_try_at, found.sent_at, found.flagged) == (state, due, sent, True)
        assert found.message_id == before[key]
        assert told(bench, key)[-1] == (2, f"resolved-{how.value}", None, None, "ann@example.org")
    [act] = rows(bench, select(audit).where(audit.c.act == "resolve-mail"))
    assert act.actor == "ann@example.org"


def test_failed_mail_may_only_be_sent_again(bench: Workbench) -> None:
    [key] = queue(bench)
    tried(outbox(bench), Answer(key, "failed", "550 5.1.1 no such user"))
    for how in (Resolution.SENT, Resolution.DROP):
        with pytest.raises(NotResolvable, match="is failed: only uncertain mail"), writing(bench) as connection:
            resolve(connection, [key], how, actor="ann", at=NOW)
    with writing(bench) as connection:
        resolve(connection, [key], Resolution.RESEND, actor="ann", at=NOW)
    assert (row(bench, key).state, row(bench, key).flagged) == ("queued", True)


def test_it_is_all_of_them_or_none(bench: Workbench) -> None:
    unsure, queued = queue(bench, 2, kind=MessageKind.DIGEST)
    tried(outbox(bench), Answer(unsure, "uncertain", "lost", in_data=True))
    for others, wrong in ((queued, NotResolvable), (99, UnknownMail)):
        with pytest.raises(wrong), writing(bench) as connection:
            resolve(connection, [unsure, others], Resolution.SENT, actor="ann", at=NOW)
    assert row(bench, unsure).state == "uncertain"
    assert rows(bench, select(audit).where(audit.c.act == "resolve-mail")) == []


def test_a_sender_that_claimed_it_in_the_same_moment_does_not_send_it(bench: Workbench) -> None:
    [key] = queue(bench, state="uncertain", flagged=True)
    box = outbox(bench)
    assert [parcel.key for parcel in box.claim(1)] == [key]
    with writing(bench) as connection:
        resolve(connection, [key], Resolution.SENT, actor="ann", at=NOW)
    assert list(box.exchange([], [key])) == []
    assert row(bench, key).state == "sent"


def test_the_list_says_what_happens_next(bench: Workbench) -> None:
    parked, again = *queue(bench, kind=MessageKind.DIGEST), *queue(bench)
    for key in (parked, again):
        tried(outbox(bench), Answer(key, "uncertain", "lost", in_data=True))
    with bench.database.read() as connection:
        found = {each["id"]: each["next_try_at"] for each in uncertain(connection)}
    assert found == {parked: None, again: NOW + timedelta(minutes=15)}


def test_no_history_has_a_gap(bench: Workbench) -> None:
    keys = queue(bench, 3, kind=MessageKind.DIGEST)
    for key in keys:
        tried(outbox(bench), Answer(key, "uncertain", "lost", in_data=True))
    with writing(bench) as connection:
        resolve(connection, keys, Resolution.RESEND, actor="ann", at=NOW)
    for key in keys:
        tried(outbox(bench), Answer(key, "sent", "250 kept", in_data=True))
    numbers = [(each.message_id, each.number) for each in rows(bench, select(message_event))]
    assert sorted(numbers) == [(key, number) for key in keys for number in (1, 2, 3)]
