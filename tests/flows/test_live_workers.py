"""Beyond one machine: a Prefect server on PostgreSQL that wants its password, a work pool, and workers that come and go."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings
from sqlalchemy import select, update

from console import conductor
from models import invariants
from models.automatic import own_on
from models.tables import assignment, certification, message, message_event
from models.words import MessageState, RolloutState, StepSlug, StepState
from tasks import upkeep
from tasks.workbench import Workbench
from tests.live import descendants, eventually
from tests.mail.fault_server import FaultServer
from tests.mail_sweep import notices
from tests.postgres import PostgresCluster
from tests.prefect_server import PrefectServer
from tests.processes import end_process, start_process
from tests.relay import Namespace
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    TODAY,
    a_bench,
    code_for,
    rollout_state,
    rows,
    some_users,
    step_state,
    ten_learners,
)

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
PASSWORD = "recert:the server's own"
ZONE = "Europe/Berlin"
SLOW_S = 0.7
LETTERS = 300


@dataclass
class Machine:
    """What one worker's machine has for itself: a home, with the key that all of them share."""

    home: Path
    env: dict[str, str]
    enter: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, *more: str) -> None:
        words = ["-m", "prefect", "worker", "start", "--pool", "recert", "--name", self.home.name, *more]
        self.process = start_process([*self.enter, sys.executable, *words], log=self.log, env=self.env, cwd=self.home)

    @property
    def log(self) -> Path:
        return self.home / "worker.log"

    def took(self, run_id: str) -> int:
        """How often it took up this run."""
        return self.log.read_text(encoding="utf-8").count(f"submitting flow run '{run_id}'")

    def kill(self) -> None:
        """SIGKILL to the worker and to every run it started, as when the power fails."""
        assert self.process is not None
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process is not None:
            end_process(self.process, signal.SIGKILL)


class Site:
    """A Recert database on the PostgreSQL that the Prefect server has, too; machines are added as they are needed."""

    def __init__(self, folder: Path, cluster: PostgresCluster, server: PrefectServer, post: FaultServer) -> None:
        self._folder, self._cluster, self.server = folder, cluster, server
        self._database = cluster.create_database()
        api = {"prefect_api_url": self.server.api_url}
        self.bench = a_bench(self._database, folder / "desk", post.address, **api)
        self.post = post
        self.machines: list[Machine] = []
        assert self.bench.key

    def machine(self, name: str, enter: Sequence[str] = ()) -> Machine:
        env = self.env(name) | {"PREFECT_HOME": str(self._folder / name / "prefect")}
        made = Machine(self._folder / name, env, list(enter))
        made.home.mkdir()
        shutil.copy(self._folder / "desk" / "recert.key", made.home)
        self.machines.append(made)
        return made

    @property
    def ports(self) -> list[int]:
        """Where a machine must get through to."""
        return [self._cluster.port, int(self.server.api_url.split(":")[2].partition("/")[0]), self.post.address.port]

    def env(self, home: str) -> dict[str, str]:
        ours = {
            "RECERT_HOME": str(self._folder / home),
            "RECERT_DATABASE_URL": self._database,
            "RECERT_SMTP_URL": f"smtp://{self.post.address.host}:{self.post.address.port}?tls=none",
            "RECERT_TODAY": TODAY.isoformat(),
            "RECERT_PREFECT_API_URL": self.server.api_url,
            "RECERT_TIME_ZONE": ZONE,
        }
        return {**self.server.env, **ours}

    def recert(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "console", *words]
        env = {**self.env("desk"), **env}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)

    def run_state(self, run_id: str) -> str:
        return str(self.server.ask("GET", f"/flow_runs/{run_id}")["state"]["type"])

    def close(self) -> None:
        for each in self.machines:
            each.close()
        self.bench.database.dispose()
        self._cluster.drop(self._database)


