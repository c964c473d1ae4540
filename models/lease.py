"""Who may write for a rollout: one process at a time, tied to one flow run, alive by its heartbeat."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from models.errors import LeaseLost
from models.tables import rollout
from models.words import ALIVE


def take_lease(connection: Connection, rollout_id: int, at: datetime) -> int:
    """Become the one process that may write for this rollout; return the epoch that says so."""
    connection.execute(
        update(rollout).where(rollout.c.id == rollout_id).values(epoch=rollout.c.epoch + 1, heartbeat_at=at)
    )
    return int(connection.execute(select(rollout.c.epoch).where(rollout.c.id == rollout_id)).scalar_one())


def beat(connection: Connection, rollout_id: int, epoch: int, at: datetime) -> None:
    """Say "alive", and lock the rollout's row until this unit of work ends.

    Raises:
        LeaseLost: another process has taken over, or the rollout has come to its end.
    """
    mine = update(rollout).where(rollout.c.id == rollout_id, rollout.c.epoch == epoch, rollout.c.state.in_(ALIVE))
    if connection.execute(mine.values(heartbeat_at=at)).rowcount != 1:
        raise LeaseLost(f"rollout {rollout_id} has ended or gone on in another process; this one writes nothing more")


def bind_run(connection: Connection, rollout_id: int, flow_run_id: str, run_number: int) -> bool:
    """Tie the rollout to its flow run; False if it is tied to another one already."""
    free = or_(rollout.c.flow_run_id.is_(None), rollout.c.flow_run_id == flow_run_id)
    mine = update(rollout).where(rollout.c.id == rollout_id, rollout.c.run_number == run_number, free)
    return connection.execute(mine.values(flow_run_id=flow_run_id)).rowcount == 1


def unbind_run(connection: Connection, rollout_id: int) -> int:
    """Let go of a run that is lost; return the number of the next one."""
    connection.execute(
        update(rollout).where(rollout.c.id == rollout_id).values(flow_run_id=None, run_number=rollout.c.run_number + 1)
    )
    return int(connection.execute(select(rollout.c.run_number).where(rollout.c.id == rollout_id)).scalar_one())
