"""Whose answer it is: by the one-time code that was mailed to them, or by their signed-in session of the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from models import codes, reviews, sessions
from models.errors import Refused
from models.ledger import Rollout
from models.people import User, approvers_besides
from models.reviews import WRONG_CODES_ALLOWED, Gate
from models.words import Channel, Decision
from tasks.workbench import Workbench


class AnswerRefused(Refused):
    """The answer does not hold; nothing was changed."""


class StaleList(AnswerRefused):
    """The list is not the one this page showed any more. Nothing was approved: look at it again, then answer."""


class Shown(NamedTuple):
    """Which list a page showed: of which review, and its digest as it stood then."""

    review_id: int
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an approver says.

    Attributes:
        approver: e-mail address of who answers.
        code: the one-time code that was mailed to them; not in the console.
        decision: approve or reject; None where a form was filled in with neither.
        exclude: addresses or employee ids to take out of the list; only with approve.
        comment: kept with the answer.
        again: with reject: withdraw the list and propose afresh, instead of ending the rollout.
        session: the token of their session, in the console; it stands for the code.
        shown: in the console, the list they saw.
    """

    approver: str
    code: str
    decision: Decision | None
    exclude: Sequence[str] = field(default_factory=tuple)
    comment: str = ""
    again: bool = False
    session: str = field(default="", repr=False)
    shown: Shown | None = None


def prove(
    connection: Connection,
    bench: Workbench,
    rollout: Rollout,
    gate: Gate,
    approver: User,
    answer: Answer,
    door: Channel,
) -> None:
    """Check that it is *approver* who answers, and that they saw this very list.

    Raises:
        AnswerRefused: one line that says why not.
        StaleList: they saw another one.
    """
    if door is Channel.CONSOLE:
        _by_session(connection, bench, gate, approver, answer)
    else:
        _by_code(connection, bench, rollout, gate, approver, answer)


def _by_session(connection: Connection, bench: Workbench, gate: Gate, approver: User, answer: Answer) -> None:
    """A code is bound to a list by the way it is made; a session is not, so the page says which list it showed."""
    session = sessions.find(connection, answer.session, bench.now())
    if session is None or session.user.id != approver.id:
        raise AnswerRefused(f"{approver.email} is not signed in any more; sign in and look at the list again")
    if answer.shown != Shown(gate.id, gate.digest_now):
        raise StaleList


def _by_code(
    connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, approver: User, answer: Answer
) -> None:
    asked = reviews.issue_of(connection, gate.id, approver.id)
    if asked is None:
        raise AnswerRefused(
            f"{approver.email} has no code for this review; have one mailed: recert rollout remind {rollout.id}"
        )
    issue, wrong = asked
    if wrong >= WRONG_CODES_ALLOWED:
        raise AnswerRefused(
            f"{wrong} wrong codes from {approver.email}: have a new one mailed: recert rollout remind {rollout.id}"
        )
    if not codes.matches(codes.review_code(bench.key, gate.id, gate.digest, approver.id, issue), answer.code):
        raise AnswerRefused(
            f"the code is not the one mailed to {approver.email} for this review; see the newest request"
        )


def owner_of_code(connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, code: str) -> User | None:
    """Whose good code this is, if it is anybody's."""
    for user in approvers_besides(connection, rollout.requested_by):
        asked = reviews.issue_of(connection, gate.id, user.id)
        if asked and codes.matches(codes.review_code(bench.key, gate.id, gate.digest, user.id, asked[0]), code):
            return user
    return None
