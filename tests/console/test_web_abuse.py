"""What people with bad intent would try that no other page's test is about: bombs, and paths that lead elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from console.web.paper import attached
from models.tables import learner
from tasks.workbench import Workbench
from tests.console.browser import Browser
from tests.world import OPERATOR, count


@pytest.mark.parametrize("name", ["learners.xlsx", "learners.csv"])
def test_a_spreadsheet_bomb_is_never_unpacked_and_nothing_of_it_is_kept(
    signed_in: Callable[[str], Browser], bench: Workbench, name: str
) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 2_000_000)
    opal, before = signed_in(OPERATOR), count(bench, learner)
    files = {"file": (name, bomb.getvalue(), "text/csv")}
    seen = opal.send(opal.get("/imports").form("/imports/check"), files=files, kind="learners")
    assert seen.status == 400
    assert 'role="alert"' in seen.text
    assert list((bench.settings.home / "uploads").iterdir()) == []
    assert count(bench, learner) == before


@pytest.mark.parametrize(
    "path",
    [
        "/rollouts/1/lists/..%2F..%2Frecert.db/list.csv",
        "/rollouts/1/lists/left-behind/..%2F..%2Flist.xlsx",
        "/rollouts/1/steps/..%2Frenotify-incomplete/list.csv",
        "/static/..%2F..%2F..%2Frecert.db",
        "/wording/..%2Freminder/en",
    ],
)
def test_a_path_in_an_exports_address_leads_nowhere(
    signed_in: Callable[[str], Browser], at_gate: int, path: str
) -> None:
    assert at_gate == 1
    assert signed_in(OPERATOR).get(path).status == 404


@pytest.mark.parametrize("name", ["../../etc/passwd", 'a"\r\nSet-Cookie: x=y', "..", "", "ünï/..\\x"])
def test_a_downloads_name_is_made_of_plain_letters(name: str) -> None:
    header = attached(name, "csv")["Content-Disposition"]
    told = header.removeprefix('attachment; filename="').removesuffix('.csv"')
    assert told
    assert not set(told) & set('/\\"\r\n ')
    assert not told.startswith(".")
