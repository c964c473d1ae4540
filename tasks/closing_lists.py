"""Who a rollout did not bring along, list by list: what operations act on, during it and after its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
)

from models import ledger
from models.dates import days_between
from models.ledger import Rollout, StepRecord
from models.outbox import LEARNER_PREFIX
from models.tables import (
    assignment,
    course,
    exclusion,
    learner,
    message,
    proposal,
    rollout_item,
    rollout_step,
    training_type,
)
from models.words import MessageKind, MessageState, Outcome, StepSlug
from tasks.checklist import CHECKLIST
from tasks.proposing import CHANGES, LETTER_OF, case_of
from tasks.verify_completion import uncovered
from tasks.workbench import Workbench

STREAM_ROWS = 5_000
PERSON = ("email", "employee_id", "first_name", "last_name", "department")
MANAGER = ("manager_email", "manager")
OPEN_FACTS = ("assigned_on", "first_due_on", "due_on", "progress")
# The newest first. Step 6 is only about who was renewed; every other step has a line for the whole audience.
WHOLE_AUDIENCE = tuple(step.slug for step in reversed(CHECKLIST) if step.slug is not StepSlug.NOTIFY_LEARNERS)
OUT_OF_IT = [Outcome.SKIP_ARCHIVED.value, Outcome.SKIP_EXCLUDED.value, Outcome.SKIP_LEFT_AUDIENCE.value]
# Step 6 sends what step 5 has written; an undo tells only some.
NOT_TELLING = (StepSlug.NOTIFY_LEARNERS, StepSlug.UNDO)
TELLING = {slug: kind for slug, kind in LETTER_OF.items() if slug not in NOT_TELLING}


class ListName(StrEnum):
    """The lists a rollout is closed with."""

    LEFT_BEHIND = "left-behind"
    NOT_ON_COMMON_DAY = "not-on-common-day"
    TAKEN_OUT = "taken-out"
    NOT_REACHED = "not-reached"
    UNCOVERED = "uncovered"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a list is read from: the rollout, its steps with their current proposals, and today."""

    connection: Connection
    rollout: Rollout
    steps: Mapping[StepSlug, StepRecord]
    today: date

    def newest(self, *slugs: StepSlug) -> StepRecord | None:
        """The first of these steps that has a proposal."""
        found = (self.steps[slug] for slug in slugs if slug in self.steps)
        return next((record for record in found if record.proposal is not None), None)


@dataclass(frozen=True, slots=True)
class ClosingList:
    """One list: its columns, and the queries whose rows make it up, one after the other."""

    columns: tuple[str, ...]
    queries: Callable[[Seen], Sequence[Select[Any]]]


def closing_list(
    connection: Connection, bench: Workbench, rollout_id: int, name: ListName, *, most: int | None = None
) -> Iterator[dict[str, Any]]:
    """Stream one list of a rollout, as it stands today, perhaps its first lines only; days and instants as they are.

    Raises:
        UnknownRollout: there is none with this id.
    """
    queries = LISTS[name].queries(_seen(connection, bench, rollout_id))
    return islice(_streamed(connection, [query.limit(most) for query in queries]), most)


def closing_counts(
    connection: Connection, bench: Workbench, rollout_id: int, names: Sequence[ListName]
) -> dict[ListName, int]:
    """How many lines each of these lists has today.

    Raises:
        UnknownRollout: there is none with this id.
    """
    seen = _seen(connection, bench, rollout_id)
    return {name: sum(_number(connection, query) for query in LISTS[name].queries(seen)) for name in names}


def _seen(connection: Connection, bench: Workbench, rollout_id: int) -> Seen:
    rollout = ledger.load(connection, rollout_id)
    return Seen(connection, rollout, ledger.steps(connection, rollout_id), bench.today())


def _number(connection: Connection, query: Select[Any]) -> int:
    """How many rows a query has, counted where they lie."""
    return connection.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()


def _streamed(connection: Connection, queries: Sequence[Select[Any]]) -> Iterator[dict[str, Any]]:
    for query in queries:
        with connection.execute(query.execution_options(yield_per=STREAM_ROWS)) as rows:
            for row in rows.mappings():
                yield {str(name): value for name, value in row.items()}


