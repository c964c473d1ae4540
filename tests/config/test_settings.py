"""The installation's settings: what is read, what is refused, and in which words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.settings import MailServer, SettingsInvalid, load_settings, mail_server


def test_nothing_set_means_sqlite_in_var_and_mail_that_is_caught() -> None:
    settings = load_settings()
    assert settings.database == f"sqlite:///{Path('var').absolute()}/recert.db"
    assert settings.mail_is_caught
    assert settings.post == MailServer("127.0.0.1", settings.mail_port, "none")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://relay.example.com", MailServer("relay.example.com", 587, "starttls")),
        ("smtp://relay.example.com?tls=implicit", MailServer("relay.example.com", 465, "implicit")),
        ("smtp://a%40b:p%3Aw@relay.example.com:25?tls=none", MailServer("relay.example.com", 25, "none", "a@b", "p:w")),
        ("smtp://127.0.0.1:2525", MailServer("127.0.0.1", 2525, "starttls")),
    ],
    ids=["default", "implicit", "login", "loopback-too-is-encrypted"],
)
def test_a_mail_server_is_read_from_its_address(url: str, server: MailServer) -> None:
    assert mail_server(url) == server


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RECERT_TIME_ZONE", "Europe/Atlantis", "RECERT_TIME_ZONE: no time zone 'Europe/Atlantis'"),
        ("RECERT_TODAY", "0", "RECERT_TODAY: must be a day such as"),
        ("RECERT_TODAY", "2027-02-30", "RECERT_TODAY: must be a day such as"),
        ("RECERT_PREFECT_PORT", "0", "RECERT_PREFECT_PORT: "),
        ("RECERT_MAIL_PORT", "many", "RECERT_MAIL_PORT: "),
        ("RECERT_SMTP_URL", "relay.example.com", "RECERT_SMTP_URL: must look like smtp://"),
        ("RECERT_SMTP_URL", "smtp://user:secret@h?tls=maybe", "RECERT_SMTP_URL: tls must be"),
        ("RECERT_DATABASE_URL", "mysql://h/db", "RECERT_DATABASE_URL: must begin with"),
        ("RECERT_ENVIRONMENT", "prod", "RECERT_ENVIRONMENT: "),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings()
    assert str(refusal.value).startswith(words)
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_rehearsal_is_refused_in_production_and_with_a_real_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_TODAY", "2027-01-18")
    assert load_settings().today == date(2027, 1, 18)
    monkeypatch.setenv("RECERT_SMTP_URL", "smtp://relay.example.com")
    with pytest.raises(SettingsInvalid, match="beyond this machine"):
        load_settings()
    monkeypatch.setenv("RECERT_SMTP_URL", "smtp://127.0.0.1:2525?tls=none")
    monkeypatch.setenv("RECERT_ENVIRONMENT", "production")
    with pytest.raises(SettingsInvalid, match="RECERT_ENVIRONMENT=production"):
        load_settings()


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "smtp"
    secret.write_text("smtp://u:p@relay.example.com\n")
    monkeypatch.setenv("RECERT_SMTP_URL_FILE", str(secret))
    assert load_settings().post.password == "p"
    monkeypatch.setenv("RECERT_SMTP_URL_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsInvalid, match="RECERT_SMTP_URL_FILE: cannot read"):
        load_settings()


def test_secrets_are_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECERT_SMTP_URL", "smtp://u:canary@relay.example.com")
    monkeypatch.setenv("RECERT_DATABASE_URL", "postgresql+psycopg://u:canary@h/db")
    assert "canary" not in repr(load_settings())
