"""``recert mail preview``: what a reader would read, before anything is sent."""

from __future__ import annotations

from pathlib import Path

from console.bench import opened_bench
from console.output import say, write_json
from console.rollout_output import line
from models.errors import WrongInput
from tasks.mail_preview import Previewed
from tasks.mail_preview import preview as write


def preview(
    kind: str,
    /,
    *,
    learner: str | None = None,
    language: str | None = None,
    write_to: Path | None = None,
    json: bool = False,
) -> None:
    """Show a mail as its reader would read it. Nothing is stored, nothing is sent, codes are masked.

    Args:
        kind: Of mail, as `recert mail wording list` has it.
        learner: An e-mail address or Employee ID: their real courses, open or else last assigned. Without it: samples.
        language: Instead of the learner's.
        write_to: Write it into this file: the whole mail (.eml) or its HTML part (.html).
        json: One JSON document: kind, to, language, subject, text, html, supposed.
    """
    ending = write_to.suffix.lower() if write_to else ""
    if write_to and ending not in {".eml", ".html"}:
        raise WrongInput(f"{write_to}: name a file that ends in .eml (the whole mail) or .html (its HTML part)")
    with opened_bench() as bench, bench.database.read() as connection:
        seen = write(connection, bench, kind, who=learner, language=language)
    if seen.supposed:
        say(seen.supposed)
    if write_to:
        _write_out(write_to, seen.letter if ending == ".eml" else seen.html.encode("utf-8", "replace"))
    if json:
        names = ("to", "language", "subject", "text", "html", "supposed")
        write_json({"kind": kind, **{name: getattr(seen, name) for name in names}})
    elif not write_to:
        _show(seen)


def _show(seen: Previewed) -> None:
    line(f"To: {seen.to}")
    line(f"Subject: {seen.subject}")
    line()
    for each in seen.text.splitlines():
        line(each)


def _write_out(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WrongInput(f"cannot write {path}: {error.strerror}") from None
    say(f"written: {path}")
