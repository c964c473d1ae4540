"""What the commands' tests stand on: a home of their own, and `recert` run in this process."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher

from console.cli import main
from console.web.app import application
from models import passwords, people, sessions
from models.words import StepSlug
from tests import world
from tests.console.browser import Browser
from tests.console.rollout_desk import PretendedPrefect
from tests.console.windows import chromium, opened, site  # noqa: F401 - fixtures
from tests.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.workbench import Workbench


@dataclass(frozen=True)
class Ended:
    """How one run of ``recert`` ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line on stderr; anything else there fails the test."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, and ports that nobody listens on."""
    home = tmp_path / "home"
    monkeypatch.setenv("RECERT_HOME", str(home))
    monkeypatch.setenv("RECERT_PREFECT_PORT", str(free_port()))
    return home


@pytest.fixture
def recert(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run ``recert`` with these words."""
    assert home

    def run(*words: object) -> Ended:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(code, out, err)

    return run


@pytest.fixture
def at_work(recert: Callable[..., Ended]) -> Callable[..., Ended]:
    """``recert`` with a database, an operator (ann), an approver (bob) and an admin (eve)."""
    for name, role in (("ann", "operator"), ("bob", "approver"), ("eve", "admin")):
        assert recert("users", "add", f"{name}@example.org", "--name", name.title(), "--roles", role).code == 0
    return recert


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file to copy: users, courses and ten learners."""
    home = tmp_path_factory.mktemp("organisation")
    made = _furnished(home)
    made.database.dispose()
    return home / "recert.db"


def _furnished(home: Path, *, migrated: bool = False) -> Workbench:
    made = world.a_bench(f"sqlite:///{home / 'recert.db'}", home, migrated=migrated)
    with made.database.write() as connection:
        world.some_users(connection)
        world.ten_learners(connection)
    return made


@pytest.fixture
def bench(home: Path, organisation: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """An organisation in the home, on the day the rehearsal names."""
    monkeypatch.setenv("RECERT_TODAY", world.TODAY.isoformat())
    monkeypatch.setenv("RECERT_MAIL_PORT", str(free_port()))
    if home.exists():  # `recert` was at work there already
        bench = _furnished(home, migrated=True)
    else:
        home.mkdir()
        shutil.copy(organisation, home / "recert.db")
        bench = world.a_bench(f"sqlite:///{home / 'recert.db'}", home, migrated=True)
    yield bench
    bench.database.dispose()


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> PretendedPrefect:
    """A Prefect that is none; the real conductor is tested with a real one."""
    from console import conductor

    pretended = PretendedPrefect()
    for name in ("require_prefect", "begin", "go_on", "cancel"):
        monkeypatch.setattr(conductor, name, getattr(pretended, name))
    return pretended


@pytest.fixture
def at_gate(bench: Workbench, prefect: PretendedPrefect) -> int:
    """A rollout whose first review is open."""
    assert prefect
    rollout_id = world.started(bench)
    world.propose(bench, rollout_id, StepSlug.VERIFY_COMPLETION, StepSlug.RENOTIFY_INCOMPLETE)
    return rollout_id


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing; what the real ones cost is tested where they are made."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._nobodys.cache_clear()
    monkeypatch.setattr(passwords, "hasher", lambda: hasher)


@pytest.fixture
def signed_in(bench: Workbench) -> Callable[[str], Browser]:
    """A browser in which this user is signed in."""
    app = application(bench)

    def as_(email: str) -> Browser:
        with bench.database.write() as connection:
            user = people.find_user(connection, email)
            assert user is not None
            token = sessions.begin(connection, user, bench.now())
        browser = Browser(app)
        browser.cookies.set("recert-session", token, domain="127.0.0.1", path="/")
        return browser

    return as_
