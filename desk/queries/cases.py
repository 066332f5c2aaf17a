"""Cases: which stand still, which plans end, who comes near a penalty notice, who is with the authority. One board for one's schools.

Everything is read once for the schools of the viewer's scope; the number of statements grows with the schools, never with the pupils.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from attendance.codes import BY_CHARACTER, Meaning
from attendance.grid import SESSIONS, academic_year_of, slot
from attendance.models import Figures
from casework.penalty.counter import Window
from casework.penalty.parameters import code_of, framework
from casework.penalty.reading import windows
from casework.queries.cases import last_events, overdue_by_school, periods_ending
from casework.queries.discretion import paused
from casework.queries.safeguarding import speak_first
from desk.queries.roll import Place, RollLine, Staff, places, roll
from desk.queries.todo import Owner, Reader
from desk.words import stage_label, year_name
from escalation.models import Case, Period, StageRecord, Task
from letters.phrases import percent
from schools.access import Scope
from schools.models import Pupil, PupilFlag, School, User

STUCK_AFTER = 10
"""School days without any event after which a case with something open counts as stuck: two weeks, a meeting's usual notice."""
NEAR = 3
"""Sessions short of the penalty threshold from which a counter is shown."""
LISTS = ("stuck", "due", "plans", "penalty", "authority")
SHOWN = {"stuck": 10, "due": 8, "plans": 8, "penalty": 6, "authority": 6}
"""Rows of each list on the overview; asked for by itself, a list shows all."""
STANDING = (StageRecord.State.PROPOSED, StageRecord.State.HELD, StageRecord.State.DONE, StageRecord.State.CARRIED_OVER)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Empty means all."""

    school: str = ""
    year: str = ""
    form: str = ""
    owner: str = ""
    flag: str = ""
    stage: str = ""
    show: str = ""

    def without(self, *names: str) -> str:
        """The address's query without the named parts, ending in & where it is not empty."""
        kept = [(name, getattr(self, name)) for name in self.__slots__ if name not in names and getattr(self, name)]
        return f"{urlencode(kept)}&" if kept else ""

    @property
    def lists(self) -> str:
        return self.without("show")

    @property
    def stages(self) -> str:
        return self.without("stage")

    def keeps(self, line: RollLine | None) -> bool:
        """A pupil who has left is shown only while nothing is narrowed."""
        if line is None:
            return not (self.year or self.form or self.flag)
        right_year = not self.year or str(line.year_group) == self.year
        return right_year and (not self.form or line.form == self.form) and (not self.flag or self.flag in line.flags)


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case as the board shows it. ``quiet``: school days since anything happened; ``next``: the task that is due first."""

    case: Case
    pupil: Pupil
    school: School
    line: RollLine | None
    stage: StageRecord | None
    owner: Owner
    quiet: int
    last_on: dt.date
    next: Task | None
    late: int
    is_open: bool
    speak_first: bool
    waits: bool

    @property
    def form(self) -> str:
        return self.line.form if self.line else "left"

    @property
    def flags(self) -> tuple[str, ...]:
        return self.line.flags if self.line else ()

    @property
    def is_stuck(self) -> bool:
        return self.is_open and self.quiet >= STUCK_AFTER

    @property
    def label(self) -> str:
        return stage_label(self.stage.stage) if self.stage else "No stage"

    @property
    def state(self) -> str:
        """Where the stage stands: "done 10 Nov", "proposed 3 Nov"."""
        if self.stage is None:
            return ""
        when = self.stage.done_on or self.stage.proposed_on
        return f"{self.stage.get_state_display().lower()} {when.day} {when:%b}"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan or period that ends this week, with its outcome where the night has tested it, and the figure so far where not."""

    about: CaseLine
    period: Period
    attended: int
    possible: int

    @property
    def figure(self) -> str:
        return percent(self.attended, self.possible) or "–"

    @property
    def outcome(self) -> str:
        return self.period.get_outcome_display() if self.period.outcome else "so far"

    @property
    def target(self) -> str:
        return f"{self.period.target.normalize():f}%" if self.period.target is not None else "better than before"


@dataclass(frozen=True, slots=True)
class PenaltyLine:
    about: CaseLine
    window: Window

    @property
    def free(self) -> int:
        return len(self.window.free)


