"""What the documents say exists, exists."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from config.settings import Settings
from console.cli import command_line
from models.plan import plan_from
from models.words import MessageState, Status, StepSlug
from tasks.checklist import CHECKLIST, STEPS
from tasks.closing_lists import LISTS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WORDS = {page: page.read_text(encoding="utf-8") for page in PAGES}
EVERYTHING = "\n".join(WORDS.values())


def _commands() -> set[str]:
    found = set(re.findall(r"\brecert ((?:[a-z]+)(?: [a-z]+)?)", EVERYTHING))
    return {words for words in found if words.split()[0] in {name.strip() for name in command_line()}}


def test_the_documents_name_commands_at_all() -> None:
    assert len(_commands()) > 10


@pytest.mark.parametrize("words", sorted(_commands()))
def test_every_command_that_is_named_exists(words: str) -> None:
    group, *rest = words.split()
    app = command_line()[group]
    subcommands = {name for name in app if not name.startswith("-")}
    assert not rest or not subcommands or rest[0] in subcommands, f"recert {words}"


def test_every_setting_that_is_named_exists() -> None:
    known = {f"RECERT_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bRECERT_[A-Z_]*[A-Z]\b", EVERYTHING)) <= known


def test_the_plan_that_is_shown_is_one() -> None:
    shown = next(re.finditer(r"```toml\n(.*?)```", WORDS[ROOT / "docs" / "operations.md"], re.DOTALL))[1]
    plan = plan_from(tomllib.loads(shown))
    assert plan.recertify_on == date(2027, 1, 18)


def test_every_step_status_state_and_list_is_explained() -> None:
    assert set(STEPS) == set(StepSlug)
    assert all(f"`{step.slug}`" in WORDS[ROOT / "README.md"] for step in CHECKLIST)
    operations, mail = (WORDS[ROOT / "docs" / page] for page in ("operations.md", "mail.md"))
    assert all(f"`{word}`" in operations for word in Status)
    assert all(f"`{word}`" in mail for word in MessageState)
    assert all(name.value in operations for name in LISTS)


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page, words in WORDS.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", words):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_test_that_is_named_as_a_proof_exists() -> None:
    words = WORDS[ROOT / "docs" / "guarantees.md"]
    files = set(re.findall(r"`(tests/[\w/.]+\.py)`", words))
    assert len(files) > 15
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    everything = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", words))
    assert [name for name in sorted(named) if f"def {name}(" not in everything] == []
