from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_first_user_is_added_by_whoever_is_at_the_shell(recert: Callable[..., Any]) -> None:
    ended = recert("users", "add", "ann@example.org", "--name", "Ann", "--roles", "operator,approver")
    assert (ended.code, ended.out) == (0, "ann@example.org (Ann): approver, operator\n")
    assert ended.line.startswith("recert: new database at ")
    assert [act["actor"] for act in recert("audit", "list", "--json").json] == ["shell"]


@pytest.mark.parametrize(
    "words",
    [
        ("--roles", "operator,approver"),
        ("--roles", "operator", "--roles", "approver"),
        ("--roles", "Approver, OPERATOR,"),
    ],
    ids=["with a comma", "repeated", "as people type"],
)
def test_roles_are_given_with_commas_or_by_repeating_the_option(
    recert: Callable[..., Any], words: tuple[str, ...]
) -> None:
    assert recert("users", "add", "ann@example.org", *words).code == 0
    assert recert("users", "list", "--json").json == [
        {"email": "ann@example.org", "name": "ann@example.org", "roles": ["approver", "operator"], "disabled": False}
    ]


def test_a_person_is_changed_disabled_and_let_in_again(at_work: Callable[..., Any]) -> None:
    def ann() -> dict[str, object]:
        return dict(at_work("users", "list", "--json").json[0])

    assert at_work("users", "set", "ANN@example.org", "--name", "Anna", "--roles", "viewer").code == 0
    assert (ann()["name"], ann()["roles"]) == ("Anna", ["viewer"])
    assert at_work("users", "disable", "ann@example.org", "--as", "eve@example.org").out.endswith(", disabled\n")
    assert ann()["disabled"] is True
    assert at_work("users", "enable", "ann@example.org").code == 0
    assert ann()["disabled"] is False
    actors = [act["actor"] for act in at_work("audit", "list", "--act", "change-user", "--json").json]
    assert actors == ["shell", "eve@example.org", "shell"]


def test_who_gets_the_weekly_digest_is_said_by_name_and_listed(at_work: Callable[..., Any]) -> None:
    assert at_work("users", "digest", "--json").json == []
    assert at_work("users", "digest", "ANN@example.org", "on").out.splitlines()[1].startswith("ann@example.org")
    assert at_work("users", "digest", "bob@example.org", "on", "--as", "eve@example.org").code == 0
    assert at_work("users", "digest", "ann@example.org", "off", "--json").json[0]["email"] == "bob@example.org"
    told = at_work("audit", "list", "--act", "ask-for-digest", "--json").json
    assert [(act["actor"], act["detail"]) for act in told] == [
        ("shell", {"weekly_digest": True}), ("eve@example.org", {"weekly_digest": True}),
        ("shell", {"weekly_digest": False}),
    ]  # fmt: skip
    assert at_work("users", "digest", "ann@example.org").line.endswith("recert users digest ann@example.org on")
    assert at_work("users", "digest", "zed@example.org", "on").code == 2


def test_the_list_is_a_table_for_people(at_work: Callable[..., Any]) -> None:
    lines = at_work("users", "list").out.splitlines()
    assert lines[0].split() == ["Email", "Name", "Roles", "Disabled"]
    assert lines[2].split() == ["bob@example.org", "Bob", "approver", "no"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["add", "ann@example.org", "--roles", "viewer"], 2, "is a user already"),
        (["add", "ann", "--roles", "viewer"], 2, "'ann' is not one e-mail address"),
        (
            ["add", "z@example.org", "--roles", "boss"],
            2,
            "no role 'boss'; the roles are viewer, operator, approver, admin",
        ),
        (["add", "z@example.org", "--roles", ","], 2, "at least one role"),
        (
            ["add", "z@example.org", "--roles", "admin", "--as", "bob@example.org"],
            3,
            "bob@example.org lacks the role admin",
        ),
        (["set", "ann@example.org"], 2, "give --name or --roles"),
        (["set", "z@example.org", "--name", "Z"], 2, "'z@example.org' is no user here"),
        (["disable", "z@example.org"], 2, "is no user here"),
        (["disable", "ann@example.org", "--as", "nobody@example.org"], 3, "'nobody@example.org' is no user here"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    at_work: Callable[..., Any], words: list[str], code: int, says: str
) -> None:
    before = at_work("users", "list", "--json").out
    ended = at_work("users", *words)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.line
    assert at_work("users", "list", "--json").out == before


def test_a_password_is_read_from_the_standard_input_and_never_shown(
    at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    done = at_work("users", "password", "ann@example.org", "--stdin")
    assert done.code == 0
    assert "horse" not in done.out + done.err
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert at_work("users", "password", "ann@example.org", "--stdin").code == 2
    assert "--stdin" in at_work("users", "password", "ann@example.org").line


def test_a_password_is_asked_for_twice(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["correct horse battery", "correct horse batterx", "correct horse battery", "correct horse battery"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("console.users_commands.getpass", lambda _: next(typed))
    assert "differ" in at_work("users", "password", "ann@example.org").line
    assert at_work("users", "password", "ann@example.org").code == 0