@dataclass(frozen=True)
class Board:
    """Everything the page shows. ``cases``: of this year, after the filters."""

    on: dt.date
    schools: list[School]
    cases: list[CaseLine]
    plans: list[PlanLine]
    penalty: list[PenaltyLine]
    by_stage: list[tuple[str, str, int, int]]
    overdue: Mapping[int, int]
    choices: dict[str, list[tuple[str, str]]]
    filters: Filters

    @cached_property
    def stuck(self) -> list[CaseLine]:
        """Longest without an event first."""
        return sorted((case for case in self.cases if case.is_stuck), key=lambda case: (-case.quiet, case.pupil.last_name))

    @cached_property
    def due(self) -> list[CaseLine]:
        """By the task that is due first, overdue ones ahead."""
        with_task = [case for case in self.cases if case.next]
        return sorted(with_task, key=lambda case: (case.next.due_on if case.next else self.on, case.pupil.last_name))

    @cached_property
    def authority(self) -> list[CaseLine]:
        with_it = [case for case in self.cases if case.case.with_authority_since]
        return sorted(with_it, key=lambda case: case.case.with_authority_since or self.on)

    @property
    def reached(self) -> int:
        """How many have reached the penalty threshold."""
        return sum(each.window.is_reached for each in self.penalty)

    @property
    def near(self) -> int:
        return len(self.penalty) - self.reached

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in LISTS}

    def _rows(self, name: str) -> list:
        rows: list = getattr(self, name)
        return rows if self.filters.show == name else rows[: SHOWN[name]]

    @property
    def shown(self) -> dict[str, list]:
        return {name: self._rows(name) for name in LISTS}

    @property
    def late(self) -> int:
        """Overdue tasks of the shown cases."""
        return sum(bool(case.late) for case in self.cases)

    @property
    def everything_late(self) -> int:
        return sum(self.overdue.values())


def board(
    *, scope: Scope, user: User, schools: Collection[School], on: dt.date, filters: Filters, all_schools: Collection[School]
) -> Board:
    """The board over ``schools``, which the viewer may see."""
    calendars, lines, staff = places(schools, on), roll(scope, schools, on), Staff(schools, on)
    reader = Reader(user, on, calendars, lines, staff)
    every = _lines(scope, reader)
    in_scope = [case for case in every if filters.keeps(case.line) and _is_owners(case, filters.owner)]
    cases = [case for case in in_scope if not filters.stage or (case.stage and case.stage.stage == filters.stage)]
    return Board(
        on=on,
        schools=list(schools),
        cases=cases,
        plans=_plans(reader, cases),
        penalty=_penalty(reader, cases),
        by_stage=_by_stage(in_scope),
        overdue=overdue_by_school(list(schools), on),
        choices=_choices(every, all_schools),
        filters=filters,
    )


def _is_owners(case: CaseLine, owner: str) -> bool:
    if owner == "me":
        return case.owner.is_mine
    return case.owner.is_nobodys if owner == "nobody" else not owner or case.owner.email == owner


def _lines(scope: Scope, reader: Reader) -> list[CaseLine]:
    """Every case of the year within scope that has reached a stage or has something open. Seven statements."""
    found = Case.objects.filter(school__in=reader.schools, year=academic_year_of(reader.on), closed_on__isnull=True)
    visible = set(scope.enrolments.filter(school__in=reader.schools).values_list("pupil", "school"))
    cases = [case for case in found.select_related("pupil") if (case.pupil_id, case.school_id) in visible]
    ids = [case.pk for case in cases]
    stages: dict[int, list[StageRecord]] = defaultdict(list)
    for record in (
        StageRecord.objects.filter(case__in=ids, state__in=STANDING).defer("because", "sentences").order_by("proposed_on", "id")
    ):
        stages[record.case_id].append(record)
    tasks: dict[int, list[Task]] = defaultdict(list)
    for task in Task.objects.filter(case__in=ids, state=Task.State.OPEN).select_related("owner").order_by("due_on", "id"):
        tasks[task.case_id].append(task)
    events, waiting = last_events(ids), paused(ids, reader.on)
    told = speak_first([case.pupil_id for case in cases], reader.schools)
    return [
        _line(reader, case, stages[case.pk], tasks[case.pk], events.get(case.pk), case.pupil_id in told, case.pk in waiting)
        for case in cases
        if stages[case.pk] or tasks[case.pk]
    ]


def _line(
    reader: Reader,
    case: Case,
    stages: list[StageRecord],
    tasks: list[Task],
    last: dt.date | None,
    told: bool,
    waits: bool,
) -> CaseLine:
    place: Place = reader.places[case.school_id]
    line, last_on = reader.lines.get((case.pupil_id, case.school_id)), last or case.opened_on
    stage = stages[-1] if stages else None
    first = tasks[0] if tasks else None
    undecided = [record for record in stages if record.state in StageRecord.OPEN]
    role = first.role if first else (undecided[-1].approves or undecided[-1].acts) if undecided else stage.acts if stage else ""
    return CaseLine(
        case=case,
        pupil=case.pupil,
        school=place.school,
        line=line,
        stage=stage,
        owner=reader.owner(case.school_id, role or "attendance_lead", line, first.owner if first else None),
        quiet=place.age(last_on),
        last_on=last_on,
        next=first,
        late=place.age(first.due_on) if first and first.due_on < reader.on else 0,
        is_open=bool(tasks or undecided),
        speak_first=told,
        waits=waits,
    )


