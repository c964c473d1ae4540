from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from models import tables
from models.audit import entries, verify
from models.database import Database
from models.errors import NotPermitted, WrongInput
from models.people import User, add_user, anybody, approvers_besides, change_user, find_user, require, users
from models.words import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        yield connection


def add(connection: Connection, email: str, *roles: Role, name: str = "Somebody") -> User:
    return add_user(connection, email, name, roles, actor="shell", at=AT)


def change(connection: Connection, email: str, **what: object) -> User:
    return change_user(connection, email, actor="shell", at=AT, **what)  # type: ignore[arg-type]


def test_a_user_is_found_again_whatever_the_case_of_the_address(connection: Connection) -> None:
    assert not anybody(connection)
    ann = add(connection, "Ann.Müller@Example.org", Role.OPERATOR, name=" Ann ")
    assert (ann.email, ann.name, ann.roles, ann.disabled) == (
        "Ann.Müller@Example.org",
        "Ann",
        {Role.OPERATOR},
        False,
    )
    assert find_user(connection, "ann.MU\u0308LLER@example.ORG ") == ann
    assert find_user(connection, "bob@example.org") is None
    assert users(connection) == [ann]
    assert anybody(connection)


@pytest.mark.parametrize(
    ("email", "name", "roles", "says"),
    [
        ("ann", "Ann", [Role.ADMIN], "not one e-mail address"),
        ("a@example.org,b@example.org", "Ann", [Role.ADMIN], "not one e-mail address"),
        ("ann@example.org", "  ", [Role.ADMIN], "1 to 200"),
        ("ann@example.org", "Ann\nBcc: x", [Role.ADMIN], "printable"),
        ("ann@example.org", "x" * 201, [Role.ADMIN], "1 to 200"),
        ("ann@example.org", "Ann", [], "at least one role"),
        ("BOB@example.org", "Bob", [Role.ADMIN], "already"),
    ],
    ids=["no address", "two", "no name", "line break", "long name", "no role", "twice"],
)
def test_what_cannot_be_a_user_is_refused_in_one_line(
    connection: Connection, email: str, name: str, roles: list[Role], says: str
) -> None:
    add(connection, "bob@example.org", Role.VIEWER)
    with pytest.raises(WrongInput, match=says) as refused:
        add_user(connection, email, name, roles, actor="shell", at=AT)
    assert "\n" not in str(refused.value)
    assert len(users(connection)) == 1


def test_who_may_act_is_returned_and_who_may_not_is_told_the_mend(connection: Connection) -> None:
    ann = add(connection, "ann@example.org", Role.OPERATOR)
    assert require(connection, "ANN@example.org", Role.OPERATOR) == ann
    with pytest.raises(NotPermitted, match=r"ann@example.org lacks the role approver.* --roles approver,operator$"):
        require(connection, "ann@example.org", Role.APPROVER)
    with pytest.raises(NotPermitted, match=r"'zed@example.org' is no user.*recert users add zed@example.org"):
        require(connection, "zed@example.org", Role.OPERATOR)
    change(connection, "ann@example.org", disabled=True)
    with pytest.raises(NotPermitted, match=r"disabled.*recert users enable ann@example.org"):
        require(connection, "ann@example.org", Role.OPERATOR)


@pytest.mark.parametrize(
    ("has", "asked", "may"),
    [
        (Role.ADMIN, Role.VIEWER, True),
        (Role.ADMIN, Role.APPROVER, False),
        (Role.ADMIN, Role.OPERATOR, False),
        (Role.OPERATOR, Role.VIEWER, False),
        (Role.APPROVER, Role.OPERATOR, False),
        (Role.APPROVER, Role.APPROVER, True),
    ],
)
def test_no_role_includes_another_but_an_admin_may_read(has: Role, asked: Role, *, may: bool) -> None:
    assert User(1, "a@example.org", "A", frozenset({has}), disabled=False).may(asked) is may
    assert not User(1, "a@example.org", "A", frozenset({has}), disabled=True).may(asked)


