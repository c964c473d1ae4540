"""Imports in the console: checked first, told row by row, imported once, and of nobody else's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import people
from models.tables import audit, learner
from models.words import Role
from tasks.workbench import Workbench
from tests.console.browser import Browser, Seen
from tests.world import NOW, OPERATOR, rows, writing

SCRIPT = "<script>alert(1)</script>"
GOOD = "Email,Employee ID,First Name,Last Name\nnew@example.com,N1,New,Person\nnone,,Bad,Address\n"


@pytest.fixture
def opal(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in(OPERATOR)


def check(browser: Browser, content: str | bytes, name: str = "learners.csv", **fields: Any) -> Seen:
    form = browser.get("/imports").form("/imports/check")
    data = content.encode() if isinstance(content, str) else content
    return browser.send(form, files={"file": (name, data)}, **{"kind": "learners", "date_format": "iso", **fields})


def there(bench: Workbench) -> bool:
    return bool(rows(bench, select(learner.c.id).where(learner.c.email == "new@example.com")))


def kept(bench: Workbench) -> list[Path]:
    return [path for path in (bench.settings.home / "uploads").rglob("*") if path.is_file()]


def test_a_file_is_checked_told_row_by_row_and_then_imported(opal: Browser, bench: Workbench) -> None:
    seen = check(opal, GOOD)
    for words in ("nothing is stored yet", "would be created", "Refused rows", "none"):
        assert words in seen.text
    assert not there(bench)
    done = opal.send(seen.form("/imports/run"))
    assert "Imported." in done.text
    assert there(bench)
    [act] = [row for row in rows(bench, audit) if row.act == "import-learners"]
    assert (act.actor, act.subject) == (OPERATOR, "learners.csv")
    assert kept(bench) == [], "a file that was imported is not kept"


def test_a_double_click_imports_once(opal: Browser, bench: Workbench) -> None:
    form = check(opal, GOOD).form("/imports/run")
    opal.send(form)
    assert opal.send(form).status == 409
    assert [row.act for row in rows(bench, audit)].count("import-learners") == 1


def test_nobody_imports_anothers_file_or_one_that_is_none(
    opal: Browser, bench: Workbench, signed_in: Callable[[str], Browser]
) -> None:
    with writing(bench) as connection:
        people.add_user(connection, "eve@example.org", "Eve", [Role.OPERATOR], actor="tests", at=NOW)
    form, eve = check(opal, GOOD).form("/imports/run"), signed_in("eve@example.org")
    own = check(eve, GOOD).form("/imports/run")
    for key in (form.fields["key"], "../../recert.db", "", "0" * 32):
        own.fields["once"] = f"again-{key}"
        assert eve.send(own, key=key).status == 409
    assert not there(bench)


@pytest.mark.parametrize(
    ("name", "is_kept_as"),
    [
        ("../../../etc/cron.d/x.csv", "x.csv"),
        ("..\\..\\x.csv", "x.csv"),
        ("..", "upload.csv"),
        ("a<b>|c.csv", "a_b_c.csv"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
    ],
)
def test_a_files_name_leads_nowhere_else(opal: Browser, bench: Workbench, name: str, is_kept_as: str) -> None:
    check(opal, GOOD, name)
    [path] = kept(bench)
    assert path.name == is_kept_as
    assert path.parent.parent == bench.settings.home / "uploads"


def test_a_script_in_a_files_name_header_or_cell_is_text(opal: Browser) -> None:
    seen = check(opal, f"Email,{SCRIPT}\n{SCRIPT},x\n", f"{SCRIPT}.csv")
    assert SCRIPT not in seen.text
    assert "&lt;" in seen.text


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"\xff\xfe\x00bad", {}),
        (b"", {}),
        (b"Nonsense\n1\n", {}),
        (GOOD, {"kind": "secrets"}),
        (GOOD, {"date_format": "moon"}),
        (GOOD, {"encoding": "no-such-thing"}),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_not_kept(
    opal: Browser, bench: Workbench, content: bytes, fields: dict[str, str]
) -> None:
    assert check(opal, content, **fields).status == 400
    assert kept(bench) == []


def test_without_a_file_the_form_says_so(opal: Browser) -> None:
    form = opal.get("/imports").form("/imports/check")
    assert "Choose a CSV file" in opal.send(form, kind="learners").text


def test_more_than_the_limit_is_not_even_read(opal: Browser, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.door.LARGEST_UPLOAD", 1000)
    assert check(opal, "x" * 2000).status == 413
    assert kept(bench) == []


def test_what_nobody_came_back_for_is_deleted(opal: Browser, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    check(opal, GOOD)
    monkeypatch.setattr("console.web.uploads.KEPT_S", -1)
    check(opal, GOOD.replace("New", "Other"), "other.csv")
    assert [path.name for path in kept(bench)] == ["other.csv"]
