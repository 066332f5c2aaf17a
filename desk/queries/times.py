"""The times that a school has given to families, as far as the viewer may see whose they are."""

from __future__ import annotations

import datetime as dt

from casework.models import Meeting
from schools.access import Scope
from schools.models import School


def taken_slots(scope: Scope, school: School, on: dt.date) -> list[tuple[Meeting, bool]]:
    """Planned meetings in offered times from ``on`` on, and whether the viewer may see the pupil. Two statements."""
    planned = Meeting.objects.filter(slot__school=school, state=Meeting.State.PLANNED, starts_at__date__gte=on)
    visible = set(scope.enrolments.filter(school=school).values_list("pupil", flat=True))
    found = planned.select_related("case__pupil", "led_by").order_by("starts_at", "id")
    return [(meeting, meeting.case.pupil_id in visible) for meeting in found]
