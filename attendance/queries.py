"""Reads about marks that pages, the night and the imports need: a school's register as one matrix, and what follows from it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
from django.db.models import Q, QuerySet

from attendance import history
from attendance.codes import CODES, IS_AHEAD, NO_MARK
from attendance.comparing import Comparison, code_of, compare
from attendance.conflicts import Conflict, contradictions, without
from attendance.grid import SESSIONS, academic_year_of, as_grid, matrix
from attendance.imports import OnRoll, Reading, Roll, read
from attendance.models import ImportBatch, MarkChange, RawCode, RegisterEntry, RegisterRow
from schools.models import AcademicYear, ClosedDay, Enrolment, Placement, Pupil, School
from schools.queries import school_days
from schools.schooldays import SchoolDays

IN_BY_NOW = 0.5
"""A register counts as missing while fewer than this share of the form's pupils have a mark."""


class Enrolled(NamedTuple):
    """A row of the matrix. ``row_id`` is the register row of the latest of the years asked for; None where there is none yet."""

    enrolment_id: int
    pupil_id: int
    starts: dt.date
    ends: dt.date | None
    date_of_birth: dt.date
    row_id: int | None


class Unexplained(NamedTuple):
    """A pupil's sessions still coded N. ``age``: school days after the day of the oldest, the date asked about included."""

    enrolled: Enrolled
    sessions: list[tuple[dt.date, str]]
    age: int


class MissingRegister(NamedTuple):
    """A form whose register of a session is not in: ``marked`` of ``pupils`` have a mark."""

    year_group: int
    form: str
    session: str
    marked: int
    pupils: int


def school_matrix(
    school: School,
    years: Iterable[int],
    *,
    on: dt.date | None = None,
    enrolment_ids: Collection[int] | None = None,
    days: SchoolDays | None = None,
) -> tuple[list[Enrolled], np.ndarray]:
    """The school's pupils and their marks: uint8[pupils, 2 * school days] of mark characters, over the school days of the years.

    ``on``: only pupils on roll that day; otherwise all who were on roll in those years. A pupil who came back to the school has all
    marks made there in one row. Two statements, and two more for the calendar where ``days`` is not given.
    """
    years = sorted(years)
    days = school_days(school, years) if days is None else days
    enrolments = _enrolments(school, years, on)
    rows = RegisterRow.objects.filter(school=school, year__in=years)
    if enrolment_ids is not None:
        enrolments = enrolments.filter(pk__in=enrolment_ids)
        rows = rows.filter(enrolment__pupil__in=enrolments.values("pupil"))
    marks_of, row_ids = _marks_by_pupil(rows, years[-1])
    enrolled = [
        Enrolled(*fields, row_ids.get(fields[0]))
        for fields in enrolments.order_by("pk").values_list("pk", "pupil_id", "starts", "ends", "pupil__date_of_birth")
    ]
    return enrolled, matrix(days, [marks_of.get(pupil.pupil_id, {}) for pupil in enrolled])


def _enrolments(school: School, years: Sequence[int], on: dt.date | None) -> QuerySet[Enrolment]:
    first, last = (on, on) if on else (dt.date(years[0], 8, 1), dt.date(years[-1] + 1, 7, 31))
    return Enrolment.objects.filter(Q(ends__isnull=True) | Q(ends__gte=first), school=school, starts__lte=last)


def _marks_by_pupil(rows: QuerySet[RegisterRow], latest: int) -> tuple[dict[int, dict[int, str]], dict[int, int]]:
    """(marks by pupil and year, register row of the latest year by enrolment)."""
    marks_of: dict[int, dict[int, str]] = defaultdict(dict)
    row_ids = {}
    for row_id, enrolment_id, pupil_id, year, marks in rows.values_list("pk", "enrolment", "enrolment__pupil", "year", "marks"):
        earlier = marks_of[pupil_id].get(year)
        marks_of[pupil_id][year] = marks if earlier is None else _together(earlier, marks)
        if year == latest:
            row_ids[enrolment_id] = row_id
    return marks_of, row_ids


def _together(one: str, other: str) -> str:
    """Two enrolments' marks in one row; they cannot both hold a mark for a session."""
    return "".join(second if first == NO_MARK else first for first, second in zip(one, other, strict=True))


