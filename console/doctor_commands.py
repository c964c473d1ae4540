"""``recert doctor``: what is wrong with this installation, and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from config.settings import SettingsInvalid, load_settings
from console import checks
from console.bench import unchecked_bench
from console.checks import Finding, Level
from console.output import answer, write_json
from models.errors import DatabaseUnavailable, Unreachable, WrongInput


def doctor(*, json: bool = False) -> int:
    """Look for what is wrong, and name the mend.

    Ends with 0 when nothing is wrong (warnings do not count), 5 when something is only unreachable, else 2 or 3.

    Args:
        json: One JSON document: ok, and findings of check, level, says, mend.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not json:
            answer(f"{finding.level:<8} {finding.check}: {finding.says}{_mend(finding)}")
    wrong = [finding for finding in findings if finding.level is Level.WRONG]
    if json:
        kept = [{name: value for name, value in asdict(f).items() if name != "exit_code"} for f in findings]
        write_json({"ok": not wrong, "findings": kept})
    return exit_code(wrong)


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; what needs the settings is left out when they are wrong."""
    try:
        settings = load_settings()
    except SettingsInvalid as error:
        yield Finding("settings", Level.WRONG, str(error), "", WrongInput.exit_code)
        return
    yield from checks.without_a_database(settings)
    try:
        with unchecked_bench() as bench:
            yield from checks.of_the_database(bench)
    except SettingsInvalid as error:
        yield Finding("database", Level.WRONG, str(error), "", WrongInput.exit_code)
    except DatabaseUnavailable as error:
        yield Finding("database", Level.WRONG, str(error), "", error.exit_code)
    yield from checks.of_the_neighbours(settings)


def exit_code(wrong: list[Finding]) -> int:
    """One code for all that is wrong: 0 for nothing, 5 when all of it is only unreachable, else the first other."""
    codes = [finding.exit_code for finding in wrong]
    worse = [code for code in codes if code != Unreachable.exit_code]
    return (worse or codes or [0])[0]


def _mend(finding: Finding) -> str:
    return f"; {finding.mend}" if finding.mend else ""
