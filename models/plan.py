"""The rollout plan: one year's decisions, checked as far as they can be checked without the database."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models.errors import PlanInvalid
from models.words import StepSlug

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Days = Annotated[int, Field(ge=0, le=3650)]
ChecklistSlug = Literal[
    StepSlug.VERIFY_COMPLETION,
    StepSlug.RENOTIFY_INCOMPLETE,
    StepSlug.SET_RECERTIFICATION_DATES,
    StepSlug.DISABLE_AUTOMATIC_RECERTIFICATION,
    StepSlug.RECERTIFY_DUE,
    StepSlug.NOTIFY_LEARNERS,
]


class Part(BaseModel):
    """A part of a plan: unknown keys are refused, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Incomplete(Part):
    """What becomes of those who have not completed."""

    new_due_on: date = Field(description="New Due Date of assignments that are still open")


class Audience(Part):
    """Who the rollout is for; every list that is empty leaves its question open."""

    departments: list[Text] = Field(default=[], description="Only these departments")
    locations: list[Text] = Field(default=[], description="Only these locations")
    exclude: list[Text] = Field(default=[], description="E-mail addresses or employee ids to leave out")


class Reviews(Part):
    """Where the rollout stops for approvers. The renewal itself always stops."""

    steps: list[ChecklistSlug] = Field(
        default=[StepSlug.RENOTIFY_INCOMPLETE, StepSlug.SET_RECERTIFICATION_DATES, StepSlug.RECERTIFY_DUE],
        description="Steps that wait for approval",
    )
    approvals_required: int = Field(default=1, ge=1, le=9, description="How many approvers must agree")
    expires_in_days: int = Field(default=7, ge=1, le=90, description="Days an approver has to answer")


class RolloutPlan(Part):
    """One rollout, as a person plans it.

    Days are days of the organisation's time zone. What contradicts the calendar (``refuse_the_past``) or the stored
    courses and training types is checked where those are known.
    """

    name: Text = Field(description="What people will call this rollout")
    training_types: list[Text] = Field(min_length=1, description="Training types to renew")
    recertify_on: date = Field(description="The common Recertification Date")
    due_in_days: int = Field(default=30, ge=1, le=3650, description="Days to complete a renewal")
    align_on: date | None = Field(default=None, description="When dates are aligned; blank: day after the new Due Date")
    skip_if_completed_within_days: Days = Field(default=0, description="Leave out who completed so shortly before")
    extend_at_most_days: Days | None = Field(default=None, description="Never extend a certification by more days")
    bring_forward_at_most_days: Days | None = Field(default=None, description="Never renew earlier by more days")
    restore_automatic: bool = Field(default=True, description="Automatic recertification as before when it ends")
    incomplete: Incomplete
    next_course: dict[str, str] = Field(default={}, description="Course to come: old code to new code")
    audience: Audience = Audience()
    reviews: Reviews = Reviews()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.recertify_on < self.aligned_from:
            raise ValueError(
                f"recertify_on ({self.recertify_on}) lies before align_on ({self.aligned_from}): align first, then renew"
            )
        if len(set(self.training_types)) < len(self.training_types):
            raise ValueError("training_types names one twice")
        return self

    @property
    def aligned_from(self) -> date:
        """The day the dates are aligned: as planned, or the day after the new Due Date."""
        return self.align_on or self.incomplete.new_due_on + timedelta(days=1)

    def refuse_the_past(self, today: date) -> None:
        """Check the plan's days against the calendar.

        Raises:
            PlanInvalid: a day lies before *today*.
        """
        days = {"incomplete.new_due_on": self.incomplete.new_due_on, "align_on": self.aligned_from}
        for key, day in {**days, "recertify_on": self.recertify_on}.items():
            if day < today:
                raise PlanInvalid(f"{key}: {day} is in the past (today is {today}); name a day from today on")

    def doubts(self) -> list[str]:
        """What is allowed and yet may not be meant: one line each."""
        found = []
        if self.aligned_from < self.incomplete.new_due_on:
            found.append(
                f"align_on ({self.aligned_from}) comes before new_due_on ({self.incomplete.new_due_on}): "
                "who completes in between keeps their own date"
            )
        days = {"new_due_on": self.incomplete.new_due_on, "align_on": self.aligned_from}
        for key, day in {**days, "recertify_on": self.recertify_on}.items():
            if day.weekday() >= 5:  # noqa: PLR2004 - Saturday
                found.append(f"{key} ({day}) is a {day:%A}")
        return found


def read_plan(path: Path) -> RolloutPlan:
    """Read a plan file (TOML).

    Raises:
        PlanInvalid: not readable, not TOML, an unknown key, or a value that cannot be; one line names file and key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PlanInvalid(f"{path}: {error.strerror}; give the path of a plan file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanInvalid(f"{path}: not a TOML file: {error}") from None
    return plan_from(content, where=str(path))


def plan_from(content: dict[str, Any], where: str = "plan") -> RolloutPlan:
    """Check *content*, the plan as a mapping.

    Raises:
        PlanInvalid: as ``read_plan``; *where* leads the line.
    """
    try:
        return RolloutPlan.model_validate(content)
    except ValidationError as error:
        raise PlanInvalid(f"{where}: {_first_fault(error)}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}; take it out or mend its spelling"
    if fault["type"] == "missing":
        return f"{key} is missing"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
