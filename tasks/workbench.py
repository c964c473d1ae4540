"""Settings, clock and database, put together once and passed down."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from config.settings import Settings, load_settings
from models.database import Database


@dataclass(frozen=True)
class Workbench:
    """What every task works with.

    Attributes:
        settings: what the installation says.
        database: the organisation's database.
    """

    settings: Settings
    database: Database

    def now(self) -> datetime:
        """This instant, aware UTC. Never moved by ``RECERT_TODAY``: leases and retries stay real."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The organisation's business day: the rehearsal's, or the day it is now in its time zone."""
        return self.settings.today or self.now().astimezone(self.settings.zone).date()

    @cached_property
    def key(self) -> bytes:
        """The secret that codes and tickets are derived from: a file in ``RECERT_HOME``, made at first need."""
        return _key_file(self.settings.home / "recert.key")


def open_workbench(settings: Settings | None = None) -> Workbench:
    """Put the workbench together from *settings*, or from the environment.

    Raises:
        SettingsInvalid: a setting is wrong.
    """
    settings = settings or load_settings()
    return Workbench(settings, Database(settings.database))


def _key_file(path: Path) -> bytes:
    """Read the key; make it when it is missing. Two processes that start at once end with the same one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        try:
            path.hardlink_to(draft)  # whole or not at all, and never over an older one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
