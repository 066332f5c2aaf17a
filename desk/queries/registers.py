"""Today's registers as they stand: which are in, how many are in school, and which N codes wait for a reason.

A register is taken to be in when at least half of the form's pupils have a mark: a single code entered ahead (a placement, a visit) does
not make it one. N codes: a reason is to be established within five school days of the session, otherwise the code becomes O (Working
together to improve school attendance, code N).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.utils import timezone

from attendance.chasing import Nudge, nudges
from attendance.codes import BY_CHARACTER, CODES, ENTERED_AHEAD, Meaning
from attendance.grid import SESSIONS, academic_year_of, session_of, slot
from attendance.models import RegisterRow
from attendance.queries import IN_BY_NOW
from desk.queries.roll import Key, Place, RollLine
from desk.queries.todo import Reader
from letters.phrases import count
from schools.access import Scope
from schools.models import RegisterTime, Role, School, User
from schools.queries import school_days
from schools.schooldays import SchoolDays

LAST_DAY_TO_ASK = 4
"""Age of an N code, in school days, on which asking still keeps the five days of the law; a ladder may have its own (``chasing``)."""


@dataclass(frozen=True, slots=True)
class Missing:
    urn: str
    school: str
    form: str


@dataclass(frozen=True, slots=True)
class Attendance:
    """How many are in school in one session. ``expected`` are those with a mark that counts as possible."""

    present: int = 0
    expected: int = 0

    @property
    def points(self) -> float | None:
        """Percent, or None where nobody was expected."""
        return 100 * self.present / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class RegistersNow:
    """The line of figures at the head of Today. ``session`` is empty before any register of the day is in."""

    session: str
    registers: int
    missing: tuple[Missing, ...]
    now: Attendance
    last_week: Attendance

    @property
    def are_in(self) -> int:
        return self.registers - len(self.missing)

    @property
    def change(self) -> float | None:
        """Points above (or below) the same weekday last week; None where one of the two is unknown."""
        if self.now.points is None or self.last_week.points is None:
            return None
        return self.now.points - self.last_week.points


def registers_now(places: Mapping[int, Place], lines: Collection[RollLine]) -> RegistersNow:
    """The last session of the day for which registers have begun to come in, over all the given schools."""
    open_today = [line for line in lines if places[line.school].is_school_day]
    forms = _forms(open_today)
    session = _session_now(forms, places)
    missing = [
        Missing(places[school].school.urn, places[school].school.name, form)
        for (school, form), members in forms.items()
        if not _is_in(members, places[school].on, session or "AM")
    ]
    return RegistersNow(
        session=session,
        registers=len(forms),
        missing=tuple(sorted(missing, key=lambda register: (register.school, natural(register.form)))),
        now=_attendance(((line, places[line.school].on) for line in open_today), session),
        last_week=_attendance(_a_week_ago(open_today, places), session),
    )


def natural(form: str) -> tuple[int, str]:
    """Sorts 7A before 10A, and named forms after the numbered ones."""
    digits = "".join(character for character in form if character.isdigit())
    return (int(digits) if digits else 99, form)


def _forms(lines: Iterable[RollLine]) -> dict[tuple[int, str], list[RollLine]]:
    forms: dict[tuple[int, str], list[RollLine]] = defaultdict(list)
    for line in lines:
        forms[(line.school, line.form)].append(line)
    return forms


def _is_in(members: list[RollLine], on: dt.date, session: str) -> bool:
    """Whether at least half have a mark; who has leave or a part-time timetable, marked before the day, is left out of account."""
    codes = [code for member in members if (code := member.code(on, session)) not in ENTERED_AHEAD]
    return sum(map(bool, codes)) >= IN_BY_NOW * len(codes)


def _session_now(forms: Mapping[tuple[int, str], list[RollLine]], places: Mapping[int, Place]) -> str:
    for session in reversed(SESSIONS):
        if any(_is_in(members, places[school].on, session) for (school, _), members in forms.items()):
            return session
    return ""


def _a_week_ago(lines: Iterable[RollLine], places: Mapping[int, Place]) -> Iterable[tuple[RollLine, dt.date]]:
    return ((line, date) for line in lines if (date := places[line.school].last_week))


def _attendance(dated: Iterable[tuple[RollLine, dt.date]], session: str) -> Attendance:
    if not session:
        return Attendance()
    present = expected = 0
    for line, date in dated:
        code = CODES.get(line.code(date, session))
        meaning = code.meaning if code else Meaning.NO_MARK
        present += meaning == Meaning.ATTENDING
        expected += meaning in {Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED}
    return Attendance(present, expected)


@dataclass(frozen=True, slots=True)
class MissingRegister:
    """A form's register of a session of today that is not in, with who takes the form and who has been asked for it.

    ``closes``: when the school's register of that session closes, None where the school has set no time.
    """

    school: School
    form: str
    session: str
    marked: int
    pupils: int
    closes: dt.time | None
    tutor: User | None
    tutor_title: str
    nudges: tuple[Nudge, ...]
    minutes_late: int
    """Since the register closed; 0 while it is open and where no time is set."""

    @property
    def key(self) -> str:
        """How a form names it: "PM 8B"."""
        return f"{self.session} {self.form}"

    @property
    def half(self) -> str:
        return "morning" if self.session == "AM" else "afternoon"

    @property
    def is_late(self) -> bool:
        return self.minutes_late > 0

    @property
    def late_for(self) -> str:
        """ "47 minutes", "2 hours"."""
        hours = self.minutes_late // 60
        return count(hours, "hour") if hours else count(self.minutes_late, "minute")


def _minutes_late(closes: dt.time | None, now: dt.datetime) -> int:
    local = timezone.localtime(now)
    return max(60 * (local.hour - closes.hour) + local.minute - closes.minute, 0) if closes else 0


def missing_registers(reader: Reader, now: dt.datetime) -> list[MissingRegister]:
    """The registers of today that are not in, of every session that has begun, by school, session and form. Two statements."""
    open_today = [line for line in reader.lines.values() if reader.places[line.school].is_school_day]
    forms = _forms(open_today)
    begun = SESSIONS[: SESSIONS.index(_session_now(forms, reader.places) or "AM") + 1]
    times, asked = _closing_times(reader.schools), nudges(reader.schools, reader.on)
    found = [
        _missing(reader, now, school, form, session, members, times, asked)
        for (school, form), members in forms.items()
        for session in begun
        if not _is_in(members, reader.on, session)
    ]
    return sorted(found, key=lambda register: (register.school.name, register.session, natural(register.form)))


Times = Mapping[tuple[int, str], list[RegisterTime]]


def _missing(
    reader: Reader,
    now: dt.datetime,
    school: int,
    form: str,
    session: str,
    members: list[RollLine],
    times: Times,
    asked: Mapping[tuple[int, str], list[Nudge]],
) -> MissingRegister:
    held = reader.staff.holder(school, Role.TUTOR, members[0])
    closes = _closes(times.get((school, session), []), members[0].year_group)
    return MissingRegister(
        school=reader.places[school].school,
        form=form,
        session=session,
        marked=sum(bool(member.code(reader.on, session)) for member in members),
        pupils=len(members),
        closes=closes,
        minutes_late=_minutes_late(closes, now),
        tutor=held.user if held else None,
        tutor_title=held.shown_title.lower() if held else "",
        nudges=tuple(nudge for nudge in asked.get((school, form), []) if nudge.session == session),
    )


def _closing_times(schools: Collection[School]) -> Times:
    found: dict[tuple[int, str], list[RegisterTime]] = defaultdict(list)
    for time in RegisterTime.objects.filter(school__in=schools):
        found[time.school_id, time.session].append(time)
    return found


def _closes(times: Collection[RegisterTime], year_group: int) -> dt.time | None:
    """The latest of the times that hold for the year group: several afternoons are possible."""
    return max((time.closes for time in times if not time.year_groups or year_group in time.year_groups), default=None)


@dataclass(frozen=True, slots=True)
class OldN:
    """A session still coded N, and how many school days ago it was. ``beside``: the code of the day's other session, or empty.

    ``row`` is its register row; ``line`` of a pupil who has left has the form "left".
    """

    line: RollLine
    row: int
    date: dt.date
    session: str
    age: int
    beside: str = ""

    @property
    def half(self) -> str:
        return "morning" if self.session == "AM" else "afternoon"

    @property
    def other_half(self) -> str:
        return "afternoon" if self.session == "AM" else "morning"


def n_codes(scope: Scope, places: Mapping[int, Place], lines: Mapping[Key, RollLine], on: dt.date) -> list[OldN]:
    """Every session in scope that is still coded N, of this academic year and the last one, oldest first, leavers' too.

    One statement, and one more for each school with an N of last year.
    """
    this_year = academic_year_of(on)
    rows = RegisterRow.objects.filter(
        school__in=[place.school for place in places.values()], year__in=[this_year - 1, this_year], marks__contains="N"
    )
    found = []
    calendars: dict[int, SchoolDays] = {}
    for row in rows.filter(enrolment__in=scope.enrolments.values("pk")).select_related("enrolment__pupil"):
        days = places[row.school_id].days
        if row.year < this_year:
            days = calendars.setdefault(row.school_id, school_days(places[row.school_id].school, [this_year - 1, this_year]))
        found += [
            _old(line_of(row, lines), row, date, session, days, on)
            for date, session in _sessions_with_n(row.marks, row.year)
            if date <= on and days.index(date) is not None
        ]
    return sorted(found, key=lambda old: (-old.age, natural(old.line.form), old.line.name, old.session))


def _old(line: RollLine, row: RegisterRow, date: dt.date, session: str, days: SchoolDays, on: dt.date) -> OldN:
    beside = BY_CHARACTER.get(row.marks[slot(date, "PM" if session == "AM" else "AM")])
    return OldN(
        line, row.pk, date, session, days.first_after(on) - days.first_after(date), beside.code if beside else ""
    )  # fmt: skip


def line_of(row: RegisterRow, lines: Mapping[Key, RollLine]) -> RollLine:
    """The pupil's line on today's roll, or one that says that the pupil has left."""
    pupil = row.enrolment.pupil
    return lines.get((pupil.pk, row.school_id)) or RollLine(
        row.enrolment_id, pupil.pk, row.school_id, pupil.name, form="left", year_group=-1
    )


def _sessions_with_n(marks: str, year: int) -> Iterable[tuple[dt.date, str]]:
    """The row is searched, since nearly none has one."""
    number = marks.find("N")
    while number >= 0:
        yield session_of(year, number)
        number = marks.find("N", number + 1)


def old_n_codes(places: Mapping[int, Place], lines: Iterable[RollLine]) -> list[OldN]:
    """This year's N codes of four school days and more ago of the pupils on these lines, oldest first. No statement."""
    found = [old for line in lines for old in _old_in(line, places[line.school])]
    return sorted(found, key=lambda old: (-old.age, natural(old.line.form), old.line.name))


def _old_in(line: RollLine, place: Place) -> Iterable[OldN]:
    for date, session in _sessions_with_n(line.marks, academic_year_of(place.on)):
        age = place.age(date)
        if date < place.on and age >= LAST_DAY_TO_ASK and place.days.index(date) is not None:
            yield OldN(line, line.row or 0, date, session, age)
