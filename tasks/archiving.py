"""Actions on the learner as a whole: out of circulation, and back; dates and courses stay as they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Date, Select, cast, func, insert, literal, null, select, update

from models.automatic import leave_to_people
from models.tables import certification, learner, learner_before, proposal, rollout_item, rollout_step
from models.tables.columns import BigId
from models.unsent import cancel_of_learners
from models.words import LeftBecause, Outcome
from tasks.audience import Case
from tasks.step import Chunk, Rule, chosen

NO_DAY, NO_KEY = cast(null(), Date), cast(null(), BigId)


def archive_rule(case_: Case, person: Any) -> Rule:
    """Propose to archive who is active."""
    del case_
    return _of_learner(chosen((person.is_archived, Outcome.SKIP_ARCHIVED), otherwise=Outcome.ARCHIVE))


def unarchive_rule(case_: Case, person: Any) -> Rule:
    """Propose to bring back who is archived."""
    del case_
    return _of_learner(chosen((person.is_archived, Outcome.UNARCHIVE), otherwise=Outcome.SKIP_UNCHANGED))


def _of_learner(outcome: ColumnElement[str]) -> Rule:
    none = (NO_DAY, NO_DAY)
    return Rule(outcome, literal(0), due=none, recertification=none, course=(NO_KEY, NO_KEY), assignment=NO_KEY)


def archived_meanwhile(chunk: Chunk) -> ColumnElement[bool]:
    """Somebody else archived them."""
    del chunk
    return rollout_item.c.learner_id.in_(select(learner.c.id).where(learner.c.archived_at.is_not(None)))


def returned_meanwhile(chunk: Chunk) -> ColumnElement[bool]:
    """Somebody else brought them back."""
    del chunk
    return rollout_item.c.learner_id.in_(select(learner.c.id).where(learner.c.archived_at.is_(None)))


def archive(chunk: Chunk) -> None:
    """Archive, and take back the mail that has not left."""
    put_away(chunk, select(rollout_item.c.learner_id).where(chunk.todo(Outcome.ARCHIVE)))


def unarchive(chunk: Chunk) -> None:
    """Bring back, and keep since when they had been archived; who is overdue is left to people."""
    whom = select(rollout_item.c.learner_id).where(chunk.todo(Outcome.UNARCHIVE))
    since = select(literal(chunk.proposal_id), learner.c.id, learner.c.archived_at).where(learner.c.id.in_(whom))
    columns = ["proposal_id", "learner_id", "archived_at"]
    chunk.connection.execute(insert(learner_before).from_select(columns, since.order_by(learner.c.id)))
    bring_back(chunk, whom)


def put_away(chunk: Chunk, whom: Select[Any], *, undoes: int | None = None) -> None:
    """Archive those whose ids *whom* selects, and take back the mail that has not left.

    Args:
        chunk: under way.
        whom: selects their ids.
        undoes: the rollout that had brought them back: they are archived since when they were before it.
    """
    at = func.coalesce(_archived_before(undoes), literal(chunk.at, learner.c.archived_at.type)) if undoes else chunk.at
    chunk.connection.execute(update(learner).where(learner.c.id.in_(whom)).values(archived_at=at))
    cancel_of_learners(chunk.connection, whom, at=chunk.at, by=chunk.actor, reply="the learner was archived")


def _archived_before(rollout_id: int) -> ColumnElement[Any]:
    lists = select(proposal.c.id).join(rollout_step, rollout_step.c.id == proposal.c.step_id)
    mine = lists.where(rollout_step.c.rollout_id == rollout_id)
    kept = select(learner_before.c.archived_at).where(learner_before.c.proposal_id.in_(mine))
    return kept.where(learner_before.c.learner_id == learner.c.id).correlate(learner).scalar_subquery()


def bring_back(chunk: Chunk, whom: Select[Any]) -> None:
    """Bring those back whose ids *whom* selects; who is overdue is left to people."""
    theirs = certification.c.learner_id.in_(whom)
    leave_to_people(chunk.connection, theirs, today=chunk.case.today, because=LeftBecause.RETURNED)
    chunk.connection.execute(update(learner).where(learner.c.id.in_(whom)).values(archived_at=None))
