"""Ten unauthorised sessions in ten school weeks: the very marks, week by week, for one child and any day. Plain Python, no clock.

A school week is a Monday-Sunday week with at least one school day; holiday weeks use nothing of the window, which may cross terms and
years. Source: Working together to improve school attendance, chapter 6; read as the national ruleset reads it (`penalty-threshold`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from attendance.codes import PENALTY_CODES

Place = tuple[dt.date, str]
"""A session: its day, and "AM" or "PM"."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A session's mark; ``place`` names the earlier school where it was not made at this one."""

    date: dt.date
    session: str
    code: str
    place: str = ""

    @property
    def key(self) -> Place:
        return self.date, self.session


@dataclass(frozen=True, slots=True)
class Counted:
    """A mark that counts. ``used_by``: number of the ground that rests on it already, or None."""

    mark: Mark
    used_by: int | None = None

    @property
    def is_free(self) -> bool:
        return self.used_by is None


@dataclass(frozen=True, slots=True)
class Week:
    """One school week of the window. ``marks``: all of its marks, by session; ``counted``: those that count; ``so_far``: free ones up to
    and with this week. ``skipped``: how many weeks without school lie between it and the school week before."""

    monday: dt.date
    school_days: tuple[dt.date, ...]
    marks: Mapping[Place, Mark]
    counted: tuple[Counted, ...]
    so_far: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Window:
    on: dt.date
    weeks: tuple[Week, ...]
    threshold: int

    @property
    def counted(self) -> list[Counted]:
        return [one for week in self.weeks for one in week.counted]

    @property
    def free(self) -> list[Counted]:
        """Those that no ground rests on: only these can carry a request."""
        return [one for one in self.counted if one.is_free]

    @property
    def total(self) -> int:
        return len(self.counted)

    @property
    def still_n(self) -> int:
        """How many of the free ones are N: they may yet turn out to have a reason."""
        return sum(one.mark.code == "N" for one in self.free)

    @property
    def is_reached(self) -> bool:
        return len(self.free) >= self.threshold

    @property
    def missing(self) -> int:
        """Free sessions short of the threshold; 0 where it is reached."""
        return max(self.threshold - len(self.free), 0)

    @property
    def starts(self) -> dt.date:
        return self.weeks[0].monday if self.weeks else self.on

    @property
    def by_code(self) -> dict[str, int]:
        """Free sessions by code, in the order G, N, O, U."""
        codes = [one.mark.code for one in self.free]
        return {code: codes.count(code) for code in PENALTY_CODES if code in codes}


def window(
    *,
    on: dt.date,
    school_days: Iterable[dt.date] | Mapping[dt.date, Iterable[dt.date]],
    marks: Iterable[Mark],
    used: Mapping[Place, int],
    weeks: int,
    threshold: int,
    counts: Callable[[dt.date], bool],
) -> Window:
    """The last ``weeks`` school weeks up to and with the week of ``on``.

    ``school_days``: the school's calendar, earlier schools' days included, in any order and past ``on`` too, or as ``by_week`` has it.
    ``marks``: the first of two for one session stands. ``used``: sessions that a ground rests on. ``counts(day)``: whether a session of
    that day can count at all (the child is of compulsory school age and the national framework is in force). Later marks do not exist.
    """
    days_of = by_week(school_days) if not isinstance(school_days, Mapping) else school_days
    mondays = sorted(monday for monday in days_of if monday <= on)[-weeks:]
    marks_of: dict[dt.date, dict[Place, Mark]] = {monday: {} for monday in mondays}
    for mark in marks:
        if mark.date <= on and monday_of(mark.date) in marks_of:
            marks_of[monday_of(mark.date)].setdefault(mark.key, mark)
    found: list[Week] = []
    for monday in mondays:
        counted = _counted(marks_of[monday], used, counts)
        before = found[-1] if found else None
        so_far = (before.so_far if before else 0) + sum(one.is_free for one in counted)
        skipped = (monday - before.monday).days // 7 - 1 if before else 0
        found.append(Week(monday, tuple(sorted(days_of[monday])), marks_of[monday], counted, so_far, skipped))
    return Window(on, tuple(found), threshold)


def by_week(days: Iterable[dt.date]) -> dict[dt.date, list[dt.date]]:
    """The days by the Monday of their week."""
    found: dict[dt.date, list[dt.date]] = {}
    for day in days:
        found.setdefault(monday_of(day), []).append(day)
    return found


def _counted(marks: Mapping[Place, Mark], used: Mapping[Place, int], counts: Callable[[dt.date], bool]) -> tuple[Counted, ...]:
    return tuple(
        Counted(mark, used.get(key)) for key, mark in sorted(marks.items()) if mark.code in PENALTY_CODES and counts(mark.date)
    )


def monday_of(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())
