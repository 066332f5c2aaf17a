"""What the import pages show: an opened file as far as it is understood, the last batches of the schools, and questions that wait."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import QuerySet

from attendance.imports import SHAPES, Headings
from attendance.models import ImportBatch, RegisterConflict
from attendance.remembering import KINDS, remembered
from schools.columns import Column, placed
from schools.models import PeopleBatch, Placement, Pupil, School
from schools.people_table import COLUMNS, guessed_columns, looks_like_people, missing_columns
from schools.rules import FileRefused
from schools.tables import Row, Table, open_table

SAMPLES = 3
FEWEST = 3
"""A file with fewer headings is no table that somebody could explain."""


@dataclass
class OpenedFile:
    """A file and which of its columns is which. ``kind``: long, weeks or people. ``asks``: whether a person has to say more first."""

    table: Table
    kind: str
    columns: Mapping[str, int]
    missing: Sequence[str]
    is_remembered: bool
    several_sheets: bool
    samples: Sequence[Row]

    @property
    def asks(self) -> bool:
        return bool(self.missing) or self.several_sheets

    @property
    def is_people(self) -> bool:
        return self.kind == "people"


class Choice(NamedTuple):
    """One of our columns on the page that asks: the heading that it was found under, or none."""

    column: Column
    heading: str


def open_file(school: School, data: bytes, *, kind: str = "", sheet: str = "") -> OpenedFile:
    """Opens a file for a school. ``kind``: "", register, people, or one of KINDS. FileRefused where nobody could say what it is."""
    table = open_table(data, sheet)
    said = remembered(school, table.headings)
    shape = _kind(table.headings, kind, said.kind if said else "")
    is_remembered = said is not None and said.kind == shape
    columns, missing = _columns(table.headings, shape, said.columns if said and is_remembered else None)
    samples = list(itertools.islice(table.rows, SAMPLES))
    table.rows = itertools.chain(samples, table.rows)
    several = len(table.sheets) > 1 and not sheet
    if missing and (len([each for each in table.headings if each]) < FEWEST or not samples) and not several:
        raise FileRefused(_hopeless(shape, missing, bool(samples)))
    return OpenedFile(table, shape, columns, missing, is_remembered, several, samples)


def _hopeless(shape: str, missing: Sequence[str], has_rows: bool) -> str:
    if not has_rows and shape != "people":
        return f"The header has no column {', '.join(missing)}, and there are no rows below it: export the register again."
    return (
        f"The header has no column {', '.join(missing)}. A register file begins with upn,date,session,code or with "
        "UPN,WeekBeginning,MonAM,…,FriPM; a list of pupils with UPN or admission number."
    )


def _kind(headings: Sequence[str], asked: str, said: str) -> str:
    """What was asked for; else what somebody said of these headings; else what they look like."""
    if asked in KINDS:
        return asked
    if asked == "people" or (not asked and said == "people"):
        return "people"
    if said and (not asked or said != "people"):
        return said
    register = Headings.of(headings)
    if not asked and register.missing and looks_like_people(headings):
        return "people"
    return register.shape


def _columns(headings: Sequence[str], kind: str, said: Mapping[str, str] | None) -> tuple[Mapping[str, int], Sequence[str]]:
    if kind == "people":
        columns = placed(headings, said) if said is not None else guessed_columns(headings)
        return columns, missing_columns(columns)
    found = Headings.of(headings, kind, said if said is not None else None) if said is not None else _guess(headings, kind)
    return found.columns, found.missing


def _guess(headings: Sequence[str], kind: str) -> Headings:
    """Guessed for the kind that was asked for, also where the headings look like the other."""
    looks = Headings.of(headings)
    return looks if looks.shape == kind else Headings.of(headings, kind, {})


def choices(opened: OpenedFile) -> list[Choice]:
    """Our columns of the file's kind, each with the heading that it was found under."""
    columns = COLUMNS if opened.is_people else SHAPES[opened.kind]
    headings = opened.table.headings
    return [Choice(column, headings[opened.columns[column.name]] if column.name in opened.columns else "") for column in columns]


def register_batches(schools: Collection[School], count: int) -> list[ImportBatch]:
    batches = ImportBatch.objects.filter(school__in=schools).exclude(format="leave")
    return list(batches.defer("first_entries").select_related("by", "school", "undone_by")[:count])


def people_batches(schools: Collection[School], count: int) -> list[PeopleBatch]:
    batches = PeopleBatch.objects.filter(school__in=schools)
    return list(batches.defer("before").select_related("by", "school", "undone_by")[:count])


def open_conflicts(schools: Collection[School]) -> QuerySet[RegisterConflict]:
    """What waits for a decision, oldest day first."""
    return RegisterConflict.objects.filter(school__in=schools, state=RegisterConflict.State.OPEN)


class Question(NamedTuple):
    """A mark of ours that a file contradicts, with its pupil and form."""

    conflict: RegisterConflict
    pupil: Pupil
    form: str


def questions(schools: Collection[School], on: dt.date, count: int) -> list[Question]:
    """The first open conflicts with what a person needs in order to decide. Two statements."""
    conflicts = list(
        open_conflicts(schools)
        .select_related("row__enrolment__pupil", "school", "batch")
        .defer("batch__first_entries", "batch__refusals")[:count]
    )
    placed_now = Placement.objects.filter(enrolment__in=[conflict.row.enrolment_id for conflict in conflicts], starts__lte=on)
    form_of = dict(placed_now.order_by("starts").values_list("enrolment", "form"))
    return [Question(each, each.row.enrolment.pupil, form_of.get(each.row.enrolment_id, "")) for each in conflicts]


def unknown_codes(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    """The codes that nobody explained, the commonest first."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def first(rows: Iterable, count: int) -> list:
    return list(itertools.islice(rows, count))
