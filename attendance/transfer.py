"""Taking in what an XML file holds, all of it or nothing: a transfer file's pupils, marks and earlier years, or a SIMS report's pupils.

What taking a file in would do is found out by doing it and taking it back, so that the preview says exactly what the commit will.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from attendance import ctf, sims
from attendance.ctf import TransferFile, read_ctf
from attendance.earlier import EarlierYears, keep_earlier, number_of
from attendance.grid import academic_year_of
from attendance.imports import read_entries
from attendance.models import Figures, ImportBatch
from attendance.queries import roll_of
from attendance.safe_xml import root_name
from attendance.services import import_reading
from attendance.sims import Difference, Ours, Report, differences, read_sims
from schools.arrivals import Arrivals
from schools.models import PeopleBatch, School, User
from schools.people import PeoplePreview, preview_people, take_in_people
from schools.rules import FileRefused, Refusal


@dataclass(frozen=True)
class Contents:
    """A file that was read: one of the two kinds. ``notices`` carry line numbers."""

    transfer: TransferFile | None = None
    report: Report | None = None

    @property
    def kind(self) -> str:
        return "Common transfer file" if self.transfer else "SIMS report"

    @property
    def arrivals(self) -> Arrivals | None:
        """The people; None where the file has none."""
        if self.transfer:
            return self.transfer.arrivals()
        return self.report.arrivals() if self.report and self.report.pupils else None


@dataclass
class TakenIn:
    """What was done with a file, or would be. ``marks_refused``: why no mark of it could be entered."""

    people: PeopleBatch | None = None
    marks: ImportBatch | None = None
    marks_refused: str = ""
    earlier: EarlierYears = field(default_factory=EarlierYears)


@dataclass(frozen=True)
class Seen:
    """What taking a file in would do, and where a totals report differs from our figures."""

    contents: Contents
    people: PeoplePreview | None
    done: TakenIn
    differences: Sequence[Difference]
    unknown: Sequence[Refusal]


def read_contents(school: School, data: bytes, on: dt.date) -> Contents:
    """Reads an XML file of either kind. FileRefused with the line where it is neither, or another school's."""
    root = root_name(data)
    if root == sims.ROOT:
        return Contents(report=read_sims(data))
    if root == ctf.ROOT:
        return Contents(transfer=read_ctf(data, school=number_of(school), on=on))
    raise FileRefused(
        f"Line 1: this XML is neither a common transfer file (<{ctf.ROOT}>) nor a report of SIMS (<{sims.ROOT}>): export one of them."
    )


def preview_xml(
    *, school: School, data: bytes, file_name: str, by: User | None, role: str = "", now: dt.datetime, on: dt.date
) -> Seen:
    """What taking the file in would do; nothing is written. FileRefused where it is refused whole."""
    contents = read_contents(school, data, on)
    arrivals = contents.arrivals
    people = preview_people(school, arrivals, on) if arrivals else None
    with transaction.atomic():
        done = _take_in(school, contents, data, file_name, by, role, now, on)
        transaction.set_rollback(True)
    totals = contents.report.totals if contents.report else []
    differing, unknown = differences(totals, *_ours(school, on)) if totals else ([], [])
    return Seen(contents, people, done, differing, unknown)


@transaction.atomic
def take_in_xml(
    *, school: School, data: bytes, file_name: str, by: User | None, role: str = "", now: dt.datetime, on: dt.date
) -> TakenIn:
    """Takes the file in: people, then marks that were made here, then years at earlier schools, in one transaction."""
    return _take_in(school, read_contents(school, data, on), data, file_name, by, role, now, on)


def _take_in(
    school: School, contents: Contents, data: bytes, file_name: str, by: User | None, role: str, now: dt.datetime, on: dt.date
) -> TakenIn:
    done, sha256, arrivals = TakenIn(), hashlib.sha256(data).hexdigest(), contents.arrivals
    if arrivals:
        done.people = take_in_people(
            school=school, arrivals=arrivals, file_name=file_name, sha256=sha256, by=by, role=role, now=now, on=on
        )
    if contents.transfer:
        _enter_marks(done, school, contents.transfer, sha256, file_name, by, role, now)
        done.earlier = keep_earlier(school=school, transfer=contents.transfer, by=by, role=role, now=now)
    return done


def _enter_marks(
    done: TakenIn,
    school: School,
    transfer: TransferFile,
    sha256: str,
    file_name: str,
    by: User | None,
    role: str,
    now: dt.datetime,
) -> None:
    """Enters the marks that the file says were made at this school, where it has any."""
    roll = roll_of(school)
    entries = list(transfer.entries(number_of(school), roll))
    if not entries:
        return
    try:
        reading = read_entries(entries, roll, format="ctf")
    except FileRefused as refused:
        done.marks_refused = str(refused)
        return
    done.marks, _ = import_reading(
        school=school, reading=reading, data_sha256=sha256, file_name=file_name, format="ctf", by=by, role=role, now=now
    )


def _ours(school: School, on: dt.date) -> tuple[dict[str, Ours], dict[str, Ours]]:
    """This year's figures (by UPN, by admission number). One statement."""
    stored = Figures.objects.filter(school=school, row__year=academic_year_of(on))
    columns = ("possible", "attended", "authorised", "unauthorised", "no_reason_yet", "late")
    by_upn, by_number = {}, {}
    for upn, number, *figures in stored.values_list(
        "row__enrolment__pupil__upn", "row__enrolment__admission_number", "row__enrolment__pupil", *columns
    ):
        ours = Ours(*figures)
        by_number[number] = ours
        if upn:
            by_upn[upn] = ours
    return by_upn, by_number
