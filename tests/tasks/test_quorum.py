"""More than one approval: who counts, who counts once, and what takes an answer back before it has taken effect."""

from __future__ import annotations

import threading
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from models import people, reviews
from models.errors import GateClosed, ReviewMissing, WrongInput
from models.tables import app_user, approval, assignment
from models.words import Decision, Role, StepSlug, StepState
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.review import AnswerRefused, remind
from tasks.rollouts import reopen_gate
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    Held,
    a_learner,
    answer,
    approve,
    begin,
    code_for,
    count,
    gate_of,
    line,
    mails,
    propose,
    put_into_effect,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RECERTIFY = StepSlug.RECERTIFY_DUE
THIRD = "cy@example.org"
THREE = (APPROVER, SECOND, THIRD)


def in_review(bench: Workbench, needed: int = 2) -> int:
    """A rollout of four, in front of three approvers of whom so many must agree."""
    with writing(bench) as connection:
        people.add_user(connection, THIRD, "Cy", [Role.APPROVER], actor="tests", at=NOW)
        for number in range(1, 5):
            a_learner(connection, number, Held())
    rollout = started(bench, reviews={"steps": [], "approvals_required": needed})
    propose(bench, rollout, RECERTIFY)
    return rollout


def change(bench: Workbench, email: str, **what: Any) -> None:
    with writing(bench) as connection:
        people.change_user(connection, email, actor="tests", at=NOW, **what)


def taken(bench: Workbench) -> dict[str, list[str]]:
    """What became of each approver's answers, oldest first: ``void``, ``consumed`` or ``stands``."""
    query = select(app_user.c.email, approval.c.void_at, approval.c.consumed_at).join(approval).order_by(approval.c.id)
    found: dict[str, list[str]] = {}
    for row in rows(bench, query):
        found.setdefault(row.email, []).append("void" if row.void_at else "consumed" if row.consumed_at else "stands")
    return found


def assigned(bench: Workbench, rollout: int) -> int:
    return count(bench, assignment, assignment.c.rollout_id == rollout)


def refused_to_apply(bench: Workbench, rollout: int, told: str) -> None:
    with pytest.raises(ReviewMissing, match=told):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch)
    assert assigned(bench, rollout) == 0


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_so_many_of_three_must_agree_and_the_last_of_them_closes_the_gate(bench: Workbench, needed: int) -> None:
    rollout = in_review(bench, needed)
    for number, email in enumerate(THREE[:needed], 1):
        verdict = approve(bench, rollout, email)
        assert (verdict.approvals, verdict.required) == (number, needed)
        assert verdict.result == ("approved" if number == needed else "counted")
        if number < needed:
            refused_to_apply(bench, rollout, f"{number} of {needed}")
    assert gate_of(bench, rollout) is None
    put_into_effect(bench, rollout, RECERTIFY)
    assert taken(bench) == {email: ["consumed"] for email in THREE[:needed]}
    assert assigned(bench, rollout) == 4


@pytest.mark.parametrize("order", list(permutations(THREE))[::2])
def test_it_makes_no_difference_who_of_them_agrees(bench: Workbench, order: tuple[str, ...]) -> None:
    rollout = in_review(bench)
    assert [approve(bench, rollout, email).result for email in order[:2]] == ["counted", "approved"]
    with pytest.raises(GateClosed):
        answer(bench, rollout, order[2], code="whatever")


def test_each_exclusion_asks_for_all_approvals_of_the_list_that_is_left(bench: Workbench) -> None:
    rollout = in_review(bench, 3)
    approve(bench, rollout, APPROVER)
    assert approve(bench, rollout, SECOND, exclude=("E1",)).approvals == 1
    assert approve(bench, rollout, THIRD, exclude=("E2",)).approvals == 1
    assert taken(bench) == {APPROVER: ["void"], SECOND: ["void"], THIRD: ["stands"]}
    asked = [to for kind, to, _ in mails(bench) if kind == "review-request"]
    assert {email: asked.count(email) for email in THREE} == {APPROVER: 3, SECOND: 2, THIRD: 2}
    refused_to_apply(bench, rollout, "1 of 3")
    assert [approve(bench, rollout, email).result for email in (SECOND, APPROVER)] == ["counted", "approved"]
    put_into_effect(bench, rollout, RECERTIFY)
    assert [line(bench, rollout, RECERTIFY, number).outcome for number in (1, 2, 3, 4)] == [
        *["skip-excluded"] * 2,
        *["recertify"] * 2,
    ]
    assert assigned(bench, rollout) == 2


def test_who_excludes_as_the_last_one_has_approved_the_new_list_alone(bench: Workbench) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    assert approve(bench, rollout, SECOND, exclude=("E1",)).result == "counted"
    assert step_state(bench, rollout, RECERTIFY) is StepState.IN_REVIEW
    assert approve(bench, rollout, THIRD).result == "approved"
    assert taken(bench) == {APPROVER: ["void"], SECOND: ["stands"], THIRD: ["stands"]}


@pytest.mark.parametrize("loss", [{"disabled": True}, {"roles": [Role.VIEWER]}], ids=["disabled", "role taken"])
def test_who_is_no_approver_any_more_is_not_counted_when_the_next_one_agrees(
    bench: Workbench, loss: dict[str, Any]
) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    change(bench, APPROVER, **loss)
    verdict = approve(bench, rollout, SECOND)
    assert (verdict.result, verdict.approvals) == ("counted", 1)
    assert approve(bench, rollout, THIRD).result == "approved"


