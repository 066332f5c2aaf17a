"""The attendance certificate: a pupil's year with its totals and a table of absences in words, by date.

The parents' copy shows a category wherever a code is sensitive and joins days in a row; the evidence copy shows every day and its code
and is for the local authority or a court only. Both are made from marks alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from django.template import Context

from attendance.codes import CODES, Code, Meaning
from letters.facts import Child, Figures, SchoolFacts
from letters.merge import clean
from letters.phrases import count, day_month, full_date, joined, percent
from letters.sheet import engine

Copy = Literal["parent", "evidence"]
TITLE = "Attendance record"

_CATEGORIES: dict[Meaning, str] = {
    Meaning.AUTHORISED: "Absence that we agreed (authorised)",
    Meaning.UNAUTHORISED: "Absence that was not agreed (unauthorised)",
    Meaning.NOT_POSSIBLE: "Not counted",
}
_PARENTS_WORDS: dict[str, str] = {
    "C": "Leave that we agreed (authorised)",
    "C1": "Leave for a performance (authorised)",
    "J1": "Leave for an interview (authorised)",
    "S": "Study leave (authorised)",
    "G": "Holiday that was not agreed (unauthorised)",
    "N": "No reason known yet (unauthorised for now)",
    "U": "Came after the register closed (unauthorised)",
}
"""What a parent reads for a code that is not sensitive; any other code is read by its category."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One session's mark: ``session`` is "AM" or "PM", ``code`` a national code."""

    on: dt.date
    session: str
    code: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table: ``first`` to ``last`` school day, the halves of the day, the code where one is shown, and the words."""

    first: dt.date
    last: dt.date
    halves: tuple[str, ...]
    code: str
    what: str
    sessions: int


def figures_of(marks: Iterable[Mark], *, start: dt.date, end: dt.date) -> Figures:
    """The totals of ``marks``. Raises ``ValueError`` naming the date and code where a code is not in the table."""
    codes = [_code(mark) for mark in marks]
    meanings = [code.meaning for code in codes]
    authorised, unauthorised = meanings.count(Meaning.AUTHORISED), meanings.count(Meaning.UNAUTHORISED)
    attended = meanings.count(Meaning.ATTENDING)
    return Figures(
        start,
        end,
        possible=attended + authorised + unauthorised,
        attended=attended,
        authorised=authorised,
        unauthorised=unauthorised,
        no_reason=sum(code.code == "N" for code in codes),
        late=sum(code.code == "L" for code in codes),
    )


def render_certificate_html(
    child: Child, school: SchoolFacts, marks: Sequence[Mark], figures: Figures, *, as_of: dt.date, copy: Copy = "parent"
) -> str:
    """The certificate as an enclosure's HTML. ``figures`` are the year's as the letter states them.

    Raises ``ValueError`` where the marks say otherwise, or hold a code that is not in the table.
    """
    counted = figures_of(marks, start=figures.start, end=figures.end)
    if counted != figures:
        raise ValueError(
            f"The certificate would contradict the letter: its marks give {counted.attended} of {counted.possible} sessions, "
            f"the figures {figures.attended} of {figures.possible}. Take both from the register again."
        )
    evidence = copy == "evidence"
    not_counted = sum(_code(mark).meaning is Meaning.NOT_POSSIBLE for mark in marks)
    late = [mark.on for mark in sorted(marks, key=_order) if mark.code == "L"]
    return str(
        engine()
        .get_template("certificate.html")
        .render(
            Context(
                {
                    "title": f"{TITLE}: evidence copy" if evidence else TITLE,
                    "school": clean(school.name),
                    "headteacher": clean(school.headteacher),
                    "about": joined_about(child),
                    "start": full_date(figures.start),
                    "end": full_date(figures.end),
                    "as_of": full_date(as_of),
                    "totals": _totals(figures),
                    "not_counted": count(not_counted, "session") if not_counted else "",
                    "rows": [_shown(row) for row in _rows(marks, evidence=evidence)],
                    "late": joined(day_month(date) for date in dict.fromkeys(late)),
                    "evidence": evidence,
                }
            )
        )
    )


def joined_about(child: Child) -> str:
    return ", ".join(clean(part) for part in (child.full_name, child.year_group, child.form) if part)


def _totals(figures: Figures) -> list[tuple[str, str, str, bool]]:
    """Label, sessions, percent of all possible, and whether the line is part of the one above."""
    lines = [
        ("Possible", figures.possible),
        ("In school", figures.attended),
        ("Of these: late, before the register closed", figures.late),
        ("Absence that we agreed (authorised)", figures.authorised),
        ("Absence that was not agreed (unauthorised)", figures.unauthorised),
        ("Of these: no reason known yet", figures.no_reason),
    ]
    return [(label, str(number), percent(number, figures.possible), label.startswith("Of these")) for label, number in lines]


def _code(mark: Mark) -> Code:
    if mark.code not in CODES:
        raise ValueError(
            f"The mark {mark.code!r} of {full_date(mark.on)}, {mark.session}, is no national code: correct the register."
        )
    return CODES[mark.code]


def _order(mark: Mark) -> tuple[dt.date, str]:
    return mark.on, mark.session


def _rows(marks: Sequence[Mark], *, evidence: bool) -> list[_Row]:
    """The table's lines in order of date; for parents, whole days in a row with the same words become one line."""
    days = [list(of_day) for _, of_day in groupby(sorted(marks, key=_order), key=lambda mark: mark.on)]
    rows: list[_Row] = []
    previous_day: dt.date | None = None
    for day in days:
        for row in _day_rows(day, evidence=evidence):
            if not evidence and rows and _follows(rows[-1], row, previous_day):
                rows[-1] = replace(rows[-1], last=row.last, sessions=rows[-1].sessions + row.sessions)
            else:
                rows.append(row)
        previous_day = day[0].on
    return rows


