"""A rollout at a glance: what the dashboard, `rollout show` and the closing report tell, from one reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, cast, func, literal, select

from models import ledger, reviews
from models.ledger import Rollout, StepRecord
from models.outbox import USER_PREFIX
from models.reviews import Gate, Given
from models.tables import app_user, message, review_request
from models.words import MessageKind, MessageState, RolloutState, StepSlug, StepState
from tasks.checklist import STEPS
from tasks.wording import in_words


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything a person wants to know of one rollout.

    Attributes:
        rollout, steps: as the ledger has them.
        answers: every answer, by proposal.
        gate: the open review, if any.
        asked: who was asked at the open gate, with the state of their newest request mail.
        mail: state → number of the rollout's mails to learners and users.
        next: what happens next, when, and who must act: one sentence.
    """

    rollout: Rollout
    steps: dict[StepSlug, StepRecord]
    answers: dict[int, list[Given]]
    gate: Gate | None
    asked: list[tuple[str, str]]
    mail: dict[str, int]
    next: str

    def given(self, record: StepRecord) -> list[Given]:
        """The answers to this step's current proposal."""
        return self.answers.get(record.proposal.id, []) if record.proposal else []


def overview(connection: Connection, rollout_id: int) -> Overview:
    """Read one rollout.

    Raises:
        UnknownRollout: there is none with this id.
    """
    rollout = ledger.load(connection, rollout_id)
    steps = ledger.steps(connection, rollout_id)
    proposals = [record.proposal.id for record in steps.values() if record.proposal]
    gate = reviews.open_gate_of(connection, rollout_id)
    asked, mail = _asked(connection, gate), mail_by_state(connection, rollout_id)
    return Overview(
        rollout,
        steps,
        reviews.answers(connection, proposals),
        gate,
        asked,
        mail,
        _next(rollout, steps, gate, asked) if rollout.is_alive else _after_the_end(rollout, mail.get("held", 0)),
    )


def mail_by_state(
    connection: Connection, rollout_id: int | None = None, *, to_learners: bool = False
) -> dict[str, int]:
    """State → number of mails, of one rollout or of all, perhaps only those to learners; in the vocabulary's order."""
    query = select(message.c.state, func.count()).group_by(message.c.state)
    if to_learners:
        query = query.where(message.c.learner_id.is_not(None))
    if rollout_id is not None:
        query = query.where(message.c.rollout_id == rollout_id)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {state.value: found[state.value] for state in MessageState if state.value in found}


def _asked(connection: Connection, gate: Gate | None) -> list[tuple[str, str]]:
    if gate is None:
        return []
    newest = (
        select(message.c.state)
        .where(
            message.c.kind == MessageKind.REVIEW_REQUEST.value,
            message.c.recipient == literal(USER_PREFIX) + cast(app_user.c.id, String),
            message.c.occasion.like(f"review:{gate.id}:%"),
        )
        .order_by(message.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(app_user.c.email, newest)
        .join(review_request, review_request.c.approver_id == app_user.c.id)
        .where(review_request.c.review_id == gate.id)
        .order_by(app_user.c.id)
    )
    return [(row[0], row[1] or "none") for row in rows]


def _next(rollout: Rollout, steps: dict[StepSlug, StepRecord], gate: Gate | None, asked: list[tuple[str, str]]) -> str:
    """What happens next, when, and who must act."""
    if rollout.confirmed_at is None:
        how = "it where it was ordered" if rollout.action else "the start with the code that was mailed"
        return f"{rollout.requested_by} must confirm {how}"
    current = next((record for record in steps.values() if not record.is_done), None)
    if current is None:
        return "it is about to close"
    title = STEPS[current.slug].title
    if gate is not None:
        people = " or ".join(who for who, _ in asked) or "an approver"
        return f"{people} must answer the review of “{title}” by {in_words(gate.last_on)}"
    if current.state is StepState.WAITING or rollout.state is RolloutState.WAITING:
        return _while_waiting(current, title)
    return f"“{title}” is under way"


def _while_waiting(current: StepRecord, title: str) -> str:
    if current.proposal is not None:
        return f"“{title}” waits until each mail was tried; upkeep sends what may leave (see: recert mail status)"
    return f"“{title}” opens on {in_words(current.opens_on)}; nobody must act before"


def _after_the_end(rollout: Rollout, held: int) -> str:
    """Where it stopped between assigning and telling, its learners wait to be told."""
    if not rollout.is_resumable:
        return "nothing: it has ended"
    told = f"; {held:,} of its notices wait for that, or leave once it is cancelled" if held else ""
    return f"nothing, unless an operator lets it go on{told}; see: recert rollout resume {rollout.id} --as EMAIL"


def step_json(record: StepRecord, given: list[Given]) -> dict[str, Any]:
    """One step in the shape of the interface; days and instants are left to whoever writes them."""
    proposal = record.proposal
    return {
        "step": record.slug.value,
        "state": record.state.value,
        "opens_on": record.opens_on,
        "digest": proposal.digest if proposal else None,
        "counts": dict(proposal.counts) if proposal else {},
        "proposed_at": proposal.proposed_at if proposal else None,
        "applied_at": record.applied_at,
        "reviews": [
            {
                "approver": answer.approver,
                "decision": answer.decision.value,
                "at": answer.at,
                "comment": answer.comment,
                "channel": answer.channel,
            }
            for answer in given
        ],
    }
