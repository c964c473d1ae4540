"""A rollout from its start to its end, in units of work that may each be repeated after any stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, literal, select, update

from models import audit, codes, lease, ledger, lifecycle, people, reviews
from models.errors import PlanInvalid, Refused
from models.ledger import StepRecord
from models.plan import RolloutPlan
from models.tables import message, rollout, rollout_item
from models.words import ALIVE, MessageKind, MessageState, Role, RolloutState, StepSlug, StepState
from tasks import ending, reach
from tasks.applying import finish_step
from tasks.audience import Case, audience
from tasks.checklist import CHECKLIST, STEPS
from tasks.gates import open_gate, queue_to_user
from tasks.proposing import CHANGES, changes_in, fingerprint, write_proposal
from tasks.workbench import Workbench

NO_ROLLOUT = -1


class TicketRefused(Refused):
    """The ticket was not issued here, or another run has used it: start rollouts with `recert rollout start`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A rollout that a flow run may work on: its id, and the epoch of the lease the run has taken."""

    rollout_id: int
    epoch: int


def start_rollout(
    bench: Workbench, plan: RolloutPlan, requested_by: str, *, confirmed: bool = True, flow_run_id: str | None = None
) -> int:
    """Write a new rollout, checked against people, calendar and what is stored; return its id.

    Raises:
        NotPermitted: *requested_by* is no enabled operator.
        Refused: too few approvers besides them; the line says how to add one.
        PlanInvalid: a day in the past, an unknown training type or course, nobody in the audience.
        AlreadyRunning: a training type of the plan is in another living rollout.
    """
    today = bench.today()
    with bench.database.write() as connection:
        requester = _may_start(connection, plan, requested_by, today)
        _make_room(connection, bench, plan, requester.email)
        days = [(step.slug, step.opens_on(plan, today)) for step in CHECKLIST]
        rollout_id = lifecycle.start(
            connection, plan, requester.email, days, at=bench.now(), today=today, confirmed=confirmed
        )
        if flow_run_id is not None:
            lease.bind_run(connection, rollout_id, flow_run_id, 1)
        detail = {"plan": plan.model_dump(mode="json"), "confirmed": confirmed}
        audit.record(
            connection,
            at=bench.now(),
            actor=requester.email,
            act="start-rollout",
            subject=f"rollout {rollout_id}",
            detail=detail,
        )
    return rollout_id


def check_start(bench: Workbench, plan: RolloutPlan, requested_by: str) -> None:
    """Check whether *plan* could be started now, writing nothing. Raises as ``start_rollout`` does."""
    with bench.database.read() as connection:
        _may_start(connection, plan, requested_by, bench.today())


def _may_start(connection: Connection, plan: RolloutPlan, requested_by: str, today: date) -> people.User:
    """Return who asks, if plan, people and what is stored allow it."""
    plan.refuse_the_past(today)
    requester = people.require(connection, requested_by, Role.OPERATOR)
    types, changes = lifecycle.resolve(connection, plan)
    lifecycle.refuse_courses(connection, plan)
    _somebody(connection, Case(NO_ROLLOUT, plan, today, list(types.values()), changes, {}))
    lifecycle.refuse_second(connection, types, but_giving_way=True)
    _enough_approvers(connection, plan, requester.email)
    return requester


def _make_room(connection: Connection, bench: Workbench, plan: RolloutPlan, requester: str) -> None:
    """End what the upkeep proposed of these training types and nobody has answered: a person's rollout goes before it."""
    types, _ = lifecycle.resolve(connection, plan)
    for rollout_id in lifecycle.giving_way(connection, types):
        reason = f"gave way to {plan.name}"
        ending.end(connection, bench, rollout_id, RolloutState.CANCELLED, requester, reason)


def _enough_approvers(connection: Connection, plan: RolloutPlan, requester: str) -> None:
    found = len(people.approvers_besides(connection, requester))
    needed = plan.reviews.approvals_required
    if found < needed:
        raise Refused(
            f"this rollout needs {needed} approver(s) besides {requester}, and there are {found}: "
            "add one with: recert users add EMAIL --name NAME --roles approver"
        )


