"""The counter: ten sessions in ten school weeks, week by week, over holidays, terms, years and schools."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest

from casework.penalty.counter import Mark, Window, window
from casework.penalty.parameters import ParameterError, _Codes, check_codes, code_of, framework, local_codes

ON = dt.date(2025, 11, 20)


def weekdays(first: str, last: str) -> list[dt.date]:
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    days = [start + dt.timedelta(days=number) for number in range((end - start).days + 1)]
    return [day for day in days if day.weekday() < 5]


AUTUMN = weekdays("2025-09-03", "2025-10-24") + weekdays("2025-11-03", "2025-12-19")
SUMMER = weekdays("2025-06-02", "2025-07-22")


def away(days: Iterable[dt.date], code: str = "O", place: str = "") -> list[Mark]:
    return [Mark(day, session, code, place) for day in days for session in ("AM", "PM")]


def counted(marks: list[Mark], *, on: dt.date = ON, days: list[dt.date] = AUTUMN, **more: object) -> Window:
    given = {"used": {}, "weeks": 10, "threshold": 10, "counts": lambda day: True} | more
    return window(on=on, school_days=days, marks=marks, **given)


def test_five_days_are_ten_sessions_and_reach_it() -> None:
    found = counted(away(weekdays("2025-11-10", "2025-11-14")))
    assert (found.total, found.is_reached, found.missing) == (10, True, 0)
    assert found.by_code == {"O": 10}


def test_nine_do_not() -> None:
    found = counted(away(weekdays("2025-11-10", "2025-11-14"))[:-1])
    assert not found.is_reached and found.missing == 1


def test_only_g_n_o_and_u_count_and_the_n_are_told() -> None:
    days = weekdays("2025-11-03", "2025-11-14")
    marks = [mark for day, code in zip(days, "GNOUICEM/L", strict=True) for mark in away([day], code)]
    found = counted(marks)
    assert found.by_code == {"G": 2, "N": 2, "O": 2, "U": 2}
    assert found.still_n == 2


def test_the_window_is_shown_week_by_week_and_skips_the_half_term() -> None:
    found = counted(away(weekdays("2025-10-20", "2025-10-21")) + away(weekdays("2025-11-03", "2025-11-05")))
    assert len(found.weeks) == 10 and found.starts == dt.date(2025, 9, 8)
    assert [week.monday.isoformat() for week in found.weeks][-4:] == ["2025-10-20", "2025-11-03", "2025-11-10", "2025-11-17"]
    assert [len(week.counted) for week in found.weeks][-4:] == [4, 6, 0, 0]
    assert [week.so_far for week in found.weeks][-4:] == [4, 10, 10, 10]
    assert {week.monday: week.skipped for week in found.weeks if week.skipped} == {dt.date(2025, 11, 3): 1}


def test_the_eleventh_week_back_is_out() -> None:
    marks = away(weekdays("2025-09-03", "2025-09-05")) + away(weekdays("2025-11-10", "2025-11-11"))
    assert counted(marks).total == 4
    assert counted(marks, on=dt.date(2025, 11, 14)).total == 10, "a week earlier it was the tenth"


def test_it_runs_over_the_summer_into_the_next_year() -> None:
    marks = away(weekdays("2025-07-14", "2025-07-16")) + away(weekdays("2025-09-15", "2025-09-16"))
    found = counted(marks, on=dt.date(2025, 9, 19), days=SUMMER + AUTUMN)
    assert found.total == 10 and found.starts == dt.date(2025, 6, 9)
    assert max(week.skipped for week in found.weeks) == 5


def test_in_a_holiday_the_last_school_weeks_stand() -> None:
    marks = away(weekdays("2025-12-15", "2025-12-19"))
    found = counted(marks, on=dt.date(2025, 12, 30))
    assert found.total == 10 and found.weeks[-1].monday == dt.date(2025, 12, 15)


def test_later_marks_do_not_exist() -> None:
    assert counted(away(weekdays("2025-11-17", "2025-11-28"))).total == 8


def test_marks_in_use_are_shown_but_not_free() -> None:
    marks = away(weekdays("2025-11-10", "2025-11-17"))
    used = {mark.key: 7 for mark in marks[:4]}
    found = counted(marks, used=used)
    assert (found.total, len(found.free), found.is_reached) == (12, 8, False)
    assert [one.used_by for one in found.counted][:5] == [7, 7, 7, 7, None]


def test_a_day_outside_the_law_does_not_count() -> None:
    marks = away(weekdays("2025-11-10", "2025-11-14"))
    assert counted(marks, counts=lambda day: day > dt.date(2025, 11, 12)).total == 4


def test_earlier_schools_marks_count_once_and_bring_their_weeks() -> None:
    before = weekdays("2025-09-01", "2025-10-24")
    here = weekdays("2025-11-03", "2025-12-19")
    marks = away(weekdays("2025-11-10", "2025-11-11")) + away(weekdays("2025-10-20", "2025-10-22"), place="Old School")
    both = [Mark(day, session, "O", "Old School") for day in weekdays("2025-11-10", "2025-11-10") for session in ("AM", "PM")]
    found = counted(marks + both, days=here + before)
    assert found.total == 10
    assert {one.mark.place for one in found.counted} == {"", "Old School"}


def test_a_calendar_without_weeks_gives_an_empty_window() -> None:
    found = counted([], days=[])
    assert found.weeks == () and found.starts == ON and not found.is_reached


def test_no_local_code_may_ask_for_less() -> None:
    codes = local_codes()
    low = codes["bedford"].model_copy(update={"threshold": 8})
    with pytest.raises(ParameterError, match="Bedford: a threshold of 8 sessions is below the national 10"):
        check_codes(_Codes(national=codes[""], authorities=[low]), framework())


def test_an_authority_is_found_by_its_name_and_an_unknown_one_says_so() -> None:
    assert code_of("Bedford Borough Council").name == "Bedford"
    assert not code_of("Bedfordshire").is_known
    assert "Coventry’s code of conduct" in code_of("Coventry").open[0]


def test_every_figure_has_its_source() -> None:
    assert all(edition.source for edition in framework().editions)
    assert all(code.source and code.notice_to_improve.length for code in local_codes().values())
