"""A form as its tutor sees it: each pupil's two weeks of marks, the year's figure and where it went, whom to talk to and how to begin.

The suggested opening follows the five policies' spirit: notice, ask and offer help before anything is said about percentages.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from attendance.chasing import Nudge, nudges
from attendance.codes import BY_CHARACTER, CODES, Meaning
from attendance.grid import SESSIONS
from attendance.models import AbsenceCall, Figures
from attendance.queries import IN_BY_NOW
from desk.queries.registers import natural
from desk.queries.roll import Place, RollLine, places, roll
from desk.words import call_text
from escalation.models import Event, Task
from schools.access import Scope
from schools.models import Role, School, User

TALKS = ("conversation", "call", "meeting", "clinic", "note")
MISSED = {Meaning.AUTHORISED, Meaning.UNAUTHORISED}
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")
A_PATTERN = 4
"""Missed sessions on one weekday, at least half of all, from which a tutor is told of a pattern."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One session of a week: empty code for no mark; ``is_open`` False on a day that is no school day."""

    date: dt.date
    session: str
    code: str
    is_open: bool


class LastSaid(NamedTuple):
    """The latest that was said with or about a pupil; ``by`` empty: the night."""

    on: dt.date
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class FormRow:
    line: RollLine
    last_week: list[Mark]
    this_week: list[Mark]
    figures: Figures | None
    talk: Task | None
    last: LastSaid | None
    opening: str

    @property
    def change(self) -> float | None:
        """Percentage points of the year's figure that the last week of the figures added or took; None where it cannot be said."""
        figures = self.figures
        if figures is None or not figures.possible or not figures.before_week_possible:
            return None
        return 100 * figures.attended / figures.possible - 100 * figures.before_week_attended / figures.before_week_possible

    @property
    def is_low(self) -> bool:
        """Below 90%: the national line of persistent absence."""
        return bool(self.figures and 100 * self.figures.attended < 90 * self.figures.possible)


@dataclass(frozen=True)
class FormPage:
    school: School
    form: str
    place: Place
    rows: list[FormRow]
    asked: tuple[Nudge, ...] = ()
    """Who asked today for a register of the form, newest first."""

    @property
    def asked_for(self) -> Nudge | None:
        """The latest reminder of a register that is still not in."""
        return next((nudge for nudge in self.asked if not self._is_in(nudge.session)), None)

    def _is_in(self, session: str) -> bool:
        return sum(bool(row.line.code(self.place.on, session)) for row in self.rows) >= IN_BY_NOW * len(self.rows)

    @property
    def tasks_due(self) -> int:
        return sum(row.talk is not None for row in self.rows)

    @property
    def attended(self) -> int:
        return sum(row.figures.attended for row in self.rows if row.figures)

    @property
    def possible(self) -> int:
        return sum(row.figures.possible for row in self.rows if row.figures)

    @property
    def as_of(self) -> dt.date | None:
        return max((row.figures.as_of for row in self.rows if row.figures), default=None)

    @property
    def away_today(self) -> list[RollLine]:
        """Whose last mark of today is an absence."""
        return [row.line for row in self.rows if is_missed((row.line.codes(self.place.on) or [""])[-1])]


def is_missed(code: str) -> bool:
    known = CODES.get(code)
    return bool(known and known.meaning in MISSED)


def forms_in_scope(scope: Scope, schools: Collection[School], on: dt.date) -> list[tuple[School, str, int]]:
    """(school, form, pupils) of the forms in which the person may see a pupil."""
    by_key = {school.pk: school for school in schools}
    counts = Counter((line.school, line.form) for line in roll(scope, schools, on).values())
    ordered = sorted(counts.items(), key=lambda item: (by_key[item[0][0]].name, natural(item[0][1])))
    return [(by_key[school], form, number) for (school, form), number in ordered]


def form_page(scope: Scope, user: User, school: School, form: str, on: dt.date) -> FormPage:
    """The form's pupils in scope, by name; no rows where there is none. Ten statements, whatever their number."""
    place = places([school], on)[school.pk]
    lines = [line for line in roll(scope, [school], on).values() if line.form == form]
    figures = Figures.objects.in_bulk([line.row for line in lines if line.row])
    talks, last = _talks(lines, school, user), _last_contacts(lines, school)
    rows = [
        _row(line, place, figures.get(line.row or 0), talks.get(line.pupil), last.get(line.pupil))
        for line in lines
    ]  # fmt: skip
    return FormPage(school, form, place, rows, tuple(nudges([school], on)[school.pk, form]))


