"""What a mail server's reply means for one message and for the delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["sent", "deferred", "failed", "uncertain", "untried"]
Stage = Literal["mail", "rcpt", "data", "content"]

LINE_LIMIT = 300
SERVER_BUSY = 421
MAILBOX_FULL = 552
NO_ROOM = 452
LOGIN_CODES = frozenset({530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message.

    ``sent``: the server took it. ``deferred``: try again later. ``failed``: this address will never take it.
    ``uncertain``: the server may have it; nobody can know. ``untried``: the server never came to it, no strike.

    Attributes:
        key: the parcel's key.
        verdict: one of the five above.
        reply: one line; begins with the server's code where there was one.
        in_data: whether the try reached DATA.
        tried: whether the letter was spoken of with the server at all.
        of_server: whether it was put off for the server's sake or the sender's, and not for its recipient's.
        broken_off: whether the delivery itself was ended, and the server had no chance to answer.
    """

    key: int
    verdict: Verdict
    reply: str
    in_data: bool = False
    tried: bool = True
    of_server: bool = False
    broken_off: bool = False


class ServerTrouble(Exception):
    """The mail server cannot take mail now. The message is one line: which server, what, the mend."""

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reply's meaning: for the message, whether the whole delivery stops, and whether it was about the server."""

    verdict: Verdict
    stops: bool = False
    of_server: bool = False


def judge(stage: Stage, code: int) -> Judgement:
    """Classify a reply that ends the try of one message.

    Args:
        stage: what was answered: the MAIL, RCPT or DATA command, or the ``content`` sent after DATA's 354.
        code: the SMTP reply code; anything outside 200 to 599 is a reply nobody can read.

    Returns:
        The verdict. A refused sender or content (5xx) is ours or the server's fault and would refuse everybody, so it
        stops the delivery instead of failing one learner after the other; so do 421 and a missing login. A letter whose
        content was refused is put off, so that it is not the first again: a poisoned one must not block all others.
        A mailbox that is full (552 at RCPT) may be emptied: RFC 5321 4.5.3.1.10 has it treated as 452.
    """
    if code == SERVER_BUSY or code in LOGIN_CODES:
        return Judgement("untried", stops=True)
    if code == MAILBOX_FULL and stage == "rcpt":
        return Judgement("deferred")
    family = code // 100
    if family == 4:  # noqa: PLR2004 - SMTP's "try again"
        return Judgement("deferred", of_server=stage != "rcpt" or code == NO_ROOM)
    if family == 5:  # noqa: PLR2004 - SMTP's "never"
        return _never(stage, code)
    if stage == "content":
        return Judgement("sent" if family == 2 else "uncertain")  # noqa: PLR2004 - SMTP's "done"
    return Judgement("untried")


def _never(stage: Stage, code: int) -> Judgement:
    if stage == "rcpt":
        return Judgement("failed")
    of_this_letter = stage in {"data", "content"} or code == MAILBOX_FULL  # at MAIL 552 speaks of the letter's size
    return Judgement("deferred" if of_this_letter else "untried", stops=True, of_server=True)


def reply_line(code: int, text: str) -> str:
    """Put a reply on one readable line that begins with its code."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"{code} {words}".rstrip()[:LINE_LIMIT]
