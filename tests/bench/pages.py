"""The console's pages at 100,000 learners: how long each takes as a browser sees it, and how large it is.

    .venv/bin/python tests/bench/pages.py                                # both databases, what `make bench` runs
    .venv/bin/python tests/bench/pages.py --learners 10000 --database sqlite

Every page is asked for several times, each time with other words, over one connection of a served console.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx
import uvicorn

from console.web.app import application
from console.web.paper import HOUSE
from models import people, sessions
from models.database import Database
from models.words import Role, StepSlug
from tests import world
from tests.bench.ground import ground, keep
from tests.bench.imports import bench_of
from tests.bench.organisation import furnish
from tests.processes import free_port
from tests.world import NOW

GOAL_MS = 200
STEP = "/rollouts/1/steps/renotify-incomplete"
# A page, and words for it; {n} is another number each time.
PAGES = {
    "learners, by status": "/learners?status=due-for-recertification&size={size}",
    "learners, all": "/learners?size={size}",
    "learners, searched": "/learners?search=learner+{n}",
    "learners, nobody found": "/learners?search=nobody{n}",
    "learners, by department": "/learners?department=Department+{small}&status=completed",
    "learners, by Recertification Date": "/learners?sort=recertification_on&size={size}",
    "learners, by Due Date down": "/learners?sort=due_on&down=yes&size={size}",
    "learners, in a span": "/learners?day=recertification_on&since=2026-12-0{digit}&until=2026-12-2{digit}",
    "a learner": "/learners/{n}",
    "rollouts": "/rollouts?{n}",
    "a rollout": "/rollouts/1?{n}",
    "its report": "/rollouts/1/report?{n}",
    "a review": STEP + "?{n}",
    "a review, what changes": STEP + "?outcome=changing&x={n}",
    "a review, searched": STEP + "?search=learner+{n}",
    "mail": "/mail?x={n}",
    "courses": "/courses?{n}",
    "wording": "/wording/reminder/en?{n}",
    "audit": "/audit?x={n}",
}


def prepared(url: str, home: Path) -> tuple[Any, str]:
    """A rollout under review, and somebody who is signed in; their session."""
    bench = bench_of(url, home)
    with bench.database.write() as connection:
        world.some_users(connection)
        people.add_user(connection, "eve@example.org", "Eve", list(Role), actor="bench", at=NOW)
        user = people.find_user(connection, "eve@example.org")
        assert user is not None
        token = sessions.begin(connection, user, bench.now())
    world.started(bench, training_types=["conduct"])
    world.propose(bench, 1, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    return bench, token


def measured(client: httpx.Client, name: str, words: str, learners: int, times: int) -> dict[str, Any]:
    """One page: median and 95th percentile in milliseconds, and its size."""
    spent, answer = [], None
    for number in range(times + 1):
        n = 1 + (number * 7919) % learners
        path = words.format(n=n, small=n % 40, digit=1 + number % 9, size=(25, 50, 100, 200)[number % 4])
        began = time.perf_counter()
        answer = client.get(path)
        spent.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    assert answer is not None
    spent.pop(0)  # templates are read once in a process
    p95 = statistics.quantiles(spent, n=20, method="inclusive")[-1]
    sizes = {"kb": round(len(answer.content) / 1000, 1), "gzip_kb": round(len(gzip.compress(answer.content)) / 1000, 1)}
    line = {"name": f"page: {name}", "median_ms": round(statistics.median(spent), 1), "p95_ms": round(p95, 1), **sizes}
    print(
        f"  {'over' if p95 > GOAL_MS else 'ok':>4} {p95:8.1f} ms p95 {line['median_ms']:8.1f} ms median  {name}",
        flush=True,
    )
    return line


def pages_of(database: str, learners: int, times: int) -> list[dict[str, Any]]:
    """Every page on one database."""
    print(f"{database}, {learners:,} learners", flush=True)

    def fill(empty: Database) -> None:
        furnish(empty, learners)

    with ground(database, fill) as made, made.fresh() as url:
        bench, token = prepared(url, made.home)
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(application(bench), host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.02)
        home = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=home, cookies={"recert-session": token}, timeout=60) as client:
            found = [measured(client, name, words, learners, times) for name, words in PAGES.items()]
        server.should_exit = True
        thread.join()
        bench.database.dispose()
    return [{**line, "database": database, "learners": learners} for line in found]


def assets() -> None:
    """Say how much a browser fetches once."""
    files = sorted((HOUSE / "static").iterdir())
    packed = sum(len(gzip.compress(file.read_bytes())) for file in files)
    print(f"assets: {len(files)} files, {sum(file.stat().st_size for file in files):,} bytes, {packed:,} gzipped")


def main() -> None:
    """Measure."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--learners", type=int, default=100_000)
    words.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    words.add_argument("--times", type=int, default=20)
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    for database in given.database or ("sqlite", "postgresql"):
        keep(given.json, pages_of(database, given.learners, given.times))
    assets()


if __name__ == "__main__":
    main()
