"""A late or corrected mark is held against what rested on it.

A proposed stage that would not fire now is withdrawn with that reason. A stage that was done stays done, but is flagged: "would not have
been reached on today's register". The caller holds the transaction.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from attendance.models import MarkChange
from escalation.engine.evaluate import judge_for, needs_done
from escalation.loading import LoadedSchool
from escalation.models import Event, StageRecord
from escalation.services import cancel_what_waits

WITHDRAWN_BECAUSE = "A mark was corrected, and on today's register this stage would not be reached."


def hold_against_corrections(loaded: LoadedSchool, *, since: dt.datetime | None, on: dt.date, now: dt.datetime) -> int:
    """Withdraws or flags what lost its ground by marks changed from ``since`` on (the start of the last finished night); returns how
    many proposed stages were withdrawn. One statement where nothing was corrected."""
    if since is None:
        return 0
    changes = MarkChange.objects.filter(school=loaded.school, at__gte=since)
    pupils = set(changes.values_list("row__enrolment__pupil_id", flat=True))
    if not pupils:
        return 0
    records = StageRecord.objects.filter(case__school=loaded.school, case__year=loaded.year, case__pupil__in=pupils)
    lost = [record for record in records.select_related("case") if _may_change(record) and not _still_holds(loaded, record)]
    return sum(_take_back(record, on=on, now=now) for record in lost)


def _may_change(record: StageRecord) -> bool:
    states = StageRecord.State
    flagged = record.not_on_todays_register_since is not None
    return bool(record.because) and (record.state in StageRecord.OPEN or (record.state == states.DONE and not flagged))


def _still_holds(loaded: LoadedSchool, record: StageRecord) -> bool:
    """Whether the stage's condition and needs hold as of the day it was proposed, on the marks as they stand now."""
    number = loaded.by_pupil.get(record.case.pupil_id)
    if number is None or not any(stage.id == record.stage for stage in loaded.ruleset.stages):
        return True
    state = loaded.state_before(record.proposed_on, without=record.pk)
    judge = judge_for(loaded.register, loaded.ruleset, loaded.national, state, record.proposed_on)
    rows = np.array([number])
    stage = loaded.ruleset.stage(record.stage)
    return bool(judge.holds(stage.condition, rows)[0] and needs_done(state, stage, rows)[0])


def _take_back(record: StageRecord, *, on: dt.date, now: dt.datetime) -> int:
    if record.state == StageRecord.State.DONE:
        record.not_on_todays_register_since = on
        record.save(update_fields=["not_on_todays_register_since"])
        text = f"Stage {record.stage} would not have been reached on today's register: a mark was corrected."
    else:
        record.state, record.reason, record.decided_at = StageRecord.State.WITHDRAWN, WITHDRAWN_BECAUSE, now
        record.save(update_fields=["state", "reason", "decided_at"])
        cancel_what_waits(record=record)
        passed = record.case.stages.filter(state=StageRecord.State.PASSED_OVER, proposed_on=record.proposed_on)
        passed.update(state=StageRecord.State.WITHDRAWN, reason=WITHDRAWN_BECAUSE, decided_at=now)
        text = f"Stage {record.stage} withdrawn. {WITHDRAWN_BECAUSE}"
    Event.objects.create(case=record.case, kind="stage", on=on, at=now, text=text, stage_record=record)
    return int(record.state == StageRecord.State.WITHDRAWN)
