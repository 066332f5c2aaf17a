"""What may be done in a case, and when: each rule answers with the sentence that the person reads; an empty string means yes."""

from __future__ import annotations

import datetime as dt

from casework.models import Document, Meeting
from casework.words import day, day_and_time, local_day
from escalation.models import Case, StageRecord
from schools.models import Enrolment, PupilParent

NOTICE_DAYS: dict[str, int] = {Meeting.Kind.SURGERY: 14}
"""Calendar days between inviting and meeting, by kind. Wigston, stage three: a surgery lies at least two weeks ahead (our reading)."""
LONGEST_MEETING = 240
"""Minutes."""


def why_not_invite(link: PupilParent, on: dt.date) -> str:
    """A parent whom an order or a no-contact note keeps away is never invited; one who gets no letters cannot be told."""
    if link.is_barred(on):
        return "An order or a no-contact note stands: not invited."
    return "" if link.receives_letters else "Receives no letters from the school: not invited."


def why_not_begin(case: Case, enrolment: Enrolment | None, on: dt.date) -> str:
    """Nothing new is planned for a pupil who has left the school. ``enrolment``: the latest at the case's school."""
    if enrolment and (enrolment.ends is None or enrolment.ends >= on):
        return ""
    left = f" on {day(enrolment.ends)} {enrolment.ends.year}" if enrolment and enrolment.ends else ""
    return f"{case.pupil.called} left {case.school.name}{left}: plan nothing new here, and close what is still open."


def why_not_at(kind: str, starts_at: dt.datetime, minutes: int, place: str, on: dt.date) -> str:
    """What is wrong with a meeting's time or place."""
    date = local_day(starts_at)
    if not place.strip():
        return "Say where the meeting takes place: the letter names it."
    if not 5 <= minutes <= LONGEST_MEETING:
        return f"A meeting takes between 5 and {LONGEST_MEETING} minutes: change how long it lasts."
    if date < on:
        return f"{day(date)} has passed: choose today or a later day."
    notice = NOTICE_DAYS.get(kind, 0)
    if date < (first := on + dt.timedelta(days=notice)):
        return f"A surgery lies at least two weeks ahead of the invitation: choose {day(first)} or later."
    return ""


def why_not_for_stage(record: StageRecord | None) -> str:
    """A meeting belongs to a stage that stands."""
    if record is None or record.state in StageRecord.STANDING:
        return ""
    return f"Stage {record.stage} was {record.get_state_display().lower()}: plan the meeting without a stage."


def why_not_change(meeting: Meeting) -> str:
    """A meeting that is over, or was called off, is not changed any more: says who recorded it, and when."""
    if meeting.state == Meeting.State.PLANNED:
        return ""
    who = meeting.recorded_by.name if meeting.recorded_by else "somebody"
    when = f" on {day_and_time(meeting.recorded_at)}" if meeting.recorded_at else ""
    return f"Already recorded by {who}{when}: {meeting.get_state_display().lower()}."


def why_not_record(meeting: Meeting, on: dt.date) -> str:
    """How a meeting went is recorded from its day on."""
    if sentence := why_not_change(meeting):
        return sentence
    if local_day(meeting.starts_at) > on:
        return f"The meeting is on {day_and_time(meeting.starts_at)}: record how it went once it is over."
    return ""


def why_not_delete(document: Document, on: dt.date) -> str:
    """A document is deleted by a person once its time of keeping is over, not before."""
    if document.deleted_at:
        return f"Already deleted by {document.deleted_by} on {day_and_time(document.deleted_at)}."
    if on <= document.retain_until:
        until = document.retain_until
        return f"It is kept until {until.day} {until:%B %Y}: it can be deleted after that day."
    return ""
