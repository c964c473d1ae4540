"""Faults put in on purpose, one at a time: ``MUTANT=name python -m pytest -p tests.mutants path::test``.

``python -c "from tests import mutants; mutants.try_each()"`` reads a JSON object, mutant → tests, and writes another, mutant
→ what pytest said of them.

Each takes one of the guarantees away, as a hasty change might. ``test_mutants`` says which tests notice.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import sys
import tempfile
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

import alembic.op
import pytest
from sqlalchemy import UniqueConstraint, select, update
from sqlalchemy.ext.compiler import compiles

import models.automatic
import models.dates
import models.lease
import models.reviews
import tasks.applying
import tasks.archiving
from models.tables import app_user, approval, assignment, proposal, review, rollout
from models.words import ALIVE, Decision
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

ONCE = {"certification_id", "cycle"}
WORDS = ["-p", "no:cacheprovider", "-rA", "--tb=no"]


def without_the_unique_key() -> None:
    """Neither the migrations nor the tables know that a certification has each cycle once."""
    create_table = alembic.op.create_table

    def is_key(part: Any) -> bool:
        return isinstance(part, UniqueConstraint) and set(_names(part)) == ONCE

    def create(name: str, *parts: Any, **more: Any) -> Any:
        return create_table(name, *[part for part in parts if name != "assignment" or not is_key(part)], **more)

    alembic.op.create_table = create
    assignment.constraints -= {part for part in assignment.constraints if is_key(part)}


def _names(key: UniqueConstraint) -> list[str]:
    pending: Sequence[Any] = key._pending_colargs  # the columns of a constraint that is in no table yet
    return [getattr(column, "name", column) for column in pending]


def without_the_digest_check() -> None:
    """The digest that was noted is believed; the list itself is not looked at again."""

    def noted(connection: Connection, head: str, proposal_id: int) -> str:
        del head
        return str(connection.scalar(select(proposal.c.digest).where(proposal.c.id == proposal_id)))

    tasks.applying.items_digest = noted


def without_the_epoch() -> None:
    """Whoever once had the lease may go on writing."""

    def beat(connection: Connection, rollout_id: int, epoch: int, at: datetime) -> None:
        del epoch
        living = update(rollout).where(rollout.c.id == rollout_id, rollout.c.state.in_(ALIVE))
        if connection.execute(living.values(heartbeat_at=at)).rowcount != 1:
            raise models.lease.LeaseLost

    models.lease.beat = beat


def by_display_name() -> None:
    """Approvers are told apart, and from the requester, by what they are called."""

    def standing_approvals(connection: Connection, proposal_id: int, digest: str, requested_by: str) -> list[int]:
        asked = select(app_user.c.name).where(app_user.c.email == requested_by).scalar_subquery()
        rows = connection.execute(
            select(approval.c.id, app_user.c.name)
            .join_from(approval, review, review.c.id == approval.c.review_id)
            .join(app_user, app_user.c.id == approval.c.approver_id)
            .where(
                review.c.proposal_id == proposal_id,
                approval.c.decision == Decision.APPROVE.value,
                approval.c.digest_approved == digest,
                approval.c.void_at.is_(None),
                app_user.c.name != asked,
            )
        )
        return list({row.name: row.id for row in rows}.values())

    models.reviews.standing_approvals = standing_approvals


def by_the_machines_day() -> None:
    """The business day is the one on the machine's calendar, whatever the organisation's time zone."""
    Workbench.today = lambda self: self.settings.today or date.today()  # type: ignore[method-assign]  # noqa: DTZ011


def without_the_values_before() -> None:
    """What moved on since the review is changed all the same."""
    tasks.applying.set_aside_what_moved = lambda chunk, step: 0  # noqa: ARG005


def consuming_by_itself() -> None:
    """An approval is used up in a transaction of its own, before the first chunk's."""
    consume = tasks.applying._consume_approval

    def consume_and_commit(connection: Connection, whole: tasks.applying.Pass) -> None:
        consume(connection, whole)
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    tasks.applying._consume_approval = consume_and_commit


def without_voiding() -> None:
    """An exclusion leaves the approvals of the longer list as they are."""
    models.reviews.void_others = lambda connection, review_id, at: 0  # noqa: ARG005


def on_the_day_of_completion() -> None:
    """Who completes today what is due again already is assigned it today."""
    source = inspect.getsource(models.automatic.due)
    assert source.count("completed_on < today") == 1
    exec(source.replace("completed_on < today", "completed_on <= today"), vars(models.automatic))  # noqa: S102 - our own text


def without_the_months_end() -> None:
    """SQLite counts months as it does by itself: a month after the 31st of January is in March."""

    @compiles(models.dates.add_months_sql, "sqlite")
    def add_months(element: Any, compiler: Any, **kw: Any) -> str:
        day, months = (compiler.process(clause, **kw) for clause in element.clauses)
        return f"date({day}, ({months}) || ' months')"


def back_without_a_word() -> None:
    """Who comes back from the archive overdue is not left to people."""
    tasks.archiving.leave_to_people = lambda connection, which, *, today, because: None  # noqa: ARG005


MUTANTS = {
    each.__name__.replace("_", "-"): each
    for each in (
        without_the_unique_key,
        without_the_digest_check,
        without_the_epoch,
        by_display_name,
        by_the_machines_day,
        without_the_values_before,
        consuming_by_itself,
        without_voiding,
        on_the_day_of_completion,
        without_the_months_end,
        back_without_a_word,
    )
}


def pytest_configure() -> None:
    """Put the fault in before any test is read."""
    MUTANTS[os.environ["MUTANT"]]()


def try_each() -> None:
    """Put each mutant into a copy of one process, which has loaded once what all of them need."""
    named, said = json.load(sys.stdin), {}
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*WORDS, "--collect-only", "tests/config"])  # so that the plugins are there
    for mutant, tests in named.items():
        with tempfile.TemporaryFile("w+") as told:
            if not (pid := os.fork()):
                _try(mutant, tests, told.fileno())
            os.waitpid(pid, 0)
            told.seek(0)
            said[mutant] = told.read()
    json.dump(said, sys.stdout)


def _try(mutant: str, tests: Sequence[str], told: int) -> NoReturn:
    os.dup2(told, 1)
    os.dup2(told, 2)
    os.environ["MUTANT"] = mutant
    try:
        pytest.main([*WORDS, *tests], plugins=[sys.modules[__name__]])
        sys.stdout.flush()
    finally:
        os._exit(0)
