"""While the demo is made nobody changes a calendar or a member of staff: what is read of them again and again is read once.

A real school reads its calendar and its staff anew for every letter, so that a change holds at once. A demo makes six thousand letters in
a minute, and a third of that minute would go into reading the same sixty rows. Used around the year of nights and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import schools.queries
from schools.models import School
from schools.schooldays import SchoolDays
from schools.staff import StaffDirectory

ROOMS = ("schools", "messaging", "attendance", "escalation", "casework", "letters", "demo")


@contextmanager
def calendars_and_staff_stand_still() -> Iterator[None]:
    """Inside, ``school_days`` and ``StaffDirectory.of`` answer from memory after the first time."""
    read_days, read_staff = schools.queries.school_days, StaffDirectory.__dict__["of"]
    _put_in_place(read_days, _remembered_days(read_days))
    StaffDirectory.of = _remembered_staff(StaffDirectory.of)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        _put_in_place(schools.queries.school_days, read_days)
        StaffDirectory.of = read_staff  # type: ignore[method-assign]


def _put_in_place(old: Callable[..., SchoolDays], new: Callable[..., SchoolDays]) -> None:
    """Wherever a module of ours has the name, it means the new function from now on."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ROOMS and getattr(module, "school_days", None) is old:
            module.school_days = new  # type: ignore[attr-defined]


def _remembered_days(read: Callable[..., SchoolDays]) -> Callable[..., SchoolDays]:
    known: dict[tuple[int, tuple[int, ...]], SchoolDays] = {}

    def school_days(school: School, years: Iterable[int]) -> SchoolDays:
        key = school.pk, tuple(sorted(years))
        if key not in known:
            known[key] = read(school, key[1])
        return known[key]

    return school_days


def _remembered_staff(read: Callable[[School, dt.date], StaffDirectory]) -> Callable[[School, dt.date], StaffDirectory]:
    known: dict[int, StaffDirectory] = {}

    def of(school: School, on: dt.date) -> StaffDirectory:
        if school.pk not in known:
            known[school.pk] = read(school, on)
        return known[school.pk]

    return of
