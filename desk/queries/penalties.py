"""Penalty notices as the pages show them: who is near ten, requests and notices by state, and one family's counter and ledger.

The counters of a school take five statements whatever the number of pupils; a family's page takes a constant number too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Prefetch

from attendance.codes import PENALTY_CODES
from attendance.grid import academic_year_of
from casework.models import ImprovementNotice, PenaltyGround, PenaltyMark, PenaltyNotice, PenaltyRequest
from casework.penalty.counter import Week, Window
from casework.penalty.improvement import Result
from casework.penalty.improving import days_left, progress
from casework.penalty.parameters import LocalCode, code_of, framework
from casework.penalty.reading import Family, Shaken, family, marks_of, pupil_window, shaken, windows
from casework.penalty.rules import Standing, days_to_pay, sum_of
from desk.queries.roll import RollLine, roll
from letters.models import Letter
from letters.states import LEFT
from schools.access import Scope
from schools.models import Enrolment, Parent, School
from schools.queries import school_days

NEAR = 6
"""From how many free sessions on a pupil stands on the list: two days short of ten leave time to act."""
SESSIONS = ("AM", "PM")


@dataclass(frozen=True)
class Near:
    """A pupil whose counter is near or past the threshold."""

    line: RollLine
    school: School
    window: Window
    improvement: ImprovementNotice | None

    @property
    def free(self) -> int:
        return len(self.window.free)

    @property
    def used(self) -> int:
        return self.window.total - self.free

    @property
    def codes(self) -> str:
        return ", ".join(f"{number} {code}" for code, number in self.window.by_code.items())

    @property
    def latest(self) -> dt.date | None:
        return max((one.mark.date for one in self.window.free), default=None)


def near_ten(scope: Scope, schools: Collection[School], on: dt.date) -> list[Near]:
    """Pupils in scope with ``NEAR`` free sessions or more, most first. Four statements and six more a school."""
    lines = roll(scope, schools, on)
    births = dict(
        Enrolment.objects.filter(pk__in=[line.enrolment for line in lines.values()]).values_list("pupil", "pupil__date_of_birth")
    )
    running = {
        (notice.pupil_id, notice.school_id): notice
        for notice in ImprovementNotice.objects.filter(school__in=schools)
        .exclude(state=ImprovementNotice.State.DECIDED)
        .order_by("pk")
    }
    found = []
    for school in schools:
        days = school_days(school, [academic_year_of(on) - 1, academic_year_of(on)])
        own = {line.pupil: births[line.pupil] for line in lines.values() if line.school == school.pk}
        for pupil, window in windows(school, own, on, days=days, least=NEAR).items():
            if len(window.free) >= NEAR:
                found.append(Near(lines[pupil, school.pk], school, window, running.get((pupil, school.pk))))
    return sorted(found, key=lambda near: (-near.free, near.line.name))


def open_requests(schools: Collection[School]) -> list[PenaltyRequest]:
    """Requests that wait: prepared, or with the authority. One statement."""
    states = (PenaltyRequest.State.PREPARED, PenaltyRequest.State.REQUESTED)
    waiting = PenaltyRequest.objects.filter(ground__school__in=schools, state__in=states)
    return list(waiting.select_related("ground__pupil", "ground__school", "parent", "sent_by").order_by("sent_on", "pk"))


@dataclass(frozen=True)
class Chance:
    """A notice to improve with how it stands."""

    notice: ImprovementNotice
    so_far: Result
    left: int
    letters: tuple[int, int]

    @property
    def is_running(self) -> bool:
        return self.notice.state == ImprovementNotice.State.RUNNING

    @property
    def is_late(self) -> bool:
        """Unauthorised sessions beyond what is allowed, while it still runs."""
        return self.is_running and self.so_far.unauthorised > self.notice.allowed

    @property
    def letter_words(self) -> str:
        made, left = self.letters
        if not made:
            return "Its letter is not drafted yet."
        return "Its letter has left." if left == made else f"{left} of {made} letters have left: approve them under Decisions."


def chances(schools: Collection[School], on: dt.date) -> list[Chance]:
    """Notices to improve that run, or have ended and wait for a decision. Five statements a school that has one."""
    states = (ImprovementNotice.State.RUNNING, ImprovementNotice.State.ENDED)
    notices = list(ImprovementNotice.objects.filter(school__in=schools, state__in=states).select_related("pupil", "school", "by"))
    return [chance for school in schools for chance in chances_of([n for n in notices if n.school_id == school.pk], school, on)]


def chances_of(notices: Sequence[ImprovementNotice], school: School, on: dt.date) -> list[Chance]:
    """Four statements; none where there is none."""
    if not notices:
        return []
    so_far = progress(list(notices), school, on)
    days = school_days(school, [academic_year_of(on) - 1, academic_year_of(on), academic_year_of(on) + 1])
    letters = _letters(notices)
    return [Chance(notice, so_far[notice.pk], days_left(days, notice, on), letters.get(notice.pk, (0, 0))) for notice in notices]


def _letters(notices: Iterable[ImprovementNotice]) -> dict[int, tuple[int, int]]:
    """(letters drafted, letters that left) by notice. One statement."""
    causes = {f"notice to improve {notice.pk}": notice.pk for notice in notices}
    found: dict[int, tuple[int, int]] = {}
    for cause, state in Letter.objects.filter(planned__cause__in=causes).values_list("planned__cause", "state"):
        made, left = found.get(causes[cause], (0, 0))
        found[causes[cause]] = made + 1, left + (state in LEFT)
    return found


def unsettled_notices(schools: Collection[School], on: dt.date) -> list[NoticeLine]:
    """Notices about pupils of these schools that are not yet paid, withdrawn or before a court. One statement."""
    states = (PenaltyNotice.State.ISSUED, PenaltyNotice.State.UNPAID)
    notices = PenaltyNotice.objects.filter(state__in=states, request__ground__school__in=schools)
    return [NoticeLine(notice, "", on) for notice in notices.select_related("pupil", "parent", "request").order_by("issued_on")]


@dataclass(frozen=True)
class NoticeLine:
    """A line of the ledger with why it does not count (empty where it does) and its days to pay."""

    notice: PenaltyNotice
    apart: str
    on: dt.date

    @property
    def days(self) -> tuple[dt.date | None, dt.date]:
        begins = self.notice.received_on or self.notice.issued_on
        number = 1 if self.notice.reduced is not None else 2
        sum_ = sum_of(framework().on(self.notice.issued_on), kind=self.notice.kind, number=number)
        return days_to_pay(sum_, begins)

    @property
    def reduced_until(self) -> dt.date | None:
        return self.days[0]

    @property
    def due(self) -> dt.date:
        return self.days[1]

    @property
    def is_over(self) -> bool:
        return self.notice.state == PenaltyNotice.State.ISSUED and self.due < self.on

    @property
    def sum_words(self) -> str:
        if self.notice.full is None:
            return "not known"
        return f"£{self.notice.full}" + (f" (£{self.notice.reduced} early)" if self.notice.reduced is not None else "")


@dataclass(frozen=True)
class Ledger:
    """One parent's ledger about the child."""

    parent: Parent
    standing: Standing
    lines: list[NoticeLine]


