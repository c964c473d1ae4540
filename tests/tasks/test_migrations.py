"""The schema moves under a rollout that is half-way through: no row is lost, whenever the move is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, event, select, text

import models.database
from models import audit, invariants
from models.database import Database
from models.schema import current_revision, downgrade, known_revisions, newest_revision, require_current, upgrade
from models.tables import metadata, rollout
from models.words import RolloutState
from tests.canonical import facts
from tests.crashes import forked, read
from tests.schema_dumps import SCHEMAS, half_way, load
from tests.world import a_bench, approve_all, rows, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks.workbench import Workbench

Content = dict[str, dict[str, Any]]
assert alembic.command  # loaded before anybody is forked
REVISIONS = sorted(known_revisions())
DUMPED = sorted({path.name.partition(".")[0] for path in SCHEMAS.glob("*.sql")})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database; a process may die here, the machine does not."""
    database = Database(database_url, durable=False)
    yield database
    database.dispose()


def content(database: Database) -> Content:
    """Table → column → the values, in the order of the key; whatever tables there are."""
    found: Content = {}
    with database.read() as connection:
        there = MetaData()
        there.reflect(connection)
        for table in there.tables.values():
            lines = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
            found[table.name] = {name: [line[name] for line in lines] for name in table.columns.keys()}  # noqa: SIM118
    found.pop("alembic_version", None)
    return found


def of(columns: Content, within: Content) -> Content:
    """What *columns* says of the columns that *within* has."""
    return {table: {name: columns[table][name] for name in names} for table, names in within.items()}


def version_0(database: Database, revision: str) -> None:
    load(database, (SCHEMAS / f"{revision}.{'sqlite' if database.is_sqlite else 'postgresql'}.sql").read_text("utf-8"))
    assert current_revision(database) == revision


def finished(database: Database, home: Path) -> dict[str, Counter[tuple[Any, ...]]]:
    """Go on with the rollout to its end; return what is left."""
    bench = a_bench(database.url.render_as_string(hide_password=False), home, migrated=True)
    [found] = rows(bench, select(rollout.c.id))
    approve_all(bench, found.id)
    assert _ends(bench, found.id) is RolloutState.COMPLETED
    with bench.database.read() as connection:
        assert audit.verify(connection) is None
        assert [broken.invariant.says for broken in invariants.check(connection) if broken.number] == []
        left = facts(connection)
    bench.database.dispose()
    return left


def _ends(bench: Workbench, rollout_id: int) -> RolloutState:
    from tests.mail.fault_server import FaultServer
    from tests.world import mailing

    with FaultServer() as post:
        return run_to_end(mailing(bench, post.address), rollout_id)


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_down_and_up_again_in_mid_rollout_leaves_every_row_that_had_a_place_below(
    database: Database, database_url: str, tmp_path: Path, revision: str
) -> None:
    half_way(database_url, tmp_path)
    before = content(database)
    assert len(before["rollout_item"]["outcome"]) > 20
    downgrade(database, revision)
    below = content(database)
    assert below == of(before, below)
    upgrade(database)
    after = content(database)
    assert of(after, below) == below
    assert {name: set(columns) for name, columns in after.items()} == {
        name: {column.name for column in table.columns} for name, table in metadata.tables.items()
    }
    finished(database, tmp_path)