def _follows(earlier: _Row, row: _Row, previous_day: dt.date | None) -> bool:
    same = (earlier.what, earlier.halves) == (row.what, row.halves)
    return same and row.halves == ("AM", "PM") and earlier.last == previous_day


def _day_rows(day: Sequence[Mark], *, evidence: bool) -> list[_Row]:
    """One line for each thing that the register says of absence on a day: one of a whole day, two of a mixed one."""
    shown = [(mark, _code(mark)) for mark in day if _listed(_code(mark), evidence=evidence)]
    grouped = groupby(shown, key=lambda pair: (pair[1].code if evidence else "", _words(pair[1], evidence=evidence)))
    return [
        _Row(day[0].on, day[0].on, tuple(mark.session for mark, _ in pairs), code, what, len(pairs))
        for (code, what), of_group in grouped
        if (pairs := list(of_group))
    ]


def _listed(code: Code, *, evidence: bool) -> bool:
    """Absences; in the evidence copy also the sessions that could not be attended, which the parents' copy only counts."""
    absent = code.meaning in (Meaning.AUTHORISED, Meaning.UNAUTHORISED)
    return absent or (evidence and code.meaning is Meaning.NOT_POSSIBLE)


def _words(code: Code, *, evidence: bool) -> str:
    if evidence:
        return code.description[:1].upper() + code.description[1:].partition(" (")[0]
    category = _CATEGORIES[code.meaning]
    return category if code.sensitive else _PARENTS_WORDS.get(code.code, category)


def _shown(row: _Row) -> dict[str, str]:
    when = "all day" if len(row.halves) == 2 else {"AM": "morning", "PM": "afternoon"}[row.halves[0]]
    return {
        "date": _dates(row),
        "when": when if row.first == row.last else f"all day ({row.sessions // 2} days)",
        "code": row.code,
        "what": row.what,
    }


def _dates(row: _Row) -> str:
    if row.first == row.last:
        return f"{row.first:%a} {full_date(row.first)}"
    return f"{row.first:%a} {day_month(row.first)} to {row.last:%a} {full_date(row.last)}"
