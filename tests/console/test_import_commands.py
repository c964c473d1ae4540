from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

RECERT = Path(sys.executable).with_name("recert")

COURSES = "Course Code,Title,Training Type,Frequency Months\nHP,Harassment Prevention,harassment-prevention,12\n"
LEARNERS = "Email,Employee ID,First Name,Last Name\nann@example.org,1,Ann,Arbor\nbea@example.org,2,Bea,Berlin\n"
HISTORY = "Email,Course Code,Assigned Date,Completed Date\nann@example.org,HP,2026-01-05,2026-01-20\n"
ONE_BAD_ROW = "Email,First Name\nann@example.org,Ann\nno address,\x1b[31mBea\nbea,Bea\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "people.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_courses_learners_and_history_are_read_and_a_second_time_changes_nothing(
    recert: Callable[..., Any], file: Callable[..., Path]
) -> None:
    for kind, text, rows in (("courses", COURSES, 1), ("learners", LEARNERS, 2), ("history", HISTORY, 1)):
        path = file(text)
        first = recert("import", kind, path, "--json")
        assert first.code == 0
        assert first.json == {"read": rows, "created": rows, "updated": 0, "unchanged": 0, "rejected": []}
        again = recert("import", kind, path)
        assert (again.code, again.err) == (0, "")
        assert again.out == f"people.csv: {rows} read, 0 created, 0 updated, {rows} unchanged, 0 rejected\n"
    acts = [act["act"] for act in recert("audit", "list", "--json", "--actor", "shell").json]
    assert acts[::2] == ["import-courses", "import-learners", "import-history"]


def test_a_dry_run_says_what_would_come_of_it_and_stores_nothing(
    recert: Callable[..., Any], file: Callable[..., Path]
) -> None:
    ended = recert("import", "learners", file(LEARNERS), "--dry-run")
    assert ended.out.endswith("2 created, 0 updated, 0 unchanged, 0 rejected (dry run: nothing was stored)\n")
    assert recert("audit", "list", "--json").json == []
    assert recert("import", "learners", file(LEARNERS), "--json").json["created"] == 2


def test_refused_rows_are_one_line_each_on_stderr_and_the_rest_is_stored(
    recert: Callable[..., Any], file: Callable[..., Path]
) -> None:
    recert("db", "upgrade")
    ended = recert("import", "learners", file(ONE_BAD_ROW))
    lines = ended.err.splitlines()
    assert (ended.code, len(lines)) == (4, 2)
    assert lines[1].startswith('line 4, Email "bea": ')
    assert all(line.isprintable() for line in lines)
    assert "3 read, 1 created, 0 updated, 0 unchanged, 2 rejected" in ended.out


def test_refused_rows_are_part_of_the_one_document(recert: Callable[..., Any], file: Callable[..., Path]) -> None:
    recert("db", "upgrade")
    ended = recert("import", "learners", file(ONE_BAD_ROW), "--json")
    assert (ended.code, ended.err) == (4, "")
    assert [set(row) for row in ended.json["rejected"]] == [{"line", "column", "value", "reason"}] * 2
    assert ended.json["rejected"][1] | {"reason": ""} == {"line": 4, "column": "Email", "value": "bea", "reason": ""}


def test_what_the_importer_notes_is_told_on_stderr(recert: Callable[..., Any], file: Callable[..., Path]) -> None:
    recert("db", "upgrade")
    ended = recert("import", "learners", file("Email,Shoe Size\nann@example.org,42\n"), "--json")
    assert (ended.code, ended.json["created"]) == (0, 1)
    assert "Shoe Size" in ended.line


def test_the_encoding_and_the_order_of_days_can_be_said(recert: Callable[..., Any], file: Callable[..., Path]) -> None:
    recert("import", "courses", file(COURSES))
    learners = file("Email,First Name\nann@example.org,René\n", encoding="cp1252")
    assert "--encoding cp1252" in recert("import", "learners", learners).line
    assert recert("import", "learners", learners, "--encoding", "cp1252").code == 0
    history = file("Email,Course Code,Completed Date\nann@example.org,HP,03/04/2025\n")
    assert recert("import", "history", history).code == 4
    assert recert("import", "history", history, "--date-format", "dmy").code == 0


@pytest.mark.parametrize(
    ("kind", "path", "says"),
    [
        ("learners", "/nowhere/people.csv", "cannot read /nowhere/people.csv: No such file or directory"),
        ("courses", "/", "cannot read /: it is a folder"),
        ("history", "/dev/null", "empty"),
    ],
    ids=["missing", "folder", "empty"],
)
def test_a_file_that_cannot_be_read_is_one_line(recert: Callable[..., Any], kind: str, path: str, says: str) -> None:
    ended = recert("import", kind, path, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--date-format", "ymd"], 2, '"iso", "mdy", "dmy"'),
        (["--encoding", "klingon"], 2, "klingon"),
        (["--as", "bob@example.org"], 3, "bob@example.org lacks the role operator"),
    ],
    ids=["order", "encoding", "role"],
)
def test_a_wrong_option_is_one_line_and_stores_nothing(
    at_work: Callable[..., Any], file: Callable[..., Path], words: list[str], code: int, says: str
) -> None:
    ended = at_work("import", "learners", file(LEARNERS), *words)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line
    assert len(at_work("audit", "list", "--json").json) == 3


def test_an_operator_may_put_their_name_to_it(at_work: Callable[..., Any], file: Callable[..., Path]) -> None:
    assert at_work("import", "learners", file(LEARNERS), "--as", "ANN@example.org").code == 0
    assert at_work("audit", "list", "--json").json[-1]["actor"] == "ann@example.org"


def test_whoever_watches_sees_a_bar_and_the_answer_stays_clean(home: Path, file: Callable[..., Path]) -> None:
    watched, stderr = os.openpty()
    env = {**os.environ, "RECERT_HOME": str(home), "TERM": "xterm"}
    command = [RECERT, "import", "learners", file(LEARNERS), "--json"]
    ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=stderr, timeout=60, check=True)
    os.close(stderr)
    seen = os.read(watched, 100_000)
    os.close(watched)
    assert json.loads(ended.stdout)["created"] == 2
    assert b"people.csv" in seen
