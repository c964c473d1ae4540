"""What keeps mail from leaving: pauses, quiet hours, a hold, an allow-list, and what nobody approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, update

from models import choices, pauses
from models.tables import learner, message, message_event
from models.words import RolloutState, StepSlug, StepState
from tasks.calling_off import NotUnsent, call_off, call_off_rollout
from tasks.deliver import deliver_mail
from tasks.mail_lists import UnknownMail
from tasks.outbox import SqlOutbox
from tasks.rounds import deliver_due
from tasks.workbench import Workbench
from tests.tasks.test_deliver import released
from tests.world import (
    OPERATOR,
    Held,
    PlainConductor,
    a_learner,
    approve_all,
    count,
    mailing,
    one_pass,
    propose,
    rollout_state,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from tests.mail.fault_server import FaultServer

RENOTIFY, NOTIFY = StepSlug.RENOTIFY_INCOMPLETE, StepSlug.NOTIFY_LEARNERS
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday


class At(Workbench):
    """A workbench whose clock stands."""

    instant = NOON

    def now(self) -> datetime:
        return self.instant


def at(bench: Workbench, text: str) -> Workbench:
    made = At(bench.settings, bench.database)
    object.__setattr__(made, "instant", datetime.fromisoformat(text).replace(tzinfo=UTC))
    return made


def choose(bench: Workbench, **chosen: str) -> None:
    with writing(bench) as connection:
        for name, value in chosen.items():
            choices.set_choice(connection, name, value, actor=OPERATOR, at=NOON)


def learners_mail(bench: Workbench) -> dict[str, str]:
    query = select(message.c.to_address, message.c.state).where(message.c.learner_id.is_not(None))
    return {row.to_address.partition("@")[0]: row.state for row in rows(bench, query)}


def order_pause(bench: Workbench, rollout: int | None = None) -> None:
    with writing(bench) as connection:
        pauses.pause(connection, rollout, actor=OPERATOR, at=NOON)


@pytest.mark.parametrize("whole", [True, False], ids=["all mail", "its rollout's mail"])
def test_paused_mail_rests_and_leaves_once_it_may(bench: Workbench, post: FaultServer, whole: bool) -> None:
    rollout = released(bench)
    order_pause(bench, None if whole else rollout)
    rested = deliver_due(mailing(bench, post.address), "tests")
    assert (rested.sent, rested.trouble, post.kept) == (0, None, [])
    whose = "all mail" if whole else f"the mail of rollout {rollout}"
    assert (rested.resting or "").startswith(f"3 letters: {whose} was paused by {OPERATOR}")
    with writing(bench) as connection:
        pauses.resume(connection, None if whole else rollout, actor=OPERATOR, at=NOON)
    assert (done := deliver_due(mailing(bench, post.address), "tests")).sent == 3
    assert done.resting is None


def test_another_rollouts_pause_keeps_nothing_back(bench: Workbench, post: FaultServer) -> None:
    rollout = released(bench)
    order_pause(bench, rollout + 1)
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 3


def test_a_pause_takes_effect_in_the_middle_of_a_delivery_within_one_batch(
    bench: Workbench, post: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two connections with groups of five: nothing beyond what was marked when the word came leaves."""
    released(bench, 40)
    mark, marked = SqlOutbox._mark, []

    def mark_then_pause(self: SqlOutbox, connection: Connection, keys: Sequence[int]) -> Collection[int]:
        allowed = mark(self, connection, keys)
        marked.extend(allowed)
        if len(marked) == len(allowed):
            pauses.pause(connection, None, actor=OPERATOR, at=NOON)
        return allowed

    monkeypatch.setattr(SqlOutbox, "_mark", mark_then_pause)
    done = deliver_mail(mailing(bench, post.address), "tests")
    assert 0 < done.sent == len(marked) == len(post.kept) <= 10
    assert sorted(set(learners_mail(bench).values())) == ["queued", "sent"]
    assert count(bench, message, message.c.claimed_by.is_not(None)) == 0


