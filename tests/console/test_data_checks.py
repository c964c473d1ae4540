from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select, update

from models.tables import audit, message, training_type
from tests.world import NOW, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench


@pytest.fixture
def looked_at(bench: Workbench, recert: Callable[..., Any]) -> Callable[..., Any]:
    """``recert doctor --data`` over ten learners."""
    assert bench
    return lambda *words: recert("doctor", "--data", *words)


def stuck_mail(bench: Workbench, number: int = 5) -> None:
    """So many mails that nobody would ever try."""
    common = {"kind": "recertification", "to_address": "a@example.org", "state": "queued", "created_at": NOW}
    with writing(bench) as connection:
        for each in range(number):
            named = {"occasion": f"o{each}", "recipient": f"learner:{each}", "message_id": f"<{each}@example.org>"}
            connection.execute(insert(message).values(**common, **named))


def test_a_sound_database_is_ok_line_by_line(looked_at: Callable[..., Any]) -> None:
    ended = looked_at()
    assert (ended.code, ended.err) == (0, "")
    assert all(line.startswith("ok       data: ") for line in ended.out.splitlines())
    assert len(ended.out.splitlines()) > 10


def test_each_broken_row_is_named_and_the_mend_told(bench: Workbench, looked_at: Callable[..., Any]) -> None:
    stuck_mail(bench)
    ended = looked_at()
    assert ended.code == 3
    [line] = [line for line in ended.out.splitlines() if line.startswith("wrong")]
    assert (
        "data: mail-moves: broken by 5: waiting mail will be tried. mail 1 waits, and would never be tried: queued"
        in line
    )
    assert line.endswith("; and 2 more; recert doctor --data --mend")
    document = looked_at("--json").json
    [finding] = [each for each in document["findings"] if each["level"] == "wrong"]
    assert document["ok"] is False
    assert [each["row"] for each in finding["rows"]] == [f"mail {number}" for number in range(1, 6)]


def test_the_mend_is_done_and_audited(bench: Workbench, looked_at: Callable[..., Any]) -> None:
    stuck_mail(bench, 2)
    assert looked_at("--mend").code == 0
    with bench.database.read() as connection:
        assert connection.scalar(select(func.count()).where(message.c.next_try_at.is_not(None))) == 2
        acts = connection.execute(select(audit.c.actor, audit.c.subject).where(audit.c.act == "mend")).all()
    assert [tuple(act) for act in acts] == [("recert doctor", "mail-moves")]
    assert looked_at("--mend").code == 0


def test_what_no_machine_can_mend_stays_wrong(bench: Workbench, looked_at: Callable[..., Any]) -> None:
    stuck_mail(bench, 1)
    with writing(bench) as connection:
        connection.execute(update(message).values(state="sent"))
        assert connection.scalar(select(func.count()).select_from(training_type))
    ended = looked_at("--mend")
    assert ended.code == 3
    assert "mail 1 is sent, and nobody knows when; restore the backup" in ended.out


def test_a_mend_without_data_is_wrong_usage(recert: Callable[..., Any]) -> None:
    ended = recert("doctor", "--mend")
    assert ended.code == 2
    assert "--mend goes with --data" in ended.line
