"""The trade's closed vocabularies: every code that is stored, shown or sent.

A code's value is what stands in the database, in JSON and in mail; it never changes once released.
"""

from __future__ import annotations

from enum import IntFlag, StrEnum


class Status(StrEnum):
    """A certification's derived label, in order of precedence (domain rules: first match wins)."""

    ARCHIVED = "archived"
    PAST_DUE = "past-due"
    IN_PROGRESS = "in-progress"
    ASSIGNED = "assigned"
    DUE_FOR_RECERTIFICATION = "due-for-recertification"
    UPCOMING_RECERTIFICATION = "upcoming-recertification"
    COMPLETED = "completed"
    NOT_ASSIGNED = "not-assigned"


class DateBasis(StrEnum):
    """Which day of a finished assignment the next recertification is counted from."""

    COMPLETION = "completion"
    ASSIGNMENT = "assignment"


class Outcome(StrEnum):
    """What a step or an action proposes for one line. Exactly one each; the second block changes nothing."""

    RENOTIFY = "renotify"
    RENOTIFY_KEEP_DUE = "renotify-keep-due"
    SET_DATE = "set-date"
    SET_DATE_EXTENDS = "set-date-extends"
    DISABLE = "disable"
    RECERTIFY = "recertify"
    NOTIFY = "notify"
    SET_DUE = "set-due"
    SET_COURSE = "set-course"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    COMPLETE = "complete"
    RECOMPUTE = "recompute"
    NEW_VERSION = "new-version"
    UNDO = "undo"

    COMPLETED = "completed"
    OPEN_ASSIGNMENT = "open-assignment"
    SKIP_UNCHANGED = "skip-unchanged"
    SKIP_OPEN_ASSIGNMENT = "skip-open-assignment"
    SKIP_NOT_DUE = "skip-not-due"
    SKIP_NEVER = "skip-never"
    SKIP_ARCHIVED = "skip-archived"
    SKIP_NEVER_COMPLETED = "skip-never-completed"
    SKIP_NO_COURSE = "skip-no-course"
    SKIP_TOO_RECENT = "skip-too-recent"
    SKIP_EXCLUDED = "skip-excluded"
    SKIP_WOULD_EXTEND = "skip-would-extend"
    SKIP_TOO_EARLY = "skip-too-early"
    SKIP_LEFT_AUDIENCE = "skip-left-audience"
    SKIP_CHANGED_SINCE_REVIEW = "skip-changed-since-review"
    SKIP_ALREADY_ASSIGNED = "skip-already-assigned"
    SKIP_NO_EMAIL = "skip-no-email"
    SKIP_NOT_ASSIGNED = "skip-not-assigned"
    SKIP_NO_DUE_DATE = "skip-no-due-date"
    SKIP_OTHER_COURSE = "skip-other-course"
    SKIP_STARTED = "skip-started"
    SKIP_IN_ROLLOUT = "skip-in-rollout"

    @property
    def changes(self) -> bool:
        """Whether applying an item of this outcome changes or sends something."""
        return self in CHANGING


CHANGING = frozenset(
    {
        Outcome.RENOTIFY,
        Outcome.RENOTIFY_KEEP_DUE,
        Outcome.SET_DATE,
        Outcome.SET_DATE_EXTENDS,
        Outcome.DISABLE,
        Outcome.RECERTIFY,
        Outcome.NOTIFY,
        Outcome.SET_DUE,
        Outcome.SET_COURSE,
        Outcome.ASSIGN,
        Outcome.UNASSIGN,
        Outcome.ARCHIVE,
        Outcome.UNARCHIVE,
        Outcome.COMPLETE,
        Outcome.RECOMPUTE,
        Outcome.NEW_VERSION,
        Outcome.UNDO,
    }
)


