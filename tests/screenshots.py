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

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvicorn
from playwright.sync_api import Page, sync_playwright

from config.settings import Settings
from console.demo import OPERATOR, SAMPLES, _organisation
from console.web.app import application
from models import people
from models.database import Database
from models.plan import plan_from
from models.words import Role, RolloutState
from tasks import rollouts
from tasks.settings_orders import place_setting
from tasks.workbench import Workbench
from tests import world
from tests.console.test_web_every_page import NAMES, OF_ITS_OWN, places
from tests.console.windows import ARGUMENTS, browser_path
from tests.mail.fault_server import FaultServer
from tests.processes import free_port

ADMIN = "eve@example.org"
TODAY = date(2026, 11, 23)
# name → the page, for whom, and how tall the picture is
README = {
    "learners": ("/learners?status=due-for-recertification", OPERATOR, 720),
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
def served(bench: Workbench) -> Iterator[str]:
    """The console of it, as in a demo; its address."""
    port = free_port()
    app = application(bench, (*SAMPLES, ADMIN))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def sign_in(page: Page, site: str, email: str) -> None:
    """One click, as in the demo."""
    page.context.clear_cookies()
    page.goto(f"{site}/sign-in")
    page.locator(f"form:has(input[value='{email}']) button").click()


def picture(page: Page, address: str, path: Path, *, whole: bool) -> None:
    """Take one."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path, full_page=whole)
    sys.stdout.write(f"{path}\n")


def main() -> None:
    """Take the pictures."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=Path)
    words.add_argument("--all", action="store_true")
    words.add_argument("--only", default="", help="pages whose path holds this")
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="recert-pictures-") as home, FaultServer() as post:
        bench = furnish(Path(home), post)
        with served(bench) as site, sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS).new_page()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                if given.all:
                    every(page, site, given.folder, scheme, given.only)
                    continue
                for name, (path, email, height) in README.items():
                    sign_in(page, site, email)
                    page.set_viewport_size({"width": 1100, "height": height})
                    picture(page, site + path, given.folder / f"{name}-{scheme}.png", whole=False)
        bench.database.dispose()


def every(page: Page, site: str, folder: Path, scheme: str, only: str) -> None:
    """Every page there is, wide and narrow."""
    sign_in(page, site, ADMIN)
    names = NAMES | {"learner": "3", "action": "assign"}
    own = OF_ITS_OWN | {"/settings/all/{rollout}": "/settings/all/3"}
    for path in (*places(), "/rollouts/2/steps/set-recertification-dates"):
        if only not in path:
            continue
        for width in (1280, 400):
            page.set_viewport_size({"width": width, "height": 900})
            plain = path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "home"
            address = site + own.get(path, path.format(**names))
            picture(page, address, folder / f"{plain}-{scheme}-{width}.png", whole=True)


if __name__ == "__main__":
    main()
