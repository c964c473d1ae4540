from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from console import cli
from console.cli import COMMANDS, main
from tests.console.alone import each_alone

if TYPE_CHECKING:
    from collections.abc import Callable

RECERT = Path(sys.executable).with_name("recert")
HEAVY = ("prefect", "fastapi", "starlette", "uvicorn", "aiosmtplib", "aiosmtpd")
LIGHT = [
    [],
    ["--help"],
    ["--version"],
    ["nonsense"],
    ["db", "status"],
    ["users", "list"],
    ["settings", "show"],
    ["audit", "list"],
    ["audit", "verify"],
    ["learners"],
    ["import", "learners", "/dev/null"],
    ["doctor"],
]


def installed(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the very script that an installation has."""
    env = {**os.environ, "RECERT_HOME": str(home), **more}
    return subprocess.run([RECERT, *words], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_light_command_starts_without_prefect_web_pages_and_mail_room(home: Path) -> None:
    assert home
    assert [loaded for _, loaded in each_alone(LIGHT, HEAVY)] == [[]] * len(LIGHT)


def test_the_installed_script_hands_its_exit_code_on(home: Path) -> None:
    assert installed("db", "status", home=home).returncode == 0
    wrong = installed("db", "status", home=home, RECERT_TODAY="tomorrow")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "recert: RECERT_TODAY: must be a day such as 2027-01-18\n"


@pytest.mark.parametrize(
    "words",
    [("users", "list"), ("audit", "list"), ("audit", "list", "--json"), ("learners", "--format", "csv")],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    recert: Callable[..., Any], home: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("Email\n" + "".join(f"learner.{number}@example.org\n" for number in range(3000)))
    assert recert("import", "learners", people).code == 0
    reading, writing = os.pipe()
    os.close(reading)
    command = [RECERT, *words]
    env = {**os.environ, "RECERT_HOME": str(home)}
    ended = subprocess.run(command, env=env, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_help_names_every_command_in_the_order_of_use(recert: Callable[..., Any]) -> None:
    for words in ((), ("--help",)):
        ended = recert(*words)
        named = re.findall(r"^│ ([a-z][a-z-]*) ", ended.out, flags=re.MULTILINE)
        assert (ended.code, ended.err) == (0, "")
        assert named == [name for name, _, _ in COMMANDS]


def test_every_command_that_is_there_has_help_for_itself_and_each_of_its_options() -> None:
    app = cli.command_line()
    seen = 0
    for group in ("db", "users", "settings", "audit", "import"):
        for name in app[group]:
            if not name.startswith("-"):
                seen += 1
                command = app[group][name]
                assert command.help, f"recert {group} {name} says nothing about itself"
                for argument in command.assemble_argument_collection(parse_docstring=True):
                    assert argument.parameter.help, f"recert {group} {name} {argument.name} is not explained"
    assert seen >= 15


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "recert: unknown command 'nonsense' (there are demo, up, console, doctor"),
        (["user"], "recert: unknown command 'user' (did you mean users?); see: recert --help"),
        (["users", "lst"], "recert: unknown command 'lst' (did you mean list?); see: recert users --help"),
        (["users", "list", "--jsn"], "Did you mean --json?; see: recert users list --help"),
        (["users", "list", "extra"], "see: recert users list --help"),
        (["users", "add"], "see: recert users add --help"),
        (["settings", "set", "date_basis"], "VALUE"),
        (["audit", "list", "--last", "0"], "Must be >= 1"),
        (["db", "status", "\x1b[31m"], "\\x1b[31m"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_usage_is_one_line_that_says_where_to_read_on(
    recert: Callable[..., Any], words: list[str], says: str
) -> None:
    ended = recert(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.line.startswith("recert: ")
    assert says in ended.line
    assert ended.line.isprintable()


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("RECERT_TIME_ZONE", "Mars/Base", 2, "RECERT_TIME_ZONE: no time zone 'Mars/Base'"),
        ("RECERT_CONSOLE_PORT", "http", 2, "RECERT_CONSOLE_PORT: "),
        ("RECERT_SMTP_URL", "mail.example.org", 2, "RECERT_SMTP_URL: must look like smtp://"),
        ("RECERT_SMTP_URL_FILE", "/nowhere/secret", 2, "RECERT_SMTP_URL_FILE: cannot read /nowhere/secret"),
        ("RECERT_DATABASE_URL", "mysql://x/y", 2, "RECERT_DATABASE_URL: must begin with sqlite:///"),
        (
            "RECERT_DATABASE_URL",
            "postgresql+psycopg://u:secret@h:port/x",
            2,
            "RECERT_DATABASE_URL: no database address",
        ),
        ("RECERT_DATABASE_URL", "postgresql+psycopg://u:secret@127.0.0.1:1/x", 5, "u:***@127.0.0.1:1/x"),
        ("RECERT_DATABASE_URL", "sqlite:////proc/none/recert.db", 5, "/proc/none"),
        ("RECERT_HOME", "/dev/null/home", 5, "/dev/null/home"),
    ],
)
def test_a_wrong_environment_is_one_line_without_a_secret(
    recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: int, says: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = recert("users", "list", "--json")
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line
    assert "secret" not in ended.line or "/nowhere/secret" in ended.line


def test_a_fault_of_ours_is_one_line_and_its_details_are_for_the_engineers(
    recert: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.users_commands.users", lambda _: {}["ann\nbob"])
    ended = recert("users", "list")
    log = home / "recert-error.log"
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == rf"recert: internal error: KeyError: 'ann\nbob'; details in {log}"
    assert "in list_" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    recert("users", "list")
    assert log.read_text().count("Traceback") == 2


def test_a_fault_is_told_even_where_its_details_cannot_be_kept(
    recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise AssertionError("what should never be")

    monkeypatch.setenv("RECERT_HOME", "/dev/null/home")
    monkeypatch.setattr("console.settings_commands.opened_bench", fail)
    ended = recert("settings", "show")
    assert ended.code == 1
    assert "AssertionError: what should never be; the details could not be kept" in ended.line


def test_an_interruption_is_one_line(recert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.settings_commands.opened_bench", interrupt)
    ended = recert("settings", "show")
    assert (ended.code, ended.line) == (130, "recert: interrupted")


def test_without_words_the_process_own_are_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.setattr(sys, "argv", ["recert", "nonsense"])
    assert main() == 2
