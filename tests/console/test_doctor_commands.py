from __future__ import annotations

import base64
import json
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from console.doctor_commands import exit_code
from console.findings import Finding, Level
from console.prefect_checks import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.postgres import PostgresCluster


class Prefect(BaseHTTPRequestHandler):
    """Answers what Prefect answers to ``/api/health`` and to what the doctor asks besides, and to nothing else."""

    deployment: dict[str, Any] | None
    workers: Sequence[str]
    password: str

    def do_GET(self) -> None:
        self._answer({"/api/health": True, f"/api{DEPLOYMENT}": self.deployment}.get(self.path))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        pools = {"/api/work_pools/the%20pool/workers/filter": [{"status": status} for status in self.workers]}
        self._answer(pools.get(self.path))

    def _answer(self, document: object) -> None:
        known = f"Basic {base64.b64encode(self.password.encode()).decode()}"
        let_in = self.path == "/api/health" or not self.password or self.headers["Authorization"] == known
        self.send_response((200 if document is not None else 404) if let_in else 401)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[str]:
    assert home
    Prefect.deployment, Prefect.workers, Prefect.password = {"work_pool_name": None, "status": "READY"}, [], ""
    server = HTTPServer(("127.0.0.1", 0), Prefect)
    serving = Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    monkeypatch.setenv("RECERT_PREFECT_PORT", str(server.server_port))
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    serving.join()
    server.server_close()


def levels(ended: Any) -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in ended.json["findings"]}


def said(ended: Any, check: str) -> str:
    finding = next(finding for finding in ended.json["findings"] if finding["check"] == check)
    return f"{finding['says']} | {finding['mend']}"


def test_a_fresh_installation_lacks_only_prefect_and_leaves_no_database_behind(
    recert: Callable[..., Any], home: Path
) -> None:
    ended = recert("doctor", "--json")
    assert (ended.code, ended.err, ended.json["ok"]) == (5, "", False)
    assert levels(ended) == {
        "settings": "ok",
        "home": "ok",
        "key": "ok",
        "database": "ok",
        "schema": "ok",
        "prefect": "wrong",
        "mail": "warning",
    }
    assert said(ended, "prefect").endswith("| run: recert up")
    assert "nobody receives it" in said(ended, "mail")
    assert recert("db", "status", "--json").json["state"] == "empty"
    assert not (home / "recert.key").exists()


def test_where_all_is_well_every_line_says_ok_and_what_it_found(
    at_work: Callable[..., Any], prefect: str, home: Path
) -> None:
    (home / "recert.key").write_bytes(b"k" * 32)
    (home / "recert.key").chmod(0o600)
    ended = at_work("doctor", "--json")
    assert (ended.code, ended.json["ok"]) == (0, True)
    assert set(levels(ended).values()) == {"ok", "warning"}
    assert said(ended, "prefect") == f"{prefect} answers | "
    assert said(ended, "workers") == "the runner of `recert up` carries rollouts out | "
    assert said(ended, "people") == "1 may start a rollout, 1 may approve | "
    assert said(ended, "audit").startswith("3 acts, unbroken")
    assert [finding["level"] for finding in ended.json["findings"]].count("warning") == 1  # caught mail


def test_people_read_one_line_a_finding_with_its_mend(recert: Callable[..., Any]) -> None:
    lines = recert("doctor").out.splitlines()
    assert lines[0] == "ok       settings: as they should be; days are those of UTC"
    assert lines[-2].startswith("wrong    prefect: ")
    assert lines[-2].endswith("; run: recert up")


@pytest.mark.parametrize(
    ("added", "role"),
    [
        ([], "operator"),
        ([("ann", "operator,approver")], "approver"),
        ([("ann", "operator")], "approver"),
        ([("bob", "approver")], "operator"),
    ],
    ids=["nobody", "one with both", "no approver", "no operator"],
)
def test_one_person_alone_can_start_nothing(
    recert: Callable[..., Any], added: list[tuple[str, str]], role: str
) -> None:
    recert("db", "upgrade")
    for name, roles in added:
        recert("users", "add", f"{name}@example.org", "--roles", roles)
    ended = recert("doctor", "--json")
    assert levels(ended)["people"] == "warning"
    assert said(ended, "people").endswith(f"--roles {role}")


