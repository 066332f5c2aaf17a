"""The runs of the night, for those who look after the register: what each did, what it put off and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from escalation.models import NightRun
from schools.models import School

DAYS = 28
"""Days back that the page shows."""


@dataclass(frozen=True)
class Nights:
    runs: list[NightRun]
    without: list[School]
    """Schools of which no night has been run in these days."""

    @property
    def latest(self) -> list[NightRun]:
        """The last run of each school."""
        seen: dict[int, NightRun] = {}
        for run in self.runs:
            seen.setdefault(run.school_id, run)
        return list(seen.values())

    @property
    def put_off(self) -> list[NightRun]:
        return [run for run in self.latest if run.state == NightRun.State.PUT_OFF]

    @property
    def failed(self) -> list[NightRun]:
        return [run for run in self.latest if run.state == NightRun.State.FAILED]


def nights(schools: Collection[School], on: dt.date) -> Nights:
    """Runs of the last four weeks, the newest first. One statement."""
    since = on - dt.timedelta(days=DAYS)
    found = NightRun.objects.filter(school__in=schools, on__gte=since, on__lte=on).select_related("school")
    runs = list(found.order_by("-on", "school__name"))
    have = {run.school_id for run in runs}
    return Nights(runs, [school for school in schools if school.pk not in have])
