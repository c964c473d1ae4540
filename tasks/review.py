"""The second beat: an approver's answer, checked the same way whichever door it comes through."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from models import audit, ledger, reviews, roles
from models.addresses import address_key
from models.errors import GateClosed, RecertError, WrongInput
from models.ledger import Rollout
from models.people import User, approvers_besides, find_user
from models.reviews import WRONG_CODES_ALLOWED, Gate
from models.tables import approval, proposal
from models.words import Channel, Decision, Role, StepState
from tasks.exclusions import fingerprint_anew, take_out
from tasks.gates import close_gate, request
from tasks.proof import Answer, AnswerRefused, owner_of_code, prove
from tasks.workbench import Workbench

__all__ = ["Answer", "AnswerRefused", "Verdict", "give_answer", "remind", "withdraw"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer led to: ``approved``, ``counted`` (more approvals are needed), ``rejected``, ``withdrawn``."""

    result: str
    step: str
    approvals: int
    required: int
    digest: str
    excluded: int


def give_answer(bench: Workbench, rollout_id: int, answer: Answer, channel: Channel, step: str = "") -> Verdict:
    """Record an answer to the rollout's open gate, or refuse it.

    What is refused changes nothing but the audit and, where it must, the codes.

    Raises:
        GateClosed: no review is open, or *step* is not the one that is.
        AnswerRefused: the person may not answer, the code is not theirs or is used up, or they have answered.
        StaleList: in the console: the list is another one than they saw.
        WrongInput: a name to exclude is not on the list.
    """
    refusal: RecertError
    try:
        with bench.database.write() as connection:
            return _answer(connection, bench, rollout_id, answer, channel, step)
    except (AnswerRefused, WrongInput) as error:
        refusal = error
    with bench.database.write() as connection:
        _note_refusal(connection, bench, rollout_id, answer, channel, refusal)
    raise refusal


def _answer(
    connection: Connection, bench: Workbench, rollout_id: int, answer: Answer, channel: Channel, step: str
) -> Verdict:
    rollout = ledger.load(connection, rollout_id, lock=True)
    gate = reviews.open_gate_of(connection, rollout_id)
    if gate is None or not rollout.is_alive:
        raise GateClosed(f"rollout {rollout_id}: no review is open; see: recert rollout show {rollout_id}")
    if step and step != gate.slug:
        raise GateClosed(f"rollout {rollout_id}: the open review is {gate.slug}, not {step}")
    if not roles.may_approve(connection):
        raise AnswerRefused(
            f"this database login may not record answers; answer where the console's does: recert rollout show {rollout_id}"
        )
    if answer.decision is None:
        raise WrongInput("the decision must be approve or reject")
    approver = _permitted(connection, bench, rollout, gate, answer, channel)
    if answer.decision is Decision.REJECT:
        return _reject(connection, bench, rollout, gate, approver, answer, channel)
    return _approve(connection, bench, rollout, gate, approver, answer, channel)


def _permitted(
    connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, answer: Answer, channel: Channel
) -> User:
    """Return who answers, if they may and it is they.

    Raises:
        AnswerRefused: one line that says why not.
    """
    approver = find_user(connection, answer.approver, lock=True)  # or they could lose the role behind this answer
    if approver is None or not approver.may(Role.APPROVER):
        raise AnswerRefused(f"{answer.approver} is no enabled approver; an admin gives the role with: recert users set")
    if address_key(approver.email) == address_key(rollout.requested_by):
        raise AnswerRefused(
            f"{approver.email} asked for this rollout and cannot approve it: another approver must answer"
        )
    if bench.today() > gate.last_on:
        raise AnswerRefused(
            f"the review ended on {gate.last_on}: recert rollout resume {rollout.id} --as EMAIL opens it afresh"
        )
    prove(connection, bench, rollout, gate, approver, answer, channel)
    if approver.id in _answered(connection, gate):
        raise AnswerRefused(f"{approver.email} has answered this review already; the first answer stands")
    return approver


def _answered(connection: Connection, gate: Gate) -> set[int]:
    standing = approval.c
    rows = connection.scalars(
        select(standing.approver_id).where(standing.review_id == gate.id, standing.void_at.is_(None))
    )
    return set(rows)


def _reject(
    connection: Connection,
    bench: Workbench,
    rollout: Rollout,
    gate: Gate,
    approver: User,
    answer: Answer,
    channel: Channel,
) -> Verdict:
    at = bench.now()
    if answer.exclude:
        raise WrongInput("--exclude goes with an approval; a rejected list is not changed")
    reviews.record(
        connection, gate, approver.id, Decision.REJECT, digest_approved=gate.digest_now, channel=channel.value, at=at,
        again=answer.again, comment=answer.comment,
    )  # fmt: skip
    result = "withdrawn" if answer.again else "rejected"
    close_gate(connection, gate.id, result, at)
    if answer.again:
        withdraw(connection, gate.step_id, gate.proposal_id, bench)
    else:
        ledger.set_step_state(connection, gate.step_id, StepState.REJECTED)
    _audit(connection, bench, gate, approver.email, result, answer, channel)
    return Verdict(result, gate.slug.value, 0, rollout.plan.reviews.approvals_required, gate.digest_now, 0)


