"""School days as the figures and the engine count them: plain Python, no database, no clock.

A school's calendar is a list of school days inside half terms inside terms inside academic years. Every day in it is a school day,
whatever codes it bears. A *session* is half a day: session ``2 * day`` is the morning of day number ``day``, ``2 * day + 1`` its afternoon.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, slots=True)
class SchoolDay:
    """One school day and where it lies. The labels are the school's own ("Autumn 1", "Autumn", "2025/26")."""

    date: dt.date
    half_term: str
    term: str
    academic_year: str


class CalendarError(ValueError):
    """A calendar that contradicts itself; the message names the date or row and what to do."""


class SchoolDays:
    """The school days in order, with the half term, term and academic year of each as running numbers from 0.

    Half terms and terms that bear the same label in two academic years are different ones.
    """

    def __init__(self, days: Iterable[SchoolDay]) -> None:
        self.days: tuple[SchoolDay, ...] = tuple(sorted(days, key=lambda day: day.date))
        self.dates: tuple[dt.date, ...] = tuple(day.date for day in self.days)
        for earlier, later in zip(self.dates, self.dates[1:], strict=False):
            if earlier == later:
                raise CalendarError(f"{later:%d %B %Y} stands twice in the calendar: leave one of the two rows out.")
        self.ordinals = np.array([date.toordinal() for date in self.dates], dtype=np.int64)
        self.half_term = _running_numbers([(day.academic_year, day.term, day.half_term) for day in self.days])
        self.term = _running_numbers([(day.academic_year, day.term) for day in self.days])
        self.year = _running_numbers([(day.academic_year,) for day in self.days])
        self.week = (self.ordinals - 1) // 7
        """Number of the Monday-Sunday week (the ordinal of 1 January of year 1, a Monday, is 1)."""

    def __len__(self) -> int:
        return len(self.days)

    @cached_property
    def _index(self) -> dict[dt.date, int]:
        return {date: number for number, date in enumerate(self.dates)}

    def index(self, date: dt.date) -> int | None:
        """Number of the school day on ``date``; None where it is not a school day."""
        return self._index.get(date)

    def last_on_or_before(self, date: dt.date) -> int | None:
        """Number of the last school day up to ``date``; None where the calendar begins later."""
        number = bisect.bisect_right(self.dates, date) - 1
        return number if number >= 0 else None

    def first_after(self, date: dt.date) -> int:
        """Number of the first school day after ``date``; ``len(self)`` where the calendar has none."""
        return bisect.bisect_right(self.dates, date)

    def first_on_or_after(self, date: dt.date) -> int:
        """Number of the first school day on or after ``date``; ``len(self)`` where the calendar has none."""
        return bisect.bisect_left(self.dates, date)

    @cached_property
    def ends_week(self) -> np.ndarray:
        """bool[days]: the last school day of its Monday-Sunday week, on which what is judged weekly is judged."""
        if not len(self):
            return np.zeros(0, dtype=bool)
        return np.append(self.week[1:] != self.week[:-1], True)


def _running_numbers(labels: Sequence[tuple[str, ...]]) -> np.ndarray:
    """int64[days]: 0 for the first label, one more wherever a label differs from the day before."""
    numbers = np.zeros(len(labels), dtype=np.int64)
    for position in range(1, len(labels)):
        numbers[position] = numbers[position - 1] + (labels[position] != labels[position - 1])
    return numbers
