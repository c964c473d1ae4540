"""Which mail may leave now: nothing that is paused, nothing in quiet hours, nothing beyond what was approved.

One condition says so; it is asked when letters are claimed and again when they are marked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, true

from models.choices import Choices
from models.hours import Hours
from models.pauses import is_paused, pauses
from models.tables import learner, message, proposal, rollout_item, rollout_step
from models.words import MessageKind, MessageState, Outcome
from tasks.workbench import Workbench

# What makes a rollout's notice of each kind necessary.
OCCASIONED_BY = {
    MessageKind.RENOTIFICATION: (Outcome.RENOTIFY, Outcome.RENOTIFY_KEEP_DUE),
    MessageKind.RECERTIFICATION: (Outcome.RECERTIFY,),
    MessageKind.ASSIGNMENT: (Outcome.ASSIGN,),
    MessageKind.RETRACTION: (Outcome.UNDO,),
}


@dataclass(frozen=True, slots=True)
class Excess:
    """More notices of a rollout than learners who were approved: none of them leaves."""

    rollout_id: int
    kind: str
    letters: int
    approved: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Mail that is due and may not leave: why, and from when on it may (None: when somebody says so)."""

    why: str
    letters: int
    until: datetime | None = None


@dataclass(frozen=True)
class Leaving:
    """What a sender asks before it lets mail go.

    Attributes:
        now: the clock.
        zone: the organisation's time zone.
        hours: when mail to learners may leave.
        zones: the learners' own time zones.
        excess: what is beyond the approved count.
    """

    now: Callable[[], datetime]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    hours: Hours = field(default_factory=Hours)
    zones: Collection[str] = ()
    excess: Sequence[Excess] = ()

    @classmethod
    def read(cls, connection: Connection, bench: Workbench, chosen: Choices) -> Leaving:
        """Look up what this pass over the outbox must keep to."""
        zones = [] if chosen.hours.always_open else _zones(connection)
        found = list(_excess(connection, bench.now()))
        return cls(bench.now, bench.settings.zone, chosen.hours, zones, found)

    def allowed(self) -> ColumnElement[bool]:
        """Whether a message may leave at this moment, were it due."""
        return and_(~is_paused(), self._awake(), *[~_is_of(excess) for excess in self.excess])

    def _awake(self) -> ColumnElement[bool]:
        """Mail to users leaves at any hour: who asks for an answer by a day must not be kept waiting."""
        if self.hours.always_open:
            return true()
        here = self.hours.open_at(self.now(), self.zone)
        other = [name for name in self.zones if self.hours.open_at(self.now(), ZoneInfo(name)) is not here]
        if not other:
            return true() if here else message.c.learner_id.is_(None)
        elsewhere = select(literal(1)).where(learner.c.id == message.c.learner_id, learner.c.time_zone.in_(other))
        found = elsewhere.correlate(message).exists()
        return or_(message.c.learner_id.is_(None), ~found if here else found)

    def rests(self, connection: Connection, rollout_id: int | None = None) -> Iterator[Rest]:
        """Say what is due and rests, and why; a letter may rest for more than one reason."""
        due = is_due(self.now())
        if rollout_id is not None:
            due = and_(due, message.c.rollout_id == rollout_id)
        for each in pauses(connection):
            mine = true() if each.rollout_id is None else message.c.rollout_id == each.rollout_id
            whose = "all mail" if each.rollout_id is None else f"the mail of rollout {each.rollout_id}"
            since = f"{each.at:%Y-%m-%d %H:%M} UTC"
            yield Rest(f"{whose} was paused by {each.by}, {since}", _number(connection, due, mine))
        for excess in self.excess:
            yield Rest(_words(excess), _number(connection, due, _is_of(excess)))
        if not self.hours.always_open and (quiet := _number(connection, due, ~self._awake())):
            opening = min(self.hours.opens_at(self.now(), zone) for zone in self._closed())
            yield Rest("these are quiet hours where the learners live", quiet, opening)

    def _closed(self) -> list[ZoneInfo]:
        every = [self.zone, *map(ZoneInfo, self.zones)]
        return [zone for zone in every if not self.hours.open_at(self.now(), zone)]


def why_resting(connection: Connection, leaving: Leaving, rollout_id: int | None = None) -> str | None:
    """One line on why mail that is due (one rollout's, or any) has not left; None where none rests."""
    found = [rest for rest in leaving.rests(connection, rollout_id) if rest.letters]
    told = [f"{_letters(rest.letters)}: {rest.why}{_until(rest)}" for rest in found]
    return "; ".join(told) or None


def is_due(now: datetime) -> ColumnElement[bool]:
    """Whether a message's time has come: queued, deferred long enough, or uncertain and to be sent again."""
    return and_(is_waiting(), message.c.next_try_at <= now)


def is_waiting() -> ColumnElement[bool]:
    """Whether a message may be tried at all, now or later."""
    return message.c.state.in_([MessageState.QUEUED.value, MessageState.DEFERRED.value, MessageState.UNCERTAIN.value])


def _zones(connection: Connection) -> list[str]:
    known = select(learner.c.time_zone).where(learner.c.time_zone.is_not(None)).distinct()
    return sorted(connection.scalars(known))


def _excess(connection: Connection, now: datetime) -> Iterator[Excess]:
    """The notices of a rollout that are more than the learners whose items were applied under an approval."""
    kinds = [kind.value for kind in OCCASIONED_BY]
    due = select(message.c.rollout_id, message.c.kind).where(
        is_due(now), message.c.rollout_id.is_not(None), message.c.learner_id.is_not(None), message.c.kind.in_(kinds)
    )
    for rollout_id, kind in connection.execute(due.distinct()).all():
        written = select(func.count()).where(
            message.c.rollout_id == rollout_id,
            message.c.kind == kind,
            message.c.learner_id.is_not(None),
            message.c.state != MessageState.CANCELLED.value,
        )
        letters = connection.execute(written).scalar_one()
        approved = _approved(connection, rollout_id, MessageKind(kind))
        if letters > approved:
            yield Excess(rollout_id, kind, letters, approved)


def _approved(connection: Connection, rollout_id: int, kind: MessageKind) -> int:
    lines = (
        select(func.count(rollout_item.c.learner_id.distinct()))
        .join_from(rollout_item, proposal, proposal.c.id == rollout_item.c.proposal_id)
        .join(rollout_step, rollout_step.c.id == proposal.c.step_id)
        .where(
            rollout_step.c.rollout_id == rollout_id,
            rollout_item.c.outcome.in_([outcome.value for outcome in OCCASIONED_BY[kind]]),
            rollout_item.c.applied_at.is_not(None),
        )
    )
    return connection.execute(lines).scalar_one()


def _is_of(excess: Excess) -> ColumnElement[bool]:
    mine = and_(message.c.rollout_id == excess.rollout_id, message.c.kind == excess.kind)
    # not null: a mail of no rollout is of no rollout's excess
    return and_(message.c.learner_id.is_not(None), func.coalesce(mine, literal(False)))


def _words(excess: Excess) -> str:
    letters, approved = f"{excess.letters:,} {excess.kind} mails", f"{excess.approved:,} learners"
    return f"rollout {excess.rollout_id} has {letters} for {approved} on its approved list; see: recert doctor --data"


def _number(connection: Connection, *which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(message).where(*which)).scalar_one()


def _letters(number: int) -> str:
    return "1 letter" if number == 1 else f"{number:,} letters"


def _until(rest: Rest) -> str:
    return f", until {rest.until:%Y-%m-%d %H:%M} UTC" if rest.until else ""
