"""The weekly digest: once a week, to who asks, if there is anything to tell, counted as it leaves."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from models import people
from models.automatic import own_on
from models.tables import app_user, certification, learner, message
from tasks.deliver import deliver_mail
from tasks.letters import Letters
from tasks.weekly_digest import LISTED, queue_digests, to_reader, week_to_come
from tests.world import APPROVER, NOW, OPERATOR, Held, a_learner, mailing, mails, on, rows, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

NEXT_WEEK = "2026-12-01"  # today is Monday, 23 November


def asks(bench: Workbench, email: str = OPERATOR, *, wanted: bool = True) -> None:
    with writing(bench) as connection:
        people.ask_for_digest(connection, email, wanted=wanted, actor="tests", at=NOW)


def facts(bench: Workbench, email: str = OPERATOR) -> dict[str, Any]:
    """What a digest says today."""
    asks(bench, email)
    with bench.database.read() as connection:
        user = people.find_user(connection, email)
        assert user is not None
        return to_reader(connection, bench, {"user": user.id, "day": str(bench.today())}, as_sent=False)[0]


@pytest.mark.parametrize(
    ("today", "monday"),
    [("2026-11-23", "2026-11-30"), ("2026-11-29", "2026-11-30"), ("2026-12-28", "2027-01-04"), ("2028-02-28", "2028-03-06")],
)  # fmt: skip
def test_the_week_to_come_begins_on_the_next_monday(today: str, monday: str) -> None:
    first = date.fromisoformat(monday)
    assert week_to_come(date.fromisoformat(today)) == (first, first + timedelta(days=6))


def test_it_tells_what_comes_what_went_past_due_and_whom_no_mail_reaches(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2026-11-30"), Held("privacy", course="P-1", own_on="2026-12-06"))
        a_learner(connection, 2, Held(own_on="2026-11-29"), email=None, email_key=None)
        a_learner(connection, 3, Held(own_on="2026-12-07"), Held("privacy", course="P-1", open_due="2026-11-16"))
        a_learner(connection, 4, Held(open_due="2026-11-22"), first_name="", last_name="")
        a_learner(connection, 5, Held(open_due="2026-11-15"))
        a_learner(connection, 6, Held(open_due="2026-11-23"), Held("privacy", course="P-1", own_on=NEXT_WEEK))
        a_learner(connection, 7, Held(own_on=NEXT_WEEK), archived_at=NOW)
        failed = {"kind": "reminder", "occasion": "o", "recipient": "learner:6", "to_address": "l6@example.com"}
        failed |= {"state": "failed", "message_id": "<6@x>", "created_at": NOW}
        six = select(learner.c.id).where(learner.c.employee_id == "E6").scalar_subquery()
        connection.execute(insert(message).values(**failed, learner_id=six))
    assert facts(bench) == {
        "person": {"name": "Opal"},
        "week_from": date(2026, 11, 30),
        "week_to": date(2026, 12, 6),
        "renewals": [
            ("First1 Last1, conduct", date(2026, 11, 30)),
            ("First6 Last6, privacy", date(2026, 12, 1)),
            ("First1 Last1, privacy", date(2026, 12, 6)),
        ],
        "renewals_in_all": 3,
        "past_due": [
            ("First3 Last3, Course P-1", date(2026, 11, 16)),
            ("l4@example.com, Course C-1", date(2026, 11, 22)),
        ],
        "past_due_in_all": 2,
        "unreachable": [("First2 Last2", "no address"), ("First6 Last6", "mail was refused")],
        "unreachable_in_all": 2,
        "left_to_people": 0,
    }


def test_a_long_list_is_cut_and_counted(bench: Workbench) -> None:
    with writing(bench) as connection:
        for number in range(1, LISTED + 4):
            a_learner(connection, number, Held(own_on=NEXT_WEEK), Held("privacy", course="P-1", own_on="2026-10-01"))
        privacy = certification.c.computed_on == date(2026, 10, 1)
        connection.execute(update(certification).where(privacy).values(left_to_people_on=own_on()))
    said = facts(bench)
    assert (len(said["renewals"]), said["renewals_in_all"]) == (LISTED, LISTED + 3)
    assert said["left_to_people"] == LISTED + 3


def test_it_goes_once_a_week_to_each_who_asks(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), email=None, email_key=None)
    assert queue_digests(bench) == 0, "nobody asked"
    asks(bench)
    assert [queue_digests(on(bench, day)) for day in ("2026-11-23", "2026-11-23", "2026-11-29")] == [1, 0, 0]
    asks(bench, APPROVER)
    assert queue_digests(on(bench, "2026-11-29")) == 1, "who asks later in the week"
    assert queue_digests(on(bench, "2026-12-02")) == 2, "and after a standstill, in the middle of a week"
    assert queue_digests(on(bench, "2026-11-25")) == 0, "the clock was set back"
    asks(bench, wanted=False)
    assert queue_digests(on(bench, "2026-12-07")) == 1
    with writing(bench) as connection:
        people.change_user(connection, APPROVER, disabled=True, actor="tests", at=NOW)
    assert queue_digests(on(bench, "2026-12-14")) == 0


def test_a_week_that_spans_two_years_is_one_week(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(), email=None, email_key=None)
    asks(bench)
    days = ("2026-12-27", "2026-12-28", "2026-12-31", "2027-01-01", "2027-01-03", "2027-01-04")
    assert [queue_digests(on(bench, day)) for day in days] == [1, 1, 0, 0, 0, 1]


def test_where_there_is_nothing_to_tell_nobody_is_written_to(bench: Workbench) -> None:
    asks(bench)
    assert queue_digests(bench) == 0


def test_it_is_counted_as_it_leaves_and_one_of_another_week_does_not_leave(bench: Workbench, post: FaultServer) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on=NEXT_WEEK))
    asks(bench)
    asks(bench, APPROVER)
    queue_digests(bench)
    with writing(bench) as connection:
        a_learner(connection, 2, Held(own_on=NEXT_WEEK))
        connection.execute(update(app_user).where(app_user.c.email == APPROVER).values(weekly_digest=False))
    deliver_mail(mailing(on(bench, "2026-11-24"), post.address), "tests")
    assert [mail[2] for mail in mails(bench)] == ["sent", "cancelled"]
    with bench.database.read() as connection:
        key = rows(bench, select(message.c.id).order_by(message.c.id))[0].id
        subject, text = Letters(on(bench, "2026-12-24")).text(connection, key)
    assert subject.startswith("The week from Monday, 30 November 2026: 2 up for recertification")
    assert "* First2 Last2, conduct: Tuesday, 1 December 2026" in text
    with writing(bench) as connection:
        connection.execute(update(message).values(state="queued", next_try_at=NOW))
    deliver_mail(mailing(on(bench, "2026-11-30"), post.address), "tests")
    assert {mail[2] for mail in mails(bench)} == {"cancelled"}
