"""The floor of the engine bench: a whole rollout as bare SQL for this one plan, with the same rows in the ledger.

What it leaves out is what makes it safe: it looks at no lease and no approval, checks nothing twice, takes a step's lines
in one go, and is wrong as soon as two do it at once. Afterwards its database holds the same rows as ours.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from models.database import Database
from models.words import StepSlug
from tests.bench.organisation import TODAY

DUE_ON = TODAY + timedelta(days=25)
DUE_IN_DAYS = 30
TOKEN = "0123456789abcdef"
ITEM = """INSERT INTO rollout_item (proposal_id, learner_id, training_type_id, certification_id, outcome, flags, due_before,
    due_after, recertification_before, recertification_after, course_before, course_after, assignment_id)
"""
STANDING = """FROM certification AS c JOIN learner AS l ON l.id = c.learner_id
LEFT JOIN assignment AS o ON o.certification_id = c.id AND o.completed_on IS NULL
LEFT JOIN course AS k ON k.id = coalesce(c.next_course_id, c.course_id)
LEFT JOIN exclusion AS x ON x.rollout_id = 1 AND x.learner_id = l.id AND x.released_at IS NULL
"""
FIRST = """LEFT JOIN rollout_item AS f ON f.proposal_id = 1 AND f.learner_id = c.learner_id
    AND f.training_type_id = c.training_type_id
"""
WHOSE = "WHERE c.training_type_id = 1 ORDER BY c.learner_id, c.training_type_id"
BARRED = "WHEN l.archived_at IS NOT NULL THEN 'skip-archived' WHEN x.learner_id IS NOT NULL THEN 'skip-excluded'"
IS_NEW = "CASE WHEN f.learner_id IS NULL THEN 64 ELSE 0 END"
NO_EMAIL = "CASE WHEN l.email IS NULL THEN 1 ELSE 0 END"
OWN = "coalesce(c.override_on, c.computed_on)"
SHOWN = f"CASE WHEN o.id IS NULL THEN {OWN} END"
TO_COME = "CASE WHEN k.retired_on <= {today} THEN k.successor_id ELSE k.id END"

PROPOSE = {
    StepSlug.VERIFY_COMPLETION: f"""
WITH line AS (SELECT c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN o.id IS NOT NULL THEN 'open-assignment' WHEN c.completed_on IS NOT NULL THEN 'completed'
        ELSE 'skip-never-completed' END AS outcome,
    o.due_on, {SHOWN} AS shown, CASE WHEN o.id IS NULL THEN {TO_COME} ELSE c.course_id END AS course, o.id AS open_id
    {STANDING} {WHOSE})
SELECT 1, learner_id, training_type_id, id, outcome, 0, due_on, due_on, shown, shown, course, course, open_id FROM line
""",
    StepSlug.RENOTIFY_INCOMPLETE: f"""
WITH line AS (SELECT c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN o.due_on >= {{due}} THEN 'renotify-keep-due' WHEN o.id IS NOT NULL THEN 'renotify'
        WHEN c.completed_on IS NOT NULL THEN 'completed' ELSE 'skip-never-completed' END AS outcome,
    {NO_EMAIL} AS flags, {IS_NEW} AS new, o.due_on, {SHOWN} AS shown, c.course_id AS course, o.id AS open_id
    {STANDING} {FIRST} {WHOSE})
SELECT 2, learner_id, training_type_id, id, outcome,
    new + CASE WHEN outcome IN ('renotify', 'renotify-keep-due') THEN flags ELSE 0 END,
    due_on, CASE WHEN outcome = 'renotify' THEN {{due}} ELSE due_on END, shown, shown, course, course, open_id FROM line
""",
    StepSlug.SET_RECERTIFICATION_DATES: f"""
WITH line AS (SELECT c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN o.id IS NOT NULL THEN 'skip-open-assignment'
        WHEN c.completed_on IS NULL THEN 'skip-never-completed' WHEN {OWN} IS NULL THEN 'skip-never'
        WHEN {TO_COME} IS NULL THEN 'skip-no-course' WHEN {OWN} < {{today}} THEN 'set-date-extends'
        WHEN {OWN} > {{today}} THEN 'set-date' ELSE 'skip-unchanged' END AS outcome,
    {NO_EMAIL} + CASE WHEN c.override_on IS NOT NULL THEN 4 ELSE 0 END + CASE WHEN {OWN} < {{today}} THEN 8 ELSE 0 END
        + CASE WHEN {OWN} > {{today}} THEN 32 ELSE 0 END AS flags,
    {IS_NEW} AS new, o.due_on, {SHOWN} AS shown, {TO_COME} AS course, o.id AS open_id
    {STANDING} {FIRST} {WHOSE})
