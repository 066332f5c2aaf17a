"""Two people act on one case at the same moment: one of them does, the others read who was first, and nothing is done twice.

The embedded database has one writer at a time; these run on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from casework.errands import close_task
from casework.meetings import Where, move_meeting, record_meeting
from casework.models import Meeting, MeetingMove
from casework.slots import Block, make_slots
from escalation.models import Event, StageRecord, Task
from schools.models import Role
from schools.rules import Refused
from tests.casework.cases import AT, a_night, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    a_night(made)
    return made


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each returned, or the refusal that it met; all begin together."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            start.wait()
            return act()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def told(results: list[object]) -> list[str]:
    return [str(result) for result in results if isinstance(result, Refused)]


def who(cast: Cast, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": on, "now": NOW}


def test_of_six_who_move_a_meeting_one_does_and_no_time_is_lost(cast: Cast) -> None:
    meeting = planned(cast, staged(cast))

    def mover(days: int) -> Callable[[], object]:
        where = Where(AT + dt.timedelta(days=days), 20, "the hall")
        return lambda: move_meeting(meeting=Meeting.objects.get(pk=meeting.pk), where=where, seen=0, **who(cast))

    results = at_once(*(mover(days) for days in range(1, 7)))
    assert len(told(results)) == 5 and all("while you looked" in sentence for sentence in told(results))
    assert [(move.number, move.starts_at) for move in MeetingMove.objects.all()] == [(1, AT)]


def test_of_four_who_plan_a_stages_meeting_one_does(cast: Cast) -> None:
    record = staged(cast)

    def planner(days: int) -> Callable[[], object]:
        return lambda: planned(cast, record, where=Where(AT + dt.timedelta(days=days), 20, "room 2"))

    results = at_once(*(planner(days) for days in range(4)))
    assert len(told(results)) == 3 and all("is already planned for" in sentence for sentence in told(results))
    assert Meeting.objects.count() == 1


def test_one_time_is_given_to_one_family(cast: Cast) -> None:
    block = Block(AT.date(), dt.time(15, 30), dt.time(15, 50), 20)
    (slot,) = make_slots(school=cast.here, block=block, place="room 2", led_by=None, **who(cast))
    records = [staged(cast, pupil) for pupil in ("imogen", "theo", "priya")]

    def taker(record: StageRecord) -> Callable[[], object]:
        return lambda: planned(cast, record, where=Where.of(slot))

    results = at_once(*(taker(record) for record in records))
    assert told(results) == ["Tuesday 9 December at 3.30pm has just been given to another family: choose another time."] * 2
    assert Meeting.objects.filter(slot=slot).count() == 1


def test_of_four_who_record_a_meeting_one_does_and_the_timeline_says_it_once(cast: Cast) -> None:
    meeting = planned(cast, staged(cast))

    def recorder() -> object:
        seen = Meeting.objects.get(pk=meeting.pk)
        return record_meeting(meeting=seen, outcome="in_absence", came={}, **who(cast, AT.date()))

    results = at_once(*[recorder] * 4)
    assert len(told(results)) == 3 and all(sentence.startswith("Already recorded by Mr L. Larch") for sentence in told(results))
    assert Event.objects.filter(kind="meeting", outcome="held_in_absence").count() == 2  # one for each parent who was asked


def test_of_four_who_close_a_task_one_does(cast: Cast) -> None:
    case = staged(cast).case
    task = Task.objects.create(case=case, kind="task", title="Ring", role="officer", due_on=TODAY)

    def closer() -> object:
        return close_task(task=Task.objects.get(pk=task.pk), reason="Not needed.", **who(cast))

    results = at_once(*[closer] * 4)
    assert told(results) == ["Already recorded by Mr L. Larch: cancelled."] * 3
    assert Event.objects.filter(kind="task").count() == 1
