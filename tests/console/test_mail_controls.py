from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from models.words import MessageState
from tests.tasks.test_outbox import outbox, queue
from tests.world import OPERATOR, mails

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench


def test_the_status_says_what_rests_what_waits_and_what_the_settings_are(
    recert: Callable[..., Any], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECERT_MAIL_REDIRECT", "rehearsal@example.com")
    queue(bench, 2)
    recert("mail", "pause", "--by", OPERATOR)
    for name, value in (("quiet_hours", "20:00-07:00"), ("mail_per_hour", "1000"), ("mail_hold_minutes", "10")):
        assert recert("settings", "set", name, value).code == 0
    seen = recert("mail", "status").out.splitlines()
    assert seen[0] == "Mail: 2 queued"
    assert seen[1].startswith(f"Rests: 2 now; all mail was paused by {OPERATOR}, 20")
    assert seen[2].startswith("Waits: 2 for their time, the first 2026-11-23 09:00:00 UTC")
    assert seen[3:] == [
        "Hours: not 20:00-07:00, mon-sun, where the learners live",
        "Pace: at most 1,000 letters an hour",
        "Hold: 10 minutes before notices may leave",
        "Redirected: to rehearsal@example.com (RECERT_MAIL_REDIRECT)",
    ]
    told = recert("mail", "status", "--json").json
    assert (told["mail"], told["rests"][0]["letters"], told["later"]) == ({"queued": 2}, 2, 2)
    assert (told["pace"]["per_hour"], told["hold_minutes"], told["redirect"]) == (1000, 10, "rehearsal@example.com")


def test_mail_is_paused_and_resumed_and_each_is_said_once(recert: Callable[..., Any], at_gate: int) -> None:
    assert recert("mail", "pause").out == "all mail rests\n"
    assert recert("mail", "pause", "--rollout", at_gate).out == f"the mail of rollout {at_gate} rests\n"
    assert recert("mail", "pause").out == "all mail rests, as before\n"
    ended = recert("mail", "resume")
    assert (ended.out, ended.line) == ("all mail may leave\n", f"still paused: rollout {at_gate}")
    assert recert("mail", "resume").out == "all mail may leave, as before\n"
    assert [line.split()[4] for line in recert("audit", "list").out.splitlines() if "-mail" in line] == [
        "pause-mail", "pause-mail", "resume-mail",
    ]  # fmt: skip


def test_only_an_operator_orders_in_their_name(at_work: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    for words in (["pause"], ["resume"], ["cancel", 1]):
        ended = at_work("mail", *words, "--by", "bob@example.org")
        assert (ended.code, ended.out) == (3, "")
        assert "bob@example.org" in ended.line


def test_mail_is_called_off_by_number_all_of_it_or_none(recert: Callable[..., Any], bench: Workbench) -> None:
    first, second, third = queue(bench, 3)
    outbox(bench).claim(1)
    outbox(bench).exchange([], [first])
    ended = recert("mail", "cancel", second, first)
    assert (ended.code, ended.line) == (
        3, f"recert: mail {first} is sending: only unsent mail can be called off; nothing was changed",
    )  # fmt: skip
    assert recert("mail", "cancel", second, third).out == "2 mails called off\n"
    assert [state for _, _, state in mails(bench)] == [MessageState.SENDING, *[MessageState.CANCELLED] * 2]


@pytest.mark.parametrize("words", [[], [1, "--rollout", 1]], ids=["neither", "both"])
def test_mails_or_a_rollout_must_be_named(recert: Callable[..., Any], bench: Workbench, words: list[Any]) -> None:
    assert bench
    ended = recert("mail", "cancel", *words)
    assert ended.code == 2
    assert "recert mail cancel ID… | --rollout ID" in ended.line


def test_a_rollout_that_is_not_there_is_named(recert: Callable[..., Any], bench: Workbench) -> None:
    assert bench
    for command in ("pause", "resume", "cancel"):
        assert "no rollout 99" in recert("mail", command, "--rollout", 99).line
