"""Meetings of the last half term: planned with a family, sometimes moved, held with or without the parents; what was offered there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from casework.documents import add_document
from casework.meetings import Where, cancel_meeting, move_meeting, plan_meeting, record_meeting
from casework.models import Attendee, Meeting, MeetingSlot
from casework.slots import Block, make_slots
from casework.support import offer_support, record_visit
from demo.build import at
from demo.chance import number, one_of
from demo.papers import note_of
from escalation.models import Task
from schools.models import Role
from schools.rules import Refused

if TYPE_CHECKING:
    from demo.staff import ScriptedStaff

PLACES = ("Room 4", "the library meeting room", "the family room")
SLOT_PLACE = "the attendance office"
TIMES = ((8, 30), (9, 0), (15, 45), (16, 15))
SUMMARIES = (
    "Mornings are the hard part; getting up and a long walk were talked through.",
    "Friendship trouble since Easter. The form tutor will look in at break.",
    "Asthma has been worse this spring. The inhaler plan was gone through together.",
    "Mum works early shifts, and nobody is at home to see that the bus is caught.",
)
AGREED = (
    "Breakfast club from Monday; we ring on any morning without a message by 9.",
    "Meet and greet at reception for two weeks; the family rings before 8.30 if something is wrong.",
    "School nurse to be asked by Friday; parents send the hospital letter.",
    "A lift with a neighbour on three days; looked at again in three weeks.",
)
OFFERS = (
    ("breakfast_club", "From Monday, 8 o’clock in the hall", "accepted"),
    ("mentoring", "Tuesdays in the second period", "accepted"),
    ("meet_and_greet", "At reception, first fortnight", "accepted"),
    ("school_nurse", "A call about sleep and headaches", ""),
    ("early_help", "", "declined"),
    ("counselling", "Six sessions in school", "no_answer"),
    ("transport", "A bus pass until the summer", ""),
)
MOVED_IN_100, CALLED_OFF_IN_100, HELD_IN_ABSENCE_IN_100, NOTED_IN_100, VISITED_IN_100 = 22, 5, 28, 35, 60
KINDS = {"meeting": Meeting.Kind.MEETING, "clinic": Meeting.Kind.CLINIC}


@dataclass
class Appointments:
    """The meetings that one school's staff have planned. ``planned``: by task."""

    staff: ScriptedStaff
    planned: dict[int, Meeting] = field(default_factory=dict)

    def keeps(self, task: Task) -> bool:
        """Whether a meeting is planned for the task, which then waits for it."""
        return task.pk in self.planned

    def day(self, on: dt.date) -> None:
        """Meetings of the day are held, others moved or called off, new ones planned."""
        for planned, meeting in list(self.planned.items()):
            if meeting.starts_at.date() == on:
                self._hold(meeting, on)
                del self.planned[planned]
            elif (meeting.starts_at.date() - on).days == 1:
                self._shift(planned, meeting, on)
        waiting = Task.objects.filter(case__school=self.staff.school, state=Task.State.OPEN, kind__in=KINDS)
        for task in waiting.exclude(pk__in=self.planned).select_related("case__pupil", "case__school", "stage_record", "owner"):
            self._plan(task, on)

    def offer_times(self, on: dt.date, date: dt.date) -> None:
        """An afternoon is kept free for families."""
        by = self.staff.held(Role.ATTENDANCE_LEAD).user
        block = Block(date, dt.time(15, 30), dt.time(17, 30), 20, ((dt.time(16, 30), dt.time(16, 40)),))
        make_slots(
            school=self.staff.school,
            block=block,
            place=SLOT_PLACE,
            led_by=by,
            by=by,
            role=Role.ATTENDANCE_LEAD,
            on=on,
            now=at(on, 14),
        )

    def _plan(self, task: Task, on: dt.date) -> None:
        by = task.owner or self.staff.officer.user
        try:
            meeting = plan_meeting(
                case=task.case, kind=KINDS[task.kind], where=self._where(task, on), stage_record=task.stage_record, by=by,
                role=task.role, on=on, now=at(on, 11, number(60, "plan", task.pk)),
            )  # fmt: skip
        except Refused:
            return  # the pupil has left, or nobody may be invited: the task is dealt with as such tasks are
        self.planned[task.pk] = meeting

    def _where(self, task: Task, on: dt.date) -> Where:
        """A free time of those offered, otherwise one of the usual ones some school days ahead."""
        free = MeetingSlot.objects.filter(school=self.staff.school, taken_at=None, withdrawn_at=None, starts_at__gt=at(on, 23))
        if slot := free.order_by("starts_at").first():
            return Where.of(slot)
        day = min(self.staff.days.first_after(on) + 2 + number(4, "meet", task.pk), len(self.staff.days) - 1)
        moment = at(self.staff.days.dates[day], *one_of(TIMES, "time", task.pk))
        return Where(moment, 30, one_of(PLACES, "place", task.pk), task.owner)

    def _shift(self, task: int, meeting: Meeting, on: dt.date) -> None:
        """The day before: some families ask for another day, one or two call off."""
        by, chance = meeting.planned_by, number(100, "shift", task)
        days, now = self.staff.days, at(on, 13, number(50, "shift", task))
        if chance < CALLED_OFF_IN_100:
            cancel_meeting(
                meeting=meeting, reason="The family is away that day and rings again.", by=by, role=Role.OFFICER, on=on, now=now
            )
            del self.planned[task]
        elif chance < CALLED_OFF_IN_100 + MOVED_IN_100 and not meeting.moves:
            later = min(days.first_after(meeting.starts_at.date()) + 2, len(days) - 1)
            where = Where(at(days.dates[later], *one_of(TIMES, "later", task)), meeting.minutes, "the family room")
            move_meeting(
                meeting=meeting, where=where, seen=meeting.moves, reason="Mum has an early shift that day.", by=by,
                role=Role.OFFICER, on=on, now=now,
            )  # fmt: skip

    def _hold(self, meeting: Meeting, on: dt.date) -> None:
        invited = [person for person in meeting.attendees.all() if person.is_invited and person.parent_id]
        came = bool(invited) and number(100, "came", meeting.pk) >= HELD_IN_ABSENCE_IN_100
        by, now = meeting.planned_by, at(on, 17, number(20, "held", meeting.pk))
        key = "meeting", meeting.pk
        record_meeting(
            meeting=meeting, outcome=Meeting.State.HELD if came else Meeting.State.IN_ABSENCE,
            came={invited[0].pk: Attendee.Came.CAME} if came else {}, summary=one_of(SUMMARIES, *key) if came else "",
            agreed=one_of(AGREED, *key) if came else "", by=by, role=self._role(meeting), on=on, now=now,
        )  # fmt: skip
        if came:
            self._help(meeting, invited[0], on, now)
        elif number(100, "visit", meeting.pk) < VISITED_IN_100:
            self._visit(meeting, on)

    def _role(self, meeting: Meeting) -> str:
        """The role in which whoever planned it acts."""
        held = [held.role for held in self.staff.directory.roles if held.user_id == meeting.planned_by_id]
        return held[0] if held else Role.OFFICER

    def _help(self, meeting: Meeting, attendee: Attendee, on: dt.date, now: dt.datetime) -> None:
        """What is offered at the end of a meeting, and its notes."""
        kind, detail, answer = one_of(OFFERS, "offer", meeting.pk)
        by, role = meeting.planned_by, self._role(meeting)
        offer_support(
            case=meeting.case, kind=kind, detail=detail, offered_on=on, parent=attendee.parent, answer=answer, by=by, role=role,
            on=on, now=now,
        )  # fmt: skip
        if number(100, "notes", meeting.pk) < NOTED_IN_100:
            content = note_of(
                "Notes of a meeting", f"{on:%-d %B %Y}", meeting.summary, f"Agreed: {meeting.agreed}", f"Meeting {meeting.pk}"
            )
            add_document(
                case=meeting.case, title=f"Notes of the meeting of {on:%-d %B}", kind="minutes", file_name="meeting-notes.pdf",
                content=content, meeting=meeting, by=by, role=role, on=on, now=now,
            )  # fmt: skip

    def _visit(self, meeting: Meeting, on: dt.date) -> None:
        """Nobody came: two colleagues go to the home."""
        by, parent = meeting.planned_by, self.staff.parents.get(meeting.case.pupil_id)
        spoke = parent is not None and number(2, "home", meeting.pk) == 0
        record_visit(
            case=meeting.case, visited_on=on, outcome="spoke" if spoke else "no_answer", accompanied_by=self.staff.officer.user.name,
            parent=parent if spoke else None, note="On the doorstep; will come in next week." if spoke else "Card left.",
            next_step="Ring on Monday before nine.", visitor=by, by=by, role=self._role(meeting), on=on, now=at(on, 18),
        )  # fmt: skip
