"""Settings that move dates: only what is to come, or everything that exists, by one reviewed list."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from flows.learner_action import walk
from models import choices, ledger, people
from models.audit import entries
from models.errors import NotPermitted, Refused, WrongInput
from models.tables import assignment, certification, certification_before, course, learner, rollout, setting
from models.words import Decision, LeftBecause, Role, RolloutState, StepSlug
from tasks.applying import apply_step
from tasks.automatic_review import propose_left
from tasks.checklist import STEPS
from tasks.duties import do_duties
from tasks.ordering import confirm
from tasks.review_letters import summary
from tasks.settings_orders import place_setting
from tasks.stage import Stage
from tests.imports import Office
from tests.world import (
    APPROVER,
    NOW,
    OPERATOR,
    SECOND,
    TODAY,
    Held,
    PlainConductor,
    a_learner,
    answer,
    approve_all,
    begin,
    carry_out,
    count,
    line,
    lines,
    mails,
    outcomes,
    rollout_state,
    rows,
    started,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.workbench import Workbench

ADMIN = "ada@example.org"
SLUG = StepSlug.RECOMPUTE_DATES
PRIVACY = Held("privacy", course="P-1", completed="2025-01-15", own_on="2027-01-15")


def settle(bench: Workbench, name: str, value: str) -> int:
    """Order that a setting applies to all, and confirm it; return the rollout."""
    with writing(bench) as connection:
        if people.find_user(connection, ADMIN) is None:
            people.add_user(connection, ADMIN, "Ada", [Role.ADMIN], actor="tests", at=NOW)
    placed = place_setting(bench, name, value, ADMIN)
    confirm(bench, placed.rollout_id)
    return placed.rollout_id


def carried_out(bench: Workbench, name: str, value: str) -> int:
    """Let a setting apply to all, approved."""
    rollout_id = settle(bench, name, value)
    approve_all(bench, rollout_id)
    assert walk(Stage(bench, begin(bench, rollout_id), PlainConductor())) is RolloutState.COMPLETED
    return rollout_id


def stored(bench: Workbench, name: str) -> str:
    with bench.database.read() as connection:
        return next(shown.value for shown in choices.show(connection) if shown.name == name)


def dates(bench: Workbench, kind: str = "C-1") -> dict[str, tuple[Any, Any]]:
    """Employee ID → computed day and override of the certification in this course's training type."""
    query = (
        select(learner.c.employee_id, certification.c.computed_on, certification.c.override_on)
        .join_from(certification, learner, learner.c.id == certification.c.learner_id)
        .join(course, course.c.training_type_id == certification.c.training_type_id)
        .where(course.c.code == kind)
    )
    return {row[0]: (row[1], row[2]) for row in rows(bench, query)}


