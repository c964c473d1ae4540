"""Keeps the picture calm: six rooms, four floors, every arrow down, each foreign package in its one home."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.architecture import (
    ARROWS,
    CLOCK,
    ENVIRONMENT,
    LONGEST_FUNCTION,
    LONGEST_MODULE,
    Module,
    arrows_against,
    empty_names,
    first_circle,
    guests,
    product,
    too_long,
    uses_outside,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULES = product()


def none(found: Iterable[str]) -> None:
    """Fail with every line of *found*: pytest itself would show the first only."""
    if lines := list(found):
        pytest.fail("\n".join(lines), pytrace=False)


def test_every_room_has_its_files() -> None:
    assert {module.room for module in MODULES} == set(ARROWS)


def test_every_arrow_points_down_and_nobody_imports_a_flow() -> None:
    none(arrows_against(MODULES))


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert first_circle(MODULES) == []


def test_every_foreign_package_stays_in_its_home() -> None:
    none(guests(MODULES))


def test_only_the_settings_read_the_environment() -> None:
    none(uses_outside(MODULES, ENVIRONMENT))


def test_the_clock_is_read_in_one_place() -> None:
    none(uses_outside(MODULES, CLOCK))


def test_functions_and_modules_keep_their_bounds() -> None:
    none(too_long(MODULES))


def test_class_names_say_what_they_are() -> None:
    none(empty_names(MODULES))


def test_flows_hold_no_types() -> None:
    classes = [f"{module.path}: {node.name}" for module in MODULES if module.room == "flows" for node in module.classes]
    assert classes == []


def test_no_flow_file_bears_the_name_of_an_importable_module() -> None:
    stems = [Path(module.path).stem for module in MODULES if module.room == "flows"]
    taken = [stem for stem in stems if stem in sys.stdlib_module_names or importlib.util.find_spec(stem)]
    assert taken == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/x.py", "import tasks.step"),
        ("models/x.py", "from mail import letters"),
        ("mail/x.py", "def f():\n    from models.dates import months"),
        ("tasks/x.py", "if TYPE_CHECKING:\n    from console.desk import Desk"),
        ("console/x.py", "from flows.annual_rollout import annual_rollout"),
        ("flows/x.py", "from flows import annual_rollout"),
        ("config/x.py", "from models import words"),
        ("models/migrations/x.py", "from ...tasks import step"),
    ],
)
def test_an_arrow_up_sideways_or_into_a_flow_is_seen(path: str, source: str) -> None:
    assert len(list(arrows_against([Module(path, source)]))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("console/x.py", "from config.settings import Settings"),
        ("flows/x.py", "from tasks import checklist"),
        ("tasks/x.py", "from mail.sender import send\nfrom models import dates"),
        ("models/x.py", "from . import dates"),
    ],
)
def test_an_arrow_down_may_skip_floors(path: str, source: str) -> None:
    assert list(arrows_against([Module(path, source)])) == []


@pytest.mark.parametrize(
    ("path", "source", "homes"),
    [
        ("models/x.py", "import os\nhome = os.environ['HOME']", ENVIRONMENT),
        ("console/cli.py", "from os import environ", ENVIRONMENT),
        ("console/stack.py", "import os\nos.getenv('HOME')", ENVIRONMENT),
        ("models/x.py", "import datetime\ndatetime.date.today()", CLOCK),
        ("tasks/x.py", "from datetime import datetime\nat = field(default_factory=datetime.now)", CLOCK),
        ("models/x.py", "from time import time", CLOCK),
        ("models/x.py", "from sqlalchemy import func\nselect(func.now())", CLOCK),
    ],
)
def test_a_look_at_environment_or_clock_is_seen(path: str, source: str, homes: dict[str, list[str]]) -> None:
    assert len(list(uses_outside([Module(path, source)], homes))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tasks/deliver.py", "import aiosmtplib"),
        ("mail/sender.py", "from smtplib import SMTP"),
        ("tasks/step.py", "from prefect import task"),
        ("console/web.py", "import prefect.client.orchestration"),
        ("models/words.py", "from pydantic_settings import BaseSettings"),
    ],
)
def test_a_guest_in_the_wrong_room_is_seen(path: str, source: str) -> None:
    assert len(list(guests([Module(path, source)]))) == 1


def test_a_circle_is_seen_even_if_one_side_is_for_types_only() -> None:
    one = Module("models/one.py", "from models.two import b")
    two = Module("models/two.py", "if TYPE_CHECKING:\n    from models import one")
    assert set(first_circle([one, two])) == {"models.one", "models.two"}


def test_what_is_too_long_is_seen() -> None:
    function = "def f():\n" + "    pass\n" * LONGEST_FUNCTION
    assert len(list(too_long([Module("models/x.py", function)]))) == 1
    assert len(list(too_long([Module("models/x.py", "\n" * (LONGEST_MODULE + 1))]))) == 1


@pytest.mark.parametrize("name", ["RolloutManager", "MailHandler", "_DataRow", "PlanInfo"])
def test_a_class_name_that_says_nothing_is_seen(name: str) -> None:
    assert len(list(empty_names([Module("models/x.py", f"class {name}: ...")]))) == 1


def test_a_word_within_a_word_is_left_alone() -> None:
    assert list(empty_names([Module("models/x.py", "class Database: ...\nclass Datum: ...")])) == []