SELECT 3, learner_id, training_type_id, id, outcome,
    new + CASE WHEN outcome IN ('set-date', 'set-date-extends') THEN flags ELSE 0 END, due_on, due_on,
    shown, CASE WHEN outcome IN ('set-date', 'set-date-extends') THEN {{today}} ELSE shown END, course, course, open_id
FROM line
""",
    StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION: f"""
WITH line AS (SELECT c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN o.id IS NOT NULL THEN 'skip-open-assignment' WHEN {OWN} = {{today}} AND t.automatic THEN 'disable'
        WHEN {OWN} = {{today}} THEN 'skip-unchanged' WHEN c.completed_on IS NULL THEN 'skip-never-completed'
        WHEN {OWN} IS NULL THEN 'skip-never' WHEN a.outcome IN ('skip-no-course', 'skip-too-recent', 'skip-would-extend',
        'skip-too-early', 'skip-changed-since-review') THEN a.outcome ELSE 'skip-not-due' END AS outcome,
    {IS_NEW} AS flags, o.due_on, {SHOWN} AS shown, {TO_COME} AS course, o.id AS open_id
    {STANDING} JOIN training_type AS t ON t.id = c.training_type_id {FIRST}
    LEFT JOIN rollout_item AS a ON a.proposal_id = 3 AND a.learner_id = c.learner_id
        AND a.training_type_id = c.training_type_id
    {WHOSE})
SELECT 4, learner_id, training_type_id, id, outcome, flags, due_on, due_on, shown, shown, course, course, open_id FROM line
""",
    StepSlug.RECERTIFY_DUE: f"""
WITH line AS (SELECT c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN EXISTS (SELECT 1 FROM assignment AS b WHERE b.certification_id = c.id AND b.rollout_id = 1)
        THEN 'skip-already-assigned' WHEN o.id IS NOT NULL THEN 'skip-open-assignment'
        WHEN c.completed_on IS NULL THEN 'skip-never-completed' WHEN {OWN} IS NULL THEN 'skip-never'
        WHEN {TO_COME} IS NULL THEN 'skip-no-course' WHEN {OWN} > {{today}} THEN 'skip-not-due' ELSE 'recertify' END
        AS outcome,
    {NO_EMAIL} + CASE WHEN {TO_COME} {{differs}} c.course_id THEN 2 ELSE 0 END
        + CASE WHEN c.override_on IS NOT NULL AND c.aligned_by {{differs}} 1 THEN 4 ELSE 0 END AS flags,
    {IS_NEW} AS new, o.due_on, {SHOWN} AS shown, c.course_id, {TO_COME} AS course, o.id AS open_id
    {STANDING} {FIRST} {WHOSE})
SELECT 5, learner_id, training_type_id, id, outcome, new + CASE WHEN outcome = 'recertify' THEN flags ELSE 0 END,
    due_on, CASE WHEN outcome = 'recertify' THEN {{due_in}} ELSE due_on END,
    shown, CASE WHEN outcome <> 'recertify' THEN shown END,
    course_id, CASE WHEN outcome = 'recertify' THEN course ELSE course_id END, open_id
FROM line
""",
    StepSlug.NOTIFY_LEARNERS: f"""
SELECT 6, c.learner_id, c.training_type_id, c.id,
    CASE {BARRED} WHEN EXISTS (SELECT 1 FROM message AS m WHERE m.learner_id = l.id AND m.kind = 'recertification'
        AND m.occasion = 'rollout:1:recertification') THEN 'notify' ELSE 'skip-no-email' END,
    {IS_NEW}, r.due_after, r.due_after, {SHOWN}, {SHOWN}, c.course_id, c.course_id, r.assignment_id
    {STANDING} {FIRST} JOIN rollout_item AS r ON r.proposal_id = 5 AND r.learner_id = c.learner_id
        AND r.training_type_id = c.training_type_id
    WHERE r.applied_at IS NOT NULL ORDER BY c.learner_id, c.training_type_id
