"""Times are offered in blocks, given once, and shared out so that one visit serves a whole family."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from casework.meetings import Where, cancel_meeting, move_meeting
from casework.models import MeetingSlot
from casework.queries.meetings import free_slots
from casework.slots import Block, claim_slot, make_slots, share_out, slot_times, withdraw_slot
from schools.models import School
from schools.rules import Refused
from tests.casework.cases import AT, a_night, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble

THE_DAY = dt.date(2025, 12, 9)
BLOCK = Block(THE_DAY, dt.time(15, 30), dt.time(17, 30), 20, ((dt.time(16, 20), dt.time(16, 30)),))


def clock(times: list[dt.datetime]) -> list[str]:
    return [f"{time:%H.%M}" for time in times]


def test_a_block_is_cut_into_meetings_around_its_breaks() -> None:
    assert clock(slot_times(BLOCK)) == ["15.30", "15.50", "16.30", "16.50", "17.10"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ends": dt.time(15, 30)}, "The block ends before it begins"),
        ({"ends": dt.time(15, 40)}, "No meeting of 20 minutes fits"),
        ({"minutes": 0}, "at least 5 minutes"),
        ({"starts": dt.time(8), "ends": dt.time(18), "minutes": 5}, "This makes 118 meetings in a day"),
        ({"breaks": ((dt.time(16, 30), dt.time(16, 20)),)}, "A break ends before it begins"),
    ],
)
def test_a_block_that_makes_no_sense_says_why(changes: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        slot_times(replace(BLOCK, **changes))


def test_the_clock_of_the_wall_holds_when_the_clocks_change() -> None:
    times = slot_times(Block(dt.date(2026, 3, 30), dt.time(9), dt.time(10), 30))
    assert [time.utcoffset() for time in times] == [dt.timedelta(hours=1)] * 2


def slots(*times: str, place: str = "room 2") -> list[MeetingSlot]:
    """Unsaved ones of twenty minutes, numbered from 1."""
    at = [dt.datetime.combine(THE_DAY, dt.time.fromisoformat(time), tzinfo=AT.tzinfo) for time in times]
    return [
        MeetingSlot(pk=number, school=School(pk=1), starts_at=time, minutes=20, place=place)
        for number, time in enumerate(at, start=1)
    ]


def given(families: list[list[int]], free: list[MeetingSlot]) -> dict[int, int]:
    return {child: slot.pk for child, slot in share_out(families, free).items()}


def test_families_get_times_in_order_and_who_comes_last_may_get_none() -> None:
    assert given([[10], [11], [12]], slots("15:30", "15:50")) == {10: 1, 11: 2}


def test_brothers_and_sisters_get_adjacent_times() -> None:
    assert given([[10, 11]], slots("15:30", "16:30", "16:50")) == {10: 2, 11: 3}


def test_where_no_two_times_touch_they_share_one() -> None:
    assert given([[10, 11], [12]], slots("15:30", "16:30")) == {10: 1, 11: 1, 12: 2}


def test_two_places_are_not_adjacent() -> None:
    here, there = slots("15:30"), slots("15:30", "15:50", place="hall")[1:]
    assert given([[10, 11]], here + there) == {10: 1, 11: 1}


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    a_night(made)
    return made


def offered(cast: Cast, **changes: object) -> list[MeetingSlot]:
    given = {"school": cast.here, "block": BLOCK, "place": "room 2", "led_by": cast.alice, "by": cast.alice, "role": "officer"}
    return make_slots(**{**given, "on": TODAY, "now": NOW, **changes})  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_block_is_offered_whole_or_not_at_all(cast: Cast) -> None:
    assert len(offered(cast)) == 5
    with pytest.raises(Refused, match="3.25pm in room 2 is already offered"):
        offered(cast, block=Block(THE_DAY, dt.time(15, 25), dt.time(17), 20))
    assert len(offered(cast, place="the hall")) == 5
    with pytest.raises(Refused, match="Saturday 6 December is no school day"):
        offered(cast, block=Block(dt.date(2025, 12, 6), dt.time(9), dt.time(10), 20))


@pytest.mark.django_db
def test_a_time_is_given_once(cast: Cast) -> None:
    slot = offered(cast)[0]
    planned(cast, staged(cast), where=Where.of(slot))
    with pytest.raises(Refused, match="Tuesday 9 December at 3.30pm has just been given to another family"):
        planned(cast, staged(cast, "theo"), where=Where.of(slot))
    with pytest.raises(Refused, match="already given or taken back"):
        withdraw_slot(slot=slot, by=cast.alice, role="officer", now=NOW)


@pytest.mark.django_db
def test_a_sister_may_share_it(cast: Cast) -> None:
    slot = offered(cast)[0]
    planned(cast, staged(cast), where=Where.of(slot))
    claim_slot(slot=slot, pupil_id=cast.edith.enrolment.pupil_id, now=NOW)


@pytest.mark.django_db
def test_a_time_is_free_again_when_its_meeting_is_moved_or_called_off(cast: Cast) -> None:
    first, second = offered(cast)[:2]
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    meeting = planned(cast, staged(cast), where=Where.of(first))
    move_meeting(meeting=meeting, where=Where.of(second), seen=0, **who)
    assert first in free_slots(cast.here, first=TODAY) and second not in free_slots(cast.here, first=TODAY)
    other = planned(cast, staged(cast, "theo"), where=Where.of(first))
    with pytest.raises(Refused, match="given to another family"):
        move_meeting(meeting=meeting, where=Where.of(first), seen=1, **who)
    meeting.refresh_from_db()
    assert (meeting.slot, meeting.moves) == (second, 1)
    cancel_meeting(meeting=other, reason="Back at 97%.", **who)
    assert first in free_slots(cast.here, first=TODAY)


@pytest.mark.django_db
def test_a_time_that_was_taken_back_is_offered_to_nobody(cast: Cast) -> None:
    slot = offered(cast)[0]
    withdraw_slot(slot=slot, by=cast.alice, role="officer", now=NOW)
    with pytest.raises(Refused, match="has just been given"):
        planned(cast, staged(cast), where=Where.of(slot))
    assert len(offered(cast, block=Block(THE_DAY, dt.time(15, 30), dt.time(15, 50), 20))) == 1
