"""An organisation's own wording from the moment it is chosen to the mail it is in, also where it should never have been."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from mail.wordings import Wording
from models import audit
from models.errors import ReviewMissing, WrongInput
from models.tables import assignment, learner, mail_template, message, message_event, message_line
from models.words import MessageKind, StepSlug
from tasks import own_wordings
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.deliver import deliver_mail
from tasks.own_wordings import Chosen, faulty, reset_wording, set_wording, stored
from tasks.proposing import unapplied_with
from tasks.rollouts import reopen_gate
from tests.mail.test_refused_wordings import HTML
from tests.world import (
    NOW,
    Held,
    a_learner,
    approve,
    begin,
    carry_out,
    count,
    gate_of,
    mailing,
    propose,
    put_into_effect,
    rows,
    started,
    step_record,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench
    from tests.mail.fault_server import FaultServer

RENOTIFY = StepSlug.RENOTIFY_INCOMPLETE
KIND = MessageKind.RENOTIFICATION.value
OURS = Wording("Finish {{ courses[0].title }}", "Dear {{ learner.first_name }}, do it.\n", HTML)
# Each would pass the rules of an older Recert, or was written straight into the database.
BROKEN = {
    "a variable that is no more": Wording("s", "{{ learner.nick }}", HTML),
    "an object": Wording("s", "{{ learner.__class__ }}", HTML),
    "one that runs away": Wording("s", "{% for a in courses %}" * 12 + "x" * 9000 + "{% endfor %}" * 12, HTML),
    "no MJML": Wording("s", "t", "<html>"),
    "a megabyte": Wording("s", "x" * 1_000_000, HTML),
}


def choose(bench: Workbench, wording: Wording = OURS, kind: str = KIND, language: str = "en") -> Chosen:
    with writing(bench) as connection:
        return set_wording(connection, kind, language, wording, actor="eve@example.org", at=NOW)


def smuggle(bench: Workbench, wording: Wording, kind: str = KIND, language: str = "en") -> None:
    with writing(bench) as connection:
        row = {"kind": kind, "language": language, "by": "nobody", "at": NOW}
        connection.execute(insert(mail_template).values(**row, **vars(wording)))


def renotified(bench: Workbench, number: int = 2) -> int:
    with writing(bench) as connection:
        for each in range(1, number + 1):
            a_learner(
                connection, each, Held(open_due="2026-10-31"), Held("privacy", course="P-1", open_due="2026-10-31")
            )
    rollout = started(bench)
    carry_out(bench, rollout, RENOTIFY)
    return rollout


def texts(post: FaultServer) -> dict[str, str]:
    found = {}
    for kept in post.kept:
        part = message_from_bytes(kept.data, policy=policy.default).get_body(("plain",))
        found[kept.to.partition("@")[0]] = part.get_content().replace("\r\n", "\n")
    return found


def acts(bench: Workbench) -> list[Any]:
    with bench.database.read() as connection:
        return [each for each in audit.entries(connection) if "wording" in each.act]


def test_an_own_wording_is_kept_used_and_audited_and_the_shipped_one_comes_back(
    bench: Workbench, post: FaultServer
) -> None:
    house = mailing(bench, post.address)
    assert choose(bench) == Chosen(changed=True)
    assert choose(bench) == Chosen(changed=False), "what stands already is no act"
    rollout = renotified(bench)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(language="es"))
    deliver_mail(house, "tests", rollout_id=rollout)
    assert texts(post)["l1"] == "Dear First1, do it.\n"
    assert texts(post)["l2"].startswith("Hola, First2:")
    with writing(bench) as connection:
        assert reset_wording(connection, KIND, "EN", actor="eve@example.org", at=NOW).changed
        assert not reset_wording(connection, KIND, "en", actor="eve@example.org", at=NOW).changed
        assert own_wordings.own_wordings(connection) == {}
        [newest] = stored(connection)
    assert (newest.language, newest.wording, newest.by) == ("en", None, "eve@example.org")
    assert count(bench, mail_template) == 2, "no row is changed"
    first, second = acts(bench)
    assert (first.act, first.actor, first.subject) == ("set-wording", "eve@example.org", f"wording:{KIND}/en")
    assert (second.act, second.detail["before"]) == ("reset-wording", first.detail["after"])
    assert second.detail["after"] == first.detail["before"]


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_used_is_never_stored(bench: Workbench, name: str) -> None:
    with pytest.raises(WrongInput, match=r"^the wording cannot be used: (text|html)"):
        choose(bench, BROKEN[name])
    assert count(bench, mail_template) == 0
    assert acts(bench) == []


@pytest.mark.parametrize("language", ["", "en/../es", "e n", "ñ", "x" * 36, "fr"])
def test_a_language_that_is_none_is_refused(bench: Workbench, language: str) -> None:
    with pytest.raises(WrongInput, match="no language"):
        choose(bench, language=language)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_wording_in_the_database_keeps_its_own_letters_and_nobody_elses(
    bench: Workbench, post: FaultServer, name: str
) -> None:
    house = mailing(bench, post.address)
    rollout = renotified(bench, 3)
    smuggle(bench, BROKEN[name], language="es")
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E2").values(language="es"))
        connection.execute(update(message).where(message.c.to_address == "l3@example.com").values(to_address="nobody"))
    done = deliver_mail(house, "tests", rollout_id=rollout)
    assert (done.sent, done.trouble) == (1, None)
    assert list(texts(post)) == ["l1"]
    found = {row.to_address: row for row in rows(bench, select(message).where(message.c.kind == KIND))}
    assert (found["l2@example.com"].state, found["l2@example.com"].attempts) == ("failed", 0)
    assert found["l2@example.com"].last_reply.startswith("the wording cannot be used: ")
    assert "nobody" in found["nobody"].last_reply
    with bench.database.read() as connection:
        [(bad, why)] = faulty(connection)
        assert own_wordings.unwritten(connection) == 1
    assert (bad.language, bad.by) == ("es", "nobody")
    assert re.match(r"(text|html)[:,]", why)

    assert choose(bench, language="es").queued_again == 1
    assert deliver_mail(house, "tests", rollout_id=rollout).sent == 1
    assert texts(post)["l2"] == "Dear First2, do it.\n"
    history = select(message_event).where(message_event.c.message_id == found["l2@example.com"].id)
    events = rows(bench, history.order_by(message_event.c.number))
    assert [event.what for event in events] == ["failed", "resolved-resend", "sent"]
    assert {row.state for row in rows(bench, select(message).where(message.c.to_address == "nobody"))} == {"failed"}


def test_who_has_finished_before_the_wording_was_mended_needs_no_mail(bench: Workbench, post: FaultServer) -> None:
    house = mailing(bench, post.address)
    renotified(bench, 2)
    smuggle(bench, BROKEN["no MJML"])
    assert deliver_mail(house, "tests").failed == 0, "they never reach the server"
    with writing(bench) as connection:
        ones = select(message_line.c.assignment_id).join(message).where(message.c.to_address == "l1@example.com")
        done = {"completed_on": NOW.date(), "progress": 100}
        connection.execute(update(assignment).where(assignment.c.id.in_(ones)).values(**done))
        reset_wording(connection, KIND, "en", actor="tests", at=NOW)
    assert deliver_mail(house, "tests").sent == 1
    assert list(texts(post)) == ["l2"]


def test_a_wording_chosen_during_a_delivery_is_taken_up_by_the_next_batch(bench: Workbench) -> None:
    from tasks.letters import Letters

    renotified(bench, 2)
    letters = Letters(bench)
    one, two = [
        row.id for row in rows(bench, select(message.c.id).where(message.c.kind == KIND).order_by(message.c.id))
    ]
    with writing(bench) as connection:
        [before] = letters.render(connection, [one])
    choose(bench, Wording("A new subject", OURS.text, HTML))
    with writing(bench) as connection:
        [after] = letters.render(connection, [two])
    choose(bench, Wording("A newer subject", OURS.text, HTML))
    with writing(bench) as connection:
        [last] = letters.render(connection, [two])
    assert b"Subject: A new" not in before.data
    assert b"Subject: A new subject" in after.data
    assert b"Subject: A newer subject" in last.data


def test_words_that_change_between_review_and_apply_are_reviewed_again(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    approve(bench, rollout)
    before = step_record(bench, rollout, RENOTIFY).proposal
    choose(bench, kind="recertification")
    with bench.database.read() as connection:
        assert unapplied_with(connection, MessageKind.RENOTIFICATION) == [rollout]
        assert unapplied_with(connection, MessageKind.RECERTIFICATION) == []
    choose(bench)
    opened = begin(bench, rollout)
    with pytest.raises(ReviewMissing):
        apply_step(bench, rollout, STEPS[RENOTIFY], opened.epoch)
    reopen_gate(bench, opened, RENOTIFY)
    gate, after = gate_of(bench, rollout), step_record(bench, rollout, RENOTIFY).proposal
    assert gate is not None
    assert before is not None
    assert after is not None
    assert after.digest == gate.digest != before.digest
    approve(bench, rollout)
    put_into_effect(bench, rollout, RENOTIFY)
    assert count(bench, message, message.c.kind == KIND) == 1


def test_words_of_another_mail_or_words_that_came_back_leave_an_approval_as_it_is(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(open_due="2026-10-31"))
    rollout = started(bench)
    propose(bench, rollout, RENOTIFY)
    approve(bench, rollout)
    choose(bench, kind="recertification")
    choose(bench)
    with writing(bench) as connection:
        reset_wording(connection, KIND, "en", actor="tests", at=NOW)
    assert apply_step(bench, rollout, STEPS[RENOTIFY], begin(bench, rollout).epoch) == 1
