"""A school as the engine wants it: calendar, marks, ruleset and the cases so far, read in a constant number of statements.

The register holds the year of the day and the one before, since windows of school weeks and runs cross the summer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from django.db.models import Q

from attendance.grid import academic_year_of, matrix
from attendance.models import RegisterRow
from escalation.engine.evaluate import new_state
from escalation.engine.register import Register
from escalation.engine.ruleset import Ruleset, national_rules
from escalation.engine.state import CaseState, WatchRow
from escalation.models import Case, Period, RulesetVersion, StageRecord, WatchMemory
from escalation.queries import adopted
from schools.models import Enrolment, School
from schools.queries import school_days
from schools.schooldays import SchoolDays


@dataclass
class LoadedSchool:
    """A school on a day. Row number ``i`` of the register is ``enrolments[i]``; ``cases``, ``stages`` and ``periods`` are of the year."""

    school: School
    on: dt.date
    year: int
    days: SchoolDays
    version: RulesetVersion
    ruleset: Ruleset
    national: Ruleset
    register: Register
    enrolments: list[Enrolment]
    row_ids: dict[tuple[int, int], int]
    cases: dict[int, Case]
    stages: list[StageRecord]
    periods: list[Period]
    memories: dict[int, dict[str, dict[str, str]]]
    state: CaseState = field(init=False)

    def __post_init__(self) -> None:
        self.by_pupil = {enrolment.pupil_id: number for number, enrolment in enumerate(self.enrolments)}
        self.state = self.state_before(None)

    def state_before(self, day: dt.date | None, *, without: StageRecord | None = None) -> CaseState:
        """The cases as the engine sees them; with ``day``, as they stood before it, and ``without`` the record that is being looked at."""
        state = new_state(len(self.enrolments), self.ruleset, self.national)
        for record in _latest_of_each(self.stages):
            number = self.by_pupil.get(record.case.pupil_id)
            if number is not None and record != without and record.stage in state.position:
                _put_stage(state, number, record, day)
        for period in self.periods:
            number = self.by_pupil.get(period.case.pupil_id)
            if number is not None and period.stage in state.position and (day is None or period.starts_on < day):
                _put_period(state, number, period, day)
        for number, enrolment in enumerate(self.enrolments):
            for rule, dates in self.memories.get(enrolment.pk, {}).items():
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
    done = record.done_on is not None and record.state in (states.DONE, states.CARRIED_OVER)
    if done and (day is None or record.done_on < day):
        state.mark_done(number, record.stage, record.done_on, carried=record.state == states.CARRIED_OVER)
    elif day is not None and record.proposed_on >= day:
        return
    elif record.state == states.DECLINED:
        state.decline(number, record.stage, record.ask_again_on)
    else:
        state.mark_proposed(number, record.stage)


def _put_period(state: CaseState, number: int, period: Period, day: dt.date | None) -> None:
    state.begin_period(number, period.stage, period.starts_on, period.weeks, period.target)
    if period.outcome and (day is None or period.ends_on < day):
        state.end_period(number, period.stage, period.ends_on, period.outcome)


def watch_row(dates: dict[str, str]) -> WatchRow:
    return WatchRow(**{name: dt.date.fromisoformat(text) for name, text in dates.items()})


def load_school(school: School, on: dt.date, *, enrolment_ids: Iterable[int] | None = None) -> LoadedSchool:
    """The pupils on roll on ``on`` (or those of ``enrolment_ids``), with everything that decides about them. Nine statements.

    Raises Refused where the school has no ladder, CalendarError where its calendar contradicts itself.
    """
    year = academic_year_of(on)
    version, ruleset = adopted(school, on)
    days = school_days(school, [year - 1, year])
    enrolments = _enrolments(school, on, enrolment_ids)
    rows = _register_rows(school, year, None if enrolment_ids is None else [enrolment.pk for enrolment in enrolments])
    marks: list[dict[int, str]] = [{} for _ in enrolments]
    number_of = {enrolment.pk: number for number, enrolment in enumerate(enrolments)}
    row_ids = {}
    for row_id, enrolment_id, row_year, text in rows:
        if enrolment_id in number_of:
            marks[number_of[enrolment_id]][row_year] = text
            row_ids[enrolment_id, row_year] = row_id
    on_roll_from, on_roll_to = _on_roll(days, enrolments)
    cases, stages, periods = _cases(school, year, None if enrolment_ids is None else [enrolment.pupil_id for enrolment in enrolments])
    return LoadedSchool(
        school=school,
        on=on,
        year=year,
        days=days,
        version=version,
        ruleset=ruleset,
        national=national_rules(),
        register=Register(days, matrix(days, marks), on_roll_from, on_roll_to),
        enrolments=enrolments,
        row_ids=row_ids,
        cases=cases,
        stages=stages,
        periods=periods,
        memories=dict(WatchMemory.objects.filter(school=school, enrolment__in=enrolment_ids or []).values_list("enrolment", "facts"))
        if enrolment_ids is not None
        else dict(WatchMemory.objects.filter(school=school).values_list("enrolment", "facts")),
    )


def _enrolments(school: School, on: dt.date, enrolment_ids: Iterable[int] | None) -> list[Enrolment]:
    found = Enrolment.objects.filter(school=school).select_related("pupil").order_by("pk")
    if enrolment_ids is not None:
        return list(found.filter(pk__in=list(enrolment_ids)))
    return list(found.filter(starts__lte=on).filter(Q(ends__isnull=True) | Q(ends__gte=on)))


def _register_rows(school: School, year: int, enrolment_ids: list[int] | None) -> Iterable[tuple[int, int, int, str]]:
    rows = RegisterRow.objects.filter(school=school, year__in=[year - 1, year])
    if enrolment_ids is not None:
        rows = rows.filter(enrolment__in=enrolment_ids)
    return rows.values_list("pk", "enrolment_id", "year", "marks")


def _on_roll(days: SchoolDays, enrolments: list[Enrolment]) -> tuple[np.ndarray, np.ndarray]:
    """int64[pupils, years] twice: numbers of the first and last school day on roll in each academic year (from > to: none)."""
    years = int(days.year[-1]) + 1 if len(days) else 0
    first = np.array([np.argmax(days.year == number) for number in range(years)], dtype=np.int64)
    last = np.append(first[1:], len(days)) - 1
    starts = np.array([days.first_on_or_after(enrolment.starts) for enrolment in enrolments], dtype=np.int64)
    ends = np.array([days.first_after(enrolment.ends) - 1 if enrolment.ends else len(days) - 1 for enrolment in enrolments], dtype=np.int64)
    return np.maximum(starts[:, None], first[None, :]), np.minimum(ends[:, None], last[None, :])


def _cases(school: School, year: int, pupil_ids: list[int] | None) -> tuple[dict[int, Case], list[StageRecord], list[Period]]:
    cases = Case.objects.filter(school=school, year=year)
    if pupil_ids is not None:
        cases = cases.filter(pupil__in=pupil_ids)
    by_id = {case.pk: case for case in cases}
    belongs = Q(case__school=school, case__year=year) if pupil_ids is None else Q(case__in=list(by_id))
    stages = list(StageRecord.objects.filter(belongs).order_by("pk"))
    periods = list(Period.objects.filter(belongs).order_by("starts_on", "pk"))
    for part in (*stages, *periods):
        part.case = by_id[part.case_id]
    return {case.pupil_id: case for case in by_id.values()}, stages, periods
