"""Taking people out of a rollout, and letting them in again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, insert, or_, select, update

from models import audit, ledger
from models.addresses import address_key
from models.errors import WrongInput
from models.ledger import Rollout
from models.people import User
from models.reviews import Gate
from models.tables import exclusion, learner, proposal, rollout_item
from models.words import Outcome
from tasks.checklist import STEPS
from tasks.proposing import CHANGES, fingerprint
from tasks.step import unchanged
from tasks.workbench import Workbench


def take_out(
    connection: Connection, bench: Workbench, rollout: Rollout, gate: Gate, approver: User, who: Sequence[str]
) -> list[int]:
    """Take people out of the list: every line of theirs that would change something. Return their ids.

    Raises:
        WrongInput: somebody is not on the list.
    """
    found: list[int] = []
    for name in who:
        keys = _on_list(connection, gate, name)
        if not keys:
            raise WrongInput(f"--exclude {name}: nobody of this name has a line in this list that changes anything")
        found += [key for key in keys if key not in found]
    if found:
        _lines_excluded(connection, gate, found)
        _keep_out(connection, rollout.id, found, approver.email, bench.now())
    return found


def _on_list(connection: Connection, gate: Gate, name: str) -> list[int]:
    """Ids of the learners of this address or employee id who have a changing line in the list."""
    mine = (rollout_item.c.proposal_id == gate.proposal_id) & rollout_item.c.outcome.in_(CHANGES)
    on_list = select(rollout_item.c.learner_id).where(mine, rollout_item.c.learner_id.in_(_named(name)))
    return list(connection.scalars(on_list.distinct()))


def _named(name: str) -> Select[tuple[int]]:
    return select(learner.c.id).where(
        or_(learner.c.email_key == address_key(name), learner.c.employee_id == name.strip())
    )


def _lines_excluded(connection: Connection, gate: Gate, learners: Sequence[int]) -> None:
    item = rollout_item.c
    mine = (item.proposal_id == gate.proposal_id) & item.learner_id.in_(learners) & item.outcome.in_(CHANGES)
    connection.execute(update(rollout_item).where(mine).values(**unchanged(Outcome.SKIP_EXCLUDED)))


def _keep_out(connection: Connection, rollout_id: int, learners: Sequence[int], by: str, at: datetime) -> None:
    """Note who is out; who had been released is out again."""
    mine = (exclusion.c.rollout_id == rollout_id) & exclusion.c.learner_id.in_(learners)
    again = {"excluded_by": by, "excluded_at": at, "released_at": None}
    connection.execute(update(exclusion).where(mine, exclusion.c.released_at.is_not(None)).values(**again))
    known = set(connection.scalars(select(exclusion.c.learner_id).where(mine)))
    rows = [
        {"rollout_id": rollout_id, "learner_id": key, "excluded_by": by, "excluded_at": at}
        for key in learners
        if key not in known
    ]
    if rows:
        connection.execute(insert(exclusion), rows)


def fingerprint_anew(connection: Connection, rollout: Rollout, gate: Gate) -> str:
    """Fingerprint and count the list anew after an exclusion."""
    made = connection.execute(select(proposal.c.proposed_on).where(proposal.c.id == gate.proposal_id)).scalar_one()
    return fingerprint(connection, rollout, STEPS[gate.slug], gate.proposal_id, made)


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
            mine = exclusion.c.learner_id.in_(_named(name))
            keys = list(connection.scalars(select(exclusion.c.learner_id).where(out, mine)))
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
