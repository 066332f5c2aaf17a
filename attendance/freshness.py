"""How fresh the last file of each school is, for Today and for the group: in school days, in two or three statements for all schools."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Max

from attendance.models import ImportBatch
from schools.models import ClosedDay, HalfTerm, School

LOOKED_BACK = 400
"""Days; who has read nothing in for so long is told that, not how many school days."""
STALE = 1
"""So many school days may pass without a mark of their own before it is said: today's may still be on its way."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """``read_at``: when a file was last read in; ``up_to``: the latest day for which one gave a mark; ``behind``: school days after it."""

    school: School
    read_at: dt.datetime | None
    up_to: dt.date | None
    behind: int

    @property
    def is_stale(self) -> bool:
        """Whether somebody should look: only where the register comes from files."""
        return self.school.register_source == School.RegisterSource.MIS and (self.up_to is None or self.behind > STALE)

    @property
    def sentence(self) -> str:
        if self.up_to is None or self.read_at is None:
            return "No register has been read in yet."
        if self.behind == 0:
            return f"Read in up to {_day(self.up_to)}."
        days = "1 school day" if self.behind == 1 else f"{self.behind} school days"
        return f"Read in up to {_day(self.up_to)}; {days} since then."


def freshness(schools: Collection[School], on: dt.date) -> list[Freshness]:
    """One for each school, in their order. Three statements, whatever the number of schools."""
    batches = ImportBatch.objects.filter(school__in=schools, undone_at__isnull=True).exclude(format="leave")
    last = {
        school: (at, up_to)
        for school, at, up_to in batches.order_by().values_list("school").annotate(at=Max("at"), up_to=Max("latest_date"))
    }
    since = max(min((up_to for _, up_to in last.values() if up_to), default=on), on - dt.timedelta(days=LOOKED_BACK))
    days = _school_days(schools, since, on)
    found = []
    for school in schools:
        at, up_to = last.get(school.pk, (None, None))
        behind = sum(1 for day in days.get(school.pk, ()) if up_to and day > up_to)
        found.append(Freshness(school, at, up_to, behind))
    return found


def _school_days(schools: Iterable[School], since: dt.date, until: dt.date) -> dict[int, set[dt.date]]:
    """By school, its school days from ``since`` to ``until``. Two statements."""
    found: dict[int, set[dt.date]] = {}
    half_terms = HalfTerm.objects.filter(academic_year__school__in=schools, ends__gte=since, starts__lte=until)
    for school, starts, ends in half_terms.order_by().values_list("academic_year__school", "starts", "ends"):
        first, last = max(starts, since), min(ends, until)
        dates = (first + dt.timedelta(days=number) for number in range((last - first).days + 1))
        found.setdefault(school, set()).update(date for date in dates if date.weekday() < 5)
    closed = ClosedDay.objects.filter(school__in=schools, date__range=(since, until))
    for school, date in closed.order_by().values_list("school", "date"):
        found.get(school, set()).discard(date)
    return found


def _day(date: dt.date) -> str:
    return f"{date:%a} {date.day} {date:%b}"
