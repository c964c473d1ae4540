"""What each kind of mail may speak of: one declaration; strictness, samples and the table in docs follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from mail.headers import one_line


class Sort(StrEnum):
    """What a variable holds, as the writer of a wording sees it."""

    TEXT = "text"
    DAY = "day"  # `2027-01-18` in a wording; the filter `day` says it in words
    NUMBER = "number"
    YES_OR_NO = "yes or no"
    WEB_ADDRESS = "web address"
    PAIR = "pair"  # two values, `{% for label, value in … %}`


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing that a wording may name: ``courses[].title`` is the title of each of the courses.

    *may_be_empty* is true of a text, address or day that can be "", of a yes or no, and of a list (``summary[]``) without
    lines.
    """

    path: str
    sort: Sort
    meaning: str
    example: Any
    may_be_empty: bool = False

    @property
    def top(self) -> str:
        """The name that a wording begins with: ``courses``."""
        return self.path.split(".", 1)[0].removesuffix("[]")

    @property
    def inner(self) -> str:
        """The name after the dot: ``title``; empty where there is none."""
        return self.path.partition(".")[2]


EXAMPLE_CODE = "7KQF-M2TD-9XWP-4RHC"

EVERYWHERE = (
    Variable("organisation", Sort.TEXT, "the organisation's name", "Acme, Inc."),
    Variable("language", Sort.TEXT, "the language of the wording, for the HTML part's `lang`", "en"),
)
TO_LEARNERS = (
    Variable("learner.first_name", Sort.TEXT, "the learner's first name", "Zoë", may_be_empty=True),
    Variable("learner.last_name", Sort.TEXT, "the learner's last name", "O'Brien", may_be_empty=True),
    Variable("courses[].title", Sort.TEXT, "a course's title", "Preventing Harassment & <Bias>"),
    Variable("courses[].due_on", Sort.DAY, "the day by which it must be finished", date(2026, 12, 18)),
    Variable(
        "courses[].link",
        Sort.WEB_ADDRESS,
        "where to click; empty where neither the course nor the settings say it",
        "https://lms.example.org/c?a=1&b=2",
        may_be_empty=True,
    ),
    Variable("contact", Sort.TEXT, "whom to write to; empty: answer this mail", "help@example.org", may_be_empty=True),
)
_LED = (
    Variable("learner.known_as", Sort.TEXT, "whom it is about: name, else address, else Employee ID", "Zoë O'Brien"),
    Variable("courses[].title", Sort.TEXT, "a course's title", "Preventing Harassment & <Bias>"),
    Variable("contact", Sort.TEXT, "whom to write to; empty: answer this mail", "help@example.org", may_be_empty=True),
)
_COUNTS_AGAIN = Variable(
    "courses[].due_on",
    Sort.DAY,
    "the Due Date that counts again, empty where there was none; of a withdrawn course the one that counts no more",
    date(2026, 12, 18),
    may_be_empty=True,
)
_WITHDRAWN = Variable(
    "courses[].withdrawn", Sort.YES_OR_NO, "whether the assignment was taken back", example=True, may_be_empty=True
)
_RETRACTED = tuple([_COUNTS_AGAIN if each.path == _COUNTS_AGAIN.path else each for each in TO_LEARNERS])
_PAST_DUE = Variable(
    "courses[].past_due", Sort.YES_OR_NO, "whether that day has passed", example=True, may_be_empty=True
)
_WAS_DUE = Variable("courses[].due_on", Sort.DAY, "the day by which it was to be finished", date(2026, 11, 18))
_COMPLETED = Variable("courses[].completed_on", Sort.DAY, "the day on which it was completed", date(2026, 11, 20))
_ROLLOUT = (
    Variable("rollout.id", Sort.NUMBER, "the rollout's number", 7),
    Variable("rollout.name", Sort.TEXT, "the rollout's name", "annual-2027"),
)
_STEP = (
    Variable("step.slug", Sort.TEXT, "the step's fixed name", "renotify-incomplete"),
    Variable("step.title", Sort.TEXT, "what the step does", "Notify again who has not completed"),
)


