"""What a register takes on disk, on PostgreSQL: bytes a mark, freshly read in, after a day, and with its history."""

from __future__ import annotations

import datetime as dt

import numpy as np
from django.db import connection, models

from attendance.codes import NO_MARK
from attendance.grid import as_grid, as_rows
from attendance.models import ImportBatch, MarkChange, RegisterRow
from attendance.services import enter_marks
from escalation.bench.made import SEED, MadeSchool

AMENDED = 0.03
"""The share of marks that are amended, for the figure with history."""


class Storage:
    """Sizes of one made school's tables, each divided by its marks. Other schools' rows in the same tables count by their number."""

    def __init__(self, made: MadeSchool) -> None:
        self.made = made
        rows = RegisterRow.objects.filter(school=made.school).values_list("marks", flat=True)
        self.marks = int((as_grid(list(rows)) != ord(NO_MARK)).sum())
        self.share = len(rows) / RegisterRow.objects.count()

    def register(self) -> float:
        """Bytes a mark of the register rows and their indexes."""
        return _bytes(RegisterRow) * self.share / self.marks

    def history(self) -> float:
        """Bytes a mark of first entries and of changes, with their indexes; no other school's import may lie in the same tables."""
        return (_bytes(ImportBatch) + _bytes(MarkChange)) / self.marks


def bytes_a_row(model: type[models.Model], rows: int) -> float:
    """Of a table with that many rows, its indexes included."""
    return _bytes(model) / rows


def _bytes(model: type[models.Model]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [model._meta.db_table])
        return int(cursor.fetchone()[0])


def amend_some(made: MadeSchool, now: dt.datetime) -> None:
    """Changes that share of all marks to another code, batch by batch, as a year of corrections would."""
    rows = list(RegisterRow.objects.filter(school=made.school).order_by("pk").values_list("enrolment", "year", "marks"))
    marks = as_grid([row for _, _, row in rows])
    chosen = np.random.default_rng(SEED).random(marks.shape) < AMENDED
    amended = np.where(chosen & (marks != ord(NO_MARK)), np.where(marks == ord("I"), ord("M"), ord("I")), ord(NO_MARK))
    changed = as_rows(amended.astype(np.uint8))
    keys = [(enrolment, year) for enrolment, year, _ in rows]
    enter_marks(
        school=made.school, rows=dict(zip(keys, changed, strict=True)), file_name="amended", file_format="demo", by=None, now=now
    )
