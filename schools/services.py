"""Every write about schools and people that a page or a set-up makes. A calendar is set as a whole or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from schools import audit
from schools.models import AcademicYear, ClosedDay, HalfTerm, School, User
from schools.rules import Refused


@dataclass(frozen=True, slots=True)
class HalfTermDates:
    """One half term as it is typed in: "Autumn", "Autumn 1", its first and its last day."""

    term: str
    name: str
    starts: dt.date
    ends: dt.date


@dataclass(frozen=True, slots=True)
class Closure:
    """A weekday inside a half term on which the school is not open; ``kind`` is one of ``ClosedDay.Kind``."""

    date: dt.date
    kind: str
    note: str = ""


@transaction.atomic
def set_calendar(
    *,
    school: School,
    start_year: int,
    half_terms: Sequence[HalfTermDates],
    closed: Sequence[Closure] = (),
    by: User | None,
    role: str = "",
    now: dt.datetime,
) -> AcademicYear:
    """Sets the half terms and closed days of one academic year (2025 is 2025/26) in place of what stood there.

    Refused, with a sentence for every fault that names the half term or the day, where it contradicts itself; then nothing changes.
    """
    faults = calendar_faults(start_year, half_terms, closed)
    if faults:
        raise Refused(" ".join(faults))
    year, _ = AcademicYear.objects.get_or_create(school=school, start_year=start_year)
    year.half_terms.all().delete()
    HalfTerm.objects.bulk_create(
        HalfTerm(academic_year=year, term=each.term, name=each.name, starts=each.starts, ends=each.ends) for each in half_terms
    )
    first, last = dt.date(start_year, 8, 1), dt.date(start_year + 1, 7, 31)
    ClosedDay.objects.filter(school=school, date__range=(first, last)).delete()
    ClosedDay.objects.bulk_create(ClosedDay(school=school, date=day.date, kind=day.kind, note=day.note) for day in closed)
    audit.record(
        action="calendar set", subject=year, by=by, role=role, at=now, school=school, detail={"half_terms": len(half_terms)}
    )
    return year


def calendar_faults(start_year: int, half_terms: Sequence[HalfTermDates], closed: Sequence[Closure]) -> list[str]:
    """A sentence for each fault; an empty list for a calendar that can be used."""
    if not half_terms:
        return ["A calendar needs at least one half term."]
    in_order = sorted(half_terms, key=lambda each: each.starts)
    faults = [fault for each in in_order for fault in _half_term_faults(start_year, each)]
    for earlier, later in zip(in_order, in_order[1:], strict=False):
        if later.starts <= earlier.ends:
            faults.append(
                f"{later.name} begins on {_long(later.starts)}, before {earlier.name} ends on {_long(earlier.ends)}: change one of the two."
            )
    names = [each.name for each in in_order]
    faults += [
        f"Two half terms are called {name}: give each a name of its own." for name in sorted(set(names)) if names.count(name) > 1
    ]
    return faults + _closure_faults(in_order, closed)


def _half_term_faults(start_year: int, each: HalfTermDates) -> list[str]:
    first, last = dt.date(start_year, 8, 1), dt.date(start_year + 1, 7, 31)
    if each.ends < each.starts:
        return [f"{each.name} ends on {_long(each.ends)}, before it begins on {_long(each.starts)}: change one of the two."]
    if each.starts < first or each.ends > last:
        return [f"{each.name} lies outside the academic year {start_year}/{(start_year + 1) % 100:02} (1 August to 31 July)."]
    return []


def _closure_faults(half_terms: Sequence[HalfTermDates], closed: Sequence[Closure]) -> list[str]:
    faults = []
    dates = [day.date for day in closed]
    for date in sorted(set(dates)):
        if dates.count(date) > 1:
            faults.append(f"{_long(date)} is closed twice: leave one of the two out.")
        if not any(each.starts <= date <= each.ends for each in half_terms):
            faults.append(f"{_long(date)} lies in no half term, so the school is closed on it anyway: leave it out.")
    return faults


def _long(date: dt.date) -> str:
    return f"{date:%A} {date.day} {date:%B %Y}"
