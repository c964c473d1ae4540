"""Signing in to the console: who gets in, who does not, and what a stolen or forged form can do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from console.web.app import application
from console.web.armour import HEADERS
from console.web.places import PLACES
from console.web.visit import Place
from models import people
from models.passwords import set_password
from models.tables import approval, audit, web_session
from models.words import Role
from tasks.workbench import Workbench
from tests import world
from tests.console.browser import HOME, PASSWORD, Browser, Form
from tests.world import APPROVER, NOW, OPERATOR, rows

ROLES = [*Role, None]


@pytest.fixture
def stranger(bench: Workbench, cheap_passwords: None) -> Browser:
    assert cheap_passwords is None
    with bench.database.write() as connection:
        set_password(connection, OPERATOR, PASSWORD, actor="tests", at=NOW)
    return Browser(application(bench))


def session_of(browser: Browser) -> str:
    return browser.cookies.get("recert-session") or ""


def test_a_user_signs_in_sees_who_they_are_and_signs_out(stranger: Browser) -> None:
    seen = stranger.sign_in(OPERATOR)
    assert seen.status == 200
    account = stranger.get("/account")
    assert OPERATOR in account.text
    kept = session_of(stranger)
    assert stranger.send(account.form("/sign-out")).url == "/sign-in"
    assert session_of(stranger) == ""
    stranger.cookies.set("recert-session", kept, domain="127.0.0.1", path="/")
    assert stranger.get("/account").url.startswith("/sign-in"), "what was signed out opens nothing any more"


def test_wrong_password_unknown_person_and_person_without_password_are_told_alike(stranger: Browser) -> None:
    told = {
        (seen.status, seen.text.split('role="alert"')[1].split("</p>")[0])
        for seen in (
            stranger.sign_in(OPERATOR, "wrong password"),
            stranger.sign_in("nobody@example.org"),
            stranger.sign_in(APPROVER),
        )
    }
    assert len(told) == 1
    assert told.pop()[0] == 401
    assert session_of(stranger) == ""


def test_who_is_disabled_does_not_get_in(stranger: Browser, bench: Workbench) -> None:
    with bench.database.write() as connection:
        people.change_user(connection, OPERATOR, disabled=True, actor="tests", at=NOW)
    assert stranger.sign_in(OPERATOR).status == 401


def test_guessing_is_slowed_down_and_the_right_password_has_to_wait_too(stranger: Browser) -> None:
    for _ in range(5):
        assert stranger.sign_in(OPERATOR, "wrong password").status == 401
    assert stranger.sign_in(OPERATOR).status == 429


def test_a_session_that_was_planted_is_never_taken_over(stranger: Browser) -> None:
    stranger.cookies.set("recert-session", "planted-by-somebody-else", domain="127.0.0.1", path="/")
    stranger.sign_in(OPERATOR)
    assert session_of(stranger) not in {"", "planted-by-somebody-else"}
    first = session_of(stranger)
    again = stranger.get("/account")
    assert again.status == 200
    form = stranger.get("/sign-in")
    assert form.url != "/sign-in", "who is signed in is not asked again"
    assert session_of(stranger) == first


def test_idle_and_old_sessions_are_over(
    signed_in: Callable[[str], Browser], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(OPERATOR)
    assert browser.get("/account").url == "/account"
    later = bench.now() + timedelta(minutes=31)
    monkeypatch.setattr(Workbench, "now", lambda _: later)
    assert browser.get("/account").url == "/sign-in?next=%2Faccount"
    assert browser.send(Form("/sign-out", "post")).url == "/sign-in"


def test_what_was_filled_in_while_the_session_ended_is_kept_and_sent_anew(
    stranger: Browser, bench: Workbench, at_gate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.database.write() as connection:
        set_password(connection, APPROVER, PASSWORD, actor="tests", at=NOW)
    stranger.sign_in(APPROVER)
    place = f"/rollouts/{at_gate}/steps/renotify-incomplete"
    form = stranger.get(place).form(f"{place}/answer")
    later = bench.now() + timedelta(hours=1)
    monkeypatch.setattr(Workbench, "now", lambda _: later)
    over = stranger.send(form, decision="approve", comment="<b>long</b> thought\nover")
    assert over.status == 401
    assert "nothing was done" in over.text
    assert rows(bench, approval) == []
    wrong = stranger.send(over.form("/sign-in"), email=APPROVER, password="wrong password")
    again = stranger.send(wrong.form("/sign-in"), email=APPROVER, password=PASSWORD)
    assert "Here is what you filled in" in again.text
    assert rows(bench, approval) == [], "signing in sends nothing by itself"
    assert stranger.send(again.form(f"{place}/answer")).url == f"/rollouts/{at_gate}?said=approved"
    assert [row.comment for row in rows(bench, approval)] == ["<b>long</b> thought\nover"]


def test_nothing_is_sent_anew_to_another_place_and_no_password_is_kept(stranger: Browser) -> None:
    form = stranger.get("/sign-in").form("/sign-in")
    there = stranger.request(
        "POST", "/sign-in", follow=False,
        data={**form.fields, "email": OPERATOR, "password": PASSWORD, "then": "https://evil.example/", "kept:a": "b"},
    )  # fmt: skip
    assert there.response.headers["location"] == "/"
    stranger.cookies.clear()
    lost = stranger.send(
        Form("/account/password", "post"), present=PASSWORD, password="new password", again="new password"
    )
    assert lost.url == "/sign-in"


def test_that_somebody_is_there_keeps_the_session(
    signed_in: Callable[[str], Browser], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, begun = signed_in(OPERATOR), bench.now()
    for minutes in (20, 40, 60):
        monkeypatch.setattr(Workbench, "now", lambda _, minutes=minutes: begun + timedelta(minutes=minutes))
        assert browser.get("/account").url == "/account"


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(
    signed_in: Callable[[str], Browser], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, begun = signed_in(OPERATOR), bench.now()
    for minutes, url in ((20, "/account"), (40, "/sign-in?next=%2Faccount")):
        monkeypatch.setattr(Workbench, "now", lambda _, minutes=minutes: begun + timedelta(minutes=minutes))
        assert browser.get("/account", **{"Sec-Fetch-Dest": "empty"}).url == url


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/nowhere", "/account\r\nX: y", "javascript:1"],
)
def test_signing_in_leads_to_pages_of_ours_only(stranger: Browser, back: str) -> None:
    form = stranger.get("/sign-in").form("/sign-in")
    seen = stranger.request(
        "POST", "/sign-in", data={**form.fields, "email": OPERATOR, "password": PASSWORD, "next": back}, follow=False
    )
    assert seen.response.headers["location"] == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for(stranger: Browser) -> None:
    form = stranger.get("/account").form("/sign-in")
    assert stranger.send(form, email=OPERATOR, password=PASSWORD).url == "/account"


FORGED = [
    {"headers": {"Sec-Fetch-Site": "cross-site"}},
    {"headers": {"Sec-Fetch-Site": "same-site"}},
    {"headers": {"Origin": "https://evil.example"}},
    {"headers": {"Origin": "null"}},
    {"guard": "0" * 64},
    {"guard": ""},
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("path", ["/sign-out", "/sign-in"])
def test_a_form_of_another_site_does_nothing(
    stranger: Browser, bench: Workbench, path: str, forged: dict[str, object]
) -> None:
    form = stranger.get("/sign-in").form("/sign-in")
    if path == "/sign-out":
        stranger.sign_in(OPERATOR)
        form = stranger.get("/account").form("/sign-out")
    before = rows(bench, select(web_session.c.ended_at))
    data = {**form.fields, "email": OPERATOR, "password": PASSWORD, "guard": forged.get("guard", form.fields["guard"])}
    seen = stranger.request("POST", path, data=data, headers=forged.get("headers"), follow=False)
    assert seen.status == 403
    assert rows(bench, select(web_session.c.ended_at)) == before


def test_the_sign_of_one_session_is_no_good_in_another(signed_in: Callable[[str], Browser]) -> None:
    one, other = signed_in(OPERATOR), signed_in(APPROVER)
    assert other.send(one.get("/account").form("/sign-out")).status == 403


def test_a_form_that_is_sent_twice_works_once(stranger: Browser, bench: Workbench) -> None:
    form = stranger.get("/sign-in").form("/sign-in")
    assert stranger.send(form, email=OPERATOR, password=PASSWORD).status == 200
    again = Browser(application(bench))
    again.cookies = stranger.cookies
    again.cookies.delete("recert-session")
    assert again.send(form, email=OPERATOR, password=PASSWORD).status == 409


def test_a_user_changes_their_password_and_every_session_of_theirs_ends(
    signed_in: Callable[[str], Browser], stranger: Browser
) -> None:
    browser, elsewhere = signed_in(OPERATOR), signed_in(OPERATOR)
    new = {"password": "another horse battery", "again": "another horse battery"}
    form = browser.get("/account").form("/account/password")
    assert "present password" in browser.send(form, present="wrong", **new).text
    form = browser.get("/account").form("/account/password")
    assert browser.send(form, present=PASSWORD, **new).url == "/sign-in"
    assert elsewhere.get("/account").url.startswith("/sign-in")
    assert stranger.sign_in(OPERATOR).status == 401
    assert stranger.sign_in(OPERATOR, "another horse battery").status == 200


def test_one_click_signs_in_the_samples_of_a_demo_and_nobody_else(bench: Workbench, cheap_passwords: None) -> None:
    assert cheap_passwords is None
    demo, real = Browser(application(bench, (OPERATOR,))), Browser(application(bench))
    form = demo.get("/sign-in").form("/sign-in/sample")
    assert demo.send(form, email=APPROVER).status == 403
    assert demo.send(demo.get("/sign-in").form("/sign-in/sample")).status == 200
    assert demo.get("/account").status == 200
    asked = real.get("/sign-in")
    assert "demo" not in asked.text
    form = asked.form("/sign-in")
    form.action = "/sign-in/sample"
    assert real.send(form, email=OPERATOR).status == 403
    assert [row.act for row in rows(bench, audit)].count("sign-in") == 1


def filled(path: str) -> str:
    """The path of a thing that is not there: who may not come is turned away before anybody looks for it."""
    return re.sub(r"{.*?}", "77", path)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.method} {place.path}")
def test_every_page_admits_the_roles_of_its_line_and_no_other(
    bench: Workbench, signed_in: Callable[[str], Browser], cheap_passwords: None, place: Place
) -> None:
    assert cheap_passwords is None
    for role in Role:
        email = f"{role}@example.org"
        with bench.database.write() as connection:
            people.add_user(connection, email, role.title(), [role], actor="tests", at=NOW)
        browser = signed_in(email)
        data = {"guard": browser.get("/account").form("/sign-out").fields["guard"], "once": "x" + role}
        seen = browser.request(place.method, filled(place.path), data=data, follow=False, headers={"Origin": HOME})
        turned_away = seen.status == 403 and "takes the role" in seen.text
        admitted = place.roles is None or role in place.roles or (role is Role.ADMIN and Role.VIEWER in place.roles)
        assert turned_away is not admitted, (role, seen.status)
    seen = Browser(application(bench)).request(place.method, filled(place.path), follow=False, data={})
    asked_to_sign_in = seen.response.headers.get("location", "").startswith("/sign-in")
    assert asked_to_sign_in is (place.roles is not None) or seen.status == 403


def test_only_these_pages_are_open_to_strangers() -> None:
    assert {place.path for place in PLACES if place.roles is None} == {"/sign-in", "/sign-in/sample"}


def test_every_answer_carries_the_armour(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in(OPERATOR)
    for path in ("/account", "/sign-in", "/nowhere", "/static/recert.css"):
        headers = browser.get(path).response.headers
        assert HEADERS.items() <= dict(zip([*HEADERS], [headers.get(name) for name in HEADERS], strict=True)).items()
        assert "unsafe" not in headers["Content-Security-Policy"]


def test_a_name_that_is_not_ours_is_turned_away(signed_in: Callable[[str], Browser]) -> None:
    """A page of another site whose name was made to point at this machine reads nothing."""
    browser = signed_in(OPERATOR)
    for name in ("rebound.example:4280", "127.0.0.1.rebound.example", "[", ""):
        assert browser.get("/sign-in", Host=name).status == 421
    for name in ("127.0.0.1:4280", "localhost", "[::1]:4280", "LOCALHOST:1"):
        assert browser.get("/static/icon.svg", Host=name).status == 200


def test_behind_tls_the_cookie_is_bound_to_the_host_and_leaves_by_https_only(
    bench: Workbench, cheap_passwords: None
) -> None:
    assert cheap_passwords is None
    secured = world.on(bench, world.TODAY, public_url="https://recert.example.org")
    with bench.database.write() as connection:
        set_password(connection, OPERATOR, PASSWORD, actor="tests", at=NOW)
    browser = Browser(application(secured))
    asked = browser.request("GET", "/sign-in")
    for header in (asked.response.headers["set-cookie"],):
        assert header.startswith("__Host-recert-form=")
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(header.split("; "))
    assert asked.response.headers["Strict-Transport-Security"]


def test_who_lost_a_role_is_turned_away_at_once(bench: Workbench, signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in(OPERATOR)
    assert browser.get("/account").status == 200
    with bench.database.write() as connection:
        connection.execute(update(web_session).values(ended_at=NOW))
    assert browser.get("/account").url.startswith("/sign-in")


def test_nobody_learns_of_a_fault_more_than_that_there_was_one(
    signed_in: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    browser = signed_in(OPERATOR)
    monkeypatch.setattr(people, "find_user", broken)
    monkeypatch.setattr("console.web.signing_in.page", broken)
    seen = browser.get("/account")
    assert seen.status == 500
    assert "secret" not in seen.text
