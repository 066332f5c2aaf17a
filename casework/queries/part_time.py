"""Reads about part-time timetables: which run, whose review is due, and C2 marks that no timetable explains."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Prefetch, QuerySet

from attendance.codes import CODES
from attendance.grid import SESSIONS, academic_year_of, session_of
from attendance.models import RegisterRow
from casework.models import PartTimeReview, PartTimeTimetable
from casework.part_time import too_long
from schools.models import Pupil, School

REVIEW_AHEAD = dt.timedelta(days=14)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def with_reviews(timetables: QuerySet[PartTimeTimetable]) -> QuerySet[PartTimeTimetable]:
    """Timetables with pupil, parent and what was done about them: two statements, whatever their number."""
    reviews = PartTimeReview.objects.select_related("by").order_by("at", "id")
    return timetables.select_related("pupil", "school", "agreed_by", "entered_by").prefetch_related(
        Prefetch("reviews", queryset=reviews)
    )


def running(schools: Collection[School], on: dt.date) -> QuerySet[PartTimeTimetable]:
    """Timetables that run on the day or are to begin."""
    return with_reviews(PartTimeTimetable.objects.filter(school__in=schools, state="agreed", ends__gte=on).order_by("ends"))


def reviews_due(schools: Collection[School], on: dt.date) -> list[PartTimeTimetable]:
    """Timetables whose review is overdue or due within two weeks, the earliest first. Two statements."""
    return list(running(schools, on).filter(starts__lte=on, review_on__lte=on + REVIEW_AHEAD).order_by("review_on"))


def flag_of(timetable: PartTimeTimetable) -> str:
    """A sentence where it lasts longer than is expected; an empty string otherwise."""
    return too_long(timetable.starts, timetable.ends)


def week_in_words(pattern: Collection[int]) -> str:
    """The sessions not attended: "Monday and Tuesday afternoon, Friday"."""
    by_half: dict[str, list[str]] = defaultdict(list)
    for number, day in enumerate(WEEKDAYS):
        halves = [half for half in (0, 1) if 2 * number + half in pattern]
        if halves:
            by_half["" if len(halves) == 2 else (" morning", " afternoon")[halves[0]]].append(day)
    return ", ".join(_joined(days) + half for half, days in by_half.items())


def _joined(days: list[str]) -> str:
    *first, last = days
    return f"{', '.join(first)} and {last}" if first else last


class Unexplained(NamedTuple):
    """A pupil with C2 marks that no timetable explains, and their sessions in order."""

    pupil: Pupil
    school: School
    sessions: list[tuple[dt.date, str]]


def c2_without_timetable(schools: Collection[School], on: dt.date) -> list[Unexplained]:
    """C2 marks of this academic year, those ahead included, on days for which no timetable was agreed. Two statements."""
    year, character = academic_year_of(on), CODES["C2"].character
    rows = RegisterRow.objects.filter(school__in=schools, year=year, marks__contains=character)
    agreed: dict[tuple[int, int], list[PartTimeTimetable]] = defaultdict(list)
    for timetable in PartTimeTimetable.objects.filter(school__in=schools):
        agreed[timetable.pupil_id, timetable.school_id].append(timetable)
    found = []
    for row in rows.select_related("enrolment__pupil", "school"):
        known = agreed[row.enrolment.pupil_id, row.school_id]
        places = [session_of(year, number) for number, mark in enumerate(row.marks) if mark == character]
        stray = [place for place in places if not any(_explains(timetable, place) for timetable in known)]
        found += [Unexplained(row.enrolment.pupil, row.school, stray)] if stray else []
    return sorted(found, key=lambda each: (each.pupil.last_name, each.pupil.first_name))


def _explains(timetable: PartTimeTimetable, place: tuple[dt.date, str]) -> bool:
    date, session = place
    return timetable.starts <= date <= timetable.ends and date.weekday() * 2 + SESSIONS.index(session) in timetable.pattern
