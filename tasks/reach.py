"""Whom no mail can reach: told before anybody approves, and nothing said where it would be a guess.

The database finds the few addresses that are out of the ordinary; those alone are read one by one, by the very
function that reads them when they are mailed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select, update

from mail.addresses import LOCAL_LIMIT, AddressUnusable, read_mailbox
from models.addresses import octets
from models.ledger import StepRecord
from models.tables import learner, proposal, rollout_item
from models.words import Outcome, StepSlug
from tasks.workbench import Workbench

STREAM_ROWS = 5_000
# A gate opens with or without the answer; nobody waits longer for it.
PATIENCE_SECONDS = 5.0
SMTPUTF8 = "smtputf8"
CARRIES = "server-carries-smtputf8"
# The steps whose list says who will be mailed. The notices of step 6 are those born in step 5.
MAILING = (
    StepSlug.RENOTIFY_INCOMPLETE,
    StepSlug.RECERTIFY_DUE,
    StepSlug.RECERTIFY,
    StepSlug.RENOTIFY,
    StepSlug.ASSIGN,
)
MAILED = [outcome.value for outcome in (Outcome.RENOTIFY, Outcome.RENOTIFY_KEEP_DUE, Outcome.RECERTIFY, Outcome.ASSIGN)]


class Why(StrEnum):
    """Why an address is out of reach. The value is a key of a list's facts, and what JSON shows."""

    NEEDS_SMTPUTF8 = "needs-smtputf8"
    NO_MAILBOX = "no-mailbox"


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """A learner whose address only a server with SMTPUTF8 can carry, or none at all."""

    email: str
    employee_id: str | None
    why: Why


def of_organisation(connection: Connection) -> Iterator[OutOfReach]:
    """Stream the active learners whose address not every mail server can carry."""
    yield from _judged(connection, learner.c.archived_at.is_(None))


def of_list(connection: Connection, proposal_id: int) -> Iterator[OutOfReach]:
    """Stream those of a list whom it would have mailed, and whose address not every mail server can carry."""
    line = select(literal(1)).where(
        rollout_item.c.proposal_id == proposal_id,
        rollout_item.c.learner_id == learner.c.id,
        rollout_item.c.outcome.in_(MAILED),
    )
    yield from _judged(connection, line.exists())


def _judged(connection: Connection, *which: ColumnElement[bool]) -> Iterator[OutOfReach]:
    odd = select(learner.c.email, learner.c.employee_id).where(is_odd(learner.c.email), *which).order_by(learner.c.id)
    with connection.execute(odd.execution_options(yield_per=STREAM_ROWS)) as rows:
        for row in rows:
            why = judge(row.email)
            if why is not None:
                yield OutOfReach(row.email, row.employee_id, why)


def is_odd(email: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether an address must be read to know if it can be mailed: beyond ASCII, or very long. No other need be."""
    length = func.length(email)
    return or_(octets(email) != length, length > LOCAL_LIMIT)


def judge(email: str) -> Why | None:
    """Say why not every mail server can carry this address; None where every one can."""
    try:
        mailbox = read_mailbox(email)
    except AddressUnusable:
        return Why.NO_MAILBOX
    return Why.NEEDS_SMTPUTF8 if mailbox.needs_utf8 else None


def of_rollout(connection: Connection, steps: Mapping[StepSlug, StepRecord]) -> Iterator[tuple[StepSlug, OutOfReach]]:
    """Stream whom the mail of a rollout's present lists is known not to reach, as it was when their gates opened."""
    for slug in (slug for slug in MAILING if slug in steps):
        made = steps[slug].proposal
        if made is not None and (made.facts.get(Why.NO_MAILBOX) or made.facts.get(CARRIES) is False):
            found = known(of_list(connection, made.id), carried=made.facts.get(CARRIES))
            yield from ((slug, one) for one in found)


def facts(connection: Connection, proposal_id: int, slug: StepSlug) -> dict[str, Any]:
    """What an approver must know of a list's addresses: why → number; and what was heard of the server, if anything."""
    if slug not in MAILING:
        return {}
    found: dict[str, Any] = dict(Counter(one.why.value for one in of_list(connection, proposal_id)))
    heard = _noted(connection, proposal_id).get(CARRIES)
    return found if heard is None else {**found, CARRIES: heard}


def ask(bench: Workbench) -> bool | None:
    """Ask the mail server, where any address makes it matter, whether it offers SMTPUTF8; None where nobody knows.

    One short connection at most, outside of any transaction; whatever goes wrong is no answer.
    """
    with bench.database.read() as connection:
        if not any(one.why is Why.NEEDS_SMTPUTF8 for one in of_organisation(connection)):
            return None
    from mail.sender import abilities  # noqa: PLC0415 - whoever only looks at a list needs no mail room

    try:
        return SMTPUTF8 in abilities(bench.settings.post, timeout=PATIENCE_SECONDS)
    except Exception:  # noqa: BLE001 - a gate opens whatever the mail server does
        return None


def note(connection: Connection, proposal_id: int, carries: bool | None) -> None:
    """Keep beside a list what the mail server answered when its gate opened."""
    was = _noted(connection, proposal_id)
    if carries is not None and was.get(Why.NEEDS_SMTPUTF8):
        now = update(proposal).where(proposal.c.id == proposal_id)
        connection.execute(now.values(facts={**was, CARRIES: carries}))


def _noted(connection: Connection, proposal_id: int) -> dict[str, Any]:
    return dict(connection.execute(select(proposal.c.facts).where(proposal.c.id == proposal_id)).scalar_one())


def known(found: Iterable[OutOfReach], *, carried: bool | None) -> Iterator[OutOfReach]:
    """Of *found*, whom mail is known not to reach; *carried*: whether the server offers SMTPUTF8, None if unknown."""
    return (one for one in found if one.why is Why.NO_MAILBOX or carried is False)
