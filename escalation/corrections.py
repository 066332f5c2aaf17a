"""A late or corrected mark is held against what rested on it.

A proposed stage that would not fire now is withdrawn with that reason. A stage that was done stays done, but is flagged: "would not have
been reached on today's register". The caller holds the transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from attendance import history
from attendance.grid import session_of
from attendance.models import ImportBatch, MarkChange, RegisterEntry, RegisterRow
from escalation.engine.evaluate import judge_for, needs_done
from escalation.loading import LoadedSchool
from escalation.models import Event, StageRecord
from escalation.services import cancel_what_waits
from schools.models import School

WITHDRAWN_BECAUSE = "A mark was corrected, and on today's register this stage would not be reached."


class _Row(NamedTuple):
    pupil: int
    year: int


def hold_against_corrections(loaded: LoadedSchool, *, since: dt.datetime | None, on: dt.date, now: dt.datetime) -> int:
    """Withdraws or flags what lost its ground by marks changed, or entered late, from ``since`` on (the start of the last finished night);
    returns how many proposed stages were withdrawn. Four statements where nothing rested on them."""
    if since is None:
        return 0
    touched = touched_since(loaded.school, since=since, until=on)
    if not touched:
        return 0
    records = StageRecord.objects.filter(
        case__school=loaded.school, case__year=loaded.year, proposed_on__gte=min(touched.values())
    )
    return sum(_take_back(record, on=on, now=now) for record in lost_ground(loaded, records.select_related("case"), touched))


def touched_since(
    school: School, *, since: dt.datetime, until: dt.date, pupils: Collection[int] | None = None
) -> dict[int, dt.date]:
    """By pupil, the earliest day up to ``until`` whose mark was changed, or first entered, from ``since`` on. Four statements."""
    owned = RegisterRow.objects.filter(school=school)
    if pupils is not None:
        owned = owned.filter(enrolment__pupil__in=pupils)
    rows = {pk: _Row(pupil, year) for pk, pupil, year in owned.values_list("pk", "enrolment__pupil", "year")}
    changed = MarkChange.objects.filter(school=school, at__gte=since, date__lte=until)
    if pupils is not None:
        changed = changed.filter(row__in=rows)
    earliest: dict[int, dt.date] = {}
    for row_id, date in (*changed.values_list("row", "date"), *_first_entered(school, since, rows, until)):
        pupil = rows[row_id].pupil
        earliest[pupil] = min(date, earliest.get(pupil, date))
    return earliest


def _first_entered(school: School, since: dt.datetime, rows: Mapping[int, _Row], until: dt.date) -> Iterator[tuple[int, dt.date]]:
    """(register row, its earliest day) of what files and registers entered from ``since`` on."""
    files = ImportBatch.objects.filter(school=school, at__gte=since).values_list("first_entries", flat=True)
    taken = RegisterEntry.objects.filter(school=school, at__gte=since, register__date__lte=until).values_list(
        "first_entries", flat=True
    )
    for packed in (*files, *taken):
        entries = history.unpack(bytes(packed))
        order = np.lexsort((entries.slots, entries.row_ids))
        row_ids, places = np.unique(entries.row_ids[order], return_index=True)
        for row_id, place in zip(row_ids.tolist(), entries.slots[order][places].tolist(), strict=True):
            if row_id in rows and (date := session_of(rows[row_id].year, place)[0]) <= until:
                yield row_id, date


def lost_ground(loaded: LoadedSchool, records: Iterable[StageRecord], touched: Mapping[int, dt.date]) -> list[StageRecord]:
    """Those of the records, open or done, that today's register would not propose: only where a mark of the days before was touched."""
    return [
        record
        for record in records
        if _may_change(record)
        and touched.get(record.case.pupil_id, dt.date.max) <= record.proposed_on
        and not _still_holds(loaded, record)
    ]


def _may_change(record: StageRecord) -> bool:
    states = StageRecord.State
    flagged = record.not_on_todays_register_since is not None
    return bool(record.because) and (record.state in StageRecord.OPEN or (record.state == states.DONE and not flagged))


def _still_holds(loaded: LoadedSchool, record: StageRecord) -> bool:
    """Whether the stage's condition and needs hold as of the day it was proposed, on the marks as they stand now."""
    number = loaded.by_pupil.get(record.case.pupil_id)
    if number is None or not any(stage.id == record.stage for stage in loaded.ruleset.stages):
        return True
    state = loaded.state_before(record.proposed_on, without=record.pk, only=record.case.pupil_id)
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
