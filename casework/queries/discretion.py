"""Which cases are paused, as whoever decides next reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db.models import QuerySet

from casework.models import Pause
from casework.words import day


def standing_pauses(on: dt.date) -> QuerySet[Pause]:
    """Pauses that stand on that day."""
    return Pause.objects.filter(starts__lte=on, until__gte=on, lifted_on__isnull=True)


def paused(case_ids: Collection[int], on: dt.date) -> dict[int, Pause]:
    """The standing pause of each case that has one. One statement."""
    return {pause.case_id: pause for pause in standing_pauses(on).filter(case__in=case_ids).select_related("by")}


def why_letters_wait(pause: Pause | None, *, may_read: bool = False) -> str:
    """The sentence on the disabled button; empty where nothing waits. ``may_read``: for the lead or the head, who read all reasons."""
    if pause is None:
        return ""
    until = f"Letters wait until {day(pause.until)} ({pause.by.name})"
    if pause.kind == Pause.Kind.SAFEGUARDING and not may_read:
        return f"{until}: speak to the safeguarding lead first."
    return f"{until}. {pause.get_kind_display()}: {pause.why}"
