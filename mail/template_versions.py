"""The version of a kind of mail: its wordings' fingerprint, part of what an approver approves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from mail.wordings import LAYOUT, TEMPLATES, Wording


def template_version(kind: str, own: Mapping[tuple[str, str], Wording] | None = None) -> str:
    """Return 12 hex digits over all that a mail of *kind* is rendered from, in every language.

    Args:
        kind: the mail's kind, such as ``renotification``.
        own: wordings that the organisation wrote, by (kind, language); those of other kinds do not count.
    """
    written = {language: vars(wording) for (its_kind, language), wording in (own or {}).items() if its_kind == kind}
    if not written:
        return _shipped_version(kind)
    facts = json.dumps([_shipped_version(kind), written], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


@lru_cache
def _shipped_version(kind: str, templates: Path = TEMPLATES) -> str:
    files = [
        path for path in templates.rglob("*") if path.is_file() and (path.stem in {kind, "calendar"} or _shared(path))
    ]
    sha = hashlib.sha256()
    for path in sorted(files):
        sha.update(str(path.relative_to(templates)).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]


def _shared(path: Path) -> bool:
    return path.parent.name == LAYOUT
