"""Gates: who was asked, who answered what, and which answers hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from models.addresses import address_key
from models.post_history import cancel
from models.tables import app_user, approval, message, proposal, review, review_request, rollout_step
from models.words import Decision, MessageKind, MessageState, Role, StepSlug

WRONG_CODES_ALLOWED = 5


@dataclass(frozen=True, slots=True)
class Gate:
    """An open review.

    Attributes:
        id: of the review.
        rollout_id, step_id, slug, proposal_id: what it is about.
        digest: of the list as it was proposed; the codes are derived from it.
        digest_now: of the list as it stands, exclusions counted.
        last_on: the last day to answer, open through it.
        false_answers: how many came through Prefect's form; each lets the next opening wait longer.
    """

    id: int
    rollout_id: int
    step_id: int
    slug: StepSlug
    proposal_id: int
    digest: str
    digest_now: str
    opened_at: datetime
    last_on: date
    false_answers: int


@dataclass(frozen=True, slots=True)
class Given:
    """One recorded answer, as it is shown."""

    approver: str
    decision: Decision
    again: bool
    at: datetime
    comment: str
    channel: str
    excluded: int
    void: bool


def open_gate(connection: Connection, proposal_id: int, digest: str, last_on: date, at: datetime) -> int:
    """Open a review of a proposal; return its id. Requests to approvers are ``ask``'s."""
    made = connection.execute(
        insert(review).values(proposal_id=proposal_id, digest=digest, opened_at=at, last_on=last_on)
    )
    return int(made.inserted_primary_key[0])  # type: ignore[index]  # a table with one key always has it


