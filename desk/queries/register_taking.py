"""The day's registers as a list, and one form's register as the sheet on which it is taken.

A register is *taken* when every pupil has a mark, *open* while some have and it was begun here, *missing* once its closing time is past.
Who entered a mark stands beside it: a file's marks are nobody's in particular.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils import timezone

from attendance import history
from attendance.codes import CODES, Code
from attendance.grid import SESSIONS
from attendance.models import FormRegister, MarkChange, MarkDetail, RegisterEntry
from attendance.offered import AT_THE_REGISTER, codes_for, in_words, offered, present
from attendance.opening import Opening, clock, minutes_between, opening_of, stayed_open
from attendance.queries import IN_BY_NOW
from attendance.taking import Pupil, form_of, is_arranged, may_use_every_code, opening_on, why_not_take
from desk.queries.registers import natural
from desk.queries.roll import RollLine, in_force, places, roll
from schools.access import Scope
from schools.models import PupilFlag, RegisterTime, Role, School

HALVES = {"AM": "morning", "PM": "afternoon"}


@dataclass(frozen=True, slots=True)
class SessionState:
    """How one register stands at a moment. ``register``: as it was taken here; None where it came from a file or nothing came."""

    session: str
    marked: int
    pupils: int
    register: FormRegister | None
    opening: Opening | None
    now: dt.datetime
    is_school_day: bool

    @property
    def kind(self) -> str:
        """taken, open, missing, due or ahead; none on a day without school."""
        if not self.is_school_day:
            return "none"
        if self.marked == self.pupils or (self.register is None and self.marked >= IN_BY_NOW * self.pupils):
            return "taken"
        if self.register is not None:
            return "open"
        if self.opening is None:
            return "due" if self.now.date() == self._day else "missing"
        return "missing" if self.now > self.opening.closes else "due" if self.now >= self.opening.opens else "ahead"

    @property
    def _day(self) -> dt.date:
        return self.opening.opens.date() if self.opening else self.now.date()

    @property
    def words(self) -> str:
        """ "taken at 8.58 by Mr B. Birch", "28 of 30, open since 8.50", "missing since 9.20"."""
        return getattr(self, f"_{self.kind}")

    @property
    def _taken(self) -> str:
        if self.register and self.register.closed_at:
            return f"taken at {_clock(self.register.closed_at)} by {self.register.closed_by}"
        return "complete" if self.marked == self.pupils else f"in, {self.marked} of {self.pupils}"

    @property
    def _open(self) -> str:
        assert self.register is not None
        since = f"open since {_clock(self.register.opened_at)}, {self.register.opened_by}"
        return f"{self.marked} of {self.pupils}, {since}"

    @property
    def _missing(self) -> str:
        return f"missing since {clock(self.opening.closes)}" if self.opening and self._day == self.now.date() else "missing"

    @property
    def _due(self) -> str:
        return f"to be taken by {clock(self.opening.closes)}" if self.opening else "to be taken"

    @property
    def _ahead(self) -> str:
        return f"opens at {clock(self.opening.opens)}" if self.opening else ""

    @property
    def _none(self) -> str:
        return ""

    @property
    def too_long(self) -> str:
        """The national rule, where this register was or is open for longer than 30 minutes; otherwise empty."""
        if self.register is None:
            return ""
        end = self.register.closed_at or (self.now if self.kind == "open" else self.register.opened_at)
        return stayed_open(self.register.opened_at, end)


def _clock(moment: dt.datetime) -> str:
    return clock(timezone.localtime(moment))


@dataclass(frozen=True, slots=True)
class FormLine:
    """A form of the list, with its morning and its afternoon."""

    school: School
    form: str
    pupils: int
    sessions: tuple[SessionState, ...]
    is_own: bool

    @property
    def is_missing(self) -> bool:
        return any(state.kind == "missing" for state in self.sessions)


@dataclass(frozen=True)
class RegistersPage:
    """The registers of a day, own forms first; ``rules``: where a school's own times are out of step with the national rule."""

    on: dt.date
    lines: tuple[FormLine, ...]
    rules: tuple[tuple[School, str], ...]
    holidays: tuple[tuple[School, str], ...]

    @property
    def are_in(self) -> list[tuple[str, int]]:
        """How many registers of each half of the day are taken."""
        return [
            (
                HALVES[session],
                sum(state.kind == "taken" for line in self.lines for state in line.sessions if state.session == session),
            )
            for session in SESSIONS
        ]

    @property
    def missing(self) -> int:
        return sum(state.kind == "missing" for line in self.lines for state in line.sessions)


