from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models.tables import message
from tests.mail import reports
from tests.mail.reports import about
from tests.tasks.test_outbox import queue
from tests.world import rows, writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.workbench import Workbench


@pytest.fixture
def inbox(bench: Workbench, tmp_path: Path) -> Path:
    """A folder with a bounce of mail 1, a report about nothing of ours, an absence and a question."""
    [key] = queue(bench)
    with writing(bench) as connection:
        connection.execute(update(message).where(message.c.id == key).values(state="sent", next_try_at=None))
    mails = {
        "1.eml": about(reports.POSTFIX, f"<{key}@example.org>"),
        "2.eml": about(reports.EXCHANGE, "<of.others@example.net>"),
        "3.eml": about(reports.OUT_OF_OFFICE),
        "4.eml": about(reports.A_PERSON),
    }
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, raw in mails.items():
        (folder / name).write_bytes(raw)
    return folder


def test_reports_are_taken_in_from_a_folder_and_what_is_none_is_named(
    recert: Callable[..., Any], bench: Workbench, inbox: Path
) -> None:
    ended = recert("mail", "bounces", inbox)
    assert ended.code == 4
    assert ended.out.splitlines()[-1] == (
        "4 read: 1 failed, 1 about no letter of ours, 1 automatic replies, 1 no reports"
    )
    assert ended.err.splitlines() == [
        "no letter of ours: 2.eml: about ada@example.com",
        "no report: 4.eml: no delivery report (RFC 3464), but text/plain",
    ]
    assert [row.state for row in rows(bench, select(message.c.state))] == ["failed"]
    assert recert("mail", "history", "--format", "json").json[-1]["what"] == "bounced"


def test_its_json_is_one_document(recert: Callable[..., Any], inbox: Path) -> None:
    told = recert("mail", "bounces", inbox, "--json", "--dry-run").json
    assert (told["read"], told["automatic"], told["repeated"]) == (4, 1, 0)
    [matched] = told["matched"]
    assert matched == {
        "mail": 1, "to": "l1@example.com", "recipient": "ada@example.com", "action": "failed", "status": "5.1.1",
        "diagnostic": matched["diagnostic"], "state": "failed",
    }  # fmt: skip
    assert told["unknown"] == [{"place": "2.eml", "recipient": "ada@example.com"}]
    assert [one["place"] for one in told["refused"]] == ["4.eml"]
    assert recert("mail", "list", "--json").json[0]["state"] == "sent"


def test_fed_in_again_nothing_changes_and_that_is_said(recert: Callable[..., Any], inbox: Path) -> None:
    recert("mail", "bounces", inbox / "1.eml")
    ended = recert("mail", "bounces", inbox / "1.eml")
    assert (ended.code, ended.out) == (0, "1 read: 1 fed in before\n")


@pytest.mark.parametrize("words", [[], ["/nowhere/at/all"]], ids=["nothing named", "not there"])
def test_what_is_not_there_is_exit_2(recert: Callable[..., Any], bench: Workbench, words: list[str]) -> None:
    assert bench
    ended = recert("mail", "bounces", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.line.startswith("recert: ")


def test_only_an_operator_feeds_in_their_name(at_work: Callable[..., Any], inbox: Path) -> None:
    assert at_work("mail", "bounces", inbox, "--by", "bob@example.org").code == 3
