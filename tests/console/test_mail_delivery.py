"""``recert mail deliver`` and ``recert mail test``, against a real mail server."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models.tables import message
from models.words import StepSlug
from tests.mail.fault_server import Fault, FaultServer
from tests.world import carry_out, rows, started, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.workbench import Workbench


def use(monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> FaultServer:
    monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{server.port}?tls=none")
    return server


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(Fault("RCPT", "450 4.2.0 greylisted", to="l1@example.com")) as server:
        yield use(monkeypatch, server)


@pytest.fixture
def due(bench: Workbench) -> int:
    """How many notices to learners are due; nothing else is."""
    carry_out(bench, started(bench), StepSlug.RECERTIFY_DUE, StepSlug.NOTIFY_LEARNERS)
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.learner_id.is_(None)).values(state="cancelled"))
    return len(rows(bench, select(message.c.id).where(message.c.state == "queued")))


def test_what_is_due_is_sent_by_hand_and_what_waits_is_told(
    recert: Callable[..., Any], post: FaultServer, due: int
) -> None:
    ended = recert("mail", "deliver")
    assert (ended.code, ended.out) == (0, f"{due - 1} sent, 1 deferred\n")
    assert ended.line.startswith("1 letter waits in the outbox, due from 20")
    assert len(post.kept) == due - 1
    assert recert("mail", "deliver").out == "nothing was due\n"


def test_its_json_counts_by_state(recert: Callable[..., Any], post: FaultServer, due: int) -> None:
    ended = recert("mail", "deliver", "--json")
    told = ended.json
    assert told.pop("next_at").endswith("Z")
    assert told == {
        "sent": len(post.kept), "deferred": 1, "failed": 0, "uncertain": 0, "skipped": 0, "untried": 0,
        "resting": None, "trouble": None, "later": 1,
    }  # fmt: skip
    assert told["sent"] == due - 1


def test_what_is_paused_rests_and_is_no_failure(recert: Callable[..., Any], post: FaultServer, due: int) -> None:
    recert("mail", "pause")
    ended = recert("mail", "deliver")
    assert (ended.code, ended.out) == (0, "nothing was sent\n")
    assert f"the sending rests: {due} letters: all mail was paused by shell" in ended.err
    assert post.kept == []


def test_a_mail_server_that_is_away_is_exit_5_and_nothing_is_lost(
    recert: Callable[..., Any], bench: Workbench, monkeypatch: pytest.MonkeyPatch, due: int
) -> None:
    with FaultServer(Fault("banner", "421 4.3.2 shutting down")) as server:
        use(monkeypatch, server)
        ended = recert("mail", "deliver", "--json")
    assert ended.code == 5
    assert (ended.json["untried"], ended.json["later"]) == (due, due)
    assert "421 4.3.2 shutting down" in ended.json["trouble"]
    assert "Traceback" not in ended.err
    assert {row.attempts for row in rows(bench, select(message.c.attempts))} == {0}


def test_a_test_letter_goes_straight_to_the_server(recert: Callable[..., Any], post: FaultServer) -> None:
    ended = recert("mail", "test", "me@example.com")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "sent: 250 2.0.0 kept",
        f"127.0.0.1:{post.port}, in clear text, not logged in; it offers 8BITMIME, SMTPUTF8",
    ]
    letter = email.message_from_bytes(post.kept[0].data, policy=email.policy.default)
    assert (letter["To"], letter["Subject"]) == ("me@example.com", "Test letter from Recert")
    assert recert("mail", "list", "--json").json == []


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        pytest.param("l1@example.com", 5, "deferred: 450 4.2.0 greylisted", id="later"),
        pytest.param("no address", 2, "'no address' is not one e-mail address", id="no address"),
    ],
)
def test_what_became_of_a_test_letter_is_in_the_exit_code(
    recert: Callable[..., Any], post: FaultServer, address: str, code: int, said: str
) -> None:
    ended = recert("mail", "test", address)
    assert (ended.code, post.kept) == (code, [])
    assert said in ended.out + ended.err


def test_an_address_that_the_server_refuses_is_exit_2(
    recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(Fault("RCPT", "550 5.1.1 no such user")) as server:
        use(monkeypatch, server)
        ended = recert("mail", "test", "gone@example.com", "--json")
    assert (ended.code, ended.json["verdict"], ended.json["reply"]) == (2, "failed", "550 5.1.1 no such user")


def test_a_catcher_that_does_not_run_is_named(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.processes import free_port

    monkeypatch.setenv("RECERT_MAIL_PORT", str(free_port()))
    ended = recert("mail", "test", "me@example.com")
    assert ended.code == 5
    assert ended.err.splitlines()[-1].endswith("mail is caught by `recert up`: is it running?")
