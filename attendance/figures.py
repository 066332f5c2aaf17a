"""A pupil's figures as of a day, for a whole school at once: NumPy over the marks, no database, no clock.

Every mark is looked up as five 12-bit counters packed in one 64-bit number, so that one sum over a stretch of sessions gives all five
counts; a year has 530 slots at most, which 12 bits hold. What each figure means stands at ``models.Figures``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from attendance.codes import CODES, MEANINGS, Meaning
from attendance.grid import academic_year_of
from schools.schooldays import SchoolDays

COLUMNS = (
    "possible",
    "attended",
    "authorised",
    "unauthorised",
    "no_reason_yet",
    "late",
    "half_term_possible",
    "half_term_attended",
    "half_term_authorised",
    "half_term_unauthorised",
    "week_possible",
    "week_attended",
    "before_week_possible",
    "before_week_attended",
    "to_come",
)

_BITS = 12
_ATTENDED, _AUTHORISED, _UNAUTHORISED, _NO_REASON, _LATE = (np.uint64(_BITS * place) for place in range(5))
_MASK = np.uint64(2**_BITS - 1)


def _counters() -> np.ndarray:
    """uint64[256]: what each mark's character adds to the five counters."""
    words = np.zeros(256, dtype=np.uint64)
    for meaning, shift in (
        (Meaning.ATTENDING, _ATTENDED),
        (Meaning.AUTHORISED, _AUTHORISED),
        (Meaning.UNAUTHORISED, _UNAUTHORISED),
    ):
        words[meaning == MEANINGS] = np.uint64(1) << shift
    for code, shift in (("N", _NO_REASON), ("L", _LATE)):
        words[ord(CODES[code].character)] |= np.uint64(1) << shift
    return words


_COUNTERS = _counters()


def compute(days: SchoolDays, marks: np.ndarray, *, as_of: dt.date, ends: Sequence[dt.date | None]) -> dict[str, np.ndarray]:
    """int64[pupils] for each of ``COLUMNS``, after the register of ``as_of``; later marks do not exist for it.

    ``marks``: uint8[pupils, 2 * days] as ``grid.matrix`` makes it; ``ends``: each pupil's last day on roll, None while it is open.
    """
    year_from, year_to = _year(days, as_of)
    stop = max(year_from, min(days.first_after(as_of), year_to))
    week = max(year_from, min(days.first_on_or_after(as_of - dt.timedelta(days=as_of.weekday())), stop))
    before_week = _sums(marks, year_from, week)
    this_week = _sums(marks, week, stop)
    half_term = _sums(marks, _half_term_start(days, year_from, stop), stop)
    year = before_week + this_week
    return {
        "possible": _possible(year),
        "attended": _field(year, _ATTENDED),
        "authorised": _field(year, _AUTHORISED),
        "unauthorised": _field(year, _UNAUTHORISED),
        "no_reason_yet": _field(year, _NO_REASON),
        "late": _field(year, _LATE),
        "half_term_possible": _possible(half_term),
        "half_term_attended": _field(half_term, _ATTENDED),
        "half_term_authorised": _field(half_term, _AUTHORISED),
        "half_term_unauthorised": _field(half_term, _UNAUTHORISED),
        "week_possible": _possible(this_week),
        "week_attended": _field(this_week, _ATTENDED),
        "before_week_possible": _possible(before_week),
        "before_week_attended": _field(before_week, _ATTENDED),
        "to_come": _to_come(days, stop, year_to, ends),
    }


def _year(days: SchoolDays, as_of: dt.date) -> tuple[int, int]:
    """Numbers of the first school day of the academic year of ``as_of`` and of the first one after that year."""
    year = academic_year_of(as_of)
    return days.first_on_or_after(dt.date(year, 8, 1)), days.first_on_or_after(dt.date(year + 1, 8, 1))


def _half_term_start(days: SchoolDays, year_from: int, stop: int) -> int:
    """Number of the first day of the half term of the last school day before ``stop``: in a holiday, of the one just ended."""
    if stop <= year_from:
        return stop
    return int(np.searchsorted(days.half_term, days.half_term[stop - 1], side="left"))


def _sums(marks: np.ndarray, start: int, stop: int) -> np.ndarray:
    """uint64[pupils]: the packed counts of the school days ``start`` up to but not including ``stop``."""
    return _COUNTERS[marks[:, 2 * start : 2 * stop]].sum(axis=1, dtype=np.uint64)


def _field(sums: np.ndarray, shift: np.uint64) -> np.ndarray:
    return ((sums >> shift) & _MASK).astype(np.int64)


def _possible(sums: np.ndarray) -> np.ndarray:
    return _field(sums, _ATTENDED) + _field(sums, _AUTHORISED) + _field(sums, _UNAUTHORISED)


def _to_come(days: SchoolDays, stop: int, year_to: int, ends: Sequence[dt.date | None]) -> np.ndarray:
    """int64[pupils]: two sessions for each school day from number ``stop`` to the end of the year or of the enrolment."""
    last = np.array([(end or dt.date.max).toordinal() for end in ends], dtype=np.int64)
    until = np.searchsorted(days.ordinals[:year_to], last, side="right")
    return 2 * np.maximum(until - stop, 0)
