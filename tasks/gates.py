"""Opening a gate, asking its approvers, and closing it when nobody answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, and_, func, insert, select

from models import audit, ledger, reviews
from models.ledger import Rollout, StepRecord
from models.outbox import USER_PREFIX, message_id, occasion_token
from models.people import User, approvers_besides, find_user
from models.plan import RolloutPlan
from models.post_history import cancel
from models.tables import message, proposal, review, rollout_step
from models.words import MessageKind, MessageState, RolloutState, StepSlug, StepState
from tasks import ending
from tasks.workbench import Workbench


def open_gate(connection: Connection, bench: Workbench, rollout: Rollout, record: StepRecord) -> int:
    """Open the review of a step's proposal and queue a request to each approver but the requester."""
    assert record.proposal is not None  # noqa: S101 - only proposals are reviewed
    at = bench.now()
    review_id = reviews.open_gate(
        connection, record.proposal.id, record.proposal.digest, last_day(bench.today(), rollout.plan, record), at
    )
    for approver in approvers_besides(connection, rollout.requested_by):
        issue = reviews.ask(connection, review_id, approver.id)
        request(connection, bench, rollout, review_id, approver, issue)
    ledger.set_step_state(connection, record.id, StepState.IN_REVIEW)
    ledger.set_state(connection, rollout.id, RolloutState.IN_REVIEW)
    audit.record(
        connection,
        at=at,
        actor=f"rollout {rollout.id}",
        act="open-review",
        subject=f"rollout {rollout.id} {record.slug}",
        detail={"digest": record.proposal.digest, "counts": dict(record.proposal.counts)},
    )
    return review_id


def last_day(today: date, plan: RolloutPlan, record: StepRecord) -> date:
    """The last day to answer: as planned, and never after the list's own days stop making sense."""
    assert record.proposal is not None  # noqa: S101 - only proposals are reviewed
    planned = today + timedelta(days=plan.reviews.expires_in_days)
    sensible = {
        StepSlug.RENOTIFY_INCOMPLETE: plan.incomplete.new_due_on - timedelta(days=1),
        StepSlug.SET_RECERTIFICATION_DATES: plan.recertify_on,
        StepSlug.RECERTIFY_DUE: record.proposal.proposed_on + timedelta(days=plan.due_in_days - 1),
        StepSlug.RECERTIFY: record.proposal.proposed_on + timedelta(days=plan.due_in_days - 1),
        StepSlug.DUE_DATE: plan.incomplete.new_due_on - timedelta(days=1),
    }.get(record.slug, planned)
    return max(today, min(planned, sensible))


def request(
    connection: Connection, bench: Workbench, rollout: Rollout, review_id: int, approver: User, issue: int
) -> None:
    """Queue a request for review; asked for again with the same issue number it carries the same code."""
    named = f"review:{review_id}:{issue}"
    again = connection.execute(
        select(func.count()).where(
            message.c.recipient == f"{USER_PREFIX}{approver.id}", message.c.occasion.like(f"{named}%")
        )
    ).scalar_one()
    if again:
        named = f"{named}:{again}"
    context = {"rollout": rollout.id, "user": approver.id, "review": review_id, "issue": issue}
    queue_to_user(connection, bench, MessageKind.REVIEW_REQUEST, approver, named, rollout.id, context)


def queue_to_user(
    connection: Connection,
    bench: Workbench,
    kind: MessageKind,
    user: User,
    named: str,
    rollout_id: int | None,
    context: Mapping[str, object],
) -> None:
    """Queue one mail to a user; what it says is read from the ledger when it leaves."""
    at = bench.now()
    domain = bench.settings.mail_from.rpartition("@")[2].rstrip(">")
    connection.execute(
        insert(message).values(
            kind=kind.value,
            occasion=named,
            recipient=f"{USER_PREFIX}{user.id}",
            to_address=user.email,
            rollout_id=rollout_id,
            context=dict(context),
            state=MessageState.QUEUED.value,
            message_id=message_id(kind, user.id, occasion_token(bench.key, named), domain),
            created_at=at,
            next_try_at=at,
        )
    )


def close_gate(connection: Connection, review_id: int, outcome: str, at: datetime) -> None:
    """Close a gate and call back its requests that have not left."""
    reviews.close(connection, review_id, outcome, at)
    unsent = [MessageState.QUEUED.value, MessageState.DEFERRED.value]
    requests = and_(
        message.c.kind == MessageKind.REVIEW_REQUEST.value,
        message.c.occasion.like(f"review:{review_id}:%"),
        message.c.state.in_(unsent),
    )
    cancel(connection, requests, at=at, by="recert", reply=f"the review was {outcome}")


def expire_gates(bench: Workbench) -> list[int]:
    """End every rollout whose gate nobody answered by its last day; tell its requester; return their ids."""
    with bench.database.read() as connection:
        late = connection.execute(
            select(review.c.id, rollout_step.c.rollout_id, rollout_step.c.slug)
            .join_from(review, proposal, proposal.c.id == review.c.proposal_id)
            .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
            .where(review.c.closed_at.is_(None), review.c.last_on < bench.today())
        ).all()
    expired = []
    for row in late:
        with bench.database.write() as connection:
            if _expire(connection, bench, row.rollout_id, row.id, StepSlug(row.slug)):
                expired.append(row.rollout_id)
    return expired


def _expire(connection: Connection, bench: Workbench, rollout_id: int, review_id: int, slug: StepSlug) -> bool:
    at = bench.now()
    rollout = ledger.load(connection, rollout_id, lock=True)
    gate = reviews.open_gate_of(connection, rollout_id)
    if gate is None or gate.id != review_id or not rollout.is_alive:
        return False
    close_gate(connection, review_id, "expired", at)
    ending.end(connection, bench, rollout_id, RolloutState.EXPIRED, "upkeep", f"nobody answered the review of {slug}")
    requester = find_user(connection, rollout.requested_by)
    if requester is not None:
        context = {"rollout": rollout_id, "user": requester.id, "step": slug.value}
        queue_to_user(
            connection, bench, MessageKind.GATE_EXPIRED, requester, f"expired:{review_id}", rollout_id, context
        )
    audit.record(
        connection,
        at=at,
        actor="upkeep",
        act="expire-review",
        subject=f"rollout {rollout_id} {slug}",
        detail={"last_on": str(gate.last_on)},
    )
    return True
