"""A school's own past register as the back-test reads it: from the database, by the same rules as from files.

A pupil is evaluated from the first to the last day with a mark in each academic year, and the year before the first one asked for is read
as well, since windows of school weeks and runs look back over the summer. ``manage.py export_register`` writes the same as two files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from attendance.codes import NO_MARK
from attendance.grid import SESSIONS, academic_year_of
from attendance.queries import Enrolled, code_of, school_matrix
from escalation.engine.backtest_files import spans_with_marks
from escalation.engine.register import Register
from schools.models import Enrolment, School
from schools.queries import school_days
from schools.schooldays import SchoolDays


class PastPupil(NamedTuple):
    """``label``: the UPN; the admission number where there is none; "pupil 12" where there is neither."""

    label: str
    pupil_id: int
    enrolment_id: int


@dataclass(frozen=True)
class PastRegister:
    """Row number ``i`` of the register is ``pupils[i]``; in the order of their labels, as in the back-test's lines."""

    register: Register
    pupils: tuple[PastPupil, ...]

    @property
    def days(self) -> SchoolDays:
        return self.register.days

    @property
    def labels(self) -> list[str]:
        return [pupil.label for pupil in self.pupils]


def years_between(starts: dt.date, ends: dt.date) -> range:
    """The academic years of a range of days."""
    return range(academic_year_of(starts), academic_year_of(ends) + 1)


def past_register(school: School, years: Iterable[int]) -> PastRegister:
    """Everybody with a mark in these years or the one before the first. Five statements at most, whatever the number of pupils."""
    years = sorted(years)
    read = [years[0] - 1, *years]
    days = school_days(school, read)
    enrolled, marks = school_matrix(school, read, days=days)
    pupils, rows = _with_marks(school, enrolled, marks)
    marks = marks[rows]
    return PastRegister(Register(days, marks, *spans_with_marks(days, marks), many_days=True), pupils)


def _with_marks(school: School, enrolled: list[Enrolled], marks: np.ndarray) -> tuple[tuple[PastPupil, ...], list[int]]:
    """The pupils by label, each once (who came back has all marks in each of the rows), and their row numbers in the matrix."""
    labels = _labels(school)
    has_mark = (marks != ord(NO_MARK)).any(axis=1)
    latest = {pupil.pupil_id: row for row, pupil in enumerate(enrolled) if has_mark[row]}
    found = [
        (PastPupil(labels[enrolled[row].enrolment_id], pupil, enrolled[row].enrolment_id), row) for pupil, row in latest.items()
    ]
    found.sort()
    return tuple(pupil for pupil, _ in found), [row for _, row in found]


def _labels(school: School) -> dict[int, str]:
    """The label by enrolment."""
    fields = Enrolment.objects.filter(school=school).values_list("pk", "pupil_id", "pupil__upn", "admission_number")
    return {pk: upn or number.strip() or f"pupil {pupil}" for pk, pupil, upn, number in fields}


def calendar_rows(past: PastRegister) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the back-test's calendar file."""
    return ((day.date.isoformat(), day.half_term, day.term, day.academic_year) for day in past.days.days)


def marks_rows(past: PastRegister) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the back-test's marks file, a session with a mark a row."""
    dates = [date.isoformat() for date in past.days.dates]
    for row, pupil in enumerate(past.pupils):
        marks = past.register.marks[row]
        for place in np.flatnonzero(marks != ord(NO_MARK)).tolist():
            yield pupil.label, dates[place // 2], SESSIONS[place % 2], code_of(chr(marks[place]))