def open_gate_of(connection: Connection, rollout_id: int) -> Gate | None:
    """The rollout's open review, or None."""
    row = connection.execute(
        select(
            review.c.id,
            rollout_step.c.rollout_id,
            rollout_step.c.id.label("step_id"),
            rollout_step.c.slug,
            review.c.proposal_id,
            review.c.digest,
            proposal.c.digest.label("digest_now"),
            review.c.opened_at,
            review.c.last_on,
            review.c.false_answers,
        )
        .join_from(review, proposal, proposal.c.id == review.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(rollout_step.c.rollout_id == rollout_id, review.c.closed_at.is_(None))
    ).first()
    if row is None:
        return None
    values = {**row._mapping, "slug": StepSlug(row.slug)}  # noqa: SLF001 - SQLAlchemy's public name for it
    return Gate(**{str(key): value for key, value in values.items()})


def issue_of(connection: Connection, review_id: int, approver_id: int) -> tuple[int, int] | None:
    """(issue number of the good code, wrong codes so far) of one approver at one gate; None if never asked."""
    row = connection.execute(
        select(review_request.c.issue, review_request.c.wrong_codes).where(
            review_request.c.review_id == review_id, review_request.c.approver_id == approver_id
        )
    ).first()
    return (row.issue, row.wrong_codes) if row else None


def ask(connection: Connection, review_id: int, approver_id: int) -> int:
    """Note that this approver is asked; return the issue number of their code."""
    known = issue_of(connection, review_id, approver_id)
    if known is not None:
        return known[0]
    connection.execute(insert(review_request).values(review_id=review_id, approver_id=approver_id))
    return 1


def burn(connection: Connection, review_id: int, approver_id: int) -> int:
    """Make this approver's present code worthless; return the number of the next one."""
    mine = _request(review_id, approver_id)
    connection.execute(update(review_request).where(mine).values(issue=review_request.c.issue + 1, wrong_codes=0))
    return int(connection.execute(select(review_request.c.issue).where(mine)).scalar_one())


def count_wrong_code(connection: Connection, review_id: int, approver_id: int) -> int:
    """Count a wrong code against this approver at this gate; return how many there are now."""
    mine = _request(review_id, approver_id)
    connection.execute(update(review_request).where(mine).values(wrong_codes=review_request.c.wrong_codes + 1))
    return connection.execute(select(review_request.c.wrong_codes).where(mine)).scalar() or 0


def count_false_answer(connection: Connection, review_id: int) -> None:
    """Count an answer through Prefect's form that did not hold."""
    connection.execute(update(review).where(review.c.id == review_id).values(false_answers=review.c.false_answers + 1))


def _request(review_id: int, approver_id: int) -> ColumnElement[bool]:
    return and_(review_request.c.review_id == review_id, review_request.c.approver_id == approver_id)


def record(
    connection: Connection,
    gate: Gate,
    approver_id: int,
    decision: Decision,
    *,
    digest_approved: str,
    channel: str,
    at: datetime,
    again: bool = False,
    exclusions: Sequence[int] = (),
    comment: str = "",
) -> None:
    """Write an answer down. Whether it may be given was checked before, and is checked again before it takes effect."""
    connection.execute(
        insert(approval).values(
            review_id=gate.id,
            approver_id=approver_id,
            decision=decision.value,
            again=again,
            digest_proposed=gate.digest,
            digest_approved=digest_approved,
            exclusions=list(exclusions),
            comment=comment,
            channel=channel,
            answered_at=at,
        )
    )


def standing_approvals(connection: Connection, proposal_id: int, digest: str, requested_by: str) -> list[int]:
    """Ids of the approvals of exactly this list that hold now: given by enabled approvers who did not ask for it."""
    rows = connection.execute(
        select(approval.c.id, approval.c.approver_id, app_user.c.roles)
        .join_from(approval, review, review.c.id == approval.c.review_id)
        .join(app_user, app_user.c.id == approval.c.approver_id)
        .where(
            review.c.proposal_id == proposal_id,
            approval.c.decision == Decision.APPROVE.value,
            approval.c.digest_approved == digest,
            approval.c.void_at.is_(None),
            app_user.c.disabled_at.is_(None),
            app_user.c.email_key != address_key(requested_by),
        )
    )
    by_person = {row.approver_id: row.id for row in rows if Role.APPROVER in row.roles}
    return list(by_person.values())


def consume(connection: Connection, approvals: Sequence[int], at: datetime) -> int:
    """Use approvals up, in the transaction that applies the first chunk; return how many were not void by now."""
    good = and_(approval.c.id.in_(approvals), approval.c.void_at.is_(None))
    return connection.execute(update(approval).where(good).values(consumed_at=at)).rowcount


def is_consumed(connection: Connection, proposal_id: int) -> bool:
    """Whether an approval of this proposal has taken effect already."""
    used = (
        select(func.count())
        .select_from(approval.join(review, review.c.id == approval.c.review_id))
        .where(review.c.proposal_id == proposal_id, approval.c.consumed_at.is_not(None))
    )
    return connection.execute(used).scalar_one() > 0


def void_others(connection: Connection, review_id: int, at: datetime) -> int:
    """An exclusion makes another list: void the approvals this gate has so far; return how many."""
    unused = and_(approval.c.review_id == review_id, approval.c.void_at.is_(None), approval.c.consumed_at.is_(None))
    return connection.execute(update(approval).where(unused).values(void_at=at)).rowcount


def void_answers(connection: Connection, user_id: int, at: datetime) -> None:
    """A user lost the role or was disabled: their codes and their unapplied answers die with it."""
    mine = and_(approval.c.approver_id == user_id, approval.c.void_at.is_(None), approval.c.consumed_at.is_(None))
    connection.execute(update(approval).where(mine).values(void_at=at))
    connection.execute(
        update(review_request)
        .where(review_request.c.approver_id == user_id)
        .values(issue=review_request.c.issue + 1, wrong_codes=0)
    )
    requests = and_(
        message.c.recipient == f"user:{user_id}",
        message.c.kind == MessageKind.REVIEW_REQUEST.value,
        message.c.state.in_([MessageState.QUEUED.value, MessageState.DEFERRED.value]),
    )
    cancel(connection, requests, at=at, by="recert", reply="its reader may no longer approve")


def close(connection: Connection, review_id: int, outcome: str, at: datetime) -> None:
    """Close a gate."""
    connection.execute(update(review).where(review.c.id == review_id).values(closed_at=at, outcome=outcome))


def answers(connection: Connection, proposal_ids: Sequence[int]) -> dict[int, list[Given]]:
    """Every answer to the reviews of these proposals, oldest first, by proposal."""
    rows: Any = connection.execute(
        select(approval, review.c.proposal_id, app_user.c.email)
        .join_from(approval, review, review.c.id == approval.c.review_id)
        .join(app_user, app_user.c.id == approval.c.approver_id)
        .where(review.c.proposal_id.in_(proposal_ids))
        .order_by(approval.c.id)
    )
    found: dict[int, list[Given]] = {}
    for row in rows:
        given = Given(
            row.email,
            Decision(row.decision),
            row.again,
            row.answered_at,
            row.comment,
            row.channel,
            len(row.exclusions),
            row.void_at is not None,
        )
        found.setdefault(row.proposal_id, []).append(given)
    return found