@pytest.fixture(scope="module")
def server(postgres_cluster: PostgresCluster) -> Iterator[PrefectServer]:
    """A Prefect server on PostgreSQL that wants its password, with the work pool and what it carries out."""
    database = postgres_cluster.create_database()
    server = PrefectServer(
        PREFECT_SERVER_DATABASE_CONNECTION_URL=database.replace("+psycopg", "+asyncpg"),
        PREFECT_SERVER_API_AUTH_STRING=PASSWORD,
        PREFECT_API_AUTH_STRING=PASSWORD,
        PREFECT_WORKER_QUERY_SECONDS="1",
        PREFECT_WORKER_HEARTBEAT_SECONDS="2",
    )
    try:
        for words in (["work-pool", "create", "recert", "--type", "process"], ["deploy", "--all"]):
            command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
            env = {**server.env, "RECERT_TIME_ZONE": ZONE}
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        daily = server.ask("GET", "/deployments/name/daily-upkeep/daily-upkeep")
        server.ask("POST", f"/deployments/{daily['id']}/pause_deployment")  # the tests say when it is time for it
        yield server
    finally:
        server.remove()
        postgres_cluster.drop(database)


@pytest.fixture
def site(tmp_path: Path, postgres_cluster: PostgresCluster, server: PrefectServer) -> Iterator[Site]:
    with FaultServer() as post:
        made = Site(tmp_path, postgres_cluster, server, post)
        try:
            with made.bench.database.write() as connection:
                some_users(connection)
                ten_learners(connection)
                # Whom this rollout is about the upkeep, should it come, is not to assign by itself.
                connection.execute(update(certification).values(left_to_people_on=own_on()))
            yield made
        finally:
            made.close()


def doctor(site: Site, **env: str) -> str:
    """What the doctor says of Prefect and its workers."""
    lines = site.recert("doctor", **env).stdout.splitlines()
    return "\n".join(line for line in lines if line.split()[1] in ("prefect:", "workers:"))


def start(site: Site) -> tuple[int, str]:
    plan = site.bench.settings.home / "plan.toml"
    days = f"recertify_on = {TODAY}\nalign_on = {TODAY}\n[incomplete]\nnew_due_on = 2026-12-18\n"
    plan.write_text(f'name = "workers"\ntraining_types = ["conduct", "privacy"]\n{days}', encoding="utf-8")
    done = site.recert("rollout", "start", str(plan), "--as", OPERATOR, "--json")
    assert done.returncode == 0, done.stderr
    begun = json.loads(done.stdout)
    return begun["rollout"], begun["flow_run_id"]


def approve(site: Site, rollout: int) -> None:
    code = code_for(site.bench, rollout, APPROVER)
    done = site.recert("rollout", "approve", str(rollout), "--as", APPROVER, "--code", code)
    assert done.returncode == 0, done.stderr


def waits_at(site: Site, rollout: int, run_id: str, slug: StepSlug) -> bool:
    here = step_state(site.bench, rollout, slug) is StepState.IN_REVIEW
    return here and site.run_state(run_id) == "PAUSED"


def mails_to_learners(bench: Workbench) -> list[Any]:
    return rows(bench, select(message).where(message.c.learner_id.is_not(None)))


def revived(site: Site) -> bool:
    """Do what the upkeep on any machine does for runs; whether it gave a dead one back."""
    with temporary_settings({PREFECT_API_AUTH_STRING: PASSWORD}):
        return conductor.watch(site.bench).get("reschedule", 0) == 1


@pytest.fixture
def apart(site: Site) -> Iterator[list[Namespace]]:
    """Two network namespaces, from which PostgreSQL, Prefect and the post can be reached, and nothing else."""
    made: list[Namespace] = []
    try:
        for name in ("north", "south"):
            made.append(Namespace(f"recert-{name}-{os.getpid()}", site.ports))  # noqa: PERF401 - closed
        yield made
    finally:
        for each in made:
            each.close()