def withdraw(connection: Connection, step_id: int, proposal_id: int, bench: Workbench) -> None:
    """Set a proposal aside, keeping its lines: the next one is made from the facts of its day."""
    connection.execute(update(proposal).where(proposal.c.id == proposal_id).values(withdrawn_at=bench.now()))
    ledger.set_step_state(connection, step_id, StepState.PENDING)


def _approve(
    connection: Connection,
    bench: Workbench,
    rollout: Rollout,
    gate: Gate,
    approver: User,
    answer: Answer,
    channel: Channel,
) -> Verdict:
    at, needed = bench.now(), rollout.plan.reviews.approvals_required
    excluded = take_out(connection, bench, rollout, gate, approver, answer.exclude)
    digest = gate.digest_now
    if excluded:
        digest = fingerprint_anew(connection, rollout, gate)
        reviews.void_others(connection, gate.id, at)
    reviews.record(
        connection, gate, approver.id, Decision.APPROVE, digest_approved=digest, channel=channel.value, at=at,
        exclusions=excluded, comment=answer.comment,
    )  # fmt: skip
    holding = len(reviews.standing_approvals(connection, gate.proposal_id, digest, rollout.requested_by))
    if holding >= needed:
        close_gate(connection, gate.id, "approved", at)
        ledger.set_step_state(connection, gate.step_id, StepState.APPROVED)
    elif excluded:
        _ask_others_anew(connection, bench, rollout, gate, approver)
    result = "approved" if holding >= needed else "counted"
    _audit(connection, bench, gate, approver.email, result, answer, channel, digest=digest)
    return Verdict(result, gate.slug.value, holding, needed, digest, len(excluded))


def _ask_others_anew(connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, approver: User) -> None:
    for other in approvers_besides(connection, rollout.requested_by):
        if other.id != approver.id:
            reviews.ask(connection, gate.id, other.id)
            request(connection, bench, rollout, gate.id, other, reviews.burn(connection, gate.id, other.id))


def remind(bench: Workbench, rollout_id: int, *, actor: str = "shell") -> list[str]:
    """Mail the open review's requests again; who used up their tries gets a new code. Return the addresses.

    Raises:
        GateClosed: no review is open.
    """
    with bench.database.write() as connection:
        rollout = ledger.load(connection, rollout_id, lock=True)
        gate = reviews.open_gate_of(connection, rollout_id)
        if gate is None or not rollout.is_alive:
            raise GateClosed(f"rollout {rollout_id}: no review is open, so there is nobody to remind")
        asked = []
        for approver in approvers_besides(connection, rollout.requested_by):
            issue = reviews.ask(connection, gate.id, approver.id)
            known = reviews.issue_of(connection, gate.id, approver.id)
            if known is not None and known[1] >= WRONG_CODES_ALLOWED:
                issue = reviews.burn(connection, gate.id, approver.id)
            request(connection, bench, rollout, gate.id, approver, issue)
            asked.append(approver.email)
        subject = f"rollout {rollout_id} {gate.slug}"
        audit.record(
            connection, at=bench.now(), actor=actor, act="remind", subject=subject, detail={"asked": len(asked)}
        )
        return asked


def _note_refusal(
    connection: Connection, bench: Workbench, rollout_id: int, answer: Answer, channel: Channel, refusal: RecertError
) -> None:
    """Write a refused answer into the audit; count a wrong code; burn a right one that was in the wrong hands."""
    rollout = ledger.load(connection, rollout_id, lock=True)
    gate = reviews.open_gate_of(connection, rollout_id)
    if gate is None:
        return
    if channel is not Channel.CONSOLE:
        _account_for_code(connection, bench, rollout, gate, answer, channel)
    _audit(connection, bench, gate, answer.approver, "refused", answer, channel, reason=str(refusal))


def _account_for_code(
    connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, answer: Answer, channel: Channel
) -> None:
    person = find_user(connection, answer.approver)
    owner = owner_of_code(connection, bench, rollout, gate, answer.code)
    seen_by_others = owner is not None and (channel is Channel.PREFECT or person is None or owner.id != person.id)
    if owner is not None and seen_by_others:
        request(connection, bench, rollout, gate.id, owner, reviews.burn(connection, gate.id, owner.id))
    elif owner is None and person is not None and channel is not Channel.PREFECT:
        reviews.count_wrong_code(connection, gate.id, person.id)
    if channel is Channel.PREFECT:
        reviews.count_false_answer(connection, gate.id)


def _audit(
    connection: Connection,
    bench: Workbench,
    gate: Gate,
    actor: str,
    result: str,
    answer: Answer,
    channel: Channel,
    **more: str,
) -> None:
    audit.record(
        connection,
        at=bench.now(),
        actor=actor[:320] or "nobody",
        act=f"review-{result}",
        subject=f"rollout {gate.rollout_id} {gate.slug}",
        detail={
            "decision": answer.decision.value if answer.decision else None,
            "channel": channel.value,
            "digest_proposed": gate.digest,
            "excluded": len(answer.exclude),
            "comment": answer.comment,
            **more,
        },
    )
