"""What pages look like on the way: forms with mistakes, confirm and result pages, refusals, and an organisation without anything."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Page
from sqlalchemy import update

from models.tables import message
from tasks.workbench import Workbench

DUE = "/learners?status=due-for-recertification"
ROWS = "Email,First Name,Last Name,Status\nnew{n}@example.com,New,Person,\nnone,Bad,Address,\nlate@example.com,Late,Person,Gone\n"
Scene = Callable[[Page], None]


def some_uncertain(bench: Workbench) -> None:
    """Mail of which nobody knows whether it arrived, and one that failed."""
    with bench.database.write() as connection:
        lost = {"state": "uncertain", "flagged": True, "last_reply": "connection lost after DATA"}
        connection.execute(update(message).where(message.c.id.in_((3, 4, 5))).values(lost))
        refused = {"state": "failed", "last_reply": "550 5.1.1 no such mailbox here"}
        connection.execute(update(message).where(message.c.id == 6).values(refused))


def goes_to(path: str) -> Scene:
    """Only look at a page."""
    return lambda page: page.goto(path) and None


def _ticked(page: Page, number: int) -> None:
    page.goto(DUE)
    for place in range(number):
        page.locator("input[name=line]").nth(place).check()
    page.wait_for_load_state("networkidle")


def _menu(page: Page) -> None:
    _ticked(page, 3)
    page.get_by_text("More", exact=True).click()


def _form(page: Page) -> None:
    _menu(page)
    page.get_by_role("button", name="Edit recertification date").click()


def _form_refused(page: Page) -> None:
    _form(page)
    page.get_by_label("Training type").select_option(index=1)
    page.get_by_label("New Recertification Date").fill("2020-01-01")
    page.get_by_role("button", name="Show what it would do").click()


def _confirm(page: Page) -> None:
    _ticked(page, 3)
    page.get_by_role("button", name="Recertify", exact=True).click()


def _result(page: Page) -> None:
    _confirm(page)
    page.get_by_role("button", name="Recertify", exact=True).click()
    page.get_by_text("your learners are notified").wait_for(timeout=30_000)


def _undo(page: Page) -> None:
    _result(page)
    page.get_by_text("Take it back").click()
    page.get_by_role("button", name="Show who would go back").click()


def _large(page: Page) -> None:
    page.goto("/learners?status=assigned")
    page.get_by_label("Select page").check()
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Re-notify", exact=True).click()
    page.get_by_label("to confirm").fill("7")
    page.get_by_role("button", name="Ask for the review").click()


def _preview(page: Page) -> None:
    page.goto("/rollouts/new")
    page.get_by_label("fire-safety").check()
    page.get_by_label("New Due Date of what is still open").fill("2026-12-18")
    page.get_by_label("The common Recertification Date").fill("2027-01-18")
    page.get_by_role("button", name="Show what it would do").first.click()


def _checked(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "learners.csv"
        file.write_text(ROWS.format(n=id(page)), encoding="utf-8")
        page.goto("/imports")
        page.get_by_label("What it holds").select_option("learners")
        page.get_by_label("CSV file").set_input_files(file)
        page.get_by_role("button", name="Check it").click()
        page.wait_for_load_state("networkidle")


def _imported(page: Page) -> None:
    _checked(page)
    page.get_by_role("button", name="Import it").click()


def _no_file(page: Page) -> None:
    page.goto("/imports")
    page.locator("form[action='/imports/check']").evaluate("form => { form.noValidate = true }")
    page.get_by_role("button", name="Check it").click()


def _setting_refused(page: Page) -> None:
    page.goto("/settings")
    page.get_by_label("Default due days").fill("soon")
    page.get_by_label("Default due days").press("Enter")


def _out(page: Page) -> None:
    page.goto("/rollouts/2/steps/set-recertification-dates?outcome=changing")
    page.locator("tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="Take the ticked out").click()


def _proved(page: Page) -> None:
    page.goto("/audit")
    page.get_by_role("button", name="Prove that nothing was changed").click()


def _lapsed(page: Page) -> None:
    page.goto("/rollouts/2")
    page.get_by_text("Cancel this rollout").click()
    page.get_by_label("Why").fill("a wrong day")
    page.context.clear_cookies()
    page.get_by_role("button", name="Cancel the rollout").click()


def _again(page: Page) -> None:
    _lapsed(page)
    page.get_by_role("button", name="Eve Adeyemi").click()


def _wrong_password(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("nobody@example.org")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()


SCENES: Mapping[str, Scene] = {
    "learners-filters": goes_to("/learners?location=Denver&size=25"),
    "learners-none": goes_to("/learners?search=nobody-is-called-so"),
    "learners-menu": _menu,
    "action-form": _form,
    "action-form-refused": _form_refused,
    "action-confirm": _confirm,
    "action-result": _result,
    "action-undo": _undo,
    "action-large": _large,
    "start-preview": _preview,
    "import-checked": _checked,
    "import-done": _imported,
    "import-no-file": _no_file,
    "setting-refused": _setting_refused,
    "review-out": _out,
    "rollout-open": goes_to("/rollouts/2"),
    "mail-uncertain": goes_to("/mail?state=uncertain"),
    "mail-one-uncertain": goes_to("/mail/3"),
    "mail-of-rollout": goes_to("/mail?rollout=1&state=failed"),
    "audit-proved": _proved,
    "trouble-not-found": goes_to("/rollouts/77"),
    "lapsed": _lapsed,
    "lapsed-again": _again,
}  # fmt: skip
# Of somebody who may not, of somebody without a session, and of an organisation in which nothing is yet.
OF_A_VIEWER: Mapping[str, Scene] = {
    "trouble-not-permitted": goes_to("/users"),
    "rollout-as-operator": goes_to("/rollouts/2"),
    "courses-as-operator": goes_to("/courses"),
}  # fmt: skip
OF_STRANGERS: Mapping[str, Scene] = {"sign-in-password": _wrong_password}
OF_NOTHING: Mapping[str, Scene] = {
    f"empty-{name}": goes_to(path)
    for name, path in {
        "learners": DUE, "rollouts": "/rollouts", "start": "/rollouts/new", "mail": "/mail", "courses": "/courses",
        "audit": "/audit?act=end-rollout", "imports": "/imports",
    }.items()
}  # fmt: skip