def _left_behind(seen: Seen) -> list[Select[Any]]:
    """Whose assignment was open when the rollout last looked, and still is; those it assigned itself left out."""
    record = seen.newest(*WHOLE_AUDIENCE)
    if record is None or record.proposal is None:
        return []
    item, today = rollout_item.c, literal(seen.today)
    late = case((assignment.c.due_on < today, days_between(assignment.c.due_on, today)), else_=0)
    facts = [
        training_type.c.slug.label("training_type"), course.c.code.label("course"),
        *[assignment.c[name] for name in OPEN_FACTS], late.label("days_past_due"),
    ]  # fmt: skip
    query = (
        _of_learners(*facts)
        .join(rollout_item, item.learner_id == learner.c.id)
        .join(assignment, assignment.c.id == item.assignment_id)
        .join(training_type, training_type.c.id == item.training_type_id)
        .join(course, course.c.id == assignment.c.course_id)
        .where(
            item.proposal_id == record.proposal.id,
            item.outcome.not_in(OUT_OF_IT),
            assignment.c.completed_on.is_(None),
            assignment.c.rollout_id.is_distinct_from(seen.rollout.id),
            learner.c.archived_at.is_(None),
        )
    )
    return [query.order_by(item.learner_id, item.training_type_id)]


def _not_on_common_day(seen: Seen) -> list[Select[Any]]:
    """Who had nothing open and yet another day than the common one (or none), with what each step said of them."""
    record = seen.newest(StepSlug.RECERTIFY_DUE, StepSlug.SET_RECERTIFICATION_DATES)
    aligned_by = seen.newest(StepSlug.SET_RECERTIFICATION_DATES)
    if record is None or record.proposal is None:
        return []
    item, aligned = rollout_item.c, rollout_item.alias("aligned")
    at_renewal = item.outcome if record.slug is StepSlug.RECERTIFY_DUE else null()
    own_on = item.recertification_before
    left_out = [*OUT_OF_IT, Outcome.SKIP_OPEN_ASSIGNMENT.value, Outcome.SKIP_ALREADY_ASSIGNED.value]
    moved = [Outcome.SET_DATE.value, Outcome.SET_DATE_EXTENDS.value]
    in_alignment = and_(
        aligned.c.proposal_id == (aligned_by.proposal.id if aligned_by and aligned_by.proposal else -1),
        aligned.c.learner_id == item.learner_id,
        aligned.c.training_type_id == item.training_type_id,
    )
    facts = [
        training_type.c.slug.label("training_type"), own_on.label("recertification_on"),
        aligned.c.outcome.label("at_alignment"), at_renewal.label("at_renewal"),
    ]  # fmt: skip
    query = (
        _of_learners(*facts)
        .join(rollout_item, item.learner_id == learner.c.id)
        .join(training_type, training_type.c.id == item.training_type_id)
        .outerjoin(aligned, in_alignment)
        .where(
            item.proposal_id == record.proposal.id,
            item.outcome.not_in([*left_out, *moved]),
            or_(own_on.is_(None), own_on != seen.rollout.plan.recertify_on),
            learner.c.archived_at.is_(None),
        )
    )
    return [query.order_by(item.learner_id, item.training_type_id)]


def _taken_out(seen: Seen) -> list[Select[Any]]:
    """Who was excluded by the plan or at a gate, and not released since."""
    facts = [exclusion.c.excluded_by.label("taken_out_by"), exclusion.c.excluded_at.label("taken_out_at")]
    query = _of_learners(*facts).join(exclusion, exclusion.c.learner_id == learner.c.id)
    return [
        query.where(exclusion.c.rollout_id == seen.rollout.id, exclusion.c.released_at.is_(None)).order_by(learner.c.id)
    ]


