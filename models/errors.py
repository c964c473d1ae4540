"""What can go wrong, one root. Each message is one line that says what is wrong, where, and the mend."""

from __future__ import annotations


class RecertError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class WrongInput(RecertError):
    """The input cannot be used as it is."""

    exit_code = 2


class FileRefused(WrongInput):
    """The file as a whole cannot be read; nothing of it was stored."""


class PlanInvalid(WrongInput):
    """The plan contradicts itself, the calendar, or what is stored."""


class InvalidFrequency(WrongInput):
    """A frequency is a whole number of months from 1 up, or none for Never."""


class Refused(RecertError):
    """This may not be done now, or not by this person."""

    exit_code = 3


class NotPermitted(Refused):
    """This person has not the role for it."""


class UnknownRollout(Refused):
    """There is no such rollout."""


class GateClosed(Refused):
    """No review is open there."""


class ReviewMissing(Refused):
    """The step needs an approval of this very list, and there is none that holds."""


class LeaseLost(Refused):
    """Another process has taken over this rollout; this one must write nothing more."""


class Unreachable(RecertError):
    """Something that is needed does not answer; the same call may go through later."""

    exit_code = 5


class DatabaseUnavailable(Unreachable):
    """The database does not answer, is locked, or has no room left."""


class PrefectUnavailable(Unreachable):
    """The Prefect server does not answer."""


class MailUnavailable(Unreachable):
    """The mail server does not answer or turned us away."""
