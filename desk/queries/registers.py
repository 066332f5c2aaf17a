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

from attendance.codes import CODES, Meaning
from attendance.grid import SESSIONS, academic_year_of, session_of
from attendance.queries import IN_BY_NOW
from desk.queries.roll import Place, RollLine

LAST_DAY_TO_ASK = 4
"""Age of an N code, in school days, on which asking still keeps the five days."""
BECOMES_O = 5


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
    return sum(bool(member.code(on, session)) for member in members) >= IN_BY_NOW * len(members)


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
class OldN:
    """A session still coded N, and how many school days ago it was."""

    line: RollLine
    date: dt.date
    session: str
    age: int


def old_n_codes(places: Mapping[int, Place], lines: Iterable[RollLine]) -> list[OldN]:
    """N codes of four school days and more ago, oldest first: the last day to ask, or due to become O."""
    found = [old for line in lines for old in _old_in(line, places[line.school])]
    return sorted(found, key=lambda old: (-old.age, natural(old.line.form), old.line.name))


def _old_in(line: RollLine, place: Place) -> Iterable[OldN]:
    """The pupil's N codes that are old enough; the row is searched, since nearly none has one."""
    number = line.marks.find("N")
    while number >= 0:
        date, session = session_of(academic_year_of(place.on), number)
        age = place.age(date)
        if date < place.on and age >= LAST_DAY_TO_ASK and place.days.index(date) is not None:
            yield OldN(line, date, session, age)
        number = line.marks.find("N", number + 1)
