from __future__ import annotations

import csv
import re
import tracemalloc
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tasks.sample_organisation import Organisation, write_sample
from tests.imports import Office
from tests.world import TODAY

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

RESERVED = re.compile(r"[^@\s]+@(?:[a-z]+\.)*example\.(?:com|org|net)", re.IGNORECASE)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, learners=1_500, seed=3, today=TODAY)
    return folder


def cells(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_the_same_arguments_give_the_same_files_and_another_seed_other_people(sample: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "again", learners=1_500, seed=3, today=TODAY)
    write_sample(tmp_path / "other", learners=1_500, seed=4, today=TODAY)
    for name in ("courses.csv", "learners.csv", "history.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (sample / name).read_bytes()
    assert (tmp_path / "other" / "learners.csv").read_bytes() != (sample / "learners.csv").read_bytes()


def test_more_learners_leave_the_first_ones_as_they_are(sample: Path) -> None:
    organisation = Organisation(3, TODAY)
    rows = [list(row.values()) for row in cells(sample / "learners.csv")]
    assert [organisation.learner(number) for number in range(1_500)] == rows


def test_every_address_lies_in_a_reserved_domain(sample: Path) -> None:
    rows = cells(sample / "learners.csv")
    addresses = [row[name] for row in rows for name in ("Email", "Manager Email") if row[name]]
    assert all(RESERVED.fullmatch(address) for address in addresses)
    assert 0.01 < sum(not row["Email"] for row in rows) / len(rows) < 0.03


def test_it_is_imported_without_a_refusal_and_everybody_is_there_in_every_state(
    bench: Workbench, sample: Path, tmp_path: Path
) -> None:
    from tasks.import_files import import_courses, import_history, import_learners

    for how, name in ((import_courses, "courses"), (import_learners, "learners"), (import_history, "history")):
        report = how(bench, sample / f"{name}.csv")
        assert (report.created, report.rejected, report.notes) == (report.read, [], [])
        again = how(bench, sample / f"{name}.csv")
        assert (again.unchanged, again.notes) == (report.read, [])
    rows = Office(bench, tmp_path).listed()
    shares = {status: number / len(rows) for status, number in Counter(row["status"] for row in rows).items()}
    assert set(shares) == {
        "archived", "past-due", "in-progress", "assigned", "due-for-recertification", "upcoming-recertification",
        "completed", "not-assigned",
    }  # fmt: skip
    assert 0.5 < shares["completed"] < 0.8
    assert 0.05 < shares["due-for-recertification"] < 0.2
    assert all(share > 0.002 for share in shares.values())
    assert any(row["next_course"] is None and row["course"] == "IS-LAB" for row in rows)
    assert any(row["course"] == "COC-1" and row["next_course"] == "COC-2" for row in rows)
    assert all(
        row["recertification_on"] is None for row in rows if row["course"] == "FS-1" and row["status"] == "completed"
    )


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2027, 1, 1)], ids=str)
def test_it_can_stand_on_any_day(tmp_path: Path, today: date) -> None:
    write_sample(tmp_path, learners=200, today=today)
    history = cells(tmp_path / "history.csv")
    assert all(row["Completed Date"] <= today.isoformat() for row in history)


def test_the_files_are_written_as_they_are_made(tmp_path: Path) -> None:
    tracemalloc.start()
    write_sample(tmp_path, learners=3_000, today=TODAY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
