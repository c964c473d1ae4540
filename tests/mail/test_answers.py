from __future__ import annotations

import pytest

from mail.answers import Judgement, Stage, judge, reply_line

pytestmark = pytest.mark.disable_socket


@pytest.mark.parametrize(
    ("stage", "code", "meaning"),
    [
        pytest.param("content", 250, Judgement("sent"), id="taken"),
        pytest.param("content", 251, Judgement("sent"), id="taken with another 2xx"),
        pytest.param("mail", 451, Judgement("deferred", of_server=True), id="sender put off"),
        pytest.param("rcpt", 450, Judgement("deferred"), id="greylisted"),
        pytest.param("rcpt", 452, Judgement("deferred", of_server=True), id="no room for anybody"),
        pytest.param("rcpt", 552, Judgement("deferred"), id="a mailbox that is full may be emptied"),
        pytest.param("data", 452, Judgement("deferred", of_server=True), id="no room yet"),
        pytest.param("content", 451, Judgement("deferred", of_server=True), id="put off after the content"),
        pytest.param("rcpt", 550, Judgement("failed"), id="no such user"),
        pytest.param("mail", 554, Judgement("untried", stops=True, of_server=True), id="sender refused"),
        pytest.param("mail", 552, Judgement("deferred", stops=True, of_server=True), id="this letter is too large"),
        pytest.param("data", 554, Judgement("deferred", stops=True, of_server=True), id="DATA refused"),
        pytest.param("content", 554, Judgement("deferred", stops=True, of_server=True), id="content refused"),
        pytest.param("mail", 421, Judgement("untried", stops=True), id="closing at MAIL"),
        pytest.param("rcpt", 421, Judgement("untried", stops=True), id="closing at RCPT"),
        pytest.param("content", 421, Judgement("untried", stops=True), id="closing after the content"),
        pytest.param("rcpt", 530, Judgement("untried", stops=True), id="login required: not the learner's fault"),
        pytest.param("content", -1, Judgement("uncertain"), id="garbage after the content"),
        pytest.param("content", 354, Judgement("uncertain"), id="nonsense after the content"),
        pytest.param("rcpt", 354, Judgement("untried"), id="nonsense before the content"),
    ],
)
def test_each_reply_has_one_meaning(stage: Stage, code: int, meaning: Judgement) -> None:
    assert judge(stage, code) == meaning


def test_a_refusal_after_the_content_never_fails_a_learner() -> None:
    assert all(judge("content", code).verdict != "failed" for code in range(-1, 700))


def test_a_reply_is_one_readable_line_that_begins_with_its_code() -> None:
    assert reply_line(550, "5.1.1 no\r\nsuch\x00 user ") == "550 5.1.1 no such user"
    assert len(reply_line(550, "x" * 9000)) == 300
