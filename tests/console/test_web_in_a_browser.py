"""The console in a real browser: people's own ways through it, by keyboard and on a phone; and axe on every page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from models.tables import approval, learner, rollout
from models.words import StepSlug, StepState
from tasks.workbench import Workbench
from tests import world
from tests.world import APPROVER, OPERATOR, count, line, rows, step_state


def test_a_rollout_is_started_by_one_and_its_list_reviewed_by_another_by_keyboard(
    opened: Callable[..., Page], bench: Workbench
) -> None:
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

    world.propose(bench, 1, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    expect(page.get_by_text(f"{APPROVER} or")).to_be_visible()  # the page moves by itself

    ava = opened(APPROVER)
    ava.goto("/rollouts/1")
    ava.get_by_role("link", name="Look at the list").click()
    expect(ava.get_by_role("heading", level=1, name="Re-notify the incomplete")).to_be_visible()
    ava.keyboard.press("/")
    ava.keyboard.type("l10@")
    ava.keyboard.press("Enter")
    expect(ava.get_by_text("l2@example.com")).to_have_count(0)
    ava.keyboard.press("j")
    ava.keyboard.press("x")
    ava.get_by_role("button", name="Take the ticked out").click()
    ava.get_by_label("Comment").fill("one of them left")
    ava.get_by_role("button", name="Approve without 1").dblclick()
    expect(ava.get_by_text("Approved: the list is carried out.")).to_be_visible()
    [row] = rows(bench, approval)
    assert (row.channel, row.comment, len(row.exclusions)) == ("console", "one of them left", 1)
    assert line(bench, 1, StepSlug.RENOTIFY_INCOMPLETE, 10).outcome == "skip-excluded"
    assert step_state(bench, 1, StepSlug.RENOTIFY_INCOMPLETE) is StepState.APPROVED


def test_a_file_with_a_bad_row_is_imported_on_a_phone(
    opened: Callable[..., Page], bench: Workbench, tmp_path: Path
) -> None:
    file = tmp_path / "learners.csv"
    file.write_text("Email,First Name,Last Name\nnew@example.com,New,Person\nnone,Bad,Address\n", encoding="utf-8")
    page = opened(OPERATOR, width=390)
    page.goto("/imports")
    page.get_by_label("What it holds").select_option("learners")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Checked, nothing is stored yet.")).to_be_visible()
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
