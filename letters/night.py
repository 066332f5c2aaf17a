"""The whole night of a school: escalation decides and records, letters drafts what was planned, and the run's report says how many."""

from __future__ import annotations

import datetime as dt
import logging
import time

from django.db.models import F

from casework.night import after_the_night
from escalation.models import NightRun
from escalation.night import NightReport, run_night
from letters.series import approve_standing, plan_weekly
from letters.services import draft_planned, release_due
from schools.models import School

log = logging.getLogger(__name__)


def whole_night(*, school: School, on: dt.date, now: dt.datetime, today: dt.date) -> NightReport:
    """Runs the night for the school day ``on`` and drafts its letters, dated ``today``. A fault in drafting leaves every decision standing:
    what is planned is drafted by the next run."""
    report = run_night(school=school, on=on, now=now)
    if report.errors:
        return report
    began = time.perf_counter()
    if not report.skipped:
        _casework(report, school, on, now)
    try:
        if not report.skipped:
            plan_weekly(school=school, on=on, now=now)
        report.drafted = draft_planned(now=now, on=today, school=school)
        approve_standing(school=school, on=today, now=now)
        release_due(now=now, on=today, school=school)
    except ValueError as fault:
        report.errors.append(f"Letters were not drafted: {fault}")
    report.seconds = round(report.seconds + time.perf_counter() - began, 3)
    NightRun.objects.filter(school=school, on=on).update(
        drafted=F("drafted") + report.drafted, errors=report.errors, seconds=report.seconds
    )
    return report


def _casework(report: NightReport, school: School, on: dt.date, now: dt.datetime) -> None:
    """Clocks and notices to improve; a fault there stops no letter, and the next night does it again."""
    try:
        after_the_night(school=school, on=on, now=now)
    except Exception as fault:
        log.exception("casework of the night of school %s for %s failed", school.urn, on)
        what = str(fault) if isinstance(fault, ValueError) else type(fault).__name__
        report.errors.append(f"Clocks and notices to improve were not looked at: {what}")