def _by_stage(cases: Iterable[CaseLine]) -> list[tuple[str, str, int, int]]:
    """(stage, its name in lists, colour, number of cases), mild to grave."""
    found = {case.stage.stage: case.stage for case in cases if case.stage}
    numbers = Counter(case.stage.stage for case in cases if case.stage)
    order = sorted(found.values(), key=lambda record: (record.level, record.stage))
    return [(record.stage, stage_label(record.stage), record.level, numbers[record.stage]) for record in order]


def _plans(reader: Reader, cases: Iterable[CaseLine]) -> list[PlanLine]:
    """Plans that end from Monday to Sunday of this week. One statement."""
    monday = reader.on - dt.timedelta(days=reader.on.weekday())
    by_case = {case.case.pk: case for case in cases}
    periods = periods_ending(list(by_case), monday, monday + dt.timedelta(days=6))
    return [_plan(by_case[period.case_id], period, reader) for period in periods]


def _plan(about: CaseLine, period: Period, reader: Reader) -> PlanLine:
    if period.outcome:
        return PlanLine(about, period, period.attended or 0, period.possible or 0)
    last = min(period.ends_on, reader.on)
    days = [date for date in reader.places[about.school.pk].days.dates if period.starts_on < date <= last]
    return PlanLine(about, period, *_attended(about.line, days))


def _attended(line: RollLine | None, days: Iterable[dt.date]) -> tuple[int, int]:
    """Sessions attended and possible on ``days`` of this academic year."""
    if line is None:
        return 0, 0
    codes = [BY_CHARACTER.get(line.marks[slot(date, session)]) for date in days for session in SESSIONS]
    possible = (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED)
    counted = [code.meaning for code in codes if code and code.meaning in possible]
    return counted.count(Meaning.ATTENDING), len(counted)


def _penalty(reader: Reader, cases: Iterable[CaseLine]) -> list[PenaltyLine]:
    """Counters near the threshold, the nearest first, then those that have reached it. Seven statements a school at most."""
    found: list[PenaltyLine] = []
    for place in reader.places.values():
        here = {case.pupil.pk: case for case in cases if case.school.pk == place.school.pk and case.line}
        missed = Figures.objects.filter(row__in=[case.line.row for case in here.values() if case.line and case.line.row])
        near = set(missed.filter(unauthorised__gte=_least(place)).values_list("row", flat=True))
        births = {pk: case.pupil.date_of_birth for pk, case in here.items() if case.line and case.line.row in near}
        if births:
            for pupil, window in windows(place.school, births, reader.on).items():
                if window.missing <= NEAR:
                    found.append(PenaltyLine(here[pupil], window))
    return sorted(found, key=lambda each: (each.window.is_reached, -each.free, each.about.pupil.last_name))


def _least(place: Place) -> int:
    """Unauthorised sessions of the year below which nobody can be near: 1 while the counter's weeks still reach into last year."""
    threshold = framework().on(place.on).threshold
    weeks = len(set(place.days.week[: place.days.first_after(place.on)]))
    reaches_back = threshold is None or weeks < threshold.school_weeks
    return 1 if reaches_back else max(1, code_of(place.school.local_authority).threshold - NEAR)


def _choices(cases: Iterable[CaseLine], schools: Collection[School]) -> dict[str, list[tuple[str, str]]]:
    """What each filter offers, from what there is."""
    lines = [case.line for case in cases if case.line]
    flags = {flag for line in lines for flag in line.flags}
    owners = {(case.owner.email, case.owner.name) for case in cases if case.owner.email and not case.owner.is_mine}
    return {
        "schools": [(school.urn, school.name) for school in schools] if len(schools) > 1 else [],
        "years": [(str(year), year_name(year)) for year in sorted({line.year_group for line in lines})],
        "forms": [(form, form) for form in sorted({line.form for line in lines if line.form})],
        "flags": [(flag.value, flag.label) for flag in PupilFlag.CHANGES_HOW_TO_ACT if flag.value in flags],
        "owners": [("me", "Mine"), ("nobody", "Nobody’s"), *sorted(owners, key=lambda owner: owner[1])],
    }
