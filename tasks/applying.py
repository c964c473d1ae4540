"""The third beat: carry an approved list out, chunk by chunk, each one transaction that repeats nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select, update

from models import audit, choices, lease, ledger, reviews
from models.digest import items_digest
from models.errors import ReviewMissing
from models.ledger import Rollout
from models.outbox import occasion, occasion_token
from models.tables import proposal, rollout_item
from models.words import MessageKind, StepState
from tasks.proposing import CHANGES, LETTER_OF, case_of, counts, head, tally
from tasks.step import Chunk, Step, lock_certifications, mark_applied, remember, set_aside_what_moved
from tasks.workbench import Workbench

CHUNK_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Pass:
    """One run over a step's items: whose, on which day, under which lease."""

    bench: Workbench
    rollout: Rollout
    step: Step
    proposal_id: int
    epoch: int
    today: date
    rows: int = CHUNK_ROWS


def apply_step(
    bench: Workbench,
    rollout_id: int,
    step: Step,
    epoch: int,
    *,
    rows: int = CHUNK_ROWS,
    after_chunk: Callable[[], None] = lambda: None,
) -> int:
    """Apply what is left of the step's current proposal; return how many items were applied by this call.

    Run again after any stop, it goes on with the first item that is not applied.

    Raises:
        ReviewMissing: the step needs an approval of this very list, and none holds; nothing was written.
        LeaseLost: another process has taken over, or the rollout has ended; that chunk was not written.
        DatabaseUnavailable: safe to call again.
    """
    with bench.database.read() as connection:
        rollout = ledger.load(connection, rollout_id)
        record = ledger.steps(connection, rollout_id)[step.slug]
    if record.proposal is None:
        raise ReviewMissing(f"{step.slug}: nothing is proposed yet")
    whole = Pass(bench, rollout, step, record.proposal.id, epoch, bench.today(), rows)
    above, applied = 0, 0
    while True:
        with bench.database.write() as connection:
            upto = chunk_end(connection, whole.proposal_id, above, rows)
            if upto is None:
                break
            applied += apply_chunk(connection, whole, above, upto)
        above = upto
        after_chunk()
    return applied


def chunk_end(connection: Connection, proposal_id: int, above: int, rows: int) -> int | None:
    """The last learner of the next chunk of about *rows* unapplied items; None when nothing is left."""
    left = (
        select(rollout_item.c.learner_id)
        .where(
            rollout_item.c.proposal_id == proposal_id,
            rollout_item.c.learner_id > above,
            rollout_item.c.outcome.in_(CHANGES),
            rollout_item.c.applied_at.is_(None),
        )
        .order_by(rollout_item.c.learner_id)
        .limit(rows)
        .subquery()
    )
    return connection.execute(select(func.max(left.c.learner_id))).scalar()


def apply_chunk(connection: Connection, whole: Pass, above: int, upto: int, *, rehearsal: bool = False) -> int:
    """Carry out the items of learners ``above < id <= upto`` in the open unit of work; return how many.

    In a rehearsal nobody is asked, nobody else can write, and nothing is audited: all others would wait for its end.
    """
    if rehearsal:
        return carry_out(connection, whole, above, upto, noted=False)
    lease.beat(connection, whole.rollout.id, whole.epoch, whole.bench.now())
    if whole.step.reviewed(whole.rollout.plan) and not reviews.is_consumed(connection, whole.proposal_id):
        _consume_approval(connection, whole)
    return carry_out(connection, whole, above, upto)


def carry_out(connection: Connection, whole: Pass, above: int, upto: int, *, noted: bool = True) -> int:
    """Carry out the items of learners ``above < id <= upto``, with a line in the audit; return how many.

    What was approved, and by whose lease it is written, is ``apply_chunk``'s to ask.
    """
    chunk = _chunk(connection, whole, above, upto)
    if whole.step.prepare is not None:
        whole.step.prepare(chunk)
    lock_certifications(chunk)
    moved = set_aside_what_moved(chunk, whole.step)
    if whole.step.keeps:
        remember(chunk)
    if whole.step.apply is not None:
        whole.step.apply(chunk)
    applied = mark_applied(chunk)
    if noted:
        _note(chunk, whole, applied, moved)
    return applied


def _note(chunk: Chunk, whole: Pass, applied: int, moved: int) -> None:
    audit.record(
        chunk.connection,
        at=chunk.at,
        actor=chunk.actor,
        act="apply-chunk",
        subject=f"rollout {whole.rollout.id} {whole.step.slug}",
        detail={
            "learners": [chunk.above + 1, chunk.upto],
            "applied": applied,
            "changed_since_review": moved,
            "digest": _digest(chunk.connection, whole),
        },
    )


def _chunk(connection: Connection, whole: Pass, above: int, upto: int) -> Chunk:
    letter = LETTER_OF.get(whole.step.slug, MessageKind.RECERTIFICATION)
    return Chunk(
        connection=connection,
        case=case_of(connection, whole.rollout, ledger.steps(connection, whole.rollout.id), whole.today),
        proposal_id=whole.proposal_id,
        above=above,
        upto=upto,
        at=whole.bench.now(),
        actor=whole.rollout.requested_by if whole.rollout.action else f"rollout {whole.rollout.id}",
        occasion_token=occasion_token(whole.bench.key, occasion(whole.rollout.id, letter)),
        mail_domain=whole.bench.settings.mail_from.rpartition("@")[2].rstrip(">"),
        mail_hold=choices.read(connection).mail_hold,
    )


def _digest(connection: Connection, whole: Pass) -> str:
    return str(connection.execute(select(proposal.c.digest).where(proposal.c.id == whole.proposal_id)).scalar_one())


def _consume_approval(connection: Connection, whole: Pass) -> None:
    """Check the approvals against the list as it stands in this transaction, and use them up.

    Raises:
        ReviewMissing: too few of them hold for exactly this list.
    """
    digest = items_digest(connection, head(connection, whole.rollout, whole.step), whole.proposal_id)
    holding = reviews.standing_approvals(connection, whole.proposal_id, digest, whole.rollout.requested_by)
    needed = whole.rollout.plan.reviews.approvals_required
    found = reviews.consume(connection, holding, whole.bench.now())
    if found < needed:
        raise ReviewMissing(f"{whole.step.slug}: {found} of {needed} approvals hold for this very list")


def finish_step(connection: Connection, record: ledger.StepRecord, state: StepState, whole_at: Workbench) -> None:
    """Close a step whose items are all applied: its counts become those of what was done."""
    if record.proposal is not None:
        done = counts(tally(connection, record.proposal.id))
        connection.execute(update(proposal).where(proposal.c.id == record.proposal.id).values(counts=done))
    ledger.set_step_state(connection, record.id, state, applied_at=whole_at.now())
