"""What ``recert doctor`` says: one finding a check, how bad it is, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.errors import Refused


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        check: what was looked at.
        level: how bad it is.
        says: what was found.
        mend: what to do; empty when there is nothing to do.
        exit_code: what something wrong makes of the command's exit code.
    """

    check: str
    level: Level
    says: str
    mend: str = ""
    exit_code: int = Refused.exit_code
