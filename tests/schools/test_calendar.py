"""A school's calendar: set as a whole or not at all, and read as school days."""

from __future__ import annotations

import datetime as dt

import pytest

from schools.ages import begins, ends, is_compulsory
from schools.models import AuditEntry, HalfTerm
from schools.queries import school_days
from schools.rules import Refused
from schools.services import Closure, HalfTermDates, set_calendar
from tests.cast import NOW, Cast, assemble


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


AUTUMN_1 = HalfTermDates("Autumn", "Autumn 1", dt.date(2026, 9, 2), dt.date(2026, 10, 23))
AUTUMN_2 = HalfTermDates("Autumn", "Autumn 2", dt.date(2026, 11, 2), dt.date(2026, 12, 18))


def set_up(cast: Cast, *half_terms: HalfTermDates, closed: tuple[Closure, ...] = ()) -> None:
    set_calendar(school=cast.here, start_year=2026, half_terms=half_terms, closed=closed, by=cast.staff["administrator"], now=NOW)


def test_a_calendar_is_read_as_the_days_on_which_the_school_is_open(cast: Cast) -> None:
    set_up(cast, AUTUMN_1, AUTUMN_2, closed=(Closure(dt.date(2026, 9, 2), "staff"),))
    days = school_days(cast.here, [2026])
    assert (days.dates[0], days.dates[-1], len(days)) == (dt.date(2026, 9, 3), dt.date(2026, 12, 18), 38 - 1 + 35)
    assert days.index(dt.date(2026, 10, 24)) is None and days.days[-1].academic_year == "2026/27"
    assert AuditEntry.objects.filter(action="calendar set").count() == 1


@pytest.mark.parametrize(("half_terms", "sentence"), [
    ((AUTUMN_1, HalfTermDates("Autumn", "Autumn 2", dt.date(2026, 10, 23), dt.date(2026, 12, 18))),
     "Autumn 2 begins on Friday 23 October 2026, before Autumn 1 ends on Friday 23 October 2026: change one of the two."),
    ((HalfTermDates("Autumn", "Autumn 1", dt.date(2026, 9, 2), dt.date(2026, 9, 1)),), "Autumn 1 ends on Tuesday 1 Sep"),
    ((HalfTermDates("Autumn", "Autumn 1", dt.date(2025, 9, 2), dt.date(2025, 10, 1)),), "outside the academic year 2026/27"),
    ((AUTUMN_1, HalfTermDates("Spring", "Autumn 1", dt.date(2027, 1, 4), dt.date(2027, 2, 5))), "Two half terms are called Autumn 1"),
    ((), "at least one half term"),
])  # fmt: skip
def test_a_calendar_that_contradicts_itself_is_refused_and_nothing_changes(
    cast: Cast, half_terms: tuple[HalfTermDates, ...], sentence: str
) -> None:
    before = list(HalfTerm.objects.values_list("pk", flat=True))
    with pytest.raises(Refused, match=sentence.replace(".", r"\.")):
        set_up(cast, *half_terms)
    assert list(HalfTerm.objects.values_list("pk", flat=True)) == before


def test_a_closed_day_must_lie_in_a_half_term_and_stand_once(cast: Cast) -> None:
    snow = Closure(dt.date(2026, 11, 30), "closure", "Snow")
    with pytest.raises(Refused, match="Monday 30 November 2026 is closed twice"):
        set_up(cast, AUTUMN_1, AUTUMN_2, closed=(snow, snow))
    with pytest.raises(Refused, match="Monday 26 October 2026 lies in no half term"):
        set_up(cast, AUTUMN_1, AUTUMN_2, closed=(Closure(dt.date(2026, 10, 26), "staff"),))


@pytest.mark.parametrize(("born", "first", "last"), [
    (dt.date(2021, 3, 31), dt.date(2026, 3, 31), dt.date(2037, 6, 26)),
    (dt.date(2021, 4, 1), dt.date(2026, 8, 31), dt.date(2037, 6, 26)),
    (dt.date(2020, 9, 1), dt.date(2025, 12, 31), dt.date(2037, 6, 26)),
    (dt.date(2020, 2, 29), dt.date(2025, 3, 31), dt.date(2036, 6, 27)),
])  # fmt: skip
def test_compulsory_school_age_begins_on_a_prescribed_day_and_ends_in_june(born: dt.date, first: dt.date, last: dt.date) -> None:
    assert (begins(born), ends(born)) == (first, last)
    assert is_compulsory(born, first) and is_compulsory(born, last) and not is_compulsory(born, last + dt.timedelta(days=1))