@dataclass(frozen=True)
class GroundLine:
    """A ground with its requests and whether it still stands on today's register."""

    ground: PenaltyGround
    requests: list[PenaltyRequest]
    stands: Shaken


@dataclass(frozen=True)
class Cell:
    """One session of the window's picture. ``look``: class of the mark; ``words``: what it is, for those who do not see it."""

    look: str
    letter: str
    words: str


@dataclass(frozen=True)
class Row:
    """One school week of the picture: ten cells, mornings above afternoons."""

    week: Week
    cells: list[Cell]
    free: int
    used: int

    @property
    def holiday(self) -> str:
        """The weeks left out before it, in words."""
        number = self.week.skipped
        return f"{number} week{'' if number == 1 else 's'} without school: not counted" if number else ""


def picture(window: Window) -> list[Row]:
    """The window week by week."""
    return [
        Row(
            week,
            [_cell(week, week.monday + dt.timedelta(days=day), session) for session in SESSIONS for day in range(5)],
            sum(one.is_free for one in week.counted),
            sum(not one.is_free for one in week.counted),
        )
        for week in window.weeks
    ]


def _cell(week: Week, day: dt.date, session: str) -> Cell:
    mark = week.marks.get((day, session))
    counted = next((one for one in week.counted if one.mark.key == (day, session)), None)
    when = f"{day:%A} {day.day} {day:%B}, {'morning' if session == 'AM' else 'afternoon'}"
    if counted and not counted.is_free:
        return Cell("mark mark--used", counted.mark.code, f"{when}: {counted.mark.code}, used by an earlier request")
    if counted:
        look = "mark mark--no-reason" if counted.mark.code == "N" else "mark mark--unauthorised"
        at = f" at {counted.mark.place}" if counted.mark.place else ""
        return Cell(look, counted.mark.code, f"{when}: {counted.mark.code}{at}, counted")
    if mark and mark.code in PENALTY_CODES:
        return Cell("mark mark--authorised", mark.code, f"{when}: {mark.code}, not counted by the law that day")
    if day not in week.school_days:
        return Cell("mark mark--closed", "", f"{when}: no school")
    return Cell("mark mark--to-come", "", f"{when}: nothing that counts")


