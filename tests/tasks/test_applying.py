"""The third beat: chunks, leases, approvals; nothing twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from models import audit as chain
from models.errors import LeaseLost, ReviewMissing
from models.tables import approval, assignment, audit, certification, learner, message_line, rollout_item
from models.words import RolloutState, StepSlug, StepState
from tasks import proposing
from tasks.applying import apply_step
from tasks.checklist import STEPS
from tasks.rollouts import close_step, end_rollout, reopen_gate
from tests.query_plans import query_plans
from tests.world import (
    NOW,
    Held,
    a_learner,
    approve,
    begin,
    carry_out,
    count,
    gate_of,
    lines,
    mails,
    outcomes,
    propose,
    rows,
    started,
    step_state,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

RECERTIFY, SET = StepSlug.RECERTIFY_DUE, StepSlug.SET_RECERTIFICATION_DATES


def approved(bench: Workbench, number: int = 7, **plan: Any) -> int:
    """A rollout of so many learners with two certifications each, whose renewal is approved."""
    with writing(bench) as connection:
        for each in range(1, number + 1):
            a_learner(connection, each, Held(), Held("privacy", course="P-1"))
    rollout = started(bench, **plan)
    propose(bench, rollout, RECERTIFY)
    approve(bench, rollout)
    return rollout


def assigned(bench: Workbench, rollout: int) -> int:
    return count(bench, assignment, assignment.c.rollout_id == rollout)


@pytest.mark.parametrize("size", [1, 3, 14, 20_000])
def test_however_large_the_chunks_are_everything_is_done_once(bench: Workbench, size: int) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    chunks: list[int] = []
    done = apply_step(
        bench,
        rollout,
        STEPS[RECERTIFY],
        opened.epoch,
        rows=size,
        after_chunk=lambda: chunks.append(assigned(bench, rollout)),
    )
    assert done == assigned(bench, rollout) == 14
    assert chunks == sorted(set(chunks)), "each chunk is a commit of its own"
    assert len(chunks) == {1: 7, 3: 4, 14: 1, 20_000: 1}[size], "whole learners only"
    assert count(bench, message_line) == 14
    assert [mail[0] for mail in mails(bench)].count("recertification") == 7


def test_who_moved_on_is_found_by_keys_however_many_courses_and_learners_there_are(bench: Workbench) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    with query_plans(bench.database) as plans:
        apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    looked = [plan for statement, plan in plans if "standing" in statement]
    assert bool(looked) is bench.database.is_sqlite
    for plan in looked:
        assert any("SEARCH origin USING INTEGER PRIMARY KEY" in step for step in plan)
        assert not any(step.startswith("SCAN") and step != "SCAN chain" for step in plan)


def test_run_again_it_does_nothing(bench: Workbench) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    assert apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch) == 14
    before = rows(bench, select(assignment).order_by(assignment.c.id))
    assert apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch) == 0
    assert rows(bench, select(assignment).order_by(assignment.c.id)) == before
    assert count(bench, audit, audit.c.act == "apply-chunk") == 1


def test_stopped_in_between_another_process_goes_on_where_it_stopped(bench: Workbench) -> None:
    rollout = approved(bench)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch, rows=4, after_chunk=stop)
    assert assigned(bench, rollout) == 4
    assert apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch, rows=4) == 10
    assert assigned(bench, rollout) == 14


def test_a_chunk_that_breaks_leaves_nothing_of_itself(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = approved(bench)

    def break_off(chunk: Any) -> None:
        assert chunk.upto
        raise RuntimeError("the machine stumbled")

    monkeypatch.setattr("tasks.applying.mark_applied", break_off)
    with pytest.raises(RuntimeError, match="stumbled"):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch)
    assert assigned(bench, rollout) == 0
    assert not any(each.applied for each in lines(bench, rollout, RECERTIFY).values())
    assert count(bench, approval, approval.c.consumed_at.is_not(None)) == 0, "its approval is there for another try"


def test_an_orphan_writes_nothing(bench: Workbench) -> None:
    rollout = approved(bench)
    orphan = begin(bench, rollout)
    begin(bench, rollout)
    with pytest.raises(LeaseLost):
        apply_step(bench, rollout, STEPS[RECERTIFY], orphan.epoch)
    assert assigned(bench, rollout) == 0


def test_an_orphan_stops_at_the_next_chunk(bench: Workbench) -> None:
    rollout = approved(bench)
    orphan = begin(bench, rollout)
    with pytest.raises(LeaseLost):
        apply_step(
            bench, rollout, STEPS[RECERTIFY], orphan.epoch, rows=2, after_chunk=lambda: begin(bench, rollout) and None
        )
    assert assigned(bench, rollout) == 2


def test_a_rollout_that_has_ended_writes_nothing(bench: Workbench) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    end_rollout(bench, rollout, RolloutState.CANCELLED, "tests")
    with pytest.raises(LeaseLost):
        apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    assert assigned(bench, rollout) == 0


def test_without_an_approval_nothing_is_written(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = started(bench)
    propose(bench, rollout, RECERTIFY)
    with pytest.raises(ReviewMissing, match="0 of 1"):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch)
    with pytest.raises(ReviewMissing, match="nothing is proposed"):
        apply_step(bench, rollout, STEPS[SET], begin(bench, rollout).epoch)
    assert assigned(bench, rollout) == 0


def test_a_list_that_was_tampered_with_after_its_approval_is_not_applied(bench: Workbench) -> None:
    rollout = approved(bench)
    with writing(bench) as connection:
        someone = select(learner.c.id).where(learner.c.employee_id == "E1").scalar_subquery()
        mine = (rollout_item.c.learner_id == someone) & (rollout_item.c.outcome == "recertify")
        connection.execute(update(rollout_item).where(mine).values(due_after=NOW.date()))
    with pytest.raises(ReviewMissing):
        apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch)
    assert assigned(bench, rollout) == 0


def test_a_mail_whose_words_changed_after_the_approval_is_approved_anew_with_its_own_digest(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = approved(bench)
    monkeypatch.setattr(proposing, "template_version", "another {}".format)
    opened = begin(bench, rollout)
    with pytest.raises(ReviewMissing):
        apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    reopen_gate(bench, opened, RECERTIFY)
    gate = gate_of(bench, rollout)
    assert gate is not None
    assert gate.digest == gate.digest_now
    approve(bench, rollout)
    assert apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch) == 14


def test_an_approval_is_consumed_with_the_first_chunk_and_holds_for_the_rest(bench: Workbench) -> None:
    from models import people
    from tests.world import APPROVER

    rollout = approved(bench)

    def the_approver_leaves() -> None:
        with writing(bench) as connection:
            people.change_user(connection, APPROVER, disabled=True, actor="tests", at=NOW)

    opened = begin(bench, rollout)
    assert apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch, rows=2, after_chunk=the_approver_leaves) == 14


def test_every_chunk_is_one_act_of_the_audit(bench: Workbench) -> None:
    rollout = approved(bench)
    apply_step(bench, rollout, STEPS[RECERTIFY], begin(bench, rollout).epoch, rows=8)
    with bench.database.read() as connection:
        acts = [entry for entry in chain.entries(connection) if entry.act == "apply-chunk"]
        assert chain.verify(connection) is None
    assert [entry.detail["applied"] for entry in acts] == [8, 6]
    assert {entry.actor for entry in acts} == {f"rollout {rollout}"}
    assert len({entry.detail["digest"] for entry in acts}) == 1


def test_a_step_that_is_closed_counts_what_was_done(bench: Workbench) -> None:
    rollout = approved(bench)
    with writing(bench) as connection:
        connection.execute(update(learner).where(learner.c.employee_id == "E1").values(archived_at=NOW))
    opened = begin(bench, rollout)
    apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    close_step(bench, opened, RECERTIFY)
    assert step_state(bench, rollout, RECERTIFY) is StepState.APPLIED
    assert outcomes(bench, rollout)[RECERTIFY] == {"recertify": 12, "skip-changed-since-review": 2}


def test_the_database_itself_refuses_a_cycle_assigned_twice(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    [done] = rows(bench, assignment)
    values = {name: value for name, value in done._mapping.items() if name != "id"}
    with pytest.raises(IntegrityError), writing(bench) as connection:
        connection.execute(insert(assignment).values(**values))


def test_two_processes_at_once_assign_nobody_twice(bench: Workbench) -> None:
    rollout = approved(bench, number=12)
    epoch, ready, told = begin(bench, rollout).epoch, threading.Barrier(2), []

    def work() -> None:
        ready.wait()
        told.append(apply_step(bench, rollout, STEPS[RECERTIFY], epoch, rows=2))

    both = [threading.Thread(target=work) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sum(told) == assigned(bench, rollout) == 24
    assert count(bench, assignment, assignment.c.completed_on.is_(None)) == 24


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
def test_a_change_that_commits_while_a_chunk_waits_for_it_is_seen(bench: Workbench) -> None:
    # SQLite has one writer: nobody can come in between there
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held())
    rollout = started(bench)
    propose(bench, rollout, SET)
    approve(bench, rollout)
    opened = begin(bench, rollout)
    worker = threading.Thread(target=apply_step, args=(bench, rollout, STEPS[SET], opened.epoch))
    with writing(bench) as connection:
        mine = select(certification.c.id).join(learner).where(learner.c.employee_id == "E1").scalar_subquery()
        changed = {"override_on": NOW.date().replace(year=2030), "override_by": "hand"}
        connection.execute(update(certification).where(certification.c.id == mine).values(**changed))
        worker.start()
        worker.join(0.3)
        assert worker.is_alive(), "it waits"
    worker.join()
    found = {key[0]: each.outcome for key, each in lines(bench, rollout, SET).items()}
    assert found == {"E1": "skip-changed-since-review", "E2": "set-date-extends"}
    assert {row.override_by for row in rows(bench, certification)} == {"hand", f"rollout {rollout}"}


def test_a_heartbeat_is_written_with_each_chunk(bench: Workbench) -> None:
    rollout = approved(bench)
    opened = begin(bench, rollout)
    with bench.database.read() as connection:
        from models import ledger

        before = ledger.load(connection, rollout).heartbeat_at
    apply_step(bench, rollout, STEPS[RECERTIFY], opened.epoch)
    with bench.database.read() as connection:
        after = ledger.load(connection, rollout).heartbeat_at
    assert before is not None
    assert after is not None
    assert after > before


def test_steps_that_nobody_reviews_need_no_approval(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = started(bench, reviews={"steps": []})
    propose(bench, rollout, SET)
    assert step_state(bench, rollout, SET) is StepState.APPROVED
    assert apply_step(bench, rollout, STEPS[SET], begin(bench, rollout).epoch) == 1
    carry_out(bench, rollout, RECERTIFY)
    assert assigned(bench, rollout) == 1
