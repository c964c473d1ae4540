"""The installation's settings: the only reader of the environment.

What an *organisation* chooses (frequencies, the date basis, automatic recertification) lives in the
database and is read by ``models.choices``; here stands what the *installation* needs before there is a database.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Tls = Literal["starttls", "implicit", "none"]
UTC = "UTC"
# They are gathered from folders: of no concern to who keeps to UTC, and done once for everybody else.
known_zones = cache(available_timezones)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PREFIX = "RECERT_"
FIRST_YEAR, LAST_YEAR = 1900, 2199
# one mailbox, with or without a name before it; what mail/ makes of it is checked there again
SENDER = re.compile(r"(?:[^<>\x00-\x1f\x7f\",]+ )?<?[^\s<>@,;:\"]+@[^\s<>@,;:\"]+\.[^\s<>@,;:\"]+>?")

ALLOWED = re.compile(r"[^\s<>@,;:\"]*@[^\s<>@,;:\"]+\.[^\s<>@,;:\"]+")


class SettingsInvalid(Exception):
    """A setting is wrong. The message is one line: which setting, what is wrong, the mend."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over: one SMTP server."""

    host: str
    port: int
    tls: Tls = "starttls"
    username: str = ""
    password: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return self.host in LOOPBACK


def mail_server(url: str) -> MailServer:
    """Read ``smtp://user:pass@host:587?tls=starttls|implicit|none``.

    STARTTLS with a verified certificate is the default, also on loopback: clear text is only ever asked for by name.

    Raises:
        ValueError: the address is no such URL; the message says what is wrong without the password.
    """
    parts = urlsplit(url)
    if parts.scheme != "smtp" or not parts.hostname:
        raise ValueError("must look like smtp://user:password@host:587?tls=starttls")
    tls = parse_qs(parts.query).get("tls", ["starttls"])[0]
    if tls not in get_args(Tls):
        raise ValueError("tls must be starttls, implicit or none")
    try:
        port = parts.port or (465 if tls == "implicit" else 587)
    except ValueError:  # whose own words would quote a part of the password
        raise ValueError(
            "has no such port; write special characters of user and password as %2F and the like"
        ) from None
    return MailServer(
        parts.hostname, port, cast("Tls", tls), unquote(parts.username or ""), unquote(parts.password or "")
    )


class Settings(BaseSettings):
    """Every ``RECERT_…`` variable, checked. Days are dates, ports are TCP ports, paths may be relative."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Path("var")
    database_url: SecretStr = SecretStr("")
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = "training@example.org"
    mail_reply_to: str = ""
    mail_bounces_to: str = ""
    mail_redirect: str = ""
    mail_allow: str = ""
    organisation: str = "Recert"
    time_zone: str = UTC
    today: date | None = None
    environment: Literal["development", "production"] = "development"
    public_url: str = ""
    prefect_port: int = Field(4200, ge=1, le=65535)
    console_port: int = Field(4280, ge=1, le=65535)
    mail_port: int = Field(4225, ge=1, le=65535)
    prefect_api_url: str = ""
    mail_connections: int = Field(10, ge=1, le=100)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != UTC and value not in known_zones():
            raise ValueError(f"no time zone {value!r}; take a name such as Europe/Berlin")
        return value

    @field_validator("mail_from", "mail_reply_to")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        if value and not SENDER.fullmatch(value):
            raise ValueError("must be one address, such as training@example.com or Training <training@example.com>")
        return value

    @field_validator("mail_bounces_to", "mail_redirect")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value and ("<" in value or not SENDER.fullmatch(value)):
            raise ValueError("must be one address, such as bounces@example.com")
        return value

    @field_validator("mail_allow")
    @classmethod
    def _addresses_and_domains(cls, value: str) -> str:
        for word in value.replace(",", " ").split():
            if not ALLOWED.fullmatch(word):
                raise ValueError(f"{word[:80]!r} is neither an address nor @ and a domain, such as @example.com")
        return value

    @field_validator("public_url", "prefect_api_url")
    @classmethod
    def _a_web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("today", mode="before")
    @classmethod
    def _a_day(cls, value: object) -> object:
        # pydantic would read "0" as seconds since 1970.
        if isinstance(value, str):
            try:
                day = date.fromisoformat(value) if value else None
            except ValueError:
                raise ValueError("must be a day such as 2027-01-18") from None
            if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
            return day
        return value

    @field_validator("smtp_url")
    @classmethod
    def _a_mail_server(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            mail_server(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _a_known_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        return value

    @model_validator(mode="after")
    def _rehearse_safely(self) -> Settings:
        if self.today is None:
            return self
        if self.environment == "production":
            raise ValueError("RECERT_TODAY is for rehearsals; take it away where RECERT_ENVIRONMENT=production")
        server = self.configured_mail_server
        if server is not None and not server.on_loopback:
            raise ValueError("RECERT_TODAY is for rehearsals; refused with a mail server beyond this machine")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone: a day ends when it ends there."""
        return ZoneInfo(self.time_zone)

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL; SQLite below ``home`` unless another was named."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.home.absolute() / 'recert.db'}"

    @property
    def configured_mail_server(self) -> MailServer | None:
        """The mail server that was named, or None."""
        url = self.smtp_url.get_secret_value()
        return mail_server(url) if url else None

    @property
    def mail_is_caught(self) -> bool:
        """Whether mail goes to the catcher on loopback, where nobody receives it."""
        return self.configured_mail_server is None

    @property
    def post(self) -> MailServer:
        """The mail server in use: the named one, else the catcher's place on loopback."""
        return self.configured_mail_server or MailServer("127.0.0.1", self.mail_port, "none")

    @property
    def bounces_to(self) -> str:
        """The envelope's sender: where mail servers send their delivery reports."""
        return self.mail_bounces_to or self.mail_from

    @property
    def allowed(self) -> frozenset[str]:
        """The allow-list in lower case: addresses, and domains as ``@example.com``; empty when everybody may be mailed."""
        return frozenset(self.mail_allow.lower().replace(",", " ").split())

    @property
    def console(self) -> str:
        """Where a person opens the console: its public address, else this machine's own."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.console_port}"

    @property
    def prefect_api(self) -> str:
        """Where the Prefect server's API answers."""
        return self.prefect_api_url or f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def prefect_ui(self) -> str:
        """Where a person opens the Prefect UI."""
        return self.prefect_api.removesuffix("/").removesuffix("/api")


def load_settings(**overrides: object) -> Settings:
    """Read the environment once.

    Any ``RECERT_X_FILE`` names a file whose content stands for ``RECERT_X`` (secrets mounted as files).

    Raises:
        SettingsInvalid: the first wrong setting, by its environment name, in one line.
    """
    try:
        return Settings(**{**_from_files(), **overrides})  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsInvalid(f"{name}{message}") from None


def _from_files() -> dict[str, str]:
    """The content of every ``RECERT_…_FILE``, by field name."""
    found = {}
    for name, path in os.environ.items():
        field = name.removeprefix(PREFIX).removesuffix("_FILE").lower()
        if name.startswith(PREFIX) and name.endswith("_FILE") and field in Settings.model_fields:
            try:
                found[field] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsInvalid(f"{name}: cannot read {path}: {error.strerror}") from None
    return found
