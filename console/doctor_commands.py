"""``recert doctor``: what is wrong with this installation, and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from config.settings import SettingsInvalid, load_settings
from console import checks
from console.bench import opened_bench, unchecked_bench
from console.data_checks import of_the_data
from console.findings import Finding, Level
from console.output import answer, write_json
from models.errors import DatabaseUnavailable, Unreachable, WrongInput


def doctor(*, data: bool = False, mend: bool = False, json: bool = False) -> int:
    """Look for what is wrong, and name the mend.

    Ends with 0 when nothing is wrong (warnings do not count), 5 when something is only unreachable, else 2 or 3.

    Args:
        data: Look through the whole database for rows that break a rule, instead of at the installation.
        mend: With --data: set right what can be set right safely; each mend is in the audit.
        json: One JSON document: ok, and findings of check, level, says, mend (with --data also the rows, at most 1,000).
    """
    if mend and not data:
        raise WrongInput("--mend goes with --data: recert doctor --data --mend")
    findings, rows = [], {}
    for finding, broken in _of_the_data(mend=mend) if data else ((each, None) for each in examine()):
        findings.append(finding)
        rows[finding.check] = broken
        if not json:
            answer(f"{finding.level:<8} {finding.check}: {finding.says}{_mend(finding)}")
    wrong = [finding for finding in findings if finding.level is Level.WRONG]
    if json:
        write_json({"ok": not wrong, "findings": [_as_json(finding, rows[finding.check]) for finding in findings]})
    return exit_code(wrong)


def _of_the_data(*, mend: bool) -> Iterator[tuple[Finding, list[tuple[str, str]]]]:
    with opened_bench() as bench:
        yield from of_the_data(bench, mend=mend)


def _as_json(finding: Finding, rows: list[tuple[str, str]] | None) -> dict[str, object]:
    kept: dict[str, object] = {name: value for name, value in asdict(finding).items() if name != "exit_code"}
    return kept if rows is None else {**kept, "rows": [{"row": row, "why": why} for row, why in rows]}


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
