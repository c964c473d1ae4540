from __future__ import annotations

import pytest

from mail.answers import Judgement, Stage, judge, reply_line

pytestmark = pytest.mark.disable_socket


@pytest.mark.parametrize(
    ("stage", "code", "verdict", "stops"),
    [
        pytest.param("content", 250, "sent", False, id="taken"),
        pytest.param("content", 251, "sent", False, id="taken with another 2xx"),
        pytest.param("mail", 451, "deferred", False, id="sender put off"),
        pytest.param("rcpt", 450, "deferred", False, id="greylisted"),
        pytest.param("data", 452, "deferred", False, id="no room yet"),
        pytest.param("content", 451, "deferred", False, id="put off after the content"),
        pytest.param("rcpt", 550, "failed", False, id="no such user"),
        pytest.param("mail", 554, "untried", True, id="sender refused"),
        pytest.param("data", 554, "untried", True, id="DATA refused"),
        pytest.param("content", 554, "untried", True, id="content refused"),
        pytest.param("mail", 421, "untried", True, id="closing at MAIL"),
        pytest.param("rcpt", 421, "untried", True, id="closing at RCPT"),
        pytest.param("content", 421, "untried", True, id="closing after the content"),
        pytest.param("rcpt", 530, "untried", True, id="login required at RCPT is not the learner's fault"),
        pytest.param("content", -1, "uncertain", False, id="garbage after the content"),
        pytest.param("content", 354, "uncertain", False, id="nonsense after the content"),
        pytest.param("rcpt", 354, "untried", False, id="nonsense before the content"),
    ],
)
def test_each_reply_has_one_meaning(stage: Stage, code: int, verdict: str, stops: bool) -> None:
    assert judge(stage, code) == Judgement(verdict, stops)  # type: ignore[arg-type]


def test_a_refusal_after_the_content_never_fails_a_learner() -> None:
    assert all(judge("content", code).verdict != "failed" for code in range(-1, 700))


def test_a_reply_is_one_readable_line_that_begins_with_its_code() -> None:
    assert reply_line(550, "5.1.1 no\r\nsuch\x00 user ") == "550 5.1.1 no such user"
    assert len(reply_line(550, "x" * 9000)) == 300
