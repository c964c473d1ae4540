"""What is installed is ours, whole and checked: package names, lock files, version."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"]


def locked(lock: str) -> dict[str, str]:
    """Return the lines of *lock*, each joined with its hashes, by the requirement's name (extras kept)."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {re.split(r"[=<>~! ;@]", line.replace(", ", ","), maxsplit=1)[0]: line for line in lines}


def versions(lock: str) -> dict[str, str]:
    return {name: line.split(" --hash", 1)[0].strip() for name, line in locked(lock).items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_our_packages_resolve_inside_the_project(package: str) -> None:
    """Our names are short: a foreign `config` on the path shall fail here, not in a rollout."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / package


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-e|-i|-f|--(index|extra-index|find|trusted))", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_is_pinned_and_hashed(lock: str) -> None:
    form = re.compile(r"[\w.\-]+(\[[\w, \-]+\])?==[\w.+!]+( ;[^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    loose = [line for line in locked(lock).values() if not form.fullmatch(line)]
    assert loose == []
    assert locked(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_extra_has_its_plain_twin(lock: str) -> None:
    """Stock pip refuses a hashed `name[extra]` unless the plain `name` is there as well."""
    lines = versions(lock)
    plain = {re.sub(r"\[.*?\]", "", line) for name, line in lines.items() if "[" in name}
    assert plain <= set(lines.values())


def test_the_development_lock_holds_the_very_versions_of_the_other() -> None:
    assert versions("requirements.lock").items() <= versions("requirements-dev.lock").items()
    assert versions("requirements-build.lock").items() <= versions("requirements-dev.lock").items()


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["project"]["optional-dependencies"]["dev"]),
        ("requirements-build.lock", PROJECT["build-system"]["requires"]),
    ],
    ids=LOCKS,
)
def test_the_lock_keeps_what_the_project_declares(lock: str, declared: list[str]) -> None:
    pins = [Requirement(line) for line in versions(lock).values()]
    chosen = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
    unmet = [
        line for line in declared if not Requirement(line).specifier.contains(chosen.get(Requirement(line).name, ""))
    ]
    assert unmet == []


def test_the_version_is_the_changelogs_newest() -> None:
    """Before the first release there is none to compare with, and the first number is the one to come."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PROJECT["project"]["version"] == (headings[1:] or ["0.1.0"])[0]
