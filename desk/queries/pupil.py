"""What the staff's pages read about pupils: a line for a list (three statements for any number of pupils), and one pupil's whole page.

Everything starts from the viewer's ``Scope``. A brother or sister is a pupil who shares a parent; who is not in scope is never named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from django.conf.locale import LANG_INFO
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from attendance.codes import CODES
from attendance.grid import academic_year_of
from attendance.models import AbsenceCall, Figures, MarkChange, RegisterRow
from desk.queries.calendar import Calendar, missed_sessions, year_calendar
from desk.words import call_text, stage_label
from escalation.models import Case, Event, StageRecord, Task, WatchEntry
from letters.models import Letter
from letters.phrases import percent
from schools.access import Scope
from schools.models import (
    ClosedDay,
    Enrolment,
    HalfTerm,
    Parent,
    Placement,
    Pupil,
    PupilFlag,
    PupilParent,
    Role,
    School,
    StaffRole,
)
from schools.queries import year_label

Flag = PupilFlag.Kind

HOW_TO_ACT = {
    Flag.CHILD_PROTECTION: "Tell the safeguarding lead before you ring home.",
    Flag.SOCIAL_WORKER: "Let the social worker know what you plan.",
    Flag.LOOKED_AFTER: "Speak with the carer, and tell the virtual school.",
    Flag.EHC_PLAN: "Ask whether the plan still fits before you ask about absence.",
    Flag.YOUNG_CARER: "Ask how mornings are before you ask about absence.",
    Flag.SEN_SUPPORT: "Ask what in school is hard at the moment.",
    Flag.FIRST_DAY_LIST: "Ring on the first morning of any absence.",
}
"""What a flag changes, in a sentence for whoever picks up the telephone."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure as it is shown: the % large, the fraction below it."""

    part: int
    whole: int

    @property
    def percent(self) -> str:
        return percent(self.part, self.whole) or "–"

    @property
    def is_low(self) -> bool:
        """Below 90%: the national line of persistent absence."""
        return self.whole > 0 and 100 * self.part < 90 * self.whole


@dataclass(frozen=True, slots=True)
class PupilLine:
    """A pupil at a school as lists show one."""

    pupil: Pupil
    enrolment: Enrolment
    form: str
    year_group: int | None
    flags: tuple[PupilFlag, ...]
    figures: Figures | None

    @property
    def attendance(self) -> Ratio | None:
        return Ratio(self.figures.attended, self.figures.possible) if self.figures else None

    @property
    def act_flags(self) -> list[PupilFlag]:
        """Flags that change how to act, gravest first."""
        order = PupilFlag.CHANGES_HOW_TO_ACT
        return sorted((flag for flag in self.flags if flag.kind in order), key=lambda flag: order.index(Flag(flag.kind)))


def in_force(on: dt.date) -> Q:
    return Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))


def pupil_lines(enrolments: QuerySet[Enrolment], on: dt.date) -> dict[tuple[int, int], PupilLine]:
    """Lines by (pupil, school): form, flags in force and the year's figures. Of two enrolments the later counts. Four statements."""
    rows = RegisterRow.objects.filter(year=academic_year_of(on)).select_related("figures").defer("marks")
    listed = enrolments.select_related("pupil", "school").prefetch_related(
        Prefetch("placements", Placement.objects.filter(starts__lte=on), to_attr="until_now"),
        Prefetch("register_rows", rows, to_attr="this_year"),
        Prefetch("pupil__flags", PupilFlag.objects.filter(in_force(on)), to_attr="in_force"),
    )
    return {(enrolment.pupil_id, enrolment.school_id): _line(enrolment) for enrolment in listed.order_by("starts")}


