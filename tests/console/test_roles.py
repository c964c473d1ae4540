"""``recert db roles``, and what the doctor says of logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres import PostgresCluster


@pytest.fixture
def url(postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = postgres_cluster.create_database()
    monkeypatch.setenv("RECERT_DATABASE_URL", url)
    yield url
    postgres_cluster.drop(url)
    for name in ("door", "hand"):
        postgres_cluster._order("DROP ROLE IF EXISTS {}", name)


def test_logins_are_given_what_is_theirs_and_the_doctor_tells_whose_it_is(
    recert: Callable[..., Any], postgres_cluster: PostgresCluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recert("db", "upgrade")
    assert "there is no login door" in recert("db", "roles", "door", "hand").line
    for name in ("door", "hand"):
        postgres_cluster._order(f"CREATE ROLE {{}} LOGIN PASSWORD '{name}'", name)
    shown = recert("db", "roles", "door", "hand", "--show")
    assert 'GRANT SELECT, UPDATE (consumed_at) ON "approval" TO "hand"' in shown.out
    done = recert("db", "roles", "door", "hand")
    assert (done.code, done.out) == (0, "door may record answers to reviews, hand may not\n")
    for name, says in (("door", "may record answers"), ("hand", "is a worker's: it may not record answers")):
        own = make_url(url).set(username=name, password=name).render_as_string(hide_password=False)
        monkeypatch.setenv("RECERT_DATABASE_URL", own)
        found = {one["check"]: one for one in recert("doctor", "--json").json["findings"]}
        assert found["roles"]["level"] == "ok"
        assert says in found["roles"]["says"]
    assert "only the owner of the tables may give rights" in recert("db", "roles", "door", "hand").line


def test_sqlite_has_no_logins(recert: Callable[..., Any]) -> None:
    recert("db", "upgrade")
    refused = recert("db", "roles", "door", "hand")
    assert refused.code == 2
    assert "SQLite knows no logins" in refused.line
