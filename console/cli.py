"""The command line ``recert``: which commands there are, and how each of them ends.

Every group of commands lives in a module of its own and is imported only when it is asked for: a light command
starts without Prefect, the mail room or the web pages.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.exceptions import UnknownCommandError

from console.output import complain, one_line, speak_utf8

USAGE = 2
INTERRUPTED = 130
LOG_NAME = "recert-error.log"
LONGEST_REASON = 200

# name, where it lives, what it is for
ACTIONS = tuple(
    (name, f"console.action_commands:{name.replace('-', '_')}", purpose)
    for name, purpose in (
        ("recertify", "Assign the course to come to selected learners who are due, and tell them."),
        ("renotify", "Tell selected learners again of what they have not completed."),
        ("due-date", "Give selected open assignments another Due Date."),
        ("recertification-date", "Give selected certifications another Recertification Date."),
        ("next-course", "Change the course that selected learners take next."),
        ("assign", "Assign a course to selected learners now."),
        ("unassign", "Take open assignments of a course back."),
        ("complete", "Record that selected learners completed a course."),
        ("archive", "Take selected learners out of circulation."),
        ("unarchive", "Bring archived learners back."),
    )
)
COMMANDS = (
    ("demo", "console.demo:demo", "Show it all: a sample organisation, the whole stack, one rollout."),
    ("up", "console.up:up", "Run everything: Prefect, its schedules, the console, and mail."),
    ("console", "console.console_command:console", "Serve the web console alone, behind a proxy that speaks TLS."),
    ("doctor", "console.doctor_commands:doctor", "Look for what is wrong, and name the mend."),
    ("import", "console.import_commands:app", "Read courses, learners or history from a CSV file."),
    ("learners", "console.learners_commands:learners", "List who stands where."),
    ("explain", "console.explain_commands:explain", "Tell why a learner's dates and statuses are what they are."),
    *ACTIONS,
    ("rollout", "console.rollout_commands:app", "Preview, start, watch and answer rollouts."),
    ("upkeep", "console.upkeep_commands:upkeep", "Do the daily duties now, by hand."),
    ("mail", "console.mail_commands:app", "See what was sent, and what became of it."),
    ("users", "console.users_commands:app", "Say who may do what."),
    ("settings", "console.settings_commands:app", "See and choose the organisation's settings."),
    ("audit", "console.audit_commands:app", "Read the audit, and prove it unbroken."),
    ("db", "console.db_commands:app", "Move the database's schema up or down."),
)


def command_line() -> App:
    """Build the command line; nothing behind it is imported yet."""
    app = App(
        name="recert",
        help="The yearly recertification of an organisation's learners: one checklist, reviewed, resumable, provable.",
        version=_version,
        help_format="plaintext",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        default_parameter=Parameter(negative=()),  # a switch that is left out is off: no --no-json beside --json
    )
    for position, (name, place, purpose) in enumerate(COMMANDS):
        app.command(place, name=name, help=purpose, sort_key=position)
    return app


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - seldom asked, and slow to load

    return f"recert {version('recert')}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``recert``; those of this process when None.

    Returns:
        The exit code: 0 done, 2 wrong input or usage, 3 refused, 4 done in part, 5 something is unreachable,
        130 interrupted, 1 a fault of ours. Whatever goes wrong is one line on stderr, never a traceback.
    """
    speak_utf8()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read us has seen enough. Python would complain once more while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _run(words: list[str]) -> int:
    """Run one command and turn what it raises into a line and a code."""
    app = command_line()
    try:
        return _code(app(words))
    except CycloptsError as error:
        complain(_usage(error, words))
        return USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last door: nobody gets to see a traceback
        return _failed(error)


def _code(result: Any) -> int:
    return result if isinstance(result, int) else 0


def _failed(error: Exception) -> int:
    """Say what went wrong; a fault of ours leaves its details in a file."""
    from config.settings import SettingsInvalid  # noqa: PLC0415 - `recert --help` needs no settings
    from models.errors import RecertError  # noqa: PLC0415

    if isinstance(error, RecertError):
        complain(str(error))
        return error.exit_code
    if isinstance(error, SettingsInvalid):
        complain(str(error))
        return USAGE
    reason = one_line(str(error).partition("\n")[0])[:LONGEST_REASON]
    complain(f"internal error: {type(error).__name__}: {reason}; {_keep_details(error)}")
    return 1


def _keep_details(error: Exception) -> str:
    """Write the traceback to the home's error log, for engineers; return where it is."""
    path = _home() / LOG_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        keeper = logging.FileHandler(path, encoding="utf-8")
    except OSError as trouble:
        return f"the details could not be kept in {path}: {trouble.strerror}"
    keeper.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    told = (type(error), error, error.__traceback__)
    keeper.handle(logging.LogRecord("recert", logging.ERROR, __file__, 0, "internal error", None, told))
    keeper.close()
    return f"details in {path}"


def _home() -> Path:
    from config.settings import Settings, SettingsInvalid, load_settings  # noqa: PLC0415 - as in _failed

    try:
        return load_settings().home
    except SettingsInvalid:
        return Path(Settings.model_fields["home"].default)


def _usage(error: CycloptsError, words: Sequence[str]) -> str:
    """One line: what cannot be understood, and where to read how it is meant."""
    chain = " ".join(["recert", *(error.command_chain or ())])
    if isinstance(error, UnknownCommandError) and error.app is not None:
        # The library's own text would import every command there is, to list those it need not show.
        return f"{_unknown_command(error, list(error.app), words)}; see: {chain} --help"
    return f"{str(error).rstrip('.')}; see: {chain} --help"


def _unknown_command(error: CycloptsError, known: Sequence[str], words: Sequence[str]) -> str:
    word = (error.unused_tokens or words or [""])[0]
    commands = [name for name in known if not name.startswith("-")]
    near = get_close_matches(word, commands, n=1)
    guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(commands)}"
    return f"unknown command {word[:80]!r} ({guess})"


if __name__ == "__main__":
    sys.exit(main())
