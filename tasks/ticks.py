"""Whom an approver means to take out of the list under review: noted while they look, of effect when they approve."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select

from models import ledger, reviews
from models.errors import GateClosed, NotPermitted
from models.people import User
from models.reviews import Gate
from models.tables import learner, review_tick, rollout_item
from models.words import Role
from tasks.proposing import CHANGES
from tasks.workbench import Workbench


def tick(bench: Workbench, rollout_id: int, user: User, learners: Sequence[int]) -> int:
    """Note that these learners are to be taken out; return how many of them the list would change anything for.

    Raises:
        NotPermitted: *user* is no approver.
        GateClosed: no review is open.
    """
    with bench.database.write() as connection:
        gate = _gate(connection, rollout_id, user)
        item = rollout_item.c
        known = select(review_tick.c.learner_id).where(_of(gate, user))
        fresh = connection.scalars(
            select(item.learner_id)
            .where(
                item.proposal_id == gate.proposal_id,
                item.learner_id.in_(learners),
                item.outcome.in_(CHANGES),
                item.learner_id.not_in(known),
            )
            .distinct()
        ).all()
        rows = [{"review_id": gate.id, "user_id": user.id, "learner_id": key} for key in fresh]
        if rows:
            connection.execute(insert(review_tick), rows)
        return len(rows)


def untick(bench: Workbench, rollout_id: int, user: User, learners: Sequence[int]) -> None:
    """Leave these learners on the list after all; all of them where none are named.

    Raises:
        NotPermitted, GateClosed: as ``tick``.
    """
    with bench.database.write() as connection:
        mine = _of(_gate(connection, rollout_id, user), user)
        chosen = and_(mine, review_tick.c.learner_id.in_(learners)) if learners else mine
        connection.execute(delete(review_tick).where(chosen))


def ticked(
    connection: Connection, gate: Gate, user: User
) -> Sequence[Row[tuple[int, str | None, str | None, str, str]]]:
    """Who is noted: id, e-mail, Employee ID, first and last name, by name."""
    columns = ("id", "email", "employee_id", "first_name", "last_name")
    return connection.execute(
        select(*(learner.c[name] for name in columns))
        .join(review_tick, review_tick.c.learner_id == learner.c.id)
        .where(_of(gate, user))
        .order_by(learner.c.last_name, learner.c.first_name, learner.c.id)
    ).all()


def sign(keys: Sequence[int]) -> str:
    """Return what tells one set of learners from another: an approval is of the very set the page showed."""
    return hashlib.sha256(",".join(map(str, sorted(keys))).encode()).hexdigest()


def _gate(connection: Connection, rollout_id: int, user: User) -> Gate:
    rollout = ledger.load(connection, rollout_id)
    gate = reviews.open_gate_of(connection, rollout_id)
    if gate is None or not rollout.is_alive:
        raise GateClosed(f"rollout {rollout_id}: no review is open any more")
    if not user.may(Role.APPROVER):
        raise NotPermitted(f"{user.email} is no approver")
    return gate


def _of(gate: Gate, user: User) -> ColumnElement[bool]:
    return and_(review_tick.c.review_id == gate.id, review_tick.c.user_id == user.id)
