"""A real browser for tests: the machine's Chromium, a console really served, and windows in which somebody is signed in."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from console.web.app import application
from models import people, sessions
from tasks.workbench import Workbench
from tests.console.rollout_desk import PretendedPrefect
from tests.processes import free_port

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
AXE = Axe()
# all that axe knows, and what of it depends on the colours
EVERY_RULE: dict[str, object] = {"resultTypes": ["violations"]}
OF_COLOURS = EVERY_RULE | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}

WINDOW = "`${innerWidth} px, ${matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'}`"


def browser_path() -> str | None:
    """The machine's own Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium. Never skipped."""
    found = browser_path()
    if found is None:
        pytest.fail("the browser tests need Chromium; on Debian: apt install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def site(bench: Workbench, prefect: PretendedPrefect) -> Iterator[str]:
    """The console, really served; the address of it."""
    assert not prefect.away
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(bench), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def opened(chromium: Browser, site: str, bench: Workbench) -> Iterator[Callable[..., Page]]:
    """A page in which somebody is signed in; what it complains of, and whom else it asks, is seen at the end."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_(email: str, *, width: int = 1280, scheme: str = "light", refused: bool = False) -> Page:
        with bench.database.write() as connection:
            user = people.find_user(connection, email)
            assert user is not None
            token = sessions.begin(connection, user, bench.now())
        context = chromium.new_context(
            base_url=site,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.add_cookies([{"name": "recert-session", "value": token, "url": site}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)

        def heard(message: ConsoleMessage) -> None:
            told = refused and "responded with a status of 4" in message.text  # where the test asks for what is refused
            if message.type in {"error", "warning"} and not told:
                wrong.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((site, "data:")) else wrong.append(asked.url))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def faults(page: Page, name: str, options: dict[str, object] = EVERY_RULE) -> Iterator[str]:
    """What axe finds on the page that is open, which is told by its *name*, and whether it is wider than its window."""
    if not page.evaluate("'axe' in window"):  # half a megabyte of script
        page.evaluate(AXE.axe_script)
    found = AxeResults(page.evaluate("options => axe.run(document, options)", options))
    where = f"{name}, {page.evaluate(WINDOW)}"
    if found.violations_count:
        nodes = [node["html"][:200] for fault in found.response["violations"] for node in fault["nodes"]]
        yield f"{where}: {found.generate_snapshot()}: {nodes}"
    yield from too_wide(page, where)


def too_wide(page: Page, where: str) -> Iterator[str]:
    excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if excess > 0:
        yield f"{where}: {excess} px too wide"


def hidden_to_the_side(page: Page, where: str) -> Iterator[str]:
    """Lists of which a part is only seen by scrolling to the side."""
    for list_ in page.locator(".scroll").all():
        excess = list_.evaluate("list => list.scrollWidth - list.clientWidth")
        if excess > 0:
            yield f"{where}: a list has {excess} px to the side"
