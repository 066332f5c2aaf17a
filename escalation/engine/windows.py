"""Windows: which school days a measure looks at, for every pupil at once.

All windows begin and end with whole school days. They never look past the evaluated date: "later marks do not exist for it".
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from escalation.engine.conditions import Window
from escalation.engine.state import CaseState
from schools.schooldays import SchoolDays

Numbers = int | np.ndarray


class Moment:
    """The evaluated date, after that day's register. ``stop``: number of school days up to and including it."""

    def __init__(self, days: SchoolDays, date: dt.date) -> None:
        last = days.last_on_or_before(date)
        if last is None:
            raise ValueError(f"The calendar has no school day on or before {date:%d %B %Y}.")
        self.days = days
        self.date = date
        self.ordinal = date.toordinal()
        self.last = last
        self.stop = last + 1
        self.year = int(days.year[last])
        self.year_start = int(np.searchsorted(days.year, self.year, side="left"))
        self.year_stop = int(np.searchsorted(days.year, self.year, side="right"))
        self.is_school_day = days.dates[last] == date
        self.ends_week = self.is_school_day and bool(days.ends_week[last])


@dataclass(frozen=True, slots=True)
class Span:
    """School days ``start`` up to but not including ``stop``; ``opens`` and ``closes`` are the window's own dates, as ordinals.

    ``defined``: bool[rows] where the window exists only for some pupils (their stage was done), else None.
    """

    start: Numbers
    stop: Numbers
    opens: Numbers
    closes: Numbers
    defined: np.ndarray | None = None


def span(window: Window, moment: Moment, state: CaseState, rows: np.ndarray) -> Span:
    """The window as of the moment, for the pupils ``rows``. ``any_half_term`` is not one span: see ``half_terms_so_far``."""
    if window.kind == "since":
        return _since(window, moment, state, rows)
    if window.kind == "from_half_term_of":
        return _from_half_term_of(window, moment, state, rows)
    if window.kind == "monitoring":
        return _monitoring(moment, state, rows)
    if window.kind == "previous_year":
        return _previous_year(moment)
    return _ending_today(window, moment)


def half_terms_so_far(moment: Moment) -> list[Span]:
    """The half terms of the year that have begun, each closed at its last day or at the moment."""
    numbers = moment.days.half_term
    first, last = int(numbers[moment.year_start]), int(numbers[moment.last])
    return [_labelled(numbers, number, moment) for number in range(first, last + 1)]


def _labelled(numbers: np.ndarray, number: int, moment: Moment) -> Span:
    start = int(np.searchsorted(numbers, number, side="left"))
    stop = min(int(np.searchsorted(numbers, number, side="right")), moment.stop)
    ordinals = moment.days.ordinals
    closes = moment.ordinal if stop == moment.stop else int(ordinals[stop - 1])
    return Span(start, stop, int(ordinals[start]), closes)


def _ending_today(window: Window, moment: Moment) -> Span:
    days = moment.days
    if window.kind == "weeks":
        opens = moment.ordinal - 7 * window.number + 1
        start = int(np.searchsorted(days.ordinals, opens, side="left"))
    elif window.kind == "school_weeks":
        start = _first_of_weeks(days, moment, window.number)
        opens = int(days.week[start]) * 7 + 1
    elif window.kind == "school_days":
        start = max(moment.stop - window.number, 0)
        opens = int(days.ordinals[start])
    else:
        numbers = {"half_term": days.half_term, "term": days.term, "year": days.year}[window.kind]
        start = int(np.searchsorted(numbers, numbers[moment.last], side="left"))
        opens = int(days.ordinals[start])
    return Span(min(start, moment.stop), moment.stop, opens, moment.ordinal)


def _first_of_weeks(days: SchoolDays, moment: Moment, number: int) -> int:
    """First school day of the last ``number`` weeks that have a school day; the week of the date is one of them if it has any."""
    through = int(np.searchsorted(days.week, (moment.ordinal - 1) // 7, side="right"))
    weeks = np.unique(days.week[:through])
    return int(np.searchsorted(days.week, weeks[-number:][0], side="left"))


def _previous_year(moment: Moment) -> Span:
    if moment.year == 0:
        return Span(0, 0, moment.ordinal, moment.ordinal)
    start = int(np.searchsorted(moment.days.year, moment.year - 1, side="left"))
    ordinals = moment.days.ordinals
    return Span(start, moment.year_start, int(ordinals[start]), int(ordinals[moment.year_start - 1]))


def _since(window: Window, moment: Moment, state: CaseState, rows: np.ndarray) -> Span:
    done = state.done[rows, state.position[window.stage]]
    start = np.searchsorted(moment.days.ordinals, done, side="right")
    return _until_it_closes(window, moment, start, start, done.astype(np.int64) + 1, done > 0)


def _from_half_term_of(window: Window, moment: Moment, state: CaseState, rows: np.ndarray) -> Span:
    done = state.done[rows, state.position[window.stage]]
    after = np.searchsorted(moment.days.ordinals, done, side="right")
    numbers = moment.days.half_term
    start = np.searchsorted(numbers, numbers[np.maximum(after - 1, 0)], side="left")
    return _until_it_closes(window, moment, after, start, moment.days.ordinals[start], done > 0)


def _until_it_closes(
    window: Window, moment: Moment, after: np.ndarray, start: np.ndarray, opens: np.ndarray, defined: np.ndarray
) -> Span:
    """A window from ``start`` to the moment, or to the end of the term after the one of the day before ``after``."""
    if not window.closes_next_term:
        return Span(np.minimum(start, moment.stop), moment.stop, opens, moment.ordinal, defined)
    terms = moment.days.term
    term_end = np.searchsorted(terms, terms[np.maximum(after - 1, 0)] + 1, side="right")
    closed = term_end < moment.stop
    stop = np.where(closed, term_end, moment.stop)
    closes = np.where(closed, moment.days.ordinals[np.maximum(term_end - 1, 0)], moment.ordinal)
    return Span(np.minimum(start, stop), stop, opens, closes, defined)


def _monitoring(moment: Moment, state: CaseState, rows: np.ndarray) -> Span:
    """The plan or period that began last, whichever stage began it."""
    starts = state.periods.start[rows]
    latest = starts.argmax(axis=1)
    at = np.arange(len(rows))
    begun, weeks = starts[at, latest].astype(np.int64), state.periods.weeks[rows][at, latest]
    closes = np.minimum(begun + 7 * weeks, moment.ordinal)
    start = np.searchsorted(moment.days.ordinals, begun, side="right")
    stop = np.maximum(np.searchsorted(moment.days.ordinals, closes, side="right"), start)
    return Span(np.minimum(start, moment.stop), np.minimum(stop, moment.stop), begun + 1, closes, begun > 0)
