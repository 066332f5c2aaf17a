"""Times that a school offers to families: made in blocks, claimed once, and shared out so that one visit serves a whole family."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import transaction

from attendance.grid import academic_year_of
from casework.models import Meeting, MeetingSlot
from casework.policies import why_not_at
from casework.words import day, day_and_time, time_of
from schools import audit
from schools.models import PupilParent, School, User
from schools.queries import school_days
from schools.rules import Refused

LONDON = ZoneInfo("Europe/London")
WAIT = dt.timedelta(minutes=15)
"""How long a family waits at most between two meetings that count as adjacent."""
MOST = 60
"""Slots of one block: more than a day holds is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one day, cut into meetings of ``minutes``; ``breaks`` are (from, to) in local wall-clock time."""

    date: dt.date
    starts: dt.time
    ends: dt.time
    minutes: int
    breaks: tuple[tuple[dt.time, dt.time], ...] = ()


def slot_times(block: Block) -> list[dt.datetime]:
    """When each meeting begins, in order. One that would run into a break begins after it. Raises Refused with what is wrong."""
    if block.ends <= block.starts:
        raise Refused("The block ends before it begins: change one of the two times.")
    if block.minutes < 5:
        raise Refused("A meeting takes at least 5 minutes: change how long each one lasts.")
    length, at, end = dt.timedelta(minutes=block.minutes), _local(block.date, block.starts), _local(block.date, block.ends)
    breaks = sorted((_local(block.date, first), _local(block.date, last)) for first, last in block.breaks)
    if any(last <= first for first, last in breaks):
        raise Refused("A break ends before it begins: change one of its two times.")
    times: list[dt.datetime] = []
    while at + length <= end:
        over = next((last for first, last in breaks if at < last and at + length > first), None)
        if over is None:
            times.append(at)
        at = over or at + length
    if not times:
        raise Refused(f"No meeting of {block.minutes} minutes fits between these times: make the block longer.")
    if len(times) > MOST:
        raise Refused(f"This makes {len(times)} meetings in a day: make each longer, or the block shorter.")
    return times


def _local(date: dt.date, time: dt.time) -> dt.datetime:
    return dt.datetime.combine(date, time, tzinfo=LONDON)


@transaction.atomic
def make_slots(
    *, school: School, block: Block, place: str, led_by: User | None, by: User, role: str, on: dt.date, now: dt.datetime
) -> list[MeetingSlot]:
    """Offers a block of times on one school day at one place; all of them or none."""
    times = slot_times(block)
    if fault := why_not_at(Meeting.Kind.MEETING, times[0], block.minutes, place, on):
        raise Refused(fault)
    if school_days(school, [academic_year_of(block.date)]).index(block.date) is None:
        raise Refused(f"{day(block.date)} is no school day at {school.name}: choose another day.")
    there = MeetingSlot.objects.filter(school=school, place=place.strip(), withdrawn_at=None, starts_at__date=block.date)
    for slot in there:
        ends = slot.starts_at + dt.timedelta(minutes=slot.minutes)
        if clash := next((at for at in times if at < ends and slot.starts_at < at + dt.timedelta(minutes=block.minutes)), None):
            raise Refused(f"{time_of(clash)} in {place.strip()} is already offered: choose other times or another place.")
    slots = MeetingSlot.objects.bulk_create(
        MeetingSlot(
            school=school, starts_at=at, minutes=block.minutes, place=place.strip(), led_by=led_by, made_by=by, made_at=now
        )
        for at in times
    )
    detail = {"slots": len(slots), "date": block.date.isoformat()}
    audit.record(action="meeting times offered", subject=slots[0], by=by, role=role, at=now, school=school, detail=detail)
    return slots


@transaction.atomic
def withdraw_slot(*, slot: MeetingSlot, by: User, role: str, now: dt.datetime) -> None:
    """Takes back a time that nobody has."""
    if not MeetingSlot.objects.filter(pk=slot.pk, taken_at=None, withdrawn_at=None).update(withdrawn_at=now):
        raise Refused(f"{day_and_time(slot.starts_at)} is already given or taken back: move the meeting first.")
    audit.record(action="meeting time taken back", subject=slot, by=by, role=role, at=now, school=slot.school)


def claim_slot(*, slot: MeetingSlot, pupil_id: int, now: dt.datetime) -> None:
    """The slot is this family's. A brother or sister may share it; anybody else is refused. The caller holds the transaction."""
    free = MeetingSlot.objects.filter(pk=slot.pk, taken_at=None, withdrawn_at=None)
    if free.update(taken_at=now):
        return
    parents = PupilParent.objects.filter(pupil=pupil_id).values("parent")
    of_family = Meeting.objects.filter(
        slot=slot, state=Meeting.State.PLANNED, case__pupil__parent_links__parent__in=parents, slot__withdrawn_at=None
    )
    if not of_family.exists():
        raise Refused(f"{day_and_time(slot.starts_at)} has just been given to another family: choose another time.")


def release_slot(slot_id: int | None) -> None:
    """The slot is free again where no planned meeting lies in it any more."""
    if slot_id and not Meeting.objects.filter(slot=slot_id, state=Meeting.State.PLANNED).exists():
        MeetingSlot.objects.filter(pk=slot_id).update(taken_at=None)


def share_out(families: Sequence[Sequence[int]], free: Sequence[MeetingSlot]) -> dict[int, MeetingSlot]:
    """A slot for each child (by the number of its case), families in the order given and slots in theirs.

    Brothers and sisters get adjacent times at one place, or one time together where no such run is free. Who gets none is left out.
    """
    left = sorted(free, key=lambda slot: (slot.starts_at, slot.pk))
    given: dict[int, MeetingSlot] = {}
    for family in families:
        run = _run(left, len(family))
        if not run:
            break
        slots = run if len(run) == len(family) else run * len(family)
        given |= dict(zip(family, slots, strict=True))
        left = [slot for slot in left if slot.pk not in {used.pk for used in run}]
    return given


def _run(free: Sequence[MeetingSlot], length: int) -> list[MeetingSlot]:
    """The first ``length`` slots that follow one another at one place; otherwise the first slot alone; empty where none is free."""
    for first in free:
        run = [first]
        for slot in free:
            ends = run[-1].starts_at + dt.timedelta(minutes=run[-1].minutes)
            if len(run) < length and slot.place == first.place and ends <= slot.starts_at <= ends + WAIT:
                run.append(slot)
        if len(run) == length:
            return run
    return list(free[:1])
