"""The whole stack on this machine: Prefect server, runner with schedules, console, mail catcher; one process tree."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from config.settings import Settings
from console.processes import Child, require_free
from models.errors import PrefectUnavailable, RecertError, Refused, Unreachable, WrongInput
from tasks.workbench import Workbench

START_WITHIN_S = 120
LOOK_EVERY_S = 5


class AlreadyUp(Refused):
    """Another `recert up` works in this home."""


def environment(settings: Settings) -> dict[str, str]:
    """What every child is started with: these settings, and a Prefect that stays at home and tells nobody."""
    home = settings.home.absolute()
    ours = {
        "RECERT_HOME": str(home),
        "RECERT_DATABASE_URL": settings.database,
        "RECERT_SMTP_URL": settings.smtp_url.get_secret_value(),
        "RECERT_TIME_ZONE": settings.time_zone,
        "RECERT_TODAY": settings.today.isoformat() if settings.today else "",
        "RECERT_PREFECT_PORT": str(settings.prefect_port),
        "RECERT_MAIL_PORT": str(settings.mail_port),
        "RECERT_CONSOLE_PORT": str(settings.console_port),
        "RECERT_PUBLIC_URL": settings.public_url,
    }
    prefect = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": settings.prefect_api,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # The older of the two pages: its Resume button is in sight, and it asks no other host for anything.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_LOGGING_LOG_PRINTS": "false",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**inherited, **ours, **prefect}


def shell_prefix(settings: Settings) -> str:
    """What must stand before a command in another shell so that it means this very stack."""
    wanted = {"RECERT_HOME": str(settings.home.absolute())}
    wanted |= {name: "" for name in ("RECERT_DATABASE_URL", "RECERT_SMTP_URL") if os.environ.get(name)}
    chosen = ("RECERT_PREFECT_PORT", "RECERT_MAIL_PORT", "RECERT_CONSOLE_PORT", "RECERT_TODAY", "RECERT_TIME_ZONE")
    wanted |= {name: os.environ[name] for name in chosen if name in os.environ}
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in wanted.items())


class Stack:
    """The children of `recert up`, in the order they are started.

    Args:
        bench: settings, clock and database.
        samples: users of a demo who sign in to the console with one click.
    """

    def __init__(self, bench: Workbench, samples: Sequence[str] = ()) -> None:
        self._settings = bench.settings
        self._logs = bench.settings.home.absolute() / "logs"
        env, python = environment(bench.settings), (sys.executable, "-m")
        self._catcher = Child(
            "mail catcher",
            [
                *python,
                "mail.catcher",
                "--port",
                str(self._settings.mail_port),
                "--folder",
                str(mail_folder(self._settings)),
            ],
            self._logs / "mail.log",
            env,
        )
        self._server = Child(
            "Prefect server",
            [*python, "prefect", "server", "start"],
            self._logs / "prefect-server.log",
            env,
        )
        self._runner = Child("runner", [*python, "flows.serving"], self._logs / "runner.log", env)
        named = [word for sample in samples for word in ("--sample", sample)]
        self._console = Child("console", [*python, "console.web.serving", *named], self._logs / "console.log", env)

    @property
    def children(self) -> list[Child]:
        """Every child that these settings ask for."""
        caught = [self._catcher] if self._settings.mail_is_caught else []
        return [*caught, self._server, self._runner, self._console]

    def start(self) -> None:
        """Start everything and wait until rollouts can be begun.

        Raises:
            PortTaken: before anything was started.
            Unreachable: a child ended at once or did not answer in time.
        """
        require_free(self._settings.prefect_port, "RECERT_PREFECT_PORT")
        require_free(self._settings.console_port, "RECERT_CONSOLE_PORT")
        if self._settings.mail_is_caught:
            require_free(self._settings.mail_port, "RECERT_MAIL_PORT")
            self._catcher.start()
        self._server.start()
        self._wait(self._server, f"{self._settings.prefect_api}/health")
        self._runner.start()
        self._console.start()
        self._wait(self._runner, f"{self._settings.prefect_api}/deployments/name/daily-upkeep/daily-upkeep")
        self._wait(self._console, f"http://127.0.0.1:{self._settings.console_port}/sign-in")

    def _wait(self, child: Child, url: str) -> None:
        late = time.monotonic() + START_WITHIN_S
        while time.monotonic() < late:
            if not child.is_running:
                raise Unreachable(f"the {child.name} ended at once: {child.last_line()} (see {child.log})")
            try:
                if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.3)
        raise Unreachable(f"the {child.name} does not answer after {START_WITHIN_S} s (see {child.log})")

    def revive(self) -> list[str]:
        """Start again whatever has died; return a line for each."""
        dead = [child for child in self.children if not child.is_running]
        lines = [f"the {child.name} had ended ({child.last_line()}) and was started again" for child in dead]
        for child in dead:
            child.start()
        return lines

    def stop(self) -> None:
        """End everything, the last started first."""
        for child in reversed(self.children):
            child.stop()


def mail_folder(settings: Settings) -> Path:
    """Where the catcher keeps what it caught."""
    return settings.home.absolute() / "mail"


@contextmanager
def started(bench: Workbench, samples: Sequence[str] = ()) -> Iterator[Stack]:
    """The stack, up for as long as the block lasts; no process is left behind.

    *samples* are users of a demo who sign in to the console with one click.

    Raises:
        PortTaken, Unreachable, WrongInput: as ``Stack.start``; production without a mail server.
    """
    settings = bench.settings
    if settings.environment == "production" and settings.mail_is_caught:
        raise WrongInput("RECERT_SMTP_URL: in production mail must go somewhere; name a mail server")
    stack = Stack(bench, samples)
    try:
        stack.start()
        yield stack
    finally:
        with _undisturbed():
            stack.stop()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C must not leave half of the children behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Take SIGTERM and a closed terminal as what Ctrl-C is, a wish to stop in order; also where a script ignores it."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, stop) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Be the only `up` or `demo` in *home*.

    Raises:
        AlreadyUp: another one works there.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongInput(f"RECERT_HOME: {home} is no folder and cannot be made one: {error.strerror}") from None
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyUp(
                f"`recert up` or `recert demo` is already running in {home}: use that one, or end it"
            ) from None
        yield


def look_after(bench: Workbench, stack: Stack) -> list[str]:
    """Revive dead children and dead runs; return a line for each thing that was mended."""
    from console.conductor import watch  # noqa: PLC0415 - importing Prefect takes seconds

    lines = stack.revive()
    try:
        lines += [f"rollouts: {remedy} {number}" for remedy, number in watch(bench).items() if remedy != "wake"]
    except PrefectUnavailable:
        pass  # it was started again just now, or will be at the next look
    except RecertError as error:
        lines.append(str(error))
    return lines