def _answering(command: str) -> tuple[Variable, ...]:
    return (
        Variable("commands[]", Sort.TEXT, "lines to paste into a terminal", command, may_be_empty=True),
        Variable(
            "links[]",
            Sort.PAIR,
            "(words, web address) of the places to look at it",
            ("Run page", "http://127.0.0.1:4200/runs/flow-run/1"),
            may_be_empty=True,
        ),
    )


_CODE = Variable("code", Sort.TEXT, "the reader's one-time code", EXAMPLE_CODE)
_PERSON = Variable("person.name", Sort.TEXT, "the reader's name", "Olive")
_REVIEW = (
    Variable("approver.name", Sort.TEXT, "the reader's name", "Grace"),
    *_ROLLOUT,
    *_STEP,
    Variable("step.number", Sort.NUMBER, "the step's place in the checklist", 2),
    Variable("requested_by", Sort.TEXT, "who asked for the rollout", "olive@example.org"),
    Variable(
        "summary[]",
        Sort.TEXT,
        "what to look at first, the gravest first",
        "12 are past due, the longest since 2026-10-01",
        may_be_empty=True,
    ),
    Variable(
        "counts[]",
        Sort.PAIR,
        "(outcome in words, number)",
        ("get a new Due Date and are told again", 12345),
        may_be_empty=True,
    ),
    Variable("last_day", Sort.DAY, "the last day to answer", date(2026, 11, 30)),
    _CODE,
    Variable("digest", Sort.TEXT, "the fingerprint of the list", "ab" * 32),
    *_answering(f"recert rollout approve 7 --as grace@example.org --code {EXAMPLE_CODE}"),
    Variable("attached", Sort.YES_OR_NO, "whether the exact list goes with the mail", example=True, may_be_empty=True),
    Variable(
        "caught",
        Sort.YES_OR_NO,
        "whether mail is being caught, so that nobody receives it",
        example=True,
        may_be_empty=True,
    ),
)

_DIGEST = (
    _PERSON,
    Variable("week_from", Sort.DAY, "the Monday of the week to come", date(2026, 11, 30)),
    Variable("week_to", Sort.DAY, "its Sunday", date(2026, 12, 6)),
    Variable(
        "renewals[]",
        Sort.PAIR,
        "(learner and training type, Recertification Date) in that week; the first fifty",
        ("Zoë O'Brien, code-of-conduct", date(2026, 12, 1)),
        may_be_empty=True,
    ),
    Variable("renewals_in_all", Sort.NUMBER, "how many there are", 1),
    Variable(
        "past_due[]",
        Sort.PAIR,
        "(learner and course, Due Date) that became past due in the last seven days; the first fifty",
        ("Ann Lee, Preventing Harassment", date(2026, 11, 18)),
        may_be_empty=True,
    ),
    Variable("past_due_in_all", Sort.NUMBER, "how many there are", 1),
    Variable(
        "unreachable[]",
        Sort.PAIR,
        "(learner, why no mail reaches them); the first fifty",
        ("Bo Ng", "no address"),
        may_be_empty=True,
    ),
    Variable("unreachable_in_all", Sort.NUMBER, "how many there are", 1),
    Variable("left_to_people", Sort.NUMBER, "how many are due and not assigned by themselves", 12),
)

