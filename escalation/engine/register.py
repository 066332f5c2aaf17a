"""The marks of a school's pupils, and their sums, laid out so that any window costs two look-ups.

One matrix of marks (a row a pupil, a column a session) and, made when first asked for, running totals by school day. All arrays
made here have the school days along the first axis and the pupils along the second, so that one day of all pupils lies together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial, reduce

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
_LOOK_BACK = 12
"""School days in which most runs are broken; the few that are not are followed back to their beginning."""

Days = np.ndarray | int
"""One day number for all pupils, or one for each."""
PerDay = Callable[[np.ndarray], np.ndarray]


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
    ``many_days``: many days will be asked about (a back-test), so tables over all days are worth making; the night asks about one.
    """

    def __init__(
        self,
        days: SchoolDays,
        marks: np.ndarray,
        on_roll_from: np.ndarray | None = None,
        on_roll_to: np.ndarray | None = None,
        *,
        many_days: bool = False,
    ) -> None:
        if marks.ndim != 2 or marks.shape[1] != 2 * len(days):
            raise ValueError(f"A register of {len(days)} school days has {2 * len(days)} columns, not {marks.shape}.")
        self.days = days
        self.marks = marks
        self.pupils = marks.shape[0]
        self.years = int(days.year[-1]) + 1 if len(days) else 0
        self.on_roll_from = self._every(0) if on_roll_from is None else on_roll_from
        self.on_roll_to = self._every(max(len(days) - 1, 0)) if on_roll_to is None else on_roll_to
        self.many_days = many_days
        self._made: dict[tuple, np.ndarray] = {}

    def _every(self, day: int) -> np.ndarray:
        return np.full((self.pupils, max(self.years, 1)), day, dtype=np.int64)

    def words(self, start: Days, stop: Days, rows: np.ndarray) -> np.ndarray:
        """uint64[rows]: packed counts of the days ``start`` up to but not including ``stop``; see ``field``."""
        earliest = int(np.min(start, initial=len(self.days)))
        base = 0 if self.many_days or earliest < self._last_year else self._last_year
        totals = self._totals_from(base)
        last = len(totals) - 1
        return totals[np.minimum(stop - base, last), rows] - totals[np.minimum(start - base, last), rows]

    def _totals_from(self, base: int) -> np.ndarray:
        """uint64[days + 1, pupils]: packed running totals before each school day, from day ``base`` to the last one with a mark."""
        key = ("words", base)
        if key not in self._made:
            marks = self.marks[:, 2 * base : 2 * max(self._marked_days, base)]
            by_day = _WORDS[marks[:, 0::2]]
            by_day += _WORDS[marks[:, 1::2]]
            self._made[key] = _running(by_day.T, np.uint64)
        return self._made[key]

    @cached_property
    def _last_year(self) -> int:
        """Number of the first day of the calendar's last academic year, in which a night's figures mostly lie."""
        return int(np.searchsorted(self.days.year, self.years - 1, side="left"))

    @cached_property
    def _marked_days(self) -> int:
        """Days up to and including the last on which anybody has a mark."""
        marked = np.flatnonzero((self.marks != ord(NO_MARK)).any(axis=0))
        return int(marked[-1]) // 2 + 1 if len(marked) else 0

    def count(self, measure: str, codes: tuple[str, ...], start: Days, stop: Days, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: sessions counted by ``measure`` (missed, late, ...), narrowed to ``codes``, in the days start..stop-1."""
        chosen = counted_characters(measure, codes)
        if codes and not np.array_equal(chosen, counted_characters(measure, ())):
            return self._over(("sessions", measure, codes), partial(_sessions_with, chosen), start, stop, rows)
        return field(self.words(start, stop, rows), measure)

    def days_with(self, codes: tuple[str, ...], start: Days, stop: Days, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: days with at least one session of ``codes``."""
        return self._over(("days with", codes), partial(_days_with, characters(codes)), start, stop, rows)

    def days_absent(self, start: Days, stop: Days, rows: np.ndarray) -> np.ndarray:
        """int64[rows]: days on which the pupil had a possible session and missed every one."""
        return self._over(("days absent",), _days_absent, start, stop, rows)

    def _over(self, key: tuple, per_day: PerDay, start: Days, stop: Days, rows: np.ndarray) -> np.ndarray:
        """Sums over days: from running totals where many windows will be asked for, else of the days themselves."""
        if self.many_days or isinstance(start, np.ndarray) or isinstance(stop, np.ndarray):
            if key not in self._made:
                self._made[key] = _running(per_day(self.marks).T, np.int32)
            totals = self._made[key]
            return (totals[stop, rows] - totals[start, rows]).astype(np.int64)
        key = (*key, start, stop)
        if key not in self._made:
            self._made[key] = per_day(self.marks[:, 2 * start : 2 * stop]).sum(axis=1, dtype=np.int64)
        return self._made[key][rows]

    def run_length(self, codes: tuple[str, ...], last: int, rows: np.ndarray, *, by_session: bool) -> np.ndarray:
        """int64[rows]: length of the run that ends with the day ``last``, in school days or in sessions; 0 where there is none.

        What is neither missed nor attended (no mark, no possible session) is stepped over; a day with one marked half is judged on it.
        """
        if self.many_days:
            return self._run_table(codes, by_session)[last, rows].astype(np.int64)
        lengths, broken = self._run_ending(codes, last, rows, by_session, first=max(last + 1 - _LOOK_BACK, 0))
        longer = np.flatnonzero(~broken)
        if len(longer):
            lengths[longer], _ = self._run_ending(codes, last, rows[longer], by_session, first=0)
        return lengths

    def _run_ending(
        self, codes: tuple[str, ...], last: int, rows: np.ndarray, by_session: bool, first: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """int64[rows], bool[rows]: the run's length within the days first..last, and whether something broke it there."""
        counts, breaks = _run_parts(self.marks[rows, 2 * first : 2 * last + 2], codes, by_session)
        over = np.logical_or.accumulate(breaks[:, ::-1], axis=1)
        return (counts[:, ::-1] & ~over).sum(axis=1, dtype=np.int64), over[:, -1]

    def _run_table(self, codes: tuple[str, ...], by_session: bool) -> np.ndarray:
        """int16[days, pupils]: the length of the run that ends with each day."""
        key = ("runs", codes, by_session)
        if key not in self._made:
            counts, breaks = _run_parts(self.marks, codes, by_session)
            seen = np.cumsum(counts.T, axis=0, dtype=np.int16)
            runs = seen - np.maximum.accumulate(np.where(breaks.T, seen, np.int16(0)), axis=0)
            self._made[key] = runs[1::2] if by_session else runs
        return self._made[key]

    def run_begins(self, pupil: int, codes: tuple[str, ...], last: int, length: int, *, by_session: bool) -> int:
        """Number of the first day of the run of ``length`` that ends with the day ``last``."""
        counts, _ = _run_parts(self.marks[pupil : pupil + 1, : 2 * last + 2], codes, by_session)
        first = int(np.flatnonzero(counts[0])[-length])
        return first // 2 if by_session else first

    def oldest_day(self, codes: tuple[str, ...]) -> np.ndarray:
        """int64[pupils]: number of the first day with a session of ``codes``; the number of days where there is none."""
        key = ("oldest", codes)
        if key not in self._made:
            has = _any_of(self.marks, characters(codes))
            first = has.argmax(axis=1)
            self._made[key] = np.where(has[np.arange(self.pupils), first], first // 2, len(self.days)).astype(np.int64)
        return self._made[key]

    def has_code(self, codes: tuple[str, ...], day: int, rows: np.ndarray) -> np.ndarray:
        """bool[rows]: a session of the day bears one of ``codes``."""
        return _days_with(characters(codes), self.marks[rows, 2 * day : 2 * day + 2])[:, 0]

    def marks_between(self, pupil: int, start: int, stop: int, chosen: np.ndarray) -> list[SeenMark]:
        """The pupil's marks in the days start..stop-1 whose character is ``chosen``, in order of time."""
        row = self.marks[pupil, 2 * start : 2 * stop]
        return [
            SeenMark(self.days.dates[(2 * start + at) // 2], "PM" if at % 2 else "AM", BY_CHARACTER[chr(row[at])].code)
            for at in map(int, np.flatnonzero(chosen[row]))
        ]

    def evaluated(self, day: int) -> np.ndarray:
        """int64[n]: the pupils evaluated on this school day."""
        year = self.days.year[day]
        return np.flatnonzero((self.on_roll_from[:, year] <= day) & (day <= self.on_roll_to[:, year]))


def _any_of(marks: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """bool, of the shape of ``marks``: a few characters are compared faster one by one than looked up."""
    return reduce(np.logical_or, [marks == character for character in wanted])


def _sessions_with(chosen: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """uint8[pupils, days]: sessions of each day whose character is chosen."""
    hits = chosen[marks].view(np.uint8)
    return hits[:, 0::2] + hits[:, 1::2]


def _days_with(wanted: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """bool[pupils, days]: a session of the day bears one of the characters."""
    hits = _any_of(marks, wanted)
    return hits[:, 0::2] | hits[:, 1::2]


def _days_absent(marks: np.ndarray) -> np.ndarray:
    """bool[pupils, days]: every possible session of the day, and there was one, was missed."""
    return _run_parts(marks, (), False)[0]


def _run_parts(marks: np.ndarray, codes: tuple[str, ...], by_session: bool) -> tuple[np.ndarray, np.ndarray]:
    """bool[pupils, days or sessions] twice: what counts in a run (missed, with ``codes``), and what breaks it."""
    missed, possible = counted_characters("missed", codes), counted_characters("possible", ())
    if by_session:
        return missed[marks], (possible & ~missed)[marks]
    sessions, absent = _sessions_with(possible, marks), _sessions_with(missed, marks)
    whole = (sessions > 0) & (absent == sessions)
    return whole, (sessions > 0) & ~whole


def _running(per_day: np.ndarray, dtype: type) -> np.ndarray:
    """[days + 1, pupils]: running totals, beginning with zeros."""
    totals = np.zeros((per_day.shape[0] + 1, per_day.shape[1]), dtype=dtype)
    np.cumsum(per_day, axis=0, dtype=dtype, out=totals[1:])
    return totals
