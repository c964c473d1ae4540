"""Calling mail off: what has not left yet never does, by somebody's word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

from models import audit
from models.errors import Refused
from models.post_history import cancel
from models.tables import message
from models.unsent import UNSENT
from tasks.mail_lists import UnknownMail
from tasks.resolving import AUDITED

UNSENT_STATES = [state.value for state in UNSENT]


class NotUnsent(Refused):
    """This mail has left, or is leaving: it cannot be called off any more."""


def call_off(connection: Connection, keys: Sequence[int], *, actor: str, at: datetime) -> int:
    """Cancel these mails, all of them or none; return how many.

    Args:
        connection: an open unit of work. The rows are locked, so that none of them leaves in the same moment.
        keys: ids, as in the list of mail.
        actor: who calls them off.
        at: when.

    Raises:
        UnknownMail: there is no mail of one of these ids.
        NotUnsent: one of them is not unsent any more.
    """
    wanted = sorted(set(keys))
    found = select(message.c.id, message.c.state).where(message.c.id.in_(wanted)).order_by(message.c.id)
    states = dict(connection.execute(found.with_for_update()).tuples().all())
    for key in wanted:
        if key not in states:
            raise UnknownMail(f"there is no mail {key}; see: recert mail list")
        if states[key] not in UNSENT_STATES:
            raise NotUnsent(f"mail {key} is {states[key]}: only unsent mail can be called off; nothing was changed")
    detail = {"mails": wanted[:AUDITED]}
    return _cancelled(connection, message.c.id.in_(wanted), f"{len(wanted)} mails", detail, actor, at)


def call_off_rollout(connection: Connection, rollout_id: int, *, actor: str, at: datetime) -> int:
    """Cancel what has not left of a rollout's mail to learners; return how many. Its assignments stay."""
    mine = and_(
        message.c.rollout_id == rollout_id, message.c.learner_id.is_not(None), message.c.state.in_(UNSENT_STATES)
    )
    return _cancelled(connection, mine, f"mail of rollout {rollout_id}", {}, actor, at)


def _cancelled(
    connection: Connection,
    which: ColumnElement[bool],
    subject: str,
    detail: dict[str, list[int]],
    actor: str,
    at: datetime,
) -> int:
    done = cancel(connection, which, at=at, by=actor, reply="called off")
    audit.record(connection, at=at, actor=actor, act="cancel-mail", subject=subject, detail={"number": done, **detail})
    return done
