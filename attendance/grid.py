"""Where a session's mark stands in a register row: plain Python and NumPy, no database.

A row is one enrolment and one academic year: 53 weeks of 10 slots (Monday morning first), counted from the Monday of the week that holds
1 August, so that a changed calendar moves nothing. Year 2025 is 2025/26.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from attendance.codes import NO_MARK
from schools.schooldays import SchoolDays

SESSIONS = ("AM", "PM")
WEEKS = 53
SLOTS = WEEKS * 10
EMPTY_ROW = NO_MARK * SLOTS


def academic_year_of(date: dt.date) -> int:
    """2025 for every day from 1 August 2025 to 31 July 2026.

    A 31 July that is a Monday 53 weeks after the first one (2028 has the next) opens the next year's row: no school is open then.
    """
    year = date.year if date.month >= 8 else date.year - 1
    return year if (date - first_monday(year)).days < 7 * WEEKS else year + 1


@cache
def first_monday(year: int) -> dt.date:
    """The Monday of the week of 1 August of ``year``: the day of slot 0."""
    first = dt.date(year, 8, 1)
    return first - dt.timedelta(days=first.weekday())


def slot(date: dt.date, session: str) -> int:
    """Slot number, 0-529, of a weekday's session in the row of its academic year. ValueError on a Saturday or Sunday."""
    if date.weekday() > 4:
        raise ValueError(f"{date:%A %d %B %Y} is not a weekday: registers are kept from Monday to Friday.")
    week, weekday = divmod((date - first_monday(academic_year_of(date))).days, 7)
    return week * 10 + weekday * 2 + SESSIONS.index(session)


def session_of(year: int, number: int) -> tuple[dt.date, str]:
    """Date and session of a slot: the reverse of ``slot``."""
    week, place = divmod(number, 10)
    return first_monday(year) + dt.timedelta(days=7 * week + place // 2), SESSIONS[place % 2]


def slots_of(days: SchoolDays) -> tuple[np.ndarray, np.ndarray]:
    """(int64[sessions] academic year, int64[sessions] slot) of every session of a calendar, in order."""
    mornings = np.array([slot(date, "AM") for date in days.dates], dtype=np.int64)
    years = np.array([academic_year_of(date) for date in days.dates], dtype=np.int64)
    return np.repeat(years, 2), (mornings[:, None] + np.arange(2)).reshape(-1)


def as_grid(rows: Sequence[str]) -> np.ndarray:
    """uint8[rows, 530] of mark characters, from register rows as they are stored."""
    return np.frombuffer("".join(rows).encode("ascii", "replace"), dtype=np.uint8).reshape(len(rows), SLOTS)


def as_rows(grid: np.ndarray) -> list[str]:
    """The reverse of ``as_grid``."""
    joined = grid.tobytes().decode("ascii")
    return [joined[start : start + SLOTS] for start in range(0, len(joined), SLOTS)]


def matrix(days: SchoolDays, rows: Sequence[Mapping[int, str]]) -> np.ndarray:
    """uint8[pupils, sessions] of mark characters, from each pupil's rows by academic year; a missing row is a year without marks."""
    years, places = slots_of(days)
    marks = np.full((len(rows), len(years)), ord(NO_MARK), dtype=np.uint8)
    for year in sorted({int(number) for number in years}):
        columns = np.flatnonzero(years == year)
        grid = as_grid([row.get(year, EMPTY_ROW) for row in rows])
        marks[:, columns] = grid[:, places[columns]]
    return marks