""",
}
LETTERS = """
INSERT INTO message (kind, occasion, recipient, learner_id, to_address, rollout_id, state, message_id, created_at, next_try_at)
SELECT '{kind}', 'rollout:1:{kind}', 'learner:' || id, id, email, 1, '{state}', '<{kind}.' || id || '.{token}@example.org>',
    {{now}}, {next_try} FROM learner WHERE email IS NOT NULL AND id IN (SELECT learner_id FROM rollout_item
    WHERE proposal_id = {proposal} AND outcome IN ({outcomes}) AND applied_at IS NULL) ORDER BY id
"""
LINES = """
INSERT INTO message_line (message_id, assignment_id, due_on, told_on)
SELECT m.id, i.assignment_id, i.due_after, {{today}} FROM rollout_item AS i
JOIN message AS m ON m.learner_id = i.learner_id AND m.kind = '{kind}' AND m.occasion = 'rollout:1:{kind}'
WHERE i.proposal_id = {proposal} AND i.outcome IN ({outcomes}) AND i.applied_at IS NULL
"""
MARK = "UPDATE rollout_item SET applied_at = {{now}} WHERE proposal_id = {proposal} AND outcome IN ({outcomes})"
AUDIT = """
INSERT INTO audit (seq, at, actor, act, subject, detail, previous, hash)
SELECT coalesce(max(seq), 0) + 1, {now}, 'rollout 1', 'apply-chunk', 'rollout 1', '', '', '' FROM audit
"""


def _notices(kind: str, state: str, proposal: int, outcomes: str) -> tuple[str, str]:
    words = {"kind": kind, "state": state, "proposal": proposal, "outcomes": outcomes, "token": TOKEN}
    return LETTERS.format(**words, next_try="{now}" if state == "queued" else "NULL"), LINES.format(**words)


BEFORE = """INSERT INTO certification_before (proposal_id, certification_id, next_course_id, computed_on, override_on,
    override_by, override_at, override_reason, aligned_by, left_to_people_on, left_to_people_because)
SELECT {proposal}, c.id, c.next_course_id, c.computed_on, c.override_on, c.override_by, c.override_at, c.override_reason,
    c.aligned_by, c.left_to_people_on, c.left_to_people_because
