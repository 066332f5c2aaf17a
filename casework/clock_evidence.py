"""What a clock rests on, read from the register: runs of days, where the evidence begins, and what the return says with its gaps.

A run is read as the engine reads it: a school day counts where every possible session of it has one of the codes; a day without any
possible session neither counts nor breaks it. For removal from the register the law is stricter: any other code breaks the run.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from attendance.codes import CODES, Meaning
from attendance.grid import academic_year_of
from attendance.models import AbsenceCall
from casework.clock_kinds import kinds, questions_of
from casework.models import Clock, HomeVisit
from casework.penalty.counter import Mark
from casework.penalty.reading import marks_of
from schools.models import Placement, PupilParent, School
from schools.queries import school_days
from schools.schooldays import SchoolDays

POSSIBLE = (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED)
MONTH = dt.timedelta(days=28)
"""The window of `pme-month`."""


def codes_by_day(marks: Iterable[Mark]) -> dict[dt.date, list[str]]:
    """This school's own codes by day."""
    found: dict[dt.date, list[str]] = defaultdict(list)
    for mark in marks:
        if not mark.place:
            found[mark.date].append(mark.code)
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """School days in a row up to a day; ``starts`` None where there is none."""

    length: int
    starts: dt.date | None


def run_back(
    days: SchoolDays, codes_of: Mapping[dt.date, list[str]], codes: Collection[str], on: dt.date, *, strict: bool
) -> Run:
    """The run of school days ending on the last one up to ``on``. ``strict``: a day breaks it unless both its sessions have such a code."""
    length, starts = 0, None
    for day in reversed(days.dates[: days.first_after(on)]):
        found = codes_of.get(day, [])
        judged = found if strict else [code for code in found if CODES[code].meaning in POSSIBLE]
        if not judged and not strict and found:
            continue
        if not judged or any(code not in codes for code in judged) or (strict and len(judged) < 2):
            break
        length, starts = length + 1, day
    return Run(length, starts)


def period_back(days: SchoolDays, codes_of: Mapping[dt.date, list[str]], code: str, on: dt.date) -> Run:
    """The continuous period of school days up to ``on`` with at least one session of the code."""
    length, starts = 0, None
    for day in reversed(days.dates[: days.first_after(on)]):
        if code not in codes_of.get(day, []):
            break
        length, starts = length + 1, day
    return Run(length, starts)


def period_ends(days: SchoolDays, codes_of: Mapping[dt.date, list[str]], code: str, starts: dt.date, on: dt.date) -> dt.date:
    """The last school day of the continuous period that begins with ``starts``; that day where it has none of the code."""
    last = starts
    for day in days.dates[days.first_on_or_after(starts) : days.first_after(on)]:
        if code not in codes_of.get(day, []):
            break
        last = day
    return last


def evidence_from(
    kind: str, rule: str, days: SchoolDays, codes_of: Mapping[dt.date, list[str]], on: dt.date, starts: dt.date
) -> dt.date:
    """The first day that the evidence of a new clock looks at. ``starts``: the first school day of the year or of the enrolment."""
    if kind == Clock.Kind.SICKNESS:
        return period_back(days, codes_of, "I", on).starts or starts
    if kind == Clock.Kind.DELETION:
        return run_back(days, codes_of, kinds()[kind].run_codes, on, strict=True).starts or starts
    if kind in (Clock.Kind.ATTENDANCE, Clock.Kind.CHILD_MISSING):
        return run_back(days, codes_of, ("G", "N", "O", "U"), on, strict=False).starts or starts
    if rule == "pme-month":
        return max(on - MONTH + dt.timedelta(days=1), starts)
    return starts


@dataclass(frozen=True, slots=True)
class Tally:
    """School days and sessions of a clock's time on the register as it is today."""

    first: dt.date
    last: dt.date
    illness_days: int
    illness_days_of_year: int
    unauthorised: int
    missed: int
    possible: int
    run: Run
    still_n: int
    unmarked: int
    last_in_school: dt.date | None
    absences: tuple[Mark, ...]