def test_approvers_are_everybody_who_may_but_the_requester(connection: Connection) -> None:
    add(connection, "cleo@example.org", Role.APPROVER, Role.OPERATOR)
    add(connection, "bob@example.org", Role.APPROVER)
    add(connection, "ann@example.org", Role.OPERATOR)
    add(connection, "dan@example.org", Role.APPROVER)
    change(connection, "dan@example.org", disabled=True)
    assert [user.email for user in approvers_besides(connection, "ann@example.org")] == [
        "cleo@example.org",
        "bob@example.org",
    ]
    assert [user.email for user in approvers_besides(connection, "CLEO@example.org")] == ["bob@example.org"]


def test_every_change_is_an_act_and_what_stands_already_is_none(connection: Connection) -> None:
    ann = add(connection, "ann@example.org", Role.OPERATOR, name="Ann")
    assert change(connection, "ann@example.org", name="Ann", roles=[Role.OPERATOR], disabled=False) == ann
    changed = change(connection, "ANN@example.org", name="Anna", roles=[Role.ADMIN, Role.OPERATOR])
    assert changed == find_user(connection, "ann@example.org")
    assert (changed.name, changed.roles) == ("Anna", {Role.ADMIN, Role.OPERATOR})
    acts = list(entries(connection))
    assert [(act.act, act.subject, act.actor) for act in acts] == [
        ("add-user", f"user:{ann.id}", "shell"),
        ("change-user", f"user:{ann.id}", "shell"),
    ]
    assert acts[1].detail["before"]["roles"] == ["operator"]
    assert acts[1].detail["after"]["roles"] == ["admin", "operator"]
    assert verify(connection) is None


def test_a_change_of_nobody_or_into_nothing_is_refused(connection: Connection) -> None:
    add(connection, "ann@example.org", Role.OPERATOR)
    with pytest.raises(WrongInput, match="recert users list"):
        change(connection, "zed@example.org", name="Z")
    with pytest.raises(WrongInput, match="at least one role"):
        change(connection, "ann@example.org", roles=[])


@pytest.mark.parametrize(
    ("what", "void"),
    [
        ({"disabled": True}, True),
        ({"roles": [Role.OPERATOR]}, True),
        ({"roles": [Role.APPROVER]}, False),
        ({"name": "Bobby"}, False),
    ],
    ids=["disabled", "role taken", "role kept", "name only"],
)
def test_who_is_no_approver_any_more_loses_codes_and_unapplied_answers(
    connection: Connection, what: dict[str, object], *, void: bool
) -> None:
    bob = add(connection, "bob@example.org", Role.APPROVER, Role.OPERATOR)
    answer = _answered(connection, bob)
    change(connection, "bob@example.org", **what)
    void_at = connection.scalar(select(tables.approval.c.void_at).where(tables.approval.c.id == answer))
    issue = connection.scalar(select(tables.review_request.c.issue))
    assert (void_at, issue) == ((AT, 2) if void else (None, 1))


def _answered(connection: Connection, approver: User) -> int:
    """One rollout with one gate that *approver* was asked at and has answered."""
    day = AT.date()
    gate = {"state": "in-review", "started_at": AT, "started_on": day}
    rollout = _row(connection, tables.rollout, name="r", plan={}, requested_by="a@example.org", **gate)
    step = _row(
        connection, tables.rollout_step, rollout_id=rollout, slug="recertify-due", position=5, state="x", opens_on=day
    )
    shown = {"digest": "d", "counts": {}, "facts": {}}
    proposal = _row(connection, tables.proposal, step_id=step, round=1, proposed_on=day, proposed_at=AT, **shown)
    review = _row(connection, tables.review, proposal_id=proposal, digest="d", opened_at=AT, last_on=day)
    connection.execute(insert(tables.review_request).values(review_id=review, approver_id=approver.id))
    said = {"decision": "approve", "digest_proposed": "d", "digest_approved": "d", "exclusions": [], "channel": "x"}
    return _row(connection, tables.approval, review_id=review, approver_id=approver.id, answered_at=AT, **said)


def _row(connection: Connection, table: tables.Table, **values: object) -> int:
    return int(connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())