def _line(enrolment: Enrolment) -> PupilLine:
    placement = max(enrolment.until_now, key=attrgetter("starts"), default=None)  # type: ignore[attr-defined]
    row = next(iter(enrolment.this_year), None)  # type: ignore[attr-defined]
    return PupilLine(
        pupil=enrolment.pupil,
        enrolment=enrolment,
        form=placement.form if placement else "",
        year_group=placement.year_group if placement else None,
        flags=tuple(enrolment.pupil.in_force),  # type: ignore[attr-defined]
        figures=getattr(row, "figures", None),
    )


@dataclass(frozen=True, slots=True)
class Sibling:
    line: PupilLine
    stage: StageRecord | None

    @property
    def summary(self) -> str:
        """Where the brother or sister stands: "Stage 2, done 10 Nov" """
        if self.stage is None:
            return "No stage"
        when = self.stage.done_on or self.stage.proposed_on
        return f"{stage_label(self.stage.stage)}, {self.stage.get_state_display().lower()} {when.day} {when:%b}"


@dataclass(frozen=True, slots=True)
class Siblings:
    """``elsewhere_here``: how many more there are at the same school that the viewer may not open (another year)."""

    shown: tuple[Sibling, ...]
    elsewhere_here: int


def siblings(scope: Scope, pupil: Pupil, school: School, on: dt.date) -> Siblings:
    """Brothers and sisters on roll, within the viewer's scope. Six statements."""
    shared = Q(pupil__parent_links__parent__in=PupilParent.objects.filter(pupil=pupil).values("parent"))
    others = Enrolment.objects.filter(shared & in_force(on)).exclude(pupil=pupil)
    visible = scope.enrolments.filter(pk__in=others.values("pk"))
    lines = pupil_lines(visible, on)
    standing = _standing([line.pupil.pk for line in lines.values()], on)
    hidden = others.filter(school=school).exclude(pk__in=[line.enrolment.pk for line in lines.values()])
    shown = tuple(
        Sibling(line, standing.get(key)) for key, line in sorted(lines.items(), key=lambda item: -(item[1].year_group or 0))
    )
    return Siblings(shown, hidden.values("pupil").distinct().count())


def _standing(pupils: Sequence[int], on: dt.date) -> dict[tuple[int, int], StageRecord]:
    """The latest standing stage of each pupil's case this year. One statement."""
    records = StageRecord.objects.filter(
        case__pupil__in=pupils, case__year=academic_year_of(on), state__in=["proposed", "held", "done"]
    ).select_related("case")
    return {(record.case.pupil_id, record.case.school_id): record for record in records.order_by("proposed_on", "id")}


@dataclass(frozen=True, slots=True)
class Year:
    """A pupil's academic year at a school: the calendar's rows and the register's."""

    half_terms: tuple[HalfTerm, ...]
    closed: tuple[ClosedDay, ...]
    rows: dict[int, RegisterRow]
    changes: tuple[MarkChange, ...]
    on: dt.date

    @property
    def label(self) -> str:
        """2025/26."""
        return year_label(academic_year_of(self.on))

    @property
    def marks(self) -> dict[int, str]:
        return {year: row.marks for year, row in self.rows.items()}

    @property
    def this_half_term(self) -> HalfTerm | None:
        """The one that holds the date; in a holiday, the one just ended."""
        return next((half_term for half_term in reversed(self.half_terms) if half_term.starts <= self.on), None)

    @property
    def missed(self) -> list[tuple[dt.date, str, str]]:
        return missed_sessions(self.marks, self.on)

    def calendar(self, *, until: dt.date | None = None, as_of: dt.date | None = None) -> Calendar:
        """The grid, up to the week of ``until``; ``as_of``: as it stood after that day's register, like the figures of the last night."""
        return year_calendar(
            half_terms=self.half_terms,
            closed=self.closed,
            marks=self.marks,
            on=as_of or self.on,
            notes=self._notes(),
            until=until,
        )

    def _notes(self) -> dict[tuple[dt.date, str], str]:
        """What changed each mark last, in words."""
        return {
            (change.date, change.session): f"Was {change.original}, changed by {change.by or 'an import'}: {change.reason}"
            for change in sorted(self.changes, key=attrgetter("at"))
            if change.original
        }