def registers_page(scope: Scope, schools: Sequence[School], on: dt.date, now: dt.datetime) -> RegistersPage:
    """Every form in which the person may see a pupil. Six statements and one a school, whatever the number of pupils."""
    by_key = {school.pk: school for school in schools}
    calendar = places(schools, on)
    registers = {
        (register.school_id, register.form, register.session): register
        for register in FormRegister.objects.filter(school__in=schools, date=on).select_related("opened_by", "closed_by")
    }
    times = _times(schools)
    own = {(role.school_id, form) for role in scope.roles if role.role == Role.TUTOR for form in role.forms}
    forms: dict[tuple[int, str], list[RollLine]] = defaultdict(list)
    for line in roll(scope, schools, on).values():
        forms[line.school, line.form].append(line)
    lines = [
        FormLine(
            by_key[key], form, len(members),
            tuple(
                _state(members, on, session, registers.get((key, form, session)), times[key], now, calendar[key].is_school_day)
                for session in SESSIONS
            ),
            (key, form) in own,
        )
        for (key, form), members in forms.items()
    ]  # fmt: skip
    lines.sort(key=lambda line: (not line.is_own, line.school.name, natural(line.form)))
    shut = [(school, calendar[school.pk].where) for school in schools if not calendar[school.pk].is_school_day]
    return RegistersPage(on, tuple(lines), tuple(_too_long_by_rule(schools, times, on)), tuple(shut))


def _times(schools: Collection[School]) -> dict[int, list[RegisterTime]]:
    times: dict[int, list[RegisterTime]] = defaultdict(list)
    for time in RegisterTime.objects.filter(school__in=schools):
        times[time.school_id].append(time)
    return times


def _state(
    members: Sequence[RollLine], on: dt.date, session: str, register: FormRegister | None, times: Iterable[RegisterTime],
    now: dt.datetime, is_school_day: bool,
) -> SessionState:  # fmt: skip
    years = {member.year_group for member in members}
    opening = opening_of(times, session, years, on, timezone.get_current_timezone())
    marked = sum(bool(member.code(on, session)) for member in members)
    return SessionState(session, marked, len(members), register, opening, timezone.localtime(now), is_school_day)


def _too_long_by_rule(
    schools: Iterable[School], times: Mapping[int, Iterable[RegisterTime]], on: dt.date
) -> Iterable[tuple[School, str]]:
    """The register times of a school that stay open for longer than 30 minutes, each said once."""
    zone = timezone.get_current_timezone()
    for school in schools:
        for time in times.get(school.pk, ()):
            opening = opening_of([time], time.session, time.year_groups, on, zone)
            if opening and opening.too_long:
                yield school, opening.too_long


# One register


@dataclass(frozen=True, slots=True)
class Row:
    """A pupil on the sheet. ``code`` and what follows is what the page shows: stored, or as the person just gave it.

    ``is_locked``: arranged beforehand, and the person may not change it. ``meanwhile``: what a colleague did to a mark that was given.
    """

    pupil: Pupil
    flags: tuple[str, ...]
    others: tuple[Code, ...]
    is_locked: bool
    saw: str
    code: str
    minutes: str = ""
    comment: str = ""
    note: str = ""
    meanwhile: str = ""

    @property
    def enrolment(self) -> int:
        return self.pupil.enrolment_id

    @property
    def is_other(self) -> bool:
        """The mark is one that has no button of its own."""
        return bool(self.code) and self.code not in AT_THE_REGISTER

    @property
    def words(self) -> str:
        return in_words(CODES[self.code]) if self.code in CODES else "no mark"


