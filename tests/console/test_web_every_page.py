"""Every page there is, in a real browser: axe finds nothing in either mode, and none is wider than a small phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from console.web import under_way
from console.web.places import PLACES
from models import people
from models.words import Role
from tasks.settings_orders import place_setting
from tasks.workbench import Workbench
from tests.console.windows import EVERY_RULE, OF_COLOURS, faults, hidden_to_the_side, too_wide
from tests.tasks.test_outbox import queue
from tests.world import NOW, writing

ADMIN = "eve@example.org"
# What a page is about; a new name in the table of places fails the test until it stands here.
NAMES = {
    "action": "assign", "key": "0" * 32, "kind": "reminder", "language": "en", "learner": "2", "list": "left-behind", "mail": "1",
    "rollout": "1", "step": "renotify-incomplete",
}  # fmt: skip
# Pages that need another one of a kind, and what a page must be told to show anything.
OF_ITS_OWN = {"/actions/{rollout}": "/actions/2"}
ASKED_WITH = {"/actions/new/{action}": "?selection=1"}
AT_WORK: list[object] = []
FILES = (".csv", ".xlsx", "/letter")


def places() -> list[str]:
    """The path of every page that is looked at."""
    return [place.path for place in PLACES if place.method == "GET" and not place.path.endswith(FILES)]


def looked_at(page: Page, name: str) -> Iterator[str]:
    """What is wrong with the page that is open: in light and dark, on a telephone, a tablet and a small window."""
    for scheme, options in (("light", EVERY_RULE), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        yield from faults(page, name, options)
    for width in (320, 720, 840, 1024, 1180, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        yield from too_wide(page, f"{name}, {width} px")
        yield from hidden_to_the_side(page, f"{name}, {width} px")


def a_file_is_read(bench: Workbench) -> None:
    """A large file of eve's that is being imported as long as this process lives."""
    with bench.database.read() as connection:
        user = people.find_user(connection, ADMIN)
    assert user is not None
    folder = bench.settings.home / "uploads" / f"{user.id}-{NAMES['key']}"
    folder.mkdir(parents=True)
    (folder / "history.csv").touch()
    under_way.write(folder, under_way.Standing({"kind": "history"}, "history.csv", stores=True, done=30, total=90))
    AT_WORK.append(under_way.claim(folder))


@pytest.fixture
def eve(opened: Callable[..., Page], bench: Workbench, at_gate: int) -> Page:
    """An admin's window on a console with something of everything."""
    assert at_gate == 1
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Eve", list(Role), actor="tests", at=NOW)
    queue(bench, 2)
    place_setting(bench, "frequency.C-1", "24", ADMIN)
    a_file_is_read(bench)
    return opened(ADMIN, refused=True)


def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_its_window(eve: Page) -> None:
    eve.goto("/learners")
    eve.locator("tbody input[type=checkbox]").first.check()  # a selection, for the actions' forms
    eve.wait_for_load_state("networkidle")
    found: list[str] = []
    for path in places():
        answer = eve.goto(OF_ITS_OWN.get(path, path.format(**NAMES)) + ASKED_WITH.get(path, ""))
        assert answer is not None
        assert answer.status == 200, f"{path} answers {answer.status}"
        found += looked_at(eve, path)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_pages_that_answer_a_form_or_a_mistake(eve: Page, tmp_path: Path) -> None:
    found: list[str] = []

    def look(name: str) -> None:
        found.extend(looked_at(eve, name))

    eve.goto("/rollouts/77")
    look("trouble")
    eve.goto("/settings")
    eve.get_by_label("Default due days").fill("soon")
    eve.get_by_label("Default due days").press("Enter")
    look("a setting that cannot be")
    eve.goto("/wording/reminder/en")
    eve.get_by_label("Subject").fill("{{ nobody }}")
    eve.get_by_role("button", name="Check it").click()
    look("a wording that cannot be")
    eve.get_by_label("Subject").fill("Please")
    eve.get_by_role("button", name="Check it").click()
    look("a draft")
    eve.goto("/rollouts/new")
    eve.get_by_label("safety").check()
    eve.get_by_label("New Due Date of what is still open").fill("2026-12-18")
    eve.get_by_label("The common Recertification Date").fill("2027-01-18")
    eve.get_by_role("button", name="Show what it would do").first.click()
    look("a preview")
    (tmp_path / "learners.csv").write_text("Email\nnew@example.com\nnone\n", encoding="utf-8")
    eve.goto("/imports")
    eve.get_by_label("What it holds").select_option("learners")
    eve.get_by_label("CSV file").set_input_files(tmp_path / "learners.csv")
    eve.get_by_role("button", name="Check it").click()
    look("a file's report")
    eve.context.clear_cookies()
    eve.goto("/sign-in")
    eve.get_by_label("E-mail address").fill("nobody@example.org")
    eve.get_by_label("Password").fill("not the password")
    eve.get_by_role("button", name="Sign in").click()
    look("a sign-in that fails")
    assert not found, "\n".join(found)