def year_of(enrolment: Enrolment, on: dt.date) -> Year:
    """Four statements."""
    year = academic_year_of(on)
    half_terms = HalfTerm.objects.filter(academic_year__school=enrolment.school_id, academic_year__start_year=year)
    rows = {
        row.year: row
        for row in RegisterRow.objects.filter(
            enrolment__pupil=enrolment.pupil_id, school=enrolment.school_id, year=year
        ).order_by("enrolment__starts")
    }
    changes = MarkChange.objects.filter(row__in=[row.pk for row in rows.values()]).select_related("by")
    return Year(
        tuple(half_terms), tuple(ClosedDay.objects.filter(school=enrolment.school_id)), rows, tuple(changes), on
    )  # fmt: skip


def best_possible(figures: Figures) -> Ratio:
    """The year's figure if every session still to come is attended."""
    return Ratio(figures.attended + figures.to_come, figures.possible + figures.to_come)


@dataclass(frozen=True, slots=True)
class Figure:
    """One panel of the figures: a heading, the %, the fraction and what it counts."""

    title: str
    ratio: Ratio
    dates: str
    is_bad: bool = False


def figure_panels(figures: Figures | None, year: Year) -> list[Figure]:
    """Year, half term, authorised, unauthorised, late and best still possible, each with numerator, denominator and dates."""
    if figures is None or not year.half_terms:
        return []
    first, last = year.half_terms[0].starts, year.half_terms[-1].ends
    half_term = year.this_half_term
    to = f"{figures.as_of.day} {figures.as_of:%B}"
    whole, half, best = (
        Ratio(figures.attended, figures.possible),
        Ratio(figures.half_term_attended, figures.half_term_possible),
        best_possible(figures),
    )
    codes = _code_counts(year.missed)
    return [
        Figure(f"Year to {to}", whole, f"attended, since {first.day} {first:%b}", whole.is_low),
        Figure(half_term.name if half_term else "This half term", half, _half_term_dates(half_term, figures.as_of), half.is_low),
        Figure("Authorised absence", Ratio(figures.authorised, figures.possible), codes["authorised"] or "none this year"),
        Figure("Unauthorised absence", Ratio(figures.unauthorised, figures.possible), codes["unauthorised"] or "none this year"),
        Figure("Late", Ratio(figures.late, figures.attended), "of sessions attended"),
        Figure("Best still possible", best, f"if none is missed to {last.day} {last:%b}", best.is_low),
    ]


def _half_term_dates(half_term: HalfTerm | None, to: dt.date) -> str:
    return f"attended, {half_term.starts.day} {half_term.starts:%b} – {to.day} {to:%b}" if half_term else "attended"


_ILLNESS = {"I": "illness", "M": "appointment"}


def _code_counts(missed: Iterable[tuple[dt.date, str, str]]) -> dict[str, str]:
    """ "6 illness, 1 appointment" and "3 O, 1 U, 1 N": the codes behind each sum, the most frequent first."""
    counts: dict[str, dict[str, int]] = {"authorised": {}, "unauthorised": {}}
    for _, _, code in missed:
        kind = CODES[code].meaning.name.lower()
        counts[kind][code] = counts[kind].get(code, 0) + 1
    return {
        kind: ", ".join(f"{number} {_ILLNESS.get(code, code)}" for code, number in sorted(of.items(), key=lambda item: -item[1]))
        for kind, of in counts.items()
    }


