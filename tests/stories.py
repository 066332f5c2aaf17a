"""How the stories of the tests are told: everybody is present but for the absences named, and a night is run."""

from __future__ import annotations

import datetime as dt

from attendance.grid import slot
from attendance.models import RegisterRow
from escalation.night import NightReport
from letters.night import whole_night
from schools.queries import school_days
from tests.cast import NOW, TODAY, Cast


def present(cast: Cast, until: dt.date = TODAY, **absences: dict[str, str]) -> None:
    """Everybody on roll is present on every school day up to ``until``, but for ``absences``: pupil → {"2025-11-03": "O"} (whole days)."""
    days = [date for date in school_days(cast.here, [2025]).dates if date <= until]
    for name in ("imogen", "theo", "priya", "leaver", "newcomer"):
        row: RegisterRow = getattr(cast, name)
        marks = list(row.marks)
        enrolment = row.enrolment
        for date in days:
            if enrolment.starts <= date and (enrolment.ends is None or date <= enrolment.ends):
                code = absences.get(name, {}).get(date.isoformat())
                marks[slot(date, "AM")], marks[slot(date, "PM")] = (code, code) if code else ("/", "\\")
        RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def days_from(cast: Cast, first: str, count: int) -> list[dt.date]:
    dates = school_days(cast.here, [2025]).dates
    return [date for date in dates if date >= dt.date.fromisoformat(first)][:count]


def away(cast: Cast, first: str, count: int, code: str = "O") -> dict[str, str]:
    return {date.isoformat(): code for date in days_from(cast, first, count)}


def run(cast: Cast, on: dt.date = TODAY, now: dt.datetime = NOW) -> NightReport:
    return whole_night(school=cast.here, on=on, now=now, today=on)
