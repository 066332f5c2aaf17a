"""Four ways to a school's figures of a day. All but the night read or count and stop there; the night decides and writes as well.

The floor is the least that could be done: the rows read, one look-up and one sum over all marks, the figures copied into an empty table.
The ORM loop and pandas work on a row a mark, the table that the ORM itself would suggest, made here as a temporary one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import QuerySet

from attendance import bulk
from attendance.codes import BY_CHARACTER, MEANINGS, NO_MARK, Meaning
from attendance.figures import COLUMNS
from attendance.grid import as_grid
from attendance.models import Figures
from schools.models import School
from schools.schooldays import SchoolDays

COUNTED = tuple(name for name in COLUMNS if name != "to_come")
"""The figures that come from marks."""


class Mark(models.Model):
    """A row a mark. In a registry of its own, so that no migration is ever made of it."""

    pupil = models.IntegerField()
    date = models.DateField()
    session = models.CharField(max_length=2)
    code = models.CharField(max_length=2)
    meaning = models.SmallIntegerField()

    objects: models.Manager[Mark] = models.Manager()

    class Meta:
        apps = Apps()
        app_label = "bench"
        db_table = "bench_mark"
        managed = False


def make_mark_rows(days: SchoolDays, marks: np.ndarray) -> int:
    """Fills the table of a row a mark; returns how many. ``marks``: uint8[pupils, 2 * days]."""
    key = "bigserial" if connection.vendor == "postgresql" else "integer"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_mark")
        cursor.execute(
            f"CREATE TEMPORARY TABLE bench_mark (id {key} PRIMARY KEY, pupil integer NOT NULL, date date NOT NULL,"
            " session varchar(2) NOT NULL, code varchar(2) NOT NULL, meaning smallint NOT NULL)"
        )
    bulk.insert(Mark, columns=["pupil", "date", "session", "code", "meaning"], rows=_mark_rows(days, marks))
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX bench_mark_by_pupil ON bench_mark (pupil, date)")
        cursor.execute("ANALYZE bench_mark")
    return int((marks != ord(NO_MARK)).sum())


def _mark_rows(days: SchoolDays, marks: np.ndarray) -> Iterator[tuple[Any, ...]]:
    for pupil, columns in enumerate(marks.tolist()):
        for place, character in enumerate(columns):
            if character != ord(NO_MARK):
                code = BY_CHARACTER[chr(character)]
                yield pupil, days.dates[place // 2], "PM" if place % 2 else "AM", code.code, int(code.meaning)


def floor(school: School, years: Sequence[int], as_of: dt.date) -> None:
    """Raw read, look-up, sum, copy."""
    table = np.zeros(256, dtype=np.uint64)
    table[:] = np.uint64(1) << (MEANINGS.astype(np.uint64) * np.uint64(12))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, marks FROM attendance_registerrow WHERE school_id = %s AND year BETWEEN %s AND %s",
            [school.pk, min(years), max(years)],
        )
        rows = cursor.fetchall()
        sums = table[as_grid([marks for _, marks in rows])].sum(axis=1, dtype=np.uint64)
        counts = np.stack([(sums >> np.uint64(12 * place)) & np.uint64(4095) for place in range(5)], axis=1).astype(np.int64)
        half = len(rows) // len(years)
        _copy_figures(school, as_of, [pk for pk, _ in rows[:half]], counts[:half].tolist())


def _copy_figures(school: School, as_of: dt.date, ids: list[int], counts: list[list[int]]) -> None:
    """As many columns as the figures have, into an empty table."""
    columns = [str(field.column) for field in Figures._meta.concrete_fields]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_figures")
        cursor.execute("CREATE TEMPORARY TABLE bench_figures AS SELECT * FROM attendance_figures WHERE 1 = 0")
    fill = len(columns) - 3
    bulk.insert(
        _FiguresCopy,
        columns=columns,
        rows=[(pk, school.pk, as_of, *(row * 4)[:fill]) for pk, row in zip(ids, counts, strict=True)],
    )


class _FiguresCopy(models.Model):
    """Where the floor's figures go."""

    class Meta:
        apps = Apps()
        app_label = "bench"
        db_table = "bench_figures"
        managed = False


def orm_loop(pupils: int, days: SchoolDays, as_of: dt.date) -> list[dict[str, int]]:
    """Counts for each figure of each pupil, one after the other."""
    windows = _windows(days, as_of)
    return [{name: _counted(name, pupil, windows).count() for name in COUNTED} for pupil in range(pupils)]


def _counted(name: str, pupil: int, windows: dict[str, tuple[dt.date, dt.date]]) -> QuerySet[Mark]:
    window, what = _split(name)
    marks = Mark.objects.filter(pupil=pupil, date__range=windows[window])
    if what in ("no_reason_yet", "late"):
        return marks.filter(code="N" if what == "no_reason_yet" else "L")
    return marks.filter(meaning__in=MEANT[what])


MEANT = {
    "possible": (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED),
    "attended": (Meaning.ATTENDING,),
    "authorised": (Meaning.AUTHORISED,),
    "unauthorised": (Meaning.UNAUTHORISED,),
}


def _split(name: str) -> tuple[str, str]:
    for window in ("half_term", "before_week", "week"):
        if name.startswith(f"{window}_"):
            return window, name.removeprefix(f"{window}_")
    return "year", name


def _windows(days: SchoolDays, as_of: dt.date) -> dict[str, tuple[dt.date, dt.date]]:
    """First and last day of each window of the figures."""
    day = days.last_on_or_before(as_of)
    assert day is not None, "the bench's days lie in its calendar"
    monday = as_of - dt.timedelta(days=as_of.weekday())
    year_starts = days.dates[int((days.year == days.year[day]).argmax())]
    return {
        "year": (year_starts, as_of),
        "half_term": (days.dates[int((days.half_term == days.half_term[day]).argmax())], as_of),
        "week": (monday, as_of),
        "before_week": (year_starts, monday - dt.timedelta(days=1)),
    }


def pandas_from_rows(pandas: Any, pupils: int, days: SchoolDays, as_of: dt.date) -> list[dict[str, int]]:
    """All rows of the school read into a frame, grouped by pupil for each figure. ``pandas`` is the module."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pupil, date, code, meaning FROM bench_mark")
        frame = pandas.DataFrame(cursor.fetchall(), columns=["pupil", "date", "code", "meaning"])
    frame["date"] = pandas.to_datetime(frame["date"])
    windows = _windows(days, as_of)
    counted = {}
    for name in COUNTED:
        window, what = _split(name)
        start, end = (pandas.Timestamp(date) for date in windows[window])
        chosen = frame["code"] == ("N" if what == "no_reason_yet" else "L")
        if what in MEANT:
            chosen = frame["meaning"].isin([int(meaning) for meaning in MEANT[what]])
        chosen &= (frame["date"] >= start) & (frame["date"] <= end)
        counted[name] = frame["pupil"][chosen].value_counts().reindex(range(pupils), fill_value=0)
    return pandas.DataFrame(counted).astype(int).to_dict("records")
