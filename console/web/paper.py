"""What pages are written on: templates, how days and numbers read, redirects, files to download."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse, StreamingResponse

from console.web.visit import Visit
from models.safe_csv import safe_row
from models.words import Outcome, flag_slugs
from tasks.checklist import STEPS
from tasks.proposing import CHANGES
from tasks.wording import OUTCOME_WORDS, in_words

HOUSE = Path(__file__).parents[1]
SEE_OTHER = 303
ROWS_AT_ONCE = 500
SHORT_ADDRESS = 16  # it fits into any column
# What a page says after it was sent here by an order; only these lines, never one out of the address.
SAID = {
    "reminded": "The approvers are asked again by mail.",
    "cancelled": "The rollout is cancelled. What was applied stays.",
    "released": "They are let in again, from the next proposal on.",
    "started": "The rollout has started.",
    "start-waits": "The rollout is written. Prefect does not answer just now; its run begins when it is back.",
    "resumed": "The rollout goes on.",
    "ticked": "Noted. Nothing is taken out until you approve.",
    "unticked": "They are back on the list.",
    "approved": "Approved: the list is carried out.",
    "counted": "Your approval is counted; the list waits for the others.",
    "rejected": "Rejected: the rollout ends, and nothing of this list is carried out.",
    "withdrawn": "Withdrawn: the list is proposed afresh from today's facts, and asked for again.",
    "answer-waits": "Recorded. Prefect does not answer just now; the run goes on when it is back.",
    "tick-first": "Nothing is selected yet: tick at least one line, then choose what to do.",
    "action-left": "Nothing was done.",
    "action-asked": "The approvers are asked. It is carried out once they have approved the list.",
    "action-waits": "It is written down, and the approvers will be asked; the mail server or Prefect does not answer just now.",
    "confirmed-before": "This was confirmed or left before; it is never done twice. Here is how it stands.",
    "resolved": "Settled.",
    "saved": "Saved.",
    "worded": "These words rule now.",
    "worded-asked": "These words rule now. Approvers whose list was read with other words are asked again.",
    "verified": "The audit is whole: every row follows the one before it.",
}
# Every form's own: the session's sign, and a key that is good once.
_GUARD = Markup(
    '<input type="hidden" name="guard" value="{}"><input type="hidden" name="once" value="{}" autocomplete="off">'
)


def page(visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page for this visit."""
    return HTMLResponse(render(visit, template, **values), status_code=status)


def render(visit: Visit, template: str, **values: Any) -> str:
    """Render a template for this visit; instants are shown in the organisation's time zone."""
    settings = visit.bench.settings
    known: dict[str, Any] = {"visit": visit, "user": visit.session.user if visit.session else None, "notes": SAID}
    known |= {"today": visit.bench.today(), "settings": settings, "at": _clock(settings.zone)}
    known |= {"guard": lambda: _GUARD.format(visit.guard, secrets.token_hex(16))}
    return _templates().get_template(template).render(**known, **values)


def go_to(path: str, *, said: str = "") -> RedirectResponse:
    """Send the visitor on with a GET; *said* names a line of ``SAID`` that the next page shows."""
    address = f"{path}{'&' if '?' in path else '?'}{urlencode({'said': said})}" if said else path
    return RedirectResponse(address, status_code=SEE_OTHER)


def download(name: str, columns: Sequence[str], rows: Callable[[], Iterable[Mapping[str, Any]]]) -> StreamingResponse:
    """Send a CSV file, row by row, that no spreadsheet runs; its name is made of plain letters only."""
    return StreamingResponse(_csv(columns, rows), media_type="text/csv; charset=utf-8", headers=attached(name, "csv"))


def attached(name: str, ending: str) -> dict[str, str]:
    """What makes of an answer a file of this name, in plain letters only."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "list"
    return {"Content-Disposition": f'attachment; filename="{plain}.{ending}"'}


def _csv(columns: Sequence[str], rows: Callable[[], Iterable[Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the file in pieces; the mark at its beginning tells spreadsheets that it is UTF-8."""
    piece = io.StringIO()
    piece.write("\ufeff")
    writer = csv.writer(piece)
    writer.writerow(columns)
    for number, row in enumerate(rows(), 1):
        writer.writerow(safe_row(cell(row[column]) for column in columns))
        if number % ROWS_AT_ONCE == 0:
            yield piece.getvalue()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue()


def cell(value: Any) -> Any:
    """What stands in one cell: several are told with commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HOUSE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": _day, "number": _number, "label": _label, "address": _address, "in_words": in_words, "outcome": _outcome, "step": _step, "sentence": _sentence, "flag_slugs": flag_slugs,
        "json": lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True), "segment": lambda value: quote(value, safe=""),
    }  # fmt: skip
    made.globals |= {"query": _query, "changing": CHANGES}
    return made


def _day(value: date | str | None) -> str:
    """``18 Jan 2027``: short, and read alike everywhere."""
    if value is None or value == "":
        return "-"
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.day} {day:%b} {day.year}"


def _clock(zone: ZoneInfo) -> Callable[[datetime | None], str]:
    def at(value: datetime | None) -> str:
        if value is None:
            return "-"
        local = value.astimezone(zone)
        return f"{_day(local.date())}, {local:%H:%M}"

    return at


def _number(value: int) -> str:
    return f"{value:,}"


def _label(slug: str) -> str:
    """A slug as a label: ``past-due`` → ``Past due``."""
    words = str(slug).replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _address(value: str) -> Markup:
    """An address that, where it is too long for a line, goes on at its @."""
    return escape(value).replace("@", Markup("<wbr>@")) if len(value) > SHORT_ADDRESS else escape(value)


def _sentence(text: str) -> str:
    """A line that commands print, too, as a page says it: begun like a sentence, without the command that would show more."""
    told = re.sub(r"; see: recert [\w -]*$", "", text)
    told = re.sub(r"\b\d{4}-\d\d-\d\d\b", lambda found: _day(found[0]), told)
    return told[:1].upper() + told[1:] if re.match(r"[a-z]+[ ,:]", told) else told


def _outcome(slug: str) -> str:
    return OUTCOME_WORDS[Outcome(slug)]


def _step(slug: str) -> str:
    return next(step.title for step in STEPS.values() if step.slug.value == slug)


def _query(visit: Visit, **changes: Any) -> str:
    """This page's address with other words in it; None takes one out. Where a list is stays only if asked for."""
    kept = {name: visit.query.getlist(name) for name in visit.query if name not in {"after", "before", "said"}}
    kept |= {name: [] if value in (None, "") else [str(value)] for name, value in changes.items()}
    words = [(name, value) for name, values in kept.items() for value in values if value]
    return f"?{urlencode(words)}" if words else "?"
