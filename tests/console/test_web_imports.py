"""Imports in the console: checked first, told row by row, imported once, and of nobody else's file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console.web import under_way
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


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.web.imports_pages.LARGE", 10)


def folder_of(bench: Workbench) -> Path:
    [folder] = (bench.settings.home / "uploads").iterdir()
    return folder


def test_a_large_file_has_a_page_of_its_own_from_the_check_to_the_end(
    opal: Browser, bench: Workbench, all_are_large: None
) -> None:
    assert all_are_large is None
    seen = check(opal, GOOD)
    key = folder_of(bench).name.partition("-")[2]
    assert seen.url == f"/imports/{key}"
    assert "nothing is stored yet" in seen.text
    assert not there(bench)
    form, other_tab = seen.form("/imports/run"), opal.get(seen.url).form("/imports/run")
    done = opal.send(form)
    assert done.url == f"/imports/{key}"
    for again in (done, opal.get(done.url), opal.send(other_tab)):
        assert "Imported." in again.text
        assert "Refused rows" in again.text
    assert there(bench)
    assert [row.act for row in rows(bench, audit)].count("import-learners") == 1


def test_while_it_is_read_the_page_moves_and_nobody_else_can_begin_with_it(
    opal: Browser, bench: Workbench, all_are_large: None
) -> None:
    assert all_are_large is None
    seen = check(opal, GOOD)
    folder, form = folder_of(bench), seen.form("/imports/run")
    begun = under_way.standing(folder)
    assert begun is not None
    under_way.write(folder, replace(begun, told=None, stores=True, done=30, total=90))
    lock = under_way.claim(folder)
    assert lock is not None
    with lock:
        for page in (opal.get(seen.url), opal.send(form)):
            assert "33 % is read" in page.text
            assert f'data-follow="{seen.url}"' in page.text
            assert '<meta http-equiv="refresh"' in page.text
            assert "/imports/run" not in page.text
    assert not there(bench)


def test_one_that_was_killed_says_so_and_is_begun_again(opal: Browser, bench: Workbench, all_are_large: None) -> None:
    assert all_are_large is None
    seen = check(opal, GOOD)
    folder = folder_of(bench)
    begun = under_way.standing(folder)
    assert begun is not None
    for stores, words in ((False, "Nothing of it was stored."), (True, "All of it was stored, or nothing")):
        under_way.write(folder, replace(begun, told=None, stores=stores, done=30))
        program = "import sys; from pathlib import Path; from console.web import under_way; import os, signal\n"
        program += "under_way.claim(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
        subprocess.run([sys.executable, "-c", program, str(folder)], check=False)
        broken = opal.get(seen.url)
        assert words in broken.text
        assert "data-follow" not in broken.text
        ended = opal.send(broken.form("/imports/run"))
        assert ("Imported." if stores else "nothing is stored yet") in ended.text
        assert there(bench) is stores


def test_a_large_file_that_cannot_be_read_is_told_and_is_nobody_elses(
    opal: Browser, bench: Workbench, signed_in: Callable[[str], Browser], all_are_large: None
) -> None:
    assert all_are_large is None
    seen = check(opal, "Nonsense of some length\n1\n")
    assert "Nothing of it was stored." in seen.text
    with writing(bench) as connection:
        people.add_user(connection, "eve@example.org", "Eve", [Role.OPERATOR], actor="tests", at=NOW)
    assert signed_in("eve@example.org").get(seen.url).status == 409


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
