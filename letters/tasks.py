"""Celery's doors: the beat claims what is due, workers take chunks of schools. Tasks carry ids and may run twice or be killed.

Redis only rings the bell: what is due stands in ``escalation.models.NightRun`` and ``PlannedLetter``, and the next beat starts whatever
these tables say.
"""

from __future__ import annotations

from celery import shared_task

from escalation import due
from letters.night import whole_night
from letters.services import draft_planned, release_due
from schools.clock import now, today
from schools.models import School


@shared_task
def claim_due_nights() -> int:
    """Makes the rows of what is due and hands the schools to workers in chunks; returns how many schools."""
    due.make_due(now=now())
    schools = due.due_schools(now=now())
    for chunk in due.chunks(schools):
        run_nights.delay(chunk)
    return len(schools)


@shared_task
def run_nights(school_ids: list[int]) -> int:
    """Every due night of these schools, each in order of day; returns how many were run."""
    count = 0
    for school in School.objects.filter(pk__in=school_ids).select_related("group"):
        for day in due.due_nights(school, now=now()):
            report = whole_night(school=school, on=day, now=now(), today=max(day, today()))
            count += 1
            if report.errors or report.skipped:
                break
    return count


@shared_task
def draft_planned_letters() -> int:
    """Drafts what a killed night left planned, and lets portal letters out whose ten minutes are over."""
    return draft_planned(now=now(), on=today()) + release_due(now=now(), on=today())