def _somebody(connection: Connection, case_: Case) -> None:
    if connection.execute(select(literal(1)).select_from(audience(case_, None)).limit(1)).first() is None:
        raise PlanInvalid(
            "the audience holds not a single certification: mend training_types, departments or locations"
        )


def open_rollout(
    bench: Workbench, plan: RolloutPlan | None, requested_by: str, ticket: str, flow_run_id: str
) -> Opened:
    """Find or write the rollout of a flow run and take its lease.

    A run that brings a door's ticket works on the rollout the door wrote. One without comes from Prefect's own form:
    its rollout is written now and waits for the code that is mailed to whoever it names.

    Raises:
        TicketRefused: the ticket is false or used up.
        RecertError: as ``start_rollout``.
    """
    rollout_id = _rollout_of_run(bench, flow_run_id)
    if rollout_id is None:
        genuine = codes.read_ticket(bench.key, ticket) if ticket else None
        if genuine is None and (ticket or plan is None):
            raise TicketRefused
        if genuine is None and plan is not None:
            rollout_id = start_rollout(bench, plan, requested_by, confirmed=False, flow_run_id=flow_run_id)
        elif genuine is not None:
            rollout_id = genuine[0]
            with bench.database.write() as connection:
                if not lease.bind_run(connection, rollout_id, flow_run_id, genuine[1]):
                    raise TicketRefused
    assert rollout_id is not None  # noqa: S101 - found, written, or refused above
    with bench.database.write() as connection:
        epoch = lease.take_lease(connection, rollout_id, bench.now())
        if ledger.load(connection, rollout_id).confirmed_at is not None:
            ledger.set_state(connection, rollout_id, RolloutState.RUNNING)
        return Opened(rollout_id, epoch)


def _rollout_of_run(bench: Workbench, flow_run_id: str) -> int | None:
    with bench.database.read() as connection:
        return connection.execute(select(rollout.c.id).where(rollout.c.flow_run_id == flow_run_id)).scalar()


def ask_confirmation(bench: Workbench, opened: Opened) -> int:
    """Queue the code that confirms a start from Prefect's form; return the number of this opening."""
    with bench.database.write() as connection:
        lease.beat(connection, opened.rollout_id, opened.epoch, bench.now())
        connection.execute(
            update(rollout).where(rollout.c.id == opened.rollout_id).values(confirmations=rollout.c.confirmations + 1)
        )
        record = ledger.load(connection, opened.rollout_id)
        person = people.require(connection, record.requested_by, Role.OPERATOR)
        context = {"rollout": record.id, "user": person.id, "opening": record.confirmations}
        named = f"start:{record.id}:{record.confirmations}"
        queue_to_user(connection, bench, MessageKind.START_CONFIRMATION, person, named, record.id, context)
        return record.confirmations


def confirm_start(bench: Workbench, rollout_id: int, code: str) -> bool:
    """Confirm a start with the code of its newest opening; False, and audited, if it is another or has ended."""
    with bench.database.write() as connection:
        record = ledger.load(connection, rollout_id, lock=True)
        right = record.is_alive and codes.matches(codes.start_code(bench.key, rollout_id, record.confirmations), code)
        if right:
            values = {"confirmed_at": bench.now(), "state": RolloutState.RUNNING.value}
            connection.execute(update(rollout).where(rollout.c.id == rollout_id).values(**values))
        audit.record(
            connection,
            at=bench.now(),
            actor=record.requested_by,
            act="confirm-start" if right else "confirm-start-refused",
            subject=f"rollout {rollout_id}",
            detail={"opening": record.confirmations},
        )
        return right


