"""A run's sign of life: while a process works on a rollout, the ledger hears of it every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from models import lease
from models.errors import DatabaseUnavailable, LeaseLost
from tasks.rollouts import Opened
from tasks.workbench import Workbench

EVERY_S = 3.0


@contextmanager
def heartbeat(bench: Workbench, opened: Opened, every_s: float = EVERY_S) -> Iterator[None]:
    """Beat beside the work; stops when the lease is lost (the next write finds out) and rides out a database away."""
    done = threading.Event()

    def beats() -> None:
        while not done.wait(every_s):
            try:
                with bench.database.write() as connection:
                    lease.beat(connection, opened.rollout_id, opened.epoch, bench.now())
            except LeaseLost:
                return
            except DatabaseUnavailable:
                continue

    thread = threading.Thread(target=beats, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
