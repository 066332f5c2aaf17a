"""What a referral says, read from the record: the lines of its form, the gaps, and how the policy's conditions stand.

Letters are a room above: those that left come in as ``LetterHome``. A parent whom an order keeps away is never named with an address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.db.models import QuerySet

from attendance.codes import CODES, Meaning
from attendance.models import AbsenceCall
from casework.clock_evidence import address_of
from casework.models import Attendee, Meeting, Plan, Referral, SupportOffer
from casework.penalty.counter import Mark
from casework.penalty.reading import marks_of
from casework.plan_kinds import kind_of
from casework.queries.meetings import meetings_of
from casework.queries.support import support_of
from casework.referral_forms import Form, Gate, fields, form_of, offered, questions_of
from casework.words import local_day
from escalation.models import Case, Event, Period, StageRecord
from escalation.queries import adopted
from schools.models import PupilFlag, PupilParent, School, User
from schools.queries import placement_on
from schools.rules import Refused

HELD = (Meeting.State.HELD, Meeting.State.IN_ABSENCE)
AWAY = (Attendee.Came.ABSENT, Attendee.Came.APOLOGIES)
RUNNING = (
    Referral.State.DRAFT,
    Referral.State.READY,
    Referral.State.SENT,
    Referral.State.ACKNOWLEDGED,
    Referral.State.WITH_AUTHORITY,
)
LANGUAGES = {"en": "English", "pl": "Polish", "ur": "Urdu", "pa": "Punjabi", "ro": "Romanian", "ar": "Arabic", "so": "Somali",
             "bn": "Bengali", "gu": "Gujarati", "uk": "Ukrainian", "pt": "Portuguese", "es": "Spanish", "fr": "French"}  # fmt: skip


class LetterHome(NamedTuple):
    """A letter that left: the day, its title, and to whom."""

    on: dt.date
    title: str
    to: str


@dataclass(frozen=True, slots=True)
class Gated:
    """How a condition of the policy stands: ``sentence`` says what the record shows."""

    met: bool
    sentence: str
    clause: str
    open: str = ""

    def stored(self) -> dict[str, object]:
        return {"met": self.met, "sentence": self.sentence, "clause": self.clause, "open": self.open}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as the record fills it: (heading, words) in order, a sentence for each gap, and the policy's conditions."""

    title: str
    lines: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    gates: tuple[Gated, ...]

    @property
    def unmet(self) -> tuple[Gated, ...]:
        return tuple(gate for gate in self.gates if not gate.met)


class Figures(NamedTuple):
    """Sessions of this school's register."""

    possible: int
    attended: int
    authorised: int
    unauthorised: int

    @property
    def words(self) -> str:
        return f"{100 * self.attended / self.possible:.1f}%" if self.possible else "no possible session"


def figures_of(marks: Iterable[Mark]) -> Figures:
    meanings = [CODES[mark.code].meaning for mark in marks]
    attended = meanings.count(Meaning.ATTENDING)
    authorised, unauthorised = meanings.count(Meaning.AUTHORISED), meanings.count(Meaning.UNAUTHORISED)
    return Figures(attended + authorised + unauthorised, attended, authorised, unauthorised)


