"""The scripted staff: they do, between two nights, what a school's staff would do, each after a delay of their own.

They go through the same services as a person in a browser: conversations are recorded and now and then nobody answers, letters are
filled in and approved after some school days, some are held, some declined with a reason, the post goes once a week. Who is slow, who
is never reached and what is declined follows from the records' own numbers, so that a second making of the demo is the same.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from demo.appointments import Appointments
from demo.build import at
from demo.calling import hear_reasons, hear_the_same_day, ring_round, this_morning
from demo.casework import Casework
from demo.chance import number, one_of
from demo.foreseen import Foreseen
from demo.taking import FORGOTTEN_LAST_AFTERNOON, take_registers
from escalation.models import Task, WatchEntry
from escalation.services import close_watch_entry, complete_task
from letters.catalogue import wording_for
from letters.models import Letter
from letters.phrases import full_date, weekday_date
from letters.services import (
    approve_letters,
    decline_letter,
    edit_letter,
    hold_letter,
    make_print_batch,
    mark_posted,
)
from letters.states import WAITING
from schools.models import Placement, PupilParent, Role, School, StaffRole
from schools.rules import Refused
from schools.schooldays import SchoolDays
from schools.staff import StaffDirectory

TASK_DELAYS = {
    "conversation": (1, 4),
    "call": (1, 3),
    "clinic": (3, 7),
    "review": (1, 5),
    "meeting": (6, 12),
    "plan": (4, 9),
    "contract": (6, 12),
    "referral": (2, 5),
}
"""School days from the day a task is set until it is done: from, to."""
STUCK_IN_100 = {"conversation": 6, "call": 2, "clinic": 8, "review": 6, "meeting": 5, "plan": 6, "contract": 6, "referral": 4}
"""Tasks that nobody gets round to for a while, in a hundred."""
NO_ANSWER_IN_100, HELD_IN_ABSENCE_IN_100 = 14, 28
HOLD_IN_100, DECLINE_IN_100, UNDECIDED_IN_100 = 5, 5, 3
LIES_FOR = 15
"""School days for which a task or letter lies that nobody gets round to."""
HOLD_REASONS = (
    "Parent has asked for a meeting first.",
    "Bereavement in the family: wait until after the funeral.",
    "Hospital letter is on its way.",
    "New start agreed with the family last week; look again then.",
)
DECLINE_REASONS = (
    "Planned operation and recovery; the school nurse is in touch every week.",
    "Attendance has been full since the date in the letter.",
    "Early help is already meeting the family; a letter would not help now.",
    "The absences were a transport problem that is solved.",
)
PLACES = ("Room 4", "the library meeting room", "the head of year’s office", "the family room")
TIMES = ("3.45pm", "8.30am", "4.15pm", "9am")
WORDS = {
    "conversation": ("Worried about a friendship; will tell us in the morning.", "Tired, late nights; bedtime agreed.", ""),
    "call": ("Mum knew; will ring on the first day from now on.", "Asthma; inhaler plan to be updated.", ""),
    "meeting": ("Barriers talked through, three actions agreed.", "Breakfast club from Monday, check-in with the tutor.", ""),
}
DECIDING_DAYS = (0, 2)
"""Each person decides letters on two days of the week, a tutor on one; which days is their own."""
POSTING_WEEKDAY = 3
"""The post goes on Thursdays; in a short week on its last school day."""


@dataclass
class ScriptedStaff:
    """The staff of one school over its year. ``render_from``: letters approved before it keep their words without a PDF;
    ``today``: the fixed day."""

    school: School
    days: SchoolDays
    render_from: dt.date
    today: dt.date
    foreseen: Foreseen = field(default_factory=Foreseen)
    directory: StaffDirectory = field(init=False)

    def __post_init__(self) -> None:
        self.directory = StaffDirectory.of(self.school, self.days.dates[0])
        self.links = _links(self.school)
        self.parents = {pupil: links[0].parent for pupil, links in self.links.items()}
        self.placements = _placements(self.school, self.days.dates[0])
        self._found: dict[tuple[str, int | None, str], StaffRole] = {}
        self.officer = self.held(Role.OFFICER)
        self.appointments = Appointments(self)
        self.casework = Casework(self, self.today)
        self.heard: set[tuple[int, dt.date]] = set()

    def day(self, on: dt.date) -> None:
        """One school day's work, before the night of ``on``."""
        if on >= self.render_from:
            self._of_the_last_half_term(on)
        self.casework.day(on)
        self._tasks(on)
        self._letters(on)
        if self._posts_on(on):
            self._post(on)

    def _of_the_last_half_term(self, on: dt.date) -> None:
        """What is only played for the days that a visitor sees: registers taken here, first-day calling, meetings."""
        take_registers(self, on, "AM")
        ring_round(self, on)
        hear_reasons(self, on)
        is_last = self.days.first_after(on) == self.days.first_on_or_after(self.today)
        take_registers(self, on, "PM", FORGOTTEN_LAST_AFTERNOON if is_last else ())
        if (on, "PM") in self.foreseen.to_take:
            hear_the_same_day(self, on)
            self.casework.read_a_file_that_disagrees(on)
        if self.school.phase == School.Phase.SECONDARY and on.weekday() == 0:
            self.appointments.offer_times(on, self._in_days(on, 8))
        self.appointments.day(on)

    def this_morning(self) -> None:
        """The fixed day up to half past nine."""
        forms = sorted({form for year_group, form in self.placements.values() if form})
        take_registers(self, self.today, "AM", tuple(forms[5:8:2]))
        this_morning(self, self.today)
        self.casework.prepare_one(self.today)

    def held(self, role: str, year_group: int | None = None, form: str = "") -> StaffRole:
        held = self.directory.who(role, year_group, form)
        if held is None:
            raise Refused(f"{self.school.name} has nobody in the role {role} or in one that stands in: see demo/workforce.py.")
        return held

    def _age(self, since: dt.date, on: dt.date) -> int:
        """School days from one day to the other."""
        return self.days.first_after(on) - self.days.first_after(since)

    # --- conversations, calls, meetings ---------------------------------------------------------------------------------------------

    def _tasks(self, on: dt.date) -> None:
        """Looks through the open tasks and loads only those that somebody works on today."""
        waiting = Task.objects.filter(case__school=self.school, state=Task.State.OPEN)
        columns = waiting.values_list(
            "pk", "kind", "owner__email", "stage_record__done_on", "stage_record__proposed_on", "case__opened_on"
        )
        todo = {}
        for pk, kind, owner, done_on, proposed_on, opened_on in columns:
            if outcome := self._outcome(pk, kind, self._slowness(owner), self._age(done_on or proposed_on or opened_on, on)):
                todo[pk] = outcome
        if todo:
            joined = waiting.select_related(
                "case__pupil", "case__school", "stage_record__version", "stage_record__case__school", "owner"
            )
            for task in joined.filter(pk__in=list(todo)):
                self._record(task, on, todo[task.pk])

    def _outcome(self, pk: int, kind: str, slowness: int, age: int) -> str:
        """How a task of that age in school days goes today; an empty string where nobody has got to it yet."""
        first, last = TASK_DELAYS.get(kind, (2, 6))
        lies = LIES_FOR if number(100, "stuck", pk) < STUCK_IN_100.get(kind, 5) else 0
        wait = first + number(last - first + 1, "task", pk) + slowness + lies
        tries_first = kind in ("call", "conversation") and number(100, "answer", pk) < NO_ANSWER_IN_100
        if age < wait:
            return "no_answer" if tries_first and age == max(wait - 1, 1) else ""
        if kind in ("conversation", "call"):
            return "spoke"
        if kind == "meeting":
            return "held_in_absence" if number(100, "came", pk) < HELD_IN_ABSENCE_IN_100 else "attended"
        return "done"

    def _record(self, task: Task, on: dt.date, outcome: str) -> None:
        note = one_of(WORDS[task.kind], "note", task.pk) if outcome in ("spoke", "attended") and task.kind in WORDS else ""
        if self.appointments.keeps(task):
            return
        parent = self.parents.get(task.case.pupil_id) if task.kind in ("conversation", "call", "meeting") else None
        complete_task(
            task=task,
            by=task.owner or self.officer.user,
            role=task.role,
            on=on,
            now=at(on, 15, number(60, task.pk)),
            outcome=outcome,
            note=note,
            parent=parent,
        )

    def _slowness(self, email: str | None) -> int:
        """Some take their time: up to three school days more."""
        return (0, 0, 0, 1, 3)[number(5, "slow", email)] if email else 0

    # --- letters ----------------------------------------------------------------------------------------------------------------------

    def _letters(self, on: dt.date) -> None:
        """Decides the letters whose time has come, all parents of one plan alike; approvals go together by who approves."""
        due = [
            pk
            for pk, planned, pupil, role, drafted, held_until in self._waiting()
            if self._is_due(planned, pupil, role, drafted, held_until, on)
        ]
        if not due:
            return
        approvals: dict[tuple[int, str], list[Letter]] = defaultdict(list)
        joined = Letter.objects.select_related("school", "case__school", "stage_record__case__school", "stage_record__version")
        for letter in joined.filter(pk__in=due):
            approver = self._approver(letter.case.pupil_id, letter.approves)
            if not self._held_or_declined(letter, approver, on):
                self._fill(letter, approver, on)
                approvals[approver.user_id, letter.approves].append(letter)
        for (_, role), letters in approvals.items():
            by = self._approver(letters[0].case.pupil_id, role).user
            approve_letters(letters=letters, by=by, role=role, now=at(on, 10), on=on, render=on >= self.render_from)

    def _waiting(self) -> Iterable[tuple[int, int, int, str, dt.date, dt.date | None]]:
        """Letters that nobody has decided: number, plan, pupil, role that approves, drafted on, held until."""
        waiting = Letter.objects.filter(school=self.school, state__in=WAITING).order_by("pk")
        return waiting.values_list("pk", "planned_id", "case__pupil_id", "approves", "drafted_on", "held_until")

    def _is_due(self, planned: int, pupil: int, role: str, drafted: dt.date, held_until: dt.date | None, on: dt.date) -> bool:
        if held_until:
            return on >= held_until
        approver = self._approver(pupil, role).user.email
        sits_down = (on.weekday() + number(5, "day", approver)) % 5 in DECIDING_DAYS[: 1 if role == Role.TUTOR else 2]
        lies = LIES_FOR if number(100, "lies", planned) < UNDECIDED_IN_100 else 0
        return sits_down and self._age(drafted, on) >= 1 + number(2, "decide", planned) + self._slowness(approver) + lies

    def _approver(self, pupil_id: int, role: str) -> StaffRole:
        year_group, form = self.placements.get(pupil_id, (None, ""))
        if (role, year_group, form) not in self._found:
            self._found[role, year_group, form] = self.held(role, year_group, form)
        return self._found[role, year_group, form]

    def _held_or_declined(self, letter: Letter, approver: StaffRole, on: dt.date) -> bool:
        chance, now = number(100, "fate", letter.planned_id), at(on, 9, 40)
        if chance < HOLD_IN_100 and letter.state == Letter.State.DRAFTED and not letter.held_until:
            reason = one_of(HOLD_REASONS, "hold", letter.planned_id)
            hold_letter(
                letter=letter, until=self._in_days(on, 14), reason=reason, by=approver.user, role=letter.approves, now=now
            )
            return True
        if HOLD_IN_100 <= chance < HOLD_IN_100 + DECLINE_IN_100:
            reason = one_of(DECLINE_REASONS, "decline", letter.planned_id)
            again = self._in_days(on, 28) if chance % 2 else None
            decline_letter(letter=letter, reason=reason, ask_again_on=again, by=approver.user, role=letter.approves, now=now)
            return True
        return False

    def _in_days(self, on: dt.date, days: int) -> dt.date:
        """That many days later, or the first school day after."""
        later = self.days.first_on_or_after(on + dt.timedelta(days=days))
        return self.days.dates[min(later, len(self.days) - 1)]

    def _fill(self, letter: Letter, approver: StaffRole, on: dt.date) -> None:
        """What the wording asks for: when and where to meet, from when to when a period runs."""
        asks = wording_for(letter.ruleset, letter.wording).head.asks
        if not asks:
            return
        meeting, begins = self._in_days(on, 17 + number(4, "meet", letter.case_id)), self._in_days(on, 3)
        known = {
            "meeting_date": weekday_date(meeting),
            "meeting_time": one_of(TIMES, "time", letter.case_id),
            "meeting_place": one_of(PLACES, "place", letter.case_id),
            "missed_meeting_date": full_date(self._in_days(on, -7)),
            "missed_meeting_place": one_of(PLACES, "place", letter.case_id),
            "period_from": full_date(begins),
            "period_to": full_date(begins + dt.timedelta(days=28)),
        }
        fills = {name: known[name] for name in asks if name in known}
        edit_letter(letter=letter, fills=fills, by=approver.user, role=letter.approves, now=at(on, 9, 30))

    # --- the post ---------------------------------------------------------------------------------------------------------------------

    def _posts_on(self, on: dt.date) -> bool:
        """Thursdays; where the week has no Thursday at school, its last school day."""
        day = self.days.index(on)
        week = [
            date.weekday()
            for date, number in zip(self.days.dates, self.days.week, strict=True)
            if number == self.days.week[day or 0]
        ]
        return on.weekday() == (POSTING_WEEKDAY if POSTING_WEEKDAY in week else week[-1])

    def _post(self, on: dt.date) -> None:
        """One print batch for all approved letters that go by post, taken to the post the same afternoon."""
        by, role = self.officer.user, str(Role.OFFICER)
        if Letter.objects.filter(school=self.school, state=Letter.State.APPROVED, channel=Letter.Channel.PRINT).exists():
            batch = make_print_batch(school=self.school, now=at(on, 14), by=by, role=role)
            mark_posted(batch=batch, on=on, now=at(on, 15, 30), by=by, role=role)

    # --- the watch list ---------------------------------------------------------------------------------------------------------------

    def see_to_watch_list(self, on: dt.date) -> None:
        """Nearly all entries of more than ten days ago have been seen to."""
        old = WatchEntry.objects.filter(school=self.school, state=WatchEntry.State.OPEN, opened_on__lt=on - dt.timedelta(days=10))
        for entry in old.select_related("school"):
            if number(100, "watch", entry.pk) < 97:
                by = self.held(entry.role).user
                close_watch_entry(
                    entry=entry, by=by, role=entry.role, reason="Talked about with the family; noted.", now=at(on, 16)
                )


def _placements(school: School, since: dt.date) -> dict[int, tuple[int | None, str]]:
    """Year group and form of this year, by pupil."""
    found = Placement.objects.filter(enrolment__school=school, starts__gte=since - dt.timedelta(days=10))
    return {pupil: (year, form) for pupil, year, form in found.values_list("enrolment__pupil", "year_group", "form")}


def _links(school: School) -> dict[int, list[PupilParent]]:
    """Whom the school may ring about a pupil, in the order in which it does."""
    found: dict[int, list[PupilParent]] = defaultdict(list)
    links = PupilParent.objects.filter(pupil__enrolments__school=school, no_contact_from__isnull=True).select_related("parent")
    for link in links.order_by("priority", "pk").distinct():
        found[link.pupil_id].append(link)
    return found
