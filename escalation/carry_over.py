"""A new year's cases begin with what a ladder carries over from the year before, judged on each pupil's last day with a mark."""

from __future__ import annotations

import datetime as dt

import numpy as np

from attendance.codes import NO_MARK
from escalation.engine.evaluate import carries_over, judge_for, new_state
from escalation.loading import LoadedSchool
from escalation.models import Case, StageRecord


def carry_over_from_last_year(loaded: LoadedSchool, *, latest: dt.date | None, on: dt.date, now: dt.datetime) -> int:
    """On a school's first night of the year (``latest`` is the day of its last finished one): opens the cases of those whom the ladder
    carries over. Returns how many."""
    rule = loaded.ruleset.carry_over
    first_day = int(np.argmax(loaded.days.year == loaded.days.year[loaded.days.index(on) or 0]))
    if rule is None or first_day == 0 or (latest and latest >= loaded.days.dates[first_day]):
        return 0
    numbers = _carried(loaded, first_day)
    made = [
        Case(pupil_id=loaded.enrolled[number].pupil_id, school=loaded.school, year=loaded.year, opened_on=on)
        for number in numbers
        if loaded.enrolled[number].pupil_id not in loaded.cases
    ]
    Case.objects.bulk_create(made, ignore_conflicts=True)
    pupils = [loaded.enrolled[number].pupil_id for number in numbers]
    cases = Case.objects.filter(school=loaded.school, year=loaded.year, pupil__in=pupils)
    records = [_record(loaded, case, stage, on, now) for case in cases for stage in rule.stages]
    StageRecord.objects.bulk_create(records, ignore_conflicts=True)
    return len(numbers)


def _carried(loaded: LoadedSchool, first_day: int) -> list[int]:
    """Rows for whom the rule holds on their last day with a mark before ``first_day``."""
    marked = loaded.register.marks[:, : 2 * first_day] != ord(NO_MARK)
    has_any = marked.any(axis=1)
    last_day = (marked.shape[1] - 1 - np.argmax(marked[:, ::-1], axis=1)) // 2
    carried: list[int] = []
    for day in np.unique(last_day[has_any]):
        rows = np.flatnonzero(has_any & (last_day == day))
        empty = new_state(len(loaded.enrolled), loaded.ruleset, loaded.national)
        judge = judge_for(loaded.register, loaded.ruleset, loaded.national, empty, loaded.days.dates[int(day)])
        carried += carries_over(judge, loaded.ruleset, rows.tolist())
    return carried


def _record(loaded: LoadedSchool, case: Case, stage_id: str, on: dt.date, now: dt.datetime) -> StageRecord:
    stage = loaded.ruleset.stage(stage_id)
    band = loaded.ruleset.band(stage)
    return StageRecord(
        case=case,
        version=loaded.version,
        stage=stage.id,
        name=stage.name,
        band=band.name,
        level=band.level,
        state=StageRecord.State.CARRIED_OVER,
        proposed_on=on,
        done_on=on,
        decided_at=now,
        acts=stage.acts,
        approves=stage.approves or "",
        reason=loaded.ruleset.carry_over.note if loaded.ruleset.carry_over else "",
    )