class CaseRecord:
    """What a referral of one case can say on a day; each part is read once, when it is first asked for."""

    def __init__(self, case: Case, on: dt.date, letters: Sequence[LetterHome], referrer: User | None = None) -> None:
        self.case, self.on, self.letters, self.referrer = case, on, letters, referrer
        self.pupil, self.school = case.pupil, case.school

    def fill(self, form: Form, answers: dict[str, str]) -> Filled:
        """The form's lines, gaps and conditions."""
        words = {key: getattr(self, f"_{key}") for key in form.fields}
        known, asked = fields(), questions_of(form)
        lines = [(known[key].heading, words[key]) for key in form.fields]
        lines += [(question.label, str(answers.get(key, ""))) for key, question in asked.items()]
        gaps = [known[key].gap for key in form.needs if not words[key]]
        needed = (key for key, question in asked.items() if question.needed and not str(answers.get(key, "")).strip())
        gaps += [f"{asked[key].label}: nobody has said it yet." for key in needed if not _excused(key, answers)]
        gates = tuple(self._gated(gate, answers) for gate in form.gates)
        return Filled(form.title, tuple(lines), tuple(gaps), gates)

    def _gated(self, gate: Gate, answers: dict[str, str]) -> Gated:
        met, sentence = GATES[gate.rule](self, gate, answers)
        return Gated(met, sentence, gate.clause, gate.open)

    # What was read

    @cached_property
    def marks(self) -> list[Mark]:
        """This school's marks of the case's year, in order."""
        first = dt.date(self.case.year, 8, 1)
        found = marks_of(self.school, [self.pupil.pk], self.on)[self.pupil.pk].marks
        return [mark for mark in found if not mark.place and mark.date >= first]

    @cached_property
    def figures(self) -> Figures:
        return figures_of(self.marks)

    @cached_property
    def links(self) -> list[PupilParent]:
        """Parents who may be named."""
        return [link for link in self._all_links if not link.is_barred(self.on)]

    @cached_property
    def _all_links(self) -> list[PupilParent]:
        return list(PupilParent.objects.filter(pupil=self.pupil).select_related("parent"))

    @cached_property
    def barred(self) -> set[int]:
        return {link.parent_id for link in self._all_links if link.is_barred(self.on)}

    @cached_property
    def records(self) -> list[StageRecord]:
        return list(StageRecord.objects.filter(case=self.case))

    @cached_property
    def periods(self) -> list[Period]:
        return list(Period.objects.filter(case=self.case))

    @cached_property
    def meeting_rows(self) -> list[Meeting]:
        """Oldest first."""
        return sorted(meetings_of([self.case.pk]).get(self.case.pk, []), key=lambda meeting: meeting.starts_at)

    @cached_property
    def flags_now(self) -> list[PupilFlag]:
        begun = PupilFlag.objects.filter(pupil=self.pupil, starts__lte=self.on)
        return [flag for flag in begun if flag.ends is None or flag.ends >= self.on]

    def _flag(self, *kinds: str) -> str:
        found = [flag for flag in self.flags_now if flag.kind in kinds]
        return "; ".join(f"{flag.get_kind_display()}{f' ({flag.value})' if flag.value else ''}" for flag in found)

    # The fields, by the keys of the file

    @property
    def _school(self) -> str:
        return f"{self.school.name} (URN {self.school.urn}), {self.school.local_authority}\n{self.school.telephone}, {self.school.email}"

    @property
    def _referrer(self) -> str:
        return self.referrer.name if self.referrer else ""

    @property
    def _pupil(self) -> str:
        known = f" (known as {self.pupil.known_as})" if self.pupil.known_as else ""
        return f"{self.pupil.first_name} {self.pupil.last_name}{known}"

    @property
    def _born(self) -> str:
        return day(self.pupil.date_of_birth)

    @property
    def _sex(self) -> str:
        return self.pupil.get_sex_display()

    @property
    def _upn(self) -> str:
        return self.pupil.upn or ""

    @cached_property
    def _year_group(self) -> str:
        placed = placement_on(self.pupil.pk, self.school.pk, self.on)
        if placed is None:
            return "Not in a form today"
        return f"{f'Year {placed.year_group}' if placed.year_group else 'Reception'}, {placed.form}"

    @property
    def _address(self) -> str:
        return address_of(self.links)

    @property
    def _ethnicity(self) -> str:
        return "; ".join(flag.value for flag in self.flags_now if flag.kind == PupilFlag.Kind.ETHNICITY) or "Not recorded"

    @property
    def _language(self) -> str:
        spoken = dict.fromkeys(link.parent.language for link in self.links if link.lives_with_pupil)
        return ", ".join(LANGUAGES.get(code, code) for code in spoken) or "Not recorded"

    @property
    def _flags(self) -> str:
        kind = PupilFlag.Kind
        asked = (kind.SEN_SUPPORT, kind.EHC_PLAN, kind.LOOKED_AFTER, kind.SOCIAL_WORKER, kind.CHILD_PROTECTION, kind.YOUNG_CARER)
        return self._flag(*asked) or "None recorded"

    @property
    def _sen(self) -> str:
        return self._flag(PupilFlag.Kind.SEN_SUPPORT, PupilFlag.Kind.EHC_PLAN) or "None recorded"

    @property
    def _looked_after(self) -> str:
        return "Yes" if self._flag(PupilFlag.Kind.LOOKED_AFTER) else "No"

    @property
    def _agencies(self) -> str:
        return self._flag(PupilFlag.Kind.SOCIAL_WORKER, PupilFlag.Kind.CHILD_PROTECTION) or "None recorded"

    @property
    def _parents_home(self) -> str:
        return "\n".join(_person(link) for link in self.links if link.lives_with_pupil)

    @property
    def _parents_away(self) -> str:
        away = [f"{_person(link)}{_at(link)}" for link in self.links if not link.lives_with_pupil]
        if self.barred:
            away.append("An order or a no-contact note stands about another parent: ask the school before any contact.")
        return "\n".join(away) or "None recorded"

    @property
    def _attendance(self) -> str:
        if not self.marks:
            return ""
        seen = self.figures
        missed = seen.authorised + seen.unauthorised
        since = f"from {day(self.marks[0].date)} to {day(self.marks[-1].date)}"
        return (
            f"{seen.words}: {seen.attended} of {seen.possible} sessions attended {since}.\n"
            f"{missed} missed: {seen.authorised} authorised, {seen.unauthorised} unauthorised."
        )

    @property
    def _illness(self) -> str:
        days = {mark.date for mark in self.marks if mark.code in ("I", "M")}
        return f"{len(days)} school days this year with a session coded I or M" if days else "None this year"

    @property
    def _stages(self) -> str:
        return (
            "\n".join(_stage(record) for record in self.records if record.state != StageRecord.State.WITHDRAWN) or "None reached"
        )

    @property
    def _letters(self) -> str:
        return "\n".join(f"{day(letter.on)}: {letter.title}, to {letter.to}" for letter in self.letters)

    @cached_property
    def _meetings(self) -> str:
        return "\n".join(self._meeting(meeting) for meeting in self.meeting_rows if meeting.state != Meeting.State.CANCELLED)

    def _meeting(self, meeting: Meeting) -> str:
        people = [person for person in meeting.attendees.all() if person.parent_id not in self.barred]
        came = ", ".join(_attendee(person) for person in people if person.came == Attendee.Came.CAME)
        away = ", ".join(_attendee(person) for person in people if person.came in AWAY)
        said = [
            f"{day(local_day(meeting.starts_at))}, {meeting.get_kind_display().lower()}: {meeting.get_state_display().lower()}"
        ]
        said += [f"Came: {came}"] if came else []
        said += [f"Did not come: {away}"] if away else []
        said += [f"Agreed: {meeting.agreed.strip()}"] if meeting.agreed.strip() else []
        return ". ".join(part.rstrip(".") for part in said) + "."

    @cached_property
    def talks(self) -> QuerySet[Event]:
        """Conversations and calls, oldest first, without those with somebody whom an order keeps away."""
        found = Event.objects.filter(case=self.case, kind__in=("conversation", "call"), on__lte=self.on)
        return found.exclude(parent__in=self.barred).select_related("by").order_by("on", "at")

    @cached_property
    def _contacts(self) -> str:
        lines = [f"{day(event.on)}: {event.text}" for event in self.talks]
        asked = AbsenceCall.objects.filter(pupil=self.pupil, school=self.school, about__gte=dt.date(self.case.year, 8, 1))
        calls = asked.filter(about__lte=self.on).count()
        return "\n".join([*lines, *([f"Calls and texts about single days of absence: {calls}"] if calls else [])])

    @cached_property
    def _support(self) -> str:
        tried = [each for each in support_of([self.case.pk]).get(self.case.pk, []) if each.kind != "visit"]
        return "\n".join(f"{day(each.on)}: {each.what}. {each.outcome}." for each in tried)

    @cached_property
    def _visits(self) -> str:
        tried = [each for each in support_of([self.case.pk]).get(self.case.pk, []) if each.kind == "visit"]
        return "\n".join(f"{day(each.on)}: {each.outcome}." for each in tried) or "None recorded"

    @property
    def _other_steps(self) -> str:
        return (
            "\n".join(filter(None, (self._support, self._visits if self._visits != "None recorded" else ""))) or "None recorded"
        )

    @cached_property
    def _plan(self) -> str:
        """Plans with how they ended, as the night tested them; empty while nothing has ended."""
        over = [period for period in self.periods if period.outcome and period.ends_on <= self.on]
        if not over:
            return ""
        names = {plan.period_id: plan for plan in Plan.objects.filter(case=self.case)}
        return "\n".join(_tested(period, names.get(period.pk)) for period in over)

    # What the conditions ask

    def record_of(self, stage: str) -> StageRecord | None:
        """The stage as it was done or passed over this year."""
        done = (StageRecord.State.DONE, StageRecord.State.CARRIED_OVER, StageRecord.State.PASSED_OVER)
        return next((record for record in self.records if record.stage == stage and record.state in done), None)

    def since(self, date: dt.date) -> Figures:
        return figures_of(mark for mark in self.marks if mark.date > date)

    def until(self, date: dt.date) -> Figures:
        return figures_of(mark for mark in self.marks if mark.date <= date)


