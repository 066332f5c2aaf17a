"""The figures, against a recomputation that is slow and obvious: one pupil, one session at a time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.codes import BY_CHARACTER, CODES, NO_MARK, Meaning
from attendance.figures import COLUMNS, compute
from schools.schooldays import SchoolDay, SchoolDays
from tests.factories import HALF_TERMS

ATTENDING, AUTHORISED, UNAUTHORISED = Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED


def two_years() -> SchoolDays:
    """2025/26 as in the factories, and the same half terms a year (52 weeks) earlier."""
    days = []
    for back, year in ((0, "2025/26"), (364, "2024/25")):
        for term, half_term, starts, ends in HALF_TERMS:
            for number in range((ends - starts).days + 1):
                date = starts + dt.timedelta(days=number)
                if date.weekday() < 5:
                    days.append(SchoolDay(date - dt.timedelta(days=back), half_term, term, year))
    return SchoolDays(days)


DAYS = two_years()
FIRST = dt.date(2025, 9, 3)


def slow_figures(row: list[str], as_of: dt.date, ends: dt.date | None) -> dict[str, int]:
    """By the definitions, one session after the other."""
    year = "2025/26"
    past = [day for day in DAYS.days if day.academic_year == year and day.date <= as_of]
    monday = as_of - dt.timedelta(days=as_of.weekday())
    found = dict.fromkeys(COLUMNS, 0)
    for number, day in enumerate(DAYS.days):
        if day.academic_year != year:
            continue
        if day.date > as_of:
            if ends is None or day.date <= ends:
                found["to_come"] += 2
            continue
        for mark in row[2 * number : 2 * number + 2]:
            if mark == NO_MARK:
                continue
            code = BY_CHARACTER[mark]
            found["no_reason_yet"] += code.code == "N"
            found["late"] += code.code == "L"
            found["authorised"] += code.meaning == AUTHORISED
            found["unauthorised"] += code.meaning == UNAUTHORISED
            attended = code.meaning == ATTENDING
            possible = code.meaning in (ATTENDING, AUTHORISED, UNAUTHORISED)
            found["attended"] += attended
            found["possible"] += possible
            week = "week" if day.date >= monday else "before_week"
            found[f"{week}_attended"] += attended
            found[f"{week}_possible"] += possible
            if (day.half_term, day.term) == (past[-1].half_term, past[-1].term):
                found["half_term_attended"] += attended
                found["half_term_possible"] += possible
                found["half_term_authorised"] += code.meaning == AUTHORISED
                found["half_term_unauthorised"] += code.meaning == UNAUTHORISED
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.dates(dt.date(2025, 8, 1), dt.date(2026, 7, 31)),
    st.none() | st.dates(dt.date(2025, 9, 3), dt.date(2026, 7, 31)),
)
def test_figures_agree_with_counting_one_by_one(seed: int, as_of: dt.date, ends: dt.date | None) -> None:
    made = np.random.default_rng(seed).choice([ord(mark) for mark in [NO_MARK, *BY_CHARACTER]], size=(2, 2 * len(DAYS)))
    marks = made.astype(np.uint8)
    computed = compute(DAYS, marks, as_of=as_of, ends=[ends, None])
    for pupil, end in enumerate([ends, None]):
        expected = slow_figures([chr(mark) for mark in marks[pupil]], as_of, end)
        assert {name: int(column[pupil]) for name, column in computed.items()} == expected


@pytest.mark.parametrize("code", CODES)
def test_every_code_counts_as_its_meaning_says(code: str) -> None:
    marks = np.full((1, 2 * len(DAYS)), ord(CODES[code].character), dtype=np.uint8)
    figures = {name: int(column[0]) for name, column in compute(DAYS, marks, as_of=FIRST, ends=[None]).items()}
    meaning = CODES[code].meaning
    assert figures["attended"] == 2 * (meaning == ATTENDING)
    assert figures["authorised"] == 2 * (meaning == AUTHORISED)
    assert figures["unauthorised"] == 2 * (meaning == UNAUTHORISED)
    assert figures["possible"] == 2 * (meaning in (ATTENDING, AUTHORISED, UNAUTHORISED))


def test_a_full_year_does_not_overflow() -> None:
    marks = np.full((3, 2 * len(DAYS)), ord("U"), dtype=np.uint8)
    figures = compute(DAYS, marks, as_of=dt.date(2026, 7, 31), ends=[None] * 3)
    sessions = 2 * sum(day.academic_year == "2025/26" for day in DAYS.days)
    assert figures["unauthorised"].tolist() == figures["possible"].tolist() == [sessions] * 3
    assert (100 * figures["possible"]).tolist() == [100 * sessions] * 3


def test_a_leaver_has_nothing_to_come_after_leaving() -> None:
    marks = np.full((2, 2 * len(DAYS)), ord(NO_MARK), dtype=np.uint8)
    figures = compute(DAYS, marks, as_of=FIRST, ends=[dt.date(2025, 9, 5), dt.date(2025, 9, 1)])
    assert figures["to_come"].tolist() == [4, 0]


def test_before_the_year_and_without_a_calendar_there_is_nothing() -> None:
    marks = np.full((1, 2 * len(DAYS)), ord("/"), dtype=np.uint8)
    assert int(compute(DAYS, marks, as_of=dt.date(2025, 8, 20), ends=[None])["possible"][0]) == 0
    none = SchoolDays([])
    assert int(compute(none, np.zeros((1, 0), dtype=np.uint8), as_of=FIRST, ends=[None])["to_come"][0]) == 0