def test_a_new_frequency_alone_moves_nothing_and_the_next_completion_counts_by_it(
    bench: Workbench, tmp_path: Path
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2026-03-01", own_on="2027-03-01"))
    office = Office(bench, tmp_path)
    office.choose("frequency.C-1", "24")
    assert dates(bench) == {"E1": (date(2027, 3, 1), None)}
    office.history("l1@example.com,,C-1,2026-11-01,,2026-11-20,,")
    assert dates(bench) == {"E1": (date(2028, 11, 20), None)}
    with bench.database.read() as connection:
        changed = next(entry for entry in entries(connection) if entry.act == "set-setting")
    assert (changed.subject, changed.detail) == ("setting:frequency.C-1", {"before": "12", "after": "24"})


def test_applied_to_all_every_course_is_counted_anew_and_what_was_set_by_hand_is_lost(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2026-03-01", own_on="2027-03-01"))
        a_learner(connection, 2, Held(completed="2026-03-01", own_on="2027-03-01", override="2026-12-24"))
        # not of the edited course: counted by 18 months once, and by hand
        a_learner(connection, 3, Held("privacy", course="P-1", completed="2025-05-01", own_on="2026-11-01"))
        a_learner(connection, 4, PRIVACY)
        a_learner(connection, 5, Held(open_due="2026-12-18"))
        a_learner(connection, 6, Held(), archived_at=NOW)
        a_learner(connection, 7, Held(completed=None, own_on=None))
    rollout_id = settle(bench, "frequency.C-1", "24")
    assert outcomes(bench, rollout_id)[SLUG] == {
        "recompute": 3, "skip-unchanged": 1, "skip-open-assignment": 1, "skip-archived": 1,
    }  # fmt: skip
    before = dates(bench)
    assert stored(bench, "frequency.C-1") == "12"
    approve_all(bench, rollout_id)
    assert walk(Stage(bench, begin(bench, rollout_id), PlainConductor())) is RolloutState.COMPLETED
    assert stored(bench, "frequency.C-1") == "24"
    moved = {"E1": (date(2028, 3, 1), None), "E2": (date(2028, 3, 1), None)}
    assert dates(bench) == before | moved
    assert dates(bench, "P-1") == {"E3": (date(2027, 5, 1), None), "E4": (date(2027, 1, 15), None)}
    assert line(bench, rollout_id, SLUG, 2).recertification == ("2026-12-24", "2028-03-01")
    [kept] = rows(bench, certification_before)
    assert (kept.override_on, kept.computed_on) == (date(2026, 12, 24), date(2027, 3, 1))
    assert mails(bench) == [(kind, to, state) for kind, to, state in mails(bench) if kind == "review-request"]


@pytest.mark.parametrize(
    ("name", "value", "called"),
    [
        ("frequency.C-1", "1", "Frequency of C-1: every month (was every 12 months), applied to all"),
        ("frequency.C-1", "never", "Frequency of C-1: never (was every 12 months), applied to all"),
        ("date_basis", "assignment", "Dates counted from the assignment (was completion), applied to all"),
    ],
)
def test_the_order_is_called_by_what_it_does(bench: Workbench, name: str, value: str, called: str) -> None:
    rollout_id = settle(bench, name, value)
    with bench.database.read() as connection:
        assert ledger.load(connection, rollout_id).name == called


def test_the_approver_reads_what_is_chosen_and_how_many_move_of_which_course(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2026-03-01", own_on="2027-03-01", override="2027-02-01"))
        a_learner(connection, 2, Held(completed="2026-03-01", own_on="2027-03-01"))
        a_learner(connection, 3, Held("privacy", course="P-1", completed="2025-05-01", own_on="2026-11-01"))
    rollout_id = settle(bench, "frequency.C-1", "6")
    with bench.database.read() as connection:
        whole, steps = ledger.load(connection, rollout_id), ledger.steps(connection, rollout_id)
    assert whole.name == "Frequency of C-1: every 6 months (was every 12 months), applied to all"
    assert summary(steps[SLUG]) == [
        "2 of C-1",
        "1 of P-1",
        "the longest extension is 181 days",
        "2 renew earlier than needed, by up to 181 days",
        "1 has a date that was set by hand, which this replaces",
        "2 become due at once",
    ]


def test_who_becomes_due_by_it_is_proposed_and_not_assigned_by_itself(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(completed="2026-03-01", own_on="2027-03-01"))
    rollout_id = carried_out(bench, "frequency.C-1", "6")
    assert line(bench, rollout_id, SLUG).flags == ["brought-forward", "due-at-once"]
    done = do_duties(bench)
    assert (done.assigned.certifications, dict(done.assigned.left)) == (0, {LeftBecause.DATE_MOVED: 1})
    assert done.proposed is not None
    assert propose_left(bench) is None
    assert count(bench, assignment, assignment.c.completed_on.is_(None)) == 0


def test_a_rejected_setting_is_not_stored(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = settle(bench, "frequency.C-1", "24")
    answer(bench, rollout_id, decision=Decision.REJECT, comment="too long")
    assert walk(Stage(bench, begin(bench, rollout_id), PlainConductor())) is RolloutState.REJECTED
    assert stored(bench, "frequency.C-1") == "12"
    assert dates(bench) == {"E1": (date(2026, 10, 1), None)}


def test_where_nobody_moves_the_setting_is_stored_without_a_review(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = settle(bench, "frequency.C-2", "never")
    assert rollout_state(bench, rollout_id) is RolloutState.COMPLETED
    assert stored(bench, "frequency.C-2") == "never"
    assert mails(bench) == []


def test_a_setting_that_stands_already_can_be_applied_later(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    Office(bench, tmp_path).choose("frequency.C-1", "never")
    carried_out(bench, "frequency.C-1", "never")
    assert dates(bench) == {"E1": (None, None)}


def test_another_basis_counts_from_the_assignment_where_its_day_is_known(bench: Workbench, tmp_path: Path) -> None:
    office = Office(bench, tmp_path)
    office.learners("l1@example.com,,L,One,,,,,,", "l2@example.com,,L,Two,,,,,,")
    office.history("l1@example.com,,P-1,2026-07-21,,2026-11-03,,", "l2@example.com,,P-1,,,2026-11-03,,")
    query = select(certification.c.computed_on).order_by(certification.c.id)
    assert [row[0] for row in rows(bench, query)] == [date(2028, 11, 3)] * 2
    carried_out(bench, "date_basis", "assignment")
    assert [row[0] for row in rows(bench, query)] == [date(2028, 7, 21), date(2028, 11, 3)]
    assert stored(bench, "date_basis") == "assignment"


def test_the_common_day_of_a_running_rollout_stays_and_that_of_an_ended_one_is_lost(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held(own_on="2027-03-01", completed="2026-03-01"))
    running = started(bench, recertify_on=date(2027, 1, 18), align_on=TODAY)
    carry_out(bench, running, StepSlug.VERIFY_COMPLETION, StepSlug.SET_RECERTIFICATION_DATES)
    assert outcomes(bench, settle(bench, "frequency.C-1", "24"))[SLUG] == {"skip-in-rollout": 1}
    assert dates(bench) == {"E1": (date(2027, 3, 1), date(2027, 1, 18))}
    with writing(bench) as connection:
        connection.execute(update(rollout).where(rollout.c.id == running).values(state="completed"))
    rollout_id = carried_out(bench, "frequency.C-1", "24")
    assert line(bench, rollout_id, SLUG).flags == ["date-overridden"]
    assert dates(bench) == {"E1": (date(2028, 3, 1), None)}
    assert rows(bench, select(certification.c.aligned_by))[0][0] is None


def test_what_moved_since_the_review_is_set_aside(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        for number in range(1, 6):
            a_learner(connection, number, Held(completed="2026-03-01", own_on="2027-03-01"))
    rollout_id = settle(bench, "frequency.C-1", "24")
    approve_all(bench, rollout_id)
    office = Office(bench, tmp_path)
    office.history("l1@example.com,,C-1,2026-11-01,,2026-11-20,,", "l2@example.com,,C-1,2026-11-01,2026-12-24,,10,")
    office.learners("l3@example.com,,,,,,,,,inactive")
    with writing(bench) as connection:
        key = select(learner.c.id).where(learner.c.employee_id == "E4").scalar_subquery()
        by_hand = update(certification).where(certification.c.learner_id == key)
        connection.execute(by_hand.values(override_on=date(2026, 12, 1)))
    assert walk(Stage(bench, begin(bench, rollout_id), PlainConductor())) is RolloutState.COMPLETED
    assert outcomes(bench, rollout_id)[SLUG] == {"recompute": 1, "skip-changed-since-review": 4}
    assert dates(bench)["E5"] == (date(2028, 3, 1), None)
    assert dates(bench)["E4"] == (date(2027, 3, 1), date(2026, 12, 1))


def test_a_never_that_was_completed_again_meanwhile_is_not_counted_from_the_older_completion(
    bench: Workbench, tmp_path: Path
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held("safety", course="N-1", completed="2026-01-01", own_on=None))
    rollout_id = settle(bench, "frequency.N-1", "12")
    approve_all(bench, rollout_id)
    Office(bench, tmp_path).history("l1@example.com,,N-1,,,2026-11-20,,")
    walk(Stage(bench, begin(bench, rollout_id), PlainConductor()))
    assert outcomes(bench, rollout_id)[SLUG] == {"skip-changed-since-review": 1}
    assert dates(bench, "N-1") == {"E1": (None, None)}


def test_a_basis_that_was_chosen_meanwhile_makes_the_list_old(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout_id = settle(bench, "frequency.C-1", "24")
    approve_all(bench, rollout_id)
    Office(bench, tmp_path).choose("date_basis", "assignment")
    walk(Stage(bench, begin(bench, rollout_id), PlainConductor()))
    assert outcomes(bench, rollout_id)[SLUG] == {"skip-changed-since-review": 1}


def test_a_choice_between_two_chunks_is_not_overruled_by_the_second(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        for number in (1, 2):
            a_learner(connection, number, Held(completed="2026-03-01", own_on="2027-03-01"))
    rollout_id = settle(bench, "frequency.C-1", "24")
    approve_all(bench, rollout_id)
    office, found = Office(bench, tmp_path), []

    def between() -> None:
        found.append(stored(bench, "frequency.C-1"))
        office.choose("frequency.C-1", "18")

    apply_step(bench, rollout_id, STEPS[SLUG], begin(bench, rollout_id).epoch, rows=1, after_chunk=between)
    assert (found, stored(bench, "frequency.C-1")) == (["24", "18"], "18")
    assert {row.applied for row in lines(bench, rollout_id, SLUG).values()} == {True}


def test_another_default_of_days_leaves_open_assignments_as_they_are(bench: Workbench, tmp_path: Path) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    before = rows(bench, select(assignment).order_by(assignment.c.id))
    Office(bench, tmp_path).choose("default_due_days", "60")
    assert rows(bench, select(assignment).order_by(assignment.c.id)) == before


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("frequency.C-9", "12", r"no course 'C-9' \(did you mean C-"),
        ("frequency.C-1", "0", "frequency.C-1 cannot be '0'; allowed: 1 to 1200 months, or never"),
        ("date_basis", "birth", "allowed: completion, assignment"),
        ("default_due_days", "60", "default_due_days moves no dates"),
    ],
)
def test_what_cannot_be_applied_is_told_in_a_line(bench: Workbench, name: str, value: str, says: str) -> None:
    with pytest.raises(WrongInput, match=says):
        settle(bench, name, value)
    assert count(bench, rollout) == count(bench, setting) == 0


def test_it_takes_an_admin_and_an_approver_besides(bench: Workbench) -> None:
    with pytest.raises(NotPermitted, match="lacks the role admin"):
        place_setting(bench, "frequency.C-1", "24", OPERATOR)
    with writing(bench) as connection:
        for email in (APPROVER, SECOND):
            people.change_user(connection, email, disabled=True, actor="tests", at=NOW)
    with pytest.raises(Refused, match=f"an approver besides {ADMIN}"):
        settle(bench, "frequency.C-1", "24")