def unexplained(days: SchoolDays, enrolled: Sequence[Enrolled], marks: np.ndarray, on: dt.date) -> list[Unexplained]:
    """The pupils with sessions of this academic year, up to and with the day, that are still coded N; oldest first."""
    start = days.first_on_or_after(dt.date(academic_year_of(on), 8, 1))
    stop = days.first_after(on)
    found: dict[int, list[int]] = defaultdict(list)
    for row, column in np.argwhere(marks[:, 2 * start : 2 * stop] == ord(CODES["N"].character)):
        found[int(row)].append(2 * start + int(column))
    listed = [
        Unexplained(
            enrolled[row],
            [(days.dates[column // 2], SESSIONS[column % 2]) for column in columns],
            stop - 1 - columns[0] // 2,
        )
        for row, columns in found.items()
    ]
    return sorted(listed, key=lambda entry: (-entry.age, entry.enrolled.pupil_id))


def absent_without_reason(days: SchoolDays, enrolled: Sequence[Enrolled], marks: np.ndarray, on: dt.date) -> list[Unexplained]:
    """Those of ``unexplained`` who are coded N on the day itself."""
    return [entry for entry in unexplained(days, enrolled, marks, on) if entry.sessions[-1][0] == on]


def missing_registers(school: School, on: dt.date) -> list[MissingRegister]:
    """The forms whose register of a session of the day is not in, by year and form; none on a day that is not a school day.

    Five statements, whatever the number of pupils.
    """
    days = school_days(school, [academic_year_of(on)])
    day = days.index(on)
    if day is None:
        return []
    enrolled, marks = school_matrix(school, [academic_year_of(on)], on=on, days=days)
    form_of = _forms(school, on)
    rows_of: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, pupil in enumerate(enrolled):
        if pupil.enrolment_id in form_of:
            rows_of[form_of[pupil.enrolment_id]].append(row)
    of_day = marks[:, 2 * day : 2 * day + 2]
    return [
        MissingRegister(*form, session, int((of_day[rows, half] != ord(NO_MARK)).sum()), len(rows))
        for form, rows in sorted(rows_of.items())
        for half, session in enumerate(SESSIONS)
        if not is_in(of_day[rows, half])
    ]


def is_in(marks: np.ndarray) -> bool:
    """Whether a register of one session was taken: uint8[pupils], of which at least half have a mark.

    Whoever has leave or a part-time timetable is left out of account, since those marks are entered before the day.
    """
    expected = marks[~IS_AHEAD[marks]]
    return bool(np.count_nonzero(expected != ord(NO_MARK)) >= IN_BY_NOW * len(expected))


def _forms(school: School, on: dt.date) -> dict[int, tuple[int, str]]:
    """(year group, form) by enrolment on the day."""
    placed = Placement.objects.filter(Q(ends__isnull=True) | Q(ends__gte=on), enrolment__school=school, starts__lte=on)
    return {enrolment: (year, form) for enrolment, year, form in placed.values_list("enrolment", "year_group", "form")}


def register_is_in(days: SchoolDays, enrolled: Sequence[Enrolled], marks: np.ndarray, on: dt.date) -> bool:
    """Whether at least half of the pupils have a mark on that school day; False where the school has no pupils or is closed."""
    day = days.index(on)
    if day is None or not len(enrolled):
        return False
    of_day = marks[:, 2 * day : 2 * day + 2]
    taken = (of_day != ord(NO_MARK)) & ~IS_AHEAD[of_day]
    away_all_day = IS_AHEAD[of_day].all(axis=1)
    return bool(np.count_nonzero(taken.any(axis=1)) >= IN_BY_NOW * np.count_nonzero(~away_all_day))


def last_import(school: School) -> ImportBatch | None:
    """The school's latest import, for "register read in at 09:31"; without its packed entries and refusals."""
    return ImportBatch.objects.filter(school=school).defer("first_entries", "refusals").select_related("by").first()


def mark_history(pupil: Pupil, school: School) -> QuerySet[MarkChange]:
    """All changes of the pupil's marks at the school, latest first, with who made them and from which file."""
    changes = MarkChange.objects.filter(row__enrolment__pupil=pupil, school=school)
    return changes.select_related("by", "batch").defer("batch__first_entries", "batch__refusals")


def marks_of(row: RegisterRow, days: SchoolDays) -> list[tuple[dt.date, str, str]]:
    """(date, session, code) for every session of the row's year among ``days``, in order; the code is empty for no mark."""
    columns = matrix(days, [{row.year: row.marks}])[0]
    return [
        (date, session, code_of(chr(columns[2 * number + half])))
        for number, date in enumerate(days.dates)
        if academic_year_of(date) == row.year
        for half, session in enumerate(SESSIONS)
    ]


def roll_of(school: School) -> Roll:
    """What a register file of the school is checked against. Six statements.

    An admission number finds all of the pupil's enrolments here, also without its leading zeros (which a spreadsheet drops) where that is
    one pupil's only.
    """
    by_upn: dict[str, list[OnRoll]] = defaultdict(list)
    by_number: dict[str, list[OnRoll]] = defaultdict(list)
    numbers: dict[str, set[int]] = defaultdict(set)
    of_pupil: dict[int, list[OnRoll]] = defaultdict(list)
    enrolments = Enrolment.objects.filter(school=school).order_by("starts")
    columns = ("pk", "pupil__upn", "admission_number", "starts", "ends", "pupil__date_of_birth", "pupil")
    for enrolment, upn, number, starts, ends, date_of_birth, pupil_id in enrolments.values_list(*columns):
        pupil = OnRoll(enrolment, upn or "", number, starts, ends, date_of_birth)
        by_upn[pupil.upn].append(pupil)
        of_pupil[pupil_id].append(pupil)
        for spelling in {number, number.lstrip("0")} - {""}:
            numbers[spelling].add(pupil_id)
    for number, pupils in numbers.items():
        exact = {pupil_id for pupil_id in pupils if any(each.admission_number == number for each in of_pupil[pupil_id])}
        for pupil_id in exact or (pupils if len(pupils) == 1 else ()):
            by_number[number].extend(of_pupil[pupil_id])
    by_upn.pop("", None)
    years = AcademicYear.objects.filter(school=school).values_list("start_year", flat=True)
    closed = {day.date: day.get_kind_display() for day in ClosedDay.objects.filter(school=school)}
    raw_codes = dict(RawCode.objects.filter(school=school).values_list("raw", "code"))
    return Roll(str(school), by_upn, by_number, school_days(school, years), closed, raw_codes)


@dataclass(frozen=True)
class Preview:
    """What an import would do, in marks; ``rows`` of the file and ``refused`` of them or of their cells, each with its number and reason.

    ``conflicts`` would be asked of a person, ``kept`` were decided before: neither is among ``changed``.
    """

    reading: Reading
    comparison: Comparison
    conflicts: Sequence[Conflict]
    kept: Sequence[Conflict] = ()

    @property
    def rows(self) -> int:
        return self.reading.rows

    @property
    def pupils(self) -> int:
        return len({enrolment for enrolment, _ in self.comparison.keys})

    @cached_property
    def new(self) -> int:
        return int(self.comparison.new.sum())

    @cached_property
    def changed(self) -> int:
        return int(self.comparison.changed.sum())

    @property
    def unchanged(self) -> int:
        return self.comparison.unchanged

    @property
    def refused(self) -> int:
        return self.reading.refused


def preview_import(*, school: School, data: bytes, file_format: str | None = None) -> Preview:
    """What importing the file would do; nothing is written. Raises imports.FileRefused where the whole file is refused."""
    return preview_of(school, read(data, roll_of(school), file_format))


def preview_of(school: School, reading: Reading) -> Preview:
    """The reading of a file beside what is stored now; what a person wrote here is left out of what would change."""
    whole = compare(school, list(reading.marks), reading.grid)
    found = contradictions(school, whole)
    return Preview(reading, without(whole, [*found.asked, *found.kept]) if any(found) else whole, found.asked, found.kept)


def verify(school: School) -> tuple[int, int, list[str]]:
    """(register rows, marks, a sentence for every fault) of the school: its rows beside what history alone makes of them."""
    rows = list(RegisterRow.objects.filter(school=school).order_by("pk").values_list("pk", "year", "marks"))
    if not rows:
        return 0, 0, []
    ids, years, marks = (list(column) for column in zip(*rows, strict=True))
    stored = as_grid(marks)
    rebuilt, faults = history.rebuild(ids, _first_entries(school), _changes_in_order(school))
    faults += [fault.sentence for fault in history.differences(ids, years, stored, rebuilt)]
    return len(rows), int((stored != ord(NO_MARK)).sum()), faults


def _first_entries(school: School) -> Iterator[history.FirstEntries]:
    """Of files, and of registers taken here."""
    batches = ImportBatch.objects.filter(school=school).order_by("pk").values_list("first_entries", flat=True)
    taken = RegisterEntry.objects.filter(school=school).order_by("pk").values_list("first_entries", flat=True)
    return (history.unpack(bytes(packed)) for packed in chain(batches.iterator(), taken.iterator()))


def _changes_in_order(school: School) -> Iterator[history.Change]:
    changes = MarkChange.objects.filter(school=school).order_by("pk")
    return (history.Change(*fields) for fields in changes.values_list("row", "date", "session", "original", "amended").iterator())
