"""Two at once, really at once: whatever comes of it could have come of one after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import and_, func, select

from models import audit, codes, invariants
from models.errors import RecertError
from models.selection import Chosen
from models.tables import approval, assignment, certification
from models.words import Decision, RolloutState, StepSlug, StepState
from tasks import ordering
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.import_files import import_history
from tasks.ordering import Asked
from tasks.resume import resume
from tasks.rollouts import confirm_start, end_rollout, start_rollout
from tasks.undo_order import place_undo
from tests.world import (
    APPROVER,
    OPERATOR,
    SECOND,
    TODAY,
    Held,
    a_learner,
    a_plan,
    answer,
    approve,
    begin,
    code_for,
    count,
    lines,
    propose,
    rollout_state,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.workbench import Workbench

RECERTIFY = StepSlug.RECERTIFY_DUE
TIMES = range(5)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Let them begin at one moment; return what each said, or the class of the error it was refused with."""
    ready, said = threading.Barrier(len(acts)), dict.fromkeys(range(len(acts)))

    def do(number: int, act: Callable[[], Any]) -> None:
        ready.wait()
        try:
            said[number] = act()
        except RecertError as error:
            said[number] = type(error).__name__

    threads = [threading.Thread(target=do, args=each) for each in enumerate(acts)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return list(said.values())


@pytest.fixture
def house(bench: Workbench) -> Workbench:
    with writing(bench) as connection:
        for number in range(1, 7):
            a_learner(connection, number, Held())
    return bench


def whole(bench: Workbench) -> None:
    """Nothing is broken; and make room for the next one."""
    with bench.database.read() as connection:
        assert [each for each in invariants.check(connection) if each.number] == []
        assert audit.verify(connection) is None
    held = and_(assignment.c.completed_on.is_(None), assignment.c.certification_id.is_not(None))
    open_ones = select(func.count()).where(held).group_by(assignment.c.certification_id)
    assert all(row[0] == 1 for row in rows(bench, open_ones))


def in_review(bench: Workbench, needed: int = 1) -> int:
    rollout = started(bench, reviews={"steps": [], "approvals_required": needed})
    propose(bench, rollout, RECERTIFY)
    return rollout


def giving(bench: Workbench, rollout: int, email: str, decision: str = "approve", *exclude: str) -> Callable[[], str]:
    code = code_for(bench, rollout, email)
    return lambda: answer(bench, rollout, email, Decision(decision), code=code, exclude=exclude).result


def test_approving_against_rejecting(house: Workbench) -> None:
    for _ in TIMES:
        rollout = in_review(house)
        said = at_once(giving(house, rollout, APPROVER), giving(house, rollout, SECOND, "reject"))
        assert said in (["approved", "GateClosed"], ["GateClosed", "rejected"])
        assert step_state(house, rollout, RECERTIFY) is (
            StepState.APPROVED if said[0] == "approved" else StepState.REJECTED
        )
        end_rollout(house, rollout, RolloutState.CANCELLED, "tests")
        whole(house)


def test_the_same_approver_twice(house: Workbench) -> None:
    for _ in TIMES:
        rollout = in_review(house, 2)
        give = giving(house, rollout, APPROVER)
        assert sorted(at_once(give, give)) == ["AnswerRefused", "counted"]
        assert step_state(house, rollout, RECERTIFY) is StepState.IN_REVIEW
        end_rollout(house, rollout, RolloutState.CANCELLED, "tests")


def test_approving_against_taking_somebody_out(house: Workbench) -> None:
    for _ in TIMES:
        rollout = in_review(house, 2)
        before = count(house, approval)
        said = at_once(giving(house, rollout, APPROVER), giving(house, rollout, SECOND, "approve", "E1"))
        # Either the plain approval came first and was voided, or it came second with a code that was burnt by then.
        assert said in (["counted", "counted"], ["AnswerRefused", "counted"])
        assert step_state(house, rollout, RECERTIFY) is StepState.IN_REVIEW
        assert count(house, approval) - before == 2 - said.count("AnswerRefused")
        assert approve(house, rollout, APPROVER).result == "approved"
        assert lines(house, rollout, RECERTIFY)["E1", "conduct"].outcome == "skip-excluded"
        end_rollout(house, rollout, RolloutState.CANCELLED, "tests")
        whole(house)


def test_applying_against_an_import_of_completions(house: Workbench) -> None:
    rollout = in_review(house)
    approve(house, rollout)
    file = house.settings.home / "history.csv"
    done = "".join(f"l{number}@example.com,C-1,{TODAY},{TODAY}\n" for number in (2, 4, 6))
    file.write_text(f"Email,Course Code,Assigned Date,Completed Date\n{done}", "utf-8")
    opened = begin(house, rollout)
    said = at_once(
        lambda: apply_step(house, rollout, STEPS[RECERTIFY], opened.epoch, rows=1),
        lambda: len(import_history(house, file).rejected),
    )
    assert said[1] == 0
    found = {key[0]: line for key, line in lines(house, rollout, RECERTIFY).items()}
    assert {found[f"E{number}"].outcome for number in (1, 3, 5)} == {"recertify"}
    assert {line.outcome for line in found.values()} <= {"recertify", "skip-changed-since-review"}
    applied = [line for line in found.values() if line.applied]
    assert said[0] == len(applied) == count(house, assignment, assignment.c.rollout_id == rollout)
    # who was assigned first completed that very assignment; who completed first has moved on and was left alone
    still_open = count(house, assignment, assignment.c.completed_on.is_(None))
    assert still_open == 3
    whole(house)


def test_cancelling_against_applying(house: Workbench) -> None:
    for _ in range(3):
        rollout = in_review(house)
        approve(house, rollout)
        opened = begin(house, rollout)
        said = at_once(
            lambda opened=opened, rollout=rollout: apply_step(house, rollout, STEPS[RECERTIFY], opened.epoch, rows=1),
            lambda rollout=rollout: end_rollout(house, rollout, RolloutState.CANCELLED, "tests"),
        )
        assert said[1] is True
        made = count(house, assignment, assignment.c.rollout_id == rollout)
        assert said[0] in ("LeaseLost", made)
        assert sum(line.applied for line in lines(house, rollout, RECERTIFY).values()) == made
        assert rollout_state(house, rollout) is RolloutState.CANCELLED
        whole(house)
        if made:
            return


def test_two_passes_of_one_rollout(house: Workbench) -> None:
    rollout = in_review(house)
    approve(house, rollout)

    def go() -> int:
        return apply_step(house, rollout, STEPS[RECERTIFY], begin(house, rollout).epoch, rows=1)

    said = at_once(go, go)
    assert [each for each in said if each != "LeaseLost"], "one of them comes to the end"
    assert count(house, assignment, assignment.c.rollout_id == rollout) == 6
    assert all(line.applied for line in lines(house, rollout, RECERTIFY).values())
    whole(house)


def test_resuming_a_failed_rollout_against_starting_another(house: Workbench) -> None:
    for _ in TIMES:
        first = started(house)
        end_rollout(house, first, RolloutState.FAILED, "upkeep")
        said = at_once(
            lambda first=first: resume(house, first, OPERATOR), lambda: start_rollout(house, a_plan(), OPERATOR)
        )
        assert said.count("AlreadyRunning") == 1
        whole(house)
        if said[0] is None:
            end_rollout(house, first, RolloutState.CANCELLED, "tests")
        else:
            end_rollout(house, said[1], RolloutState.CANCELLED, "tests")


def test_resuming_loses_in_one_line_to_a_start_that_came_between_its_look_and_its_write(
    house: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = started(house)
    end_rollout(house, first, RolloutState.FAILED, "upkeep")
    started(house)
    monkeypatch.setattr("models.lifecycle.refuse_second", lambda connection, types: None)  # noqa: ARG005
    with pytest.raises(RecertError, match="just now"):
        resume(house, first, OPERATOR)
    assert rollout_state(house, first) is RolloutState.FAILED


def test_a_start_that_is_confirmed_after_its_end_stays_ended(house: Workbench) -> None:
    rollout = start_rollout(house, a_plan(), OPERATOR, confirmed=False)
    end_rollout(house, rollout, RolloutState.CANCELLED, "tests")
    assert not confirm_start(house, rollout, codes.start_code(house.key, rollout, 0))
    assert rollout_state(house, rollout) is RolloutState.CANCELLED
    assert started(house)
    whole(house)


def test_taking_one_rollout_back_twice(house: Workbench) -> None:
    query = select(certification).order_by(certification.c.id)
    before = [row[:-2] for row in rows(house, query)]
    for _ in range(3):
        placed = ordering.place(house, Asked(StepSlug.RECERTIFY, Chosen(everybody=True)), OPERATOR)
        ordering.confirm(house, placed.rollout_id)
        assert ordering.carry_out(house, placed.rollout_id) == 6
        undos = [place_undo(house, placed.rollout_id, OPERATOR).rollout_id for _ in range(2)]
        for each in undos:
            ordering.confirm(house, each)
        said = at_once(*(lambda each=each: ordering.carry_out(house, each) for each in undos))
        assert sum(said) == 6, "each line is taken back by one of them"
        assert [row[:-2] for row in rows(house, query)] == before
        withdrawn = assignment.c.certification_id.is_(None)
        assert count(house, assignment, assignment.c.completed_on.is_(None), ~withdrawn) == 0
        whole(house)
