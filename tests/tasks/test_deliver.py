"""The post and the ledger together, against a real mail server that misbehaves."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from config.settings import MailServer
from models.choices import set_choice
from models.tables import learner, message
from models.words import MessageKind, RolloutState, StepSlug
from tasks.deliver import deliver_mail, deliver_requests
from tasks.recording import Scribe
from tasks.rollouts import end_rollout
from tasks.workbench import Workbench
from tests.mail.fault_server import Fault, FaultServer
from tests.processes import free_port
from tests.world import (
    APPROVER,
    NOW,
    Held,
    a_learner,
    approve_all,
    carry_out,
    mailing,
    mails,
    propose,
    put_into_effect,
    rows,
    started,
    writing,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

RENOTIFY, RECERTIFY, NOTIFY = StepSlug.RENOTIFY_INCOMPLETE, StepSlug.RECERTIFY_DUE, StepSlug.NOTIFY_LEARNERS


class Later(Workbench):
    """A workbench whose instants are hours ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=5)


def later(bench: Workbench) -> Workbench:
    return Later(bench.settings, bench.database)


def released(bench: Workbench, number: int = 3) -> int:
    """A rollout whose notices to so many learners are queued, and nothing else is."""
    with writing(bench) as connection:
        for each in range(1, number + 1):
            a_learner(connection, each, Held(), Held("privacy", course="P-1"))
    rollout = started(bench)
    carry_out(bench, rollout, RECERTIFY, NOTIFY)
    return rollout


def notices(bench: Workbench) -> dict[str, Any]:
    query = select(message).where(message.c.kind == MessageKind.RECERTIFICATION.value)
    return {row.to_address.partition("@")[0]: row for row in rows(bench, query)}


def states(bench: Workbench) -> dict[str, str]:
    return {name: row.state for name, row in notices(bench).items()}


def test_each_learner_gets_one_mail_with_every_course_and_nobody_else_gets_it(
    bench: Workbench, post: FaultServer
) -> None:
    rollout = released(bench)
    done = deliver_mail(mailing(bench, post.address), "tests", rollout_id=rollout)
    assert (done.sent, done.trouble) == (3, None)
    assert states(bench) == {"l1": "sent", "l2": "sent", "l3": "sent"}
    for kept in post.kept:
        letter = message_from_bytes(kept.data, policy=policy.default)
        text = letter.get_body(("plain",)).get_content()
        assert letter["To"].addresses[0].addr_spec == kept.to
        assert len(letter["To"].addresses) == 1
        assert ("Cc" in letter, "Bcc" in letter) == (False, False)
        assert "Course C-1" in text
        assert "Course P-1" in text
        assert "Wednesday, 23 December 2026" in text
        assert letter["Message-ID"] == notices(bench)[kept.to.partition("@")[0]].message_id
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 0


def test_one_who_must_wait_and_one_who_is_unknown_never_stop_the_others(bench: Workbench) -> None:
    released(bench)
    wait = Fault("RCPT", "450 4.2.0 try later", to="l1@example.com", times=1)
    gone = Fault("RCPT", "550 5.1.1 no such user", to="l2@example.com")
    with FaultServer(wait, gone) as server:
        house = mailing(bench, server.address)
        done = deliver_mail(house, "tests")
        assert (done.sent, done.deferred, done.failed, done.trouble) == (1, 1, 1, None)
        assert states(bench) == {"l1": "deferred", "l2": "failed", "l3": "sent"}
        assert notices(bench)["l2"].last_reply.startswith("550")
        assert deliver_mail(house, "tests").sent == 0, "not before its time"
        assert deliver_mail(later(house), "tests").sent == 1
    assert states(bench) == {"l1": "sent", "l2": "failed", "l3": "sent"}
    assert sorted(kept.to for kept in server.kept) == ["l1@example.com", "l3@example.com"]


