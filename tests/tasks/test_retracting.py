"""What was taken back is told to whom mail about it may have reached, once, and to nobody else."""

from __future__ import annotations

import email
import email.policy
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from models.tables import assignment, message
from models.words import MessageState, RolloutState, StepSlug
from tasks import leaving, ordering
from tasks.deliver import deliver_mail
from tasks.letters import Letters
from tasks.ordering import Asked
from tasks.undo_order import place_undo
from tests.tasks.test_undoing import ACTIONS, EVERYBODY, do
from tests.world import (
    OPERATOR,
    Held,
    a_learner,
    mailing,
    mails,
    on,
    rows,
    run_to_end,
    started,
    step_record,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

RETRACTED = select(message).where(message.c.kind == "retraction").order_by(message.c.id)


def undone(bench: Workbench, rollout_id: int, *, tell: bool = True) -> dict[str, Any]:
    """Take it back; return what the preview said."""
    placed = place_undo(bench, rollout_id, OPERATOR, tell=tell)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    record = step_record(bench, placed.rollout_id, StepSlug.UNDO)
    assert record.proposal is not None
    return dict(record.proposal.facts)


def told(bench: Workbench) -> list[str]:
    return [row.to_address for row in rows(bench, RETRACTED)]


def three(bench: Workbench) -> None:
    """Due for Recertification, with an address; the third holds a second certification that is due, too."""
    with writing(bench) as connection:
        for number in (1, 2, 3):
            a_learner(connection, number, Held(), *[Held("privacy", course="P-1")] * (number == 3))


def read(raw: bytes) -> tuple[str, Any]:
    whole = email.message_from_bytes(raw, policy=email.policy.SMTP)
    parts = {part.get_content_type(): part for part in whole.walk()}
    calendar = Calendar.from_ical(parts["text/calendar"].get_payload(decode=True))
    assert parts["text/calendar"]["Content-Type"].params["method"] == calendar["METHOD"]
    return parts["text/plain"].get_content().replace("\r\n", "\n"), calendar


def test_who_was_told_gets_one_letter_that_lists_all_and_cancels_the_entries(
    bench: Workbench, post: FaultServer
) -> None:
    three(bench)
    mailed = mailing(bench, post.address)
    rollout_id = do(bench, ACTIONS["recertify"])
    assert deliver_mail(mailed, "tests").sent == 3
    first = {kept.to: read(kept.data) for kept in post.kept}

    assert undone(bench, rollout_id)["told"] == 4  # lines, of three learners
    assert told(bench) == ["l1@example.com", "l2@example.com", "l3@example.com"]
    post.kept.clear()
    assert deliver_mail(mailed, "tests").sent == 3
    assert deliver_mail(mailed, "tests").sent == 0

    text, calendar = read(next(kept.data for kept in post.kept if kept.to == "l3@example.com"))
    assert text.count("No longer assigned to you") == 2
    entries = {entry["UID"]: entry for entry in calendar.walk("VEVENT")}
    before = {entry["UID"]: entry for entry in first["l3@example.com"][1].walk("VEVENT")}
    assert calendar["METHOD"] == "CANCEL"
    assert set(entries) == set(before)
    assert {entry["STATUS"] for entry in entries.values()} == {"CANCELLED"}
    assert all(entries[uid]["SEQUENCE"] > before[uid]["SEQUENCE"] for uid in before)


def test_nobody_is_told_where_it_was_not_asked_for(bench: Workbench, post: FaultServer) -> None:
    three(bench)
    rollout_id = do(bench, ACTIONS["recertify"])
    deliver_mail(mailing(bench, post.address), "tests")
    assert undone(bench, rollout_id, tell=False)["told"] == 4
    assert told(bench) == []


@pytest.mark.parametrize(
    ("values", "is_told", "then"),
    [
        ({"state": "queued"}, False, "cancelled"),
        ({"state": "deferred"}, False, "cancelled"),
        ({"state": "deferred", "flagged": True}, True, "cancelled"),
        ({"state": "failed"}, False, "failed"),
        ({"state": "uncertain", "flagged": True}, True, "cancelled"),
        ({"state": "sending", "claimed_by": "x"}, True, "sending"),
        ({"state": "sent"}, True, "sent"),
    ],
    ids=str,
)
def test_what_may_have_arrived_counts_and_what_has_not_left_never_does(
    bench: Workbench, values: dict[str, Any], is_told: bool, then: str
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = do(bench, ACTIONS["recertify"])
    with writing(bench) as connection:
        connection.execute(update(message).values(**values))
    undone(bench, rollout_id)
    assert told(bench) == ["l1@example.com"] * is_told
    assert mails(bench)[0] == ("recertification", "l1@example.com", then)


def test_a_letter_that_was_under_way_never_asks_for_what_was_taken_back(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = do(bench, ACTIONS["recertify"])
    with writing(bench) as connection:
        connection.execute(update(message).values(state="sending", claimed_by="x", claimed_at=bench.now()))
    undone(bench, rollout_id, tell=False)
    with writing(bench) as connection:  # the server was gone, as if never tried
        connection.execute(update(message).values(state="queued", claimed_by=None, claimed_at=None))
    assert deliver_mail(mailing(bench, post.address), "tests").sent == 0
    assert [state for _, _, state in mails(bench)] == ["cancelled"]


def test_who_has_begun_is_not_told_and_nobody_without_an_address(bench: Workbench, post: FaultServer) -> None:
    three(bench)
    rollout_id = do(bench, ACTIONS["recertify"])
    deliver_mail(mailing(bench, post.address), "tests")
    first = select(assignment.c.id).where(assignment.c.rollout_id == rollout_id).order_by(assignment.c.id).limit(1)
    with writing(bench) as connection:
        connection.execute(update(assignment).where(assignment.c.id == first.scalar_subquery()).values(progress=5))
    undone(bench, rollout_id)
    assert told(bench) == ["l2@example.com", "l3@example.com"]


def test_a_due_date_that_is_put_back_is_told_with_the_day_that_counts_again(
    bench: Workbench, post: FaultServer
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-11-30"))
        a_learner(connection, 2, Held(open_due="2026-12-24"))  # keeps the later day, so nothing is taken back
        a_learner(connection, 3, Held())
        a_learner(connection, 4, Held(open_due="-"))
    later = on(mailing(bench, post.address), date(2026, 11, 25))
    rollout_id = started(bench)
    assert run_to_end(later, rollout_id) is RolloutState.COMPLETED
    post.kept.clear()

    undone(later, rollout_id)
    deliver_mail(later, "tests")

    found = {kept.to: read(kept.data) for kept in post.kept}
    assert set(found) == {"l1@example.com", "l3@example.com", "l4@example.com"}
    text, calendar = found["l1@example.com"]
    [entry] = calendar.walk("VEVENT")
    assert "Still assigned to you, due on Monday, 30 November 2026" in text
    assert (calendar["METHOD"], entry["DTSTART"].dt, "STATUS" in entry) == ("PUBLISH", date(2026, 11, 30), False)
    text, calendar = found["l4@example.com"]
    assert "without a Due Date" in text
    assert [entry["STATUS"] for entry in calendar.walk("VEVENT")] == ["CANCELLED"]


def test_a_queued_retraction_outlives_a_later_action_about_its_learner(bench: Workbench, post: FaultServer) -> None:
    three(bench)
    mailed = mailing(bench, post.address)
    rollout_id = do(bench, ACTIONS["recertify"])
    deliver_mail(mailed, "tests")
    undone(bench, rollout_id)
    do(bench, Asked(StepSlug.ASSIGN, EVERYBODY, course="C-2"))
    do(bench, Asked(StepSlug.UNASSIGN, EVERYBODY, course="C-2"))
    assert {row.state for row in rows(bench, RETRACTED)} == {MessageState.QUEUED.value}
    with bench.database.read() as connection:
        _, text = Letters(mailed).text(connection, rows(bench, RETRACTED)[0].id)
    assert "No longer assigned to you" in text


def test_no_more_retractions_leave_than_lines_were_taken_back(bench: Workbench, post: FaultServer) -> None:
    three(bench)
    mailed = mailing(bench, post.address)
    rollout_id = do(bench, ACTIONS["recertify"])
    deliver_mail(mailed, "tests")
    undone(bench, rollout_id)
    with writing(bench) as connection:
        [copied, *_] = rows(bench, RETRACTED)
        again = {**copied._mapping, "occasion": "by hand", "message_id": "<other@example.org>"}
        again.pop("id")
        connection.execute(message.insert().values(again))
    with bench.database.read() as connection:
        [excess] = leaving.Leaving.read(connection, mailed, Letters(mailed)._chosen).excess
    assert (excess.kind, excess.letters, excess.approved) == ("retraction", 4, 3)
    assert deliver_mail(mailed, "tests").sent == 0
