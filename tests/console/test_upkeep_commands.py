"""``recert upkeep``: the daily duties by hand, whatever else is there."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from models.errors import PrefectUnavailable
from tests import world
from tests.mail.fault_server import FaultServer
from tests.world import mails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.workbench import Workbench

AWAY = "Prefect does not answer: runs that wait for it are woken by the next upkeep of `recert up`"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something that answers where Prefect would."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("RECERT_PREFECT_PORT", str(server.server_port))
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_works_without_prefect_and_without_a_mail_server_and_says_what_is_left(
    recert: Callable[..., Any], bench: Workbench
) -> None:
    ended = recert("upkeep", "--json")
    assert ended.code == 0
    prefect, post = ended.err.splitlines()
    assert prefect == AWAY
    assert post.endswith("the mail stays in the outbox, and the next upkeep tries again")
    done = ended.json
    assert (done["today"], done["prefect"]) == ("2026-11-23", {"reachable": False, "runs": {}})
    assert done["queued"]["reminder"] == len([1 for mail in mails(bench) if mail[0] == "reminder"]) == 1
    assert done["mail"]["sent"] == 0
    assert done["mail"]["later"] == len(mails(bench))


def test_it_sends_what_it_queued_and_a_second_one_finds_nothing_to_do(
    recert: Callable[..., Any], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer() as post:
        monkeypatch.setenv("RECERT_SMTP_URL", f"smtp://127.0.0.1:{post.address.port}?tls=none")
        first = recert("upkeep")
        assert (first.code, first.line) == (0, AWAY)
        assert "1 reminder" in first.out
        again = recert("upkeep", "--json").json
    assert {mail[2] for mail in mails(bench)} == {"sent"}
    assert len(post.kept) == len(mails(bench))
    assert not any([*again["did"].values(), *again["queued"].values(), again["mail"]["sent"], again["mail"]["later"]])


def test_where_prefect_is_there_its_runs_are_looked_after(
    recert: Callable[..., Any], bench: Workbench, answering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console import conductor

    assert (bench, answering) != (None, 0)
    monkeypatch.setattr(conductor, "look_after_runs", lambda _: {"wake": 2})
    assert recert("upkeep", "--json").json["prefect"] == {"reachable": True, "runs": {"wake": 2}}

    def away(_: Workbench) -> dict[str, int]:
        raise PrefectUnavailable

    monkeypatch.setattr(conductor, "look_after_runs", away)
    ended = recert("upkeep", "--json")
    assert ended.err.splitlines()[0] == AWAY
    assert ended.json["prefect"]["reachable"] is False


def test_a_gate_that_nobody_answered_is_ended_and_told(
    recert: Callable[..., Any], bench: Workbench, at_gate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECERT_TODAY", "2026-12-30")
    assert recert("upkeep", "--json").json["did"]["reviews-expired"] == 1
    assert world.rollout_state(bench, at_gate).value == "expired"
