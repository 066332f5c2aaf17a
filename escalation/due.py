"""What is due: a row a school and school day, made by the beat, claimed by conditional update, and taken again when a lease runs out.

Nights that were missed (the beat stood still, a register came late) are made up in order, so that no weekly judgement is lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import Q

from attendance.grid import academic_year_of
from escalation.models import NightRun
from schools.models import School
from schools.queries import school_days

LOOK_BACK = 10
"""School days that are made up at most."""
EVENING = dt.time(18, 0)
"""A school day's own night is due from this time on; earlier days at any time."""
CHUNK = 10
"""Schools a task."""


def make_due(*, now: dt.datetime) -> int:
    """Adds a row for every school day whose night has not been run; returns how many. Two beats make the same rows once."""
    rows = [
        NightRun(school=school, on=day)
        for school in School.objects.filter(adoptions__isnull=False).distinct()
        for day in _due_days(school, now)
    ]
    before = NightRun.objects.count()
    NightRun.objects.bulk_create(rows, ignore_conflicts=True)
    return NightRun.objects.count() - before


def _due_days(school: School, now: dt.datetime) -> list[dt.date]:
    last = now.date() if now.time() >= EVENING else now.date() - dt.timedelta(days=1)
    year = academic_year_of(last)
    days = school_days(school, [year - 1, year])
    number = days.last_on_or_before(last)
    if number is None:
        return []
    done = NightRun.objects.filter(school=school, state=NightRun.State.DONE).order_by("-on").values_list("on", flat=True).first()
    first = max(days.first_after(done), number - LOOK_BACK + 1) if done else number
    return list(days.dates[first : number + 1])


def due_schools(*, now: dt.datetime) -> list[int]:
    """Schools with a night that nobody is running, oldest first."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    open_states = (NightRun.State.DUE, NightRun.State.PUT_OFF, NightRun.State.FAILED, NightRun.State.RUNNING)
    due = NightRun.objects.filter(free, state__in=open_states).order_by("on").values_list("school", flat=True)
    return list(dict.fromkeys(due))


def due_nights(school: School, *, now: dt.datetime) -> list[dt.date]:
    """A school's nights still to be run, in order of day; those before a night that was done are past making up."""
    done = NightRun.objects.filter(school=school, state=NightRun.State.DONE).order_by("-on").values_list("on", flat=True).first()
    waiting = NightRun.objects.filter(school=school).exclude(state=NightRun.State.DONE).order_by("on")
    return list((waiting.filter(on__gt=done) if done else waiting).values_list("on", flat=True))


def chunks(schools: Sequence[int], size: int = CHUNK) -> list[list[int]]:
    return [list(schools[start : start + size]) for start in range(0, len(schools), size)]
