"""Whom no mail can reach is known before anybody approves; where it would be a guess, nothing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, literal, select, update

from mail.addresses import AddressUnusable, read_mailbox
from models.addresses import is_address, octets
from models.tables import learner
from models.words import StepSlug
from tasks import reach
from tasks.reach import OutOfReach, Why
from tasks.wording import leading_facts
from tests.mail.fault_server import Fault, FaultServer
from tests.processes import free_port
from tests.world import (
    APPROVER,
    Held,
    a_learner,
    approve,
    carry_out,
    mailing,
    propose,
    started,
    step_record,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

STEP = StepSlug.RENOTIFY_INCOMPLETE
OLD = ("8BITMIME",)
ODD = {2: "zoë@example.com", 10: "x@straße.de"}


def _organisation(bench: Workbench, addresses: dict[int, str]) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
        for number, email in addresses.items():
            mine = update(learner).where(learner.c.employee_id == f"E{number}")
            connection.execute(mine.values(email=email, email_key=email))


def _proposed(bench: Workbench, **addresses: str) -> dict[str, Any]:
    _organisation(bench, {int(number.removeprefix("E")): email for number, email in addresses.items()})
    rollout_id = started(bench)
    propose(bench, rollout_id, StepSlug.VERIFY_COMPLETION, STEP)
    record = step_record(bench, rollout_id, STEP)
    assert record.proposal is not None
    return {name: value for name, value in record.proposal.facts.items() if name in [*Why, reach.CARRIES]}


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("ada@example.com", None),
        ("ada@köln.example", None),
        ("ada@xn--strae-oqa.de", None),
        ("zoë@example.com", Why.NEEDS_SMTPUTF8),
        ("Ада@пример.рф", Why.NEEDS_SMTPUTF8),
        ("x@straße.de", Why.NO_MAILBOX),
        ("a\u00adb@example.com", Why.NO_MAILBOX),
        (f"{'a' * 129}@example.com", Why.NO_MAILBOX),
        (f"{'a' * 128}@example.com", None),
        (f"ada@{'a.' * 130}example", Why.NO_MAILBOX),
        (None, None),
    ],
)
def test_each_kind_of_address_is_found_in_the_database_for_what_it_is(
    bench: Workbench, email: str | None, why: Why | None
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, email=email, email_key=email)
        found = list(reach.of_organisation(connection))
    assert found == ([OutOfReach(str(email), "E1", why)] if why else [])


def test_who_has_left_counts_for_nothing(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, email="zoë@example.com", email_key="zoë@example.com", archived_at=bench.now())
        assert list(reach.of_organisation(connection)) == []


@given(st.from_regex(r"[!-~]{1,140}@[!-~]{1,140}", fullmatch=True))
def test_an_address_that_is_not_read_can_be_mailed(address: str) -> None:
    """What the database does not pick out is never told; so it must be fit to be mailed by any server."""
    if is_address(address) and len(address) <= 128:
        assert not read_mailbox(address).needs_utf8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_python_and_both_databases_count_the_same_bytes(bench: Workbench, text: str) -> None:
    with bench.database.read() as connection:
        row = connection.execute(select(octets(literal(text)), func.length(literal(text)))).one()
    assert tuple(row) == (len(text.encode()), len(text))


def test_a_server_without_smtputf8_is_told_of_when_the_gate_opens(bench: Workbench) -> None:
    with FaultServer(extensions=OLD) as server:
        found = _proposed(mailing(bench, server.address), E2=ODD[2], E10=ODD[10])
    assert found == {Why.NEEDS_SMTPUTF8: 1, Why.NO_MAILBOX: 1, reach.CARRIES: False}
    assert leading_facts(STEP, found, 0) == [
        "1 has an address that cannot be mailed as it is written",
        "1 has an address that the mail server cannot carry: it does not offer SMTPUTF8",
    ]


def test_a_server_that_carries_them_leaves_only_those_that_are_no_address(bench: Workbench, post: FaultServer) -> None:
    found = _proposed(mailing(bench, post.address), E2=ODD[2], E10=ODD[10])
    assert found == {Why.NEEDS_SMTPUTF8: 1, Why.NO_MAILBOX: 1, reach.CARRIES: True}
    assert leading_facts(STEP, found, 0) == ["1 has an address that cannot be mailed as it is written"]
    assert post.connections == 1


def test_where_every_address_is_plain_the_server_is_not_even_asked(bench: Workbench, post: FaultServer) -> None:
    assert _proposed(mailing(bench, post.address)) == {}
    assert post.connections == 0


def test_who_is_not_mailed_by_the_step_is_not_told_of(bench: Workbench, post: FaultServer) -> None:
    assert _proposed(mailing(bench, post.address), E3="zoë@example.com", E5="jürgen@example.com") == {}


@pytest.mark.parametrize("away", ["refuses", "silent"])
def test_a_server_that_is_away_is_not_guessed_about_and_the_gate_opens(
    bench: Workbench, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "PATIENCE_SECONDS", 0.2)
    with FaultServer(Fault("banner", "silence")) as server:
        address = server.address if away == "silent" else replace(server.address, port=free_port())
        found = _proposed(mailing(bench, address), E2=ODD[2])
    assert found == {Why.NEEDS_SMTPUTF8: 1}
    assert leading_facts(STEP, found, 0) == []


def test_the_answer_outlives_an_exclusion_and_the_number_follows_it(bench: Workbench) -> None:
    with FaultServer(extensions=OLD) as server:
        _organisation(there := mailing(bench, server.address), {2: ODD[2], 10: "jürgen@example.com"})
        rollout_id = started(there)
        propose(there, rollout_id, StepSlug.VERIFY_COMPLETION, STEP)
    approve(bench, rollout_id, APPROVER, exclude=("E10",))
    record = step_record(bench, rollout_id, STEP)
    assert record.proposal is not None
    assert record.proposal.facts[Why.NEEDS_SMTPUTF8] == 1
    assert record.proposal.facts[reach.CARRIES] is False
    with bench.database.read() as connection:
        found = list(reach.of_list(connection, record.proposal.id))
    assert found == [OutOfReach(ODD[2], "E2", Why.NEEDS_SMTPUTF8)]


def test_the_renewal_is_asked_about_as_well(bench: Workbench) -> None:
    with FaultServer(extensions=OLD) as server:
        there = mailing(bench, server.address)
        with writing(bench) as connection:
            a_learner(connection, 1, Held(), email=ODD[2], email_key=ODD[2])
        rollout_id = started(there)
        carry_out(there, rollout_id, *list(StepSlug)[:4])
        propose(there, rollout_id, StepSlug.RECERTIFY_DUE)
        with bench.database.read() as connection:
            from models import ledger

            lost = list(reach.of_rollout(connection, ledger.steps(connection, rollout_id)))
    assert lost == [(StepSlug.RECERTIFY_DUE, OutOfReach(ODD[2], "E1", Why.NEEDS_SMTPUTF8))]


@pytest.mark.parametrize("email", ["no mailbox at all", "two@example.com,three@example.com"])
def test_what_is_no_address_is_no_mailbox(email: str) -> None:
    assert reach.judge(email) is Why.NO_MAILBOX
    with pytest.raises(AddressUnusable):
        read_mailbox(email)