TABS = {
    "letters": "Letters",
    "calls": "Calls",
    "meetings": "Meetings",
    "help": "Help",
    "stages": "Stages",
    "marks": "Marks",
    "notes": "Notes",
}
_TAB_OF = {
    "conversation": "calls", "call": "calls", "meeting": "meetings", "letter": "letters", "stage": "stages", "period": "stages",
    "watch": "stages", "decision": "stages", "recovery": "stages", "note": "notes", "mark": "marks", "leave": "marks", "clinic": "meetings",
    "visit": "calls", "support": "help", "document": "notes", "task": "notes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """``tab``: the filter under which it stands: letters, calls, meetings, marks, notes, stages."""

    on: dt.date
    at: dt.datetime
    kind: str
    text: str
    below: str
    level: int = 0

    @property
    def tab(self) -> str:
        return _TAB_OF.get(self.kind, "notes")


_ROLE_NAMES = dict(Role.choices)


def timeline(case_ids: Sequence[int], year: Year, calls: Iterable[AbsenceCall] = ()) -> list[TimelineEntry]:
    """Everything that happened, newest first: events, calls about absences, and marks changed by a person. Two statements."""
    events = Event.objects.filter(case__in=case_ids).select_related("by", "stage_record")
    entries = [
        TimelineEntry(
            on=event.on,
            at=event.at,
            kind=event.kind,
            text=event.text,
            below=_who(event.by, event.role),
            level=event.stage_record.level if event.stage_record else 0,
        )
        for event in events
    ]
    entries += [_change_entry(change) for change in year.changes if change.by and not _is_ahead(change)]
    entries += [_call_entry(call) for call in calls]
    return sorted(entries, key=lambda entry: (entry.on, entry.at), reverse=True)


def _who(by: object, role: str) -> str:
    if by is None:
        return "Night run"
    return f"{by}, {_ROLE_NAMES[role].lower()}" if role in _ROLE_NAMES else str(by)


def _is_ahead(change: MarkChange) -> bool:
    """Entered or taken back before its day: one event of the leave or the timetable tells it."""
    return timezone.localdate(change.at) < change.date


def _change_entry(change: MarkChange) -> TimelineEntry:
    half = "morning" if change.session == "AM" else "afternoon"
    before, after = change.original or "no mark", change.amended or "no mark"
    text = f"{change.date:%A} {change.date.day} {change.date:%B}, {half}: {before} changed to {after}. {change.reason}"
    return TimelineEntry(change.at.date(), change.at, "mark", text, _who(change.by, change.role))


def absence_calls(pupil: Pupil, school: School) -> QuerySet[AbsenceCall]:
    """What was tried about the pupil's absences at the school, with whom and by whom. One statement."""
    return AbsenceCall.objects.filter(pupil=pupil, school=school).select_related("parent", "by")


def _call_entry(call: AbsenceCall) -> TimelineEntry:
    return TimelineEntry(call.at.date(), call.at, "call", call_text(call), _who(call.by, call.role))


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A parent or contact as the pupil's page shows one. ``place``: "first" of those who may be rung."""

    link: PupilParent
    barred: bool
    place: str

    @property
    def parent(self) -> Parent:
        return self.link.parent

    @property
    def language(self) -> str:
        """The language that the person prefers, where it is not English: "Polish"."""
        code = self.parent.language
        if code.startswith("en"):
            return ""
        return str(LANG_INFO[code]["name"]) if "name" in LANG_INFO.get(code, {}) else code

    @property
    def rights(self) -> str:
        """What the person is to the pupil and what may be sent, in a line."""
        if self.barred:
            return "No contact" + (f": {self.link.no_contact_note}" if self.link.no_contact_note else "")
        parts = ["Lives with the pupil" if self.link.lives_with_pupil else "Lives elsewhere"]
        parts += [] if self.link.has_parental_responsibility else ["no parental responsibility"]
        parts += [self._letters()]
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."

    def _letters(self) -> str:
        if not self.link.receives_letters:
            return "no letters"
        if not (self.parent.address or self.parent.email):
            return "letters wanted, but no address is held"
        return "letters by post" if self.parent.address else "letters in the parents’ portal"


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def people(pupil: Pupil, on: dt.date) -> list[PersonLine]:
    """Everyone who is something to the pupil, in the order in which to ring them. One statement."""
    found, place = [], 0
    for link in PupilParent.objects.filter(pupil=pupil).select_related("parent"):
        barred = link.is_barred(on)
        found.append(PersonLine(link, barred, "" if barred else f"ring {ORDINALS[min(place, 5)]}"))
        place += not barred
    return found


@dataclass(frozen=True, slots=True)
class SpeakFirst:
    """Whom to speak to before anyone else: the tutor, then the first parent who may be rung."""

    tutor: StaffRole | None
    parent: PersonLine | None


def speak_first(school: School, form: str, contacts: Sequence[PersonLine], on: dt.date) -> SpeakFirst:
    """One statement."""
    tutors = StaffRole.objects.filter(in_force(on), school=school, role=Role.TUTOR).select_related("user")
    tutor = next((role for role in tutors if form and form in role.forms), None)
    return SpeakFirst(tutor, next((person for person in contacts if not person.barred), None))


@dataclass(frozen=True, slots=True)
class PupilPage:
    """All that the pupil's page shows, apart from the ladder."""

    line: PupilLine
    school: School
    case: Case | None
    year: Year
    records: tuple[StageRecord, ...]
    tasks: tuple[Task, ...]
    watch: tuple[WatchEntry, ...]
    waiting: tuple[Letter, ...]
    people: tuple[PersonLine, ...]
    siblings: Siblings
    speak_first: SpeakFirst
    timeline: tuple[TimelineEntry, ...] = field(default=())


def enrolment_for(scope: Scope, pupil: int, urn: str, on: dt.date) -> Enrolment:
    """The enrolment whose page it is: on roll before past, main before subsidiary. Http404 outside the viewer's scope."""
    enrolments = scope.enrolments.filter(pupil=pupil).select_related("school", "school__group", "pupil")
    here = [enrolment for enrolment in enrolments if not urn or enrolment.school.urn == urn]
    found = sorted(here, key=lambda e: (e.ends is None or e.ends >= on, e.is_main, e.starts))
    if not found:
        raise Http404("No such pupil.")
    return found[-1]


def pupil_page(scope: Scope, enrolment: Enrolment, on: dt.date) -> PupilPage:
    """One pupil's page: the same number of statements however long the record is."""
    pupil, school = enrolment.pupil, enrolment.school
    line = pupil_lines(Enrolment.objects.filter(pk=enrolment.pk), on)[pupil.pk, school.pk]
    year = year_of(enrolment, on)
    cases: Mapping[int, Case] = {case.year: case for case in Case.objects.filter(pupil=pupil, school=school)}
    case = cases.get(academic_year_of(on))
    contacts = people(pupil, on)
    return PupilPage(
        line=line,
        school=school,
        case=case,
        year=year,
        records=tuple(StageRecord.objects.filter(case=case).select_related("decided_by") if case else ()),
        tasks=tuple(_open_tasks(case)) if case else (),
        watch=open_watch(pupil, school),
        waiting=tuple(_waiting_letters(case)) if case else (),
        people=tuple(contacts),
        siblings=siblings(scope, pupil, school, on),
        speak_first=speak_first(school, line.form, contacts, on),
        timeline=tuple(timeline([case.pk for case in cases.values()], year, absence_calls(pupil, school))),
    )


def open_watch(pupil: Pupil, school: School) -> tuple[WatchEntry, ...]:
    """What is watched, the latest entry of each rule. One statement."""
    entries = WatchEntry.objects.filter(pupil=pupil, school=school, state=WatchEntry.State.OPEN).order_by("opened_on", "id")
    return tuple({entry.rule: entry for entry in entries}.values())


def _open_tasks(case: Case) -> QuerySet[Task]:
    return Task.objects.filter(case=case, state=Task.State.OPEN).select_related("owner", "stage_record")


def _waiting_letters(case: Case) -> QuerySet[Letter]:
    return Letter.objects.filter(case=case, state__in=["drafted", "held"]).select_related("parent", "stage_record")
