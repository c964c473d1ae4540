"""What the charts of a rollout are drawn from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from models.tables import assignment, message
from models.words import MessageState, StepSlug
from tasks.overview import overview
from tasks.rollout_charts import Due, due_days, funnel, sending
from tests import world

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def bench(migrated_url: str, tmp_path: Path) -> Any:
    bench = world.a_bench(migrated_url, tmp_path, migrated=True)
    with bench.database.write() as connection:
        world.some_users(connection)
        world.ten_learners(connection)
    world.started(bench)
    world.carry_out(bench, 1, *world.CHECKLIST_SLUGS)
    yield bench
    bench.database.dispose()


def sent(bench: Workbench, *instants: datetime) -> list[tuple[str, int]]:
    """Let the first mails of the rollout have left then; return the columns as a clock in Berlin shows them."""
    with bench.database.write() as connection:
        keys = connection.scalars(select(message.c.id).where(message.c.rollout_id == 1).order_by(message.c.id))
        for key, at in zip(keys, instants, strict=False):
            values = {"state": MessageState.SENT.value, "sent_at": at}
            connection.execute(update(message).where(message.c.id == key).values(**values))
        return [(f"{each.began_at:%m-%d %H:%M}", each.letters) for each in sending(connection, 1, BERLIN)]


def test_the_funnel_tells_of_each_step_what_it_saw_changes_and_has_done(bench: Workbench) -> None:
    with bench.database.read() as connection:
        steps = {each.slug: each for each in funnel(connection, overview(connection, 1))}
    renotified = steps[StepSlug.RENOTIFY_INCOMPLETE]
    assert renotified.lines > renotified.changes > 0
    assert renotified.done == renotified.changes
    assert steps[StepSlug.VERIFY_COMPLETION].changes == 0


def test_mail_is_told_by_the_minute_and_days_are_those_of_the_organisation(bench: Workbench) -> None:
    at = datetime(2026, 11, 23, 22, 58, 30, tzinfo=UTC)
    assert sent(bench) == []
    assert sent(bench, at, at + timedelta(minutes=2)) == [("11-23 23:58", 1), ("11-23 23:59", 0), ("11-24 00:00", 1)]
    assert sent(bench, at, at + timedelta(hours=1)) == [
        (f"11-23 23:{50}", 1), *[(f"11-24 00:{ten}0", 0) for ten in range(5)], ("11-24 00:50", 1),
    ]  # fmt: skip
    assert sent(bench, at, at + timedelta(hours=3))[0] == ("11-23 23:50", 1)
    assert len(sent(bench, at, at + timedelta(hours=6))) == 7
    assert sent(bench, at, at + timedelta(days=2)) == [("11-23 00:00", 1), ("11-24 00:00", 0), ("11-25 00:00", 1)]


def test_a_night_with_an_hour_more_has_a_column_more(bench: Workbench) -> None:
    at = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    hours = [hour for hour, _ in sent(bench, at, at + timedelta(hours=8))]
    assert hours == [f"10-24 {h}:00" for h in (22, 23)] + [f"10-25 0{h}:00" for h in (0, 1, 2, 2, 3, 4, 5)]


def test_due_days_tell_what_is_finished_by_now_and_many_are_put_together(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.database.write() as connection:
        told = due_days(connection, 1)
        assert sum(day.open for day in told) > 2
        assert all(day.finished == 0 for day in told)
        key = connection.scalar(select(assignment.c.id).where(assignment.c.due_on == told[0].first_on).limit(1))
        values = {"completed_on": date(2026, 11, 23), "progress": 100}
        connection.execute(update(assignment).where(assignment.c.id == key).values(**values))
        assert due_days(connection, 1)[0].finished == 1
        assert len(told) > 1
        monkeypatch.setattr("tasks.rollout_charts.COLUMNS", 1)
        [one] = due_days(connection, 1)
    first, last = told[0].first_on, told[-1].last_on
    assert one == Due(first, last, 1, sum(day.open for day in told) - 1)
