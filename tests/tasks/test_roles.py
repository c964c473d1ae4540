"""On PostgreSQL the worker's login carries a whole rollout, and can write no approval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, make_url, text, update
from sqlalchemy.exc import ProgrammingError

from config.settings import MailServer
from flows.learner_action import walk
from models import choices, people, roles
from models.errors import WrongInput
from models.roles import EVERYTHING, Login, LoginUnfit
from models.tables import app_user, approval, audit, metadata, setting
from models.words import Channel, Decision, Role, RolloutState
from tasks.duties import do_duties
from tasks.ordering import confirm
from tasks.review import Answer, AnswerRefused, give_answer
from tasks.settings_orders import place_setting
from tasks.stage import Stage
from tasks.workbench import Workbench
from tests import world
from tests.mail.fault_server import FaultServer
from tests.postgres import PostgresCluster

CONSOLE, WORKER = "recert_console", "recert-worker"
ADMIN = "ada@example.org"


@dataclass(frozen=True)
class House:
    owner: Workbench
    console: Workbench
    worker: Workbench


@pytest.fixture
def house(postgres_cluster: PostgresCluster, tmp_path: Path, post: FaultServer) -> Iterator[House]:
    url = postgres_cluster.create_database()
    owner = world.a_bench(url, tmp_path)
    with owner.database.write() as connection:
        for name in (CONSOLE, WORKER):
            connection.exec_driver_sql(f'DROP ROLE IF EXISTS "{name}"')
            connection.exec_driver_sql(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'tests'")
        roles.give(connection, CONSOLE, WORKER)

    def as_(name: str) -> Workbench:
        own = make_url(url).set(username=name, password="tests")
        server = MailServer("127.0.0.1", post.port, "none")
        return world.a_bench(own.render_as_string(hide_password=False), tmp_path, server, migrated=True)

    made = House(owner, as_(CONSOLE), as_(WORKER))
    yield made
    for bench in (made.console, made.worker, owner):
        bench.database.dispose()
    postgres_cluster.drop(url)
    with_roles = world.a_bench(postgres_cluster.url(), tmp_path, migrated=True)
    with with_roles.database.write() as connection:
        for name in (CONSOLE, WORKER):
            connection.exec_driver_sql(f'DROP ROLE IF EXISTS "{name}"')
    with_roles.database.dispose()


def _furnished(house: House) -> int:
    with house.console.database.write() as connection:
        world.some_users(connection)
        world.ten_learners(connection)
    return world.started(house.console)


def test_every_table_has_its_rights_for_each_login_and_no_others(house: House) -> None:
    for login, name in ((Login.CONSOLE, CONSOLE), (Login.WORKER, WORKER)):
        given = roles.allowed(login)
        assert set(given) == {*metadata.tables, "alembic_version"}
        with house.owner.database.read() as connection:
            for table, rights in given.items():
                found = [right for right in EVERYTHING if roles._has(connection, name, table, right)]
                assert found == [right for right in rights if "(" not in right], (name, table)
    assert [len(roles.allowed(Login.WORKER)[name]) for name in ("approval", "app_user", "audit")] == [2, 1, 2]


def test_a_whole_rollout_goes_with_the_workers_login_and_the_consoles_answers(house: House) -> None:
    rollout_id, conductor = _furnished(house), world.PlainConductor()
    for _ in range(30):
        ended = world.one_pass(house.worker, rollout_id, conductor)
        if ended is not None:
            break
        do_duties(house.worker)
        world.approve_all(house.console, rollout_id)
    assert ended is RolloutState.COMPLETED
    assert set(conductor.forms) == {""}, "a form was offered whose answer could not be recorded"
    with house.worker.database.read() as connection:
        assert roles.lacking(connection) == []


def test_a_worker_stores_the_setting_that_an_approved_change_of_dates_brings_and_no_other(house: House) -> None:
    _furnished(house)
    with house.console.database.write() as connection:
        people.add_user(connection, ADMIN, "Ada", [Role.ADMIN], actor="tests", at=world.NOW)
    for value in ("assignment", "completion"):
        placed = place_setting(house.console, "date_basis", value, ADMIN)
        confirm(house.console, placed.rollout_id)
        if world.gate_of(house.console, placed.rollout_id):  # nobody moves by the second
            world.approve_all(house.console, placed.rollout_id)
        walk(Stage(house.worker, world.begin(house.worker, placed.rollout_id), world.PlainConductor()))
        with house.worker.database.read() as connection:
            assert choices.read(connection).date_basis == value
    with world.writing(house.console) as connection:
        choices.set_choice(connection, "action_review_over", "7", actor=ADMIN, at=world.NOW, today=world.TODAY)
    with world.writing(house.worker) as connection:
        assert connection.execute(setting.delete()).rowcount == 1, "its own alone"
    with house.worker.database.read() as connection:
        assert choices.read(connection).action_review_over == 7
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        world.writing(house.worker) as connection,
    ):
        choices.set_choice(connection, "action_review_over", "9000", actor=ADMIN, at=world.NOW, today=world.TODAY)


def test_postgresql_itself_refuses_the_worker_an_approval(house: House) -> None:
    rollout_id = _furnished(house)
    world.one_pass(house.worker, rollout_id)
    world.approve(house.console, rollout_id)
    forbidden = [
        insert(approval).values(review_id=1, approver_id=1, decision="approve", digest_proposed="", digest_approved="",
                                exclusions=[], channel="prefect", answered_at=world.NOW),
        update(approval).values(decision="approve"),
        update(approval).values(void_at=None),
        approval.delete(),
        update(app_user).values(roles=["approver"]),
        update(audit).values(actor="nobody"),
        audit.delete(),
        text("DROP TABLE approval"),
        text("CREATE TABLE mine (id int)"),
    ]  # fmt: skip
    for statement in forbidden:
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            world.writing(house.worker) as connection,
        ):
            connection.execute(statement)


def test_an_answer_through_the_workers_login_is_refused_in_one_line_and_its_code_burnt(house: House) -> None:
    rollout_id = _furnished(house)
    world.one_pass(house.worker, rollout_id)
    code = world.code_for(house.console, rollout_id, world.APPROVER)
    with pytest.raises(AnswerRefused, match="may not record answers; answer where the console's does"):
        give_answer(house.worker, rollout_id, Answer(world.APPROVER, code, Decision.APPROVE), Channel.PREFECT)
    assert world.code_for(house.console, rollout_id, world.APPROVER) != code


def test_logins_that_cannot_be_held_to_it_are_refused(house: House) -> None:
    with house.owner.database.rehearse() as connection:
        with pytest.raises(LoginUnfit, match="no login nobody-here"):
            roles.give(connection, CONSOLE, "nobody-here")
        with pytest.raises(WrongInput, match="two logins"):
            roles.give(connection, CONSOLE, CONSOLE)
        connection.exec_driver_sql(f'ALTER ROLE "{WORKER}" SUPERUSER')
        with pytest.raises(LoginUnfit, match="by other rights"):
            roles.give(connection, CONSOLE, WORKER)
