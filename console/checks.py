"""What ``recert doctor`` looks at: one function a check, each yielding what it found and the mend."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from config.settings import Settings
from console import mail_checks, prefect_checks
from console.bench import where
from console.db_commands import schema_state
from console.findings import Finding, Level
from models import audit, roles
from models.database import Database
from models.errors import DatabaseUnavailable, Unreachable, WrongInput
from models.holds import stray_holds
from models.people import users
from models.words import Role
from tasks.workbench import Workbench

KEY_BYTES = 32
OTHERS = 0o077
# Older ones get no mends any more, and nobody has tried them with Recert.
OLDEST_POSTGRESQL = 14


def without_a_database(settings: Settings) -> Iterator[Finding]:
    """What can be looked at before the database: settings, the home folder, the key."""
    yield _clock(settings)
    yield _home(settings)
    yield _key(settings)
    yield from mail_checks.of_the_settings(settings)


def of_the_database(bench: Workbench) -> Iterator[Finding]:
    """The database, its schema and, where that is ours, what it holds."""
    database = bench.database
    try:
        state = schema_state(database)
    except (DatabaseUnavailable, DatabaseError) as error:  # not there, or no database at all
        mend = "start it, or mend RECERT_DATABASE_URL"
        yield Finding(
            "database", Level.WRONG, f"{where(database)}: {str(error).splitlines()[0]}", mend, Unreachable.exit_code
        )
        return
    yield _answering(database)
    yield _schema(state)
    if state == "current":
        with database.read() as connection:
            for check in CHECKS_OF_CONTENT:
                yield check(connection)
        yield from mail_checks.of_the_outbox(bench)


def of_the_neighbours(settings: Settings) -> Iterator[Finding]:
    """Prefect and the mail server."""
    yield from prefect_checks.of_prefect(settings)
    yield mail_checks.server(settings)


def _clock(settings: Settings) -> Finding:
    if settings.today:
        says = f"a rehearsal: today is {settings.today}, whatever the calendar says"
        return Finding("settings", Level.WARNING, says, "take RECERT_TODAY away when it is over")
    return Finding("settings", Level.OK, f"as they should be; days are those of {settings.time_zone}")


def _home(settings: Settings) -> Finding:
    home = settings.home.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return Finding("home", Level.OK, f"{home} can be written")
    except OSError as error:
        says = f"{home} cannot be written: {error.strerror}"
        return Finding("home", Level.WRONG, says, "set RECERT_HOME to a folder of yours", WrongInput.exit_code)


def _key(settings: Settings) -> Finding:
    path = settings.home / "recert.key"
    try:
        facts = path.stat()
    except OSError:
        return Finding("key", Level.OK, "not there yet; made when the first code is needed")
    if facts.st_size != KEY_BYTES:
        says = f"{path} has {facts.st_size} bytes instead of {KEY_BYTES}"
        return Finding("key", Level.WRONG, says, "restore it from the backup; codes already mailed come from it")
    if os.name == "posix" and facts.st_mode & OTHERS:
        return Finding("key", Level.WRONG, f"{path} can be read by others", f"run: chmod 600 {path}")
    return Finding("key", Level.OK, "there, and closed to others")


def _answering(database: Database) -> Finding:
    says = f"{where(database)} answers"
    if database.is_sqlite:
        return Finding("database", Level.OK, says)
    version = database.engine.dialect.server_version_info or (0,)  # known once connected
    says = f"{says} (PostgreSQL {'.'.join(map(str, version))})"
    if version[0] < OLDEST_POSTGRESQL:
        return Finding("database", Level.WARNING, says, f"bring it to {OLDEST_POSTGRESQL} or newer")
    return Finding("database", Level.OK, says)


def _schema(state: str) -> Finding:
    found = {
        "current": Finding("schema", Level.OK, "current"),
        "empty": Finding("schema", Level.OK, "none yet; made at first use"),
        "behind": Finding("schema", Level.WRONG, "older than this version", "run: recert db upgrade"),
        "ahead": Finding("schema", Level.WRONG, "newer than this version", "install the version that made it"),
    }
    return found[state]


def _people(connection: Connection) -> Finding:
    everybody = users(connection)
    operators = [user for user in everybody if user.may(Role.OPERATOR)]
    approvers = [user for user in everybody if user.may(Role.APPROVER)]
    if any(one.id != other.id for one in operators for other in approvers):
        return Finding("people", Level.OK, f"{len(operators)} may start a rollout, {len(approvers)} may approve")
    says = "nobody can start a rollout that somebody else approves"
    role = "operator" if not operators else "approver"
    return Finding("people", Level.WARNING, says, f"run: recert users add EMAIL --name NAME --roles {role}")


def _chain(connection: Connection) -> Finding:
    broken, (acts, newest) = audit.verify(connection), audit.head(connection)
    if broken:
        return Finding("audit", Level.WRONG, f"broken at row {broken.seq}: {broken.why}", "compare it with a backup")
    return Finding("audit", Level.OK, f"{acts} acts, unbroken; head {newest}")


def _holds(connection: Connection) -> Finding:
    stray = stray_holds(connection)
    if not stray:
        return Finding("holds", Level.OK, "none outlives its rollout")
    says = ", ".join(f"{held} of rollout {rollout_id}" for rollout_id, held in stray.items())
    mend = "the upkeep ends them within ten minutes of `recert up`"
    return Finding("holds", Level.WRONG, f"automatic recertification is still held: {says}, which ended", mend)


def _logins(connection: Connection) -> Finding:
    lacking = roles.lacking(connection)
    if lacking:
        says = f"this database login lacks {', '.join(lacking[:3])}{' and more' if len(lacking) > 3 else ''}"  # noqa: PLR2004
        return Finding("roles", Level.WRONG, says, "run as the tables' owner: recert db roles CONSOLE WORKER")
    if roles.may_approve(connection):
        return Finding("roles", Level.OK, "this database login may record answers to reviews")
    return Finding("roles", Level.OK, "this database login is a worker's: it may not record answers to reviews")


CHECKS_OF_CONTENT: tuple[Callable[[Connection], Finding], ...] = (_people, _chain, _holds, _logins)
