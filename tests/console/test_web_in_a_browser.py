"""The console in a real browser: people's own ways through it, by keyboard and on a phone; and axe on every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.passwords import set_password
from models.tables import approval, learner, message, rollout
from models.words import RolloutState, StepSlug
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import PASSWORD
from tests.mail.fault_server import FaultServer
from tests.world import APPROVER, OPERATOR, count, line, rows


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A mail server, asked for before the bench, which reads the settings."""
    with FaultServer() as server:
        monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{server.port}?tls=none")
        yield server


def sign_in_on_the_phone(phone: Page, bench: Workbench, back: str) -> None:
    """By the form, as whoever follows the link of their mail."""
    with bench.database.write() as connection:
        set_password(connection, APPROVER, PASSWORD, actor="tests", at=bench.now())
    phone.context.clear_cookies()
    phone.goto(back)
    phone.get_by_label("E-mail address").fill(APPROVER)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").click()
    expect(phone.get_by_role("heading", level=1)).to_be_visible()


def goes_on(bench: Workbench) -> RolloutState | None:
    """One pass of the run, in a thread of its own: it sends mail, and the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as runner:
        return runner.submit(world.one_pass, bench, 1).result()


def approve_what_is_open(phone: Page, *, comment: str, button: str = "Approve", title: str) -> None:
    """Follow the rollout's page to the list, look at it, and approve it."""
    phone.goto("/rollouts/1")
    phone.get_by_role("link", name="Look at the list").click()
    expect(phone.get_by_role("heading", level=1, name=title)).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    phone.get_by_label("Comment").fill(comment)
    phone.get_by_role("button", name=button).dblclick()
    expect(phone.get_by_text("Approved: the list is carried out.")).to_be_visible()


def test_a_rollout_is_started_at_a_desk_and_reviewed_by_another_on_a_phone_to_its_end(
    post: FaultServer, cheap_passwords: None, opened: Callable[..., Page], bench: Workbench
) -> None:
    assert cheap_passwords is None
    page = opened(OPERATOR)
    page.goto("/")
    page.get_by_role("link", name="Rollouts", exact=True).click()
    page.get_by_role("link", name="Start a rollout").first.click()
    for name in ("conduct", "privacy"):
        page.get_by_label(name).check()
    page.get_by_label("New Due Date of what is still open").fill("2026-12-18")
    page.get_by_label("The common Recertification Date").fill("2026-11-23")
    page.get_by_label("Dates are aligned on").fill("2026-11-23")
    page.get_by_role("button", name="Show what it would do").first.click()
    expect(page.get_by_text("Nothing has been started")).to_be_visible()
    page.get_by_role("button", name=f"Start it as {OPERATOR}").dblclick()
    expect(page.get_by_text("The rollout has started.")).to_be_visible()
    assert count(bench, rollout) == 1

    assert goes_on(bench) is None, "it waits for the first review"
    expect(page.get_by_text(f"{APPROVER} or")).to_be_visible()  # the page moves by itself

    phone = opened(APPROVER, width=400)
    sign_in_on_the_phone(phone, bench, "/rollouts/1")
    phone.get_by_role("link", name="Look at the list").click()
    expect(phone.get_by_role("heading", level=1, name="Re-notify the incomplete")).to_be_visible()
    phone.keyboard.press("/")
    phone.keyboard.type("l10@")
    with phone.expect_navigation():  # keys are for the page that comes, not for the one that goes
        phone.keyboard.press("Enter")
    expect(phone.get_by_text("l2@example.com")).to_have_count(0)
    phone.keyboard.press("j")
    phone.keyboard.press("x")
    phone.get_by_role("button", name="Take the ticked out").click()
    expect(phone.get_by_text("To be taken out: 1")).to_be_visible()
    approve_what_is_open(
        phone, comment="one of them left", button="Approve without 1", title="Re-notify the incomplete"
    )
    for title in ("Set the common Recertification Date", "Recertify the learners who are due"):
        assert goes_on(bench) is None, f"it waits for {title}"
        approve_what_is_open(phone, comment="seen", title=title)
    assert goes_on(bench) is RolloutState.COMPLETED

    answers = rows(bench, approval)
    assert {row.channel for row in answers} == {"console"}
    assert [(row.comment, len(row.exclusions)) for row in answers] == [
        ("one of them left", 1),
        ("seen", 0),
        ("seen", 0),
    ]
    assert line(bench, 1, StepSlug.RENOTIFY_INCOMPLETE, 10).outcome == "skip-excluded"
    told = "The recertification courses are assigned, and your learners are notified."
    expect(page.get_by_text(told)).to_be_visible()  # at the desk, where nobody has touched anything
    assert {"recertification", "renotification"} <= {row.kind for row in rows(bench, message) if row.state == "sent"}
    assert post.kept


@pytest.mark.parametrize(("width", "beside"), [(1280, False), (390, True)])
def test_a_file_with_a_bad_row_is_imported_at_a_desk_and_on_a_phone(
    opened: Callable[..., Page],
    bench: Workbench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    beside: bool,
) -> None:
    """On the phone as large ones are: sent with a bar, read beside its page."""
    if beside:
        monkeypatch.setattr("console.web.imports_pages.LARGE", 10)
    file = tmp_path / "learners.csv"
    file.write_text("Email,First Name,Last Name\nnew@example.com,New,Person\nnone,Bad,Address\n", encoding="utf-8")
    page = opened(OPERATOR, width=width)
    page.goto("/imports")
    page.get_by_label("What it holds").select_option("learners")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Checked, nothing is stored yet.")).to_be_visible()  # the page moves by itself
    assert page.url.endswith("/imports/check") != beside, page.url
    expect(page.get_by_role("heading", name="Refused rows")).to_be_visible()
    before = count(bench, learner)
    page.get_by_role("button", name="Import it, without the 1 refused").click()
    expect(page.get_by_text("Imported.")).to_be_visible()
    assert count(bench, learner) == before + 1


def test_keys_open_their_own_list_and_walk_the_lines(opened: Callable[..., Page]) -> None:
    page = opened(OPERATOR)
    page.goto("/learners")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tr.at")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Certifications, and why")).to_be_visible()