def day(date: dt.date) -> str:
    """9 December 2025."""
    return f"{date.day} {date:%B} {date.year}"


def _excused(key: str, answers: dict[str, str]) -> bool:
    """Appendix 6 of goldington: where nobody could be reached, the reason stands in place of the conversation."""
    return key == "discussed" and bool(str(answers.get("no_contact", "")).strip())


def _person(link: PupilParent) -> str:
    responsible = ", parental responsibility" if link.has_parental_responsibility else ""
    phone = f", {link.parent.telephone}" if link.parent.telephone else ""
    return f"{link.parent.name} ({link.relationship}{responsible}){phone}"


def _at(link: PupilParent) -> str:
    return f", {', '.join(link.parent.address.splitlines())}" if link.parent.address.strip() else ""


def _attendee(person: Attendee) -> str:
    if person.parent:
        return person.parent.name
    return person.user.name if person.user else person.name


def _stage(record: StageRecord) -> str:
    when = day(record.done_on) if record.done_on else day(record.proposed_on)
    return f"Stage {record.stage}, {record.name}: {record.get_state_display().lower()}, {when}"


def _tested(period: Period, plan: Plan | None) -> str:
    name = kind_of(plan.kind).name if plan else f"Monitoring of stage {period.stage}"
    target = f"target {period.target.normalize():f}%" if period.target else "target: to improve"
    figures = (
        f", {100 * (period.attended or 0) / period.possible:.1f}% ({period.attended} of {period.possible})"
        if period.possible
        else ""
    )
    return f"{name}, {day(period.starts_on)} to {day(period.ends_on)}, {target}: {period.get_outcome_display().lower()}{figures}"