class Flag(IntFlag):
    """What rides beside an outcome: a set, stored as the sum of its bits."""

    NO_EMAIL = 1
    COURSE_CHANGED = 2
    DATE_OVERRIDDEN = 4
    ALREADY_DUE = 8
    WOULD_LAPSE = 16
    BROUGHT_FORWARD = 32
    NEW_SINCE_START = 64
    DUE_AT_ONCE = 128
    TOLD = 256

    @property
    def slug(self) -> str:
        """The flag as it is shown: ``no-email``."""
        return (self.name or "").lower().replace("_", "-")


def flag_slugs(bits: int) -> list[str]:
    """The names of the flags in *bits*, in their fixed order."""
    return [flag.slug for flag in Flag if bits & flag]


class StepState(StrEnum):
    """Where one step of a rollout stands."""

    PENDING = "pending"
    WAITING = "waiting"
    IN_REVIEW = "in-review"
    APPROVED = "approved"
    APPLIED = "applied"
    PASSED = "passed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RolloutState(StrEnum):
    """Where a rollout stands. The first three are alive."""

    RUNNING = "running"
    WAITING = "waiting"
    IN_REVIEW = "in-review"
    COMPLETED = "completed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


ALIVE = (RolloutState.RUNNING, RolloutState.WAITING, RolloutState.IN_REVIEW)
RESUMABLE = (RolloutState.FAILED, RolloutState.EXPIRED)


class LeftBecause(StrEnum):
    """Why a due certification is left to people instead of being assigned by itself."""

    SWITCHED_ON = "switched-on"
    RETURNED = "returned"
    HOLD_ENDED = "hold-ended"
    UNUSUALLY_MANY = "unusually-many"
    DATE_MOVED = "date-moved"
    UNDONE = "undone"


class MessageState(StrEnum):
    """Where one mail stands. ``sent``, ``failed`` and ``cancelled`` are its end; ``uncertain`` waits for an answer."""

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


class MailEvent(StrEnum):
    """What happened to one mail: an answer, what a person decided, what a bounce told, or that a backup was restored."""

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    UNTRIED = "untried"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    REDIRECTED = "redirected"
    RESOLVED_SENT = "resolved-sent"
    RESOLVED_RESEND = "resolved-resend"
    RESOLVED_DROP = "resolved-drop"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    RESTORED = "restored"


class MessageKind(StrEnum):
    """What a mail is about."""

    REVIEW_REQUEST = "review-request"
    START_CONFIRMATION = "start-confirmation"
    GATE_EXPIRED = "gate-expired"
    RENOTIFICATION = "renotification"
    RECERTIFICATION = "recertification"
    ASSIGNMENT = "assignment"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    ESCALATION_RESOLVED = "escalation-resolved"
    DIGEST = "digest"
    RETRACTION = "retraction"


class Role(StrEnum):
    """What a user may do. Roles add up; none includes another, but ``admin`` may read and set up everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Decision(StrEnum):
    """An approver's answer."""

    APPROVE = "approve"
    REJECT = "reject"


class Channel(StrEnum):
    """The door an answer came through."""

    COMMAND_LINE = "command-line"
    PREFECT = "prefect"
    CONSOLE = "console"


class StepSlug(StrEnum):
    """The steps' names for ever: keys of the ledger, of plans, and of task runs.

    The first block is the rollout checklist's; each of the others is an action, and the only step of its own rollout.
    """

    VERIFY_COMPLETION = "verify-completion"
    RENOTIFY_INCOMPLETE = "renotify-incomplete"
    SET_RECERTIFICATION_DATES = "set-recertification-dates"
    DISABLE_AUTOMATIC_RECERTIFICATION = "disable-automatic-recertification"
    RECERTIFY_DUE = "recertify-due"
    NOTIFY_LEARNERS = "notify-learners"

    RECERTIFY = "recertify"
    RENOTIFY = "renotify"
    DUE_DATE = "due-date"
    RECERTIFICATION_DATE = "recertification-date"
    NEXT_COURSE = "next-course"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    COMPLETE = "complete"
    RECOMPUTE_DATES = "recompute-dates"
    NEW_VERSION = "new-version"
    UNDO = "undo"