def _row(line: RollLine, place: Place, figures: Figures | None, talk: Task | None, last: LastSaid | None) -> FormRow:
    monday = place.on - dt.timedelta(days=place.on.weekday())
    last_week, this_week = _week(line, place, monday - dt.timedelta(days=7)), _week(line, place, monday)
    is_due = talk is not None and talk.kind == "conversation"
    return FormRow(line, last_week, this_week, figures, talk, last, opening(line, place, figures, is_due=is_due))


def _week(line: RollLine, place: Place, monday: dt.date) -> list[Mark]:
    """Ten marks, the five mornings before the five afternoons, as they stand in the grid."""
    return [_mark(line, place, monday + dt.timedelta(days=day), session) for session in SESSIONS for day in range(5)]


def _mark(line: RollLine, place: Place, date: dt.date, session: str) -> Mark:
    is_open = place.days.index(date) is not None
    return Mark(date, session, line.code(date, session) if is_open else "", is_open)


def _talks(lines: Iterable[RollLine], school: School, user: User) -> dict[int, Task]:
    """The first open task of the tutor, or of whoever looks, by pupil."""
    tasks = Task.objects.filter(state=Task.State.OPEN, case__school=school, case__pupil__in=[line.pupil for line in lines])
    found: dict[int, Task] = {}
    for task in tasks.select_related("case", "stage_record"):
        if task.owner_id == user.pk or task.role == Role.TUTOR:
            found.setdefault(task.case.pupil_id, task)
    return found


def _last_contacts(lines: Collection[RollLine], school: School) -> dict[int, LastSaid]:
    """The latest conversation, call, meeting or note by pupil. Two statements."""
    pupils = [line.pupil for line in lines]
    events = Event.objects.filter(case__school=school, case__pupil__in=pupils, kind__in=TALKS).select_related("case", "by")
    said = [(event.at, event.case.pupil_id, LastSaid(event.on, event.text, str(event.by or ""))) for event in events]
    calls = AbsenceCall.objects.filter(school=school, pupil__in=pupils).select_related("parent", "by")
    said += [(call.at, call.pupil_id, LastSaid(timezone.localdate(call.at), call_text(call), call.by.name)) for call in calls]
    return {pupil: last for _, pupil, last in sorted(said, key=lambda item: item[0])}


def opening(line: RollLine, place: Place, figures: Figures | None, *, is_due: bool) -> str:
    """How a conversation may begin, or an empty string where there is no occasion for one."""
    recent = [code for date in list(place.until_now())[:2] for code in reversed(line.codes(date))]
    if recent[:1] and is_missed(recent[0]):
        return "Not in at the moment. On the first day back: “We missed you. Is there anything that made it hard to come?”"
    if any(is_missed(code) for code in recent[:3]):
        return "Just back: “Good to see you. What did you miss, and who can help you catch up?”"
    if weekday := usual_day(line):
        return f"Many of the missed days are {weekday}: “What are {weekday} like for you?”"
    if _late_this_week(line, place) >= 2:
        return "Late more than once this week: “What does the way to school look like at the moment?”"
    if is_due:
        return "“How is school at the moment? Is there anything that makes it hard to come in?”"
    if figures and figures.week_possible and figures.week_attended == figures.week_possible and _has_missed(figures):
        return "In for every session of the week: say that you noticed."
    return ""


def _has_missed(figures: Figures) -> bool:
    """Below 95%: praise for one good week is for those to whom it did not come easily."""
    return 100 * figures.attended < 95 * figures.possible


def _late_this_week(line: RollLine, place: Place) -> int:
    monday = place.on - dt.timedelta(days=place.on.weekday())
    return sum(mark.code == "L" for mark in _week(line, place, monday))


def usual_day(line: RollLine) -> str:
    """ "Mondays" where at least half of the year's missed sessions, and at least four, fell on one weekday; otherwise empty."""
    weekdays = (number % 10 // 2 for number, character in enumerate(line.marks) if is_missed(_code(character)))
    missed = Counter(weekdays)
    if not missed:
        return ""
    weekday, most = missed.most_common(1)[0]
    return WEEKDAYS[weekday] if most >= A_PATTERN and 2 * most >= missed.total() else ""


def _code(character: str) -> str:
    known = BY_CHARACTER.get(character)
    return known.code if known else ""