@dataclass(frozen=True)
class Sheet:
    """A form's register of one session. ``choices``: the buttons of a row; ``why_not``: why nothing can be saved, or empty."""

    school: School
    form: str
    date: dt.date
    session: str
    now: dt.datetime
    rows: tuple[Row, ...]
    register: FormRegister | None
    opening: Opening | None
    every_code: bool
    why_not: str
    other_codes: tuple[Code, ...] = field(default=())

    @property
    def half(self) -> str:
        return HALVES[self.session]

    @property
    def present(self) -> str:
        return present(self.session)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(code, word) of the buttons of a row. U appears once the register has closed; the officer has it always."""
        named = [(self.present, "Present"), ("N", "Not here"), ("L", "Late")]
        has_u = self.every_code or self.has_closed or self.opening is None or any(row.code == "U" for row in self.rows)
        return [*named, ("U", "After closing")] if has_u else named

    @property
    def has_closed(self) -> bool:
        return bool(self.opening and self.now > self.opening.closes)

    @property
    def state(self) -> SessionState:
        marked = sum(bool(row.saw) for row in self.rows)
        return SessionState(self.session, marked, len(self.rows), self.register, self.opening, self.now, is_school_day=True)

    @property
    def counts(self) -> list[tuple[str, int]]:
        """What the sheet holds as it stands: without a mark, present, N, late."""
        codes = [row.code for row in self.rows]
        late = sum(code in ("L", "U") for code in codes)
        return [
            ("without a mark", codes.count("")), ("present", codes.count(self.present)), ("not here", codes.count("N")), ("late", late),
        ]  # fmt: skip

    @property
    def minutes_open(self) -> int | None:
        if self.register is None:
            return None
        return minutes_between(self.register.opened_at, self.register.closed_at or self.now)


def register_sheet(scope: Scope, school: School, form: str, date: dt.date, session: str, *, role: str, now: dt.datetime) -> Sheet:
    """The form's pupils in scope with their stored marks, who entered them and what is known beyond the code; the same number of
    statements for any number of them."""
    now = timezone.localtime(now)
    found = form_of(school, form, date, session)
    visible = set(scope.enrolments.filter(pk__in=[pupil.enrolment_id for pupil in found]).values_list("pk", flat=True))
    pupils = [pupil for pupil in found if pupil.enrolment_id in visible]
    every_code = may_use_every_code(role)
    register = FormRegister.objects.filter(school=school, form=form, date=date, session=session)
    held = register.select_related("opened_by", "closed_by").first()
    return Sheet(
        school=school, form=form, date=date, session=session, now=now,
        rows=tuple(_rows(pupils, held, date, session, every_code=every_code)),
        register=held,
        opening=opening_on(school, date, session, {pupil.year_group for pupil in pupils}),
        every_code=every_code,
        why_not=why_not_take(school=school, date=date, session=session, role=role, now=now),
        other_codes=tuple(_without_buttons(codes_for((pupil.date_of_birth for pupil in pupils), date, session))) if every_code else (),
    )  # fmt: skip


def _without_buttons(codes: Iterable[Code]) -> list[Code]:
    return [code for code in codes if code.code not in AT_THE_REGISTER]


def _rows(
    pupils: Sequence[Pupil], register: FormRegister | None, date: dt.date, session: str, *, every_code: bool
) -> Iterable[Row]:
    row_ids = [pupil.row_id for pupil in pupils]
    details = {detail.row_id: detail for detail in MarkDetail.objects.filter(row__in=row_ids, date=date, session=session)}
    notes, flags = _notes(row_ids, register, date, session), _flags(pupils, date)
    for pupil in pupils:
        detail = details.get(pupil.row_id)
        others = _without_buttons(offered(date, session, pupil.date_of_birth)) if every_code else []
        yield Row(
            pupil=pupil, flags=flags.get(pupil.pupil_id, ()), others=tuple(others),
            is_locked=is_arranged(pupil.code) and not every_code, saw=pupil.code, code=pupil.code,
            minutes=str(detail.minutes_late) if detail and detail.minutes_late is not None else "",
            comment=detail.comment if detail else "", note=notes.get(pupil.row_id, ""),
        )  # fmt: skip


def _flags(pupils: Sequence[Pupil], date: dt.date) -> dict[int, tuple[str, ...]]:
    kinds = list(PupilFlag.CHANGES_HOW_TO_ACT)
    held = PupilFlag.objects.filter(in_force(date), kind__in=kinds, pupil__in=[pupil.pupil_id for pupil in pupils])
    found: dict[int, list[str]] = defaultdict(list)
    for pupil, kind in held.values_list("pupil", "kind"):
        found[pupil].append(kind)
    return {pupil: tuple(sorted(set(held), key=kinds.index)) for pupil, held in found.items()}  # type: ignore[arg-type]


def _notes(row_ids: Sequence[int], register: FormRegister | None, date: dt.date, session: str) -> dict[int, str]:
    """Who entered or last changed the mark, by register row: "8.52 Mr B. Birch", "N, then L at 9.05 by Ms A. Arden". Two statements."""
    notes = _entered(register)
    changes = MarkChange.objects.filter(row__in=row_ids, date=date, session=session).select_related("by").order_by("pk")
    for change in changes:
        before = f"{change.original}, then " if change.original else ""
        notes[change.row_id] = f"{before}{change.amended} at {_clock(change.at)} by {change.by or 'an import'}"
    return notes


def _entered(register: FormRegister | None) -> dict[int, str]:
    if register is None:
        return {}
    entries = RegisterEntry.objects.filter(register=register).select_related("by")
    return {
        int(row_id): f"{_clock(entry.at)} {entry.by}"
        for entry in entries
        for row_id in history.unpack(bytes(entry.first_entries)).row_ids
    }


def with_marks(sheet: Sheet, given: Mapping[int, tuple[str, str, str]], meanwhile: Mapping[int, str] | None = None) -> Sheet:
    """The sheet with what the person gave, (code, minutes, comment) by enrolment, in place of what is stored: nothing typed is lost."""
    told = meanwhile or {}
    rows = []
    for row in sheet.rows:
        code, minutes, comment = given.get(row.enrolment, (row.code, row.minutes, row.comment))
        if row.is_locked or row.enrolment in told:
            code, minutes, comment = row.code, row.minutes, row.comment
        rows.append(replace(row, code=code, minutes=minutes, comment=comment, meanwhile=told.get(row.enrolment, "")))
    return replace(sheet, rows=tuple(rows))
