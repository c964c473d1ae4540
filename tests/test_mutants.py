"""The tests that hold the guarantees notice their loss: each fault of ``mutants.py`` lets the named ones fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import MUTANTS

ROOT = Path(__file__).parent.parent
APPLYING, QUORUM, REVIEW = "tests/tasks/test_applying.py", "tests/tasks/test_quorum.py", "tests/tasks/test_review.py"
AUTOMATIC = "tests/tasks/test_automatic.py"
NOTICED_BY = {
    "without-the-unique-key": [f"{APPLYING}::test_the_database_itself_refuses_a_cycle_assigned_twice[sqlite]"],
    "without-the-digest-check": [
        f"{APPLYING}::test_a_list_that_was_tampered_with_after_its_approval_is_not_applied[sqlite]",
        f"{APPLYING}::test_a_mail_whose_words_changed_after_the_approval_is_approved_anew_with_its_own_digest[sqlite]",
    ],
    "without-the-epoch": [
        f"{APPLYING}::test_an_orphan_writes_nothing[sqlite]",
        f"{APPLYING}::test_an_orphan_stops_at_the_next_chunk[sqlite]",
    ],
    "by-display-name": [
        f"{QUORUM}::test_two_people_of_one_name_are_two_people[sqlite]",
        f"{QUORUM}::test_an_approver_who_bears_the_requesters_name_is_not_the_requester[sqlite]",
    ],
    "by-the-machines-day": ["tests/tasks/test_workbench.py::test_the_business_day_is_the_organisations_own"],
    "without-the-values-before": [
        f"tests/tasks/test_recertify_due.py::{name}[sqlite-{drift}]"
        for name in ("test_who_moved_on_since_the_review_is_left_as_they_are_and_the_others_are_assigned",)
        for drift in ("_is_archived", "_date_changes", "_course_changes")
    ],
    "consuming-by-itself": [f"{APPLYING}::test_a_chunk_that_breaks_leaves_nothing_of_itself[sqlite]"],
    "without-voiding": [
        f"{REVIEW}::test_an_exclusion_voids_earlier_approvals_and_new_codes_are_mailed[sqlite]",
        f"{QUORUM}::test_each_exclusion_asks_for_all_approvals_of_the_list_that_is_left[sqlite]",
    ],
    "on-the-day-of-completion": [
        f"{AUTOMATIC}::test_who_completed_with_a_date_that_is_past_already_is_assigned_on_the_next_day[sqlite]"
    ],
    "without-the-months-end": [
        "tests/models/test_dates.py::test_months_are_the_same_in_sql[sqlite]",
        f"{AUTOMATIC}::test_an_anniversary_of_a_leap_day_is_due_on_the_last_of_february[sqlite]",
    ],
    "back-without-a-word": ["tests/tasks/test_actions.py::test_archive_and_unarchive_change_no_date[sqlite]"],
}


def test_every_mutant_has_tests_that_notice_it() -> None:
    assert set(NOTICED_BY) == set(MUTANTS)


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """Mutant → what pytest says of the tests that must notice it."""
    words = [sys.executable, "-c", "from tests import mutants; mutants.try_each()"]
    ended = subprocess.run(words, check=False, cwd=ROOT, input=json.dumps(NOTICED_BY), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize("mutant", NOTICED_BY)
def test_a_guarantee_that_is_taken_away_is_missed_by_name(said: dict[str, str], mutant: str) -> None:
    failed = re.findall(r"^FAILED (\S+)", said[mutant], re.MULTILINE)
    assert sorted(failed) == sorted(NOTICED_BY[mutant]), said[mutant]
