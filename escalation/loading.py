"""A school as the engine wants it: calendar, marks, ruleset and the cases so far, read in a constant number of statements.

The register holds the year of the day and the one before, since windows of school weeks and runs cross the summer.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from django.utils import timezone

from attendance.grid import academic_year_of
from attendance.queries import Enrolled, school_matrix
from escalation.engine.evaluate import new_state
from escalation.engine.register import Register
from escalation.engine.ruleset import Ruleset, national_rules
from escalation.engine.state import CaseState, WatchRow
from escalation.models import Case, Period, RulesetVersion, StageRecord, WatchMemory
from escalation.queries import adopted
from schools.models import School
from schools.queries import school_days
from schools.schooldays import SchoolDays


class StageFacts(NamedTuple):
    """What the engine wants of a stage record."""

    pk: int
    case_id: int
    pupil_id: int
    stage: str
    state: str
    proposed_on: dt.date
    done_on: dt.date | None
    ask_again_on: dt.date | None
    decided_at: dt.datetime | None

    def stood_on(self, day: dt.date) -> str:
        """Its state by the end of ``day``: what was decided later had not been decided then."""
        decided = timezone.localdate(self.decided_at) if self.decided_at else None
        if self.state in (StageRecord.State.DECLINED, StageRecord.State.PASSED_OVER) and decided and decided > day:
            return StageRecord.State.PROPOSED
        return self.state

    def is_known_before(self, day: dt.date) -> bool:
        """Whether there was such a record before ``day``: proposed by then, or done by then and entered later."""
        return self.proposed_on < day or (self.done_on is not None and self.done_on < day)


class PeriodFacts(NamedTuple):
    """What the engine wants of a plan or period; ``target`` in %, None for "improve"."""

    pk: int
    case_id: int
    pupil_id: int
    stage: str
    starts_on: dt.date
    weeks: int
    ends_on: dt.date
    target: Decimal | None
    outcome: str


@dataclass
class LoadedSchool:
    """A school on a day. Row number ``i`` of the register is ``enrolled[i]``; ``cases`` (case by pupil), ``stages`` and ``periods`` are
    of the year, as bare facts: a night reads thousands and writes few."""

    school: School
    on: dt.date
    year: int
    days: SchoolDays
    version: RulesetVersion
    ruleset: Ruleset
    national: Ruleset
    register: Register
    enrolled: list[Enrolled]
    cases: dict[int, int]
    stages: list[StageFacts]
    periods: list[PeriodFacts]
    memories: dict[int, dict[str, dict[str, str]]]
    state: CaseState = field(init=False)

    def __post_init__(self) -> None:
        self.by_pupil = {pupil.pupil_id: number for number, pupil in enumerate(self.enrolled)}
        self.state = self.state_before(None)

    def state_before(self, day: dt.date | None, *, without: int | None = None, only: int | None = None) -> CaseState:
        """The cases as the engine sees them; with ``day``, as they stood before it; ``without`` leaves one record (by number) out, ``only``
        puts in nothing but that pupil's (by id), for a judgement of that pupil alone."""
        state = new_state(len(self.enrolled), self.ruleset, self.national)
        stages = self.stages if only is None else self._stages_of.get(only, [])
        for record in _latest_of_each(stages, day):
            number = self.by_pupil.get(record.pupil_id)
            if number is not None and record.pk != without and record.stage in state.position:
                _put_stage(state, number, record, day)
        for period in self.periods if only is None else self._periods_of.get(only, []):
            number = self.by_pupil.get(period.pupil_id)
            if number is not None and period.stage in state.position and (day is None or period.starts_on < day):
                _put_period(state, number, period, day)
        numbers = range(len(self.enrolled)) if only is None else [self.by_pupil[only]]
        for number in numbers:
            for rule, dates in self.memories.get(self.enrolled[number].enrolment_id, {}).items():
                if rule in state.watch:
                    state.watch[rule].set(number, watch_row(dates))
        return state

    @cached_property
    def _stages_of(self) -> dict[int, list[StageFacts]]:
        return _by_pupil(self.stages)

    @cached_property
    def _periods_of(self) -> dict[int, list[PeriodFacts]]:
        return _by_pupil(self.periods)


Fact = TypeVar("Fact", StageFacts, PeriodFacts)


def _by_pupil(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.pupil_id].append(fact)
    return found


def _latest_of_each(records: Iterable[StageFacts], day: dt.date | None) -> list[StageFacts]:
    """A stage that was declined and came again counts as it stands now or, with ``day``, as it stood before it came again."""
    latest: dict[tuple[int, str], StageFacts] = {}
    for record in records:
        if record.state != StageRecord.State.WITHDRAWN and (day is None or record.is_known_before(day)):
            latest[record.case_id, record.stage] = record
    return list(latest.values())


