"""What the commands' tests stand on: a home of their own, and `recert` run in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from console.cli import main
from tests.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
