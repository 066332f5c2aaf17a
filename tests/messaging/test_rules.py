"""Numbers, hours, lengths and wordings: the rules that need no database."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from messaging.hours import next_opening
from messaging.models import Message
from messaging.numbers import as_known, comparable, mobile
from messaging.sending import Pace
from messaging.states import TRANSITIONS, comes_from, may_become
from messaging.wording import FIELD, FIELDS, FIRST_DAY, check, listed, measure, merge, names_somebody, too_long
from schools.rules import Refused

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    "entered",
    [
        "07700900123",
        "07700 900 123",
        "+447700900123",
        "+44 (0)7700 900123",
        "0044 7700 900123",
        "447700900123",
        "07700-900-123",
        "7700900123",
    ],
)
def test_a_british_mobile_is_kept_in_one_form(entered: str) -> None:
    assert mobile(entered) == "+447700900123"
    assert as_known(mobile(entered)) == "07700 900123"


@pytest.mark.parametrize(
    ("entered", "because"),
    [
        ("01632 960123", "is a landline"),
        ("020 7946 0000", "is a landline"),
        ("", "no telephone number"),
        ("   ", "no telephone number"),
        ("07700 90012", "has 10 digits instead of 11"),
        ("07700 9001234", "has 12 digits instead of 11"),
        ("07000 000000", "personal or pager"),
        ("07600 000000", "personal or pager"),
        ("+33 6 00 00 00 00", "not a British one"),
        ("ask mum", "not a telephone number"),
        ("0800 000000", "not a British mobile"),
    ],
)
def test_what_takes_no_texts_says_why(entered: str, because: str) -> None:
    with pytest.raises(Refused, match=because):
        mobile(entered)


def test_the_isle_of_man_has_mobiles_among_the_pagers() -> None:
    assert mobile("07624 000000") == "+447624000000"


def test_numbers_are_compared_however_they_were_entered() -> None:
    assert comparable("447700900123") == comparable("07700 900 123")
    assert comparable("80800") == "80800"


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> dt.datetime:
    return dt.datetime(2025, month, day, hour, minute, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("asked", "leaves"),
    [
        (at(20, 9), at(20, 9)),
        (at(20, 7, 29), at(20, 7, 30)),
        (at(20, 7, 30), at(20, 7, 30)),
        (at(20, 18, 59), at(20, 18, 59)),
        (at(20, 19), at(21, 7, 30)),
        (at(21, 19), at(24, 7, 30)),
        (at(22, 12), at(24, 7, 30)),
        (at(23, 23, 59), at(24, 7, 30)),
        (at(24, 0, 0), at(24, 7, 30)),
        (dt.datetime(2026, 3, 27, 20, tzinfo=LONDON), dt.datetime(2026, 3, 30, 7, 30, tzinfo=LONDON)),
        (dt.datetime(2025, 10, 24, 20, tzinfo=LONDON), dt.datetime(2025, 10, 27, 7, 30, tzinfo=LONDON)),
    ],
)
def test_texts_leave_on_weekdays_in_school_time(asked: dt.datetime, leaves: dt.datetime) -> None:
    assert next_opening(asked, dt.time(7, 30), dt.time(19)) == leaves


def test_the_clocks_going_forward_move_the_opening_in_utc() -> None:
    friday = dt.datetime(2026, 3, 27, 20, tzinfo=dt.UTC)
    assert next_opening(friday, dt.time(7, 30), dt.time(19)).astimezone(dt.UTC) == dt.datetime(2026, 3, 30, 6, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "characters", "parts"),
    [
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("a" * 612, 612, 4),
        ("a" * 613, 613, 5),
        ("€" * 80, 160, 1),
        ("€" * 81, 162, 2),
        ("é" * 160, 160, 1),
        ("ł" * 70, 70, 1),
        ("ł" * 71, 71, 2),
        ("ł" + "a" * 267, 268, 4),
        ("ł" + "a" * 268, 269, 5),
        ("😀" * 35, 70, 1),
    ],
)
def test_a_text_is_counted_as_networks_count_it(text: str, characters: int, parts: int) -> None:
    length = measure(text)
    assert (length.characters, length.parts) == (characters, parts)
    assert bool(too_long(length)) == (parts > 4)


def test_a_text_that_is_too_long_says_by_how_much() -> None:
    assert too_long(measure("a" * 700)) == "The text has 700 characters; 4 parts hold 612: shorten it by 88."
    assert "“ł”" in too_long(measure("ł" * 300))


def test_typographic_marks_cost_nothing() -> None:
    assert measure(check("It’s “late” – call…")).odd == ""


@pytest.mark.parametrize(
    ("wording", "because"),
    [
        ("  ", "Write what"),
        ("Dear {parent}", "no field {parent}"),
        ("{pupil first name", "brace stands alone"),
        ("{}", "no field {}"),
    ],
)
def test_a_wording_is_checked_field_by_field(wording: str, because: str) -> None:
    with pytest.raises(Refused, match=because):
        check(wording)


def test_the_first_days_wording_is_right_and_fits_in_two_parts() -> None:
    values = {
        "pupil first name": "Imogen and Edith",
        "school": "Fenwold Academy",
        "date": "Thursday 20 November",
        "telephone": "01632 960100",
    }
    assert set(FIELD.findall(check(FIRST_DAY.wording))) <= set(FIELDS)
    merged = merge(FIRST_DAY.wording, values)
    assert "Imogen and Edith" in merged
    assert measure(merged).parts == 2
    assert measure(merged).odd == ""


@pytest.mark.parametrize(
    ("wording", "named"),
    [
        ("Theo is not in school.", True),
        ("Is theo okafor ill?", True),
        ("Theodora House is closed.", False),
        ("Will you ring us?", False),
        ("{pupil first name} is not in school.", False),
    ],
)
def test_a_wording_for_many_may_name_nobody(wording: str, named: bool) -> None:
    assert bool(names_somebody(wording, [("Theo", "Okafor"), ("Will", "Marsh")])) == named


def test_names_are_listed_as_they_are_spoken() -> None:
    assert [listed(["A"]), listed(["A", "B"]), listed(["A", "B", "C"])] == ["A", "A and B", "A, B and C"]


def test_every_state_has_its_row_and_every_end_is_one() -> None:
    assert set(TRANSITIONS) == set(Message.State)
    assert {state for state, after in TRANSITIONS.items() if not after} == {"delivered", "failed", "cancelled"}
    assert comes_from("sent") == ["sending"]
    assert not may_become("sent", "cancelled")


def test_the_wait_doubles_up_to_its_cap() -> None:
    pace = Pace()
    assert [pace.wait(number).total_seconds() for number in (1, 2, 3, 4, 5, 6, 100)] == [30, 60, 120, 240, 300, 300, 300]
