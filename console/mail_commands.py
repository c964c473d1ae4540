"""``recert mail``: what was sent to whom, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from cyclopts import App
from sqlalchemy import Connection, Row

from console import desk
from console.bench import opened_bench
from console.output import answer, say, write_json, write_json_array, write_table
from console.parameters import Key
from console.rollout_output import line, mail_line
from models import ledger
from models.errors import RecertError
from models.words import MessageKind, MessageState
from tasks.mail_lists import as_json, find_mail, history, mails
from tasks.workbench import Workbench

COLUMNS = ("id", "kind", "to", "state", "flagged", "attempts", "rollout", "last_reply")
EVENT = ("number", "at", "what", "server", "reply", "by")
HEADERS = ("kind", "state", "attempts", "last_reply", "rollout", "created_at", "next_try_at", "sent_at")

app = App(name="mail", help="See what was sent, to whom, and what became of it.")


@app.command(name="list", sort_key=0)
def list_(
    *,
    state: MessageState | None = None,
    kind: MessageKind | None = None,
    rollout: Key | None = None,
    json: bool = False,
) -> None:
    """List the mail, the oldest first.

    Args:
        state: Only what stands so.
        kind: Only mail of this kind.
        rollout: Only one rollout's mail.
        json: One JSON array, complete.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        if rollout is not None:
            ledger.load(connection, rollout)
        rows = mails(connection, state=state, kind=kind, rollout_id=rollout)
        if json:
            write_json_array(rows)
        else:
            _write(rows)


def _write(rows: Iterable[dict[str, Any]]) -> None:
    """Write the table, and how many there were of each state."""
    found: Counter[str] = Counter()

    def seen() -> Iterator[dict[str, Any]]:
        for row in rows:
            found[row["state"]] += 1
            yield row

    write_table(COLUMNS, seen())
    counts = {state.value: found[state.value] for state in MessageState if found[state.value]}
    answer(f"{found.total():,} mails{': ' + mail_line(counts) if counts else ''}")


@app.command(sort_key=1)
def show(mail: Key, /, *, json: bool = False) -> None:
    """Show one mail: where it stands, and what its reader reads; one-time codes are masked.

    Args:
        mail: Its number, as in `recert mail list`.
        json: One JSON document.
    """
    with opened_bench() as bench, bench.database.read() as connection:
        row = find_mail(connection, mail)
        subject, text = _content(bench, connection, row)
        events = list(history(connection, mail=mail))
        settings = bench.settings
    for note in desk.mail_notes(settings):
        say(note)
    if json:
        days = {name: getattr(row, name) for name in ("created_at", "next_try_at", "sent_at")}
        lines = [{name: each[name] for name in EVENT} for each in events]
        write_json(
            {**as_json(row), **days, "from": settings.mail_from, "subject": subject, "text": text, "history": lines}
        )
        return
    for name, value in (
        ("From", settings.mail_from),
        ("To", row.to_address),
        ("Message-ID", row.message_id),
        ("Subject", subject),
    ):
        line(f"{name}: {value if value is not None else ''}")
    _tell_standing(row)
    for part in (text or "").splitlines():
        line(part)
    if events:
        line()
        write_table(EVENT, events)


def _content(bench: Workbench, connection: Connection, row: Row[Any]) -> tuple[str | None, str | None]:
    """Subject and text; None for both, and a line that says why, where there is nothing to read any more."""
    from tasks.letters import Letters  # noqa: PLC0415 - `mail list` needs no mail room

    try:
        return Letters(bench).text(connection, row.id)
    except RecertError as error:
        say(f"mail {row.id} cannot be shown: {error}")
        return None, None


def _tell_standing(row: Row[Any]) -> None:
    values = {**as_json(row), "created_at": row.created_at, "next_try_at": row.next_try_at, "sent_at": row.sent_at}
    for name in HEADERS:
        if values[name] is not None:
            flagged = ", was uncertain at some time" if name == "state" and row.flagged else ""
            value = f"{values[name]:%Y-%m-%d %H:%M:%S} UTC" if name.endswith("_at") else values[name]
            line(f"{name.replace('_', ' ').capitalize()}: {value}{flagged}")
    line()


# Each in a file of its own that is read when it is asked for; a new command is a line here.
COMMANDS = (
    ("status", "console.mail_controls:status", "Tell what rests and why, and what waits."),
    ("deliver", "console.mail_delivery:deliver", "Send what is due, by hand."),
    ("pause", "console.mail_controls:pause", "Keep mail from leaving."),
    ("resume", "console.mail_controls:resume", "Let it leave again."),
    ("cancel", "console.mail_controls:cancel", "Call off mail that has not left."),
    ("uncertain", "console.mail_accounts:uncertain_", "List the mail that may have arrived or not."),
    ("resolve", "console.mail_accounts:resolve", "Say what became of uncertain mail."),
    ("history", "console.mail_accounts:history_", "Tell what became of each mail, try by try."),
    ("bounces", "console.mail_bounces:bounces", "Take in delivery reports: what bounced, what is late."),
    ("preview", "console.preview_commands:preview", "Show a mail as its reader would read it; nothing is sent."),
    ("wording", "console.wording_commands:app", "See and choose what each kind of mail says."),
    ("test", "console.mail_delivery:trial", "Send a test letter, and tell what the server answered."),
)
for position, (name, place, purpose) in enumerate(COMMANDS, start=2):
    app.command(place, name=name, help=purpose, sort_key=position)
