"""The marks of a school's pupils, and their sums, laid out so that any window costs two look-ups.

One matrix of marks (a row a pupil, a column a session) and, made when first asked for, running totals by school day. All arrays
made here have the school days along the first axis and the pupils along the second, so that one day of all pupils lies together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from attendance.codes import BY_CHARACTER, CODES, MEANINGS, NO_MARK, Meaning, characters
from schools.schooldays import SchoolDays

_FIELDS = {Meaning.ATTENDING: 0, Meaning.AUTHORISED: 16, Meaning.UNAUTHORISED: 32}
_LATE = 48
_MASK = np.uint64(0xFFFF)

_MEANINGS_OF = {
    "missed": (Meaning.AUTHORISED, Meaning.UNAUTHORISED),
    "authorised": (Meaning.AUTHORISED,),
    "unauthorised": (Meaning.UNAUTHORISED,),
    "possible": (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED),
    "attended": (Meaning.ATTENDING,),
}


@dataclass(frozen=True, slots=True)
class SeenMark:
    """A mark that a reason rests on: day, "AM" or "PM", national code."""

    date: dt.date
    session: str
    code: str


def _words() -> np.ndarray:
    """uint64[256]: four 16-bit counters in one word for each mark: attended, authorised, unauthorised, late (code L)."""
    words = np.zeros(256, dtype=np.uint64)
    for meaning, shift in _FIELDS.items():
        words[meaning == MEANINGS] = np.uint64(1 << shift)
    words[ord(CODES["L"].character)] |= np.uint64(1 << _LATE)
    return words


_WORDS = _words()


@cache
def counted_characters(measure: str, codes: tuple[str, ...]) -> np.ndarray:
    """bool[256]: the mark characters that a count of sessions counts, narrowed to ``codes`` where there are any."""
    chosen = np.arange(256) == ord(CODES["L"].character) if measure == "late" else np.isin(MEANINGS, _MEANINGS_OF[measure])
    if codes:
        chosen &= np.isin(np.arange(256), characters(codes))
    chosen.setflags(write=False)
    return chosen


def field(words: np.ndarray, measure: str) -> np.ndarray:
    """int64[n]: one count out of packed words."""
    if measure == "late":
        return _unpack(words, _LATE)
    parts = [_unpack(words, _FIELDS[meaning]) for meaning in _MEANINGS_OF[measure]]
    return sum(parts[1:], start=parts[0])


def _unpack(words: np.ndarray, shift: int) -> np.ndarray:
    return ((words >> np.uint64(shift)) & _MASK).astype(np.int64)


class Register:
    """Marks of ``pupils`` over the school days of one or more academic years.

    ``marks``: uint8[pupils, 2 * days] of mark characters ("." for no mark), morning and afternoon of each school day in turn.
    ``on_roll_from``, ``on_roll_to``: int[pupils, years], numbers of the first and last school day on which the pupil is evaluated
    in each academic year of the calendar (from > to: not at all that year); left out, everyone is evaluated on every day.
    """

    def __init__(
        self,
        days: SchoolDays,
        marks: np.ndarray,
        on_roll_from: np.ndarray | None = None,
        on_roll_to: np.ndarray | None = None,
    ) -> None:
        if marks.ndim != 2 or marks.shape[1] != 2 * len(days):
            raise ValueError(f"A register of {len(days)} school days has {2 * len(days)} columns, not {marks.shape}.")
        self.days = days
        self.marks = marks
        self.pupils = marks.shape[0]
        self.years = int(days.year[-1]) + 1 if len(days) else 0
        self.on_roll_from = self._every(0) if on_roll_from is None else on_roll_from
        self.on_roll_to = self._every(max(len(days) - 1, 0)) if on_roll_to is None else on_roll_to
        self._made: dict[tuple, np.ndarray] = {}

    def _every(self, day: int) -> np.ndarray:
        return np.full((self.pupils, max(self.years, 1)), day, dtype=np.int64)

    @cached_property
    def totals(self) -> np.ndarray:
        """uint64[days + 1, pupils]: packed running totals before each school day."""
        by_day = _WORDS[self.marks[:, 0::2]]
        by_day += _WORDS[self.marks[:, 1::2]]
        return _running(by_day.T, np.uint64)

    def words(self, start: np.ndarray | int, stop: np.ndarray | int, rows: np.ndarray) -> np.ndarray:
        """uint64[rows]: packed counts of the days ``start`` up to but not including ``stop``; see ``field``."""
        return self.totals[stop, rows] - self.totals[start, rows]

    def count(
        self, measure: str, codes: tuple[str, ...], start: np.ndarray | int, stop: np.ndarray | int, rows: np.ndarray
    ) -> np.ndarray:
        """int64[rows]: sessions counted by ``measure`` (missed, late, ...), narrowed to ``codes``, in the days start..stop-1."""
        chosen = counted_characters(measure, codes)
        if codes and not np.array_equal(chosen, counted_characters(measure, ())):
            totals = self._totals(("sessions", chosen.tobytes()), lambda: self._per_day(chosen))
            return (totals[stop, rows] - totals[start, rows]).astype(np.int64)
        return field(self.words(start, stop, rows), measure)

    def days_with(self, codes: tuple[str, ...], start: np.ndarray | int, stop: np.ndarray | int, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: days with at least one session of ``codes``."""
        totals = self._totals(("days with", codes), lambda: self.has_code(codes))
        return (totals[stop, rows] - totals[start, rows]).astype(np.int64)

    def days_absent(self, start: np.ndarray | int, stop: np.ndarray | int, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: days on which the pupil had a possible session and missed every one."""
        totals = self._totals(("days absent",), lambda: self._whole_days_missed(())[0])
        return (totals[stop, rows] - totals[start, rows]).astype(np.int64)

    def run_lengths(self, codes: tuple[str, ...], *, by_session: bool) -> np.ndarray:
        """int16[days, pupils]: length of the run that ends with each day, in school days or in sessions; 0 where there is none.

        What is neither missed nor attended (no mark, no possible session) is stepped over; a day with one marked half is judged on it.
        """
        key = ("runs", codes, by_session)
        if key not in self._made:
            counts, breaks = self._sessions_missed(codes) if by_session else self._whole_days_missed(codes)
            seen = np.cumsum(counts, axis=0, dtype=np.int16)
            before = np.maximum.accumulate(np.where(breaks, seen, np.int16(0)), axis=0)
            runs = seen - before
            self._made[key] = runs[1::2] if by_session else runs
        return self._made[key]

    def oldest_day(self, codes: tuple[str, ...]) -> np.ndarray:
        """int64[pupils]: number of the first day with a session of ``codes``; the number of days where there is none."""
        key = ("oldest", codes)
        if key not in self._made:
            has = self.has_code(codes)
            self._made[key] = np.where(has.any(axis=0), has.argmax(axis=0), len(self.days)).astype(np.int64)
        return self._made[key]

    def has_code(self, codes: tuple[str, ...]) -> np.ndarray:
        """bool[days, pupils]: a session of the day bears one of ``codes``."""
        key = ("has", codes)
        if key not in self._made:
            chosen = np.zeros(256, dtype=bool)
            chosen[characters(codes)] = True
            self._made[key] = np.ascontiguousarray((chosen[self.marks[:, 0::2]] | chosen[self.marks[:, 1::2]]).T)
        return self._made[key]

    def run_begins(self, pupil: int, codes: tuple[str, ...], last: int, *, by_session: bool) -> int:
        """Number of the first day of the run that ends with day ``last``."""
        runs = self.run_lengths(codes, by_session=by_session)[: last + 1, pupil]
        counts = (self._sessions_missed(codes) if by_session else self._whole_days_missed(codes))[0][:, pupil]
        positions = np.flatnonzero(counts[: 2 * (last + 1) if by_session else last + 1])
        first = int(positions[-int(runs[-1])])
        return first // 2 if by_session else first

    def marks_between(self, pupil: int, start: int, stop: int, chosen: np.ndarray) -> list[SeenMark]:
        """The pupil's marks in the days start..stop-1 whose character is ``chosen``, in order of time."""
        row = self.marks[pupil, 2 * start : 2 * stop]
        return [
            SeenMark(self.days.dates[(2 * start + at) // 2], "PM" if at % 2 else "AM", BY_CHARACTER[chr(row[at])].code)
            for at in map(int, np.flatnonzero(chosen[row]))
        ]

    def unmarked(self, pupil: int, day: int) -> bool:
        """Has the pupil no mark at all on this school day?"""
        return bool((self.marks[pupil, 2 * day : 2 * day + 2] == ord(NO_MARK)).all())

    def evaluated(self, day: int) -> np.ndarray:
        """int64[n]: the pupils evaluated on this school day."""
        year = self.days.year[day]
        return np.flatnonzero((self.on_roll_from[:, year] <= day) & (day <= self.on_roll_to[:, year]))

    def _totals(self, key: tuple, make: Callable[[], np.ndarray]) -> np.ndarray:
        if key not in self._made:
            self._made[key] = _running(make(), np.int32)
        return self._made[key]

    def _per_day(self, chosen: np.ndarray) -> np.ndarray:
        hits = chosen[self.marks].view(np.uint8)
        return (hits[:, 0::2] + hits[:, 1::2]).T

    def _whole_days_missed(self, codes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """bool[days, pupils] twice: days wholly missed (with ``codes``), and days that break a run of them."""
        key = ("whole days", codes)
        if key not in self._made:
            possible = self._per_day(counted_characters("possible", ()))
            missed = self._per_day(counted_characters("missed", codes))
            whole = (possible > 0) & (missed == possible)
            self._made[key] = np.stack([whole, (possible > 0) & ~whole])
        return self._made[key][0], self._made[key][1]

    def _sessions_missed(self, codes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """bool[sessions, pupils] twice: sessions missed (with ``codes``), and possible sessions that break a run of them."""
        key = ("sessions missed", codes)
        if key not in self._made:
            missed = counted_characters("missed", codes)[self.marks].T
            possible = counted_characters("possible", ())[self.marks].T
            self._made[key] = np.stack([missed, possible & ~missed])
        return self._made[key][0], self._made[key][1]


def _running(per_day: np.ndarray, dtype: type) -> np.ndarray:
    """[days + 1, pupils]: running totals, beginning with zeros."""
    totals = np.zeros((per_day.shape[0] + 1, per_day.shape[1]), dtype=dtype)
    np.cumsum(per_day, axis=0, dtype=dtype, out=totals[1:])
    return totals
