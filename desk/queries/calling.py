"""The officer's work on absences, read once for its four pages: whom to call, N codes to settle, long illness, missing registers."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from desk.queries.chasing import Chasing, chasing_rules
from desk.queries.illness import Ill, long_illness
from desk.queries.registers import MissingRegister, missing_registers, n_codes
from desk.queries.ringing import Ring, State, ring_list
from desk.queries.roll import Place, Staff, places, roll
from desk.queries.settling import Settling, settling
from desk.queries.today import Choices, Filters, offered
from desk.queries.todo import Reader
from schools.access import Scope
from schools.models import School, User

ALL = "all"
STATES = (*State, ALL)


@dataclass(frozen=True)
class Chase:
    """``rings`` are all who are absent without a reason, in order; the filters' ``tab`` chooses those of one state."""

    schools: list[School]
    place: Place
    rules: Mapping[int, Chasing]
    rings: list[Ring]
    settling: list[Settling]
    ill: list[Ill]
    missing: list[MissingRegister]
    filters: Filters
    choices: Choices
    registers_are_in: bool

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by state, and of all."""
        found = Counter(str(ring.state) for ring in self.rings)
        return {**dict.fromkeys(map(str, State), 0), **found, ALL: len(self.rings)}

    @cached_property
    def shown(self) -> list[Ring]:
        return [ring for ring in self.rings if self.filters.tab in (ALL, ring.state)]

    @property
    def rows(self) -> list[tuple[int, Ring, str]]:
        """(place in the order, row, enrolment of the row after it or an empty string)."""
        enrolments = [*(str(ring.line.enrolment) for ring in self.shown), ""]
        return [(number, ring, enrolments[number]) for number, ring in enumerate(self.shown, start=1)]

    @property
    def unreached(self) -> list[Ring]:
        """Those about whom nobody could be reached and who have not been handed on."""
        return [ring for ring in self.rings if ring.nobody_reached and not ring.told]

    @property
    def n_codes(self) -> int:
        return sum(one.number for one in self.settling)

    @property
    def missing_by_school(self) -> list[tuple[School, list[MissingRegister]]]:
        by_school: dict[School, list[MissingRegister]] = defaultdict(list)
        for register in self.missing:
            by_school[register.school].append(register)
        return list(by_school.items())

    @property
    def first_day(self) -> list[str]:
        """What the schools' ladders ask for on the first day."""
        return sorted({rule.first_day for rule in self.rules.values() if rule.first_day})

    def ring_of(self, enrolment: int) -> Ring | None:
        return next((ring for ring in self.rings if ring.line.enrolment == enrolment), None)


def chase(
    *,
    scope: Scope,
    user: User,
    schools: Collection[School],
    on: dt.date,
    now: dt.datetime,
    filters: Filters,
    all_schools: Collection[School],
) -> Chase:
    """Over ``schools``, which the person may see. The number of statements does not depend on the number of pupils."""
    calendars, rules = places(schools, on), chasing_rules(schools, on)
    every_line = roll(scope, schools, on)
    reader = Reader(user, on, calendars, every_line, Staff(schools, on))
    lines = [line for line in every_line.values() if filters.keeps(line)]
    old = [code for code in n_codes(scope, calendars, every_line, on) if filters.keeps(code.line)]
    return Chase(
        schools=list(schools),
        place=calendars[next(iter(schools)).pk],
        rules=rules,
        rings=ring_list(reader, lines, rules, now),
        settling=settling(reader, old, rules),
        ill=long_illness(reader, lines, rules),
        missing=[register for register in missing_registers(reader, now) if filters.form in ("", register.form)],
        filters=filters,
        choices=offered(every_line.values(), all_schools),
        registers_are_in=any(calendars[line.school].is_school_day and line.codes(on) for line in every_line.values()),
    )
