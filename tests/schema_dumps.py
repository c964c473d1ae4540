"""A database of each schema version, in the middle of a rollout, as SQL text: made before the next version is begun.

`.venv/bin/python tests/schema_dumps.py` writes the newest version's two files; older ones stay as their version made them.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, os.getcwd())  # noqa: PTH109 - run as a script, of whichever version lies here

from sqlalchemy import make_url

from models.schema import newest_revision
from tests.mail.fault_server import FaultServer
from tests.postgres import PostgresCluster, find_binaries
from tests.world import a_bench, approve, one_pass, some_users, started, ten_learners

if TYPE_CHECKING:
    from models.database import Database

SCHEMAS = Path(__file__).parent / "data" / "schemas"
# What says nothing about the database itself, or not to every version of PostgreSQL; and where it was, by which a copy
# elsewhere is known: a test of its own is about that.
NOISE = re.compile(
    r"(--|\\|SET |SELECT pg_catalog\.set_config|CREATE SCHEMA|COMMENT ON SCHEMA|INSERT INTO public\.mail_pause VALUES \('elsewhere'|$)"
)


def half_way(url: str, home: Path) -> None:
    """A rollout at its second gate: one step applied, its mail sent, the next list asked for."""
    with FaultServer() as post:
        bench = a_bench(url, home, post.address)
        with bench.database.write() as connection:
            some_users(connection)
            ten_learners(connection)
        rollout_id = started(bench)
        one_pass(bench, rollout_id)
        approve(bench, rollout_id)
        one_pass(bench, rollout_id)
        bench.database.dispose()


def load(database: Database, text: str) -> None:
    """Make of an empty database the one that was dumped."""
    if not database.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql(text.replace("%", "%%"))
        return
    connection = sqlite3.connect(str(database.url.database))
    connection.executescript(text)
    connection.close()


def dumped(url: str) -> str:
    """The whole database as SQL text."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(place.database))
        lines = list(connection.iterdump())
        connection.close()
        return "\n".join([*lines, ""])
    command = [find_binaries() / "pg_dump", "--no-owner", "--no-privileges", "--inserts"]
    address = place.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run([*map(str, command), address], capture_output=True, text=True, check=True)
    return "\n".join([*[line for line in done.stdout.splitlines() if not NOISE.match(line)], ""])


def make(url: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        half_way(url, Path(home))
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    (SCHEMAS / f"{newest_revision()}.{kind}.sql").write_text(dumped(url), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(f"sqlite:///{folder}/recert.db")
    cluster = PostgresCluster()
    try:
        make(cluster.create_database())
    finally:
        cluster.remove()
