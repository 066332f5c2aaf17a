"""What the register says about a school on a day: matrix, missing registers, N codes, the last import. Charlie's school sees nothing."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attendance.grid import EMPTY_ROW, slot
from attendance.models import RegisterRow
from attendance.queries import (
    absent_without_reason,
    last_import,
    mark_history,
    marks_of,
    missing_registers,
    register_is_in,
    school_matrix,
    unexplained,
)
from attendance.services import change_mark, enter_marks
from schools.models import School
from schools.queries import school_days
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]

MONDAY = dt.date(2025, 11, 17)


@pytest.fixture
def cast() -> Cast:
    return assemble()


def enter(school: School, marks: dict[tuple[RegisterRow, dt.date, str], str]) -> None:
    rows: dict[tuple[int, int], str] = {}
    for (row, date, session), mark in marks.items():
        line = rows.get((row.enrolment_id, 2025), EMPTY_ROW)
        place = slot(date, session)
        rows[row.enrolment_id, 2025] = line[:place] + mark + line[place + 1 :]
    enter_marks(school=school, rows=rows, file_name="made", file_format="demo", by=None, now=NOW)


def loaded(school: School) -> tuple:
    days = school_days(school, [2025])
    return days, *school_matrix(school, [2025], on=TODAY, days=days)


def test_the_matrix_holds_those_on_roll_and_no_other_school(cast: Cast) -> None:
    enter(cast.here, {(cast.imogen, TODAY, "PM"): "I"})
    enter(cast.there, {(cast.edith, TODAY, "PM"): "L"})
    days, enrolled, marks = loaded(cast.here)
    assert [pupil.row_id for pupil in enrolled] == [cast.imogen.pk, cast.theo.pk, cast.priya.pk, cast.newcomer.pk]
    assert marks.shape == (4, 2 * len(days))
    assert marks.dtype == np.uint8
    assert chr(marks[0, 2 * days.index(TODAY) + 1]) == "I"
    assert (marks != ord(".")).sum() == 1


def test_without_a_day_all_who_were_on_roll_that_year_are_there(cast: Cast) -> None:
    enrolled, _ = school_matrix(cast.here, [2025])
    assert cast.leaver.pk in {pupil.row_id for pupil in enrolled}
    before, _ = school_matrix(cast.here, [2024])
    assert cast.newcomer.enrolment_id not in {pupil.enrolment_id for pupil in before}
    assert {pupil.row_id for pupil in before} == {None}


def test_one_pupil_may_be_asked_for(cast: Cast) -> None:
    enter(cast.here, {(cast.theo, TODAY, "AM"): "I", (cast.imogen, TODAY, "AM"): "/"})
    enrolled, marks = school_matrix(cast.here, [2024, 2025], enrolment_ids=[cast.theo.enrolment_id])
    assert [pupil.pupil_id for pupil in enrolled] == [cast.theo.enrolment.pupil_id]
    assert (marks == ord("I")).sum() == 1


def statements_of_a_matrix(pupils: int) -> int:
    school = make.SchoolFactory()
    make.calendar(school)
    for _ in range(pupils):
        make.on_roll(school)
    days = school_days(school, [2025])
    with CaptureQueriesContext(connection) as captured:
        school_matrix(school, [2024, 2025], on=TODAY, days=days)
    return len(captured)


def test_a_matrix_takes_two_statements_for_ten_pupils_and_for_two_hundred() -> None:
    assert statements_of_a_matrix(10) == statements_of_a_matrix(200) == 2


def test_sessions_without_a_reason_are_listed_with_their_age(cast: Cast) -> None:
    enter(
        cast.here,
        {
            (cast.imogen, MONDAY, "AM"): "N",
            (cast.imogen, TODAY, "AM"): "N",
            (cast.theo, TODAY, "PM"): "N",
            (cast.priya, dt.date(2025, 11, 21), "AM"): "N",
        },
    )
    listed = unexplained(*loaded(cast.here), TODAY)
    assert [(entry.enrolled.row_id, entry.age) for entry in listed] == [(cast.imogen.pk, 3), (cast.theo.pk, 0)]
    assert listed[0].sessions == [(MONDAY, "AM"), (TODAY, "AM")]


def test_absent_without_reason_now_are_those_coded_n_today(cast: Cast) -> None:
    enter(cast.here, {(cast.imogen, MONDAY, "AM"): "N", (cast.theo, TODAY, "PM"): "N"})
    assert [entry.enrolled.row_id for entry in absent_without_reason(*loaded(cast.here), TODAY)] == [cast.theo.pk]


def test_a_form_without_marks_has_a_missing_register(cast: Cast) -> None:
    enter(cast.here, {(row, TODAY, session): "/" for row in (cast.imogen, cast.theo) for session in ("AM", "PM")})
    assert missing_registers(cast.here, TODAY) == [(8, "8B", "AM", 0, 1), (8, "8B", "PM", 0, 1)]


def test_a_form_of_which_fewer_than_half_are_marked_has_a_missing_register(cast: Cast) -> None:
    enter(cast.here, {(cast.imogen, TODAY, "AM"): "B", (cast.priya, TODAY, "AM"): "/", (cast.priya, TODAY, "PM"): "/"})
    assert missing_registers(cast.here, TODAY) == [(7, "7A", "AM", 1, 3), (7, "7A", "PM", 0, 3)]


@pytest.mark.parametrize("date", [dt.date(2025, 11, 22), dt.date(2025, 10, 24), dt.date(2025, 12, 25)])
def test_no_register_is_missing_when_the_school_is_closed(cast: Cast, date: dt.date) -> None:
    assert missing_registers(cast.here, date) == []


def test_a_register_is_in_when_half_of_the_pupils_have_a_mark(cast: Cast) -> None:
    assert not register_is_in(*loaded(cast.here), TODAY)
    enter(cast.here, {(row, TODAY, "AM"): "/" for row in (cast.imogen, cast.theo)})
    assert register_is_in(*loaded(cast.here), TODAY)
    assert not register_is_in(*loaded(cast.here), dt.date(2025, 11, 22))


def test_the_last_import_is_the_schools_own(cast: Cast) -> None:
    assert last_import(cast.here) is None
    enter(cast.there, {(cast.edith, TODAY, "AM"): "/"})
    assert last_import(cast.here) is None
    assert last_import(cast.there).latest_date == TODAY


def test_a_pupils_history_is_latest_first_and_the_schools_own(cast: Cast) -> None:
    for code in ("N", "I"):
        change_mark(row=cast.imogen, date=TODAY, session="AM", to=code, reason="told", by=cast.alice, role="officer", now=NOW)
    pupil = cast.imogen.enrolment.pupil
    assert list(mark_history(pupil, cast.here).values_list("original", "amended")) == [("N", "I"), ("", "N")]
    assert not mark_history(pupil, cast.there).exists()


def test_marks_of_a_row_come_as_codes_in_order(cast: Cast) -> None:
    enter(cast.here, {(cast.imogen, dt.date(2025, 9, 3), "PM"): "t"})
    row = RegisterRow.objects.get(pk=cast.imogen.pk)
    first = marks_of(row, school_days(cast.here, [2025]))[:3]
    assert first == [(dt.date(2025, 9, 3), "AM", ""), (dt.date(2025, 9, 3), "PM", "C2"), (dt.date(2025, 9, 4), "AM", "")]
