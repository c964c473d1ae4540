"""What people order of selected learners: proposed first, then confirmed, then done here or after a review."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from console import desk
from models import ledger
from models.errors import DatabaseUnavailable, LeaseLost
from models.ledger import StepRecord
from models.words import Outcome, RolloutState
from tasks import confirming, ordering
from tasks.checklist import STEPS
from tasks.confirming import Confirmed
from tasks.ordering import Placed
from tasks.workbench import Workbench

# An action that finds everything as it was ordered has nothing left to do, and is no failure.
AS_ORDERED = frozenset({Outcome.SKIP_UNCHANGED.value, Outcome.COMPLETED.value, Outcome.SKIP_ALREADY_ASSIGNED.value})


@dataclass(frozen=True, slots=True)
class Ended:
    """Where a confirmed action stands.

    Attributes:
        state: of its rollout.
        record: its step; the counts are what was done, once it is.
        trouble: why mail or the run does not go on at once; empty when all goes well.
    """

    state: RolloutState
    record: StepRecord
    trouble: str = ""


def go_ahead(bench: Workbench, placed: Placed) -> Ended:
    """Confirm an action: carry it out now, or ask its approvers.

    Raises:
        DatabaseUnavailable: safe to order again: what was carried out is not carried out twice.
    """
    if ordering.confirm(bench, placed.rollout_id):
        return _asked(bench, placed)
    ordering.carry_out(bench, placed.rollout_id)
    trouble = send(bench, placed.rollout_id) if STEPS[placed.record.slug].mails else ""
    return where_it_stands(bench, placed.rollout_id, trouble)


def confirm_shown(bench: Workbench, rollout_id: int, email: str, *, digest: str, number: str) -> tuple[Confirmed, str]:
    """Confirm an action as a page showed it, and carry it out now or ask its approvers; its mail is the caller's to ``send``.

    Returns:
        What became of it, and why requests or its run do not go on at once; empty when they do.

    Raises:
        RecertError: as ``confirming.confirm_shown``; nothing was done.
    """
    verdict, trouble = confirming.confirm_shown(bench, rollout_id, email, digest=digest, number=number), ""
    if verdict is Confirmed.ASKED:
        begun = desk.begin(bench, rollout_id)
        trouble = desk.send_requests(bench, rollout_id) or begun.trouble
    elif verdict is Confirmed.GO:
        with suppress(LeaseLost, DatabaseUnavailable):  # somebody else goes on with it, at the latest the upkeep
            ordering.carry_out(bench, rollout_id)
    return verdict, trouble


def where_it_stands(bench: Workbench, rollout_id: int, trouble: str = "") -> Ended:
    """An action as the ledger has it now. Raises UnknownRollout."""
    with bench.database.read() as connection:
        [record] = ledger.steps(connection, rollout_id).values()
        return Ended(ledger.load(connection, rollout_id).state, record, trouble)


def was_refused(ended: Ended) -> bool:
    """Whether not a single line could be done, for reasons that lie in the lines."""
    counts = ended.record.proposal.counts if ended.record.proposal else {}
    refused = set(counts) - AS_ORDERED
    return bool(refused) and not any(Outcome(code).changes for code in counts)


def _asked(bench: Workbench, placed: Placed) -> Ended:
    begun = desk.begin(bench, placed.rollout_id)
    unsent = desk.send_requests(bench, placed.rollout_id)
    return where_it_stands(bench, placed.rollout_id, begun.trouble or unsent)


def send(bench: Workbench, rollout_id: int) -> str:
    """Send what an action has to tell; return why it does not leave now, empty when it left."""
    from tasks.deliver import deliver_mail  # noqa: PLC0415 - whoever mails nobody needs no mail room
    from tasks.rounds import sender_name  # noqa: PLC0415 - as above

    return deliver_mail(bench, sender_name("action"), rollout_id=rollout_id).trouble or ""