def test_what_a_move_down_and_up_leaves_is_carried_out_as_if_nothing_had_happened(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    half_way(database_url, tmp_path)
    downgrade(database, REVISIONS[0])
    upgrade(database)
    left = finished(database, tmp_path)
    home = tmp_path / "undisturbed"
    other = Database(f"sqlite:///{home / 'recert.db'}")
    half_way(f"sqlite:///{home / 'recert.db'}", home)
    assert left == finished(other, home)
    other.dispose()


def test_each_version_before_the_newest_was_dumped_for_both_databases() -> None:
    """`.venv/bin/python tests/schema_dumps.py` makes them, before the next version is begun."""
    assert {*REVISIONS[:-1]} <= {*DUMPED} <= {*REVISIONS}
    assert sorted(path.name for path in SCHEMAS.iterdir()) == sorted(
        f"{revision}.{kind}.sql" for revision in DUMPED for kind in ("sqlite", "postgresql")
    )


@pytest.mark.parametrize("revision", DUMPED)
def test_the_database_of_each_version_comes_up_whole_and_its_rollout_goes_on(
    database: Database, tmp_path: Path, revision: str
) -> None:
    version_0(database, revision)
    before = content(database)
    upgrade(database)
    require_current(database)
    assert of(content(database), before) == before
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    left = finished(database, tmp_path)
    assert left["assignment"], "nobody was assigned anything"


class _Undone(Exception):
    """The move was watched up to its commit."""


def _moving(url: str, target: str, passed: Callable[[], None], committing: Callable[[], None]) -> None:
    """Move the schema in this process, telling of each statement that was carried out and of both sides of the commit."""
    database = Database(url, durable=False)
    event.listen(database.engine, "after_cursor_execute", lambda *_: passed())
    models.database.at_commit = lambda _: committing()
    upgrade(database) if target == newest_revision() else downgrade(database, target)
    database.dispose()


def _left_by_a_kill(database: Database) -> Any:
    """What there would be if whoever works on the database were killed now, for whoever comes after.

    Of a SQLite database that is its files (the index of its log is made anew); of a PostgreSQL one, what another's
    transaction may see: what is not among it now is rolled back.
    """
    if database.is_sqlite:
        path = Path(str(database.url.database))
        return [file.read_bytes() for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]
    with database.read() as connection:
        return connection.scalar(text("SELECT CAST(pg_current_snapshot() AS text)"))


def _telling(url: str, target: str) -> list[int]:
    """The moments after which a kill leaves something that no kill before left; those beside the commit always."""
    outside, found, last, moments = Database(url), list[int](), None, count(1)

    def passed() -> None:
        nonlocal last
        moment, now = next(moments), _left_by_a_kill(outside)
        if now != last:
            found.append(moment)
        last = now

    def committing() -> NoReturn:
        raise _Undone

    with suppress(_Undone):
        _moving(url, target, passed, committing)
    outside.dispose()
    commit = next(moments)
    return [*found, commit, commit + 1]


def _killed(moment: int, url: str, target: str) -> None:
    """Let this process be killed at the moment of this number: right after a statement, or on a side of the commit."""
    seen = count(1)

    def passed() -> None:
        if next(seen) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    _moving(url, target, passed, passed)


def _moved(database: Database, folder: Path, target: str, moments: Iterable[int] | None = None) -> int:
    """Move the schema, killed at one point after the other, until it gets through; return the last of them.

    At all of *moments*; unless they are given, at each that tells something.
    """
    database.dispose()
    url, origin = database.url.render_as_string(hide_password=False), current_revision(database)
    before = content(database)
    database.dispose()
    for moment in moments or _in_a_child(partial(_telling, url, target), folder):
        killed = partial(_killed, moment, url, target)
        ended = os.waitstatus_to_exitcode(os.waitpid(forked(killed, folder / "answer"), 0)[1])
        assert ended == -signal.SIGKILL, read(folder / "answer")
        if (now := current_revision(database)) != origin:
            assert now == target
            below = min(before, content(database), key=lambda each: sum(map(len, each.values())))
            assert of(content(database), below) == of(before, below)
            return moment
        assert content(database) == before, f"killed after statement {moment}"
        database.dispose()
    raise AssertionError


def _in_a_child(act: Callable[[], list[int]], folder: Path) -> list[int]:
    ended = os.waitpid(forked(act, folder / "answer"), 0)[1]
    assert ended == 0, read(folder / "answer")
    return list(read(folder / "answer"))


def _up_and_down(database: Database, folder: Path, moments: Callable[[], Iterable[int] | None]) -> None:
    version_0(database, REVISIONS[0])
    assert _moved(database, folder, newest_revision(), moments()) > 50
    require_current(database)
    assert _moved(database, folder, REVISIONS[0], moments()) > 50
    assert current_revision(database) == REVISIONS[0]
    upgrade(database)
    if database.is_sqlite:
        assert [row[0] for row in _pragma(database, "integrity_check")] == ["ok"]
        assert _pragma(database, "foreign_key_check") == []
    finished(database, folder)


def test_a_move_that_is_killed_at_any_point_has_not_happened_or_has(database: Database, tmp_path: Path) -> None:
    """What a kill leaves is looked at after every statement; those that leave the same are carried out once."""
    _up_and_down(database, tmp_path, lambda: None)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_move_that_is_killed_after_every_statement_has_not_happened_or_has(
    database: Database, tmp_path: Path
) -> None:
    _up_and_down(database, tmp_path, partial(count, 1))


def _pragma(database: Database, name: str) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(text(f"PRAGMA {name}")))