def test_a_disabled_approver_does_not_count(at_work: Callable[..., Any]) -> None:
    at_work("users", "disable", "bob@example.org")
    assert levels(at_work("doctor", "--json"))["people"] == "warning"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [(b"k" * 32, 0o644, "can be read by others | run: chmod 600"), (b"short", 0o600, "5 bytes instead of 32")],
    ids=["open", "damaged"],
)
@pytest.mark.usefixtures("prefect")
def test_a_key_that_others_can_read_or_that_is_damaged_is_wrong(
    at_work: Callable[..., Any], home: Path, content: bytes, mode: int, says: str
) -> None:
    (home / "recert.key").write_bytes(content)
    (home / "recert.key").chmod(mode)
    ended = at_work("doctor", "--json")
    assert (ended.code, levels(ended)["key"]) == (3, "wrong")
    assert says in said(ended, "key")


@pytest.mark.parametrize(
    ("name", "value", "code", "check", "level"),
    [
        ("RECERT_TIME_ZONE", "Mars", 2, "settings", "wrong"),
        ("RECERT_TODAY", "2027-01-18", 0, "settings", "warning"),
        ("RECERT_ENVIRONMENT", "production", 2, "mail", "wrong"),
        ("RECERT_SMTP_URL", "smtp://127.0.0.1:1?tls=none", 5, "mail", "wrong"),
        ("RECERT_DATABASE_URL", "postgresql+psycopg://u:secret@127.0.0.1:1/x", 5, "database", "wrong"),
        ("RECERT_DATABASE_URL", "postgresql+psycopg://u:secret@127.0.0.1:x/x", 2, "database", "wrong"),
        ("RECERT_DATABASE_URL", "sqlite:////dev/null/x/recert.db", 5, "database", "wrong"),
        ("RECERT_HOME", "/dev/null/home", 2, "home", "wrong"),
    ],
)
@pytest.mark.usefixtures("prefect")
def test_what_is_wrong_outside_is_named_and_the_rest_is_looked_at_all_the_same(
    recert: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    code: int,
    check: str,
    level: str,
) -> None:
    monkeypatch.setenv(name, value)
    ended = recert("doctor", "--json")
    assert (ended.code, levels(ended)[check]) == (code, level)
    assert "secret" not in ended.out
    assert check == "settings" or {"prefect", "mail"} < set(levels(ended))


