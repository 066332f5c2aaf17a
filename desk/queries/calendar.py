"""A pupil's year as a grid: weeks are columns, sessions are rows, half terms stand apart.

Plain data for a table and for the chart below it, which shares its columns. "In school" has no letter, every exception has one; what is
not settled (N) is told apart from what is. Figures of a week are whole percentages, rounded half up, shown but never compared with a rule.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from attendance.codes import BY_CHARACTER, NO_MARK, Meaning
from attendance.grid import SESSIONS, academic_year_of, slot
from schools.models import ClosedDay, HalfTerm

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
WEEKDAY_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")
PRESENT = ("/", "\\")
"""Plain present marks: the cell bears no letter."""
LOW_WEEK = 90
"""A week's % below this is set in bold: the national line of persistent absence."""

_KINDS = {
    Meaning.ATTENDING: "in",
    Meaning.AUTHORISED: "authorised",
    Meaning.UNAUTHORISED: "unauthorised",
    Meaning.NOT_POSSIBLE: "not-possible",
    Meaning.NOT_COLLECTED: "not-possible",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One session. ``kind``: in, late, authorised, unauthorised, no-reason, not-possible, unmarked, to-come, closed,
    outside, gap.

    ``detail`` is what focus shows: day, session, the code in words, who changed it.
    """

    kind: str
    letter: str = ""
    detail: str = ""
    is_now: bool = False
    date: dt.date | None = None

    @property
    def is_exception(self) -> bool:
        return bool(self.letter) or self.kind in ("closed", "unmarked")


@dataclass(frozen=True, slots=True)
class Column:
    """A week of a half term (or, with ``monday`` None, the gap between two half terms)."""

    monday: dt.date | None
    label: str = ""
    half_term: str = ""
    possible: int = 0
    attended: int = 0
    running_possible: int = 0
    running_attended: int = 0
    to_come: int = 0

    @property
    def percent(self) -> int | None:
        """The week's whole %, rounded half up; None where nothing was possible."""
        return (200 * self.attended + self.possible) // (2 * self.possible) if self.possible else None

    @property
    def is_low(self) -> bool:
        return self.possible > 0 and 100 * self.attended < LOW_WEEK * self.possible


@dataclass(frozen=True, slots=True)
class Span:
    """A heading over some columns; an empty ``label`` is a gap."""

    label: str
    columns: int


@dataclass(frozen=True, slots=True)
class Line:
    weekday: str
    session: str
    cells: tuple[Cell, ...]
    begins_day: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    columns: tuple[Column, ...]
    half_terms: tuple[Span, ...]
    months: tuple[Span, ...]
    lines: tuple[Line, ...]
    pattern: str

    @property
    def weeks(self) -> list[Column]:
        return [column for column in self.columns if column.monday]

    def by_terms(self) -> list[Calendar]:
        """The same in pieces of two half terms, the latest first: for a narrow place."""
        gaps = [number for number, column in enumerate(self.columns) if column.monday is None]
        edges = [-1, *gaps[1::2], len(self.columns)]
        pieces = [self._piece(start + 1, stop) for start, stop in zip(edges, edges[1:], strict=False)]
        return list(reversed(pieces))

    def _piece(self, start: int, stop: int) -> Calendar:
        columns = self.columns[start:stop]
        lines = tuple(Line(line.weekday, line.session, line.cells[start:stop], line.begins_day) for line in self.lines)
        half_terms, months = _headings(columns)
        return Calendar(columns, half_terms, _without_cramped(months), lines, self.pattern)


Grid = Mapping[tuple[str, dt.date], list[Cell]]
"""Ten cells a week, by half term and Monday."""


def year_calendar(
    *,
    half_terms: Sequence[HalfTerm],
    closed: Iterable[ClosedDay],
    marks: Mapping[int, str],
    on: dt.date,
    notes: Mapping[tuple[dt.date, str], str] | None = None,
    until: dt.date | None = None,
) -> Calendar:
    """The grid of one academic year.

    ``marks``: register rows by academic year; ``notes``: what to add to a session's detail (who changed it); ``until``: leave later
    weeks out.
    """
    shown = [half_term for half_term in half_terms if until is None or half_term.starts <= until]
    closed_days = {day.date: day.note or day.get_kind_display() for day in closed}
    weeks = [(half_term, monday) for half_term in shown for monday in _mondays(half_term) if until is None or monday <= until]
    grid = {
        (half_term.name, monday): _week_cells(half_term, monday, closed_days, marks, on, notes or {})
        for half_term, monday in weeks
    }
    columns = _with_gaps(_columns(weeks, grid, marks, on))
    half_term_spans, months = _headings(columns)
    return Calendar(columns, half_term_spans, months, _lines(columns, grid), _pattern(marks, on))


def _mondays(half_term: HalfTerm) -> list[dt.date]:
    first = half_term.starts - dt.timedelta(days=half_term.starts.weekday())
    return [first + dt.timedelta(days=7 * number) for number in range((half_term.ends - first).days // 7 + 1)]


def _week_cells(
    half_term: HalfTerm,
    monday: dt.date,
    closed: Mapping[dt.date, str],
    marks: Mapping[int, str],
    on: dt.date,
    notes: Mapping[tuple[dt.date, str], str],
) -> list[Cell]:
    """Ten cells, Monday morning first."""
    cells = []
    for number in range(10):
        date, session = monday + dt.timedelta(days=number // 2), SESSIONS[number % 2]
        if not half_term.starts <= date <= half_term.ends:
            cells.append(Cell("outside"))
        elif date in closed:
            cells.append(Cell("closed", detail=f"{_day(date)}: {closed[date].lower()}"))
        else:
            cells.append(_session_cell(date, session, _mark(marks, date, session), on, notes.get((date, session), "")))
    return _with_now(cells, monday, on)


def _mark(marks: Mapping[int, str], date: dt.date, session: str) -> str:
    row = marks.get(academic_year_of(date))
    return row[slot(date, session)] if row else NO_MARK


def _session_cell(date: dt.date, session: str, mark: str, on: dt.date, note: str) -> Cell:
    if mark == NO_MARK and date >= on:
        return Cell("to-come", date=date)
    if mark in PRESENT and date <= on and not note:
        return Cell("in", date=date)
    when = f"{_day(date)}, {'morning' if session == 'AM' else 'afternoon'}"
    if mark == NO_MARK:
        return Cell("unmarked", detail=f"{when}: no mark", date=date)
    code = BY_CHARACTER[mark]
    kind = "late" if code.code == "L" else "no-reason" if code.code == "N" else _KINDS[code.meaning]
    letter = "" if mark in PRESENT else code.code
    words = code.description.split(" (")[0]
    detail = f"{when}: {letter + ', ' if letter else ''}{words}" + (f". {note}" if note else "")
    return Cell("to-come" if date > on else kind, letter, detail, date=date)


def _with_now(cells: list[Cell], monday: dt.date, on: dt.date) -> list[Cell]:
    """Outlines today's first session without a mark."""
    for number, cell in enumerate(cells):
        if cell.date == on and cell.kind == "to-come" and not cell.letter:
            return [*cells[:number], Cell("to-come", is_now=True, detail=f"{_day(on)}: now", date=on), *cells[number + 1 :]]
    return cells


def _columns(
    weeks: Sequence[tuple[HalfTerm, dt.date]],
    grid: Grid,
    marks: Mapping[int, str],
    on: dt.date,
) -> list[Column]:
    columns, possible, attended = [], 0, 0
    for half_term, monday in weeks:
        meanings = Counter(
            BY_CHARACTER[mark].meaning
            for day in range(5)
            for session in SESSIONS
            if (date := monday + dt.timedelta(days=day)) <= on
            and half_term.starts <= date <= half_term.ends
            and (mark := _mark(marks, date, session)) != NO_MARK
        )
        here = meanings[Meaning.ATTENDING]
        could = here + meanings[Meaning.AUTHORISED] + meanings[Meaning.UNAUTHORISED]
        possible, attended = possible + could, attended + here
        columns.append(
            Column(
                monday=monday, label=str(max(monday, half_term.starts).day), half_term=half_term.name, possible=could,
                attended=here, running_possible=possible, running_attended=attended,
                to_come=sum(cell.kind == "to-come" for cell in grid[(half_term.name, monday)]),
            )
        )  # fmt: skip
    return columns


def _with_gaps(columns: Sequence[Column]) -> tuple[Column, ...]:
    spaced: list[Column] = []
    for _, group in groupby(columns, key=lambda column: column.half_term):
        if spaced:
            spaced.append(Column(monday=None))
        spaced.extend(group)
    return tuple(spaced)


def _month(column: Column) -> str:
    """The month of the column's first day; of a half term that begins in mid-week, the month of that day."""
    if column.monday is None:
        return ""
    begins_later = column.label != str(column.monday.day)
    return f"{column.monday + dt.timedelta(days=4 if begins_later else 0):%b}"


def _headings(columns: Sequence[Column]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Half terms, and months within them."""
    return (
        _spans(columns, lambda column: column.half_term),
        _spans(columns, lambda column: f"{column.half_term}|{_month(column)}"),
    )


def _without_cramped(months: Sequence[Span]) -> tuple[Span, ...]:
    """A month of one week has no room for its name where another month follows at once."""
    following = [*months[1:], Span("", 0)]
    return tuple(
        Span("", 1) if month.columns == 1 and after.label else month for month, after in zip(months, following, strict=True)
    )


def _spans(columns: Sequence[Column], label_of: Callable[[Column], str]) -> tuple[Span, ...]:
    """Neighbouring columns with one label; what stands before "|" only keeps half terms apart."""
    return tuple(
        Span(label.split("|")[-1], len(list(group))) for label, group in groupby(columns, key=lambda column: label_of(column))
    )


def _lines(columns: Sequence[Column], grid: Grid) -> tuple[Line, ...]:
    return tuple(
        Line(
            weekday=WEEKDAYS[number // 2],
            session=SESSIONS[number % 2].lower(),
            cells=tuple(grid[(column.half_term, column.monday)][number] if column.monday else Cell("gap") for column in columns),
            begins_day=number % 2 == 0,
        )
        for number in range(10)
    )


def missed_sessions(marks: Mapping[int, str], on: dt.date) -> list[tuple[dt.date, str, str]]:
    """(date, session, code) of every session missed this academic year up to ``on``, in order."""
    year = academic_year_of(on)
    row = marks.get(year)
    if not row:
        return []
    first = dt.date(year, 8, 1)
    monday = first - dt.timedelta(days=first.weekday())
    found = []
    for number, mark in enumerate(row):
        date = monday + dt.timedelta(days=7 * (number // 10) + number % 10 // 2)
        if date > on:
            break
        if mark != NO_MARK and BY_CHARACTER[mark].meaning in (Meaning.AUTHORISED, Meaning.UNAUTHORISED):
            found.append((date, SESSIONS[number % 2], BY_CHARACTER[mark].code))
    return found


def _pattern(marks: Mapping[int, str], on: dt.date) -> str:
    """ "8 of 12 missed were Mondays", where one weekday has two in five of at least five missed sessions; otherwise empty."""
    missed = missed_sessions(marks, on)
    by_day = Counter(date.weekday() for date, _, _ in missed)
    if len(missed) < 5:
        return ""
    weekday, count = by_day.most_common(1)[0]
    return f"{count} of {len(missed)} missed were {WEEKDAY_NAMES[weekday]}" if 5 * count >= 2 * len(missed) else ""


def _day(date: dt.date) -> str:
    return f"{date:%a} {date.day} {date:%b}"
