"""The outbox: a row for every mail, born with what makes it necessary, and the words its keys are made of."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, String, cast, literal

from models.words import MessageKind

LEARNER_PREFIX = "learner:"
USER_PREFIX = "user:"
# Who leads a learner is neither learner nor user: they are known by whom they lead, and the address of that row.
MANAGER_PREFIX = "manager:"
TO_MANAGERS = (MessageKind.ESCALATION, MessageKind.ESCALATION_RESOLVED)


def occasion(rollout_id: int, kind: MessageKind) -> str:
    """The occasion of a rollout's notices of one kind: with kind and recipient it is a mail's unique key."""
    return f"rollout:{rollout_id}:{kind.value}"


def day_occasion(day: date) -> str:
    """The occasion of what is mailed at most once a day to each recipient."""
    return f"day:{day}"


def week_occasion(day: date) -> str:
    """The occasion of what is mailed once in the week, Monday to Sunday, that *day* is in."""
    year, week, _ = day.isocalendar()
    return f"week:{year}-W{week:02}"


def occasion_token(key: bytes, named: str) -> str:
    """A short unguessable part for Message-IDs of one occasion; the same whenever it is derived again."""
    return hmac.new(key, f"message-id:{named}".encode(), hashlib.sha256).hexdigest()[:16]


def message_id_sql(kind: MessageKind, person_id: Any, token: str, domain: str) -> ColumnElement[str]:
    """A notice's Message-ID in SQL: stable over every retry, new for every occasion, without a name in it."""
    return literal(f"<{kind.value}.") + cast(person_id, String) + literal(f".{token}@{domain}>")


def message_id(kind: MessageKind, person_id: int, token: str, domain: str) -> str:
    """The same for one mail in Python."""
    return f"<{kind.value}.{person_id}.{token}@{domain}>"
