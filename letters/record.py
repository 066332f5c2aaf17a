"""What letters may state, read from the record: for many planned letters at once, in a constant number of statements.

Nothing about another parent or another child is read. A contact is stated only where the recipient of the letter took part in it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.db.models import Q
from django.utils import timezone

from attendance.grid import academic_year_of
from attendance.models import AbsenceCall
from attendance.models import Figures as StoredFigures
from casework.models import Attendee, Meeting, SupportOffer
from casework.queries.meetings import asked_to, meetings_of
from escalation.engine.conditions import Comparison, Leaf, leaves
from escalation.models import Event, Period, PlannedLetter
from escalation.queries import ruleset_of
from escalation.services import COMPLETING
from letters.catalogue import Wording, wording_for
from letters.facts import Child, Contact, Figures, LetterFacts, Person, Recipient, SchoolFacts
from letters.facts import Meeting as MeetingFacts
from letters.facts import Period as PeriodFacts
from letters.fields import about_of
from letters.models import Letter
from letters.states import LEFT
from schools.models import Placement, PupilParent, Role, School, StaffRole
from schools.queries import school_days
from schools.schooldays import SchoolDays
from schools.staff import StaffDirectory

SIGNERS: dict[str, str] = {
    "class teacher": Role.TUTOR,
    "tutor": Role.TUTOR,
    "head of year": Role.HEAD_OF_YEAR,
    "attendance officer": Role.OFFICER,
    "attendance team": Role.OFFICER,
    "school office": Role.OFFICER,
    "school referrer": Role.OFFICER,
    "attendance lead": Role.ATTENDANCE_LEAD,
    "attendance leader": Role.ATTENDANCE_LEAD,
    "senior leader": Role.ATTENDANCE_LEAD,
    "senior leadership": Role.HEAD,
    "assistant headteacher": Role.HEAD,
    "authorised officer": Role.HEAD,
    "head of school": Role.HEAD,
    "headteacher": Role.HEAD,
    "head": Role.HEAD,
    "sender for the school": Role.ATTENDANCE_LEAD,
    "executive headteacher": Role.TRUST_LEAD,
}
"""Which role key signs, by the policies' own word for who does (``signed_by`` of a wording)."""
HELP = "offered you help"
OFFER_PHRASES: dict[str, str] = {
    SupportOffer.Kind.EARLY_HELP: "offered you early help",
    SupportOffer.Kind.CLINIC: "offered you an attendance clinic",
    SupportOffer.Kind.MENTORING: "offered a mentor in school",
    SupportOffer.Kind.MEET_AND_GREET: "offered to meet your child at the gate",
    SupportOffer.Kind.TRANSPORT: "offered help with the way to school",
    SupportOffer.Kind.BREAKFAST_CLUB: "offered a place in the breakfast club",
}
"""After "we", by kind of offer. What would tell of health (a nurse, counselling) and what staff wrote freely is only "help"."""
OFFERED: dict[str, str] = {SupportOffer.Kind.EARLY_HELP: "early_help"}
"""The kind of contact that an offer is, where a letter asks for it by name."""
SPOKEN: dict[str, str] = {
    AbsenceCall.Channel.CALL: "call",
    AbsenceCall.Channel.CAME_IN: "conversation",
    AbsenceCall.Channel.VISIT: "visit",
}
"""How a letter names a call about an absence in which its reader took part."""
REPLY_DAYS = 10
"""Calendar days after the letter's date until which we ask for an answer; a weekend moves it to the Friday before."""


@dataclass(frozen=True)
class Draft:
    """A planned letter to one parent: everything that a ``Letter`` is made from."""

    planned: PlannedLetter
    link: PupilParent
    wording: Wording
    facts: LetterFacts


def may_be_written_to(link: PupilParent, on: dt.date) -> bool:
    """A parent who receives letters, is not barred by an order or a no-contact note on that day, and can be reached."""
    return link.receives_letters and not link.is_barred(on) and bool(link.parent.address or link.parent.email)