def _put_stage(state: CaseState, number: int, record: StageFacts, day: dt.date | None) -> None:
    states = StageRecord.State
    done_on = record.done_on if record.state in (states.DONE, states.CARRIED_OVER) else None
    if done_on and (day is None or done_on < day):
        state.mark_done(number, record.stage, done_on, carried=record.state == states.CARRIED_OVER)
    elif (record.state if day is None else record.stood_on(day)) == states.DECLINED:
        state.decline(number, record.stage, record.ask_again_on)
    else:
        state.mark_proposed(number, record.stage)


def _put_period(state: CaseState, number: int, period: PeriodFacts, day: dt.date | None) -> None:
    target = None if period.target is None else Fraction(period.target)
    state.begin_period(number, period.stage, period.starts_on, period.weeks, target)
    if period.outcome and (day is None or period.ends_on <= day):
        state.end_period(number, period.stage, period.ends_on, period.outcome)


def watch_row(dates: dict[str, str]) -> WatchRow:
    return WatchRow(**{name: dt.date.fromisoformat(text) for name, text in dates.items()})


def load_school(school: School, on: dt.date, *, enrolment_ids: Collection[int] | None = None) -> LoadedSchool:
    """The pupils on roll on ``on`` (or those of ``enrolment_ids``, whenever they were), with all that decides about them. Nine statements.

    Raises Refused where the school has no ladder, CalendarError where its calendar contradicts itself.
    """
    year = academic_year_of(on)
    version, ruleset = adopted(school, on)
    days = school_days(school, [year - 1, year])
    enrolled, marks = school_matrix(
        school, [year - 1, year], on=on if enrolment_ids is None else None, enrolment_ids=enrolment_ids, days=days
    )
    on_roll_from, on_roll_to = _on_roll(days, enrolled)
    pupil_ids = None if enrolment_ids is None else [pupil.pupil_id for pupil in enrolled]
    cases, stages, periods = _cases(school, year, pupil_ids)
    memories = WatchMemory.objects.filter(school=school)
    if enrolment_ids is not None:
        memories = memories.filter(enrolment__in=enrolment_ids)
    return LoadedSchool(
        school=school,
        on=on,
        year=year,
        days=days,
        version=version,
        ruleset=ruleset,
        national=national_rules(),
        register=Register(days, marks, on_roll_from, on_roll_to),
        enrolled=enrolled,
        cases=cases,
        stages=stages,
        periods=periods,
        memories=dict(memories.values_list("enrolment", "facts")),
    )


def _on_roll(days: SchoolDays, enrolled: list[Enrolled]) -> tuple[np.ndarray, np.ndarray]:
    """int64[pupils, years] twice: numbers of the first and last school day on roll in each academic year (from > to: none)."""
    years = int(days.year[-1]) + 1 if len(days) else 0
    first = np.array([np.argmax(days.year == number) for number in range(years)], dtype=np.int64)
    last = np.append(first[1:], len(days)) - 1
    starts = np.array([days.first_on_or_after(pupil.starts) for pupil in enrolled], dtype=np.int64)
    ends = np.array([days.first_after(pupil.ends) - 1 if pupil.ends else len(days) - 1 for pupil in enrolled], dtype=np.int64)
    return np.maximum(starts[:, None], first[None, :]), np.minimum(ends[:, None], last[None, :])


def _cases(school: School, year: int, pupil_ids: list[int] | None) -> tuple[dict[int, int], list[StageFacts], list[PeriodFacts]]:
    """Case by pupil, stage records in the order in which they were made, periods in order of time. Two statements."""
    cases = Case.objects.filter(school=school, year=year)
    periods = Period.objects.filter(case__school=school, case__year=year)
    if pupil_ids is not None:
        cases, periods = cases.filter(pupil__in=pupil_ids), periods.filter(case__pupil__in=pupil_ids)
    joined = cases.order_by("stages").values_list(*[_STAGE_COLUMNS.get(name, f"stages__{name}") for name in StageFacts._fields])
    rows = [StageFacts(*row) for row in joined]
    found = periods.order_by("starts_on", "pk").values_list(*[_PERIOD_COLUMNS.get(name, name) for name in PeriodFacts._fields])
    return (
        {row.pupil_id: row.case_id for row in rows},
        [row for row in rows if row.pk is not None],
        [PeriodFacts(*row) for row in found],
    )


_STAGE_COLUMNS = {"pk": "stages__pk", "case_id": "pk", "pupil_id": "pupil_id"}
_PERIOD_COLUMNS = {"pupil_id": "case__pupil_id"}
