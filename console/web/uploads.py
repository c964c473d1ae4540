"""Uploaded files between their check and their import: each in a folder of its own, of its owner, for a day at most."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO

from console.web.visit import LARGEST_UPLOAD, Visit
from models.errors import Refused, WrongInput

KEPT_S = 24 * 60 * 60
LONGEST_NAME = 100
_KEY = re.compile(r"[0-9a-f]{32}")


class UploadGone(Refused):
    """This file was imported already, or its day is over: upload it again."""


def keep(visit: Visit, name: str, content: BinaryIO) -> tuple[str, Path]:
    """Keep a file; return its key and where it is. Only its last name is kept, and of that only plain signs.

    Raises:
        WrongInput: it is too large.
    """
    _sweep(visit)
    key = secrets.token_hex(16)
    folder = _folder(visit, key)
    folder.mkdir(parents=True, mode=0o700)
    path = folder / _plain(name)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
        size = file.tell()
    if size > LARGEST_UPLOAD:
        forget(visit, key)
        raise WrongInput(f"the file has more than {LARGEST_UPLOAD // 1_000_000} MB; import it with: recert import")
    return key, path


def find(visit: Visit, key: str) -> Path:
    """Find a file of this user's.

    Raises:
        UploadGone: there is none of this key, or it is somebody else's.
    """
    folder = _folder(visit, key) if _KEY.fullmatch(key) else None
    if folder is None or not folder.is_dir():
        raise UploadGone
    return next(path for path in folder.iterdir() if not path.name.startswith("."))


def forget(visit: Visit, key: str) -> None:
    """Delete a file."""
    shutil.rmtree(_folder(visit, key), ignore_errors=True)


def _folder(visit: Visit, key: str) -> Path:
    return house(visit) / f"{visit.user.id}-{key}"


def house(visit: Visit) -> Path:
    """Where files in passing lie; what is older than a day is deleted there."""
    return visit.bench.settings.home / "uploads"


def _plain(name: str) -> str:
    """A name that leads nowhere else: no folders, no signs that a file system or a terminal takes for more."""
    last = re.split(r"[/\\]", name)[-1]
    kept = re.sub(r"[^\w. ()-]+", "_", last).strip(". ")[-LONGEST_NAME:]
    return kept or "upload.csv"


def _sweep(visit: Visit) -> None:
    """Delete what nobody came back for."""
    now = visit.bench.now().timestamp()
    lying = house(visit)
    for folder in lying.iterdir() if lying.is_dir() else ():
        if now - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
