"""Who is on roll today, in which form, with which flags and marks; who of the staff has whom; and where today lies in a school's calendar.

Read once a page and handed to whatever lists pupils: three statements for any number of them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from django.db.models import Q

from attendance.codes import BY_CHARACTER
from attendance.grid import EMPTY_ROW, SESSIONS, academic_year_of, slot
from attendance.models import RegisterRow
from schools.access import Scope
from schools.models import Placement, PupilFlag, Role, School, StaffRole
from schools.queries import school_days
from schools.schooldays import SchoolDays

Key = tuple[int, int]
"""(pupil, school)"""


_slot = lru_cache(maxsize=1024)(slot)
"""A page asks for the same few sessions of every pupil."""


def in_force(on: dt.date) -> Q:
    """Dated rows that hold on ``on``."""
    return Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))


@dataclass(frozen=True, slots=True)
class RollLine:
    """A pupil on roll. ``marks`` is the register row of this academic year; ``flags`` are kinds that change how to act, gravest first."""

    enrolment: int
    pupil: int
    school: int
    name: str
    form: str
    year_group: int
    row: int | None = None
    marks: str = EMPTY_ROW
    flags: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.pupil, self.school

    def code(self, date: dt.date, session: str) -> str:
        """The national code of a session of this academic year, or an empty string where there is no mark."""
        known = BY_CHARACTER.get(self.marks[_slot(date, session)])
        return known.code if known else ""

    def codes(self, date: dt.date) -> list[str]:
        """The day's marks, morning first, without those still missing."""
        return [code for session in SESSIONS if (code := self.code(date, session))]


def roll(scope: Scope, schools: Collection[School], on: dt.date) -> dict[Key, RollLine]:
    """The pupils in scope on roll at ``schools``, by pupil and school, in order of name. Three statements."""
    rows = _rows(schools, on)
    flags = _flags(schools, on)
    enrolled = scope.enrolments.filter(in_force(on), school__in=schools)
    placements = Placement.objects.filter(in_force(on), enrolment__in=enrolled.values("pk")).select_related("enrolment__pupil")
    lines = {}
    for placement in placements.order_by(
        "enrolment__pupil__last_name", "enrolment__pupil__first_name", "enrolment__pupil", "starts"
    ):
        enrolment = placement.enrolment
        row, marks = rows.get(enrolment.pk, (None, EMPTY_ROW))
        line = RollLine(
            enrolment=enrolment.pk,
            pupil=enrolment.pupil_id,
            school=enrolment.school_id,
            name=enrolment.pupil.name,
            form=placement.form,
            year_group=placement.year_group,
            row=row,
            marks=marks,
            flags=flags.get(enrolment.pupil_id, ()),
        )
        lines[line.key] = line
    return lines


def _rows(schools: Collection[School], on: dt.date) -> dict[int, tuple[int, str]]:
    """(row, marks) by enrolment."""
    rows = RegisterRow.objects.filter(school__in=schools, year=academic_year_of(on))
    return {enrolment: (row, marks) for enrolment, row, marks in rows.values_list("enrolment", "pk", "marks")}


def _flags(schools: Collection[School], on: dt.date) -> dict[int, tuple[str, ...]]:
    """Kinds that change how to act, gravest first, by pupil."""
    order = list(PupilFlag.CHANGES_HOW_TO_ACT)
    flags = PupilFlag.objects.filter(in_force(on), kind__in=order, pupil__enrolments__school__in=schools)
    found: dict[int, set[str]] = defaultdict(set)
    for pupil, kind in flags.values_list("pupil", "kind"):
        found[pupil].add(kind)
    return {pupil: tuple(sorted(kinds, key=lambda kind: order.index(PupilFlag.Kind(kind)))) for pupil, kinds in found.items()}


@dataclass(frozen=True)
class Place:
    """A school on a day: its calendar of this academic year and where the day lies in it."""

    school: School
    on: dt.date
    days: SchoolDays

    @cached_property
    def is_school_day(self) -> bool:
        return self.days.index(self.on) is not None

    @property
    def last_week(self) -> dt.date | None:
        """The same weekday a week ago, where that was a school day of this academic year."""
        date = self.on - dt.timedelta(days=7)
        return date if self.days.index(date) is not None else None

    def age(self, date: dt.date) -> int:
        """School days from ``date`` to the day: 0 on the same, 1 on the next."""
        return max(self.days.first_after(self.on) - self.days.first_after(date), 0)

    def until_now(self) -> Iterable[dt.date]:
        """School days up to and including the day, newest first."""
        return reversed(self.days.dates[: self.days.first_after(self.on)])

    @property
    def where(self) -> str:
        """ "Day 16 of 35 in autumn 2", or when school begins again."""
        number = self.days.index(self.on)
        if number is None:
            following = self.days.first_after(self.on)
            if following >= len(self.days):
                return "No school today"
            date = self.days.dates[following]
            return f"No school today; the next school day is {date:%A} {date.day} {date:%B}"
        same = [place for place, half in enumerate(self.days.half_term) if half == self.days.half_term[number]]
        return f"Day {number - same[0] + 1} of {len(same)} in {self.days.days[number].half_term.lower()}"


def places(schools: Collection[School], on: dt.date) -> dict[int, Place]:
    """Each school's calendar by school; two statements a school."""
    return {school.pk: Place(school, on, school_days(school, [academic_year_of(on)])) for school in schools}


class Staff:
    """Who holds which role for which pupils, so that a list can name the person behind a role key. One statement."""

    def __init__(self, schools: Collection[School], on: dt.date) -> None:
        groups = {school.group_id for school in schools}
        at = Q(school__in=schools) | Q(school__isnull=True, group__in=groups)
        found = (
            StaffRole.objects.filter(at, in_force(on), user__is_active=True).select_related("user").order_by("user__name", "id")
        )
        self.roles: list[StaffRole] = list(found)
        self._by: dict[tuple[int | None, str], list[StaffRole]] = defaultdict(list)
        for held in self.roles:
            self._by[(held.school_id, held.role)].append(held)

    def holder(self, school: int, role: str, line: RollLine | None) -> StaffRole | None:
        """The role that covers the pupil, the one with the fewest years and forms first; None where nobody holds it."""
        covering = [held for held in self._by[(school, role)] or self._by[(None, role)] if _covers(held, line)]
        return min(covering, key=lambda held: (not held.forms, not held.year_groups), default=None)

    def at(self, school: int) -> list[StaffRole]:
        """Everyone to whom something at the school can be handed: one role a person, in order of name."""
        seen: dict[int, StaffRole] = {}
        for held in self.roles:
            if held.school_id == school and held.role not in {Role.GOVERNOR, Role.ADMINISTRATOR}:
                seen.setdefault(held.user_id, held)
        return list(seen.values())


def _covers(held: StaffRole, line: RollLine | None) -> bool:
    if line is None:
        return not held.year_groups and not held.forms
    in_years = not held.year_groups or line.year_group in held.year_groups
    return in_years and (not held.forms or line.form in held.forms)
