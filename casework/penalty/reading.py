"""What the counter and the ladder need of the record: marks of a child wherever they were made, the sessions in use, ledger and parents.

Read for one child or a whole school in the same constant number of statements. Marks of another school of the group and of an earlier
school (a transfer file) count: the national framework counts a child's sessions, not a school's.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from django.db.models import Q

from attendance.codes import BY_CHARACTER, CODES, NO_MARK, PENALTY_CODES, Meaning
from attendance.grid import academic_year_of, first_monday, session_of
from attendance.models import EarlierAttendance, RegisterRow
from casework.models import ImprovementNotice, PenaltyMark, PenaltyNotice, PenaltyRequest
from casework.penalty.counter import Mark, Place, Window, by_week, window
from casework.penalty.parameters import LocalCode, code_of, framework
from casework.penalty.rules import Child, History, Liability, Line, Person, Standing, liability, standing
from schools import ages
from schools.models import Enrolment, Pupil, PupilParent, School
from schools.queries import school_days
from schools.schooldays import SchoolDays

_HALVES = ("AM", "PM")


@dataclass(frozen=True)
class Marks:
    """A child's marks, this school's first, and the days on which another school of the child's was open."""

    marks: list[Mark]
    other_days: set[dt.date]


def marks_of(school: School, pupil_ids: Collection[int], on: dt.date, *, since: dt.date | None = None) -> dict[int, Marks]:
    """The marks of last year and this year by pupil, up to ``on``. Two statements, whatever the number of pupils."""
    years = [academic_year_of(on) - 1, academic_year_of(on)]
    rows = RegisterRow.objects.filter(enrolment__pupil__in=pupil_ids, year__in=years).order_by("pk")
    found: dict[int, list[Mark]] = defaultdict(list)
    columns = ("enrolment__pupil", "school", "school__name", "year", "marks")
    for pupil, school_id, name, year, marks in rows.values_list(*columns):
        place = "" if school_id == school.pk else name
        found[pupil] += _decoded(year, marks, place, since, on)
    for earlier in EarlierAttendance.objects.filter(pupil__in=pupil_ids, marks_start__isnull=False).exclude(marks=""):
        found[earlier.pupil_id] += _earlier(earlier, since, on)
    return {pupil: _sorted(found[pupil]) for pupil in pupil_ids}


def _sorted(marks: list[Mark]) -> Marks:
    """This school's own marks first: the first of two for one session stands."""
    in_order = sorted(marks, key=lambda mark: (bool(mark.place), mark.date, mark.session))
    return Marks(in_order, {mark.date for mark in in_order if mark.place and _is_school(mark)})


def _is_school(mark: Mark) -> bool:
    known = CODES.get(mark.code)
    return bool(known) and known is not None and known.meaning != Meaning.NOT_COLLECTED


