"""The first beat: a line for everybody, one fingerprint, and the same list whoever asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import ledger
from models.tables import audit, certification, exclusion, rollout_item
from models.words import CHANGING, Outcome, StepSlug, flag_slugs
from tasks import proposing
from tasks.checklist import STEPS
from tasks.proposing import head
from tasks.wording import OUTCOME_WORDS
from tests.world import (
    CHECKLIST_SLUGS,
    TODAY,
    Held,
    a_learner,
    a_plan,
    carry_out,
    count,
    lines,
    propose,
    rows,
    started,
    step_record,
    ten_learners,
    writing,
)

if TYPE_CHECKING:
    from tasks.workbench import Workbench

AUDIENCE_WIDE = [slug for slug in CHECKLIST_SLUGS if slug is not StepSlug.NOTIFY_LEARNERS]


@pytest.mark.parametrize("slug", AUDIENCE_WIDE)
def test_every_certification_of_the_audience_has_exactly_one_line(bench: Workbench, slug: StepSlug) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout = started(bench)
    propose(bench, rollout, slug)
    found = lines(bench, rollout, slug)
    assert len(found) == count(bench, certification) == count(bench, rollout_item)
    proposal = step_record(bench, rollout, slug).proposal
    assert proposal is not None
    assert sum(proposal.counts.values()) == len(found)
    for each in found.values():
        if each.outcome not in CHANGING:
            assert each.flags == []
            for before, after in (each.due, each.recertification, each.course):
                assert before == after


def test_a_proposal_is_one_act_with_its_digest_and_counts(bench: Workbench) -> None:
    with writing(bench) as connection:
        ten_learners(connection)
    rollout = started(bench)
    propose(bench, rollout, StepSlug.RENOTIFY_INCOMPLETE)
    record = step_record(bench, rollout, StepSlug.RENOTIFY_INCOMPLETE)
    assert record.proposal is not None
    assert (record.proposal.round, record.proposal.proposed_on) == (1, TODAY)
    [act] = rows(bench, select(audit.c.detail).where(audit.c.act == "propose"))
    assert record.proposal.digest in act.detail
    assert '"renotify":1' in act.detail


def test_the_digest_is_of_this_step_of_this_rollout_under_this_plan_with_these_letters(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    step = STEPS[StepSlug.RECERTIFY_DUE]
    rollout = started(bench)
    with bench.database.read() as connection:
        one = ledger.load(connection, rollout)
        heads = {
            "as it is": head(connection, one, step),
            "step": head(connection, one, STEPS[StepSlug.NOTIFY_LEARNERS]),
            "rollout": head(connection, replace(one, id=one.id + 1), step),
            "plan": head(connection, replace(one, plan=a_plan(due_in_days=31)), step),
        }
        same = replace(one, heartbeat_at=None, epoch=9, flow_run_id="run")
        assert head(connection, same, step) == heads["as it is"]
        monkeypatch.setattr(proposing, "template_version", "v{}".format)
        heads["letters"] = head(connection, one, step)
    assert len(set(heads.values())) == len(heads)


def test_who_the_plan_excludes_may_be_imported_after_the_start(bench: Workbench) -> None:
    with writing(bench) as connection:
        a_learner(connection, 1, Held())
    rollout = started(bench, audience={"exclude": ["L2@example.com", "E3"]})
    carry_out(bench, rollout, StepSlug.VERIFY_COMPLETION)
    with writing(bench) as connection:
        a_learner(connection, 2, Held())
        a_learner(connection, 3, Held())
    propose(bench, rollout, StepSlug.RECERTIFY_DUE)
    found = {key[0]: each.outcome for key, each in lines(bench, rollout, StepSlug.RECERTIFY_DUE).items()}
    assert found == {"E1": "recertify", "E2": "skip-excluded", "E3": "skip-excluded"}
    assert [row.excluded_by for row in rows(bench, exclusion)] == ["plan", "plan"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_words(outcome: Outcome) -> None:
    assert OUTCOME_WORDS[outcome]


def test_flags_are_told_in_their_fixed_order() -> None:
    assert flag_slugs(127) == [
        "no-email", "course-changed", "date-overridden", "already-due", "would-lapse", "brought-forward",
        "new-since-start",
    ]  # fmt: skip
    assert flag_slugs(0) == []