def test_a_worker_goes_on_with_what_another_began_that_died_while_waiting_and_while_sending(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "answers 401: it wants the password" in doctor(site, PREFECT_API_AUTH_STRING="")
    assert "work pool recert has no worker that is alive" in doctor(site)

    first = site.machine("first")
    first.start()
    rollout, run_id = start(site)
    eventually(lambda: waits_at(site, rollout, run_id, StepSlug.RENOTIFY_INCOMPLETE), what="the first gate")
    assert "takes our PREFECT_API_AUTH_STRING" in doctor(site)
    assert "1 worker of work pool recert is alive" in doctor(site)
    first.kill()

    approve(site, rollout)
    second = site.machine("second")
    site.post.delay = SLOW_S
    second.start()
    eventually(
        lambda: any(each.state == MessageState.SENDING.value for each in mails_to_learners(site.bench)),
        what="the sending by the second worker",
    )
    second.kill()
    site.post.delay = 0
    assert site.run_state(run_id) == "RUNNING", "nobody but us notices"

    third = site.machine("third")
    third.start()
    monkeypatch.setattr(upkeep, "DEAD_AFTER", timedelta(seconds=4))
    eventually(lambda: revived(site), what="the revival")
    eventually(lambda: waits_at(site, rollout, run_id, StepSlug.SET_RECERTIFICATION_DATES), what="the second gate")

    copies = Counter(kept.to for kept in site.post.kept)
    for each in mails_to_learners(site.bench):
        assert each.state == MessageState.SENT.value
        assert copies[each.to_address] == 1 or each.flagged, f"{each.to_address} was mailed twice in silence"
    with site.bench.database.read() as connection:
        assert [broken.invariant.says for broken in invariants.check(connection) if broken.number] == []


@contextlib.contextmanager
def frozen(machine: Machine) -> Iterator[None]:
    """Let a worker do nothing for a while, and know nothing of it."""
    assert machine.process is not None
    machine.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        machine.process.send_signal(signal.SIGCONT)


def begin_delivery(site: Site) -> str:
    found = site.server.ask("GET", "/deployments/name/deliver-mail/deliver-mail")
    return str(site.server.ask("POST", f"/deployments/{found['id']}/create_flow_run", {})["id"])


def test_two_workers_in_networks_of_their_own_share_one_rollout_and_one_outbox(
    site: Site, apart: list[Namespace]
) -> None:
    assert [each.links() for each in apart] == [["lo"], ["lo"]]
    with site.bench.database.write() as connection:
        whose = (
            select(certification.c.learner_id, assignment.c.id)
            .join(assignment, assignment.c.certification_id == certification.c.id)
            .where(assignment.c.due_on.is_not(None))
        )
        learner_id, assignment_id = connection.execute(whose).first() or (0, 0)
        notices(connection, range(101, 101 + LETTERS), learner_id, assignment_id, NOW)
    machines = [site.machine(each.name, each.enter) for each in apart]
    for each in machines:
        each.start("--limit", "1")
    rollout, run_id = start(site)

    eventually(lambda: waits_at(site, rollout, run_id, StepSlug.RENOTIFY_INCOMPLETE), what="the first gate")
    site.post.delay = 0.02
    delivery = begin_delivery(site)
    eventually(lambda: site.run_state(delivery) == "RUNNING", what="a delivery")
    approve(site, rollout)
    eventually(lambda: waits_at(site, rollout, run_id, StepSlug.SET_RECERTIFICATION_DATES), what="the second gate")
    eventually(lambda: site.run_state(delivery) == "COMPLETED", what="the delivery's end")
    with frozen(max(machines, key=lambda each: each.took(run_id))):
        approve(site, rollout)
        eventually(lambda: waits_at(site, rollout, run_id, StepSlug.RECERTIFY_DUE), what="the third gate")
    approve(site, rollout)
    eventually(lambda: site.run_state(run_id) == "COMPLETED", what="the rollout's end")

    assert rollout_state(site.bench, rollout) is RolloutState.COMPLETED
    assert all(each.took(run_id) for each in machines), "one of them had no part in the rollout"
    copies = Counter(message_ids(site.post))
    assert set(copies.values()) == {1}, [each for each, number in copies.items() if number > 1]
    letters = rows(site.bench, message)
    assert {each.state for each in letters} == {MessageState.SENT.value}
    assert {each.message_id for each in letters} == set(copies)
    senders = {row[0] for row in rows(site.bench, select(message_event.c.by).distinct())}
    assert len(senders) > 1
    with site.bench.database.read() as connection:
        assert [broken.invariant.says for broken in invariants.check(connection) if broken.number] == []


def message_ids(post: FaultServer) -> Iterator[str]:
    for kept in post.kept:
        lines = kept.data.decode().splitlines()
        yield next(line.split()[1] for line in lines if line.startswith("Message-ID:"))