def test_a_mail_lost_after_its_content_is_uncertain_flagged_and_sent_again_with_the_same_message_id(
    bench: Workbench,
) -> None:
    released(bench)
    with FaultServer(Fault("content", "keep-drop", to="l1@example.com", times=1)) as server:
        house = mailing(bench, server.address)
        done = deliver_mail(house, "tests")
        assert (done.sent, done.uncertain, done.failed) == (2, 1, 0)
        held = notices(bench)["l1"]
        assert (held.state, held.flagged, held.attempts) == ("uncertain", True, 1)
        assert deliver_mail(house, "tests").sent == 0
        assert deliver_mail(later(house), "tests").sent == 1
    held = notices(bench)["l1"]
    assert (held.state, held.flagged, held.attempts) == ("sent", True, 2)
    copies = [message_from_bytes(kept.data) for kept in server.kept if kept.to == "l1@example.com"]
    assert [copy["Message-ID"] for copy in copies] == [held.message_id] * 2
    assert not any(row.flagged for name, row in notices(bench).items() if name != "l1")


def test_a_mail_server_that_is_away_leaves_everything_untried(bench: Workbench, post: FaultServer) -> None:
    released(bench)
    done = deliver_mail(mailing(bench, MailServer("127.0.0.1", free_port(), "none")), "tests")
    assert done.sent == 0
    assert done.trouble is not None
    assert "127.0.0.1" in done.trouble
    assert set(states(bench).values()) == {"queued"}
    assert all(row.claimed_by is None and row.attempts == 0 for row in notices(bench).values())
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 3


def test_content_that_is_refused_stops_the_batch_and_fails_nobody(bench: Workbench) -> None:
    released(bench)
    with FaultServer(Fault("content", "554 5.7.1 looks like spam", times=1)) as server:
        house = mailing(bench, server.address)
        done = deliver_mail(house, "tests")
        assert done.failed == 0
        assert "554" in str(done.trouble)
        assert "queued" in states(bench).values()
        assert "failed" not in states(bench).values()


def test_who_was_archived_since_gets_no_mail(bench: Workbench, post: FaultServer) -> None:
    released(bench)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(archived_at=NOW))
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 2
    assert states(bench) == {"l1": "sent", "l2": "cancelled", "l3": "sent"}
    assert notices(bench)["l2"].last_reply == "the learner was archived"
    assert "l2@example.com" not in {kept.to for kept in post.kept}


def test_an_address_that_is_none_fails_alone(bench: Workbench, post: FaultServer) -> None:
    released(bench)
    with writing(bench) as connection:
        wrong = update(message).where(message.c.to_address == "l2@example.com")
        connection.execute(wrong.values(to_address="l2@example.com, l3@example.com"))
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 2
    assert Counter(row.state for row in notices(bench).values()) == {"sent": 2, "failed": 1}
    assert sorted(kept.to for kept in post.kept) == ["l1@example.com", "l3@example.com"]


