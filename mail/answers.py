"""What a mail server's reply means for one message and for the delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["sent", "deferred", "failed", "uncertain", "untried"]
Stage = Literal["mail", "rcpt", "data", "content"]

LINE_LIMIT = 300
SERVER_BUSY = 421
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
    """

    key: int
    verdict: Verdict
    reply: str
    in_data: bool = False
    tried: bool = True


class ServerTrouble(Exception):
    """The mail server cannot take mail now. The message is one line: which server, what, the mend."""

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reply's meaning: for the message, and whether the whole delivery stops."""

    verdict: Verdict
    stops: bool = False


def judge(stage: Stage, code: int) -> Judgement:
    """Classify a reply that ends the try of one message.

    Args:
        stage: what was answered: the MAIL, RCPT or DATA command, or the ``content`` sent after DATA's 354.
        code: the SMTP reply code; anything outside 200 to 599 is a reply nobody can read.

    Returns:
        The verdict. A refused sender or content (5xx) is ours or the server's fault and would refuse everybody, so it
        stops the delivery instead of failing one learner after the other; so do 421 and a missing login.
    """
    if code == SERVER_BUSY or code in LOGIN_CODES:
        return Judgement("untried", stops=True)
    family = code // 100
    if family == 4:  # noqa: PLR2004 - SMTP's "try again"
        return Judgement("deferred")
    if family == 5:  # noqa: PLR2004 - SMTP's "never"
        return Judgement("failed") if stage == "rcpt" else Judgement("untried", stops=True)
    if stage == "content":
        return Judgement("sent" if family == 2 else "uncertain")  # noqa: PLR2004 - SMTP's "done"
    return Judgement("untried")


def reply_line(code: int, text: str) -> str:
    """Put a reply on one readable line that begins with its code."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"{code} {words}".rstrip()[:LINE_LIMIT]
