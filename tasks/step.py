"""The three beats of a step, once for all of them: what a proposal is made from, and how a chunk is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Subquery,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from models.orders import ActionPlan
from models.plan import RolloutPlan
from models.roster import standing
from models.staging import count
from models.tables import certification, certification_before, rollout_item
from models.words import CHANGING, Flag, Outcome, StepSlug
from tasks.audience import Case, audience

ITEM_COLUMNS = [column.name for column in rollout_item.columns if column.name != "applied_at"]
PAIRS = ("due", "recertification", "course")


@dataclass(frozen=True, slots=True)
class Rule:
    """A step's answer for one certification, as expressions over the audience's columns.

    Attributes:
        outcome: the step's own reason, for who is neither archived nor excluded.
        flags: a sum of ``Flag`` bits, for changing outcomes only.
        due, recertification, course: (before, after) pairs; the after counts only where the outcome changes something.
        assignment: the open assignment concerned, if any.
    """

    outcome: ColumnElement[str]
    flags: ColumnElement[int]
    due: tuple[Any, Any]
    recertification: tuple[Any, Any]
    course: tuple[Any, Any]
    assignment: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One transaction's share of an approved proposal: whole learners, in key order.

    Attributes:
        connection: the open transaction.
        case: what the proposal was made from; ``case.today`` is the day it is applied.
        proposal_id: whose items.
        above, upto: learner ids, ``above < id <= upto``.
        at: the instant written beside each change.
        actor: who is named for it.
        occasion_token: part of the Message-IDs born here; no two occasions share one.
        mail_domain: the fixed right-hand side of those ids.
        mail_hold: how long the notices born here wait before they may leave.
    """

    connection: Connection
    case: Case
    proposal_id: int
    above: int
    upto: int
    at: datetime
    actor: str
    occasion_token: str
    mail_domain: str
    mail_hold: timedelta = timedelta()

    @property
    def mail_from_at(self) -> datetime:
        """From when on the notices born here may leave."""
        return self.at + self.mail_hold

    def todo(self, *outcomes: Outcome) -> ColumnElement[bool]:
        """The chunk's items of *outcomes* (any changing one, if none is named) that are not applied yet."""
        wanted = outcomes or tuple(sorted(CHANGING))
        return and_(
            rollout_item.c.proposal_id == self.proposal_id,
            rollout_item.c.learner_id > self.above,
            rollout_item.c.learner_id <= self.upto,
            rollout_item.c.outcome.in_([outcome.value for outcome in wanted]),
            rollout_item.c.applied_at.is_(None),
        )

    def standings(self) -> Subquery:
        """Where the chunk's certifications stand now."""
        return standing(self.case.today)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the rollout checklist.

    Attributes:
        slug: its name for ever.
        title: what operations and approvers read.
        opens_on: the day it opens, from the plan and the day the rollout started.
        rule: what it proposes, over the audience's columns.
        review: ``always``, ``planned`` (where the plan asks for it), ``ordered`` (where an action's order does) or
            ``never``.
        still_holds: whether an item's values before still stand, over a fresh standing; None = nothing to apply.
        apply: carries a chunk out; its items hold by now.
        source: the earlier step whose renewed items alone this one is about, instead of the audience.
        people: whom it has items for, instead of the audience: a subquery of the same columns.
        prepare: makes what the lines of a chunk stand on, before they are locked and looked at again.
        moved: which lines hold no longer, where it is not a certification's standing that tells.
        keeps: it changes certifications, and what it replaces is kept for whoever undoes it.
    """

    slug: StepSlug
    title: str
    opens_on: Callable[[RolloutPlan, date], date]
    rule: Callable[[Case, Any], Rule]
    review: str = "never"
    still_holds: Callable[[Chunk, Any], ColumnElement[bool]] | None = None
    apply: Callable[[Chunk], None] | None = None
    source: StepSlug | None = None
    mails: bool = False
    people: Callable[[Case], Subquery] | None = None
    prepare: Callable[[Chunk], None] | None = None
    moved: Callable[[Chunk], ColumnElement[bool]] | None = None
    keeps: bool = False

    def reviewed(self, plan: RolloutPlan) -> bool:
        """Whether this step stops for approvers under *plan*."""
        if isinstance(plan, ActionPlan):
            return self.review == "ordered" and plan.order.review
        return self.review == "always" or (self.review == "planned" and self.slug in plan.reviews.steps)


def proposed(step: Step, case_: Case, proposal_id: int) -> Insert:
    """The one statement that writes an item for every certification of the audience."""
    people = step.people(case_) if step.people else audience(case_, step.source)
    rule = step.rule(case_, people.c)
    outcome = case(
        (people.c.archived, literal(Outcome.SKIP_ARCHIVED.value)),
        (people.c.excluded, literal(Outcome.SKIP_EXCLUDED.value)),
        (people.c.left_audience, literal(Outcome.SKIP_LEFT_AUDIENCE.value)),
        else_=rule.outcome,
    )
    flags = rule.flags + flag(people.c.is_new, Flag.NEW_SINCE_START)
    pairs = {name: getattr(rule, name) for name in PAIRS}
    ruled = (
        select(
            people.c.learner_id,
            people.c.training_type_id,
            people.c.certification_id,
            outcome.label("outcome"),
            flags.label("flags"),
            *[before.label(f"{name}_before") for name, (before, _) in pairs.items()],
            *[after.label(f"{name}_after") for name, (before, after) in pairs.items() if after is not before],
            rule.assignment.label("assignment_id"),
        )
        .order_by(people.c.learner_id, people.c.training_type_id)
        .offset(0)  # a fence: taken into the statement around it, each outcome is worked out once for every mention
        .subquery("ruled")
    )
    return insert(rollout_item).from_select(ITEM_COLUMNS, _lines(ruled.c, proposal_id))


def _lines(ruled: Any, proposal_id: int) -> Select[Any]:
    changes = ruled.outcome.in_([outcome.value for outcome in sorted(CHANGING)])

    def after(name: str) -> ColumnElement[Any]:
        before = ruled[f"{name}_before"]
        return case((changes, ruled[f"{name}_after"]), else_=before) if f"{name}_after" in ruled else before

    return select(
        literal(proposal_id),
        ruled.learner_id,
        ruled.training_type_id,
        ruled.certification_id,
        ruled.outcome,
        case((changes, ruled.flags), else_=ruled.flags.op("&")(Flag.NEW_SINCE_START.value)),
        *[side for name in PAIRS for side in (ruled[f"{name}_before"], after(name))],
        ruled.assignment_id,
    )


def flag(condition: ColumnElement[bool], bit: Flag) -> ColumnElement[int]:
    """*bit* where *condition* holds, else 0."""
    return case((condition, literal(int(bit))), else_=literal(0))


def chosen(*rules: tuple[ColumnElement[bool], Outcome], otherwise: Outcome | ColumnElement[Any]) -> ColumnElement[str]:
    """The first outcome whose condition holds, else *otherwise*."""
    last = literal(otherwise.value) if isinstance(otherwise, Outcome) else otherwise
    return case(*[(condition, literal(outcome.value)) for condition, outcome in rules], else_=last)


def lock_certifications(chunk: Chunk) -> None:
    """Take the chunk's certifications in key order, so that no other commit comes between check and change."""
    if chunk.connection.dialect.name != "postgresql":
        return  # SQLite has one writer, and we are it
    keys = select(rollout_item.c.certification_id).where(chunk.todo())
    locked = select(certification.c.id).where(certification.c.id.in_(keys)).order_by(certification.c.id)
    # counted, so that every row is visited and locked and none is sent here
    chunk.connection.execute(select(func.count()).select_from(locked.with_for_update().subquery()))


def set_aside_what_moved(chunk: Chunk, step: Step) -> int:
    """Give every item whose values before no longer hold its code; return how many there were."""
    if step.moved is not None:
        return _set_aside(chunk, step.moved(chunk))
    if step.still_holds is None:
        return 0
    now = chunk.standings()
    holds = and_(now.c.archived.is_(False), step.still_holds(chunk, now.c))
    stands = and_(
        now.c.certification_id == rollout_item.c.certification_id,
        # said of both, or every chunk would look through all certifications there are
        now.c.learner_id > chunk.above,
        now.c.learner_id <= chunk.upto,
    )
    return _set_aside(chunk, and_(stands, holds.is_not(True)))


def _set_aside(chunk: Chunk, which: ColumnElement[bool]) -> int:
    moved = update(rollout_item).where(chunk.todo(), which)
    return count(chunk.connection, moved.values(**unchanged(Outcome.SKIP_CHANGED_SINCE_REVIEW)))


def otherwise(chunk: Chunk, differs: Callable[[Any, Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Which of the chunk's lines stand otherwise now, for actions whose certification may be made only when they apply.

    Args:
        chunk: under way.
        differs: says so of a fresh standing and of the line as it was looked at.
    """
    line, now = rollout_item.alias("looked_at"), chunk.standings()
    mine = and_(line.c.proposal_id == chunk.proposal_id, line.c.applied_at.is_(None))
    found = (
        select(line.c.certification_id)
        .join(now, now.c.certification_id == line.c.certification_id)
        .where(mine, line.c.learner_id > chunk.above, line.c.learner_id <= chunk.upto, differs(now.c, line.c))
    )
    return rollout_item.c.certification_id.in_(found)


def remember(chunk: Chunk) -> None:
    """Keep what the chunk is about to replace and no item says: overrides, courses to come, what was left to people."""
    kept = [column for column in certification_before.c if column.name != "proposal_id"]
    values = [certification.c["id" if column.name == "certification_id" else column.name] for column in kept]
    anything = or_(
        certification.c.next_course_id.is_not(None),
        certification.c.override_on.is_not(None),
        certification.c.left_to_people_on.is_not(None),
    )
    replaced = (
        select(literal(chunk.proposal_id), *values)
        .join_from(rollout_item, certification, certification.c.id == rollout_item.c.certification_id)
        .where(chunk.todo(), anything)
    )
    columns = ["proposal_id", *[column.name for column in kept]]
    chunk.connection.execute(insert(certification_before).from_select(columns, replaced))


def unchanged(outcome: Outcome) -> dict[str, Any]:
    """What becomes of an item that turns out to change nothing: its code, and its values before also as those after."""
    item = rollout_item.c
    return {
        "outcome": outcome.value,
        "flags": item.flags.op("&")(Flag.NEW_SINCE_START.value),
        "due_after": item.due_before,
        "recertification_after": item.recertification_before,
        "course_after": item.course_before,
    }


def mark_applied(chunk: Chunk) -> int:
    """Mark the chunk's items applied, in the transaction of their changes; return how many."""
    return chunk.connection.execute(update(rollout_item).where(chunk.todo()).values(applied_at=chunk.at)).rowcount
