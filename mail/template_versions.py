"""The version of a kind of mail: its templates' fingerprint, part of what an approver approves."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
SHARED = ("layout", "parts", "calendar")


@lru_cache
def template_version(kind: str) -> str:
    """Return 12 hex digits over every file that a mail of *kind* is rendered from, in every language."""
    files = [path for path in TEMPLATES.rglob("*") if path.is_file() and path.stem in {kind, *SHARED}]
    sha = hashlib.sha256()
    for path in sorted(files):
        sha.update(str(path.relative_to(TEMPLATES)).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:12]
