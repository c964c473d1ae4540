"""The seed's own story in a real browser, from the filter to "your learners are notified"; by hand, by keyboard, without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from models import choices, people, sessions
from models.tables import assignment, selection_line
from tasks.workbench import Workbench
from tests.console.windows import EVERY_RULE, OF_COLOURS, faults
from tests.mail.fault_server import FaultServer
from tests.world import NOW, OPERATOR, TODAY, Held, a_learner, count, outcomes, writing

DUE = "/learners?status=due-for-recertification&size=25"
WINDOWS = (("light", 1280, EVERY_RULE), ("dark", 1280, OF_COLOURS), ("dark", 320, EVERY_RULE))


@pytest.fixture(autouse=True)
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A mail server, before the bench reads the settings."""
    with FaultServer() as server:
        monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{server.port}?tls=none")
        yield server


@pytest.fixture
def forty(bench: Workbench) -> Workbench:
    """Forty more who are due, so that there are two pages."""
    with writing(bench) as connection:
        for number in range(100, 140):
            a_learner(connection, number, Held(), department="Hall")
        choices.set_choice(connection, "action_review_over", "60", actor="tests", at=NOW, today=TODAY)
    return bench


def boxes(page: Page) -> list[str]:
    """The lines of this page."""
    return [str(box.get_attribute("value")) for box in page.locator("input[name=line]").all()]


def in_the_selection(bench: Workbench) -> int:
    return count(bench, selection_line)


@pytest.mark.parametrize("width", [1280, 390])
def test_due_learners_are_found_ticked_recertified_and_notified(
    opened: Callable[..., Page], forty: Workbench, post: FaultServer, width: int
) -> None:
    page = opened(OPERATOR, width=width)
    page.goto("/learners?size=25")
    page.get_by_role("link", name="Due for recertification").click()
    for number in (0, 1, 3):
        page.locator("input[name=line]").nth(number).check()
    expect(page.get_by_text("3 lines selected")).to_be_visible()
    page.get_by_role("link", name="Further →").click()
    expect(page.get_by_text("3 lines selected")).to_be_visible()
    page.locator("input[name=line]").nth(0).check()
    expect(page.get_by_text("4 lines selected")).to_be_visible()
    page.get_by_role("link", name="← Before").click()
    expect(page.locator("input[name=line]:checked")).to_have_count(3)
    page.get_by_role("button", name="Recertify", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Recertify: 4 lines?")).to_be_visible()
    assert post.kept == []
    page.get_by_role("button", name="Recertify", exact=True).dblclick()
    told = "The recertification courses are assigned, and your learners are notified."
    expect(page.get_by_text(told)).to_be_visible(timeout=30_000)  # the page moves by itself
    assert len(post.kept) == 4
    assert outcomes(forty, 1) == {"recertify": {"recertify": 4}}
    assert count(forty, assignment, assignment.c.rollout_id == 1) == 4


def test_all_that_match_are_a_second_step_and_survive_the_filters(
    opened: Callable[..., Page], forty: Workbench, post: FaultServer
) -> None:
    page = opened(OPERATOR)
    page.goto(DUE)
    page.get_by_label("Select page").check()
    expect(page.get_by_text("25 lines selected")).to_be_visible()
    page.get_by_role("button", name="Select all 45 that match").click()
    expect(page.get_by_text("45 lines selected")).to_be_visible()
    page.get_by_label("Search").fill("Hall")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("45 lines selected")).to_be_visible()
    page.locator("input[name=line]").first.uncheck()
    expect(page.get_by_text("44 lines selected")).to_be_visible()
    page.reload()
    expect(page.get_by_text("44 lines selected")).to_be_visible()
    page.get_by_role("button", name="Recertify", exact=True).click()
    page.get_by_role("button", name="Recertify", exact=True).click()
    expect(page.get_by_text("and your learners are notified.")).to_be_visible(timeout=30_000)
    assert outcomes(forty, 1) == {"recertify": {"recertify": 43, "skip-no-course": 1}}
    assert len(post.kept) == 42, "one of them has no address"
    page.get_by_text("Take it back").click()
    page.get_by_role("button", name="Show who would go back").click()
    page.get_by_role("button", name="Take it back", exact=True).click()
    expect(page.get_by_text("It is taken back")).to_be_visible()
    assert count(forty, assignment, assignment.c.rollout_id == 1, assignment.c.certification_id.is_not(None)) == 0


def test_clear_then_ticks_by_keyboard_and_a_range_by_shift(opened: Callable[..., Page], forty: Workbench) -> None:
    page = opened(OPERATOR)
    page.goto(DUE)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("2 lines selected")).to_be_visible()
    assert in_the_selection(forty) == 2
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_text("Nothing selected")).to_be_visible()
    lines = page.locator("input[name=line]")
    lines.nth(2).click()
    lines.nth(7).click(modifiers=["Shift"])
    expect(page.get_by_text("6 lines selected")).to_be_visible()
    page.get_by_text("More", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Archive", exact=True)).to_be_hidden()


def test_nothing_selected_opens_nothing_and_says_so(opened: Callable[..., Page], forty: Workbench) -> None:
    page = opened(OPERATOR)
    page.goto(DUE)
    page.get_by_role("button", name="Recertify", exact=True).click(force=True)
    expect(page.get_by_text("Nothing selected: tick at least one line first")).to_be_visible()
    assert in_the_selection(forty) == 0


def test_it_works_without_a_script(chromium: Browser, site: str, forty: Workbench) -> None:
    with forty.database.write() as connection:
        user = people.find_user(connection, OPERATOR)
        assert user is not None
        token = sessions.begin(connection, user, forty.now())
    context = chromium.new_context(base_url=site, java_script_enabled=False)
    context.add_cookies([{"name": "recert-session", "value": token, "url": site}])
    page = context.new_page()
    page.goto(DUE)
    page.locator("input[name=line]").nth(0).check()
    page.get_by_role("button", name="Keep, and further →").click()
    page.locator("input[name=line]").nth(0).check()
    page.get_by_role("button", name="Recertify", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Recertify: 2 lines?")).to_be_visible()
    page.get_by_role("button", name="Recertify", exact=True).click()
    expect(page.get_by_text("The recertification courses are assigned")).to_be_visible()
    context.close()
    assert outcomes(forty, 1) == {"recertify": {"recertify": 2}}


def test_axe_finds_nothing_on_the_way(opened: Callable[..., Page], forty: Workbench) -> None:
    page, found = opened(OPERATOR), list[str]()

    def look(name: str) -> None:
        for scheme, width, options in WINDOWS:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            found.extend(faults(page, name, options))
        page.set_viewport_size({"width": 1280, "height": 900})

    page.goto(DUE)
    look("the list with nothing selected")
    page.locator("input[name=line]").nth(3).check()
    expect(page.get_by_text("1 line selected")).to_be_visible()
    page.get_by_text("More", exact=True).click()
    look("the list with the menu open")
    page.get_by_role("button", name="Edit recertification date").click()
    look("the form")
    page.get_by_label("New Recertification Date").fill("2027-06-01")
    page.get_by_role("button", name="Show what it would do").click()
    look("what it would do")
    page.get_by_role("button", name="Edit recertification date").click()
    expect(page.get_by_text("The Recertification Dates are changed")).to_be_visible()
    look("the result")
    page.goto("/learners/1")
    look("one learner")
    with writing(forty) as connection:
        choices.set_choice(connection, "action_review_over", "0", actor="tests", at=NOW, today=TODAY)
    page.get_by_role("button", name="Recertify", exact=True).click()
    look("what a large one would do")
    assert found == []