def test_called_off_mail_never_leaves_and_its_history_says_by_whom(bench: Workbench, post: FaultServer) -> None:
    rollout = released(bench)
    first, *others = [
        row.id for row in rows(bench, select(message).where(message.c.learner_id.is_not(None)).order_by(message.c.id))
    ]
    with writing(bench) as connection:
        assert call_off(connection, [first], actor=OPERATOR, at=NOON) == 1
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 2
    with writing(bench) as connection, pytest.raises(NotUnsent, match=f"mail {others[0]} is sent"):
        call_off(connection, others, actor=OPERATOR, at=NOON)
    with writing(bench) as connection, pytest.raises(UnknownMail):
        call_off(connection, [4711], actor=OPERATOR, at=NOON)
    with writing(bench) as connection:
        assert call_off_rollout(connection, rollout, actor=OPERATOR, at=NOON) == 0
    told = rows(bench, select(message_event).where(message_event.c.message_id == first))
    assert [(line.what, line.by, line.reply) for line in told] == [("cancelled", OPERATOR, "called off")]


def test_what_is_called_off_of_a_rollout_is_its_learners_unsent_mail(bench: Workbench, post: FaultServer) -> None:
    rollout = released(bench)
    with writing(bench) as connection:
        assert call_off_rollout(connection, rollout, actor=OPERATOR, at=NOON) == 3
    assert set(learners_mail(bench).values()) == {"cancelled"}
    deliver_mail(mailing(bench, post.address), "tests")
    assert {kept.to.partition("@")[0] for kept in post.kept} <= {"ava", "bo"}


def test_mail_to_learners_waits_for_the_morning_where_they_live(bench: Workbench, post: FaultServer) -> None:
    """At noon in UTC it is night in Auckland and early in New York."""
    released(bench)
    choose(bench, quiet_hours="20:00-08:00", working_days="mon-fri")
    with writing(bench) as connection:
        for number, zone in ((2, "Pacific/Auckland"), (3, "America/New_York")):
            mine = update(learner).where(learner.c.employee_id == f"E{number}")
            connection.execute(mine.values(time_zone=zone))
        connection.execute(update(message).values(next_try_at=NOON))
    done = deliver_due(at(mailing(bench, post.address), "2026-11-25 12:00"), "tests")
    assert learners_mail(bench) == {"l1": "sent", "l2": "queued", "l3": "queued"}
    assert done.resting == ("2 letters: these are quiet hours where the learners live, until 2026-11-25 13:00 UTC")
    deliver_due(at(mailing(bench, post.address), "2026-11-25 13:00"), "tests")
    assert learners_mail(bench) == {"l1": "sent", "l2": "queued", "l3": "sent"}
    deliver_due(at(mailing(bench, post.address), "2026-11-25 19:00"), "tests")
    assert learners_mail(bench) == {"l1": "sent", "l2": "sent", "l3": "sent"}


def test_who_must_answer_is_asked_at_any_hour(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, StepSlug.VERIFY_COMPLETION, RENOTIFY)
    choose(bench, quiet_hours="00:00-23:59", working_days="sun")
    deliver_due(at(mailing(bench, post.address), "2026-12-02 12:00"), "tests")
    assert {kept.to.partition("@")[0] for kept in post.kept} == {"ava", "bo"}


def test_a_hold_keeps_notices_back(bench: Workbench, post: FaultServer) -> None:
    choose(bench, mail_hold_minutes="10")
    released(bench)
    assert deliver_due(mailing(bench, post.address), "tests").sent == 0
    assert set(learners_mail(bench).values()) == {"queued"}
    after = (datetime.now(UTC) + timedelta(minutes=11)).replace(tzinfo=None)
    assert deliver_due(at(mailing(bench, post.address), after.isoformat()), "tests").sent == 3


