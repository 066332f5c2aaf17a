"""Reads about schools and people that more than one room needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q, Value

from schools.models import ClosedDay, HalfTerm, Placement, School
from schools.schooldays import SchoolDay, SchoolDays


def year_label(start_year: int) -> str:
    """2025 is "2025/26"."""
    return f"{start_year}/{(start_year + 1) % 100:02}"


def school_days(school: School, years: Iterable[int]) -> SchoolDays:
    """The school days of the given academic years: weekdays inside half terms that are not closed days. One statement."""
    half_terms = HalfTerm.objects.filter(academic_year__school=school, academic_year__start_year__in=list(years))
    spans = half_terms.order_by().values_list("starts", "ends", "name", "term", "academic_year__start_year")
    closed_days = ClosedDay.objects.filter(school=school).order_by().values_list("date", "date", Value(""), Value(""), Value(0))
    rows = list(spans.union(closed_days, all=True))
    closed = {starts for starts, _, name, _, _ in rows if not name}
    return SchoolDays(
        SchoolDay(date=date, half_term=name, term=term, academic_year=year_label(start_year))
        for starts, ends, name, term, start_year in rows
        if name
        for date in _weekdays(starts, ends)
        if date not in closed
    )


def _weekdays(starts: dt.date, ends: dt.date) -> Iterable[dt.date]:
    days = (starts + dt.timedelta(days=number) for number in range((ends - starts).days + 1))
    return (day for day in days if day.weekday() < 5)


def placement_on(pupil_id: int, school_id: int, on: dt.date) -> Placement | None:
    """Year group and form of a pupil at a school on a day. One statement."""
    current = Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))
    return Placement.objects.filter(current, enrolment__pupil=pupil_id, enrolment__school=school_id).order_by("-starts").first()