@dataclass(frozen=True)
class FamilyPage:
    window: Window
    kin: Family
    ledgers: list[Ledger]
    grounds: list[GroundLine]
    chances: list[Chance]
    code: LocalCode

    @cached_property
    def rows(self) -> list[Row]:
        return picture(self.window)


def family_page(enrolment: Enrolment, on: dt.date) -> FamilyPage:
    """One child's counter, ledger, requests and notices to improve: a constant number of statements."""
    pupil, school = enrolment.pupil, enrolment.school
    kin = family(pupil, school, on)
    grounds = PenaltyGround.objects.filter(pupil=pupil).select_related("school", "by")
    with_all = grounds.prefetch_related(
        Prefetch("marks", PenaltyMark.objects.order_by("date", "session")),
        Prefetch("requests", PenaltyRequest.objects.select_related("parent", "sent_by")),
    )
    now = marks_of(school, [pupil.pk], on)[pupil.pk].marks
    notices = list(ImprovementNotice.objects.filter(pupil=pupil, school=school).select_related("by", "decided_by", "pupil"))
    return FamilyPage(
        window=pupil_window(pupil, school, on),
        kin=kin,
        ledgers=ledgers(kin, on),
        grounds=[GroundLine(g, list(g.requests.all()), shaken(list(g.marks.all()), now, g.threshold)) for g in with_all],
        chances=chances_of(notices, school, on),
        code=code_of(school.local_authority),
    )


def ledgers(kin: Family, on: dt.date) -> list[Ledger]:
    """A ledger a parent: those who may be asked for, and those who ever had a notice."""
    parents = {notice.parent_id: notice.parent for notice in kin.notices}
    missing = [one.person.parent for one in kin.liabilities if one.person.parent not in parents]
    parents |= Parent.objects.in_bulk(missing)
    made = []
    for parent, standing in kin.standings.items():
        reasons = {(line.issued_on, line.kind, line.state): why for line, why in standing.apart}
        lines = [
            NoticeLine(notice, reasons.get((notice.issued_on, notice.kind, notice.state), ""), on)
            for notice in kin.notices
            if notice.parent_id == parent
        ]
        made.append(Ledger(parents[parent], standing, lines))
    return made
