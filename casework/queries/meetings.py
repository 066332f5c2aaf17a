"""Reads about meetings: those of a case with who is asked, the task that one completes, free times, and what a change left loose."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from casework.models import Attendee, Meeting, MeetingMove, MeetingSlot
from casework.policies import why_not_invite
from casework.words import day, day_and_time, local_day
from escalation.models import Case, StageRecord, Task
from schools.models import Enrolment, PupilParent, School

TASKS: dict[str, tuple[str, ...]] = {Meeting.Kind.CLINIC: ("clinic", "meeting"), Meeting.Kind.REVIEW: ("review", "meeting")}
"""Kinds of task that a meeting completes, the closest first; every other kind of meeting completes a meeting."""
GONE = (StageRecord.State.WITHDRAWN, StageRecord.State.DECLINED)


def enrolment_of(case: Case) -> Enrolment | None:
    """The pupil's latest enrolment at the case's school. One statement."""
    return Enrolment.objects.filter(pupil=case.pupil_id, school=case.school_id).order_by("-starts").first()


def task_of(meeting: Meeting) -> Task | None:
    """The open task that this meeting completes: its own stage's, otherwise the case's first of that kind. One statement."""
    kinds = TASKS.get(meeting.kind, ("meeting",))
    open_tasks = Task.objects.filter(case=meeting.case_id, state=Task.State.OPEN, kind__in=kinds)
    found = open_tasks.select_related("case__school", "stage_record__version", "stage_record__case__school")
    return min(
        found,
        key=lambda task: (task.stage_record_id != meeting.stage_record_id, kinds.index(task.kind), task.due_on, task.pk),
        default=None,
    )


def meetings_of(cases: Collection[int]) -> dict[int, list[Meeting]]:
    """Meetings by case, the latest first, with attendees and earlier times. Three statements for any number of cases."""
    people = Attendee.objects.select_related("parent", "user").order_by("id")
    moves = MeetingMove.objects.select_related("by")
    found = Meeting.objects.filter(case__in=cases).select_related("led_by", "stage_record", "recorded_by", "planned_by")
    by_case: dict[int, list[Meeting]] = defaultdict(list)
    for meeting in found.prefetch_related(Prefetch("attendees", people), Prefetch("history", moves)):
        by_case[meeting.case_id].append(meeting)
    return by_case


def asked_to(meetings: Iterable[Meeting], *, cause: str, stage_record: int | None, parent: int, on: dt.date) -> Meeting | None:
    """The planned meeting to which a letter of that cause asks that parent; None once its day has passed. ``cause`` "meeting 7 …" names
    one; a stage's letter asks to the stage's own, otherwise to one without a stage; of several to the next."""
    open_to = [
        meeting
        for meeting in meetings
        if meeting.state == Meeting.State.PLANNED
        and local_day(meeting.starts_at) >= on
        and any(person.parent_id == parent and person.is_invited for person in meeting.attendees.all())
    ]
    if cause.startswith("meeting "):
        return next((meeting for meeting in open_to if str(meeting.pk) == cause.split()[1]), None)
    fitting = [meeting for meeting in open_to if meeting.stage_record_id in (stage_record, None)] if stage_record else []
    return min(fitting, key=lambda meeting: (meeting.stage_record_id is None, meeting.starts_at), default=None)


def free_slots(school: School, *, first: dt.date) -> QuerySet[MeetingSlot]:
    """Times that nobody has, from the day ``first`` on, in order."""
    free = MeetingSlot.objects.filter(school=school, taken_at=None, withdrawn_at=None, starts_at__date__gte=first)
    return free.select_related("led_by")


@dataclass(frozen=True, slots=True)
class Loose:
    """Something that a change in mid-case left behind: a sentence for whoever opens the case, and what it is about."""

    sentence: str
    meeting: int | None = None
    attendee: int | None = None
    parent: int | None = None


def loose_ends(
    case: Case,
    *,
    meetings: Iterable[Meeting],
    tasks: Iterable[Task],
    links: Sequence[PupilParent],
    enrolment: Enrolment | None,
    elsewhere: School | None,
    on: dt.date,
) -> list[Loose]:
    """What no longer fits since it was planned; asks the database nothing. ``elsewhere``: where in the group the pupil is on roll now."""
    planned = [meeting for meeting in meetings if meeting.state == Meeting.State.PLANNED]
    loose = _left(case, len(planned), len(list(tasks)), enrolment, elsewhere, on)
    for meeting in planned:
        loose += [*_withdrawn(meeting), *_forgotten(meeting, on), *_barred(meeting, links, on), *_added(meeting, links, on)]
    return loose


def _left(
    case: Case, meetings: int, tasks: int, enrolment: Enrolment | None, elsewhere: School | None, on: dt.date
) -> list[Loose]:
    if enrolment is None or enrolment.ends is None or enrolment.ends >= on:
        return []
    where = f" and is now at {elsewhere.name}" if elsewhere else ""
    still = [
        f"{number} {noun if number == 1 else noun + 's'}" for number, noun in ((meetings, "meeting"), (tasks, "task")) if number
    ]
    close = (
        f" Still open here: {' and '.join(still)}. Close them, or say why not." if still else " Nothing is open here any more."
    )
    return [Loose(f"{case.pupil.called} left {case.school.name} on {day(enrolment.ends)}{where}. The case is kept.{close}")]


def _withdrawn(meeting: Meeting) -> list[Loose]:
    record = meeting.stage_record
    if record is None or record.state not in GONE:
        return []
    state, when = record.get_state_display().lower(), day_and_time(meeting.starts_at)
    sentence = (
        f"Stage {record.stage} was {state}, and its meeting of {when} is still planned. Call it off, or say why it is kept."
    )
    return [Loose(sentence, meeting=meeting.pk)]


def _forgotten(meeting: Meeting, on: dt.date) -> list[Loose]:
    if local_day(meeting.starts_at) >= on:
        return []
    return [Loose(f"The meeting of {day_and_time(meeting.starts_at)} is over: record how it went.", meeting=meeting.pk)]


def _barred(meeting: Meeting, links: Sequence[PupilParent], on: dt.date) -> list[Loose]:
    why_not: dict[int | None, str] = {link.parent_id: why_not_invite(link, on) for link in links}
    return [
        Loose(
            f"{person.parent.name} is invited for {day_and_time(meeting.starts_at)} and may no longer be: {why_not[person.parent_id]}",
            meeting=meeting.pk,
            attendee=person.pk,
        )
        for person in meeting.attendees.all()
        if person.parent and person.is_invited and why_not.get(person.parent_id)
    ]


def _added(meeting: Meeting, links: Sequence[PupilParent], on: dt.date) -> list[Loose]:
    known = {person.parent_id for person in meeting.attendees.all()}
    return [
        Loose(
            f"{link.parent.name} was added after the meeting of {day_and_time(meeting.starts_at)} was planned, and is not invited.",
            meeting=meeting.pk,
            parent=link.parent_id,
        )
        for link in links
        if link.parent_id not in known and not why_not_invite(link, on)
    ]
