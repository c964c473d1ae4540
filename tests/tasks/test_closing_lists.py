from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from models.errors import UnknownRollout
from models.tables import assignment, certification, learner, message
from models.words import StepSlug
from tasks.closing_lists import LISTS, ListName, applied, closing_counts, closing_list
from tasks.exclusions import release
from tests import world
from tests.query_plans import query_plans

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench


@pytest.fixture
def bench(migrated_url: str, tmp_path: Path) -> Any:
    bench = world.a_bench(migrated_url, tmp_path, migrated=True)
    with bench.database.write() as connection:
        world.some_users(connection)
        world.ten_learners(connection)
        for number, manager in ((4, "L3@Example.com"), (1, "boss@example.net")):
            mine = update(learner).where(learner.c.employee_id == f"E{number}")
            connection.execute(mine.values(manager_email=manager))
    yield bench
    bench.database.dispose()


def rows(bench: Workbench, rollout_id: int, name: ListName) -> list[dict[str, Any]]:
    with bench.database.read() as connection:
        found = list(closing_list(connection, bench, rollout_id, name))
        assert closing_counts(connection, bench, rollout_id, [name]) == {name: len(found)}
        assert list(closing_list(connection, bench, rollout_id, name, most=2)) == found[:2]
    assert all(set(row) == set(LISTS[name].columns) for row in found), "every row has exactly the list's columns"
    return found


def who(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["employee_id"], row["training_type"]) for row in found]


def carried_out(bench: Workbench, **plan: Any) -> int:
    """A rollout whose six steps are carried out; its mail waits."""
    rollout_id = world.started(bench, **plan)
    world.carry_out(bench, rollout_id, *world.CHECKLIST_SLUGS)
    return rollout_id


def test_who_is_still_open_is_left_behind_with_the_days_past_due(bench: Workbench) -> None:
    rollout_id = carried_out(bench)
    found = rows(bench, rollout_id, ListName.LEFT_BEHIND)
    assert who(found) == [("E2", "conduct"), ("E2", "privacy"), ("E10", "conduct")]
    first = found[0]
    assert (first["first_due_on"], first["due_on"], first["days_past_due"]) == (
        date(2026, 10, 31), date(2026, 12, 18), 0,
    )  # fmt: skip
    later = world.a_bench(
        bench.database.url.render_as_string(hide_password=False), bench.settings.home, today=date(2026, 12, 20)
    )
    assert [row["days_past_due"] for row in rows(later, rollout_id, ListName.LEFT_BEHIND)] == [2, 0, 2]
    later.database.dispose()


def test_who_completes_later_is_left_behind_no_more(bench: Workbench) -> None:
    rollout_id = carried_out(bench)
    with bench.database.write() as connection:
        learners = select(certification.c.id).join(learner, learner.c.id == certification.c.learner_id)
        his = assignment.c.certification_id.in_(learners.where(learner.c.employee_id == "E2"))
        done = update(assignment).where(his, assignment.c.completed_on.is_(None))
        connection.execute(done.values(completed_on=date(2026, 11, 30)))
    assert who(rows(bench, rollout_id, ListName.LEFT_BEHIND)) == [("E10", "conduct")]


def test_who_was_not_aligned_is_listed_with_the_reason_of_each_step(bench: Workbench) -> None:
    rollout_id = carried_out(bench, extend_at_most_days=100)
    found = rows(bench, rollout_id, ListName.NOT_ON_COMMON_DAY)
    assert [(row["employee_id"], row["recertification_on"], row["at_alignment"], row["at_renewal"]) for row in found] == [
        ("E6", date(2026, 5, 1), "skip-would-extend", "recertify"),
        ("E7", date(2026, 1, 1), "skip-no-course", "skip-no-course"),
        ("E8", None, "skip-never-completed", "skip-never-completed"),
    ]  # fmt: skip


def test_who_was_taken_out_is_listed_with_by_whom_until_released(bench: Workbench) -> None:
    rollout_id = world.started(bench, audience={"exclude": ["e9@nowhere.example", "E9"]})
    world.propose(bench, rollout_id, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    world.approve(bench, rollout_id, exclude=("L2@EXAMPLE.COM",))
    found = rows(bench, rollout_id, ListName.TAKEN_OUT)
    assert [(row["employee_id"], row["taken_out_by"]) for row in found] == [("E2", world.APPROVER), ("E9", "plan")]
    release(bench, rollout_id, ["E2"], world.OPERATOR)
    assert [row["employee_id"] for row in rows(bench, rollout_id, ListName.TAKEN_OUT)] == ["E9"]


def test_who_was_not_reached_is_listed_with_the_reason_and_the_manager(bench: Workbench) -> None:
    rollout_id = carried_out(bench)
    with bench.database.write() as connection:
        for number, state, reply in ((1, "failed", "550 no such user"), (6, "uncertain", None), (9, "sent", "250 ok")):
            his = message.c.learner_id.in_(select(learner.c.id).where(learner.c.employee_id == f"E{number}"))
            connection.execute(update(message).where(his).values(state=state, last_reply=reply))
    found = rows(bench, rollout_id, ListName.NOT_REACHED)
    facts = ("employee_id", "kind", "reason", "last_reply", "manager_email", "manager")
    assert [tuple(row[name] for name in facts) for row in found] == [
        ("E4", "recertification", "no-address", None, "L3@Example.com", "First3 Last3"),
        ("E1", "recertification", "failed", "550 no such user", "boss@example.net", None),
        ("E6", "recertification", "uncertain", None, None, None),
    ]


def test_who_was_told_is_found_by_a_mails_key_and_not_among_all_mail_of_the_rollout(bench: Workbench) -> None:
    """A rollout of 100,000 learners has 100,000 mails: looking through all for each took hours on SQLite."""
    rollout_id = carried_out(bench)
    with query_plans(bench.database) as asked:
        assert rows(bench, rollout_id, ListName.NOT_REACHED)
    plans = [
        "\n".join(plan) for statement, plan in asked if "FROM message" in statement and "rollout_item" in statement
    ]
    assert bool(plans) is bench.database.is_sqlite
    assert all("message USING INDEX sqlite_autoindex_message" in plan for plan in plans)


def test_the_uncovered_of_the_audience_are_listed(bench: Workbench) -> None:
    rollout_id = carried_out(bench)
    assert ("E7", "conduct") in who(rows(bench, rollout_id, ListName.UNCOVERED))


@pytest.mark.parametrize("name", [name for name in ListName if name is not ListName.UNCOVERED])
def test_before_anything_is_proposed_every_list_is_empty(bench: Workbench, name: ListName) -> None:
    assert rows(bench, world.started(bench), name) == []


def test_a_rollout_that_is_not_there_is_named(bench: Workbench) -> None:
    with pytest.raises(UnknownRollout, match="there is no rollout 7"):
        rows(bench, 7, ListName.TAKEN_OUT)


def test_what_was_applied_is_counted_for_each_step(bench: Workbench) -> None:
    rollout_id = carried_out(bench)
    with bench.database.read() as connection:
        assert applied(connection, rollout_id) == {
            StepSlug.VERIFY_COMPLETION: 0,
            StepSlug.RENOTIFY_INCOMPLETE: 3,
            StepSlug.SET_RECERTIFICATION_DATES: 5,
            StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION: 6,
            StepSlug.RECERTIFY_DUE: 6,
            StepSlug.NOTIFY_LEARNERS: 5,
        }
