"""Where measurements are taken: a furnished database, copies of it, and processes of their own that do as they are told.

A figure is worth something beside another one of the same minute only: what is compared runs in two processes on two
copies, beat by beat in turn.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from models.database import Database

T = TypeVar("T")


class Ground:
    """A furnished database of one kind, of which each measurement gets a fresh copy.

    Args:
        database: ``sqlite`` or ``postgresql``; its address is in ``url``.
        home: a folder of its own.
        furnish: fills an empty database.
    """

    def __init__(self, database: str, home: Path, furnish: Callable[[Database], None]) -> None:
        self.database, self.home = database, home
        self._copies = 0
        self._cluster: Any = None
        if database == "postgresql":
            from tests.postgres import PostgresCluster

            self._cluster = PostgresCluster(fsync=True)
            self.url = self._cluster.create_database()
        else:
            self.url = f"sqlite:///{home}/template.db"
        made = Database(self.url)
        furnish(made)
        if self._cluster:
            with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        made.dispose()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """A copy's URL; the copy is thrown away afterwards."""
        if self._cluster is not None:
            url = self._cluster.create_database(self.url)
            yield url
            self._cluster.drop(url)
            return
        self._copies += 1
        path = self.home / f"copy{self._copies}.db"
        shutil.copy(self.home / "template.db", path)
        yield f"sqlite:///{path}"
        for left in self.home.glob(f"{path.name}*"):
            left.unlink()

    def close(self) -> None:
        """Take the server down."""
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster.remove()


@contextmanager
def ground(database: str, furnish: Callable[[Database], None]) -> Iterator[Ground]:
    """A ground in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recert-bench-") as home:
        made = Ground(database, Path(home), furnish)
        try:
            yield made
        finally:
            made.close()


class Servant:
    """A process that carries out one order after another and says what it found.

    Args:
        script: started with the words ``--serve`` and *words*; it calls ``serve``.
    """

    def __init__(self, script: str, *words: str) -> None:
        command = [sys.executable, script, "--serve", *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def do(self, *order: str) -> dict[str, Any]:
        """Give an order and wait for its figures."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the process that was to {' '.join(order)} has ended: see above"
        return dict(json.loads(answer))


def serve(orders: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Carry out orders from standard input until it ends; each answer names the peak of this process's memory, too."""
    for line in sys.stdin:
        name, *words = json.loads(line)
        answer = orders[name](*words)
        print(json.dumps({**answer, "memory_mb": peak_memory_mb()}), flush=True)


def peak_memory_mb() -> int:
    """The most memory that this process ever held, without what its parent held before."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


class Spent(NamedTuple):
    """Seconds by the clock, and seconds of processor: our process's own and that of the PostgreSQL process that serves it.

    On a machine that others use, too, the second swings far less.
    """

    seconds: float
    cpu: float

    def without(self, part: Spent) -> Spent:
        """What is left when *part* is taken away."""
        return Spent(self.seconds - part.seconds, self.cpu - part.cpu)


def timed(act: Callable[[], T], database: Database | None = None) -> tuple[Spent, T]:
    """What *act* spent here and, where *database* is PostgreSQL, on its server; and what it returned."""
    server = _server_process(database) if database is not None and not database.is_sqlite else None
    began, cpu = time.perf_counter(), _cpu_seconds(server)
    done = act()
    return Spent(time.perf_counter() - began, _cpu_seconds(server) - cpu), done


def _server_process(database: Database) -> int:
    """The one process on the server behind the pool's one connection."""
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _cpu_seconds(server: int | None) -> float:
    spent = time.process_time()
    if server is not None:
        spent += sum(map(int, _stat(server)[11:13])) / os.sysconf("SC_CLK_TCK")
    return spent


def processor_seconds(database: Database) -> float:
    """Seconds of processor that this process and, of PostgreSQL, every process of the server have spent so far."""
    if database.is_sqlite:
        return time.process_time()
    server = int(_stat(_server_process(database))[1])
    ticks = sum(map(int, _stat(server)[13:15]))  # of workers that have ended
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = _stat(int(folder.name))
            ticks += sum(map(int, fields[11:13])) if int(fields[1]) == server else 0
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str]:
    """What the system knows of a process, from its state on."""
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


def beside(ours: list[Spent], floor: list[Spent]) -> dict[str, float]:
    """The medians of the rounds' ratios, by the clock and by the processor."""
    pairs = list(zip(ours, floor, strict=True))
    return {
        "ratio": round(statistics.median(own.seconds / low.seconds for own, low in pairs), 2),
        "cpu_ratio": round(statistics.median(own.cpu / max(low.cpu, 0.001) for own, low in pairs), 2),
    }


def each(spent: list[Spent], number: int) -> dict[str, float]:
    """Microseconds for one of so many, by the clock and by the processor."""
    clock, cpu = (statistics.median(part) * 1e6 / number for part in zip(*spent, strict=True))
    return {"us_per_learner": round(clock, 2), "cpu_us_per_learner": round(cpu, 2)}


def rounds_of(learners: int) -> int:
    """How often an organisation of this size is measured: a long run is its own average."""
    return max(1, min(3, 100_000 // learners))


def keep(path: Path | None, lines: list[dict[str, Any]]) -> None:
    """Put *lines* in the place of those of the same name, database and size; the others stay."""
    sys.stdout.flush()
    if path is None:
        return

    def key(line: Mapping[str, Any]) -> tuple[Any, ...]:
        return line["name"], line["database"], line["learners"]

    known = {key(line): line for line in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    known |= {key(line): line for line in lines}
    ordered = sorted(known.values(), key=lambda line: (line["database"], line["learners"]))
    path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