@pytest.mark.parametrize("loss", [{"disabled": True}, {"roles": [Role.VIEWER]}], ids=["disabled", "role taken"])
def test_an_approver_lost_before_the_first_chunk_opens_the_gate_again_and_the_others_answers_stand(
    bench: Workbench, loss: dict[str, Any]
) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    approve(bench, rollout, SECOND)
    change(bench, APPROVER, **loss)
    refused_to_apply(bench, rollout, "1 of 2")
    reopen_gate(bench, begin(bench, rollout), RECERTIFY)
    again = approve(bench, rollout, SECOND)
    assert (again.result, again.approvals) == ("counted", 1), "the same person at another opening is the same person"
    assert approve(bench, rollout, THIRD).result == "approved"
    put_into_effect(bench, rollout, RECERTIFY)
    assert taken(bench)[APPROVER] == ["void"]
    assert assigned(bench, rollout) == 4


def test_who_becomes_an_approver_again_must_answer_again(bench: Workbench) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    change(bench, APPROVER, disabled=True)
    change(bench, APPROVER, disabled=False)
    assert approve(bench, rollout, SECOND).result == "counted"
    remind(bench, rollout)
    assert approve(bench, rollout, APPROVER).result == "approved"
    assert taken(bench) == {APPROVER: ["void", "stands"], SECOND: ["stands"]}


def test_an_approver_lost_after_the_first_chunk_has_had_their_say(bench: Workbench) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    approve(bench, rollout, SECOND)

    def loses() -> None:
        change(bench, APPROVER, disabled=True)

    opened = begin(bench, rollout)
    assert apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch, rows=1, after_chunk=loses) == 4
    assert taken(bench) == {APPROVER: ["consumed"], SECOND: ["consumed"]}


@pytest.mark.parametrize("spelling", [APPROVER.upper(), f" {APPROVER} "])
def test_the_same_approver_counts_once_however_their_address_is_written(bench: Workbench, spelling: str) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    with pytest.raises(AnswerRefused, match="answered this review already"):
        answer(bench, rollout, spelling, code=code_for(bench, rollout, APPROVER))
    with pytest.raises(WrongInput, match="already"), writing(bench) as connection:
        people.add_user(connection, spelling, "Another", [Role.APPROVER], actor="tests", at=NOW)
    refused_to_apply(bench, rollout, "1 of 2")


def test_the_database_itself_refuses_a_second_account_of_an_address(bench: Workbench) -> None:
    [row] = rows(bench, select(app_user).where(app_user.c.email == APPROVER))
    twin = {**row._mapping, "id": 999, "email": APPROVER.upper()}
    with pytest.raises(IntegrityError), writing(bench) as connection:
        connection.execute(insert(app_user).values(**twin))


def test_two_people_of_one_name_are_two_people(bench: Workbench) -> None:
    change(bench, SECOND, name="Ava")
    rollout = in_review(bench)
    assert approve(bench, rollout, APPROVER).result == "counted"
    assert approve(bench, rollout, SECOND).result == "approved"


def test_an_approver_who_bears_the_requesters_name_is_not_the_requester(bench: Workbench) -> None:
    change(bench, APPROVER, name="Opal")
    rollout = in_review(bench)
    assert approve(bench, rollout, APPROVER).result == "counted"
    assert approve(bench, rollout, SECOND).result == "approved"


def test_the_requester_who_becomes_an_approver_later_is_neither_asked_nor_counted(bench: Workbench) -> None:
    rollout = in_review(bench)
    approve(bench, rollout, APPROVER)
    change(bench, OPERATOR, roles=[Role.OPERATOR, Role.APPROVER])
    assert OPERATOR not in remind(bench, rollout)
    with pytest.raises(AnswerRefused, match="asked for this rollout"):
        answer(bench, rollout, OPERATOR, code=code_for(bench, rollout, SECOND))
    gate = gate_of(bench, rollout)
    assert gate is not None
    with writing(bench) as connection:  # even were the answer written past all the doors
        requester = people.find_user(connection, OPERATOR)
        assert requester is not None
        reviews.record(
            connection, gate, requester.id, Decision.APPROVE, digest_approved=gate.digest, channel="sql", at=NOW
        )
    refused_to_apply(bench, rollout, "1 of 2")


@pytest.mark.parametrize("again", [False, True], ids=["for good", "for now"])
def test_one_rejection_outweighs_all_approvals_given_so_far(bench: Workbench, *, again: bool) -> None:
    rollout = in_review(bench, 3)
    approve(bench, rollout, APPROVER)
    approve(bench, rollout, SECOND)
    assert answer(bench, rollout, THIRD, Decision.REJECT, again=again).result == ("withdrawn" if again else "rejected")
    assert gate_of(bench, rollout) is None
    with pytest.raises(ReviewMissing):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch)
    if again:
        propose(bench, rollout, RECERTIFY)
        verdicts = [approve(bench, rollout, email) for email in THREE]
        assert [verdict.approvals for verdict in verdicts] == [1, 2, 3], "of the old list nothing counts for the new"
    else:
        assert step_state(bench, rollout, RECERTIFY) is StepState.REJECTED


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
def test_an_answer_on_its_way_while_its_approver_is_disabled_does_not_come_back_with_them(bench: Workbench) -> None:
    # SQLite has one writer: one of the two is over before the other begins
    rollout = in_review(bench, 1)
    code = code_for(bench, rollout, APPROVER)
    said: list[str] = []

    def give() -> None:
        try:
            said.append(answer(bench, rollout, APPROVER, code=code).result)
        except AnswerRefused as error:
            said.append(str(error))

    with writing(bench) as connection:
        people.change_user(connection, APPROVER, disabled=True, actor="tests", at=NOW)
        on_its_way = threading.Thread(target=give)
        on_its_way.start()
        on_its_way.join(0.5)
    on_its_way.join()
    change(bench, APPROVER, disabled=False)
    assert "no enabled approver" in said[0]
    refused_to_apply(bench, rollout, "0 of 1")
