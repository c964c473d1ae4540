"""After a restore from backup mail rests until somebody says so, and nothing goes out twice in silence."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, select, text, update

from models import audit, choices, invariants, pauses
from models.database import Database
from models.errors import WrongInput
from models.schema import SchemaBehind, downgrade
from models.tables import message
from models.words import MessageKind, RolloutState
from tasks import restored
from tasks.backup import BackupExists, back_up
from tasks.deliver import deliver_mail
from tasks.resolving import Resolution, resolve
from tests.mail.fault_server import FaultServer
from tests.mail_sweep import notices, somebody
from tests.postgres import find_binaries
from tests.world import (
    NOW,
    a_bench,
    approve,
    mailing,
    one_pass,
    rows,
    run_to_end,
    some_courses,
    some_users,
    started,
    ten_learners,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.workbench import Workbench

Restore = Callable[[], None]
LETTERS = 10


@pytest.fixture
def post() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def bench(migrated_url: str, tmp_path: Path, post: FaultServer) -> Iterator[Workbench]:
    """Ten notices that are due, and one act in the audit."""
    bench = mailing(a_bench(migrated_url, tmp_path / "home", migrated=True), post.address)
    with bench.database.write() as connection:
        some_users(connection)
        some_courses(connection)
        notices(connection, range(1, LETTERS + 1), *somebody(connection), NOW)
    yield bench
    bench.database.dispose()


def backed_up(bench: Workbench, folder: Path) -> Restore:
    """Make a backup as the documents say; return what restores it."""
    bench.database.dispose()
    if bench.database.is_sqlite:
        back_up(bench, folder / "backup.db")
        return lambda: put_back(bench, folder / "backup.db")
    url = bench.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    tools = find_binaries()
    file = str(folder / "backup.dump")
    subprocess.run([tools / "pg_dump", "--format=custom", f"--file={file}", url], check=True)
    # --clean: into the same database, which keeps its name and number
    words = [tools / "pg_restore", "--clean", "--if-exists", "--single-transaction", f"--dbname={url}", file]

    def restore() -> None:
        bench.database.dispose()
        subprocess.run(words, check=True)

    return restore


def put_back(bench: Workbench, copy: Path) -> None:
    remove(bench)
    shutil.copy(copy, str(bench.database.url.database))


def remove(bench: Workbench) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{bench.database.url.database}{end}").unlink(missing_ok=True)


def arrived(post: FaultServer) -> Counter[str]:
    return Counter(kept.to for kept in post.kept)


def states(bench: Workbench) -> Counter[tuple[str, bool]]:
    return Counter((row.state, row.flagged) for row in rows(bench, message))


def paused(bench: Workbench) -> list[str]:
    with bench.database.read() as connection:
        return [each.by for each in pauses.pauses(connection) if each.rollout_id is None]


def let_go(bench: Workbench) -> None:
    with bench.database.write() as connection:
        assert pauses.resume(connection, None, actor="opal@example.org", at=bench.now())


def test_nothing_leaves_after_a_restore_until_somebody_says_so(
    bench: Workbench, tmp_path: Path, post: FaultServer
) -> None:
    assert deliver_mail(bench, "one", rollout_id=999).resting is None
    restore = backed_up(bench, tmp_path)
    assert deliver_mail(bench, "one").sent == LETTERS
    restore()
    done = deliver_mail(bench, "two")
    assert (done.sent, len(post.kept)) == (0, LETTERS)
    assert paused(bench) == [restored.ACTOR]
    assert "all mail was paused by restore from backup" in str(done.resting)
    assert states(bench) == {("uncertain", True): LETTERS}
    assert restored.notice(bench) is None, "it is said once"
    with bench.database.write() as connection:
        left = [row.id for row in connection.execute(select(message.c.id))]
        resolve(connection, left[:-1], Resolution.SENT, actor="opal@example.org", at=bench.now())
    let_go(bench)
    assert deliver_mail(bench, "three").sent == 1
    assert max(arrived(post).values()) == 2, "the one that was not settled goes again"
    assert states(bench) == {("sent", True): LETTERS}, "and is flagged as a double may be"
    assert paused(bench) == []
    with bench.database.read() as connection:
        assert audit.verify(connection) is None
        assert [broken.invariant.says for broken in invariants.check(connection) if broken.number] == []


def test_the_first_command_says_it_in_one_line(bench: Workbench, tmp_path: Path, post: FaultServer) -> None:
    assert post.kept == []
    assert restored.notice(bench) is None
    restore = backed_up(bench, tmp_path)
    deliver_mail(bench, "one")
    restore()
    told = str(restored.notice(bench))
    assert told.startswith("this database was restored from a backup: all mail rests")
    assert told.endswith("then: recert mail resume")
    assert "\n" not in told


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_dump_in_another_database_or_another_home_rests_as_well(
    bench: Workbench, tmp_path: Path, post: FaultServer, request: pytest.FixtureRequest
) -> None:
    assert restored.notice(bench) is None
    bench.database.dispose()
    cluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database()
    plain = [str(make_url(each).set(drivername="postgresql").render_as_string(hide_password=False)) for each in
             (bench.database.url.render_as_string(hide_password=False), url)]  # fmt: skip
    tools = find_binaries()
    subprocess.run([tools / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", plain[0]], check=True)
    subprocess.run([tools / "pg_restore", f"--dbname={plain[1]}", tmp_path / "dump"], check=True)
    other = mailing(a_bench(url, tmp_path / "new-home", migrated=True), post.address)
    assert deliver_mail(other, "elsewhere").sent == 0
    assert paused(other) == [restored.ACTOR]
    let_go(other)
    assert deliver_mail(other, "elsewhere").sent == LETTERS
    assert restored.notice(other) is None
    assert restored.notice(bench) is None, "the one it was dumped from goes on"
    other.database.dispose()
    cluster.drop(url)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "told", ["SELECT NULL", "SELECT pg_no_such_function()"], ids=["a standby", "a host that keeps it"]
)
def test_a_postgresql_that_does_not_tell_its_place_is_taken_for_where_it_was(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    assert restored.notice(bench) is None
    monkeypatch.setattr(pauses, "_PLACE", text(told))
    assert restored.notice(bench) is None
    assert deliver_mail(bench, "one").sent == LETTERS


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_file_that_was_copied_by_hand_is_noticed_by_the_home_it_is_put_back_in(
    bench: Workbench, tmp_path: Path, post: FaultServer
) -> None:
    bench.database.dispose()
    shutil.copy(str(bench.database.url.database), tmp_path / "copy.db")
    assert deliver_mail(bench, "one").sent == LETTERS
    put_back(bench, tmp_path / "copy.db")
    assert deliver_mail(bench, "two").sent == 0
    assert paused(bench) == [restored.ACTOR]
    assert len(post.kept) == LETTERS


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_another_database_in_an_old_home_is_none_that_was_restored(
    bench: Workbench, tmp_path: Path, post: FaultServer
) -> None:
    deliver_mail(bench, "one")
    assert (tmp_path / "home" / "last-sent.json").exists()
    remove(bench)
    fresh = mailing(a_bench(bench.database.url.render_as_string(), tmp_path / "home"), post.address)
    with fresh.database.write() as connection:
        choices.set_choice(connection, "training_url", "https://example.org", actor="another", at=NOW)
        some_courses(connection)
        notices(connection, range(1, 3), *somebody(connection), NOW)
    assert deliver_mail(fresh, "one").sent == 2


def test_a_home_that_cannot_be_read_as_one_remembers_nothing(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for words in ("", "[]", "{}", '{"database": "x", "mail": "y", "at": 1}'):
        (tmp_path / "home" / "last-sent.json").write_text(words)
        assert restored.notice(bench) is None


def test_kinds_that_are_parked_when_in_doubt_wait_for_a_person(
    bench: Workbench, tmp_path: Path, post: FaultServer
) -> None:
    assert restored.notice(bench) is None
    with bench.database.write() as connection:
        for kind in MessageKind:
            choices.set_choice(connection, f"uncertain.{kind}", "park", actor="ann", at=NOW)
        connection.execute(update(message).where(message.c.id == 1).values(state="held", next_try_at=None))
    restore = backed_up(bench, tmp_path)
    with bench.database.write() as connection:
        connection.execute(update(message).where(message.c.id == 1).values(state="queued", next_try_at=NOW))
    deliver_mail(bench, "one")
    restore()
    restored.notice(bench)
    let_go(bench)
    assert deliver_mail(bench, "two").sent == 0
    assert states(bench) == {("uncertain", True): LETTERS - 1, ("held", True): 1}
    assert len(post.kept) == LETTERS


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_backup_is_whole_closed_to_others_and_made_while_somebody_writes(bench: Workbench, tmp_path: Path) -> None:
    with bench.database.write() as connection:
        connection.execute(update(message).values(last_reply="not committed yet"))
        size = back_up(bench, tmp_path / "backup.db")
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == ["backup.db"]
    assert (tmp_path / "backup.db").stat().st_size == size
    assert (tmp_path / "backup.db").stat().st_mode & 0o077 == 0
    copy = replace(bench, database=Database(f"sqlite:///{tmp_path / 'backup.db'}"))
    assert {row.last_reply for row in rows(copy, message)} == {restored.REPLY}
    assert paused(copy) == [restored.ACTOR]
    assert paused(bench) == []
    copy.database.dispose()
    with pytest.raises(BackupExists, match="there already"):
        back_up(bench, tmp_path / "backup.db")
    with pytest.raises(WrongInput, match="cannot be written"):
        back_up(bench, tmp_path / "nowhere" / "backup.db")
    downgrade(bench.database, "-1")
    with pytest.raises(SchemaBehind, match="make the backup with the one before"):
        back_up(bench, tmp_path / "other.db")
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_for_postgresql_the_line_to_type_is_said_without_the_password(bench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="pg_dump --format=custom --file=") as told:
        back_up(bench, tmp_path / "it is.dump")
    assert f"'{tmp_path / 'it is.dump'}' postgresql://recert@127.0.0.1:" in str(told.value)


def test_a_rollout_goes_on_from_the_backup_and_its_letters_have_the_message_ids_they_had(
    migrated_url: str, tmp_path: Path, post: FaultServer
) -> None:
    bench = mailing(a_bench(migrated_url, tmp_path / "home", migrated=True), post.address)
    with bench.database.write() as connection:
        some_users(connection)
        ten_learners(connection)
    rollout_id = started(bench)
    one_pass(bench, rollout_id)
    approve(bench, rollout_id)
    one_pass(bench, rollout_id)
    restore = backed_up(bench, tmp_path)
    assert run_to_end(bench, rollout_id) is RolloutState.COMPLETED
    before = sent_to_learners(post)
    assert max(before.values()) == 1
    restore()
    assert restored.notice(bench)
    one_pass(bench, rollout_id)
    assert sent_to_learners(post) == before
    let_go(bench)
    assert run_to_end(bench, rollout_id) is RolloutState.COMPLETED
    assert set(sent_to_learners(post)) == set(before), "a letter of another Message-ID went out"
    with bench.database.read() as connection:
        assert audit.verify(connection) is None
        assert [broken.invariant.says for broken in invariants.check(connection) if broken.number] == []
    bench.database.dispose()


def sent_to_learners(post: FaultServer) -> Counter[str]:
    """How often a letter of each Message-ID reached a learner."""
    heads = [kept.data.decode().splitlines() for kept in post.kept if kept.to.endswith("@example.com")]
    return Counter(next(line.split()[1] for line in lines if line.startswith("Message-ID:")) for lines in heads)
