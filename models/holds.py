"""Holds that outlived their rollout: a restored backup or a person's own SQL may leave some."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from models.automatic import leave_to_people
from models.tables import certification, hold, rollout
from models.words import ALIVE, LeftBecause


def stray_holds(connection: Connection) -> dict[int, int]:
    """Rollout id → number of holds that outlived it: a restored backup or a person's SQL may leave some."""
    held = select(hold.c.rollout_id, func.count()).where(_stray()).group_by(hold.c.rollout_id)
    return {row[0]: row[1] for row in connection.execute(held.order_by(hold.c.rollout_id))}


def end_stray_holds(connection: Connection, at: datetime, today: date | None = None) -> int:
    """End the holds that outlived their rollout; return how many.

    Who became due under one by *today* (the organisation's business day; else the day of *at*) is left to people.
    """
    held = certification.c.id.in_(select(hold.c.certification_id).where(_stray()))
    leave_to_people(connection, held, today=today or at.date(), because=LeftBecause.HOLD_ENDED)
    return connection.execute(update(hold).where(_stray()).values(ended_at=at)).rowcount


def _stray() -> ColumnElement[bool]:
    ended = select(rollout.c.id).where(rollout.c.state.not_in(ALIVE))
    return and_(hold.c.ended_at.is_(None), hold.c.rollout_id.in_(ended))
