"""A made-up organisation of any size as three CSV files: for the demo, for tests, and for measuring.

Everybody in it is invented and every address lies in a reserved domain. Learner number n is made from the seed and n
alone and written at once, so a million learners need no more memory than ten.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from models.dates import add_months

COURSE_HEADER = ("Course Code", "Title", "Training Type", "Frequency Months", "Successor", "Retired On", "Link")
LEARNER_HEADER = (
    "Email", "Employee ID", "First Name", "Last Name", "Department", "Location", "Role", "Manager Email", "Language",
    "Status", "Time Zone",
)  # fmt: skip
HISTORY_HEADER = (
    "Email", "Employee ID", "Course Code", "Assigned Date", "Due Date", "Completed Date", "Progress",
    "Recertification Date",
)  # fmt: skip
DUE_IN_DAYS = 30
LEAP_DAY = 29
TEAM = 9  # one leads the eight who follow
DOMAINS = ("example.com", "example.org", "staff.example.net")
LINK = "https://learning.example.org/"


class Place(NamedTuple):
    """An office: its region decides which version of a course is taken there."""

    location: str
    region: str
    time_zone: str
    share: int


class People(NamedTuple):
    """Names of one language, each with the letters it has in an address."""

    language: str
    share: int
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]


Weighed = TypeVar("Weighed", Place, People)

PLACES = (
    Place("Los Angeles", "CA", "America/Los_Angeles", 20),
    Place("Oakland, California", "CA", "America/Los_Angeles", 9),
    Place("Brooklyn", "NY", "America/New_York", 17),
    Place("Denver", "INT", "America/Denver", 14),
    Place("Montréal", "INT", "America/Toronto", 10),
    Place("Lisboa", "EU", "Europe/Lisbon", 9),
    Place("Kraków", "EU", "Europe/Warsaw", 8),
    Place("大阪", "INT", "Asia/Tokyo", 6),
    Place("", "INT", "", 7),  # works from anywhere
)
DEPARTMENTS = (
    "Workshop", "Warehouse", "Field Service", "Accounts", "Purchasing", "R&D", "Sales, Retail", "Help Desk", "",
)  # fmt: skip
PEOPLE = (
    People("en", 38,
           (("Hannah", "hannah"), ("Tom", "tom"), ("Ruth-Anne", "ruth-anne"), ("Idris", "idris"), ("Bo", "bo"),
            ("Caoimhe", "caoimhe"), ("Winston", "winston"), ("None", "none")),
           (("Walker", "walker"), ("O'Connor", "oconnor"), ("D\u2019Souza", "dsouza"), ("St. Clair", "st.clair"),
            ("Fitzgerald-Whyte", "fitzgerald-whyte"), ("Ng", "ng"), ("False", "false"), ("Mc Bride", "mcbride"))),
    People("fr", 11, (("Amélie", "amelie"), ("Benoît", "benoit"), ("Loi\u0308c", "loic")),
           (("Bélanger", "belanger"), ("L'Écuyer", "lecuyer"), ("Cœur", "coeur"))),
    People("pt", 10, (("Inês", "ines"), ("Simão", "simao"), ("Maria da Luz", "mariadaluz")),
           (("Magalhães", "magalhaes"), ("Conceição e Silva", "conceicao"))),
    People("pl", 9, (("Małgorzata", "malgorzata"), ("Grześ", "grzes")),
           (("Żółć", "zolc"), ("Szczęsny", "szczesny"))),
    People("de", 7, (("Jörg", "joerg"), ("Bärbel", "baerbel")), (("Groß", "gross"), ("von Übel", "vonuebel"))),
    People("es", 7, (("Ñuflo", "nuflo"), ("Belén", "belen")), (("Yáñez", "yanez"), ("Muñoz Cea", "munoz"))),
    People("ja", 5, (("翔太", "shota"), ("さくら", "sakura")), (("渡邉", "watanabe"), ("小林", "kobayashi"))),
    People("zh", 4, (("秀英", "xiuying"), ("磊", "lei")), (("陈", "chen"), ("諸葛", "zhuge"))),
    People("ar", 3, (("ليلى", "layla"), ("يوسف", "yusuf")), (("النجار", "alnajjar"), ("بن سعيد", "bensaid"))),
    People("hi", 2, (("आरव", "aarav"),), (("गुप्ता", "gupta"),)),
    People("uk", 2, (("Олеся", "olesia"),), (("Ївженко", "yivzhenko"),)),
    People("tr", 2, (("Çağlayan", "caglayan"), ("İpek", "ipek")), (("Ağaoğlu", "agaoglu"),)),
)  # fmt: skip


class Organisation:
    """The organisation of one *seed*, as it stands on *today*.

    Args:
        seed: another one makes other people.
        today: completions lie before it, open assignments around it.
    """

    def __init__(self, seed: int, today: date) -> None:
        self.seed, self.today = seed, today
        self._retired = {"COC-1": add_months(today, -15), "IS-LAB": add_months(today, -20)}

    def courses(self) -> Iterator[tuple[str, ...]]:
        """Each course: versions by region and role, one succeeded, one retired for good, one that is never repeated."""
        for region, name, months in (("CA", "California", 24), ("NY", "New York", 12), ("INT", "International", 12)):
            for role, who in (("LEAD", "for those who lead"), ("TEAM", "for everybody")):
                title = f"Preventing Harassment, {name}, {who}"
                yield self._course(f"PH-{region}-{role}", title, "harassment-prevention", months)
        yield self._course("COC-2", "Our Code of Conduct", "code-of-conduct", 12)
        yield self._course("COC-1", "Our Code of Conduct (first edition)", "code-of-conduct", 12, "COC-2")
        yield self._course("IS-1", "Information Security", "information-security", 12)
        yield self._course("IS-LAB", "Information Security in the Laboratory", "information-security", 12)
        yield self._course("FS-1", "Fire Safety", "fire-safety", None)

    def learner(self, number: int) -> list[str]:
        """The row of learner *number*, counted from 0."""
        dice = self._dice("learner", number)
        email, first, last, language = self._person(number)
        place = _weighted(dice, PLACES)
        leads = number % TEAM == 0
        status = "Active" if _of_hundred(dice, 96.5) else dice.choice(("Terminated", "Inactive"))
        return [
            email, f"{number + 1:06d}", first, last, dice.choice(DEPARTMENTS), place.location,
            "supervisor" if leads or _of_hundred(dice, 4) else "non-supervisor", self._manager(number),
            language if _of_hundred(dice, 80) else "en", status, place.time_zone,
        ]  # fmt: skip

    def history(self, number: int, learner: Sequence[str]) -> Iterator[list[str]]:
        """What learner *number* was assigned and completed, the older first; nothing for a few newcomers."""
        dice = self._dice("history", number)
        if _of_hundred(dice, 2.5):
            return
        region = next(place.region for place in PLACES if place.location == learner[5])
        for course, months in self._taken(dice, region, learner[6] == "supervisor"):
            is_open, earlier = _of_hundred(dice, 13), months is not None and _of_hundred(dice, 35)
            assigned = self._assigned(dice, is_open=is_open)
            if earlier:
                before = add_months(assigned, -(months or 0)) - timedelta(days=dice.randrange(25))
                yield [*learner[:2], *self._completed(dice, course, before, newest=False)]
            line = self._open(dice, course, assigned) if is_open else self._completed(dice, course, assigned)
            yield [*learner[:2], *line]

    def _course(self, code: str, title: str, kind: str, months: int | None, successor: str = "") -> tuple[str, ...]:
        retired = self._retired[code].isoformat() if code in self._retired else ""
        return code, title, kind, str(months or ""), successor, retired, LINK + code.lower()

    def _dice(self, purpose: str, number: int) -> Random:
        return Random(f"{self.seed} {purpose} {number}")  # noqa: S311 - a play, no secret

    def _person(self, number: int) -> tuple[str, str, str, str]:
        """E-mail (empty for one in fifty), first and last name, language."""
        dice = self._dice("person", number)
        people = _weighted(dice, PEOPLE)
        (first, first_letters), (last, last_letters) = dice.choice(people.first), dice.choice(people.last)
        email = f"{first_letters}.{last_letters}{number + 1}@{dice.choice(DOMAINS)}"
        if _of_hundred(dice, 2):
            email = ""
        elif _of_hundred(dice, 1):
            email = email.upper()
        return email, first, last, people.language

    def _manager(self, number: int) -> str:
        leader = number - number % TEAM or number
        return self._person(leader)[0] if leader != number else ""

    def _taken(self, dice: Random, region: str, leads: bool) -> Iterator[tuple[str, int | None]]:
        """The courses this person takes, with their frequencies in months."""
        version = region if region in ("CA", "NY") else "INT"
        yield f"PH-{version}-{'LEAD' if leads else 'TEAM'}", 24 if version == "CA" else 12
        yield "COC-2", 12
        if _of_hundred(dice, 80):
            yield "IS-1", 12
        if _of_hundred(dice, 50):
            yield "FS-1", None

    def _assigned(self, dice: Random, *, is_open: bool) -> date:
        """The assigned day of the newest assignment; now and then the end of a month, or 29 February."""
        if is_open:
            late = _of_hundred(dice, 30)
            return self._before(dice, DUE_IN_DAYS + 1, 140) if late else self._before(dice, 0, DUE_IN_DAYS)
        day = self._before(dice, 400, 900) if _of_hundred(dice, 15) else self._before(dice, 35, 400)
        if _of_hundred(dice, 5):
            return day.replace(day=1) - timedelta(days=1)
        return _leap_day(day) if _of_hundred(dice, 1) else day

    def _before(self, dice: Random, least: int, most: int) -> date:
        return self.today - timedelta(days=dice.randrange(least, most))

    def _completed(self, dice: Random, course: str, assigned: date, *, newest: bool = True) -> list[str]:
        """A completed line: mostly in time, sometimes late, now and then with a Recertification Date set by hand."""
        late = _of_hundred(dice, 12)
        days = dice.randrange(DUE_IN_DAYS + 1, DUE_IN_DAYS + 60) if late else dice.randrange(DUE_IN_DAYS)
        completed = min(assigned + timedelta(days=days), self.today)
        own = ""
        if newest and course != "FS-1" and _of_hundred(dice, 1.2):
            own = (self.today + timedelta(days=dice.randrange(-15, 300))).isoformat()
        due = assigned + timedelta(days=DUE_IN_DAYS)
        return [
            self._edition(dice, course, completed),
            assigned.isoformat(),
            due.isoformat(),
            completed.isoformat(),
            "100",
            own,
        ]

    def _edition(self, dice: Random, course: str, completed: date) -> str:
        """The version of *course* that was taken on that day."""
        if course == "COC-2" and completed <= self._retired["COC-1"]:
            return "COC-1"
        in_laboratory = course == "IS-1" and completed <= self._retired["IS-LAB"] and _of_hundred(dice, 25)
        return "IS-LAB" if in_laboratory else course

    def _open(self, dice: Random, course: str, assigned: date) -> list[str]:
        progress = 0 if _of_hundred(dice, 50) else dice.randrange(1, 100)
        due = assigned + timedelta(days=DUE_IN_DAYS)
        return [course, assigned.isoformat(), due.isoformat(), "", str(progress), ""]


def write_sample(folder: Path, *, learners: int = 200, seed: int = 1, today: date) -> None:
    """Write ``courses.csv``, ``learners.csv`` and ``history.csv`` into *folder*, which is made if need be.

    Args:
        folder: where to.
        learners: how many; the same arguments give the same files.
        seed: another one makes other people.
        today: the day the organisation stands on; import with this day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Organisation(seed, today)
    _write(folder / "courses.csv", COURSE_HEADER, made.courses())
    _write(folder / "learners.csv", LEARNER_HEADER, map(made.learner, range(learners)))
    lines = (line for number in range(learners) for line in made.history(number, made.learner(number)))
    _write(folder / "history.csv", HISTORY_HEADER, lines)


def _write(path: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _weighted(dice: Random, items: tuple[Weighed, ...]) -> Weighed:
    return dice.choices(items, [item.share for item in items])[0]


def _of_hundred(dice: Random, so_many: float) -> bool:
    return dice.random() * 100 < so_many


def _leap_day(day: date) -> date:
    """The last 29 February before or on *day*; they lie at most eight years apart."""
    ends = (date(year, 3, 1) - timedelta(days=1) for year in range(day.year, day.year - 9, -1))
    return next(end for end in ends if end.day == LEAP_DAY and end <= day)
