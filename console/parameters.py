"""What the options of several commands have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter, validators

LARGEST_KEY = 2**63 - 1  # what a database's key can be

Format = Literal["table", "csv", "json"]
Key = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LARGEST_KEY))]
As = Annotated[str, Parameter(name="--as")]
Day = Literal["assigned_on", "due_on", "completed_on", "recertification_on"]
