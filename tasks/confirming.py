"""Confirming an action on a page: of the list that the page showed, as long as the world would still give that very list."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, update

from models import ledger, people
from models.errors import NotPermitted, Refused, WrongInput
from models.ledger import Rollout, StepRecord
from models.orders import ActionPlan
from models.plan import RolloutPlan
from models.tables import proposal
from models.words import Role, RolloutState
from tasks import ending
from tasks.ordering import confirm_in, propose
from tasks.proposing import changes_in
from tasks.workbench import Workbench


class Confirmed(StrEnum):
    """What became of a confirmation."""

    GO = "go"  # to be carried out now
    ASKED = "asked"  # its approvers are to be asked
    BEFORE = "before"  # it was confirmed before, or has ended
    OTHERWISE = "otherwise"  # the list is another one by now; it was written afresh, to be looked at again
    STALE = "stale"  # the page showed an earlier list than the one that stands


def own_action(
    connection: Connection, rollout_id: int, email: str, *, lock: bool = False
) -> tuple[Rollout, StepRecord]:
    """Return an action that *email* has ordered, and its step.

    Raises:
        UnknownRollout: there is none.
        Refused: it is no action.
        NotPermitted: somebody else ordered it, or *email* has not the role for it any more.
    """
    whole = ledger.load(connection, rollout_id, lock=lock)
    if whole.action is None or not isinstance(whole.plan, ActionPlan):
        raise Refused(f"rollout {rollout_id} is no action: it is started and reviewed step by step")
    if people.require(connection, email, role_for(whole.plan)).email != whole.requested_by:
        raise NotPermitted(f"{whole.requested_by} has ordered this, and confirms it; order it anew to do it yourself")
    [record] = ledger.steps(connection, rollout_id).values()
    return whole, record


def confirm_shown(bench: Workbench, rollout_id: int, email: str, *, digest: str, number: str) -> Confirmed:
    """Confirm an action as a page showed it.

    The list is proposed once more: where it comes out otherwise, the new one takes its place and waits for a second look.

    Args:
        bench: settings, clock and database.
        rollout_id: the action.
        email: who confirms; they ordered it.
        digest: of the list that the page showed.
        number: what was typed as the number of lines that change; looked at only where a review will be asked for.

    Raises:
        WrongInput: the number is another one.
        RecertError: as ``own_action``.
    """
    with bench.database.write() as connection:
        whole, record = own_action(connection, rollout_id, email, lock=True)
        if whole.confirmed_at is not None or not whole.is_alive or record.proposal is None:
            return Confirmed.BEFORE
        if digest != record.proposal.digest:
            return Confirmed.STALE
        lines = concerned(record)
        if is_large(whole) and lines and number.replace(",", "").replace(".", "").strip() != str(lines):
            raise WrongInput(f"that is not {lines}; nothing was done")
        if propose_afresh(connection, bench, whole, record):
            return Confirmed.OTHERWISE
        return Confirmed.ASKED if confirm_in(connection, bench, rollout_id) else Confirmed.GO


def leave(bench: Workbench, rollout_id: int, email: str) -> bool:
    """End an action that was not confirmed, as whoever ordered it; False where it was confirmed or has ended before.

    Raises:
        RecertError: as ``own_action``.
    """
    with bench.database.write() as connection:
        whole, _ = own_action(connection, rollout_id, email, lock=True)
        if whole.confirmed_at is not None or not whole.is_alive:
            return False
        return ending.end(connection, bench, rollout_id, RolloutState.CANCELLED, whole.requested_by, "not confirmed")


def role_for(plan: RolloutPlan) -> Role:
    """Who orders it, and takes it back: an admin, where it applies a setting to what exists; else an operator."""
    return Role.ADMIN if isinstance(plan, ActionPlan) and plan.order.settings else Role.OPERATOR


def is_large(whole: Rollout) -> bool:
    """Whether an action is so large that it is reviewed."""
    return isinstance(whole.plan, ActionPlan) and whole.plan.order.review


def concerned(record: StepRecord) -> int:
    """How many lines a list would change."""
    return changes_in(record.proposal.counts) if record.proposal else 0


def propose_afresh(connection: Connection, bench: Workbench, whole: Rollout, record: StepRecord) -> bool:
    """Propose once more; whether that gives another list, which then stands in the place of the former one."""
    assert record.proposal is not None  # noqa: S101 - its caller has looked
    former = update(proposal).where(proposal.c.id == record.proposal.id)
    attempt = connection.begin_nested()
    connection.execute(former.values(withdrawn_at=bench.now()))
    fresh = propose(connection, bench, whole.id, record.slug)
    same = fresh.proposal is not None and fresh.proposal.digest == record.proposal.digest
    if same:
        attempt.rollback()
    else:
        attempt.commit()
    return not same
