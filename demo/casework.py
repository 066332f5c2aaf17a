"""What else a school's staff do in a half term: leave, part-time timetables, notices, clocks, a pause, a concern. Each on its real day.

Who it concerns follows from the register that is settled beforehand: a family that will be away asks a fortnight before.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attendance.codes import CODES
from attendance.grid import academic_year_of, session_of
from attendance.models import MarkChange, RegisterRow
from attendance.services import import_register
from casework.clock_kinds import questions_of
from casework.clocks import mark_sent, not_needed, prepare
from casework.discretion import pause_letters
from casework.leave import Evidence, ask_leave, decide_leave
from casework.leave_days import Session, Span
from casework.models import Clock, LeaveRequest, PenaltyRequest
from casework.part_time import Terms, agree_timetable, review_timetable
from casework.penalty.improving import begin_improvement
from casework.penalty.ledger import enter_notice, move_notice
from casework.penalty.reading import births_on_roll, family, windows
from casework.penalty.rules import Answers
from casework.penalty.services import prepare_ground, record_issued, send_request
from casework.safeguarding import close_note, read_notes, take_to_the_lead
from demo.build import at
from demo.chance import number, one_of
from demo.papers import note_of
from letters.models import Letter
from letters.states import WAITING
from schools.models import Enrolment, Parent, Pupil, Role
from schools.rules import Refused

if TYPE_CHECKING:
    from demo.staff import ScriptedStaff

ASKED_BEFORE = 14
"""Days between asking for leave and its first day."""
HOLIDAYS, EXCEPTIONS = 3, 2
"""Requests for leave of a school that follow from its register: at most so many refused, and so many granted."""
GAP = dt.timedelta(days=24)
"""C2 marks further apart than this belong to two timetables."""
CLOCK_LIES, FORGOTTEN_FOR = 5, dt.timedelta(days=30)
"""School days until a clock is dealt with; and how long one lies that is overlooked."""
SENT_LATELY, SENT_BEFORE = 82, 12
"""Of a hundred clocks, how many end with a return: in the last half term, and before it."""
Act = Callable[[dt.date], object]


@dataclass
class Casework:
    """One school's diary: what is to be done on which day. ``today``: the fixed day, up to which registers are known."""

    staff: ScriptedStaff
    today: dt.date
    diary: dict[dt.date, list[Act]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.school, self.days, self.begins = self.staff.school, self.staff.days, self.staff.render_from
        self.lead, self.head = self.staff.held(Role.ATTENDANCE_LEAD), self.staff.held(Role.HEAD)
        enrolments = Enrolment.objects.filter(school=self.school, ends__isnull=True).select_related("pupil")
        pupils = {enrolment.pk: enrolment.pupil for enrolment in enrolments}
        rows = RegisterRow.objects.filter(school=self.school, year=academic_year_of(self.today), enrolment__in=pupils)
        self.marks = [(pupils[enrolment], marks) for enrolment, marks in rows.order_by("pk").values_list("enrolment", "marks")]
        self._foresee_timetables()
        self._foresee_leave()
        self._enter_the_half_term()

    def day(self, on: dt.date) -> None:
        for act in self.diary.pop(on, ()):
            act(on)

    def _nth(self, number: int) -> dt.date:
        """The half term's school day of that number, from 0; the last one before today where it has fewer."""
        first = self.days.first_on_or_after(self.begins)
        return self.days.dates[min(first + number, self.days.first_on_or_after(self.today) - 1)]

    def _school_day_before(self, date: dt.date, days: int) -> dt.date | None:
        before = self.days.last_on_or_before(date - dt.timedelta(days=days))
        return None if before is None else self.days.dates[before]

    def _home(self, pupil: Pupil) -> Parent | None:
        """A parent whom the pupil lives with, and who may be contacted."""
        links = self.staff.links.get(pupil.pk, ())
        return next((link.parent for link in links if link.lives_with_pupil and link.has_parental_responsibility), None)

    # --- part-time timetables -------------------------------------------------------------------------------------------------------

    def _foresee_timetables(self) -> None:
        for pupil, marks in self.marks:
            sessions = _sessions(marks, CODES["C2"].character, academic_year_of(self.today))
            for stretch in _stretches(sessions, GAP):
                agreed_on = self._school_day_before(stretch[0][0], 1)
                if agreed_on and (parent := self._home(pupil)):
                    self._agree(pupil, parent, stretch, agreed_on)

    def _agree(self, pupil: Pupil, parent: Parent, sessions: Sequence[Session], agreed_on: dt.date) -> None:
        starts, last = sessions[0][0], sessions[-1][0]
        goes_on = last >= self._nth(4)
        ends = self.days.dates[min(self.days.first_on_or_after(last) + 14, len(self.days) - 1)] if goes_on else last
        review = self.days.dates[max(self.days.first_on_or_after(self.today), 0)] if goes_on else starts + (ends - starts) / 2
        terms = Terms(
            starts=starts, ends=ends, review_on=review, pattern=tuple({date.weekday() * 2 + (half == "PM") for date, half in sessions}),
            why=one_of(("Anxiety since the winter; the school nurse and the family agree.", "Back after an operation; tires quickly.",
                        "New to school after a long illness."), "why", pupil.pk),
            objective="Full days again: one more afternoon each fortnight, looked at with the family.", agreed_by=parent,
            agreed_on=agreed_on, social_worker_told_on=agreed_on,
        )  # fmt: skip

        def agree(on: dt.date) -> None:
            timetable, _ = agree_timetable(
                pupil=pupil, school=self.school, terms=terms, by=self.lead.user, role=self.lead.role, on=on, now=at(on, 15)
            )
            if goes_on and starts < self._nth(2) and number(2, "review", pupil.pk):
                self.diary[self._nth(3)].append(
                    lambda later: _quietly(
                        lambda: review_timetable(
                            timetable=timetable, note="Two full days managed. The next step is Thursday afternoon.", review_on=review,
                            by=self.lead.user, role=self.lead.role, on=later, now=at(later, 14),
                        )
                    )
                )  # fmt: skip

        self.diary[agreed_on].append(lambda on: _quietly(lambda: agree(on)))

    # --- leave ----------------------------------------------------------------------------------------------------------------------

    def _foresee_leave(self) -> None:
        year = academic_year_of(self.today)
        for code, most in (("G", HOLIDAYS), ("C", EXCEPTIONS)):
            asked = 0
            for pupil, marks in self.marks:
                recent = [
                    each
                    for each in _sessions(marks, CODES[code].character, year)
                    if each[0] >= self.begins - dt.timedelta(days=50)
                ]
                stretch = next(
                    (one for one in _stretches(recent, dt.timedelta(days=4)) if len(one) >= (6 if code == "G" else 2)), None
                )
                asked_on = stretch and self._school_day_before(stretch[0][0], ASKED_BEFORE)
                if asked < most and stretch and asked_on and self._home(pupil):
                    self._ask(pupil, Span(*stretch[0], *stretch[-1]), asked_on, grant=code == "C", decided_after=3)
                    asked += 1

    def _ask(self, pupil: Pupil, span: Span, asked_on: dt.date, *, grant: bool | None, decided_after: int = 0) -> None:
        """``grant`` None: nobody has decided yet."""
        reason = one_of(EXCEPTIONAL if grant else HOLIDAY, "reason", pupil.pk)

        def ask(on: dt.date) -> None:
            parent = self._home(pupil)
            evidence = Evidence("letter.pdf", note_of("Request for leave", reason, span.in_words, f"No. {pupil.pk}"))
            request = ask_leave(
                pupil=pupil, school=self.school, asked_by=parent, asked_on=on, span=span, ground="exceptional" if grant else "holiday",
                reason=reason, evidence=evidence if number(3, "paper", pupil.pk) else None, by=self.staff.officer.user, role=Role.OFFICER,
                on=on, now=at(on, 11, 20),
            )  # fmt: skip
            if grant is not None:
                later = self.days.dates[min(self.days.first_after(on) + decided_after, len(self.days) - 1)]
                self.diary[later].append(lambda day: _quietly(lambda: decide(day, request.pk)))

        def decide(on: dt.date, request: int) -> None:
            decide_leave(
                request=LeaveRequest.objects.select_related("pupil", "school").get(pk=request), seen=0, granted=span if grant else None,
                ground="exceptional" if grant else "", reason=GRANTED if grant else REFUSED, by=self.head.user, role=self.head.role, on=on,
                now=at(on, 16, 10),
            )  # fmt: skip

        self.diary[asked_on].append(lambda on: _quietly(lambda: ask(on)))

    # --- the half term's own diary --------------------------------------------------------------------------------------------------

    def _enter_the_half_term(self) -> None:
        """One or two of everything, so that a visitor meets each of them."""
        seldom = self._seldom_away()
        for place, (pupil, day) in enumerate(zip(seldom, (5, 7, 8), strict=False)):
            first = self.days.dates[min(self.days.first_on_or_after(self.today) + 8 + 2 * place, len(self.days) - 4)]
            last = self.days.dates[min(self.days.first_on_or_after(first) + 2, len(self.days) - 1)]
            self._ask(pupil, Span.of_days(first, last), self._nth(day), grant=True if place == 0 else None, decided_after=0)
        for day, act in (
            (1, self.ask_for_notices), (2, self.begin_a_last_chance), (3, self.concern_and_answer), (5, self.pause_for_a_family),
            (6, self.notices_are_issued), (7, self.notice_from_elsewhere), (8, self.concern_unread),
        ):  # fmt: skip
            self.diary[self._nth(day)].append(act)

    def _seldom_away(self) -> list[Pupil]:
        """Pupils with a parent at home whose year is good: leave may be granted to them."""
        fine = [pupil for pupil, marks in self.marks if marks.count("I") + marks.count("O") < 6 and self._home(pupil)]
        return fine[5 :: max(len(fine) // 4, 1)]

    def concern_and_answer(self, on: dt.date) -> None:
        """A concern that the lead has read, seen to and closed."""
        pupil, lead = self.marks[len(self.marks) // 3][0], self.staff.held(Role.SAFEGUARDING_LEAD)
        tutor = self.staff.held(Role.TUTOR, *self.staff.placements.get(pupil.pk, (None, "")))
        note = take_to_the_lead(
            pupil=pupil, school=self.school, text=CONCERNS[0], by=tutor.user, role=tutor.role, now=at(on, 9, 5)
        )
        read_notes(pupil=pupil, school=self.school, by=lead.user, role=lead.role, now=at(on, 9, 50))
        close_note(
            note=note,
            because="Talked with the child and with mum; lunch account set up.",
            by=lead.user,
            role=lead.role,
            now=at(on, 14),
        )

    def concern_unread(self, on: dt.date) -> None:
        for place, hour in ((len(self.marks) // 2, 14), (len(self.marks) // 5, 15)):
            pupil = self.marks[place][0]
            tutor = self.staff.held(Role.TUTOR, *self.staff.placements.get(pupil.pk, (None, "")))
            take_to_the_lead(
                pupil=pupil,
                school=self.school,
                text=CONCERNS[1 + place % 2],
                by=tutor.user,
                role=tutor.role,
                now=at(on, hour, 40),
            )

    def pause_for_a_family(self, on: dt.date) -> None:
        """A grandfather has died: the family's letters wait."""
        letter = (
            Letter.objects.filter(school=self.school, state__in=WAITING).select_related("case__pupil", "case__school").first()
        )
        if letter:
            held = self.staff.held(Role.HEAD_OF_YEAR, *self.staff.placements.get(letter.case.pupil_id, (None, "")))
            _quietly(
                lambda: pause_letters(
                    case=letter.case, kind="bereavement", why="His grandfather died at the weekend; the funeral is abroad.",
                    until=on + dt.timedelta(days=21), by=held.user, role=held.role, on=on, now=at(on, 12),
                )
            )  # fmt: skip

    # --- penalty notices ------------------------------------------------------------------------------------------------------------

    def _over_the_threshold(self, on: dt.date) -> list[Pupil]:
        found = windows(self.school, births_on_roll(self.school, on), on, days=None, least=10)
        reached = [pupil for pupil, window in found.items() if window.is_reached]
        return [pupil for pupil in Pupil.objects.filter(pk__in=reached).order_by("pk") if self._home(pupil)]

    def ask_for_notices(self, on: dt.date) -> None:
        """Three requests are prepared, two of them sent."""
        done = 0
        for pupil in self._over_the_threshold(on):
            if done == 3:
                return
            done += _quietly(lambda pupil=pupil, done=done: self._request(pupil, on, send=done < 2))  # type: ignore[misc]

    def _request(self, pupil: Pupil, on: dt.date, *, send: bool) -> None:
        kin = family(pupil, self.school, on)
        parent = next(one.person.parent for one in kin.liabilities if one.may and not kin.standings[one.person.parent].is_third)
        answers = Answers(
            is_leave=False, support="Two meetings, breakfast club and a plan of four weeks; no change.", support_is_inappropriate=False,
            equality_by=self.lead.user.name, equality_note="No disability or other protected characteristic bears on the absence.",
            not_prosecuted=True,
        )  # fmt: skip
        ground = prepare_ground(
            pupil=pupil, school=self.school, parents={parent: "Lives with the child and is responsible for getting them to school."},
            answers=answers, by=self.lead.user, role=self.lead.role, on=on, now=at(on, 13),
        )  # fmt: skip
        if send:
            for request in ground.requests.all():
                send_request(request=request, by=self.head.user, role=self.head.role, on=on, now=at(on, 15))

    def notices_are_issued(self, on: dt.date) -> None:
        """The authority has answered the first request; the family has paid by the end of the week."""
        asked = PenaltyRequest.objects.filter(ground__school=self.school, state=PenaltyRequest.State.REQUESTED)
        for request in asked.select_related("ground__pupil", "ground__school", "parent")[:1]:
            issued = self._nth(4)
            notice = record_issued(
                request=request,
                issued_on=issued,
                received_on=issued,
                by=self.lead.user,
                role=self.lead.role,
                on=on,
                now=at(on, 10),
            )
            move_notice(
                notice=notice,
                to="paid",
                state_on=on,
                school=self.school,
                by=self.lead.user,
                role=self.lead.role,
                on=on,
                now=at(on, 16),
            )

    def notice_from_elsewhere(self, on: dt.date) -> None:
        pupil = next(iter(self._over_the_threshold(on)[3:4]), None)
        parent = pupil and self._home(pupil)
        if pupil and parent:
            enter_notice(
                parent=parent, pupil=pupil, school=self.school, kind="absence", issued_on=on - dt.timedelta(days=240), source="school",
                issuer=f"{self.school.local_authority} for the last school", told_by="The last school's office, by telephone",
                by=self.lead.user, role=self.lead.role, on=on, now=at(on, 11),
            )  # fmt: skip

    def begin_a_last_chance(self, on: dt.date) -> None:
        """A notice to improve for one family, by letter."""
        for pupil in self._over_the_threshold(on)[4:8]:
            if _quietly(lambda pupil=pupil: self._improve(pupil, on)):  # type: ignore[misc]
                return

    def _improve(self, pupil: Pupil, on: dt.date) -> None:
        begin_improvement(
            pupil=pupil, school=self.school, starts_on=on + dt.timedelta(days=1) if on.weekday() < 4 else on + dt.timedelta(days=3),
            school_days_long=15, allowed=0, support_given="Two meetings, a plan and a place in the breakfast club.",
            support_offered="A call each morning, and the school nurse on Wednesdays.",
            improvement_means="No unauthorised session in the fifteen school days.",
            grounds_earlier="Five unauthorised sessions within the time.", by=self.head.user, role=self.head.role, on=on, now=at(on, 12),
        )  # fmt: skip

    # --- statutory clocks -----------------------------------------------------------------------------------------------------------

    def see_to_clocks(self, on: dt.date) -> None:
        """Once a week: returns that have lain for some days are prepared and sent, or nothing needs to be told; most are sent in the last
        half term, whose files a visitor looks at, since preparing one costs as much as a letter."""
        sent = SENT_LATELY if on >= self.begins else SENT_BEFORE
        before = self.days.dates[max(self.days.first_after(on) - CLOCK_LIES, 0)]
        running = Clock.objects.filter(school=self.school, state__in=Clock.RUNNING, opened_on__lte=before)
        for clock in running.select_related("pupil", "school", "owner", "watch_entry__school").order_by("pk"):
            chance = number(100, "clock", clock.pk)
            if chance >= 4 or on - clock.opened_on > FORGOTTEN_FOR:
                self._see_to(clock, on, is_sent=chance < sent and clock.kind != Clock.Kind.DELETION)

    def _see_to(self, clock: Clock, on: dt.date, *, is_sent: bool) -> None:
        by, role, now = clock.owner or self.staff.officer.user, clock.role, at(on, 13, number(60, "clock", clock.pk))
        if not is_sent:
            reason = one_of(
                ("Back in school since; the authority agreed by telephone.", "Told under another return this month."), clock.pk
            )
            not_needed(clock=clock, reason=reason, by=by, role=role, on=on, now=now)
            return
        self.prepare(clock, on)
        mark_sent(
            clock=clock, sent_on=on, sent_to="Attendance team", despite="What was known was sent in time; the rest follows.",
            by=by, role=role, on=on, now=now,
        )  # fmt: skip

    def prepare(self, clock: Clock, on: dt.date) -> None:
        answers = dict.fromkeys(questions_of(clock.kind), "As the family told the office; see the calls and visits on record.")
        prepare(clock=clock, answers=answers, by=clock.owner or self.staff.officer.user, role=clock.role, on=on, now=at(on, 12))

    def prepare_one(self, on: dt.date) -> None:
        """One return lies ready; somebody has only to send it."""
        waiting = Clock.objects.filter(school=self.school, state=Clock.State.OPEN).exclude(kind=Clock.Kind.DELETION)
        if clock := waiting.select_related("pupil", "school", "owner").order_by("due_on", "pk").first():
            self.prepare(clock, on)

    # --- a file that says otherwise -------------------------------------------------------------------------------------------------

    def read_a_file_that_disagrees(self, on: dt.date) -> None:
        """The MIS still says O where the office has entered, here, that the pupil was ill: a person decides."""
        here = MarkChange.objects.filter(
            school=self.school, amended="I", original="N", batch=None, date__gte=self.begins, session="AM"
        )
        rows = list(here.select_related("row__enrolment__pupil").order_by("-date", "pk")[:3])
        lines = [f"{change.row.enrolment.admission_number},{change.date},{change.session},O" for change in rows]
        if lines:
            data = "\n".join(["AdmissionNo,Date,Session,Code", *lines, ""]).encode()
            import_register(
                school=self.school,
                data=data,
                file_name=f"marks-{on}.csv",
                by=self.staff.officer.user,
                role=Role.OFFICER,
                now=at(on, 15, 50),
            )


EXCEPTIONAL = (
    "His great-grandmother's funeral in Poland, and a day to travel each way.",
    "Her father is home from sea for three days before six months away.",
    "A sister's wedding abroad; the whole family is going.",
)
HOLIDAY = (
    "A week in Spain with the grandparents; it was half the price.",
    "Family trip that was booked last summer, before we knew the term dates.",
    "Visiting family in Pakistan, we cannot get off work in the holidays.",
)
GRANTED = "The circumstances are exceptional, and attendance is good."
REFUSED = "A holiday is not an exceptional circumstance; the dates lie in term time."
CONCERNS = (
    "He asked twice whether there is lunch tomorrow, and had none with him today.",
    "She said she does not want to go home on Friday because uncle will be there. Quiet all day since.",
    "Came in with the same clothes as on Monday, very tired. Says he sleeps at a friend's at the moment.",
)


def _quietly(act: Callable[[], object]) -> bool:
    """Whether it could be done. Staff who are told that a rule says no leave it at that."""
    try:
        act()
    except (Refused, StopIteration):
        return False
    return True


def _sessions(marks: str, character: str, year: int) -> list[Session]:
    return [session_of(year, place) for place, mark in enumerate(marks) if mark == character]


def _stretches(sessions: Sequence[Session], gap: dt.timedelta) -> Iterator[list[Session]]:
    """Sessions that lie closer together than the gap."""
    stretch: list[Session] = []
    for session in sessions:
        if stretch and session[0] - stretch[-1][0] > gap:
            yield stretch
            stretch = []
        stretch.append(session)
    if stretch:
        yield stretch