KINDS: Mapping[str, tuple[Variable, ...]] = {
    "renotification": (*TO_LEARNERS, *EVERYWHERE),
    "recertification": (*TO_LEARNERS, *EVERYWHERE),
    "assignment": (*TO_LEARNERS, *EVERYWHERE),
    "reminder": (*TO_LEARNERS, _PAST_DUE, *EVERYWHERE),
    "retraction": (*_RETRACTED, _WITHDRAWN, *EVERYWHERE),
    "escalation": (*_LED, _WAS_DUE, *EVERYWHERE),
    "escalation-resolved": (*_LED, _COMPLETED, *EVERYWHERE),
    "review-request": (*_REVIEW, *EVERYWHERE),
    "digest": (*_DIGEST, *EVERYWHERE),
    "start-confirmation": (_PERSON, *_ROLLOUT, _CODE, *_answering("recert rollout show 7"), *EVERYWHERE),
    "gate-expired": (
        _PERSON,
        *_ROLLOUT,
        *_STEP,
        *_answering("recert rollout resume 7 --as olive@example.org"),
        *EVERYWHERE,
    ),
}
# What can be shown with the courses of a learner who gets it.
TO_A_LEARNER = tuple([kind for kind, variables in KINDS.items() if TO_LEARNERS[0] in variables])
# Lines that stand in the text part in every language and wording, for those who read mail by program.
FIXED_LINES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "review-request": (("Step", "step.slug"), ("Code", "code")),
    "start-confirmation": (("Code", "code"),),
}


def samples(kind: str) -> Iterator[dict[str, Any]]:
    """Yield facts that a wording of *kind* must be able to render: one of each list, three, three on one day, bare."""
    yield _sample(kind, 1)
    yield _sample(kind, 3)
    yield _sample(kind, 3, spread=0)
    yield _sample(kind, 1, bare=True)


def cleaned(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Make facts plain: every text on one line, days as ``2027-01-18``, and no course's link but a web address.

    So a name cannot write a line of a letter, and no wording finds an object to reach into.
    """
    plain = {name: _plain(value) for name, value in facts.items()}
    for course in plain.get("courses", ()):
        if "link" in course and not is_web_address(course["link"]):
            course["link"] = ""
    return plain


def is_web_address(link: object) -> bool:
    """Whether *link* may become a link: it comes from an imported file, so it could be ``javascript:`` and the like."""
    return isinstance(link, str) and link.lower().startswith(("https://", "http://"))


def _plain(value: Any) -> Any:
    match value:
        case str():
            return one_line(value)
        case dict() | Mapping():  # the second test alone would cost more than all the others
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return tuple([_plain(inner) for inner in value])
        case bool() | int():
            return value
        case date():
            return value.isoformat()
    raise ValueError(f"{type(value).__name__} is no fact for a letter")


def table(kind: str) -> str:
    """Return the Markdown table of *kind*'s variables, as it stands in docs/wording.md."""
    lines = ["| variable | holds | what it is |", "|---|---|---|"]
    for variable in KINDS[kind]:
        sort = (
            f"{variable.sort}, may be empty"
            if variable.may_be_empty and variable.sort != Sort.YES_OR_NO
            else variable.sort
        )
        lines.append(f"| `{variable.path}` | {sort} | {variable.meaning} |")
    return "\n".join(lines)


def _sample(kind: str, length: int, *, spread: int = 7, bare: bool = False) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for variable in KINDS[kind]:
        examples = [_example(variable, number, spread, bare=bare) for number in range(length)]
        if variable.path.endswith("[]"):
            facts[variable.top] = [] if bare and variable.may_be_empty else examples
        elif variable.path.startswith(f"{variable.top}[]"):
            items = facts.setdefault(variable.top, [{} for _ in examples])
            for item, example in zip(items, examples, strict=True):
                item[variable.inner] = example
        elif variable.inner:
            facts.setdefault(variable.top, {})[variable.inner] = examples[0]
        else:
            facts[variable.top] = examples[0]
    return facts


def _example(variable: Variable, number: int, spread: int, *, bare: bool) -> Any:
    match variable.example:
        case bool() as yes:
            return yes and not bare and number % 2 == 0
        case date() if bare and variable.may_be_empty:
            return ""
        case date() as day:
            return day + timedelta(days=number * spread)
        case str() if bare and variable.may_be_empty:
            return ""
        case str() as words if number and variable.sort is Sort.TEXT:
            return f"{words} {number + 1}"
    return variable.example