def test_something_else_on_the_port_is_not_taken_for_prefect(
    recert: Callable[..., Any], prefect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECERT_PREFECT_API_URL", prefect.replace("/api", "/other"))
    ended = recert("doctor", "--json")
    assert (ended.code, levels(ended)["prefect"]) == (5, "wrong")
    assert "answers with 404" in said(ended, "prefect")


@pytest.mark.parametrize(
    ("deployment", "workers", "level", "says"),
    [
        (None, [], "warning", "nothing was ever offered to carry rollouts out | run: recert up; or"),
        (
            {"work_pool_name": None, "status": "NOT_READY"},
            [],
            "warning",
            "the runner that carries rollouts out is away",
        ),
        ({"work_pool_name": "the pool"}, ["OFFLINE"], "warning", "work pool the pool has no worker that is alive"),
        ({"work_pool_name": "the pool"}, ["ONLINE"], "ok", "1 worker of work pool the pool is alive | "),
        ({"work_pool_name": "the pool"}, ["ONLINE", "OFFLINE", "ONLINE"], "ok", "2 workers of work pool the pool are"),
        ({"work_pool_name": "another"}, ["ONLINE"], "warning", "cannot be told: HTTPStatusError | ask again"),
        ({"nothing": "known"}, [], "warning", "cannot be told: KeyError | ask again"),
    ],
)
@pytest.mark.usefixtures("prefect")
def test_who_carries_rollouts_out_is_told(
    recert: Callable[..., Any], deployment: dict[str, Any] | None, workers: list[str], level: str, says: str
) -> None:
    Prefect.deployment, Prefect.workers = deployment, workers
    ended = recert("doctor", "--json")
    assert (ended.code, levels(ended)["workers"]) == (0, level)
    assert said(ended, "workers").startswith(says)


def test_a_server_that_wants_its_password_is_asked_with_ours(recert: Callable[..., Any], prefect: str) -> None:
    from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

    Prefect.password = "recert:the server's own"
    ended = recert("doctor", "--json")
    assert (ended.code, levels(ended)["prefect"], "workers" in levels(ended)) == (3, "wrong", False)
    assert said(ended, "prefect") == (
        f"{prefect} answers 401: it wants the password it was started with"
        " | set PREFECT_API_AUTH_STRING to the server's PREFECT_SERVER_API_AUTH_STRING"
    )
    with temporary_settings({PREFECT_API_AUTH_STRING: "recert:another"}):
        assert levels(recert("doctor", "--json"))["prefect"] == "wrong"
    with temporary_settings({PREFECT_API_AUTH_STRING: Prefect.password}):
        ended = recert("doctor", "--json")
    assert (ended.code, levels(ended)["workers"]) == (0, "ok")
    assert said(ended, "prefect") == f"{prefect} answers, and takes our PREFECT_API_AUTH_STRING | "
    assert "the server's own" not in ended.out


@pytest.mark.usefixtures("prefect")
def test_postgresql_is_told_with_its_version(
    recert: Callable[..., Any], postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_cluster.create_database()
    monkeypatch.setenv("RECERT_DATABASE_URL", url)
    assert recert("db", "upgrade").code == 0
    version = postgres_cluster.version.split()[2]
    assert f" answers (PostgreSQL {version}" in said(recert("doctor", "--json"), "database")
    monkeypatch.setattr("console.checks.OLDEST_POSTGRESQL", 99)
    assert said(recert("doctor", "--json"), "database").endswith("| bring it to 99 or newer")
    postgres_cluster.drop(url)


def _executed(home: Path, *statements: str) -> None:
    connection = sqlite3.connect(home / "recert.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.usefixtures("prefect")
def test_a_hold_that_outlives_its_rollout_is_named(at_work: Callable[..., Any], home: Path) -> None:
    _executed(
        home,
        "INSERT INTO rollout (id, name, plan, requested_by, state, started_at, started_on) VALUES"
        " (1, 'a', '{}', 'ann', 'running', '2026-11-23T09:30:00.000000Z', '2026-11-23'),"
        " (2, 'b', '{}', 'ann', 'failed', '2026-11-23T09:30:00.000000Z', '2026-11-23')",
        "INSERT INTO hold (rollout_id, certification_id, held_at)"
        " SELECT rollout.id, who.id, started_at FROM rollout JOIN (SELECT 1 id UNION SELECT 2) who ON who.id <= rollout.id",
    )
    ended = at_work("doctor", "--json")
    assert (ended.code, levels(ended)["holds"]) == (3, "wrong")
    assert "2 of rollout 2, which ended | the upkeep ends them within ten minutes of `recert up`" in said(
        ended, "holds"
    )


@pytest.mark.usefixtures("prefect")
def test_a_newer_schema_is_wrong_and_what_it_holds_is_not_touched(at_work: Callable[..., Any], home: Path) -> None:
    _executed(home, "UPDATE alembic_version SET version_num = '9999'")
    ended = at_work("doctor", "--json")
    assert (ended.code, levels(ended)["schema"]) == (3, "wrong")
    assert "people" not in levels(ended)


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([5, 5], 5), ([5, 3, 2], 3), ([2], 2)], ids=["none", "unreachable", "mixed", "one"]
)
def test_five_is_for_what_is_only_unreachable(codes: list[int], code: int) -> None:
    assert exit_code([Finding("x", Level.WRONG, "y", "", each) for each in codes]) == code
