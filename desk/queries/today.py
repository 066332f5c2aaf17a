"""The attendance officer's Today: what must be done, in what order. Everything is read once, for the schools of the person's scope.

The number of statements does not depend on the number of pupils: about thirty, and one more for each further school's calendar.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from urllib.parse import urlencode

from attendance.models import ImportBatch
from desk.queries.chasing import chasing_rules
from desk.queries.clocks import clock_due
from desk.queries.done import DoneToday, done_today
from desk.queries.due import Due, due_items
from desk.queries.exceptions import Trouble, troubles
from desk.queries.illness import Ill, long_illness
from desk.queries.leave import leave_due
from desk.queries.news import News, news_of_the_night
from desk.queries.registers import RegistersNow, n_codes, natural, registers_now
from desk.queries.ringing import Ring, State, ring_list
from desk.queries.roll import Place, RollLine, Staff, places, roll
from desk.queries.settling import NCodes, ageing, first_names
from desk.queries.todo import Owner, Reader, what_is_open
from desk.queries.waiting import Waiting, waiting_for_others
from desk.words import year_name
from schools.access import Scope
from schools.models import PupilFlag, School, User

TABS = ("ring", "new", "due", "waiting", "exceptions")
SHOWN = {"ring": 9, "new": 6, "due": 8, "waiting": 6, "exceptions": 5}
"""Rows of each list on the overview; a tab shows all of its own."""
OVERDUE_SHOWN = 4
"""Of the rows of Due, so many at most may be overdue: what is for today must not be pushed off the page."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for, so that a view can be bookmarked. Empty means all."""

    school: str = ""
    year: str = ""
    form: str = ""
    flag: str = ""
    owner: str = ""
    tab: str = "ring"

    @property
    def query(self) -> str:
        """The address's query without the tab, ending in & where it is not empty: more can be added to it."""
        chosen = [(name, getattr(self, name)) for name in ("school", "year", "form", "flag", "owner")]
        text = urlencode([(name, value) for name, value in chosen if value])
        return f"{text}&" if text else ""

    @property
    def with_tab(self) -> str:
        return self.query if self.tab == "ring" else f"{self.query}tab={self.tab}&"

    @property
    def narrows(self) -> bool:
        return bool(self.year or self.form or self.flag)

    def keeps(self, line: RollLine | None) -> bool:
        """Whether a pupil's item is asked for; of a pupil who has left only while nothing is narrowed."""
        if line is None:
            return not self.narrows
        right_year = not self.year or str(line.year_group) == self.year
        right_form = not self.form or line.form == self.form
        return right_year and right_form and (not self.flag or self.flag in line.flags)

    def keeps_owner(self, owner: Owner) -> bool:
        return not self.owner or owner.is_mine or (self.owner == "mine-and-nobodys" and owner.is_nobodys)


@dataclass(frozen=True, slots=True)
class Choices:
    """What each filter offers: (value, words)."""

    schools: list[tuple[str, str]]
    years: list[tuple[str, str]]
    forms: list[tuple[str, str]]
    flags: list[tuple[str, str]]
    owners: list[tuple[str, str]]