def _decoded(year: int, marks: str, place: str, since: dt.date | None, on: dt.date) -> Iterable[Mark]:
    """The marks of a register row from ``since`` to ``on``."""
    first = max((since - first_monday(year)).days // 7 * 10, 0) if since else 0
    last = max((on - first_monday(year)).days // 7 * 10 + 10, 0)
    for number, character in enumerate(marks[first:last], start=first):
        if character != NO_MARK:
            date, session = _session_of(year, number)
            if (since is None or date >= since) and date <= on:
                yield Mark(date, session, BY_CHARACTER[character].code, place)


_session_of = lru_cache(maxsize=4096)(session_of)
"""A list asks for the same sessions of every pupil."""


def _earlier(earlier: EarlierAttendance, since: dt.date | None, on: dt.date) -> Iterable[Mark]:
    """The marks of a transfer file: ten or fourteen sessions a week from its first day on; a character that is no code is left out."""
    a_week = earlier.slots_a_week or 10
    first = earlier.marks_start
    assert first is not None
    monday = first - dt.timedelta(days=first.weekday())
    skip = 2 * first.weekday()
    place = earlier.school_name or "an earlier school"
    for number, character in enumerate(earlier.marks):
        week, at = divmod(number + skip, a_week)
        date = monday + dt.timedelta(days=7 * week + at // 2)
        known = character in BY_CHARACTER
        if known and character != NO_MARK and (since is None or date >= since) and date <= on:
            yield Mark(date, _HALVES[at % 2], BY_CHARACTER[character].code, place)


def used_marks(pupil_ids: Collection[int]) -> dict[int, dict[Place, int]]:
    """The sessions that a standing ground rests on, by pupil: (day, session) → ground. One statement."""
    used: dict[int, dict[Place, int]] = defaultdict(dict)
    marks = PenaltyMark.objects.filter(pupil__in=pupil_ids, is_released=False)
    for pupil, date, session, ground in marks.values_list("pupil", "date", "session", "ground"):
        used[pupil][date, session] = ground
    return used


def counts_for(date_of_birth: dt.date, day: dt.date) -> bool:
    """Whether a session of that day can count: the framework is in force and the child is of compulsory school age."""
    return day >= framework().starts_counting and ages.is_compulsory(date_of_birth, day)


def windows(
    school: School, births: dict[int, dt.date], on: dt.date, *, days: SchoolDays | None = None, least: int = 1
) -> dict[int, Window]:
    """The counter of each pupil (``births``: date of birth by pupil) on a day, under the local code. Five statements at most.

    ``least``: a pupil with fewer marks of G, N, O and U in the time is left out; 0 for none left out.
    """
    days = days or school_days(school, [academic_year_of(on) - 1, academic_year_of(on)])
    code, edition = code_of(school.local_authority), framework().on(on)
    weeks = edition.threshold.school_weeks if edition.threshold else 0
    found = marks_of(school, list(births), on, since=_first_monday(days, on, weeks))
    used = used_marks(list(births))
    own_weeks = by_week(days.dates)
    return {
        pupil: window(
            on=on,
            school_days=found[pupil].other_days.union(days.dates) if found[pupil].other_days else own_weeks,
            marks=found[pupil].marks,
            used=used.get(pupil, {}),
            weeks=weeks,
            threshold=code.threshold,
            counts=partial(counts_for, birth),
        )
        for pupil, birth in births.items()
        if sum(mark.code in PENALTY_CODES for mark in found[pupil].marks) >= least
    }


def _first_monday(days: SchoolDays, on: dt.date, weeks: int) -> dt.date | None:
    """The Monday of the earliest of the last ``weeks`` school weeks; None where the calendar has fewer."""
    mondays = sorted({date - dt.timedelta(days=date.weekday()) for date in days.dates if date <= on})
    return mondays[-weeks] if weeks and len(mondays) >= weeks else None


def pupil_window(pupil: Pupil, school: School, on: dt.date) -> Window:
    """The counter of one child."""
    return windows(school, {pupil.pk: pupil.date_of_birth}, on, least=0)[pupil.pk]


def births_on_roll(school: School, on: dt.date) -> dict[int, dt.date]:
    """Date of birth by pupil, of those on roll on the day. One statement."""
    enrolments = Enrolment.objects.filter(Q(ends__isnull=True) | Q(ends__gte=on), school=school, starts__lte=on)
    return dict(enrolments.values_list("pupil", "pupil__date_of_birth"))


def line_of(notice: PenaltyNotice) -> Line:
    return Line(notice.parent_id, notice.pupil_id, notice.kind, notice.issued_on, notice.state)


@dataclass(frozen=True)
class Family:
    """The parents of a child with what the ledger says of each, on a day."""

    liabilities: list[Liability]
    standings: dict[int, Standing]
    notices: list[PenaltyNotice]
    waiting: dict[int, int]


def family(pupil: Pupil, school: School, on: dt.date) -> Family:
    """Who may be asked for, and where each stands. Three statements."""
    code = code_of(school.local_authority)
    links = PupilParent.objects.filter(pupil=pupil).select_related("parent")
    people = [person_of(link, on) for link in links]
    notices = list(PenaltyNotice.objects.filter(pupil=pupil).select_related("parent", "entered_by", "request"))
    asked = PenaltyRequest.objects.filter(ground__pupil=pupil, state__in=("prepared", "requested")).values_list(
        "parent", flat=True
    )
    waiting: dict[int, int] = defaultdict(int)
    for parent in asked:
        waiting[parent] += 1
    parents = {person.parent for person in people} | {notice.parent_id for notice in notices}
    standings = {
        parent: standing(
            [line_of(notice) for notice in notices],
            parent=parent,
            pupil=pupil.pk,
            on=on,
            national=framework(),
            waiting=waiting[parent],
        )
        for parent in sorted(parents)
    }
    return Family([liability(person, code) for person in people], standings, notices, dict(waiting))


def person_of(link: PupilParent, on: dt.date) -> Person:
    return Person(
        parent=link.parent_id,
        name=link.parent.name,
        relationship=link.relationship,
        has_responsibility=link.has_parental_responsibility,
        lives_with=link.lives_with_pupil,
        is_barred=link.is_barred(on),
        has_address=bool(link.parent.address.strip()),
    )


def child_of(pupil: Pupil, school: School, on: dt.date) -> Child:
    """One statement."""
    spans = list(Enrolment.objects.filter(pupil=pupil, school=school).values_list("starts", "ends"))
    here = any(starts <= on and (ends is None or ends >= on) for starts, ends in spans)
    last = max((ends for _, ends in spans if ends), default=None)
    return Child(ages.ends(pupil.date_of_birth), ages.is_compulsory(pupil.date_of_birth, on), None if here else last or on)


def history_of(pupil: Pupil, school: School, on: dt.date, notices: Sequence[PenaltyNotice]) -> History:
    """The latest notice to improve, and this academic year's notices that were paid or prosecuted. One statement."""
    latest = ImprovementNotice.objects.filter(pupil=pupil, school=school).order_by("-starts_on", "-pk").first()
    done = (PenaltyNotice.State.PAID, PenaltyNotice.State.PROSECUTED)
    this_year = [
        notice
        for notice in notices
        if notice.kind == PenaltyNotice.Kind.ABSENCE
        and notice.state in done
        and academic_year_of(notice.issued_on) == academic_year_of(on)
    ]
    if latest is None:
        return History(this_year=len(this_year))
    state = "running" if latest.state == ImprovementNotice.State.RUNNING else latest.outcome
    return History(state, latest.ends_on, len(this_year))


@dataclass(frozen=True, slots=True)
class Shaken:
    """Whether a ground still stands on today's register. ``gone``: (session, code then, code now) of what no longer counts."""

    used: int
    gone: tuple[tuple[Mark, str, str], ...]
    threshold: int

    @property
    def remain(self) -> int:
        return self.used - len(self.gone)

    @property
    def is_shaken(self) -> bool:
        return bool(self.gone)

    @property
    def falls(self) -> bool:
        """Fewer remain than the threshold asks for."""
        return self.remain < self.threshold

    @property
    def sentence(self) -> str:
        if not self.gone:
            return f"All {self.used} sessions stand on today’s register."
        return (
            f"{self.remain} of {self.used} remain: {len(self.gone)} {'was' if len(self.gone) == 1 else 'were'} corrected since."
        )


def shaken(marks: Sequence[PenaltyMark], now: Iterable[Mark], threshold: int) -> Shaken:
    """The sessions of a ground beside today's marks; a session whose mark is gone counts as corrected."""
    codes: dict[Place, str] = {}
    for mark in now:
        codes.setdefault(mark.key, mark.code)
    gone = [
        (Mark(mark.date, mark.session, mark.code, mark.place), mark.code, codes.get((mark.date, mark.session), ""))
        for mark in marks
        if codes.get((mark.date, mark.session), "") not in PENALTY_CODES
    ]
    return Shaken(len(marks), tuple(gone), threshold)


def local_code(school: School) -> LocalCode:
    return code_of(school.local_authority)
