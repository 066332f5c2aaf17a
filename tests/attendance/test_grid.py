"""Slots and rows: where a mark stands, and that nothing is lost on the way there and back."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.codes import BY_CHARACTER, CODES, NO_MARK
from attendance.grid import EMPTY_ROW, SLOTS, academic_year_of, as_grid, as_rows, first_monday, matrix, session_of, slot
from schools.schooldays import SchoolDay, SchoolDays

dates = st.dates(dt.date(1990, 1, 1), dt.date(2099, 12, 31))
weekdays = dates.filter(lambda date: date.weekday() < 5)
sessions = st.sampled_from(["AM", "PM"])
marks = st.sampled_from([NO_MARK, *BY_CHARACTER])


@given(weekdays, sessions)
def test_a_session_is_found_again_from_its_slot(date: dt.date, session: str) -> None:
    number = slot(date, session)
    assert 0 <= number < SLOTS
    assert session_of(academic_year_of(date), number) == (date, session)


@given(weekdays, weekdays, sessions, sessions)
def test_two_sessions_of_a_year_never_share_a_slot(one: dt.date, other: dt.date, first: str, second: str) -> None:
    if academic_year_of(one) == academic_year_of(other) and (one, first) != (other, second):
        assert slot(one, first) != slot(other, second)


def test_a_year_begins_with_the_week_of_the_first_of_august() -> None:
    assert first_monday(2025) == dt.date(2025, 7, 28)
    assert slot(dt.date(2025, 8, 1), "AM") == 8
    assert slot(dt.date(2026, 7, 31), "PM") == 52 * 10 + 9


def test_the_one_day_that_no_row_has_room_for_opens_the_next_years() -> None:
    assert academic_year_of(dt.date(2028, 7, 28)) == 2027
    assert academic_year_of(dt.date(2028, 7, 31)) == 2028
    assert slot(dt.date(2028, 7, 31), "AM") == 0


@pytest.mark.parametrize("date", [dt.date(2025, 9, 6), dt.date(2025, 9, 7)])
def test_a_weekend_has_no_slot(date: dt.date) -> None:
    with pytest.raises(ValueError, match="is not a weekday"):
        slot(date, "AM")


def test_every_code_has_a_character_of_its_own() -> None:
    assert len(BY_CHARACTER) == len(CODES) == 38
    assert NO_MARK not in BY_CHARACTER
    assert all(len(character) == 1 and character.isprintable() for character in BY_CHARACTER)


@given(st.lists(st.lists(marks, min_size=SLOTS, max_size=SLOTS).map("".join), max_size=3))
def test_rows_come_back_from_a_grid(rows: list[str]) -> None:
    assert as_rows(as_grid(rows)) == rows


@given(st.lists(weekdays, min_size=1, max_size=12, unique=True), st.data())
def test_a_matrix_holds_every_mark_at_its_session(chosen: list[dt.date], data: st.DataObject) -> None:
    days = SchoolDays(SchoolDay(date, "Autumn 1", "Autumn", str(academic_year_of(date))) for date in chosen)
    entered = {(date, session): data.draw(marks) for date in days.dates for session in ("AM", "PM")}
    rows: dict[int, str] = {}
    for (date, session), mark in entered.items():
        row = rows.get(academic_year_of(date), EMPTY_ROW)
        place = slot(date, session)
        rows[academic_year_of(date)] = row[:place] + mark + row[place + 1 :]
    made = matrix(days, [rows, {}])
    assert [chr(mark) for mark in made[0]] == list(entered.values())
    assert (made[1] == ord(NO_MARK)).all()
    assert made.dtype == np.uint8