def tally(clock: Clock, days: SchoolDays, marks: Sequence[Mark], on: dt.date) -> Tally:
    """The figures of a clock's evidence, from its first day to ``on`` (or to the day it was sent)."""
    on = min(on, clock.sent_on) if clock.sent_on else on
    own = [mark for mark in marks if not mark.place and mark.date <= on]
    last = period_ends(days, codes_by_day(own), "I", clock.evidence_from, on) if clock.kind == Clock.Kind.SICKNESS else on
    inside = [mark for mark in own if clock.evidence_from <= mark.date <= last]
    codes_of = codes_by_day(own)
    year = academic_year_of(clock.opened_on)
    meanings = [CODES[mark.code].meaning for mark in inside]
    absent = [mark for mark in inside if CODES[mark.code].meaning in (Meaning.AUTHORISED, Meaning.UNAUTHORISED)]
    school_dates = [day for day in days.dates if clock.evidence_from <= day <= last]
    return Tally(
        first=clock.evidence_from,
        last=last,
        illness_days=sum("I" in codes_of.get(day, []) for day in school_dates),
        illness_days_of_year=sum("I" in codes for day, codes in codes_of.items() if academic_year_of(day) == year),
        unauthorised=meanings.count(Meaning.UNAUTHORISED),
        missed=len(absent),
        possible=sum(meaning in POSSIBLE for meaning in meanings),
        run=_run_of(clock, days, codes_of, last),
        still_n=sum(mark.code == "N" for mark in inside),
        unmarked=sum(2 - len(codes_of.get(day, [])) for day in school_dates if day < on),
        last_in_school=max((mark.date for mark in own if CODES[mark.code].meaning == Meaning.ATTENDING), default=None),
        absences=tuple(sorted(absent, key=lambda mark: mark.key)),
    )


def _run_of(clock: Clock, days: SchoolDays, codes_of: Mapping[dt.date, list[str]], last: dt.date) -> Run:
    if clock.kind == Clock.Kind.DELETION:
        return run_back(days, codes_of, kinds()[clock.kind].run_codes, last, strict=True)
    if clock.kind == Clock.Kind.SICKNESS:
        return period_back(days, codes_of, "I", last)
    return run_back(days, codes_of, ("G", "N", "O", "U"), last, strict=False)


