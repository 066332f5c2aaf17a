"""The night of one school: claim it, read the school, evaluate every pupil, write what changed, keep the run's report.

Run again, it changes nothing: what was proposed is not proposed again, and the engine's memory knows the day. Killed half-way, nothing of
it is there, since one transaction holds it all; the lease on its row runs out and it is run again.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import dataclass, field

import numpy as np
from django.db import transaction
from django.db.models import F, Max, Q

from attendance.codes import NO_MARK
from attendance.grid import academic_year_of
from attendance.queries import is_in
from attendance.services import store_figures
from escalation.carry_over import carry_over_from_last_year
from escalation.corrections import hold_against_corrections
from escalation.engine.evaluate import evaluate
from escalation.loading import LoadedSchool, load_school
from escalation.models import NightRun
from escalation.recording import Recorder
from schools import ages
from schools.models import School
from schools.queries import school_days

log = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=15)
"""How long a claimed night belongs to its worker; longer than a task may run."""


@dataclass
class NightReport:
    """One run in numbers, as the ``nightly`` command prints it. ``skipped`` and ``errors`` are sentences."""

    urn: str
    school: str
    on: dt.date
    pupils: int = 0
    evaluated: int = 0
    proposed: int = 0
    drafted: int = 0
    withdrawn: int = 0
    watched: int = 0
    skipped: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


def last_school_day(school: School, on: dt.date) -> dt.date | None:
    """The last school day of the school up to and including ``on``."""
    year = academic_year_of(on)
    days = school_days(school, [year - 1, year])
    number = days.last_on_or_before(on)
    return None if number is None else days.dates[number]


def claim(school: School, on: dt.date, now: dt.datetime) -> bool:
    """Leases the night's row to the caller; False where another worker holds it."""
    NightRun.objects.bulk_create([NightRun(school=school, on=on)], ignore_conflicts=True)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    return bool(NightRun.objects.filter(free, school=school, on=on).update(claimed_until=now + LEASE))


def run_night(*, school: School, on: dt.date, now: dt.datetime) -> NightReport:
    """The night of ``school`` for the school day ``on``. Never raises for one school's fault: the report and the row say what happened."""
    report = NightReport(school.urn, school.name, on)
    began = time.perf_counter()
    if not claim(school, on, now):
        report.skipped.append("Another worker is running this night; nothing was done twice.")
        return report
    try:
        with transaction.atomic():
            state = _run(school, on, now, report)
            report.seconds = round(time.perf_counter() - began, 3)
            _keep(school, on, state, report, now)
    except Exception as fault:
        log.exception("night of school %s for %s failed", school.urn, on)
        report.errors.append(_in_words(fault))
        report.proposed = report.drafted = report.withdrawn = report.watched = 0
        _keep(school, on, NightRun.State.FAILED, report, now)
    return report


def _in_words(fault: Exception) -> str:
    """The fault's own sentence where it was made for people; otherwise its kind, since its text may hold a name."""
    return str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: see the server's log. Nothing was written."


def _run(school: School, on: dt.date, now: dt.datetime, report: NightReport) -> str:
    runs = NightRun.objects.filter(school=school, state=NightRun.State.DONE).aggregate(
        latest=Max("on"), started=Max("started_at")
    )
    latest: dt.date | None = runs["latest"]
    if latest and latest > on:
        report.skipped.append(f"The night of {latest:%-d %B %Y} has been run: an earlier day is not evaluated after it.")
        return NightRun.State.DONE
    loaded = load_school(school, on)
    report.pupils = len(loaded.enrolled)
    if loaded.days.index(on) is None:
        report.skipped.append(f"{on:%A %-d %B %Y} is not a school day.")
        return NightRun.State.DONE
    if missing := missing_register(loaded, on):
        report.skipped.append(missing)
        return NightRun.State.PUT_OFF
    carried = carry_over_from_last_year(loaded, latest=latest, on=on, now=now)
    report.withdrawn = hold_against_corrections(loaded, since=runs["started"], on=on, now=now)
    if carried or report.withdrawn:
        loaded = load_school(school, on)
    store_figures(school=school, days=loaded.days, enrolled=loaded.enrolled, marks=loaded.register.marks, as_of=on)
    decisions = evaluate(loaded.register, loaded.ruleset, loaded.national, loaded.state, on, of_age=_of_age(loaded, on))
    recorded = Recorder(loaded, on=on, now=now).write(decisions)
    report.evaluated = len(loaded.register.evaluated(loaded.days.index(on) or 0))
    report.proposed, report.watched = recorded.proposed, recorded.watched
    return NightRun.State.DONE


def _of_age(loaded: LoadedSchool, on: dt.date) -> np.ndarray:
    """bool[pupils]: who is of compulsory school age on the day."""
    return np.array([ages.is_compulsory(pupil.date_of_birth, on) for pupil in loaded.enrolled], dtype=bool)


def missing_register(loaded: LoadedSchool, on: dt.date) -> str:
    """A sentence where the day's register is not in for most pupils; an empty string where it is."""
    day = loaded.days.index(on)
    if day is None or not loaded.enrolled:
        return ""
    for half, session in enumerate(("morning", "afternoon")):
        marks = loaded.register.marks[:, 2 * day + half]
        if not is_in(marks):
            return (
                f"Put off: the {session} register of {on:%A %-d %B %Y} is missing for {np.count_nonzero(marks == ord(NO_MARK))} of "
                f"{len(loaded.enrolled)} pupils. Import it, and the night runs by itself."
            )
    return ""


def _keep(school: School, on: dt.date, state: str, report: NightReport, now: dt.datetime) -> None:
    """The run's report; what a second run adds to the first one's counts is nothing."""
    finished = now + dt.timedelta(seconds=report.seconds)
    NightRun.objects.filter(school=school, on=on).update(
        state=state,
        claimed_until=None,
        started_at=now,
        finished_at=finished,
        pupils=report.pupils,
        evaluated=report.evaluated,
        proposed=F("proposed") + report.proposed,
        withdrawn=F("withdrawn") + report.withdrawn,
        watched=F("watched") + report.watched,
        skipped=report.skipped,
        errors=report.errors,
        seconds=report.seconds,
    )
