"""The floors of the mail bench, written by hand: no engine, no accounting, nothing that need not be.

``floor``: one INSERT … SELECT, claims by the thousand, a %-skeleton, aiosmtplib over K connections, marks by the
thousand after the fact. What it loses when it is killed nobody knows. ``naive``: one EmailMessage, one connection and one
commit for every mail, as it is usually first written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
from sqlalchemy import Connection, text

from models.database import Database

BATCH = 1_000
SENDER = "training@example.org"
CREATE = """
INSERT INTO floor_outbox (learner_id, assignment_id, address, state)
SELECT item.learner_id, item.assignment_id, learner.email, 0
FROM rollout_item AS item JOIN learner ON learner.id = item.learner_id ORDER BY item.learner_id
"""
CLAIM = """
UPDATE floor_outbox SET state = 1 WHERE id IN (SELECT id FROM floor_outbox WHERE state = 0 AND id > :last ORDER BY id LIMIT :batch)
"""
READ = """
SELECT o.id, o.address, l.first_name, l.last_name, c.title, a.due_on
FROM floor_outbox AS o JOIN learner AS l ON l.id = o.learner_id
JOIN assignment AS a ON a.id = o.assignment_id JOIN course AS c ON c.id = a.course_id
WHERE o.state = 1 AND o.id > :last ORDER BY o.id
"""


def make_table(database: Database) -> None:
    """The floor's own outbox: a number, whom, about what, and where it stands (0 queued, 1 claimed, 2 sent)."""
    key = "INTEGER PRIMARY KEY" if database.is_sqlite else "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    with database.write() as connection:
        connection.execute(text(f"CREATE TABLE floor_outbox (id {key}, learner_id BIGINT, assignment_id BIGINT, "
                                "address TEXT, state INTEGER)"))  # fmt: skip
        connection.execute(text("CREATE INDEX floor_state ON floor_outbox (state, id)"))


def create(database: Database) -> None:
    """Write every notice."""
    with database.write() as connection:
        connection.execute(text(CREATE))


def skeleton(letter: bytes) -> bytes:
    """Turn a real letter into a %-skeleton of about its size: whom it is to, and a line of its own in the body."""
    head, _, body = letter.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"To:", b"Message-ID:"))]
    fixed = b"\r\n".join(lines).replace(b"%", b"%%") + b"\r\n\r\n" + body.replace(b"%", b"%%")
    return b"To: %b <%b>\r\nMessage-ID: <%d@example.org>\r\n" + fixed + b"%b %b\r\n"


def _turn(connection: Connection, sent: list[int], last: int) -> list[Any]:
    if sent:
        marks = ", ".join(map(str, sent))
        connection.execute(text(f"UPDATE floor_outbox SET state = 2 WHERE id IN ({marks})"))
    connection.execute(text(CLAIM), {"last": last, "batch": BATCH})
    return list(connection.execute(text(READ), {"last": last}))


def _letters(database: Database, form: bytes, sent: list[int]) -> Iterator[tuple[int, str, bytes]]:
    last = 0
    while True:
        with database.write() as connection:
            rows = _turn(connection, sent, last)
        sent.clear()
        if not rows:
            return
        last = rows[-1].id
        for row in rows:
            name, to = f"{row.first_name} {row.last_name}".encode(), row.address.encode()
            yield row.id, row.address, form % (name, to, row.id, row.title.encode(), str(row.due_on).encode())


def send(database: Database, form: bytes, port: int, connections: int) -> int:
    """Send every notice over so many connections; return how many."""
    sent: list[int] = []
    number = 0

    async def lane(letters: Iterator[tuple[int, str, bytes]]) -> None:
        nonlocal number
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        for key, to, letter in letters:
            await client.sendmail(SENDER, [to], letter)
            sent.append(key)
            number += 1
        await client.quit()

    async def all_lanes() -> None:
        letters = _letters(database, form, sent)
        await asyncio.gather(*(lane(letters) for _ in range(connections)))

    asyncio.run(all_lanes())
    with database.write() as connection:
        _turn(connection, sent, 2**60)
    return number


def naive(database: Database, port: int, most: int) -> int:
    """Send some notices the plain way; return how many."""

    async def one(row: Any) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = SENDER, row.address, f"Your training is due on {row.due_on}"
        mail.set_content(f"Hello {row.first_name},\n\nplease take {row.title} by {row.due_on}.\n" * 8)
        mail.add_alternative(f"<p>Hello {row.first_name},</p><p>please take {row.title}.</p>" * 40, subtype="html")
        await aiosmtplib.send(mail, hostname="127.0.0.1", port=port, start_tls=False)

    with database.write() as connection:
        connection.execute(text(CLAIM), {"last": 0, "batch": most})
        rows = list(connection.execute(text(READ), {"last": 0}))
    for row in rows:
        asyncio.run(one(row))
        with database.write() as connection:
            connection.execute(text("UPDATE floor_outbox SET state = 2 WHERE id = :id"), {"id": row.id})
    return len(rows)
