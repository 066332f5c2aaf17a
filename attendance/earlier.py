"""A pupil's years at earlier schools, as a common transfer file tells them: kept apart from our own register, and never counted with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from attendance.ctf import SchoolNumber, SchoolYear, TransferFile
from attendance.models import EarlierAttendance
from schools import audit
from schools.models import Pupil, School, User
from schools.rules import Refusal

Key = tuple[int, int, str, str]
"""Pupil, year, local authority, establishment."""
_COLUMNS = (
    *("school_name", "possible", "attended", "authorised", "unauthorised"),
    *("marks_start", "slots_a_week", "marks"),
)


@dataclass
class EarlierYears:
    """What a file says about earlier schools beside what is kept, in years. ``unknown``: pupils who are not on our roll yet, by line."""

    new: list[EarlierAttendance] = field(default_factory=list)
    changed: list[EarlierAttendance] = field(default_factory=list)
    unchanged: int = 0
    unknown: list[Refusal] = field(default_factory=list)


def number_of(school: School) -> SchoolNumber:
    """The school as the Department numbers it; its parts are empty where nobody entered them."""
    return SchoolNumber(school.la_number, school.establishment_number, school.name)


def compare_earlier(school: School, transfer: TransferFile) -> EarlierYears:
    """What keeping the file's earlier years would do; nothing is written. Two statements."""
    given = list(transfer.earlier(number_of(school)))
    upns = {pupil.upn for pupil, _ in given if pupil.upn}
    pupils = dict(Pupil.objects.filter(group=school.group_id, enrolments__school=school, upn__in=upns).values_list("upn", "pk"))
    stored = {_key(row): row for row in EarlierAttendance.objects.filter(pupil__in=pupils.values())}
    wanted: dict[Key, EarlierAttendance] = {}
    years = EarlierYears()
    for pupil, year in given:
        if pupil.upn in pupils:
            row = _row(pupils[pupil.upn], year)
            wanted[_key(row)] = row
        else:
            years.unknown.append(
                Refusal(year.row, "The pupil is not on this school's roll: admit the pupil, then read the file again.")
            )
    _sort(wanted.values(), stored, years)
    return years


def _sort(wanted: Iterable[EarlierAttendance], stored: dict[Key, EarlierAttendance], years: EarlierYears) -> None:
    for row in wanted:
        kept = stored.get(_key(row))
        if kept is None:
            years.new.append(row)
        elif any(getattr(kept, name) != getattr(row, name) for name in _COLUMNS):
            row.pk = kept.pk
            years.changed.append(row)
        else:
            years.unchanged += 1


def _key(row: EarlierAttendance) -> Key:
    return row.pupil_id, row.year, row.local_authority, row.establishment


def _row(pupil_id: int, year: SchoolYear) -> EarlierAttendance:
    totals, marks = year.totals, year.marks
    return EarlierAttendance(
        pupil_id=pupil_id,
        year=year.year,
        local_authority=year.school.authority,
        establishment=year.school.establishment,
        school_name=year.school.name,
        possible=totals.possible if totals else None,
        attended=totals.attended if totals else None,
        authorised=totals.authorised if totals else None,
        unauthorised=totals.unauthorised if totals else None,
        marks_start=marks.starts if marks else None,
        slots_a_week=marks.slots_a_week if marks else None,
        marks=marks.characters if marks else "",
    )


@transaction.atomic
def keep_earlier(*, school: School, transfer: TransferFile, by: User | None, role: str = "", now: dt.datetime) -> EarlierYears:
    """Keeps the file's years at earlier schools for the pupils on our roll; the same file twice changes nothing."""
    School.objects.select_for_update(no_key=True).get(pk=school.pk)
    years = compare_earlier(school, transfer)
    for row in [*years.new, *years.changed]:
        row.added_at = now
    EarlierAttendance.objects.bulk_create(years.new)
    EarlierAttendance.objects.bulk_update(years.changed, [*_COLUMNS, "added_at"])
    if years.new or years.changed:
        counts = {"new": len(years.new), "changed": len(years.changed), "unchanged": years.unchanged}
        audit.record(action="earlier years kept", subject=school, by=by, role=role, at=now, school=school, detail=counts)
    return years


def earlier_years(pupil: Pupil) -> Sequence[EarlierAttendance]:
    """The pupil's years at earlier schools, the latest first. One statement."""
    return list(EarlierAttendance.objects.filter(pupil=pupil))
