from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from mail.answers import Answer
from models.codes import MASKED
from models.tables import message
from models.words import MessageKind, MessageState, StepSlug
from tests import world
from tests.mail.fault_server import FaultServer
from tests.tasks.test_outbox import Clock, outbox
from tests.world import APPROVER, OPERATOR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench

SHAPE = ["id", "kind", "to", "state", "flagged", "attempts", "message_id", "last_reply", "rollout"]
CODE = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}")


@pytest.fixture
def mailed(bench: Workbench, at_gate: int) -> int:
    """A rollout with two requests (called back), and three notices that wait."""
    world.approve_all(bench, at_gate)
    world.put_into_effect(bench, at_gate, StepSlug.RENOTIFY_INCOMPLETE)
    return at_gate


def test_the_list_is_complete_and_has_the_shape_of_the_interface(
    recert: Callable[..., Any], bench: Workbench, mailed: int
) -> None:
    with bench.database.write() as connection:
        tried = {"state": "uncertain", "flagged": True, "attempts": 2, "last_reply": "the connection was lost"}
        connection.execute(update(message).where(message.c.to_address == "l2@example.com").values(**tried))
    ended = recert("mail", "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert [list(mail) for mail in ended.json] == [SHAPE] * 4
    assert [(mail["kind"], mail["to"], mail["state"]) for mail in ended.json] == [
        ("review-request", APPROVER, "cancelled"),
        ("review-request", SECOND, "cancelled"),
        ("renotification", "l2@example.com", "uncertain"),
        ("renotification", "l10@example.com", "queued"),
    ]
    two = ended.json[2]
    assert two["message_id"].startswith("<renotification.")
    assert {key: two[key] for key in ("flagged", "attempts", "last_reply", "rollout")} == {
        "flagged": True, "attempts": 2, "last_reply": "the connection was lost", "rollout": mailed,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--state", "queued"], ["l2@example.com", "l10@example.com"]),
        (["--kind", "review-request"], [APPROVER, SECOND]),
        (["--kind", "review-request", "--state", "queued"], []),
        (["--rollout", "1", "--state", "cancelled"], [APPROVER, SECOND]),
    ],
    ids=" ".join,
)
def test_the_list_is_narrowed_by_what_is_given(
    recert: Callable[..., Any], mailed: int, words: list[str], found: list[str]
) -> None:
    assert mailed
    assert [mail["to"] for mail in recert("mail", "list", *words, "--json").json] == found


def test_the_list_for_people_ends_with_how_many_there_are(recert: Callable[..., Any], mailed: int) -> None:
    assert mailed
    lines = recert("mail", "list").out.splitlines()
    assert lines[0].split()[:4] == ["Id", "Kind", "To", "State"]
    assert lines[-1] == "4 mails: 2 queued, 2 cancelled"
    assert recert("mail", "list", "--state", "sent").out.splitlines()[-1] == "0 mails"


def test_a_request_is_shown_as_its_reader_sees_it_but_for_the_code(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    code = world.code_for(bench, at_gate, APPROVER)
    shown = recert("mail", "show", 1).out
    for part in (f"To: {APPROVER}", "State: queued", "Step: renotify-incomplete", f"Code: {MASKED}", "is attached"):
        assert part in shown
    document = recert("mail", "show", 1, "--json").json
    assert list(document)[:9] == SHAPE
    assert document["subject"].startswith("Your review is needed: Re-notify the incomplete (annual-2027)")
    assert document["text"].startswith("Hello Ava,")
    for text in (shown, document["text"]):
        assert code not in text
        assert not CODE.search(text)


def test_a_notice_is_shown_as_the_learner_reads_it(recert: Callable[..., Any], mailed: int) -> None:
    assert mailed
    document = recert("mail", "show", 3, "--json").json
    assert (document["to"], document["from"]) == ("l2@example.com", "training@example.org")
    for part in ("First2", "Course C-1", "Friday, 18 December 2026"):
        assert part in document["text"]


def test_a_notice_is_shown_with_its_history(recert: Callable[..., Any], bench: Workbench, mailed: int) -> None:
    assert mailed
    box = outbox(bench, server="relay:25", clock=Clock(bench.now()))
    [parcel] = [parcel for parcel in box.claim(9) if parcel.key == 3]
    box.exchange([], [parcel.key])
    box.exchange([Answer(3, "sent", "250 2.0.0 kept", in_data=True)], [])
    [event] = recert("mail", "show", 3, "--json").json["history"]
    assert (event["number"], event["what"], event["server"], event["reply"]) == (
        1,
        "sent",
        "relay:25",
        "250 2.0.0 kept",
    )
    assert "relay:25" in recert("mail", "show", 3).out.splitlines()[-1]


def test_a_mail_whose_reader_is_kept_out_has_headers_and_no_text(
    recert: Callable[..., Any], bench: Workbench, at_gate: int
) -> None:
    assert at_gate
    assert bench
    recert("users", "disable", SECOND)
    ended = recert("mail", "show", 2, "--json")
    assert (ended.code, ended.json["to"], ended.json["text"]) == (0, SECOND, None)
    assert "mail 2 cannot be shown: the user was disabled" in ended.err
    assert recert("mail", "show", 2).code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", 99], 3, "there is no mail 99; see: recert mail list"),
        (["show", "first"], 2, "first"),
        (["list", "--state", "lost"], 2, "Choose from"),
        (["list", "--kind", "spam"], 2, "Choose from"),
        (["list", "--rollout", 9], 3, "there is no rollout 9"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_what_is_not_there_is_one_line(
    recert: Callable[..., Any], bench: Workbench, words: list[object], code: int, says: str
) -> None:
    assert bench
    ended = recert("mail", *words)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line


@pytest.mark.parametrize(
    ("option", "words"), [("--state", list(MessageState)), ("--kind", list(MessageKind))], ids=["states", "kinds"]
)
def test_every_word_of_the_vocabulary_can_be_asked_for(
    recert: Callable[..., Any], bench: Workbench, option: str, words: list[str]
) -> None:
    assert bench
    assert {word: recert("mail", "list", option, word).code for word in words} == dict.fromkeys(words, 0)


def test_a_reminder_leaves_at_once_and_the_learners_mail_stays_where_it_is(
    recert: Callable[..., Any], bench: Workbench, mailed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.propose(bench, mailed, StepSlug.SET_RECERTIFICATION_DATES)
    with FaultServer() as server:
        monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{server.port}?tls=none")
        ended = recert("rollout", "remind", mailed, "--as", OPERATOR)
    assert (ended.code, ended.err) == (0, "")
    assert sorted({kept.to for kept in server.kept}) == [APPROVER, SECOND]
    assert {mail["to"] for mail in recert("mail", "list", "--state", "queued", "--json").json} == {
        "l2@example.com", "l10@example.com",
    }  # fmt: skip
