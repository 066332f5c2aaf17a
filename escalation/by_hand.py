"""Stages that a person takes out of turn, or leaves out: the ladder proposes, people decide.

"At any stage the head of school may escalate" (``federation``); the other four policies say the same in other words. Only ever upwards:
a stage at or below one that stands is not taken a second time in a year.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from escalation.actions import letters_at_once, task_at_once
from escalation.engine.ruleset import Ruleset, Stage
from escalation.models import Case, StageRecord
from escalation.queries import adopted
from escalation.services import add_event, cancel_what_waits, plan_actions
from schools import audit
from schools.models import User
from schools.rules import Refused


def stages_above(case: Case, ruleset: Ruleset) -> list[Stage]:
    """The stages that may be taken out of turn: those above the highest that stands. One statement."""
    standing = set(case.stages.filter(state__in=StageRecord.STANDING).values_list("stage", flat=True))
    reached = [number for number, stage in enumerate(ruleset.stages) if stage.id in standing]
    return list(ruleset.stages[max(reached, default=-1) + 1 :])


@transaction.atomic
def take_stage(*, case: Case, stage_id: str, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> StageRecord:
    """Proposes a stage that the ladder has not reached: its letter is planned or its first task given, as if the night had proposed it.

    What waits at lower stages is passed over. Refused without a reason, and for a stage at or below one that stands.
    """
    _with_reason(reason)
    Case.objects.select_for_update().get(pk=case.pk)
    version, ruleset = adopted(case.school, on)
    stage = next((each for each in stages_above(case, ruleset) if each.id == stage_id), None)
    if stage is None:
        raise Refused(f"Stage {stage_id} cannot be taken: the family stands there already, or higher.")
    band = ruleset.band(stage)
    for lower in case.stages.filter(state__in=StageRecord.OPEN):
        _pass_over(lower, reason=f"Stage {stage.id} was taken out of turn.", by=by, now=now)
    try:
        with transaction.atomic():
            record = StageRecord.objects.create(
                case=case, version=version, stage=stage.id, name=stage.name, band=band.name, level=band.level, proposed_on=on,
                sentences=[f"Taken out of turn by {by.name}: {reason.strip()}"], acts=stage.acts, approves=stage.approves or "",
            )  # fmt: skip
    except IntegrityError:
        raise Refused(f"Somebody has taken stage {stage.id} in the meantime.") from None
    plan_actions(record, stage, letters=letters_at_once(stage), tasks=task_at_once(stage), on=on)
    text = f"Stage {stage.id} taken out of turn: {stage.name}. {reason.strip()}"
    add_event(case=case, kind="decision", text=text, on=on, now=now, by=by, role=role, record=record)
    audit.record(action="stage taken", subject=record, by=by, role=role, at=now, school=case.school, reason=reason.strip())
    return record


@transaction.atomic
def skip_stage(*, record: StageRecord, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> StageRecord:
    """The stage is left out this year and the ladder goes on above it; what waits for it is cancelled. Stages that need it done do not
    come by themselves: a person may take them."""
    _with_reason(reason)
    if not _pass_over(record, reason=reason.strip(), by=by, now=now):
        raise Refused(f"Stage {record.stage} is already {record.get_state_display().lower()}.")
    text = f"Stage {record.stage} left out: {reason.strip()}"
    add_event(case=record.case, kind="decision", text=text, on=on, now=now, by=by, role=role, record=record)
    audit.record(
        action="stage left out", subject=record, by=by, role=role, at=now, school=record.case.school, reason=reason.strip()
    )
    return record


def _with_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("Give a reason: it is kept with the case.")


def _pass_over(record: StageRecord, *, reason: str, by: User, now: dt.datetime) -> bool:
    """False where the record is no longer open."""
    passed = StageRecord.objects.filter(pk=record.pk, state__in=StageRecord.OPEN).update(
        state=StageRecord.State.PASSED_OVER, reason=reason, decided_by=by, decided_at=now
    )
    record.refresh_from_db()
    if passed:
        cancel_what_waits(record=record)
    return bool(passed)
