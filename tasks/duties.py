"""The daily duties that need no Prefect: each may be done at any time, again, by two processes at once, or days late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models import holds, picking
from models.words import MessageKind
from tasks.automatic import Assigned, recertify
from tasks.automatic_review import propose_left
from tasks.gates import expire_gates
from tasks.ordering import carry_on
from tasks.reminders import Told, remind
from tasks.succeeding import succeed
from tasks.weekly_digest import queue_digests
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Done:
    """What one round of the duties did.

    Attributes:
        today: the day it was done for.
        expired: how many reviews were ended.
        carried_on: how many actions were brought to their end.
        succeeded: how many unstarted assignments were moved to the version that succeeds theirs.
        assigned: what was assigned, and what is due and left to people.
        proposed: the rollout that was opened to review those.
        told, digests: mails about Due Dates, and weekly digests.
    """

    today: date
    expired: int
    carried_on: int
    succeeded: int
    assigned: Assigned
    proposed: int | None
    told: Told
    digests: int

    @property
    def did(self) -> dict[str, int]:
        """What was changed → number."""
        assigned = self.assigned
        return {
            "reviews-expired": self.expired,
            "actions-carried-on": self.carried_on,
            "newer-versions": self.succeeded,
            "assigned": assigned.certifications,
            "mail-taken-back": self.told.cancelled,
        }

    @property
    def queued(self) -> dict[str, int]:
        """Kind of mail → number of letters written."""
        told = self.told
        return {
            MessageKind.RECERTIFICATION.value: self.assigned.notices,
            MessageKind.REMINDER.value: told.reminders,
            MessageKind.ESCALATION.value: told.escalations,
            MessageKind.ESCALATION_RESOLVED.value: told.resolved,
            MessageKind.DIGEST.value: self.digests,
        }


def do_duties(bench: Workbench) -> Done:
    """Do every duty but the sending.

    Raises:
        DatabaseUnavailable: what was done stays so; safe to call again.
    """
    expired, carried_on, succeeded = expire(bench), carry_on(bench), succeed(bench)
    assigned, proposed = recertify(bench), propose_left(bench)
    return Done(bench.today(), expired, carried_on, succeeded, assigned, proposed, remind(bench), queue_digests(bench))


def expire(bench: Workbench) -> int:
    """End rollouts whose gate nobody answered, stray holds, and selections left unused; return how many rollouts."""
    with bench.database.write() as connection:
        holds.end_stray_holds(connection, bench.now(), bench.today())
        picking.forget(connection, bench.now())
    return len(expire_gates(bench))
