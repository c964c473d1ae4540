"""Users and settings in the console: changed by admins only, each change in the audit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import choices, people
from models.tables import audit
from models.words import Role
from tasks.workbench import Workbench
from tests.console.browser import Browser
from tests.world import APPROVER, NOW, OPERATOR, rows, writing

ADMIN = "eve@example.org"


@pytest.fixture
def eve(signed_in: Callable[[str], Browser], bench: Workbench) -> Browser:
    with writing(bench) as connection:
        people.add_user(connection, ADMIN, "Eve", [Role.ADMIN], actor="tests", at=NOW)
    return signed_in(ADMIN)


def user(bench: Workbench, email: str) -> people.User | None:
    with bench.database.read() as connection:
        return people.find_user(connection, email)


def test_an_admin_adds_changes_and_disables_people_under_their_own_name(eve: Browser, bench: Workbench) -> None:
    form = eve.get("/users").form("/users/add")
    assert eve.send(form, email="new@example.org", name="<b>New</b>", roles=["viewer", "approver"]).status == 200
    assert "<b>New</b>" not in eve.get("/users").text
    form = eve.get("/users").form("/users/change")
    eve.send(form, email="new@example.org", name="New", roles="viewer", disabled="yes")
    changed = user(bench, "new@example.org")
    assert changed is not None
    assert (changed.name, changed.roles, changed.disabled) == ("New", {Role.VIEWER}, True)
    assert [row.actor for row in rows(bench, audit) if row.act in {"add-user", "change-user"}][-2:] == [ADMIN, ADMIN]


@pytest.mark.parametrize(
    "fields", [{"email": "no address"}, {"email": APPROVER}, {"email": "x@example.org", "roles": []}, {"email": ""}]
)
def test_a_user_who_is_none_is_refused_with_the_reason(eve: Browser, fields: dict[str, object]) -> None:
    form = eve.get("/users").form("/users/add")
    seen = eve.send(form, **{"roles": "viewer", **fields})
    assert seen.status == 400
    assert 'role="alert"' in seen.text


def test_a_role_that_is_taken_away_is_gone_at_once(eve: Browser, signed_in: Callable[[str], Browser]) -> None:
    opal = signed_in(OPERATOR)
    assert opal.get("/imports").status == 200
    eve.send(eve.get("/users").form("/users/change"), email=OPERATOR, name="Opal", roles="viewer")
    assert opal.get("/imports").status == 403
    assert opal.get("/users").status == 403


def test_an_admin_chooses_a_setting_and_a_wrong_value_comes_back(eve: Browser, bench: Workbench) -> None:
    form = eve.get("/settings").form("/settings/choose")
    assert eve.send(form, name="default_due_days", value="45").url == "/settings?said=saved"
    with bench.database.read() as connection:
        assert choices.read(connection).default_due_days == 45
    form = eve.get("/settings").form("/settings/choose")
    refused = eve.send(form, name="default_due_days", value='"><script>')
    assert refused.status == 400
    assert "allowed: 1 to" in refused.text
    assert '"><script>' not in refused.text


def test_others_read_the_settings_and_cannot_choose(signed_in: Callable[[str], Browser]) -> None:
    seen = signed_in(OPERATOR).get("/settings")
    assert "default_due_days" in seen.text
    assert "/settings/choose" not in seen.text
