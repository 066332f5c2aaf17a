"""A school as the engine wants it: calendar, marks, ruleset and the cases so far, read in a constant number of statements.

The register holds the year of the day and the one before, since windows of school weeks and runs cross the summer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from django.db.models import Q

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


@dataclass
class LoadedSchool:
    """A school on a day. Row number ``i`` of the register is ``enrolled[i]``; ``cases``, ``stages`` and ``periods`` are of the year."""

    school: School
    on: dt.date
    year: int
    days: SchoolDays
    version: RulesetVersion
    ruleset: Ruleset
    national: Ruleset
    register: Register
    enrolled: list[Enrolled]
    cases: dict[int, Case]
    stages: list[StageRecord]
    periods: list[Period]
    memories: dict[int, dict[str, dict[str, str]]]
    state: CaseState = field(init=False)

    def __post_init__(self) -> None:
        self.by_pupil = {pupil.pupil_id: number for number, pupil in enumerate(self.enrolled)}
        self.state = self.state_before(None)

    def state_before(self, day: dt.date | None, *, without: StageRecord | None = None) -> CaseState:
        """The cases as the engine sees them; with ``day``, as they stood before it, and ``without`` the record that is being looked at."""
        state = new_state(len(self.enrolled), self.ruleset, self.national)
        for record in _latest_of_each(self.stages):
            number = self.by_pupil.get(record.case.pupil_id)
            if number is not None and record != without and record.stage in state.position:
                _put_stage(state, number, record, day)
        for period in self.periods:
            number = self.by_pupil.get(period.case.pupil_id)
            if number is not None and period.stage in state.position and (day is None or period.starts_on < day):
                _put_period(state, number, period, day)
        for number, pupil in enumerate(self.enrolled):
            for rule, dates in self.memories.get(pupil.enrolment_id, {}).items():
                if rule in state.watch:
                    state.watch[rule].set(number, watch_row(dates))
        return state


def _latest_of_each(records: Iterable[StageRecord]) -> list[StageRecord]:
    """A stage that was declined and came again counts as it stands now."""
    latest: dict[tuple[int, str], StageRecord] = {}
    for record in records:
        if record.state != StageRecord.State.WITHDRAWN:
            latest[record.case_id, record.stage] = record
    return list(latest.values())


def _put_stage(state: CaseState, number: int, record: StageRecord, day: dt.date | None) -> None:
    states = StageRecord.State
    done_on = record.done_on if record.state in (states.DONE, states.CARRIED_OVER) else None
    if done_on and (day is None or done_on < day):
        state.mark_done(number, record.stage, done_on, carried=record.state == states.CARRIED_OVER)
    elif day is not None and record.proposed_on >= day:
        return
    elif record.state == states.DECLINED:
        state.decline(number, record.stage, record.ask_again_on)
    else:
        state.mark_proposed(number, record.stage)


def _put_period(state: CaseState, number: int, period: Period, day: dt.date | None) -> None:
    target = None if period.target is None else Fraction(period.target)
    state.begin_period(number, period.stage, period.starts_on, period.weeks, target)
    if period.outcome and (day is None or period.ends_on < day):
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


def _cases(school: School, year: int, pupil_ids: list[int] | None) -> tuple[dict[int, Case], list[StageRecord], list[Period]]:
    cases = Case.objects.filter(school=school, year=year)
    if pupil_ids is not None:
        cases = cases.filter(pupil__in=pupil_ids)
    by_id = {case.pk: case for case in cases}
    belongs = Q(case__school=school, case__year=year) if pupil_ids is None else Q(case__in=list(by_id))
    stages = list(StageRecord.objects.filter(belongs).order_by("pk"))
    periods = list(Period.objects.filter(belongs).order_by("starts_on", "pk"))
    for record in stages:
        record.case = by_id[record.case_id]
    for period in periods:
        period.case = by_id[period.case_id]
    return {case.pupil_id: case for case in by_id.values()}, stages, periods