class Record:
    """The record of one school, for a batch of planned letters, with figures as of the last night up to ``on``."""

    def __init__(self, school: School, planned: Sequence[PlannedLetter], on: dt.date) -> None:
        self.school, self.planned, self.on = school, planned, on
        self.pupil_ids = [letter.case.pupil_id for letter in planned]
        self.case_ids = [letter.case_id for letter in planned]

    def drafts(self) -> dict[int, list[Draft]]:
        """By planned letter: a draft for each parent who may be written to; an empty list where there is none."""
        return {letter.pk: [self._draft(letter, link) for link in self._links[letter.case.pupil_id]] for letter in self.planned}

    def facts(self, planned: PlannedLetter, link: PupilParent, wording: Wording) -> LetterFacts:
        """What this letter to this parent may state."""
        pupil, stored = planned.case.pupil, self._figures.get((planned.case.pupil_id, planned.case.year))
        placement = self._placements.get(pupil.pk)
        year_group, form = (placement.year_group, placement.form) if placement else (None, "")
        lead = self._staff.who(Role.OFFICER)
        return LetterFacts(
            recipient=Recipient(link.parent.name, link.parent.salutation, tuple(link.parent.address.splitlines())),
            child=Child(pupil.called, pupil.name, form, year_name(year_group)),
            school=self._school_facts,
            signer=_person(self._signer(wording, planned, year_group, form)),
            on=stored.as_of if stored else self.on,
            letter_date=self.on,
            year=self._year_figures(stored),
            half_term=self._half_term_figures(stored),
            contact=_person(lead),
            contacts=tuple(self._contacts(planned, link)),
            meeting=self._meeting(planned, link),
            missed_meeting=self._missed_meeting(planned, link),
            period=self._period(planned),
            next_period=self._next_period(planned),
            reply_by=reply_by(self.on),
            phase="secondary" if self.school.phase == School.Phase.SECONDARY else "primary",
            thresholds=self._thresholds(planned),
            enclosed=None,
            about=about_of(f"The plan of letter {planned.letter} for {planned.cause}", planned.about),
        )

    def _draft(self, planned: PlannedLetter, link: PupilParent) -> Draft:
        wording = wording_for(planned.version.key, planned.letter)
        return Draft(planned, link, wording, self.facts(planned, link, wording))

    @cached_property
    def _links(self) -> dict[int, list[PupilParent]]:
        links: dict[int, list[PupilParent]] = defaultdict(list)
        for link in PupilParent.objects.filter(pupil__in=self.pupil_ids).select_related("parent"):
            if may_be_written_to(link, self.on):
                links[link.pupil_id].append(link)
        return links

    @cached_property
    def _figures(self) -> dict[tuple[int, int], StoredFigures]:
        found = StoredFigures.objects.filter(school=self.school, row__enrolment__pupil__in=self.pupil_ids)
        return {(stored.row.enrolment.pupil_id, stored.row.year): stored for stored in found.select_related("row__enrolment")}

    @cached_property
    def _placements(self) -> dict[int, Placement]:
        current = Q(starts__lte=self.on) & (Q(ends__isnull=True) | Q(ends__gte=self.on))
        found = Placement.objects.filter(current, enrolment__school=self.school, enrolment__pupil__in=self.pupil_ids)
        return {placement.enrolment.pupil_id: placement for placement in found.select_related("enrolment")}

    @cached_property
    def _staff(self) -> StaffDirectory:
        return StaffDirectory.of(self.school, self.on)

    @cached_property
    def _school_facts(self) -> SchoolFacts:
        head, lead = self._staff.who(Role.HEAD), self._staff.who(Role.ATTENDANCE_LEAD)
        return SchoolFacts(
            name=self.school.name,
            address=tuple(self.school.address.splitlines()),
            phone=self.school.telephone,
            email=self.school.email,
            office_hours=self.school.office_hours,
            headteacher=head.user.name if head else "",
            attendance_lead=_person(lead),
            local_authority=self.school.local_authority,
        )

    def _signer(self, wording: Wording, planned: PlannedLetter, year_group: int | None, form: str) -> StaffRole | None:
        role = SIGNERS.get(wording.head.signed_by, planned.approves)
        return self._staff.who(role, year_group, form) or self._staff.who(planned.approves, year_group, form)

    @cached_property
    def _days(self) -> SchoolDays:
        return school_days(self.school, {letter.case.year for letter in self.planned})

    def _year_figures(self, stored: StoredFigures | None) -> Figures:
        if stored is None:
            return Figures(self.on, self.on, possible=0, attended=0)
        number = self._days.last_on_or_before(stored.as_of)
        first = int(np.searchsorted(self._days.year, self._days.year[number]))
        starts = max(self._days.dates[first], stored.row.enrolment.starts)
        return Figures(
            starts,
            stored.as_of,
            possible=stored.possible,
            attended=stored.attended,
            authorised=stored.authorised,
            unauthorised=stored.unauthorised,
            no_reason=stored.no_reason_yet,
            late=stored.late,
        )

    def _half_term_figures(self, stored: StoredFigures | None) -> Figures | None:
        if stored is None:
            return None
        number = self._days.last_on_or_before(stored.as_of)
        first = int(np.searchsorted(self._days.half_term, self._days.half_term[number]))
        return Figures(
            max(self._days.dates[first], stored.row.enrolment.starts),
            stored.as_of,
            possible=stored.half_term_possible,
            attended=stored.half_term_attended,
            authorised=stored.half_term_authorised,
            unauthorised=stored.half_term_unauthorised,
        )

    @cached_property
    def _letters_before(self) -> dict[tuple[int, int], list[Letter]]:
        left: dict[tuple[int, int], list[Letter]] = defaultdict(list)
        for letter in Letter.objects.filter(case__in=self.case_ids, state__in=LEFT).only(
            "case_id", "parent_id", "wording", "left_on"
        ):
            left[letter.case_id, letter.parent_id].append(letter)
        return left

    @cached_property
    def _talks(self) -> dict[tuple[int, int], list[Event]]:
        talks: dict[tuple[int, int], list[Event]] = defaultdict(list)
        kinds = ("call", "conversation", "meeting", "clinic", "visit")
        for event in Event.objects.filter(case__in=self.case_ids, kind__in=kinds, outcome__in=COMPLETING, parent__isnull=False):
            talks[event.case_id, event.parent_id or 0].append(event)
        return talks

    def _contacts(self, planned: PlannedLetter, link: PupilParent) -> list[Contact]:
        key = (planned.case_id, link.parent_id)
        letters = [Contact("letter", letter.left_on, letter.wording) for letter in self._letters_before[key] if letter.left_on]
        talks = [Contact(_talk_kind(event), event.on) for event in self._talks[key]]
        return sorted([*letters, *talks, *self._calls[key], *self._offers[key]], key=lambda contact: contact.on)

    @cached_property
    def _calls(self) -> dict[tuple[int, int], list[Contact]]:
        """Calls about absences in which the parent was spoken with, by case and parent."""
        case_of = {(letter.case.pupil_id, letter.case.year): letter.case_id for letter in self.planned}
        found: dict[tuple[int, int], list[Contact]] = defaultdict(list)
        spoken = AbsenceCall.objects.filter(outcome=AbsenceCall.Outcome.SPOKE, channel__in=SPOKEN, parent__isnull=False)
        for call in spoken.filter(pupil__in=self.pupil_ids, school=self.school):
            case = case_of.get((call.pupil_id, academic_year_of(call.about)), 0)
            found[case, call.parent_id or 0].append(Contact(SPOKEN[call.channel], timezone.localdate(call.at)))
        return found

    @cached_property
    def _offers(self) -> dict[tuple[int, int], list[Contact]]:
        """Help that was offered to the recipient, in words that say nothing about health."""
        offers: dict[tuple[int, int], list[Contact]] = defaultdict(list)
        for offer in SupportOffer.objects.filter(case__in=self.case_ids, parent__isnull=False).order_by("offered_on", "id"):
            contact = Contact(OFFERED.get(offer.kind, "support"), offer.offered_on, what=OFFER_PHRASES.get(offer.kind, HELP))
            offers[offer.case_id, offer.parent_id or 0].append(contact)
        return offers

    @cached_property
    def _meetings(self) -> dict[int, list[Meeting]]:
        return meetings_of(self.case_ids)

    def _meeting(self, planned: PlannedLetter, link: PupilParent) -> MeetingFacts:
        """The meeting that this letter asks its reader to, where one is planned and has not passed."""
        meetings = self._meetings.get(planned.case_id, [])
        found = asked_to(meetings, cause=planned.cause, stage_record=planned.stage_record_id, parent=link.parent_id, on=self.on)
        return self._as_stated(found) if found else MeetingFacts()

    def _missed_meeting(self, planned: PlannedLetter, link: PupilParent) -> MeetingFacts:
        """The latest meeting to which the reader was asked and did not come."""
        over = (Meeting.State.IN_ABSENCE, Meeting.State.NOT_HELD)
        for meeting in self._meetings.get(planned.case_id, []):
            away = (Attendee.Came.ABSENT, Attendee.Came.APOLOGIES)
            if meeting.state in over and any(
                person.parent_id == link.parent_id and person.came in away for person in meeting.attendees.all()
            ):
                return self._as_stated(meeting)
        return MeetingFacts()

    def _as_stated(self, meeting: Meeting) -> MeetingFacts:
        starts = timezone.localtime(meeting.starts_at)
        with_whom = ""
        if meeting.led_by:
            held = next((role for role in self._staff.roles if role.user_id == meeting.led_by_id), None)
            with_whom = f"{meeting.led_by.name}, {held.shown_title.lower()}" if held else meeting.led_by.name
        return MeetingFacts(starts.date(), starts.time(), meeting.place, with_whom, meeting.minutes)

    @cached_property
    def _periods(self) -> dict[int, list[Period]]:
        periods: dict[int, list[Period]] = defaultdict(list)
        for period in Period.objects.filter(case__in=self.case_ids):
            periods[period.case_id].append(period)
        return periods

    def _period(self, planned: PlannedLetter) -> PeriodFacts | None:
        """The latest period that has ended; a letter of praise states it."""
        ended = [period for period in self._periods[planned.case_id] if period.outcome]
        if not ended:
            return None
        last = ended[-1]
        figures = Figures(last.starts_on, last.ends_on, last.possible or 0, last.attended or 0)
        met = last.outcome == Period.Outcome.MET
        return PeriodFacts(last.weeks, last.starts_on, last.ends_on, last.target, figures, met)

    def _next_period(self, planned: PlannedLetter) -> PeriodFacts | None:
        """The plan or period that begins with this letter, from the day of the letter."""
        ladder = ruleset_of(planned.version)
        stage = ladder.stage(planned.stage_record.stage) if planned.stage_record else None
        if stage is None or not stage.begins_period:
            return None
        return PeriodFacts(stage.begins_period, self.on, self.on + dt.timedelta(weeks=stage.begins_period))

    def _thresholds(self, planned: PlannedLetter) -> dict[str, int]:
        """The percentages in force by the names that letters use: from the reasons that the stage rests on, and from the ladder."""
        because = planned.stage_record.because if planned.stage_record else []
        percents = [reason["threshold"] for reason in because if reason["measure"] == "percent"]
        found = {"stage": percents[0]} if percents else {}
        ruleset = ruleset_of(planned.version)
        if expectation := ruleset.parameters.get("school_expectation"):
            found["expected"] = expectation.value
        ends = [limit for rule in ruleset.recovery for leaf in leaves(rule.condition) for limit in _return_to_a_percentage(leaf)]
        if ends:
            found["recovery"] = ends[0]
        return found


def _return_to_a_percentage(leaf: Leaf) -> list[int | float]:
    """The threshold of a comparison that a % rises to; empty for any other."""
    if isinstance(leaf, Comparison) and leaf.measure == "percent" and leaf.op in ("at_least", "more_than"):
        return [leaf.threshold]
    return []


def _person(held: StaffRole | None) -> Person:
    return Person(held.user.name, held.shown_title) if held else Person("", "")


def _talk_kind(event: Event) -> str:
    return "meeting_missed" if event.kind == "meeting" and event.outcome == "held_in_absence" else event.kind


def year_name(year_group: int | None) -> str:
    """ "Year 9", "Reception", or an empty string."""
    if year_group is None:
        return ""
    return f"Year {year_group}" if year_group else "Reception"


def reply_by(on: dt.date) -> dt.date:
    """A weekday about ten days ahead."""
    day = on + dt.timedelta(days=REPLY_DAYS)
    return day - dt.timedelta(days=max(0, day.weekday() - 4))