Verdict = tuple[bool, str]


def _stages_done(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    missing = [stage for stage in gate.stages if record.record_of(stage) is None]
    if missing:
        return False, f"Not done this year: {_joined('stage ' + stage for stage in missing)}."
    return True, f"Done: {_joined('stage ' + stage for stage in gate.stages)}."


def _percent_below(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    seen = record.figures
    if not seen.possible:
        return False, "There are no marks of this year."
    return (
        100 * seen.attended < gate.value * seen.possible,
        f"The year’s attendance is {seen.words}; the limit is below {gate.value}%.",
    )


def _period_missed(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    over = [period for period in record.periods if period.stage == gate.stage and period.outcome]
    missed = [period for period in over if period.outcome == Period.Outcome.MISSED]
    if missed:
        return True, f"The period of stage {gate.stage} ended on {day(missed[-1].ends_on)} with its target missed."
    if over:
        return (
            False,
            f"The period of stage {gate.stage} that ended on {day(over[-1].ends_on)}: {over[-1].get_outcome_display().lower()}.",
        )
    return False, f"No period of stage {gate.stage} has ended yet."


def _no_improvement_since(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    """The % of the sessions after the stage was done beside the year's % on that day, compared as integers."""
    enough, sentence = _sessions_since(record, gate, answers)
    done = record.record_of(gate.stage)
    if not enough or done is None or done.done_on is None:
        return False, sentence
    after, before = record.since(done.done_on), record.until(done.done_on)
    better = after.attended * before.possible > before.attended * after.possible
    return not better, f"{after.words} since stage {gate.stage} was done, {before.words} until then."


def _sessions_since(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    done = record.record_of(gate.stage)
    if done is None or done.done_on is None:
        return False, f"Stage {gate.stage} is not done."
    after = record.since(done.done_on).possible
    sentence = f"{after} possible sessions since stage {gate.stage} was done on {day(done.done_on)}; {gate.value} are needed."
    return after >= gate.value, sentence


def _meeting_over(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    held = [meeting for meeting in record.meeting_rows if meeting.state in HELD]
    if not held:
        return False, "No meeting with the family is recorded as held."
    last = held[-1]
    return True, f"A meeting on {day(local_day(last.starts_at))}: {last.get_state_display().lower()}."


def _parents_away(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    missed = [meeting for meeting in record.meeting_rows if _nobody_came(meeting)]
    if not missed:
        return False, "No meeting is recorded to which the parents did not come."
    return True, f"The parents did not come on {_joined(day(local_day(meeting.starts_at)) for meeting in missed)}."


def _nobody_came(meeting: Meeting) -> bool:
    if meeting.state in (Meeting.State.NOT_HELD, Meeting.State.IN_ABSENCE):
        return True
    parents = [person for person in meeting.attendees.all() if person.parent_id and person.came]
    return bool(parents) and all(person.came in AWAY for person in parents)


def _met_or_missed(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    """The stage's meeting was missed, or the sessions after the stage brought no improvement."""
    missed, sentence = _parents_away(record, gate, answers)
    if missed:
        return True, sentence
    worse, figures = _no_improvement_since(record, gate, answers)
    return worse, figures if worse else f"{sentence} {figures}"


def _offered(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    made = SupportOffer.objects.filter(case=record.case, kind=gate.kind).order_by("offered_on").first()
    name = SupportOffer.Kind(gate.kind).label
    if made is None:
        return False, f"{name}: no offer is recorded."
    answer = made.get_answer_display() if made.answer else "Not answered yet"
    return True, f"{name}: offered on {day(made.offered_on)}. {answer}."


def _discussed(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    if str(answers.get("discussed", "")).strip():
        return True, "Discussed with the parents, as the form says."
    if str(answers.get("no_contact", "")).strip():
        return True, "Nobody could be reached, and the form says why."
    return False, "The form says neither that it was discussed nor why nobody could be reached."


def _consent(record: CaseRecord, gate: Gate, answers: dict[str, str]) -> Verdict:
    if str(answers.get("consent", "")).strip():
        return True, "The family’s agreement is written down."
    return False, "Nobody has written down that the family agrees."


GATES: dict[str, Callable[[CaseRecord, Gate, dict[str, str]], Verdict]] = {
    "stages_done": _stages_done,
    "percent_below": _percent_below,
    "period_missed": _period_missed,
    "no_improvement_since": _no_improvement_since,
    "sessions_since": _sessions_since,
    "meeting_over": _meeting_over,
    "parents_away": _parents_away,
    "met_or_missed": _met_or_missed,
    "offered": _offered,
    "discussed": _discussed,
    "consent": _consent,
}
"""By the rule of ``data/referrals.yaml``: whether the condition holds, and what the record shows."""


def _joined(parts: Iterable[str]) -> str:
    *first, last = list(parts)
    return f"{', '.join(first)} and {last}" if first else last


# Lists


def forms_for(school: School, on: dt.date) -> dict[str, Form]:
    """The forms that fit the school's ladder of the day; the general ones where it has adopted none. One statement."""
    try:
        version, _ = adopted(school, on)
    except Refused:
        return offered("")
    return offered(version.key)


def with_people(referrals: QuerySet[Referral]) -> QuerySet[Referral]:
    """Referrals with pupil, school, stage and people joined."""
    return referrals.select_related(
        "case__pupil", "case__school__group", "stage_record", "opened_by", "ready_by", "sent_by", "clock"
    )


def in_schools(schools: Collection[School]) -> QuerySet[Referral]:
    return with_people(Referral.objects.filter(case__school__in=schools))


def title_of(referral: Referral) -> str:
    try:
        return form_of(referral.form).title
    except KeyError:
        return "Referral"
