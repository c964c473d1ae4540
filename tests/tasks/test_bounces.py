"""Delivery reports find their letters, count once, and change only what they may."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from mail.mail_files import RawMail
from models.audit import entries
from models.tables import bounce, message, message_event
from models.words import MailEvent, MessageState
from tasks.bounces import GROUP, Fed, feed
from tasks.closing_lists import ListName, closing_list
from tasks.deliver import deliver_mail
from tasks.rounds import deliver_due
from tests.mail import reports
from tests.mail.reports import about
from tests.tasks.test_deliver import released
from tests.world import OPERATOR, count, mailing, rows, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer


def mail(raw: bytes, place: str = "one.eml") -> RawMail:
    return RawMail(place, raw, hashlib.sha256(raw).hexdigest())


def fed(bench: Workbench, *raws: bytes, **how: Any) -> Fed:
    return feed(bench, [mail(raw) for raw in raws], actor=OPERATOR, **how)


def letter(bench: Workbench, address: str = "l1@example.com") -> Any:
    return rows(bench, select(message).where(message.c.to_address == address))[0]


def history(bench: Workbench, key: int) -> list[tuple[str, str | None]]:
    told = select(message_event.c.what, message_event.c.reply).where(message_event.c.message_id == key)
    return [(line.what, line.reply) for line in rows(bench, told.order_by(message_event.c.number))]


@pytest.fixture
def sent(bench: Workbench, post: FaultServer) -> Any:
    """A notice to l1 that the server has taken; the rollout's number goes with it."""
    rollout = released(bench, 2)
    deliver_mail(mailing(bench, post.address), "tests")
    assert letter(bench).state == "sent"
    return letter(bench), rollout


def test_a_bounce_is_found_by_what_really_left(bench: Workbench, post: FaultServer, sent: Any) -> None:
    """The report returns the very bytes that the server was given."""
    row, rollout = sent
    [kept] = [kept for kept in post.kept if kept.to == "l1@example.com"]
    raw = about(reports.multipart(_failed("l1@example.com"), returned="{returned}"))
    done = fed(bench, raw.replace(b"{returned}", kept.data))
    assert [(one.mail, one.to, one.action, one.state) for one in done.matched] == [
        (row.id, "l1@example.com", "failed", "failed")
    ]
    assert history(bench, row.id)[-1] == ("bounced", "550 5.1.1 no such user")
    with bench.database.read() as connection:
        lost = list(closing_list(connection, bench, rollout, ListName.NOT_REACHED))
    assert [(one["email"], one["reason"]) for one in lost] == [("l1@example.com", "failed")]


def _failed(address: str) -> str:
    return (
        f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\n"
    )


def test_a_report_counts_once_however_often_it_is_fed_in(bench: Workbench, sent: Any) -> None:
    raw = about(reports.POSTFIX, sent[0].message_id)
    assert len(fed(bench, raw, raw).matched) == 1
    again = fed(bench, raw)
    assert (again.repeated, again.matched) == (1, [])
    assert count(bench, bounce) == 1
    assert [what for what, _ in history(bench, sent[0].id)] == ["sent", "bounced"]


@pytest.mark.parametrize("state", [state for state in MessageState if state not in {"sent", "uncertain"}])
def test_a_bounce_changes_no_letter_that_no_server_has(bench: Workbench, sent: Any, state: MessageState) -> None:
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == sent[0].id).values(state=state.value))
    assert fed(bench, about(reports.POSTFIX, sent[0].message_id)).matched[0].state == state
    assert letter(bench).state == state
    assert history(bench, sent[0].id)[-1][0] == "bounced"


def test_an_uncertain_letter_that_bounced_is_not_sent_again(bench: Workbench, post: FaultServer, sent: Any) -> None:
    with writing(bench) as connection:
        again = {"state": "uncertain", "next_try_at": bench.now()}
        connection.execute(update(message).where(message.c.id == sent[0].id).values(**again))
    fed(bench, about(reports.POSTFIX, sent[0].message_id))
    before = len(post.kept)
    assert deliver_due(mailing(bench, post.address), "tests").sent == 0
    assert (letter(bench).state, len(post.kept)) == ("failed", before)


def test_an_uncertain_letter_that_arrived_is_sent(bench: Workbench, sent: Any) -> None:
    with writing(bench) as connection:
        unknown = {"state": "uncertain", "sent_at": None, "next_try_at": bench.now()}
        connection.execute(update(message).where(message.c.id == sent[0].id).values(**unknown))
    fed(bench, about(reports.DELIVERED, sent[0].message_id))
    row = letter(bench)
    assert (row.state, row.next_try_at) == ("sent", None)
    assert row.sent_at is not None
    assert history(bench, sent[0].id)[-1][0] == MailEvent.DELIVERED


def test_a_late_letter_is_only_a_line_of_its_history(bench: Workbench, sent: Any) -> None:
    assert fed(bench, about(reports.DELAYED, sent[0].message_id)).matched[0].action == "delayed"
    assert letter(bench).state == "sent"
    assert history(bench, sent[0].id)[-1][0] == "delayed"


def test_a_forwarded_letter_that_bounced_names_where(bench: Workbench, sent: Any) -> None:
    fed(bench, about(reports.FORWARDED, sent[0].message_id))
    assert letter(bench).state == "failed"
    assert history(bench, sent[0].id)[-1][1] == "550 5.7.1 not accepted here (ada.elsewhere@example.net)"


def test_by_the_address_alone_nothing_is_changed(bench: Workbench, sent: Any) -> None:
    raw = about(reports.multipart(_failed("l1@example.com")), "<somebody.elses@letter.example>")
    done = fed(bench, raw)
    assert (done.matched, done.unknown) == ([], [("one.eml", "l1@example.com")])
    assert letter(bench).state == sent[0].state
    assert count(bench, bounce, bounce.c.message_id.is_(None)) == 1


def test_what_is_no_report_is_told_and_stops_nothing(bench: Workbench, sent: Any) -> None:
    done = fed(bench, about(reports.OUT_OF_OFFICE), about(reports.A_PERSON), about(reports.POSTFIX, sent[0].message_id))
    assert (done.read, done.automatic, len(done.refused), len(done.matched)) == (3, 1, 1, 1)


def test_a_dry_run_tells_all_and_stores_nothing(bench: Workbench, sent: Any) -> None:
    raw = about(reports.POSTFIX, sent[0].message_id)
    assert fed(bench, raw, dry_run=True).matched[0].state == "failed"
    assert (letter(bench).state, count(bench, bounce)) == ("sent", 0)
    assert fed(bench, raw).matched[0].state == "failed"


def test_each_group_is_stored_whole_and_the_feeding_is_one_act(bench: Workbench, sent: Any) -> None:
    def mails() -> Any:
        for number in range(GROUP):
            yield mail(about(reports.POSTFIX.replace("4XyZ", str(number)), sent[0].message_id))
        yield mail(about(reports.DELAYED, sent[0].message_id))
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        feed(bench, mails(), actor=OPERATOR)
    assert count(bench, bounce) == GROUP
    assert fed(bench, about(reports.DELAYED, sent[0].message_id)).repeated == 0
    with bench.database.read() as connection:
        acts = [entry for entry in entries(connection) if entry.act == "feed-bounces"]
    assert [act.actor for act in acts] == [OPERATOR]
