from __future__ import annotations

import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from models.audit import entries, verify
from models.errors import FileRefused
from models.tables import assignment, course, learner
from tasks.import_files import import_courses, import_history, import_learners
from tasks.sample_organisation import write_sample
from tests.world import TODAY, count, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.findings import ImportReport
    from tasks.workbench import Workbench

MESSY = Path(__file__).parent.parent / "data" / "messy"


@dataclass(frozen=True)
class Row:
    """A row that must be refused, and words its reason must have."""

    line: int
    column: str | None
    words: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A file, how it is imported, and what must come of it."""

    file: str
    how: Callable[..., ImportReport]
    stored: int
    refused: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


TAKEN = [
    Case("mark-and-crlf.csv", import_learners, 2),
    Case("semicolons.csv", import_learners, 2),
    Case("tabs.csv", import_learners, 2),
    Case("only-a-header.csv", import_learners, 0),
    Case("blank-lines.csv", import_learners, 2),
    Case("formulas.csv", import_learners, 2),
    Case("a-column-of-their-own.csv", import_learners, 2, notes=["the column `Locker` is not used"]),
]
REFUSED_ROWS = [
    Case("ragged.csv", import_learners, 2, [
        Row(3, None, ("3 cells", "header has 10")), Row(4, None, ("12 cells", "header has 10")),
    ]),
    Case("same-address-twice.csv", import_learners, 3, [Row(4, "Email", ("same address as line 2", "first one counts"))]),
    Case("same-number-twice.csv", import_learners, 3, [Row(4, "Employee ID", ("same Employee ID as line 2",))]),
    Case("bad-addresses.csv", import_learners, 2, [
        Row(3, "Email", ("not an e-mail address",)), Row(4, "Email", ("more than one address",)),
    ]),
    Case("nobody.csv", import_learners, 2, [Row(3, None, ("neither e-mail nor Employee ID",))]),
    Case("line-break-in-a-name.csv", import_learners, 2, [Row(3, "First Name", ("line break or control character", r"\r\n"))]),
    Case("nul.csv", import_learners, 2, [Row(3, "Last Name", ("control character", r"\x00"))]),
    Case("left-or-what.csv", import_learners, 2, [Row(3, "Status", ("On leave", "Active, Terminated or Inactive"))]),
    Case("quote-within.csv", import_learners, 2, [Row(3, None, ("quote",))]),
    Case("no-such-course.csv", import_history, 1, [Row(3, "Course Code", ("no course", "KILN-9"))]),
    Case("no-such-learner.csv", import_history, 1, [Row(3, "Email", ("no learner", "zoe@example.org"))]),
    Case("days-that-never-were.csv", import_history, 1, [
        Row(3, "Completed Date", ("31/31/2025", "no date, in any order")), Row(4, "Assigned Date", ("2026-02-30", "does not exist")),
    ]),
    Case("day-or-month-first.csv", import_history, 1, [
        Row(3, "Completed Date", ("5 June or May 6", "--date-format dmy", "mdy")),
    ]),
    Case("odd-progress.csv", import_history, 1, [
        Row(3, "Progress", ("not a whole number from 0 to 100",)), Row(4, "Progress", ("not a whole number from 0 to 100",)),
    ]),
    Case("finished-without-a-day.csv", import_history, 1, [Row(3, "Progress", ("without a Completed Date",))]),
    Case("tomorrow.csv", import_history, 1, [Row(3, "Completed Date", ("2026-11-24", "still to come"))]),
    Case("no-day-at-all.csv", import_history, 1, [Row(3, None, ("neither Assigned nor Completed Date",))]),
    Case("successor-nowhere.csv", import_courses, 2, [Row(3, "Successor", ("no course", "ATLANTIS"))]),
    Case("successors-in-a-ring.csv", import_courses, 0, [
        Row(2, "Successor", ("R-2",)), Row(3, "Successor", ("R-3",)), Row(4, "Successor", ("circle",)),
    ]),
]  # fmt: skip
REFUSED_FILES = [
    ("empty.csv", import_learners, ("the file is empty",)),
    ("blank.csv", import_learners, ("the file is empty",)),
    ("western-european.csv", import_learners, ("not UTF-8 at line 3", "--encoding cp1252")),
    ("wide.csv", import_learners, ("not UTF-8 at line 1", "--encoding utf-16")),
    ("same-column-twice.csv", import_learners, ("line 1", "`Email` is there twice")),
    ("no-key.csv", import_learners, ("line 1", "neither `Email` nor `Employee ID`")),
    ("no-course-column.csv", import_history, ("line 1", "no `Course Code`")),
    ("open-quote.csv", import_learners, ("quote opened on line 3", "never closed")),
    ("no-such-file.csv", import_learners, ("cannot be read",)),
]


def prepared(bench: Workbench, how: Callable[..., ImportReport]) -> None:
    if how is import_history:
        import_courses(bench, MESSY / "base-courses.csv")
        import_learners(bench, MESSY / "base-learners.csv")


def stored(bench: Workbench, how: Callable[..., ImportReport]) -> int:
    return count(bench, {import_learners: learner, import_history: assignment, import_courses: course}[how])


def adds_up(report: ImportReport) -> bool:
    return report.created + report.updated + report.unchanged + len(report.rejected) == report.read


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.file)
def test_a_file_that_looks_odd_is_taken_as_it_is(bench: Workbench, case: Case) -> None:
    report = case.how(bench, MESSY / case.file)
    assert (report.created, report.rejected, report.notes) == (case.stored, [], case.notes)
    assert (report.read, stored(bench, case.how)) == (case.stored, case.stored)


@pytest.mark.parametrize("case", REFUSED_ROWS, ids=lambda case: case.file)
def test_a_bad_row_is_refused_by_line_and_column_and_every_other_is_stored(bench: Workbench, case: Case) -> None:
    prepared(bench, case.how)
    before = stored(bench, case.how)
    report = case.how(bench, MESSY / case.file)
    assert [(refused.line, refused.column) for refused in report.rejected] == [(r.line, r.column) for r in case.refused]
    for refused, expected in zip(report.rejected, case.refused, strict=True):
        assert all(words in refused.reason for words in expected.words), refused.reason
        assert refused.reason.isprintable()
        assert refused.value.isprintable()
    assert (report.created, stored(bench, case.how) - before) == (case.stored, case.stored)
    assert adds_up(report)


@pytest.mark.parametrize(("file", "how", "words"), REFUSED_FILES, ids=[name for name, *_ in REFUSED_FILES])
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    bench: Workbench, file: str, how: Callable[..., ImportReport], words: tuple[str, ...]
) -> None:
    prepared(bench, how)
    before, acts = stored(bench, how), len(audited(bench))
    with pytest.raises(FileRefused) as refused:
        how(bench, MESSY / file)
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert str(refused.value).isprintable()
    assert (stored(bench, how), len(audited(bench))) == (before, acts)


@pytest.mark.parametrize(("how", "day"), [("mdy", "2026-05-06"), ("dmy", "2026-06-05")])
def test_an_ambiguous_day_is_read_in_the_order_that_was_named(bench: Workbench, how: Any, day: str) -> None:
    prepared(bench, import_history)
    report = import_history(bench, MESSY / "day-or-month-first.csv", date_format=how)
    assert (report.created, report.rejected) == (2, [])
    completed = [str(row[0]) for row in rows(bench, select(assignment.c.completed_on).order_by(assignment.c.id))]
    assert completed == ["2026-02-20", day]


def test_a_file_in_another_encoding_is_read_when_it_is_named(bench: Workbench) -> None:
    report = import_learners(bench, MESSY / "western-european.csv", encoding="cp1252")
    assert report.created == 2
    assert ("Zoë", "Groß \u2013 Hübner") in rows(bench, select(learner.c.first_name, learner.c.last_name))
    assert import_learners(bench, MESSY / "wide.csv", encoding="utf-16").created == 1


def test_an_encoding_nobody_knows_is_refused(bench: Workbench) -> None:
    for name in ("klingon", "base64"):
        with pytest.raises(FileRefused, match="no encoding"):
            import_learners(bench, MESSY / "base-learners.csv", encoding=name)


def test_a_name_longer_than_its_field_is_refused_and_cut_in_the_report(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    long = "x" * 200_000
    file.write_text(f"Email,Last Name\na@example.org,Short\nb@example.org,{long}\nc@example.org,Short\n")
    report = import_learners(bench, file)
    (refused,) = report.rejected
    assert (refused.line, refused.column, report.created) == (3, "Last Name", 2)
    assert "longer than the field may be" in refused.reason
    assert len(refused.value) == 80


def test_a_row_beyond_all_measure_is_refused_and_the_next_one_taken(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "longer.csv"
    file.write_text(f"Email,Last Name\na@example.org,Short\nb@example.org,{'x' * 1_100_000}\nc@example.org,Short\n")
    report = import_learners(bench, file)
    assert ([refused.line for refused in report.rejected], report.created) == ([3], 2)


def audited(bench: Workbench) -> list[Any]:
    with bench.database.read() as connection:
        return [entry for entry in entries(connection) if entry.act.startswith("import")]


def test_each_import_is_one_act_with_counts_and_the_files_digest(bench: Workbench) -> None:
    file = MESSY / "ragged.csv"
    import_learners(bench, file, actor="opal@example.org")
    (entry,) = audited(bench)
    assert (entry.actor, entry.act, entry.subject) == ("opal@example.org", "import-learners", "ragged.csv")
    counts = {"read": 4, "created": 2, "updated": 0, "unchanged": 0, "rejected": 2}
    assert entry.detail == {**counts, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    with bench.database.read() as connection:
        assert verify(connection) is None


def test_a_dry_run_reports_the_same_and_stores_nothing(bench: Workbench) -> None:
    tried = import_learners(bench, MESSY / "same-address-twice.csv", dry_run=True)
    assert (count(bench, learner), audited(bench)) == (0, [])
    assert import_learners(bench, MESSY / "same-address-twice.csv") == tried


def test_progress_is_told_in_bytes_up_to_the_end(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("Email\n" + "".join(f"l{number}@example.org\n" for number in range(5_000)))
    told: list[tuple[int, int]] = []
    import_learners(bench, file, progress=lambda done, total: told.append((done, total)))
    size = file.stat().st_size
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert (len(told) > 2, told[-1]) == (True, (size, size))


def test_two_imports_at_once_come_one_after_the_other(bench: Workbench, tmp_path: Path) -> None:
    write_sample(tmp_path, learners=200, today=TODAY)
    import_courses(bench, tmp_path / "courses.csv")
    for how, name in ((import_learners, "learners"), (import_history, "history")):
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(how, [bench] * 2, [tmp_path / f"{name}.csv"] * 2))
        assert sorted(report.created for report in reports) == [0, reports[0].read]
        assert sorted(report.unchanged for report in reports) == [0, reports[0].read]


def test_a_large_file_takes_no_more_memory_than_a_small_one(bench: Workbench, tmp_path: Path) -> None:
    peaks = []
    for learners in (1_500, 6_000):
        folder = tmp_path / str(learners)
        write_sample(folder, learners=learners, today=TODAY)
        import_courses(bench, folder / "courses.csv")
        import_learners(bench, folder / "learners.csv", dry_run=True)
        tracemalloc.start()
        assert import_learners(bench, folder / "learners.csv").rejected == []
        assert import_history(bench, folder / "history.csv").rejected == []
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert count(bench, learner) == 6_000
    assert peaks[1] < peaks[0] + 3 * 2**20
