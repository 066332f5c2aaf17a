"""The year of nights: for each school day up to the last one before today the staff act, then the night runs, as in a real school."""

from __future__ import annotations

import datetime as dt
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from attendance.grid import academic_year_of
from demo.build import at
from demo.foreseen import Foreseen, half_term_begins
from demo.staff import ScriptedStaff
from demo.still import calendars_and_staff_stand_still
from escalation.night import NightReport
from letters.night import whole_night
from schools.models import School
from schools.queries import school_days
from schools.schooldays import SchoolDays

Say = Callable[[str], None]


class DemoFailed(RuntimeError):
    """A night of the demo reported an error; the message names school and day."""


@dataclass
class YearReport:
    """One school's year: the last night in numbers, how many nights were run, and how long it all took."""

    urn: str
    nights: int
    last: NightReport
    seconds: float


def run_year(school: School, *, today: dt.date, foreseen: Foreseen, say: Say) -> YearReport:
    """Every night of the academic year that holds ``today``, before ``today``, with the scripted staff between them."""
    gc.freeze()
    gc.disable()  # a year of rows is made and dropped: counting references is enough, and looking for cycles costs a tenth of the time
    try:
        with calendars_and_staff_stand_still():
            return _run_year(school, today, foreseen, say)
    finally:
        gc.enable()
        gc.unfreeze()


def _run_year(school: School, today: dt.date, foreseen: Foreseen, say: Say) -> YearReport:
    began = time.perf_counter()
    days = school_days(school, [academic_year_of(today)])
    past = [date for date in days.dates if date < today]
    staff = ScriptedStaff(school, days, render_from=half_term_begins(days, today), today=today, foreseen=foreseen)
    report = NightReport(school.urn, school.name, past[0])
    for on in past:
        with transaction.atomic():
            report = _run_day(staff, on)
        if _ends_half_term(days, on):
            say(f"{school.name}: {days.days[days.index(on) or 0].half_term} is done")
    staff.this_morning()  # a transaction for each act: a text is sent outside any
    return YearReport(school.urn, len(past), report, time.perf_counter() - began)


def _run_day(staff: ScriptedStaff, on: dt.date) -> NightReport:
    """What the staff do on a day, and its night."""
    school, days = staff.school, staff.days
    staff.day(on)
    report = whole_night(school=school, on=on, now=at(on, 18, 5), today=on)
    if report.errors:
        raise DemoFailed(f"{school.name}, night of {on:%-d %B %Y}: {' '.join(report.errors)}")
    if days.ends_week[days.index(on) or 0]:
        staff.casework.see_to_clocks(on)
        staff.see_to_watch_list(on)
    return report


def _ends_half_term(days: SchoolDays, on: dt.date) -> bool:
    day = days.index(on) or 0
    return day + 1 == len(days) or days.half_term[day + 1] != days.half_term[day]