def propose_step(bench: Workbench, opened: Opened, slug: StepSlug) -> StepRecord:
    """Write the step's proposal unless it is there, and open its gate, or pass a step with nothing to do.

    Raises:
        LeaseLost: another process has taken over, or the rollout has ended; nothing was written.
        DatabaseUnavailable: safe to call again.
    """
    step = STEPS[slug]
    carries = reach.ask(bench) if slug in reach.MAILING else None
    with bench.database.write() as connection:
        lease.beat(connection, opened.rollout_id, opened.epoch, bench.now())
        record = ledger.steps(connection, opened.rollout_id)[slug]
        if record.proposal is not None:
            return record
        whole = ledger.load(connection, opened.rollout_id)
        proposal = write_proposal(connection, bench, whole, step, bench.today())
        reach.note(connection, proposal.id, carries)
        audit.record(
            connection,
            at=bench.now(),
            actor=f"rollout {whole.id}",
            act="propose",
            subject=f"rollout {whole.id} {slug}",
            detail={"round": proposal.round, "digest": proposal.digest, "counts": dict(proposal.counts)},
        )
        record = ledger.steps(connection, opened.rollout_id)[slug]
        if changes_in(proposal.counts) == 0:
            ledger.set_step_state(connection, record.id, StepState.PASSED, applied_at=bench.now())
        elif step.reviewed(whole.plan):
            open_gate(connection, bench, whole, record)
        else:
            ledger.set_step_state(connection, record.id, StepState.APPROVED)
        return ledger.steps(connection, opened.rollout_id)[slug]


def reopen_gate(bench: Workbench, opened: Opened, slug: StepSlug) -> None:
    """Open a step's gate afresh: its approval no longer holds (somebody lost the role, or the templates changed)."""
    carries = reach.ask(bench) if slug in reach.MAILING else None
    with bench.database.write() as connection:
        lease.beat(connection, opened.rollout_id, opened.epoch, bench.now())
        if reviews.open_gate_of(connection, opened.rollout_id) is None:
            whole = ledger.load(connection, opened.rollout_id)
            record = ledger.steps(connection, opened.rollout_id)[slug]
            assert record.proposal is not None  # noqa: S101 - only proposals were ever approved
            fingerprint(connection, whole, STEPS[slug], record.proposal.id, record.proposal.proposed_on)
            reach.note(connection, record.proposal.id, carries)
            open_gate(connection, bench, whole, ledger.steps(connection, opened.rollout_id)[slug])


def close_step(bench: Workbench, opened: Opened, slug: StepSlug) -> None:
    """Mark a step applied, once its items are and its mail has been tried."""
    with bench.database.write() as connection:
        lease.beat(connection, opened.rollout_id, opened.epoch, bench.now())
        finish_step(connection, ledger.steps(connection, opened.rollout_id)[slug], StepState.APPLIED, bench)


def items_left(connection: Connection, record: StepRecord) -> int:
    """How many items of the step's proposal are still to be applied."""
    if record.proposal is None:
        return 0
    item = rollout_item.c
    left = select(func.count()).where(
        item.proposal_id == record.proposal.id, item.outcome.in_(CHANGES), item.applied_at.is_(None)
    )
    return int(connection.execute(left).scalar_one())


def mail_untried(connection: Connection, rollout_id: int) -> int:
    """How many of the rollout's released mails to learners have not been tried once."""
    untried = select(func.count()).where(
        message.c.rollout_id == rollout_id,
        message.c.learner_id.is_not(None),
        message.c.state.in_([MessageState.QUEUED.value, MessageState.SENDING.value]),
    )
    return int(connection.execute(untried).scalar_one())


def end_rollout(
    bench: Workbench, rollout_id: int, state: RolloutState, actor: str, reason: str = "", *, drop_mail: bool = False
) -> bool:
    """Bring a rollout to its end, whatever end that is; False if it had ended before (one to be resumed may be cancelled).

    Aligned dates and assignments stay. Notices of assignments already made are still sent, unless *drop_mail*.
    Automatic recertification is switched off, as an act of its own, where the plan does not want it restored.
    """
    with bench.database.write() as connection:
        return ending.end(connection, bench, rollout_id, state, actor, reason, drop_mail=drop_mail)


def is_alive(bench: Workbench, rollout_id: int) -> bool:
    """Whether the rollout has not come to its end."""
    with bench.database.read() as connection:
        return ledger.load(connection, rollout_id).state in ALIVE