def test_the_last_step_waits_until_its_mail_was_tried(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    choose(bench, mail_hold_minutes="10")
    rollout, conductor, mailed = started(bench), PlainConductor(), mailing(bench, post.address)
    while step_state(bench, rollout, NOTIFY) is not StepState.APPROVED:
        assert one_pass(mailed, rollout, conductor) is None
        approve_all(mailed, rollout)
    assert rollout_state(bench, rollout) is RolloutState.WAITING
    assert one_pass(mailed, rollout, conductor) is None  # woken early, it waits on
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.state == "queued").values(next_try_at=NOON))
    assert deliver_due(at(mailed, "2026-12-02 12:00"), "tests").sent == 1
    assert one_pass(mailed, rollout, conductor) is RolloutState.COMPLETED


def test_more_notices_than_approved_learners_stop_all_of_them(bench: Workbench, post: FaultServer) -> None:
    """However a row too many came into the outbox: nobody approved it."""
    rollout = released(bench)
    [like] = rows(bench, select(message).where(message.c.to_address == "l3@example.com"))
    stranger = {**like._mapping, "recipient": "learner:999", "to_address": "x@example.com", "message_id": "<x@y>"}
    del stranger["id"]
    with writing(bench) as connection:
        connection.execute(insert(message).values(stranger))
    done = deliver_due(mailing(bench, post.address), "tests")
    assert (done.sent, post.kept) == (0, [])
    told = f"rollout {rollout} has 4 recertification mails for 3 learners on its approved list"
    assert told in (done.resting or "")
    with writing(bench) as connection:
        key = connection.scalar(select(message.c.id).where(message.c.recipient == "learner:999"))
        call_off(connection, [int(str(key))], actor=OPERATOR, at=NOON)
    assert deliver_due(mailing(bench, post.address), "tests").sent == 3


def test_a_redirected_letter_goes_to_one_address_and_its_history_says_so(bench: Workbench, post: FaultServer) -> None:
    released(bench, 2)
    office = mailing(bench, post.address, mail_redirect="rehearsal@example.com", mail_allow="l2@example.com")
    assert deliver_due(office, "tests").sent == 2
    assert sorted(kept.to for kept in post.kept) == ["l2@example.com", "rehearsal@example.com"]
    [redirected] = [kept.data for kept in post.kept if kept.to == "rehearsal@example.com"]
    assert b"for l1@example.com" in redirected
    history = select(message_event.c.what, message_event.c.reply).join_from(message_event, message)
    told = rows(bench, history.where(message.c.to_address == "l1@example.com").order_by(message_event.c.number))
    assert [line.what for line in told] == ["redirected", "sent"]
    assert told[0].reply == "goes to rehearsal@example.com instead (RECERT_MAIL_REDIRECT)"


def test_who_is_not_on_the_allow_list_is_not_mailed(bench: Workbench, post: FaultServer) -> None:
    released(bench, 2)
    deliver_due(mailing(bench, post.address, mail_allow="l2@example.com"), "tests")
    assert [kept.to for kept in post.kept] == ["l2@example.com"]
    assert learners_mail(bench) == {"l1": "cancelled", "l2": "sent"}


def test_a_limit_is_kept_by_a_delivery_and_told(bench: Workbench, post: FaultServer) -> None:
    released(bench, 5)
    choose(bench, mail_per_hour="3")
    done = deliver_due(mailing(bench, post.address), "tests")
    assert (done.sent, done.resting) == (3, "3 letters an hour")
    assert sorted(learners_mail(bench).values()) == ["queued", "queued", "sent", "sent", "sent"]
    assert count(bench, message, message.c.claimed_by.is_not(None)) == 0
    assert deliver_due(mailing(bench, post.address), "others").sent == 0


def test_letters_leave_no_faster_than_they_may(bench: Workbench, post: FaultServer) -> None:
    released(bench, 12)
    choose(bench, mail_per_second="5")
    began = bench.now()
    assert deliver_due(mailing(bench, post.address), "tests").sent == 12
    assert bench.now() - began >= timedelta(seconds=2)
