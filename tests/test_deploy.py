"""What is put on servers: the units, their settings and the container file, read as strictly as can be without them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import prefect.settings
import pytest

from config.settings import Settings
from console.cli import command_line

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
EXAMPLES = sorted(DEPLOY.glob("*.env.example"))
INSTALLED = "/opt/recert/"
CLOSED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "UMask": "0077"}


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Section → name → values, in a file that says each name as often as it likes."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line}"
            found[section][name].append(value)
    return found


def named(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def instructions() -> list[tuple[str, str]]:
    """The container file's instructions, one each line."""
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")]


def test_systemd_itself_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here; the other tests read the units themselves")
    for path in UNITS:
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace(INSTALLED, f"{ROOT}/"), "utf-8")
    command = [analyze, "verify", "--man=no", *sorted(tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_each_service_runs_a_program_of_ours_as_nobody_special(path: Path) -> None:
    service = unit(path)["Service"]
    program, *words = service["ExecStart"][0].split()
    assert program.startswith(f"{INSTALLED}.venv/bin/")
    assert (ROOT / program.removeprefix(INSTALLED)).exists()
    if program.endswith("/recert"):
        assert words[0] in {name.strip() for name in command_line()}
    assert (service["User"], service["CapabilityBoundingSet"]) == (["recert"], [""])
    assert {name: service[name][-1] for name in CLOSED} == CLOSED
    assert service["Environment"] == [], "settings and secrets are in a file of their own"
    assert service["EnvironmentFile"][0].removeprefix("/etc/recert/") in {path.stem for path in EXAMPLES}


def test_every_timer_has_its_service_and_every_page_that_is_named_exists() -> None:
    for path in UNITS:
        if path.suffix == ".timer":
            assert path.with_suffix(".service").exists()
        page = unit(path)["Unit"]["Documentation"]
        assert all((ROOT / place.removeprefix(f"file://{INSTALLED}")).exists() for place in page)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_setting_in_the_examples_exists_and_is_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = named(path)
    ours = {f"RECERT_{name.upper()}" for name in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in found if name.startswith("RECERT_")} <= ours
    others = {name for name in found if not name.startswith("RECERT_")} - {"DO_NOT_TRACK"}
    assert [name for name in sorted(others) if not hasattr(prefect.settings, name)] == []
    assert not hasattr(prefect.settings, "PREFECT_NO_SUCH_THING")
    for name, value in found.items():
        if not name.endswith("_FILE"):
            monkeypatch.setenv(name, value)
    assert Settings().model_fields_set == {
        name.removeprefix("RECERT_").lower() for name in found if name.startswith("RECERT_") and name[-5:] != "_FILE"
    }


def test_the_container_is_made_of_what_is_pinned_and_hashed() -> None:
    bases = {words.split()[0] for name, words in instructions() if name == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", bases.pop())
    installs = [words for name, words in instructions() if name == "RUN" and "pip install" in words]
    assert len(installs) == 3
    assert all("--require-hashes" in words or ("--no-deps" in words and "--no-index" in words) for words in installs)
    assert not [words for name, words in instructions() if name == "ADD" or "curl" in words or "apt" in words]


def test_the_container_holds_the_whole_house_and_runs_as_nobody_special() -> None:
    copied = {
        place
        for name, words in instructions()
        if name == "COPY" and "--from" not in words
        for place in words.split()[:-1]
    }
    rooms = re.search(r"packages = \[(.*)\]", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert rooms is not None
    assert set(re.findall(r'"(\w+)"', rooms[1])) <= copied
    assert all((ROOT / place).exists() for place in copied)
    last = [name for name, _ in instructions()][-2:]
    assert last == ["USER", "CMD"]
    assert int(dict(instructions())["USER"]) >= 1_000