@dataclass(frozen=True, slots=True)
class Contacts:
    """What was tried, on record: calls and texts about the days of absence, and visits at home; newest first."""

    calls: tuple[AbsenceCall, ...]
    visits: tuple[HomeVisit, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """What is told to the authority: (heading, words) in order, and a sentence for each gap. ``hard``: gaps that cannot be sent over."""

    title: str
    lines: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    hard: bool = False


class Record:
    """What the returns of one school's clocks are made from, read once: seven statements whatever the number of clocks."""

    def __init__(self, school: School, clocks: Sequence[Clock], on: dt.date) -> None:
        self.school, self.on = school, on
        pupils = {clock.pupil_id for clock in clocks}
        first = min(clock.evidence_from for clock in clocks)
        years = {academic_year_of(clock.opened_on) for clock in clocks} | {academic_year_of(on)}
        self.days = school_days(school, range(min(years) - 1, max(years) + 1))
        self.marks = marks_of(school, pupils, on)
        self.links: dict[int, list[PupilParent]] = defaultdict(list)
        for link in PupilParent.objects.filter(pupil__in=pupils).select_related("parent"):
            if not link.is_barred(on):
                self.links[link.pupil_id].append(link)
        placements = Placement.objects.filter(enrolment__school=school, enrolment__pupil__in=pupils, starts__lte=on)
        self.year_groups = dict(placements.order_by("starts").values_list("enrolment__pupil", "year_group"))
        self.calls: dict[int, list[AbsenceCall]] = defaultdict(list)
        calls = AbsenceCall.objects.filter(pupil__in=pupils, school=school, about__gte=first, about__lte=on)
        for call in calls.select_related("by", "parent"):
            self.calls[call.pupil_id].append(call)
        self.visits: dict[int, list[HomeVisit]] = defaultdict(list)
        visits = HomeVisit.objects.filter(case__pupil__in=pupils, case__school=school, on__gte=first, on__lte=on)
        for visit in visits.select_related("visitor", "case"):
            self.visits[visit.case.pupil_id].append(visit)

    def tally(self, clock: Clock) -> Tally:
        return tally(clock, self.days, self.marks[clock.pupil_id].marks, self.on)

    def contacts(self, clock: Clock) -> Contacts:
        """Since the clock's evidence begins."""
        calls = tuple(call for call in self.calls[clock.pupil_id] if call.about >= clock.evidence_from)
        return Contacts(calls, tuple(visit for visit in self.visits[clock.pupil_id] if visit.on >= clock.evidence_from))

    def make(self, clock: Clock) -> Return:
        """The return on today's record, with its gaps."""
        found = self.tally(clock)
        lines = [*self._who(clock), *_figures(clock, found), *_contact_lines(clock, self.contacts(clock)), *_answers(clock)]
        return Return(
            title=title_of(clock),
            lines=tuple(lines),
            gaps=tuple(_gaps(clock, found, dict(lines))),
            hard=clock.kind == Clock.Kind.DELETION,
        )

    def _who(self, clock: Clock) -> list[tuple[str, str]]:
        pupil, year_group = clock.pupil, self.year_groups.get(clock.pupil_id)
        links = self.links[pupil.pk]
        lines = [
            ("School", f"{self.school.name} (URN {self.school.urn})"),
            ("Local authority", self.school.local_authority),
            ("Pupil", f"{pupil.first_name} {pupil.last_name}"),
            ("UPN", pupil.upn or ""),
            ("Date of birth", _day(pupil.date_of_birth)),
            ("Year group", "" if year_group is None else _year_group(year_group)),
            ("Address", address_of(links)),
        ]
        return lines + (_family_lines(links) if clock.kind in WITH_FAMILY else [])


def title_of(clock: Clock) -> str:
    return "Return on removal from the register" if clock.kind == Clock.Kind.DELETION else clock.get_kind_display()


WITH_FAMILY = (Clock.Kind.CHILD_MISSING, Clock.Kind.DELETION, Clock.Kind.PUPIL_MISSING)
"""Returns that name parents and their telephones; the others tell no more than the law asks for."""


def _family_lines(links: Sequence[PupilParent]) -> list[tuple[str, str]]:
    parents = "; ".join(f"{link.parent.name} ({link.relationship})" for link in links)
    phones = "; ".join(link.parent.telephone for link in links if link.is_emergency_contact and link.parent.telephone)
    return [("Parents", parents), ("Emergency telephone", phones)]


def address_of(links: Iterable[PupilParent]) -> str:
    """Where the pupil lives: the address of a parent who lives with the pupil, in one line. Never that of a barred parent."""
    at_home = [link.parent.address for link in links if link.lives_with_pupil and link.parent.address.strip()]
    return ", ".join(at_home[0].splitlines()) if at_home else ""


def _figures(clock: Clock, found: Tally) -> list[tuple[str, str]]:
    dates = f"{_day(found.first)} to {_day(found.last)}"
    if clock.kind == Clock.Kind.SICKNESS:
        return [
            ("This period of illness", f"{dates}: {_days(found.illness_days)} with a session coded I"),
            ("Illness this year", f"{_days(found.illness_days_of_year)} with a session coded I"),
        ]
    said = [
        ("Absence", f"{dates}: {found.missed} of {found.possible} sessions missed, {found.unauthorised} without authorisation")
    ]
    if found.run.length and clock.kind != Clock.Kind.TERMLY:
        said.append(("Without a break", f"{_days(found.run.length)} since {_day(found.run.starts or found.first)}"))
    if clock.kind in WITH_FAMILY:
        said.append(("Last in school", _day(found.last_in_school) if found.last_in_school else "not in the time on record"))
    if clock.kind == Clock.Kind.DELETION:
        said.append(("Ground", "Regulation 9(1)(i): absent for twenty school days in a row, whereabouts not known"))
    return said


def _contact_lines(clock: Clock, made: Contacts) -> list[tuple[str, str]]:
    if clock.kind not in WITH_FAMILY:
        return []
    tried = [
        f"{_day(call.at.date())}: {call.get_channel_display().lower()}, {call.get_outcome_display().lower()}"
        for call in made.calls
    ]
    tried += [f"{_day(visit.on)}: home visit, {visit.get_outcome_display().lower()}" for visit in made.visits]
    return [("Calls and visits on record", "; ".join(tried) or "none on record")]


def _answers(clock: Clock) -> list[tuple[str, str]]:
    return [(question.label, str(clock.answers.get(key, ""))) for key, question in questions_of(clock.kind).items()]


def _gaps(clock: Clock, found: Tally, lines: Mapping[str, str]) -> Iterable[str]:
    for heading, sentence in _MISSING.items():
        if heading in lines and not lines[heading].strip():
            yield sentence
    for key, question in questions_of(clock.kind).items():
        if question.needed and not str(clock.answers.get(key, "")).strip():
            yield f"{question.label}: nobody has said it yet."
    if found.still_n and clock.kind != Clock.Kind.SICKNESS:
        yield f"Sessions of its time that are still N: {found.still_n}. Find out the reason, or confirm them as O."
    if found.unmarked:
        yield f"Sessions of its time without a mark: {found.unmarked}. Bring the register up to date."
    if clock.kind == Clock.Kind.DELETION and found.run.length < kinds()[clock.kind].run_days:
        yield f"On today’s register the run is {_days(found.run.length)}: twenty are needed, all coded G, N or O."


_MISSING = {
    "UPN": "The UPN is missing: add it to the pupil’s record.",
    "Address": "No address is known of a parent with whom the pupil lives: add it to the parent’s record.",
    "Parents": "No parent is recorded who may be named: look at the people on the pupil’s page.",
    "Emergency telephone": "No emergency telephone is recorded.",
    "Local authority": "The school’s local authority is not set: add it in the school’s set-up.",
}


def _year_group(year: int) -> str:
    return f"Year {year}" if year else "Reception"


def _days(number: int) -> str:
    return f"{number} school day{'' if number == 1 else 's'}"


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B} {date.year}"
