"""What a person decides about mail of which nobody knows whether it arrived, or that was refused for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from models import audit
from models.errors import Refused
from models.post_history import change
from models.tables import message
from models.unsent import readdress
from models.words import MailEvent, MessageState
from tasks.mail_lists import UnknownMail

# So many mails are named in the audit; the histories name all of them.
AUDITED = 1_000


class Resolution(StrEnum):
    """What to take a mail for: it has arrived; it has not, send it again; it is not wanted any more."""

    SENT = "sent"
    RESEND = "resend"
    DROP = "drop"


class NotResolvable(Refused):
    """This mail stands where nobody has to decide anything."""


MAY_BE = {
    Resolution.SENT: {MessageState.UNCERTAIN},
    Resolution.RESEND: {MessageState.UNCERTAIN, MessageState.FAILED},
    Resolution.DROP: {MessageState.UNCERTAIN},
}


def resolve(connection: Connection, keys: Sequence[int], how: Resolution, *, actor: str, at: datetime) -> int:
    """Settle these mails, all of them or none; return how many.

    A mail that is sent again keeps its Message-ID, is flagged, and goes to the address its learner has now.

    Args:
        connection: an open unit of work. The rows are locked, so that no sender decides otherwise in the same moment.
        keys: ids, as in the list of mail.
        how: what to take them for.
        actor: who decides.
        at: when.

    Raises:
        UnknownMail: there is no mail of one of these ids.
        NotResolvable: one of them is neither uncertain nor, to be sent again, failed.
    """
    wanted = sorted(set(keys))
    found = select(message.c.id, message.c.state).where(message.c.id.in_(wanted)).order_by(message.c.id)
    states = dict(connection.execute(found.with_for_update()).tuples().all())
    for key in wanted:
        _refuse(key, states.get(key), how)
    mine = message.c.id.in_(wanted)
    readdress(connection, select(message.c.learner_id).where(mine), which=mine)
    what = MailEvent(f"resolved-{how.value}")
    done = change(connection, mine, what, at=at, by=actor, claimed_by=None, claimed_at=None, **_values(how, at))
    detail = {"as": how.value, "number": done, "mails": wanted[:AUDITED]}
    audit.record(connection, at=at, actor=actor, act="resolve-mail", subject=f"{done} mails", detail=detail)
    return done


def _refuse(key: int, state: str | None, how: Resolution) -> None:
    if state is None:
        raise UnknownMail(f"there is no mail {key}; see: recert mail uncertain")
    if state not in MAY_BE[how]:
        allowed = " or ".join(sorted(each.value for each in MAY_BE[how]))
        raise NotResolvable(
            f"mail {key} is {state}: only {allowed} mail can be taken for {how.value}; nothing was changed"
        )


def _values(how: Resolution, at: datetime) -> dict[str, Any]:
    if how is Resolution.SENT:
        return {"state": MessageState.SENT.value, "sent_at": at, "next_try_at": None}
    if how is Resolution.RESEND:
        return {"state": MessageState.QUEUED.value, "next_try_at": at, "flagged": True}
    return {"state": MessageState.CANCELLED.value, "next_try_at": None}