def test_held_notices_do_not_leave(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    carry_out(bench, started(bench), RECERTIFY)
    deliver_mail(mailing(bench, post.address), "tests")
    assert states(bench) == {"l1": "held"}
    assert {kept.to for kept in post.kept} <= {APPROVER, "bo@example.org"}


def test_a_sender_that_died_after_the_server_took_the_mail_leaves_it_flagged_and_it_is_sent_again(
    bench: Workbench, post: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = released(bench, 1)
    house = mailing(bench, post.address)

    def die(scribe: Scribe, connection: Connection, answers: Any, at: datetime) -> None:
        assert answers, (connection, at)
        raise MemoryError(scribe.worker)

    with monkeypatch.context() as patch:
        patch.setattr(Scribe, "record", die)
        with pytest.raises(MemoryError):
            deliver_mail(house, f"rollout-{rollout}-1", rollout_id=rollout)
    assert states(bench) == {"l1": "sending"}
    assert deliver_mail(house, f"rollout-{rollout}-2", rollout_id=rollout).sent == 1
    held = notices(bench)["l1"]
    assert (held.state, held.flagged, held.attempts) == ("sent", True, 2)
    assert [kept.to for kept in post.kept] == ["l1@example.com"] * 2


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
def test_many_deliverers_at_once_send_no_mail_twice(bench: Workbench, post: FaultServer) -> None:
    released(bench, 40)
    house = mailing(bench, post.address)
    ready, done = threading.Barrier(3), []

    def work(number: int) -> None:
        ready.wait()
        done.append(deliver_mail(house, f"worker-{number}"))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(each.sent for each in done) == 40
    assert Counter(kept.to for kept in post.kept) == {f"l{number}@example.com": 1 for number in range(1, 41)}
    assert set(states(bench).values()) == {"sent"}


def test_a_door_sends_requests_alone_and_recovers_nothing(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
        a_learner(connection, 2, Held())
    rollout = started(bench, reviews={"steps": []})
    carry_out(bench, rollout, RENOTIFY)
    propose(bench, rollout, RECERTIFY)
    assert deliver_requests(mailing(bench, post.address), "door", rollout).sent == 2
    assert mails(bench) == [
        ("renotification", "l1@example.com", "queued"),
        ("review-request", APPROVER, "sent"),
        ("review-request", "bo@example.org", "sent"),
    ]


def test_bounces_go_where_the_settings_say_and_answers_to_people(bench: Workbench, post: FaultServer) -> None:
    house = mailing(bench, post.address, mail_bounces_to="bounces@example.org", mail_reply_to="Desk <desk@example.org>")
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    assert deliver_requests(house, "door", rollout).sent == 2
    approve_all(bench, rollout)
    put_into_effect(bench, rollout, RENOTIFY)
    assert deliver_mail(house, "tests").sent == 1
    assert {kept.sender for kept in post.kept} == {"bounces@example.org"}
    letters = [message_from_bytes(kept.data, policy=policy.default) for kept in post.kept]
    assert [letter["Reply-To"] for letter in letters] == ["desk@example.org"] * len(letters)
    assert "please write to desk@example.org" in letters[-1].get_body(("plain",)).get_content()


def calendar_of(post: FaultServer, name: str) -> list[Any]:
    [data] = [kept.data for kept in post.kept if kept.to == f"{name}@example.com"][-1:]
    for part in message_from_bytes(data, policy=policy.default).walk():
        if part.get_content_type() == "text/calendar":
            return list(Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT"))
    return []


def test_a_later_mail_moves_the_entry_in_the_calendar(bench: Workbench, post: FaultServer) -> None:
    house = mailing(bench, post.address)
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"), Held("privacy", course="P-1", open_due="2026-11-01"))
        a_learner(connection, 2, Held(open_due="2026-10-31"))
    carry_out(bench, (first := started(bench)), RENOTIFY)
    deliver_mail(house, "tests")
    before, other = calendar_of(post, "l1"), calendar_of(post, "l2")
    end_rollout(bench, first, RolloutState.CANCELLED, "tests")
    carry_out(bench, started(bench, incomplete={"new_due_on": date(2027, 1, 8)}), RENOTIFY)
    deliver_mail(house, "tests")
    after = calendar_of(post, "l1")
    assert len({each["UID"] for each in [*before, *other]}) == 3
    assert [each["UID"] for each in before] == [each["UID"] for each in after]
    assert {each["DTSTART"].dt for each in before} == {date(2026, 12, 18)}
    assert {each["DTSTART"].dt for each in after} == {date(2027, 1, 8)}
    assert all(late["SEQUENCE"] > early["SEQUENCE"] for early, late in zip(before, after, strict=True))
    assert not any(word in each["UID"] for each in before for word in ("l1", "E1", "First"))


def test_every_copy_of_one_mail_carries_the_same_calendar(bench: Workbench) -> None:
    released(bench, 1)
    with FaultServer(Fault("content", "keep-drop", times=1)) as server:
        house = mailing(bench, server.address)
        deliver_mail(house, "tests")
        first = [each.to_ical() for each in calendar_of(server, "l1")]
        deliver_mail(later(house), "tests")
        assert len(server.kept) == 2
        assert [each.to_ical() for each in calendar_of(server, "l1")] == first != []


def test_an_organisation_may_leave_calendars_away(bench: Workbench, post: FaultServer) -> None:
    released(bench, 1)
    with writing(bench) as connection:
        set_choice(connection, "attach_calendar", "off", actor="tests", at=NOW)
    deliver_mail(mailing(bench, post.address), "tests")
    assert post.kept
    assert calendar_of(post, "l1") == []
