"""What the doctor says of the post."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from models.tables import learner, message
from models.words import MessageKind
from tests.console.test_doctor_commands import levels, said
from tests.mail.fault_server import FaultServer
from tests.tasks.test_outbox import queue
from tests.world import OPERATOR, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench


def doctor(recert: Callable[..., Any]) -> Any:
    return recert("doctor", "--json")


@pytest.mark.usefixtures("bench")
def test_an_outbox_that_needs_no_look_says_so(recert: Callable[..., Any]) -> None:
    ended = doctor(recert)
    assert levels(ended)["outbox"] == "ok"
    assert {"uncertain", "deferred", "abandoned", "resting"}.isdisjoint(levels(ended))


@pytest.mark.parametrize(
    ("values", "check", "says"),
    [
        pytest.param(
            {"state": "uncertain", "next_try_at": None}, "uncertain", "1 letter is in doubt", id="waits for a person"
        ),
        pytest.param({"state": "deferred"}, "deferred", "1 letter is put off by the mail server", id="greylisted long"),
        pytest.param(
            {"state": "sending", "claimed_by": "dead"},
            "abandoned",
            "1 letter is taken up by a sender",
            id="dead sender",
        ),
    ],
)
def test_mail_that_needs_a_look_is_counted(
    recert: Callable[..., Any], bench: Workbench, values: dict[str, Any], check: str, says: str
) -> None:
    [key] = queue(bench, kind=MessageKind.DIGEST, **values)
    long_ago = bench.now() - timedelta(days=2)
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == key).values(created_at=long_ago, claimed_at=long_ago))
    ended = doctor(recert)
    assert levels(ended)[check] == "warning"
    assert said(ended, check).startswith(says)


def test_what_is_paused_is_said_and_by_whom(recert: Callable[..., Any], bench: Workbench) -> None:
    queue(bench, 2)
    recert("mail", "pause", "--by", OPERATOR)
    ended = doctor(recert)
    assert levels(ended)["resting"] == "warning"
    assert f"2 letters are kept back: all mail was paused by {OPERATOR}" in said(ended, "resting")


def test_learners_whom_the_server_cannot_reach_are_named(
    recert: Callable[..., Any], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(bench) as connection:
        for number, address in ((1, "jörg@example.com"), (2, "x@straße.example")):
            mine = update(learner).where(learner.c.employee_id == f"E{number}")
            connection.execute(mine.values(email=address, email_key=address))
    with FaultServer(extensions=("8BITMIME",)) as server:
        monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{server.port}?tls=none")
        ended = doctor(recert)
    assert "1 learner has an address that the mail server cannot carry (no SMTPUTF8): jörg@example.com" in said(
        ended, "smtputf8"
    )
    assert "cannot be mailed as it is written: x@straße.example" in said(ended, "addresses")
    assert said(ended, "mail").startswith(
        f"127.0.0.1:{server.port} lets us in, in clear text, not logged in; it offers 8BITMIME"
    )


@pytest.mark.parametrize(
    ("name", "value", "check", "level", "says"),
    [
        ("RECERT_MAIL_REDIRECT", "me@example.com", "redirect", "ok", "all of it goes to me@example.com"),
        ("RECERT_MAIL_ALLOW", "@example.com", "allow-list", "ok", "mail leaves for @example.com alone"),
        ("RECERT_MAIL_BOUNCES_TO", "b@relay.example.net", "sender", "warning", "receivers that ask for DMARC"),
        ("RECERT_MAIL_REDIRECT", "no address", "settings", "wrong", "RECERT_MAIL_REDIRECT: must be one address"),
        ("RECERT_MAIL_ALLOW", "example.com", "settings", "wrong", "'example.com' is neither an address nor @"),
    ],
)
def test_settings_of_the_post_are_told(
    recert: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    check: str,
    level: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, value)
    ended = doctor(recert)
    assert levels(ended)[check] == level
    assert says in said(ended, check)


def test_a_rehearsal_in_production_is_a_warning(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_ENVIRONMENT", "production")
    monkeypatch.setenv("RECERT_MAIL_REDIRECT", "me@example.com")
    assert levels(doctor(recert))["redirect"] == "warning"
