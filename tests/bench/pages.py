"""The console's pages at 100,000 learners: how long each takes as a browser sees it, and how large it is.

    .venv/bin/python tests/bench/pages.py                                # both databases, what `make bench` runs
    .venv/bin/python tests/bench/pages.py --learners 10000 --databases sqlite --only learners

Every page is asked for several times, each time with other words, over one connection of a served console. What is ordered
(a selection of all that match, an action) is measured as well, fewer times. Processor time is the console's, the
browser's and the database's together, for one page.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx
import uvicorn

from console.web.app import application
from console.web.paper import HOUSE
from models.database import Database
from tasks.workbench import Workbench
from tests.bench.ground import ground, keep, processor_seconds
from tests.bench.organisation import furnish
from tests.bench.pages_ground import prepared
from tests.processes import free_port

GOAL_MS = 200
STEP, WIDEST = "/rollouts/2/steps/renotify-incomplete", "/rollouts/1/steps/recertify-due"
DUE = "status=due-for-recertification"
# A page, and words for it; {n} is another number each time.
PAGES = {
    "learners, by status": "/learners?" + DUE + "&size={size}",
    "learners, all": "/learners?size={size}",
    "learners, searched": "/learners?search=learner+{n}",
    "learners, a word of many": "/learners?search=office+{digit}",
    "learners, nobody found": "/learners?search=nobody{n}",
    "learners, by department": "/learners?department=Department+{small}&status=completed",
    "learners, few of a status": "/learners?status=not-assigned&department=Department+{small}",
    "learners, by name down": "/learners?sort=name&down=yes&size={size}",
    "learners, sorted by department": "/learners?sort=department&size={size}",
    "learners, by Recertification Date": "/learners?sort=recertification_on&size={size}",
    "learners, by Due Date down": "/learners?sort=due_on&down=yes&size={size}",
    "learners, by completion": "/learners?sort=completed_on&size={size}",
    "learners, by assignment": "/learners?sort=assigned_on&size={size}",
    "learners, by assignment down": "/learners?sort=assigned_on&down=yes&size={size}",
    "learners, in a span": "/learners?day=recertification_on&since=2026-12-0{digit}&until=2026-12-2{digit}",
    "learners, assigned in a span": "/learners?day=assigned_on&since=2026-06-0{digit}&until=2026-06-2{digit}",
    "a learner": "/learners/{n}",
    "rollouts": "/rollouts?{n}",
    "a rollout": "/rollouts/2?{n}",
    "a rollout that is over": "/rollouts/1?{n}",
    "its report": "/rollouts/2/report?{n}",
    "the report of one that is over": "/rollouts/1/report?{n}",
    "a closing list": "/rollouts/1/lists/not-on-common-day?{n}",
    "who was not reached": "/rollouts/1/lists/not-reached?{n}",
    "a review": STEP + "?{n}",
    "a review, what changes": STEP + "?outcome=changing&x={n}",
    "a review, searched": STEP + "?search=learner+{n}",
    "a review, nobody found": STEP + "?search=nobody{n}",
    "a review, at random": STEP + "?random=yes&x={n}",
    "a list of everybody, by flag": WIDEST + "?flag=no-email&x={n}",
    "mail": "/mail?x={n}",
    "mail, by state": "/mail?state=failed&x={n}",
    "mail, uncertain": "/mail?state=uncertain&x={n}",
    "mail of a rollout": "/mail?rollout=1&kind=recertification&x={n}",
    "mail of a rollout that has none": "/mail?rollout=2&kind=recertification&x={n}",
    "mail, searched": "/mail?search=l{n}@",
    "mail, nobody found": "/mail?search=nobody{n}",
    "a mail": "/mail/{half}",
    "courses": "/courses?{n}",
    "wording": "/wording/reminder/en?{n}",
    "audit": "/audit?x={n}",
    "audit, by act": "/audit?act=bench-{digit}",
    "imports": "/imports?{n}",
    "settings": "/settings?{n}",
    "starting a rollout": "/rollouts/new?{n}",
}
Figures = dict[str, Any]


class Visitor:
    """A browser that asks one page after another."""

    def __init__(self, client: httpx.Client, token: str, database: Database, learners: int) -> None:
        self._client, self._database, self._learners = client, database, learners
        self._guard = hashlib.sha256(f"form:{token}".encode()).hexdigest()
        self.answer: httpx.Response

    def look(self, path: str) -> None:
        """Ask for a page."""
        self.answer = self._client.get(path)
        assert self.answer.status_code == 200, (path, self.answer.status_code)

    def order(self, path: str, **words: str) -> None:
        """Send a form."""
        form = {"guard": self._guard, "once": secrets.token_hex(16), **words}
        self.answer = self._client.post(path, data=form)
        assert self.answer.status_code in (200, 303), (path, self.answer.status_code, self.answer.text[-2000:])

    def measured(self, name: str, act: Callable[[int], None], times: int) -> Figures:
        """Do something so many times, and once before: templates are read once in a process."""
        act(0)
        spent, cpu = [], processor_seconds(self._database)
        for number in range(1, times + 1):
            began = time.perf_counter()
            act(number)
            spent.append((time.perf_counter() - began) * 1000)
        cpu = (processor_seconds(self._database) - cpu) * 1000 / times
        p95 = statistics.quantiles([*spent, spent[-1]], n=20, method="inclusive")[-1]
        line = {"name": f"page: {name}", "median_ms": round(statistics.median(spent), 1), "p95_ms": round(p95, 1)}
        line |= {"cpu_ms": round(cpu, 1), **_sizes(self.answer.content)}
        verdict = "over" if p95 > GOAL_MS else "ok"
        print(f"  {verdict:>4} {p95:8.1f} ms p95 {line['median_ms']:8.1f} ms median {line['cpu_ms']:8.1f} ms processor"
              f" {line['kb']:7.1f} KB {line['gzip_kb']:6.1f} gzipped  {name}", flush=True)  # fmt: skip
        return line

    def page(self, name: str, words: str, times: int) -> Figures:
        """Measure one page."""

        def act(number: int) -> None:
            n = 1 + (number * 7919) % self._learners
            size = (25, 50, 100, 200)[number % 4]
            self.look(words.format(n=n, half=1 + n // 2, small=n % 40, digit=1 + number % 9, size=size))

        return self.measured(name, act, times)

    def orders(self, times: int) -> Iterator[Figures]:
        """Measure what leads from the list to an action that is about to be confirmed."""
        many = {"how": "all", "by": "script"}
        yield self.measured("select all that match", lambda _: self.order(f"/learners/selection?{DUE}", **many), times)
        chosen = str(self.answer.json()["selection"])
        kept = f"/learners?{DUE}&selection={chosen}"
        yield self.measured("learners, with a selection", lambda n: self.look(f"{kept}&size={(25, 50)[n % 2]}"), times)
        yield self.measured("order an action", lambda _: self.order("/actions/new/recertify", selection=chosen), times)
        placed = self.answer.headers["location"]
        yield self.measured("an action before it is confirmed", lambda n: self.look(f"{placed}?x={n}"), times)
        yield self.measured("select everybody", lambda _: self.order("/learners/selection", **many), times)


def _sizes(content: bytes) -> dict[str, float]:
    return {"kb": round(len(content) / 1000, 1), "gzip_kb": round(len(gzip.compress(content)) / 1000, 1)}


@contextmanager
def served(bench: Workbench) -> Iterator[str]:
    """The console behind a port; its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(bench), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def pages_of(database: str, learners: int, times: int, only: str = "") -> list[Figures]:
    """Every page on one database, perhaps only those whose name the pattern *only* is found in."""
    print(f"{database}, {learners:,} learners", flush=True)

    def fill(empty: Database) -> None:
        furnish(empty, learners)

    with ground(database, fill) as made, made.fresh() as url:
        bench, token = prepared(url, made.home)
        with served(bench) as home, httpx.Client(
            base_url=home, cookies={"recert-session": token}, timeout=60
        ) as client:  # fmt: skip
            visitor = Visitor(client, token, bench.database, learners)
            pages = {name: words for name, words in PAGES.items() if re.search(only, name)}
            found = [visitor.page(name, words, times) for name, words in pages.items()]
            found += visitor.orders(max(1, times // 4)) if re.search(only, "orders") else []
        bench.database.dispose()
    return [{**line, "goal_ms": GOAL_MS, "database": database, "learners": learners} for line in found]


def assets() -> Figures:
    """How much a browser fetches once."""
    files = sorted((HOUSE / "static").iterdir())
    parts = [_sizes(file.read_bytes()) for file in files]
    total = {unit: round(sum(part[unit] for part in parts), 1) for unit in ("kb", "gzip_kb")}
    print(f"assets: {len(files)} files, {total['kb']} KB, {total['gzip_kb']} KB gzipped")
    return {"name": "page: assets", "database": "none", "learners": 0, "files": len(files), **total}


def main() -> None:
    """Measure."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--learners", default="100000")
    words.add_argument("--databases", default="sqlite,postgresql")
    words.add_argument("--rounds", type=int, default=20, help="how often each page is asked for")
    words.add_argument("--only", default="", help="a pattern: the pages whose names it is found in")
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    for database in given.databases.split(","):
        for learners in map(int, given.learners.split(",")):
            keep(given.json, pages_of(database, learners, given.rounds, given.only))
    keep(given.json, [assets()])


if __name__ == "__main__":
    main()
