from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from mail.answers import Answer
from models.words import MessageKind
from tests.tasks.test_outbox import outbox, queue, tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench


@pytest.fixture
def unsure(bench: Workbench) -> list[int]:
    """One mail that waits for a person, one that is sent again by itself, one that was refused."""
    keys = [*queue(bench, kind=MessageKind.DIGEST), *queue(bench, 2)]
    answers = [("uncertain", "lost"), ("uncertain", "lost"), ("failed", "550 =cmd() no such user")]
    for key, (verdict, reply) in zip(keys, answers, strict=True):
        tried(outbox(bench, server="relay:25"), Answer(key, verdict, reply, in_data=True))  # type: ignore[arg-type]
    return keys


def test_uncertain_mail_is_listed_with_what_happens_next(recert: Callable[..., Any], unsure: list[int]) -> None:
    ended = recert("mail", "uncertain")
    assert ended.code == 0
    parked, again = (next(line for line in ended.out.splitlines() if line.startswith(f"{key} ")) for key in unsure[:2])
    assert "waits for a person" in parked
    assert "again at 2026-11-23 09:15 UTC" in again
    assert ended.out.splitlines()[-1] == "2 uncertain, 1 of them wait for a person"
    assert "recert mail resolve ID… --as sent|resend|drop" in ended.line
    rows = recert("mail", "uncertain", "--json").json
    assert [(row["id"], row["next_try_at"]) for row in rows] == [(unsure[0], None), (unsure[1], "2026-11-23T09:15:00Z")]


def test_it_is_resolved_and_the_history_tells_by_whom(
    at_work: Callable[..., Any], recert: Callable[..., Any], unsure: list[int]
) -> None:
    assert at_work
    ended = recert("mail", "resolve", *unsure[:2], "--as", "sent", "--by", "ann@example.org")
    assert (ended.code, ended.out) == (0, "2 mails taken for sent\n")
    last = recert("mail", "history", "--mail", unsure[0], "--format", "json").json[-1]
    assert (last["what"], last["by"], last["number"]) == ("resolved-sent", "ann@example.org", 2)


def test_what_needs_no_decision_is_refused_in_one_line(recert: Callable[..., Any], unsure: list[int]) -> None:
    ended = recert("mail", "resolve", unsure[0], unsure[2], "--as", "sent")
    assert ended.code == 3
    assert f"mail {unsure[2]} is failed: only uncertain mail can be taken for sent; nothing was changed" in ended.line
    assert recert("mail", "resolve", 4711, "--as", "drop").code == 3


@pytest.mark.parametrize(
    "words", [("resolve",), ("resolve", "1"), ("resolve", "1", "--as", "lost"), ("resolve", "--as", "sent")]
)
def test_wrong_usage_is_one_line(recert: Callable[..., Any], unsure: list[int], words: tuple[str, ...]) -> None:
    assert unsure
    ended = recert("mail", *words)
    assert ended.code == 2
    assert ended.line


def test_only_an_operator_may_resolve(
    at_work: Callable[..., Any], recert: Callable[..., Any], unsure: list[int]
) -> None:
    assert at_work
    ended = recert("mail", "resolve", unsure[0], "--as", "sent", "--by", "bob@example.org")
    assert ended.code == 3
    assert "operator" in ended.line


def test_the_history_is_exported_safely(recert: Callable[..., Any], unsure: list[int]) -> None:
    lines = list(csv.DictReader(io.StringIO(recert("mail", "history", "--format", "csv").out)))
    assert [(int(line["mail"]), line["what"], line["server"]) for line in lines] == [
        (unsure[0], "uncertain", "relay:25"),
        (unsure[1], "uncertain", "relay:25"),
        (unsure[2], "failed", "relay:25"),
    ]
    assert [row["mail"] for row in recert("mail", "history", "--mail", unsure[1], "--format", "json").json] == [
        unsure[1]
    ]
    assert "550 =cmd()" in recert("mail", "history").out