@dataclass(frozen=True)
class Today:
    place: Place
    schools: list[School]
    registers: RegistersNow
    target: Decimal | None
    last_import: ImportBatch | None
    calling: list[Ring]
    news: list[News]
    last_night: dt.date | None
    n_codes: list[NCodes]
    ill: list[Ill]
    due: list[Due]
    waiting: list[Waiting]
    troubles: list[Trouble]
    done: DoneToday
    choices: Choices
    filters: Filters
    pupils: int

    @cached_property
    def ring(self) -> list[Ring]:
        """Whom to ring this moment."""
        return [ring for ring in self.calling if ring.state == State.RING]

    @property
    def to_text(self) -> str:
        """Whom a text may go about, as an address names them: those to ring who are not among the first and were not tried today."""
        return ",".join(
            str(ring.line.pupil) for ring in self.ring if not ring.is_first and not ring.tries_today and ring.contacts
        )

    @property
    def not_now(self) -> str:
        """ "2 expected back, 1 to try again later, 3 reached today": those of the calling list who need no call this moment."""
        counts = Counter(ring.state for ring in self.calling)
        words = {
            State.LATER: "to try again later",
            State.EXPECTED: "expected back",
            State.REACHED: "reached today, no reason yet",
        }
        return ", ".join(f"{counts[state]} {text}" for state, text in words.items() if counts[state])

    @property
    def ill_names(self) -> str:
        return first_names([ill.line for ill in self.ill])

    @property
    def counts(self) -> dict[str, int]:
        return {
            "ring": len(self.ring),
            "new": len(self.news),
            "due": len(self.due) + len(self.n_codes) + bool(self.ill),
            "waiting": sum(item.letters for item in self.waiting if not item.owner.is_mine),
            "exceptions": len(self.troubles),
        }

    @property
    def overdue(self) -> int:
        return sum(item.late > 0 for item in self.due)

    @property
    def limits(self) -> dict[str, int]:
        """How many rows of each list stand on the page: on its own tab all of them."""
        return {name: 10_000 if self.filters.tab == name != "ring" else shown for name, shown in SHOWN.items()}

    @property
    def news_shown(self) -> list[News]:
        return self.news[: self.limits["new"]]

    @property
    def waiting_shown(self) -> list[Waiting]:
        return self.waiting[: self.limits["waiting"]]

    @property
    def troubles_shown(self) -> list[Trouble]:
        return self.troubles[: self.limits["exceptions"]]

    @property
    def overdue_items(self) -> list[Due]:
        return [item for item in self.due if item.late][: self.limits["due"] if self.filters.tab == "due" else OVERDUE_SHOWN]

    @property
    def coming_items(self) -> list[Due]:
        room = max(self.limits["due"] - len(self.overdue_items) - len(self.n_codes) - bool(self.ill), 0)
        return [item for item in self.due if not item.late][:room]

    @property
    def more_due(self) -> int:
        return len(self.due) - len(self.overdue_items) - len(self.coming_items)

    @property
    def ring_rows(self) -> list[tuple[int, Ring, str]]:
        """(place in the order, row, enrolment of the row after it or an empty string)."""
        following = [str(ring.line.enrolment) for ring in self.ring[1:]] + [""]
        return [(number, ring, after) for number, (ring, after) in enumerate(zip(self.ring, following, strict=True), start=1)]

    @property
    def points_to_target(self) -> float | None:
        now = self.registers.now.points
        return None if now is None or self.target is None else now - float(self.target)


def today(
    *,
    scope: Scope,
    user: User,
    schools: Collection[School],
    on: dt.date,
    now: dt.datetime,
    filters: Filters,
    all_schools: Collection[School],
) -> Today:
    """Today over ``schools``, which the person may see, as it stands at ``now``."""
    calendars = places(schools, on)
    every_line = roll(scope, schools, on)
    lines = [line for line in every_line.values() if filters.keeps(line)]
    reader = Reader(user, on, calendars, every_line, Staff(schools, on))
    opened, rules = what_is_open(schools, on), chasing_rules(schools, on)
    calling = ring_list(reader, lines, rules, now)
    n_left = [code for code in n_codes(scope, calendars, every_line, on) if filters.keeps(code.line)]
    return Today(
        place=calendars[next(iter(schools)).pk],
        schools=list(schools),
        registers=registers_now(calendars, lines),
        target=_common_target(schools),
        last_import=opened.last_import,
        calling=calling,
        news=[
            item
            for item in news_of_the_night(reader, opened)
            if filters.keeps(item.about.line) and filters.keeps_owner(item.owner)
        ],
        last_night=max(opened.last_nights.values(), default=None),
        n_codes=ageing(reader, n_left, rules),
        ill=[ill for ill in long_illness(reader, lines, rules) if ill.is_due],
        due=[
            item
            for item in due_items(reader, opened, [*leave_due(reader), *clock_due(reader)])
            if filters.keeps(item.about.line) and filters.keeps_owner(item.owner)
        ],
        waiting=waiting_for_others(reader, opened.drafts),
        troubles=[item for item in troubles(reader, opened, calling) if item.about is None or filters.keeps(item.about.line)],
        done=done_today(reader),
        choices=offered(every_line.values(), all_schools),
        filters=filters,
        pupils=len(lines),
    )


def _common_target(schools: Collection[School]) -> Decimal | None:
    """The attendance target in %, where all the schools have the same."""
    targets = {school.target for school in schools}
    return targets.pop() if len(targets) == 1 else None


def offered(lines: Collection[RollLine], schools: Collection[School]) -> Choices:
    """What the filters of a page over these pupils and schools offer."""
    flags = {flag for line in lines for flag in line.flags}
    return Choices(
        schools=[(school.urn, school.short_name or school.name) for school in schools] if len(schools) > 1 else [],
        years=[(str(year), year_name(year)) for year in sorted({line.year_group for line in lines})],
        forms=[(form, form) for form in sorted({line.form for line in lines}, key=natural)],
        flags=[(kind.value, kind.label) for kind in PupilFlag.CHANGES_HOW_TO_ACT if kind in flags],
        owners=[("mine-and-nobodys", "Mine and nobody’s"), ("mine", "Mine")],
    )