FROM rollout_item AS i JOIN certification AS c ON c.id = i.certification_id
WHERE i.proposal_id = {proposal} AND i.outcome IN ({outcomes})
    AND (c.next_course_id IS NOT NULL OR c.override_on IS NOT NULL OR c.left_to_people_on IS NOT NULL)"""
APPLY: dict[StepSlug, tuple[str, ...]] = {
    StepSlug.VERIFY_COMPLETION: (),
    StepSlug.RENOTIFY_INCOMPLETE: (
        """UPDATE assignment SET first_due_on = coalesce(first_due_on, assignment.due_on), due_on = i.due_after
        FROM rollout_item AS i WHERE i.proposal_id = 2 AND i.outcome = 'renotify' AND assignment.id = i.assignment_id
            AND assignment.completed_on IS NULL AND assignment.due_on {same} i.due_before""",
        *_notices("renotification", "queued", 2, "'renotify', 'renotify-keep-due'"),
        MARK.format(proposal=2, outcomes="'renotify', 'renotify-keep-due'"),
    ),
    StepSlug.SET_RECERTIFICATION_DATES: (
        BEFORE.format(proposal=3, outcomes="'set-date', 'set-date-extends'"),
        """UPDATE certification SET override_on = {today}, override_by = 'rollout 1', override_at = {now},
            override_reason = 'rollout 1', aligned_by = 1
        FROM rollout_item AS i WHERE i.proposal_id = 3 AND i.outcome IN ('set-date', 'set-date-extends')
            AND certification.id = i.certification_id
            AND coalesce(override_on, computed_on) = i.recertification_before""",
        MARK.format(proposal=3, outcomes="'set-date', 'set-date-extends'"),
    ),
    StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION: (
        """INSERT INTO hold (rollout_id, certification_id, held_at) SELECT 1, certification_id, {now} FROM rollout_item
        WHERE proposal_id = 4 AND outcome = 'disable'""",
        MARK.format(proposal=4, outcomes="'disable'"),
    ),
    StepSlug.RECERTIFY_DUE: (
        BEFORE.format(proposal=5, outcomes="'recertify'"),
        """INSERT INTO assignment (certification_id, cycle, course_id, assigned_on, due_on, first_due_on, rollout_id)
        SELECT c.id, c.cycle + 1, i.course_after, {today}, i.due_after, i.due_after, 1
        FROM rollout_item AS i JOIN certification AS c ON c.id = i.certification_id
        WHERE i.proposal_id = 5 AND i.outcome = 'recertify'
            AND coalesce(c.override_on, c.computed_on) = i.recertification_before
        ORDER BY i.learner_id, i.training_type_id""",
        """UPDATE rollout_item SET assignment_id = a.id FROM assignment AS a
        WHERE proposal_id = 5 AND outcome = 'recertify' AND a.certification_id = rollout_item.certification_id
            AND a.completed_on IS NULL""",
        """UPDATE certification SET cycle = cycle + 1, course_id = i.course_after, next_course_id = NULL
        FROM rollout_item AS i WHERE i.proposal_id = 5 AND i.outcome = 'recertify' AND i.certification_id = certification.id""",
        *_notices("recertification", "held", 5, "'recertify'"),
        MARK.format(proposal=5, outcomes="'recertify'"),
    ),
    StepSlug.NOTIFY_LEARNERS: (
        """UPDATE message SET state = 'queued', next_try_at = {now} WHERE kind = 'recertification'
            AND occasion = 'rollout:1:recertification' AND state = 'held'
            AND learner_id IN (SELECT learner_id FROM rollout_item WHERE proposal_id = 6 AND outcome = 'notify')""",
        MARK.format(proposal=6, outcomes="'notify'"),
    ),
}
PROPOSAL = """
INSERT INTO proposal (id, step_id, round, proposed_on, proposed_at, digest, counts, facts)
SELECT {number}, id, 1, {{today}}, {{now}}, '', '{{{{}}}}', '{{{{}}}}' FROM rollout_step WHERE rollout_id = 1 AND slug = '{slug}'
"""
READ = """
SELECT learner_id, training_type_id, course_before, course_after, outcome, flags, {due_before}, {due_after},
    {recertification_before}, {recertification_after}
FROM rollout_item WHERE proposal_id = {number} ORDER BY learner_id, training_type_id
"""


def _words(database: Database) -> dict[str, Any]:
    """What the two databases write differently."""
    day, instant = ("'{}'", "'{}T09:00:00.000000Z'") if database.is_sqlite else ("DATE '{}'", "TIMESTAMPTZ '{} 09:00Z'")
    return {
        "today": day.format(TODAY),
        "due": day.format(DUE_ON),
        "due_in": day.format(TODAY + timedelta(days=DUE_IN_DAYS)),
        "now": instant.format(TODAY),
        "same": "IS" if database.is_sqlite else "IS NOT DISTINCT FROM",
        "differs": "IS NOT" if database.is_sqlite else "IS DISTINCT FROM",
    }


def propose(database: Database, slug: StepSlug) -> None:
    """Write a step's lines, and let PostgreSQL count them."""
    words = _words(database)
    number = list(PROPOSE).index(slug) + 1
    with database.write() as connection:
        connection.execute(text(PROPOSAL.format(number=number, slug=slug.value).format(**words)))
        connection.execute(text(ITEM + PROPOSE[slug].format(**words)))
        if not database.is_sqlite:
            connection.execute(text("ANALYZE rollout_item"))


def digest(connection: Connection, number: int) -> str:
    """Read a list once by the driver and digest it."""
    days = ("due_before", "due_after", "recertification_before", "recertification_after")
    plain = {day: day if connection.dialect.name == "sqlite" else f"{day}::text" for day in days}
    sha = hashlib.sha256()
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name != "sqlite":
        cursor = connection.connection.driver_connection.cursor("lines")  # on the server: memory must not grow
    cursor.execute(READ.format(number=number, **plain))
    while rows := cursor.fetchmany(5_000):
        sha.update("\n".join(map(repr, rows)).encode())
    cursor.close()
    return sha.hexdigest()


def apply(database: Database, slug: StepSlug) -> None:
    """Carry a step's lines out in one transaction."""
    words = _words(database)
    with database.write() as connection:
        for statement in (*APPLY[slug], AUDIT):
            connection.execute(text(statement.format(**words)))
