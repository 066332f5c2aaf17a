"""Calendar and marks as rows of text, turned into a register; what cannot be used is reported with its row and skipped.

Half a million rows are usual, so marks are taken in blocks and looked up column by column rather than row by row.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from attendance.codes import CODES, NO_MARK
from escalation.engine.plain_marks import NotPlain, plain_blocks
from escalation.engine.register import Register
from schools.schooldays import SchoolDay, SchoolDays

Report = Callable[[str, int, str], None]
"""Called with "calendar" or "marks", the row (the heading is row 1), and what is wrong with it."""
Row = Sequence[str]
Numbers = Sequence[int] | np.ndarray

CALENDAR_COLUMNS = ("date", "half_term", "term", "academic_year")
MARKS_COLUMNS = ("upn", "date", "session", "code")
_BLOCK = 25_000
_HALVES = {"AM": 0, "PM": 1}
_BYTES = {code.code: ord(code.character) for code in CODES.values()}


def read_calendar(rows: Iterable[Row], report: Report) -> SchoolDays:
    """The school days of ``date, half_term, term, academic_year`` rows; rows are counted from 2, after the heading."""
    days: dict[dt.date, SchoolDay] = {}
    for number, row in enumerate(rows, start=2):
        day, fault = _school_day(row, days)
        if fault:
            report("calendar", number, fault)
        elif day:
            days[day.date] = day
    return SchoolDays(days.values())


def _school_day(row: Row, known: dict[dt.date, SchoolDay]) -> tuple[SchoolDay | None, str]:
    if not any(cell.strip() for cell in row):
        return None, ""
    if len(row) != len(CALENDAR_COLUMNS):
        return None, f"{len(row)} columns; expected {', '.join(CALENDAR_COLUMNS)}. The row is skipped."
    text, half_term, term, year = (cell.strip() for cell in row)
    date = _date(text)
    if date is None:
        return None, f"'{text}' is not a date such as 2025-09-03. The row is skipped."
    if date in known:
        return None, f"{text} stands in the calendar already. The row is skipped."
    if not (half_term and term and year):
        return None, f"{text} has no half term, term or academic year. The row is skipped."
    return SchoolDay(date, half_term, term, year), ""


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


class MarksReader:
    """Takes rows ``upn, date, session, code`` and makes a register of them, pupils in the order of their UPNs."""

    def __init__(self, days: SchoolDays, report: Report) -> None:
        self.days = days
        self.report = report
        self._dates = {date.isoformat(): number for number, date in enumerate(days.dates)}
        self._pupils: dict[str, int] = {}
        self._cells = array("q")
        self._marks = array("B")
        self._rows = array("q")
        self._withdrawn: Counter[str] = Counter()

    def read(self, rows: Iterable[Row]) -> tuple[Register, list[str]]:
        """The register, each pupil on roll from the first to the last day with a mark in each year, and the UPNs of its rows."""
        number = 2
        for block in _blocks(rows):
            self._take(block, number)
            number += len(block)
        return self._register()

    def read_file(self, data: bytes, rows: Callable[[], Iterable[Row]]) -> tuple[Register, list[str]]:
        """The same from a file's bytes; ``rows`` gives its rows where the file is not plain enough to be read at once."""
        try:
            blocks = list(plain_blocks(data, self.days) or ())
        except NotPlain:
            blocks = []
        if not blocks:
            return self.read(rows())
        for block in blocks:
            pupils = np.repeat([self._pupil(upn) for upn in block.upns], block.lengths)
            self._keep(pupils, block.days, block.halves, block.marks, ())
        return self._register()

    def _take(self, block: list[Row], number: int) -> None:
        if set(map(len, block)) != {len(MARKS_COLUMNS)}:
            self._one_by_one(block, range(number, number + len(block)))
            return
        upns, dates, sessions, codes = zip(*block, strict=True)
        day = list(map(self._dates.get, dates))
        half = list(map(_HALVES.get, sessions))
        mark = list(map(_BYTES.get, codes))
        if None in day or None in half or None in mark or "" in upns or any(upn != upn.strip() for upn in set(upns)):
            self._one_by_one(block, range(number, number + len(block)))
            return
        self._keep(self._all_pupils(upns), day, half, mark, range(number, number + len(block)))  # type: ignore[arg-type]

    def _one_by_one(self, block: list[Row], numbers: Iterable[int]) -> None:
        """A block with something odd in it: each row is looked at, and reported where it cannot be used."""
        kept: list[tuple[int, int, int, int, int]] = []
        for number, row in zip(numbers, block, strict=True):
            fault = self._fault(row)
            if fault:
                self.report("marks", number, f"{fault} The row is skipped.")
            elif fault is not None:
                upn, date, session, code = (cell.strip() for cell in row)
                kept.append((self._pupil(upn), self._dates[date], _HALVES[session], _BYTES[code], number))
        if kept:
            pupils, days, halves, marks, rows = zip(*kept, strict=True)
            self._keep(pupils, days, halves, marks, rows)

    def _fault(self, row: Row) -> str | None:
        """What is wrong with a row; an empty text where nothing is, None for an empty row."""
        if not any(cell.strip() for cell in row):
            return None
        if len(row) != len(MARKS_COLUMNS):
            return f"{len(row)} columns; expected {', '.join(MARKS_COLUMNS)}."
        upn, date, session, code = (cell.strip() for cell in row)
        if not upn:
            return "There is no UPN."
        if date not in self._dates:
            return (
                f"'{date}' is not a school day in the calendar." if _date(date) else f"'{date}' is not a date such as 2025-09-03."
            )
        if session not in _HALVES:
            return f"The session '{session}' is neither AM nor PM."
        return "" if code in _BYTES else f"'{code}' is not an attendance code."

    def _all_pupils(self, upns: Sequence[str]) -> list[int]:
        for upn in dict.fromkeys(upns):
            self._pupil(upn)
        return list(map(self._pupils.__getitem__, upns))

    def _pupil(self, upn: str) -> int:
        return self._pupils.setdefault(upn, len(self._pupils))

    def _keep(self, pupils: Numbers, days: Numbers, halves: Numbers, marks: Numbers, rows: Iterable[int]) -> None:
        width = 2 * len(self.days)
        cells = (
            np.asarray(pupils, dtype=np.int64) * width + 2 * np.asarray(days, dtype=np.int64) + np.asarray(halves, dtype=np.int64)
        )
        self._cells.frombytes(cells.tobytes())
        self._marks.frombytes(np.asarray(marks, dtype=np.uint8).tobytes())
        self._rows.extend(rows)

    def _register(self) -> tuple[Register, list[str]]:
        cells = np.frombuffer(self._cells, dtype=np.int64) if self._cells else np.zeros(0, dtype=np.int64)
        marks = np.frombuffer(self._marks, dtype=np.uint8) if self._marks else np.zeros(0, dtype=np.uint8)
        width = 2 * len(self.days)
        flat = np.full(len(self._pupils) * width, ord(NO_MARK), dtype=np.uint8)
        # Written backwards, so that of two rows for one session the first one stands.
        flat[cells[::-1]] = marks[::-1]
        self._report_second_rows(cells)
        matrix = flat.reshape(len(self._pupils), width)
        upns = sorted(self._pupils)
        matrix = matrix[[self._pupils[upn] for upn in upns]]
        self._report_withdrawn(matrix)
        return Register(self.days, matrix, *spans_with_marks(self.days, matrix), many_days=True), upns

    def _report_second_rows(self, cells: np.ndarray) -> None:
        if len(cells) == 0 or np.bincount(cells).max() == 1:
            return
        _, first = np.unique(cells, return_index=True)
        second = np.ones(len(cells), dtype=bool)
        second[first] = False
        for at in np.flatnonzero(second):
            row = self._rows[int(at)] if self._rows else int(at) + 2
            self.report("marks", row, "A second row for one pupil's session. The row is skipped.")

    def _report_withdrawn(self, matrix: np.ndarray) -> None:
        """One line for each code that was withdrawn before a day on which it is used: it keeps its meaning."""
        for code in CODES.values():
            used = np.flatnonzero((matrix == ord(code.character)).any(axis=0)) if code.valid_to else ()
            warnings = [code.warning_on(self.days.dates[int(session) // 2]) for session in used]
            for warning in sorted({warning for warning in warnings if warning}):
                self.report("marks", 0, warning)


def spans_with_marks(days: SchoolDays, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64[pupils, years] twice: the first and the last school day with a mark in each academic year (first > last: none)."""
    marked = (marks[:, 0::2] != ord(NO_MARK)) | (marks[:, 1::2] != ord(NO_MARK))
    years = int(days.year[-1]) + 1 if len(days) else 1
    first, last = np.full((2, len(marks), years), -1, dtype=np.int64)
    for year in range(years if len(days) else 0):
        columns = np.flatnonzero(days.year == year)
        part = marked[:, columns]
        some = part.any(axis=1)
        first[:, year] = np.where(some, columns[part.argmax(axis=1)], 0)
        last[:, year] = np.where(some, columns[len(columns) - 1 - part[:, ::-1].argmax(axis=1)], -1)
    return first, last


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while block := list(islice(iterator, _BLOCK)):
        yield block
