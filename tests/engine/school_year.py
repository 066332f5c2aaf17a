"""A school year to test on, and pupils whose absences are written down as a head teacher would say them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import numpy as np

from attendance.codes import CODES
from escalation.engine.register import Register
from schools.schooldays import SchoolDay, SchoolDays

# half term, term, first day, last day; weekends are left out
YEAR_2025_26 = (
    ("Autumn 1", "Autumn", "2025-09-03", "2025-10-24"),
    ("Autumn 2", "Autumn", "2025-11-03", "2025-12-19"),
    ("Spring 1", "Spring", "2026-01-05", "2026-02-13"),
    ("Spring 2", "Spring", "2026-02-23", "2026-03-27"),
    ("Summer 1", "Summer", "2026-04-13", "2026-05-22"),
    ("Summer 2", "Summer", "2026-06-01", "2026-07-20"),
)
YEAR_2026_27 = (
    ("Autumn 1", "Autumn", "2026-09-02", "2026-10-23"),
    ("Autumn 2", "Autumn", "2026-11-02", "2026-12-18"),
    ("Spring 1", "Spring", "2027-01-04", "2027-02-12"),
)


def date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def calendar_rows(*, two_years: bool = False, without: Iterable[str] = ()) -> list[tuple[str, str, str, str]]:
    """Rows as the back-test's calendar file has them; ``without``: days on which the school is closed."""
    closed = set(without)
    rows = _rows(YEAR_2025_26, "2025/26") + (_rows(YEAR_2026_27, "2026/27") if two_years else [])
    return [row for row in rows if row[0] not in closed]


def _rows(parts: Iterable[tuple[str, str, str, str]], year: str) -> list[tuple[str, str, str, str]]:
    return [
        (day.isoformat(), half_term, term, year)
        for half_term, term, first, last in parts
        for day in _days(date(first), date(last))
        if day.weekday() < 5
    ]


def _days(first: dt.date, last: dt.date) -> Iterable[dt.date]:
    return (first + dt.timedelta(days=number) for number in range((last - first).days + 1))


def school_days(rows: Iterable[tuple[str, str, str, str]]) -> SchoolDays:
    return SchoolDays(SchoolDay(date(day), half_term, term, year) for day, half_term, term, year in rows)


def marks_of(absences: Mapping[str, str], days: Iterable[str]) -> dict[tuple[str, str], str]:
    """Marks by (day, session) for one pupil who is otherwise present.

    ``absences``: "2025-09-08" or "2025-09-08 to 2025-09-11" to the code of both sessions ("I"), of each ("I /"), or "-" for no mark.
    """
    given = {day: codes.split() for span, codes in absences.items() for day in _span(span)}
    marks: dict[tuple[str, str], str] = {}
    for day in days:
        codes = given.get(day, ["/", "\\"])
        marks[day, "AM"], marks[day, "PM"] = codes[0], codes[-1]
    return {session: code for session, code in marks.items() if code != "-"}


def _span(span: str) -> list[str]:
    first, _, last = span.partition(" to ")
    return [day.isoformat() for day in _days(date(first), date(last or first))]


def marks_rows(upn: str, absences: Mapping[str, str], days: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Rows as the back-test's marks file has them."""
    return [(upn, day, session, code) for (day, session), code in marks_of(absences, days).items()]


def register_of(days: SchoolDays, *pupils: Mapping[str, str]) -> Register:
    """A register of pupils given by their absences, every one on roll all the time."""
    texts = [day.isoformat() for day in days.dates]
    rows = [marks_of(absences, texts) for absences in pupils]
    sessions = [(day, half) for day in texts for half in ("AM", "PM")]
    marks = [[ord(CODES[row[session]].character) if session in row else ord(".") for session in sessions] for row in rows]
    return Register(days, np.array(marks, dtype=np.uint8).reshape(len(pupils), len(sessions)))
