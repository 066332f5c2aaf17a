"""How a policy's story is told: one school year, two pupils, real services, and a line for each thing that happens.

``Story`` runs the night on the days that matter and on the school day before each, so that a stage that came too early is found there. It
keeps what was told, and at the end every stage record of the school must be one of these: nothing else was proposed to anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from casework.meetings import Where, plan_meeting, record_meeting
from casework.models import Attendee, Meeting
from escalation.adoption import adopt
from escalation.models import Case, Period, PlannedLetter, StageRecord, Task
from escalation.services import complete_task
from letters.models import Letter
from letters.policies import why_not_decide
from letters.services import approve_letters, make_print_batch, mark_posted
from schools.access import Scope
from schools.models import Pupil, Role
from schools.queries import school_days
from tests.cast import Cast, assemble
from tests.stories import present, run

LONDON = ZoneInfo("Europe/London")
LEFT = (Letter.State.POSTED, Letter.State.SENT)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(date: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(date.year, date.month, date.day, hour, minute, tzinfo=LONDON)


class Story:
    """A school year under one ladder. ``absences``: pupil of the cast → the whole days away, by code; everybody else is there."""

    def __init__(self, key: str, **absences: dict[str, str]) -> None:
        self.cast: Cast = assemble()
        self.days = school_days(self.cast.here, [2025]).dates
        adopt(school=self.cast.here, key=key, starts=day("2025-09-01"), by=None, now=at(day("2025-09-01"), 9))
        present(self.cast, until=self.days[-1], **absences)
        self.told: list[tuple[str, str, str]] = []
        self.ran: dt.date | None = None

    def pupil(self, name: str) -> Pupil:
        return getattr(self.cast, name).enrolment.pupil

    def case(self, name: str) -> Case:
        return Case.objects.get(pupil=self.pupil(name))

    def night(self, on: str) -> None:
        """The night of that day, unless it has been run."""
        if self.ran == day(on):
            return
        report = run(self.cast, on=day(on), now=at(day(on), 17))
        assert (report.errors, report.skipped) == ([], []), on
        self.ran = day(on)

    def eve(self, on: str) -> None:
        """The night of the school day before."""
        before = self.days[self.days.index(day(on)) - 1]
        if self.ran is None or self.ran < before:
            self.night(before.isoformat())

    def stages(self) -> list[tuple[str, str, str]]:
        """(pupil's first name, stage, day proposed) of every stage record of the school that stands, in the order of the days."""
        found = StageRecord.objects.filter(case__school=self.cast.here).order_by("proposed_on", "id")
        return [
            (record.case.pupil.first_name.lower(), record.stage, record.proposed_on.isoformat())
            for record in found.select_related("case__pupil")
        ]

    def quiet(self, *days: str) -> None:
        """Those nights propose nothing to anybody."""
        for on in days:
            self.night(on)
            assert self.stages() == self.told, on

    def comes(
        self,
        on: str,
        name: str,
        stage: str,
        *,
        acts: str,
        approves: str = "",
        letters: Sequence[str] = (),
        tasks: Sequence[str] = (),
        over: Sequence[str] = (),
        says: str = "",
    ) -> StageRecord:
        """Not the day before, but on that day the stage is proposed, and the stages ``over`` are passed over with it; its letter is
        drafted for each parent, or its task is somebody's."""
        self.eve(on)
        assert self.stages() == self.told, f"before {on}"
        self.night(on)
        self.told += [(name, each, on) for each in (*over, stage)]
        assert self.stages() == self.told, on
        record = StageRecord.objects.get(case=self.case(name), stage=stage)
        assert (record.state, record.acts, record.approves) == ("proposed", acts, approves)
        assert set(record.case.stages.filter(stage__in=over).values_list("state", flat=True)) <= {"passed_over"}
        assert says in " ".join(record.sentences)
        drafts = Letter.objects.filter(stage_record=record, state="drafted")
        assert set(drafts.values_list("wording", "approves")) == {(wording, approves or acts) for wording in letters}
        assert [(task.kind, task.role) for task in record.tasks.all()] == [(kind, acts) for kind in tasks]
        return record

    def goes_out(self, record: StageRecord, on: str, *, by: str, letters: int = 2, done: str = "") -> StageRecord:
        """The letters are approved by the role named, in whose place a tutor of another form could not, printed and posted that day."""
        who, now = self.cast.staff[by], at(day(on), 10)
        waiting = list(Letter.objects.filter(stage_record=record, state="drafted").select_related("school", "approved_by"))
        self._approve(waiting, who, by, now)
        assert len(waiting) == letters
        batch = make_print_batch(school=self.cast.here, by=self.cast.alice, role=Role.OFFICER, now=now + dt.timedelta(minutes=11))
        mark_posted(batch=batch, on=day(on), by=self.cast.alice, role=Role.OFFICER, now=now + dt.timedelta(hours=2))
        return self._done(record, done or on)

    def _approve(self, waiting: Sequence[Letter], who: object, role: str, now: dt.datetime) -> None:
        for letter in waiting:
            assert letter.approves == role
            assert why_not_decide(letter, Scope.of(who, now.date())) == ""
            assert why_not_decide(letter, Scope.of(self.cast.charlie, now.date())) != "", (
                "who works elsewhere decides nothing here"
            )
        outcomes = approve_letters(letters=waiting, by=who, role=role, now=now, on=now.date())
        assert [outcome.sentence for outcome in outcomes if not outcome.ok] == []

    def _done(self, record: StageRecord, on: str) -> StageRecord:
        record.refresh_from_db()
        assert (record.state, record.done_on) == ("done", day(on))
        return record

    def task(self, record: StageRecord, kind: str) -> Task:
        return record.tasks.get(kind=kind, state=Task.State.OPEN)

    def talks(self, record: StageRecord, kind: str, on: str, *, parent: str = "", by: str = "") -> StageRecord:
        """The stage's first task is done, after one try without an answer; with it the stage."""
        task = self.task(record, kind)
        who = self.cast.staff[by or task.role]
        common = {"task": task, "by": who, "role": by or task.role, "on": day(on)}
        complete_task(**common, now=at(day(on), 9), outcome="no_answer")
        assert self.task(record, kind) == task, "a try without an answer leaves the task open"
        complete_task(**common, now=at(day(on), 11), outcome="spoke", parent=self.cast.parents.get(parent))
        return self._done(record, on)

    def does(self, record: StageRecord, kind: str, on: str) -> Task:
        """What follows a letter is seen to."""
        task = self.task(record, kind)
        who = self.cast.staff[task.role]
        return complete_task(task=task, by=who, role=task.role, on=day(on), now=at(day(on), 12), outcome="done")

    def asks_to(self, record: StageRecord, on: str, held: str, *, kind: str = Meeting.Kind.MEETING, by: str) -> Meeting:
        """A meeting is planned for the stage; the letters that ask to it state its time."""
        lead = self.cast.staff[by]
        where = Where(at(day(held), 16, 10), 30, "room 2", lead)
        return plan_meeting(
            case=record.case, kind=kind, where=where, stage_record=record, by=lead, role=by, on=day(on), now=at(day(on), 9)
        )

    def meets(self, meeting: Meeting, on: str, *, came: bool = True) -> None:
        """The meeting takes place with every parent who was asked, or in their absence."""
        asked = meeting.attendees.filter(is_invited=True, parent__isnull=False)
        there = Attendee.Came.CAME if came else Attendee.Came.ABSENT
        record_meeting(
            meeting=meeting,
            outcome=Meeting.State.HELD if came else Meeting.State.IN_ABSENCE,
            came={person.pk: there for person in asked},
            agreed="Mornings are met at the gate.",
            by=meeting.led_by,
            role=Role.ATTENDANCE_LEAD,
            on=day(on),
            now=at(day(on), 17),
        )

    def periods(self, name: str) -> list[tuple[str, str, str, str]]:
        """(stage, begun, ends, outcome) of a pupil's periods, in order of time."""
        found = Period.objects.filter(case=self.case(name)).order_by("starts_on", "id")
        return [(each.stage, each.starts_on.isoformat(), each.ends_on.isoformat(), each.outcome) for each in found]

    def letters(self, name: str) -> list[tuple[str, str]]:
        """(wording, day on which it left) of what left for a pupil's parents, each once."""
        found = Letter.objects.filter(case=self.case(name), state__in=LEFT).order_by("left_on", "wording")
        return list(dict.fromkeys((letter.wording, letter.left_on.isoformat()) for letter in found))

    def praised(self, name: str, wording: str, on: str, *, by: str) -> list[Letter]:
        """A letter that no stage asks for was planned that night and drafted; it is approved by the role named."""
        planned = PlannedLetter.objects.get(case=self.case(name), letter=wording, on=day(on))
        assert planned.stage_record is None
        letters = list(Letter.objects.filter(planned=planned, state="drafted").select_related("school", "approved_by"))
        self._approve(letters, self.cast.staff[by], by, at(day(on), 18))
        return letters

    def is_over(self) -> None:
        """The year's last nights propose nothing more, and nobody else was ever at a stage."""
        self.quiet(self.days[-2].isoformat(), self.days[-1].isoformat())
        assert set(Case.objects.filter(school=self.cast.here).values_list("pupil__first_name", flat=True)) == {
            name.capitalize() for name, _, _ in self.told
        }


def away(*spans: str, code: str = "I") -> dict[str, str]:
    """Whole days away: "2025-09-08", or "2025-09-08 to 2025-09-09" → {day: code}; weekends and holidays in a span are left out later."""
    return {date.isoformat(): code for span in spans for date in _dates(span)}


def _dates(span: str) -> list[dt.date]:
    first, _, last = span.partition(" to ")
    begins, ends = day(first), day(last or first)
    return [begins + dt.timedelta(days=number) for number in range((ends - begins).days + 1)]
