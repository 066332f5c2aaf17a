"""Reads about many cases at once: which stand still, what is overdue, and which plans end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db.models import Count, Max

from escalation.models import Event, Period, Task
from schools.models import School


def overdue_by_school(schools: Collection[School], on: dt.date) -> dict[int, int]:
    """How many open tasks were due before ``on``, by school; 0 where there is none. One statement."""
    late = Task.objects.filter(state=Task.State.OPEN, due_on__lt=on, case__school__in=schools)
    counted = dict(late.order_by().values_list("case__school").annotate(Count("pk")))
    return {school.pk: counted.get(school.pk, 0) for school in schools}


def last_events(cases: Collection[int]) -> dict[int, dt.date]:
    """The day of the last thing that happened in each case, notes of the night included. One statement."""
    return dict(Event.objects.filter(case__in=cases).order_by().values_list("case").annotate(Max("on")))


def periods_ending(cases: Collection[int], first: dt.date, last: dt.date) -> list[Period]:
    """Plans and monitoring periods that end from ``first`` to ``last``, tested or not. One statement."""
    found = Period.objects.filter(case__in=cases, ends_on__range=(first, last))
    return list(found.select_related("case__pupil").order_by("ends_on", "id"))