def _not_reached(seen: Seen) -> list[Select[Any]]:
    """Who was given something and not told: no address, a mail that failed, or one nobody knows of."""
    telling = [(seen.steps[slug], kind) for slug, kind in TELLING.items() if slug in seen.steps]
    without = [_without_address(seen, record, kind) for record, kind in telling]
    unsure = [MessageState.FAILED.value, MessageState.UNCERTAIN.value]
    # from its mails to their learners, not from every learner to all of its mails
    mails = message.join(learner, learner.c.id == message.c.learner_id)
    mailed = _of_learners(message.c.kind, message.c.state.label("reason"), message.c.last_reply, start=mails)
    mine = (message.c.rollout_id == seen.rollout.id, message.c.state.in_(unsure))
    return [*without, mailed.where(*mine).order_by(message.c.id)]


def _without_address(seen: Seen, record: StepRecord, kind: MessageKind) -> Select[Any]:
    """Learners with a line of this step that was carried out, and no mail about it; withdrawn lists count, too."""
    item = rollout_item.c
    proposals = select(proposal.c.id).where(proposal.c.step_id == record.id)
    given = select(item.learner_id).where(
        item.proposal_id.in_(proposals), item.outcome.in_(CHANGES), item.applied_at.is_not(None)
    )
    # by its unique key; a rollout has as many mails as learners, so that their index by rollout, hidden from SQLite by
    # the sum, would be gone through once for each of them
    to_them = literal(LEARNER_PREFIX) + cast(learner.c.id, String)
    mailed = select(literal(1)).where(
        message.c.kind == kind.value, message.c.recipient == to_them, message.c.rollout_id + 0 == seen.rollout.id
    )
    facts: list[ColumnElement[Any]] = [
        literal(kind.value).label("kind"),
        literal("no-address").label("reason"),
        null().label("last_reply"),
    ]
    return _of_learners(*facts).where(learner.c.id.in_(given), ~mailed.exists()).order_by(learner.c.id)


def _uncovered(seen: Seen) -> list[Select[Any]]:
    """Learners of the audience without a certification in a training type of the plan; an action has no audience."""
    if seen.rollout.action is not None:
        return []
    return [uncovered(case_of(seen.connection, seen.rollout, {}, seen.today))]


def _of_learners(*facts: ColumnElement[Any], start: FromClause = learner) -> Select[Any]:
    """A select of who it is, *facts*, and the manager: by address, and by name where they are learners themselves."""
    manager = learner.alias("manager")
    name = func.trim(manager.c.first_name + " " + manager.c.last_name)
    return (
        select(*[learner.c[column] for column in PERSON], *facts, learner.c.manager_email, name.label("manager"))
        .select_from(start)
        .outerjoin(manager, manager.c.email_key == func.lower(learner.c.manager_email))
    )


LISTS = {
    ListName.LEFT_BEHIND: ClosingList(
        (*PERSON, "training_type", "course", *OPEN_FACTS, "days_past_due", *MANAGER),
        _left_behind,
    ),
    ListName.NOT_ON_COMMON_DAY: ClosingList(
        (*PERSON, "training_type", "recertification_on", "at_alignment", "at_renewal", *MANAGER), _not_on_common_day
    ),
    ListName.TAKEN_OUT: ClosingList((*PERSON, "taken_out_by", "taken_out_at", *MANAGER), _taken_out),
    ListName.NOT_REACHED: ClosingList((*PERSON, "kind", "reason", "last_reply", *MANAGER), _not_reached),
    ListName.UNCOVERED: ClosingList(("email", "employee_id", "training_type"), _uncovered),
}


def applied(connection: Connection, rollout_id: int) -> dict[StepSlug, int]:
    """Step → number of its lines that have been carried out, in checklist order; withdrawn lists count, too."""
    rows = connection.execute(
        select(rollout_step.c.slug, func.count(rollout_item.c.applied_at))
        .join_from(rollout_step, proposal, proposal.c.step_id == rollout_step.c.id)
        .join(rollout_item, rollout_item.c.proposal_id == proposal.c.id)
        .where(rollout_step.c.rollout_id == rollout_id)
        .group_by(rollout_step.c.slug, rollout_step.c.position)
        .order_by(rollout_step.c.position)
    )
    return {StepSlug(row[0]): row[1] for row in rows}
