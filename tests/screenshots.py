"""Pictures of the console, taken of the demo's organisation by the machine's own Chromium.

    .venv/bin/python tests/screenshots.py docs/images                # the README's three, light and dark
    .venv/bin/python tests/screenshots.py /tmp/pictures --all        # every page, light and dark, wide and narrow

Nothing but our own pages is opened; mail goes to a server of the tests' in this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from config.settings import Settings
from console.demo import OPERATOR, SAMPLES, _organisation
from console.web.app import application
from models import people, schema
from models.database import Database
from models.plan import plan_from
from models.words import Role, RolloutState
from tasks import rollouts
from tasks.settings_orders import place_setting
from tasks.workbench import Workbench
from tests import world
from tests.console.test_web_every_page import NAMES, OF_ITS_OWN, a_file_is_read, places
from tests.console.windows import ARGUMENTS, browser_path
from tests.mail.fault_server import FaultServer
from tests.picture_scenes import OF_A_VIEWER, OF_NOTHING, OF_STRANGERS, SCENES, Scene, goes_to, some_uncertain
from tests.processes import free_port

ADMIN = "eve@example.org"
TODAY = date(2026, 11, 23)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# Pages that show nothing of their own, or only on the way to something.
SEEN_ON_THE_WAY = {"/", "/sign-in", "/actions/new/{action}"}
# name → the page, for whom, and how tall the picture is
README = {
    "learners": ("/learners?status=due-for-recertification", OPERATOR, 860),
    "review": ("/rollouts/2/steps/set-recertification-dates?outcome=changing", "ava@example.org", 800),
    "rollout": ("/rollouts/1", OPERATOR, 800),
}


def furnish(home: Path, post: FaultServer) -> Workbench:
    """The demo's organisation with a rollout that has ended, one under review, and an order that waits."""
    settings = Settings(
        home=home, database_url=f"sqlite:///{home / 'recert.db'}", today=TODAY, organisation="Recert demo"
    )
    bench = world.mailing(Workbench(settings, Database(settings.database)), post.address)
    plan = _organisation(bench)
    first, *others = plan.training_types
    for types, name in (([first], "annual-2026"), (others, "annual-2026-others")):
        content = plan.model_dump(mode="json") | {"training_types": types, "name": name}
        started = rollouts.start_rollout(bench, plan_from(content), OPERATOR)
        for _ in range(1 if types == others else 10):
            if world.one_pass(bench, started) is RolloutState.COMPLETED:
                break
            world.approve_all(bench, started)
    world.one_pass(bench, started)
    with bench.database.write() as connection:
        people.add_user(connection, ADMIN, "Eve Adeyemi", list(Role), actor="demo", at=bench.now())
        [code] = connection.exec_driver_sql("SELECT min(code) FROM course WHERE retired_on IS NULL").one()
    place_setting(bench, f"frequency.{code}", "24", ADMIN)
    return bench


@contextmanager
def served(bench: Workbench, samples: tuple[str, ...] = (*SAMPLES, ADMIN)) -> Iterator[str]:
    """The console of it, as in a demo; its address."""
    port = free_port()
    app = application(bench, samples)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def nothing_yet() -> Iterator[str]:
    """The console of an organisation that has its users and nothing else."""
    with tempfile.TemporaryDirectory(prefix="recert-pictures-") as home:
        settings = Settings(
            home=Path(home), database_url=f"sqlite:///{home}/recert.db", organisation="New organisation"
        )
        bench = Workbench(settings, Database(settings.database))
        schema.upgrade(bench.database)
        with bench.database.write() as connection:
            people.add_user(connection, ADMIN, "Eve Adeyemi", list(Role), actor="demo", at=bench.now())
        with served(bench, (ADMIN,)) as site:
            yield site
        bench.database.dispose()


def sign_in(page: Page, site: str, email: str) -> None:
    """One click, as in the demo."""
    page.context.clear_cookies()
    page.goto(f"{site}/sign-in")
    page.locator(f"form:has(input[value='{email}']) button").click()


def picture(page: Page, path: Path, *, whole: bool) -> None:
    """Take one; a frame that is only loaded when it is near is looked at first."""
    page.wait_for_load_state("networkidle")
    if whole:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_load_state("networkidle")
        page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path, full_page=whole)
    sys.stdout.write(f"{path}\n")


def main() -> None:
    """Take the pictures."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=Path)
    words.add_argument("--all", action="store_true")
    words.add_argument("--only", default="", help="pages whose name holds this")
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="recert-pictures-") as home, FaultServer() as post:
        bench = furnish(Path(home), post)
        some_uncertain(bench)
        a_file_is_read(bench)
        with served(bench) as site, served(bench, ()) as plain, nothing_yet() as new, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
            if given.all:
                _every(browser, {"full": site, "plain": plain, "new": new}, given.folder, given.only)
            else:
                _of_the_readme(browser, site, given.folder)
        bench.database.dispose()


def _of_the_readme(browser: Browser, site: str, folder: Path) -> None:
    page = browser.new_page()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for name, (path, email, height) in README.items():
            sign_in(page, site, email)
            page.set_viewport_size({"width": 1280, "height": height})
            page.goto(site + path)
            picture(page, folder / f"{name}-{scheme}.png", whole=False)


def _every(browser: Browser, sites: dict[str, str], folder: Path, only: str) -> None:
    """Every page there is, wide and narrow."""
    names, own = NAMES | {"learner": "3"}, OF_ITS_OWN | {"/actions/{rollout}": "/actions/3"}
    pages = {
        _plain(path): goes_to(own.get(path, path.format(**names))) for path in places() if path not in SEEN_ON_THE_WAY
    }
    asked = (
        (sites["full"], ADMIN, pages | SCENES), (sites["full"], OPERATOR, OF_A_VIEWER),
        (sites["full"], "", {"sign-in": goes_to("/sign-in")}), (sites["plain"], "", OF_STRANGERS),
        (sites["new"], ADMIN, OF_NOTHING),
    )  # fmt: skip
    for scheme in SCHEMES:
        for site, email, scenes in asked:
            for name, scene in scenes.items():
                if only in name:
                    _scene(browser, site, email, scene, folder / f"{name}-{scheme}", scheme)


def _scene(browser: Browser, site: str, email: str, scene: Scene, stem: Path, scheme: Scheme) -> None:
    context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    if email:
        sign_in(page, site, email)
    scene(page)
    page.wait_for_timeout(400)  # a button of the scene may have led on
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        picture(page, stem.with_name(f"{stem.name}-{width}.png"), whole=True)
    context.close()


def _plain(path: str) -> str:
    return path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "home"


if __name__ == "__main__":
    main()
