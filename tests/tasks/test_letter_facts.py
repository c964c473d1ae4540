"""What a letter is given is what ``mail.facts`` declares for its kind: no wording is promised what does not come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from mail.facts import KINDS, cleaned
from models import people
from models.selection import Chosen
from models.tables import assignment, message
from models.words import StepSlug
from tasks import ordering
from tasks.gates import expire_gates
from tasks.letters import Letters
from tasks.ordering import Asked
from tasks.reminders import remind
from tasks.rollouts import ask_confirmation, open_rollout
from tasks.undo_order import place_undo
from tasks.weekly_digest import queue_digests
from tests.world import NOW, OPERATOR, Held, a_learner, a_plan, carry_out, on, propose, rows, started, writing

if TYPE_CHECKING:
    from tasks.workbench import Workbench

ABOUT_DUE_DATES = {"reminder", "escalation", "escalation-resolved"}
STEPS = {"renotification": StepSlug.RENOTIFY_INCOMPLETE, "recertification": StepSlug.RECERTIFY_DUE}


def paths(facts: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The facts' names as the declaration writes them: ``learner.first_name``, ``courses[].title``, ``counts[]``."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from paths(value, f"{before}{name}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            yield from paths(value[0], f"{before}{name}[].")
        else:
            yield f"{before}{name}[]" if isinstance(value, list | tuple) else f"{before}{name}"


def reminded(bench: Workbench, kind: str) -> Workbench:
    """Make one mail about a Due Date due; of its kind, since the others have been sent."""
    past_due = on(bench, "2026-11-01")
    remind(past_due)
    if kind == "escalation-resolved":
        with writing(bench) as connection:
            connection.execute(update(message).values(state="sent", sent_at=NOW))
            connection.execute(update(assignment).values(completed_on=NOW.date(), progress=100))
        remind(past_due)
    return past_due


def digested(bench: Workbench) -> Workbench:
    """Make a digest due that has something in each of its parts."""
    with writing(bench) as connection:
        people.ask_for_digest(connection, OPERATOR, wanted=True, actor="tests", at=NOW)
        a_learner(connection, 3, Held(own_on="2026-11-10"), email=None, email_key=None)
    past_due = on(bench, "2026-11-05")
    assert queue_digests(past_due) == 1
    return past_due


def assigned(bench: Workbench) -> Workbench:
    """Assign a course."""
    placed = ordering.place(bench, Asked(StepSlug.ASSIGN, Chosen(who=("E1",)), course="C-1"), OPERATOR)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    return bench


def taken_back(bench: Workbench) -> Workbench:
    """Assign a course, tell of it, and take it back."""
    [rollout_id] = {
        row.rollout_id for row in rows(assigned(bench), select(message).where(message.c.kind == "assignment"))
    }
    with writing(bench) as connection:
        connection.execute(update(message).values(state="sent", sent_at=NOW))
    placed = place_undo(bench, rollout_id, OPERATOR, tell=True)
    ordering.confirm(bench, placed.rollout_id)
    ordering.carry_out(bench, placed.rollout_id)
    return bench


MAKERS = {"digest": digested, "assignment": assigned, "retraction": taken_back}


def mail_of(bench: Workbench, kind: str) -> Workbench:
    """Make one mail of *kind* due; return the bench of that day."""
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
        a_learner(connection, 2, Held(open_due="2026-10-31"), manager_email="boss@example.org")
    if kind in MAKERS:
        return MAKERS[kind](bench)
    if kind in ABOUT_DUE_DATES:
        return reminded(bench, kind)
    if kind == "start-confirmation":
        ask_confirmation(bench, open_rollout(bench, a_plan(), OPERATOR, "", "run-1"))
        return bench
    rollout = started(bench)
    if kind in STEPS:
        carry_out(bench, rollout, STEPS[kind])
        return bench
    propose(bench, rollout, StepSlug.RECERTIFY_DUE)
    if kind == "review-request":
        return bench
    later = on(bench, "2026-12-01")
    expire_gates(later)
    return later


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_is_given_what_is_declared_for_its_kind(
    bench: Workbench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, Any]] = []
    monkeypatch.setattr("mail.letters.cleaned", lambda facts: cleaned(given.append(facts) or facts))
    later = mail_of(bench, kind)
    keys = [row.id for row in rows(later, select(message.c.id).where(message.c.kind == kind))]
    assert keys

    with writing(later) as connection:
        parcels = Letters(later).render(connection, keys)

    assert len(parcels) == len(keys)
    for facts in given:
        assert sorted(paths(facts)) == sorted(variable.path for variable in KINDS[kind])
