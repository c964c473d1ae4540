"""The fingerprint of a list: another list has another one, the same list always the same."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from models import ledger, lifecycle
from models.digest import items_digest
from models.tables import certification, course, learner, proposal, rollout_item
from models.words import Outcome, StepSlug
from tests.world import CHECKLIST_SLUGS, NOW, OPERATOR, TODAY, Held, a_learner, a_plan, some_courses

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from models.database import Database

days = st.none() | st.sampled_from([TODAY, TODAY + timedelta(days=1), date(2027, 1, 18)])
courses = st.none() | st.sampled_from(["C-1", "C-2"])
facts = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from([Outcome.RECERTIFY.value, Outcome.SKIP_NOT_DUE.value]),
        "flags": st.sampled_from([0, 1, 64]),
        **dict.fromkeys(("due_before", "due_after", "recertification_before", "recertification_after"), days),
        **dict.fromkeys(("course_before", "course_after"), courses),
    }
)
lists = st.dictionaries(st.sampled_from([1, 2, 3]), facts, max_size=3)


@pytest.fixture
def database(database: Database) -> Database:
    """A database with three learners and a rollout."""
    with database.write() as connection:
        some_courses(connection)
        for number in (1, 2, 3):
            a_learner(connection, number, Held())
        lifecycle.start(
            connection, a_plan(), OPERATOR, [(slug, TODAY) for slug in CHECKLIST_SLUGS], at=NOW, today=TODAY
        )
    return database


def digest_of(connection: Connection, lines: dict[int, dict[str, Any]], head: str = "head") -> str:
    """Write *lines* (by learner) as a proposal, in no particular order; return its digest."""
    connection.execute(delete(rollout_item))
    connection.execute(delete(proposal))
    step = ledger.steps(connection, 1)[StepSlug.RECERTIFY_DUE]
    values = {"round": 1, "proposed_on": TODAY, "proposed_at": NOW, "digest": "", "counts": {}, "facts": {}}
    key = connection.execute(insert(proposal).values(step_id=step.id, **values)).inserted_primary_key[0]
    codes = {row.code: row.id for row in connection.execute(select(course))} | {None: None}
    people = connection.execute(
        select(learner.c.employee_id, certification).join(certification, certification.c.learner_id == learner.c.id)
    ).all()
    for row in sorted(people, reverse=True):
        if (line := lines.get(int(row.employee_id[1:]))) is not None:
            named = {name: codes[line[name]] for name in ("course_before", "course_after")}
            keys = {"learner_id": row.learner_id, "training_type_id": row.training_type_id, "certification_id": row.id}
            connection.execute(insert(rollout_item).values(**{**line, **named}, **keys, proposal_id=key))
    return items_digest(connection, head, key)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=lists, other=lists, heads=st.tuples(*[st.sampled_from(["plan v1", "plan v2"])] * 2))
def test_two_lists_have_one_digest_if_and_only_if_they_are_the_same(
    database: Database, one: dict[int, Any], other: dict[int, Any], heads: tuple[str, str]
) -> None:
    with database.rehearse() as connection:
        same = digest_of(connection, one, heads[0]) == digest_of(connection, other, heads[1])
        assert same == ((one, heads[0]) == (other, heads[1]))


LINE = {
    "outcome": "recertify", "flags": 0, "due_before": None, "due_after": date(2026, 12, 23),
    "recertification_before": TODAY, "recertification_after": None, "course_before": "C-1", "course_after": "C-1",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "skip-excluded"},
        {"flags": 1},
        {"due_before": TODAY},
        {"due_after": date(2026, 12, 24)},
        {"recertification_before": None},
        {"recertification_after": TODAY},
        {"course_before": "C-2"},
        {"course_after": None},
    ],
)
def test_each_value_of_a_line_counts(database: Database, change: dict[str, Any]) -> None:
    with database.rehearse() as connection:
        assert digest_of(connection, {1: LINE}) != digest_of(connection, {1: {**LINE, **change}})


def test_what_is_no_part_of_the_list_does_not_count(database: Database) -> None:
    with database.rehearse() as connection:
        before = digest_of(connection, {1: LINE, 2: LINE})
        key = connection.execute(select(proposal.c.id)).scalar_one()
        connection.execute(update(rollout_item).values(applied_at=NOW))
        connection.execute(update(learner).values(first_name="Another", email="new@example.com"))
        assert items_digest(connection, "head", key) == before


def test_values_cannot_be_pushed_from_one_field_into_the_next(database: Database) -> None:
    with database.rehearse() as connection:
        found = [digest_of(connection, {1: LINE}, head) for head in ("a\nb", "a", "a\n", "")]
        assert all(one != other for one, other in itertools.combinations(found, 2))


def test_both_databases_give_the_same_digest(database: Database) -> None:
    """The same list, approved on one database and moved to another, is the same list."""
    with database.rehearse() as connection:
        found = digest_of(connection, {1: LINE, 3: {**LINE, "flags": 64, "outcome": "skip-not-due"}})
    assert found == "1c540b6ae4a7d28eebd8affebc166b26650cf1764acb256aebd14188ec4ceb52"
