"""Taking people out of a rollout, and letting them in again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, or_, select, update

from models import audit, ledger
from models.addresses import address_key
from models.digest import items_digest
from models.errors import WrongInput
from models.ledger import Rollout
from models.people import User
from models.reviews import Gate
from models.tables import exclusion, learner, proposal, rollout_item
from models.words import Outcome
from tasks.checklist import STEPS
from tasks.proposing import CHANGES, counts, facts, head
from tasks.workbench import Workbench


def take_out(
    connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, approver: User, who: Sequence[str]
) -> list[int]:
    """Take people out of the list: every line of theirs that would change something. Return their ids.

    Raises:
        WrongInput: somebody is not on the list.
    """
    found = []
    for name in who:
        ids = select(learner.c.id).where(
            or_(learner.c.email_key == address_key(name), learner.c.employee_id == name.strip())
        )
        mine = (rollout_item.c.proposal_id == gate.proposal_id) & rollout_item.c.outcome.in_(CHANGES)
        on_list = select(rollout_item.c.learner_id).where(mine, rollout_item.c.learner_id.in_(ids)).distinct()
        keys = list(connection.scalars(on_list))
        if not keys:
            raise WrongInput(f"--exclude {name}: nobody of this name has a line in this list that changes anything")
        found += [key for key in keys if key not in found]
    if not found:
        return []
    item = rollout_item.c
    connection.execute(
        update(rollout_item)
        .where(item.proposal_id == gate.proposal_id, item.learner_id.in_(found), item.outcome.in_(CHANGES))
        .values(
            outcome=Outcome.SKIP_EXCLUDED.value,
            due_after=item.due_before,
            recertification_after=item.recertification_before,
            course_after=item.course_before,
        )
    )
    out_already = select(exclusion.c.learner_id).where(exclusion.c.rollout_id == rollout.id)
    known = set(connection.scalars(out_already))
    rows = [
        {"rollout_id": rollout.id, "learner_id": key, "excluded_by": approver.email, "excluded_at": bench.now()}
        for key in found
        if key not in known
    ]
    if rows:
        connection.execute(insert(exclusion), rows)
    return found


def fingerprint_anew(connection: Connection, rollout: Rollout, gate: Gate) -> str:
    """Fingerprint and count the list anew after an exclusion."""
    digest = items_digest(connection, head(rollout, STEPS[gate.slug]), gate.proposal_id)
    made = connection.execute(select(proposal.c.proposed_on).where(proposal.c.id == gate.proposal_id)).scalar_one()
    values = {
        "digest": digest,
        "counts": counts(connection, gate.proposal_id),
        "facts": facts(connection, gate.proposal_id, gate.slug, made),
    }
    connection.execute(update(proposal).where(proposal.c.id == gate.proposal_id).values(**values))
    return digest


def release(bench: Workbench, rollout_id: int, who: Sequence[str], actor: str) -> int:
    """Let people who were taken out in again (everybody, if nobody is named); return how many.

    What this rollout has done so far is not made up for: they count again from its next proposal on, and automatic
    recertification may act on them again.

    Raises:
        WrongInput: somebody named was not taken out of this rollout.
    """
    with bench.database.write() as connection:
        ledger.load(connection, rollout_id)
        out = (exclusion.c.rollout_id == rollout_id) & exclusion.c.released_at.is_(None)
        found = list(connection.scalars(select(exclusion.c.learner_id).where(out))) if not who else []
        for name in who:
            mine = select(learner.c.id).where(
                or_(learner.c.email_key == address_key(name), learner.c.employee_id == name.strip())
            )
            keys = list(connection.scalars(select(exclusion.c.learner_id).where(out, exclusion.c.learner_id.in_(mine))))
            if not keys:
                raise WrongInput(f"{name} was not taken out of rollout {rollout_id}")
            found += keys
        connection.execute(
            update(exclusion).where(out, exclusion.c.learner_id.in_(found)).values(released_at=bench.now())
        )
        audit.record(
            connection,
            at=bench.now(),
            actor=actor,
            act="release",
            subject=f"rollout {rollout_id}",
            detail={"released": len(found)},
        )
        return len(found)
