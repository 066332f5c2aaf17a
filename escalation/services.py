"""What people decide about stages, tasks and watch entries: one atomic service a change, with its line in the timeline and the audit trail.

The night's own writing is in ``night``. A stage is done when its action was recorded: a letter that left, a conversation or meeting that
took place; proposing it is not doing it.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from attendance.grid import academic_year_of
from escalation.actions import begins_with_letter, letters_that_follow, task_title, tasks_that_follow
from escalation.engine.ruleset import Stage
from escalation.engine.schema import Action
from escalation.models import Case, Event, Period, PlannedLetter, StageRecord, Task, WatchEntry
from escalation.queries import ruleset_of
from escalation.recording import due_on, planned_letter
from schools import audit
from schools.models import Parent, Pupil, Role, School, User
from schools.queries import placement_on, school_days
from schools.rules import Refused
from schools.staff import StaffDirectory

COMPLETING = ("spoke", "attended", "held_in_absence", "done", "guide_given")
"""Outcomes with which a conversation, call or meeting counts as having taken place."""
ATTEMPTS = ("no_answer", "left_message", "wrong_number", "not_attended")
"""Outcomes that are logged as a try and leave the task open."""

OUTCOME_WORDS = {
    "spoke": "spoke",
    "attended": "they came",
    "held_in_absence": "held in the parents' absence",
    "done": "done",
    "guide_given": "message given",
    "no_answer": "no answer",
    "left_message": "left a message",
    "wrong_number": "wrong number",
    "not_attended": "nobody came",
}
KIND_WORDS = {"conversation": "Conversation", "call": "Call", "meeting": "Meeting", "note": "Note"}


def open_case(*, pupil: Pupil, school: School, on: dt.date) -> Case:
    """The pupil's case of the year that holds ``on``; opened where there is none yet."""
    return Case.objects.get_or_create(pupil=pupil, school=school, year=academic_year_of(on), defaults={"opened_on": on})[0]


def add_event(
    *,
    case: Case,
    kind: str,
    text: str,
    on: dt.date,
    now: dt.datetime,
    by: User | None,
    role: str = "",
    record: StageRecord | None = None,
    outcome: str = "",
    parent: Parent | None = None,
) -> Event:
    """One line of the timeline."""
    return Event.objects.create(
        case=case, kind=kind, on=on, at=now, by=by, role=role, text=text, stage_record=record, outcome=outcome, parent=parent
    )


@transaction.atomic
def complete_task(
    *,
    task: Task,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
    outcome: str,
    note: str = "",
    with_whom: str = "",
    parent: Parent | None = None,
) -> Task:
    """Records how a conversation, call or meeting went. A try without an answer is logged and the task stays open; otherwise the task is
    done, and with it the stage where the stage has no letter of its own."""
    if outcome not in OUTCOME_WORDS:
        raise Refused(f"“{outcome}” is not an outcome: choose one of {', '.join(OUTCOME_WORDS.values())}.")
    _log_contact(
        case=task.case,
        kind=task.kind,
        by=by,
        role=role,
        on=on,
        now=now,
        outcome=outcome,
        note=note if task.stage_record_id else f"{task.title}. {note}".strip(),
        with_whom=with_whom,
        parent=parent,
        record=task.stage_record,
    )
    if outcome in ATTEMPTS:
        return task
    changed = Task.objects.filter(pk=task.pk, state=Task.State.OPEN).update(
        state=Task.State.DONE, outcome=outcome, note=note, done_on=on, done_by=by
    )
    if not changed:
        task.refresh_from_db()
        raise Refused(f"This task is no longer open: already recorded{f' by {task.done_by}' if task.done_by else ''}.")
    audit.record(action="task done", subject=task, by=by, role=role, at=now, school=task.case.school, detail={"outcome": outcome})
    record = task.stage_record
    if record and record.state in StageRecord.OPEN and not _begins_with_letter(record):
        mark_stage_done(record=record, on=on, by=by, role=role, now=now)
    task.refresh_from_db()
    return task


def _begins_with_letter(record: StageRecord) -> bool:
    return begins_with_letter(ruleset_of(record.version).stage(record.stage))


def _log_contact(
    *,
    case: Case,
    kind: str,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
    outcome: str,
    note: str,
    with_whom: str,
    parent: Parent | None,
    record: StageRecord | None = None,
) -> Event:
    whom = with_whom or (parent.name if parent else "")
    parts = [f"{KIND_WORDS.get(kind, kind.capitalize())}{f' with {whom}' if whom else ''}"]
    parts += [OUTCOME_WORDS.get(outcome, outcome)] if outcome else []
    text = ": ".join(parts) + "." + (f" {note}" if note else "")
    return add_event(
        case=case, kind=kind, text=text, on=on, now=now, by=by, role=role, record=record, outcome=outcome, parent=parent
    )


@transaction.atomic
def record_contact(
    *,
    pupil: Pupil,
    school: School,
    kind: str,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
    outcome: str = "",
    note: str = "",
    with_whom: str = "",
    parent: Parent | None = None,
) -> Event:
    """A conversation, call, meeting or note outside any task; opens the year's case where there is none."""
    if kind not in KIND_WORDS:
        raise Refused(f"“{kind}” cannot be recorded here: choose a conversation, call, meeting or note.")
    if kind == "note" and not note.strip():
        raise Refused("The note is empty: write what should be remembered.")
    case = open_case(pupil=pupil, school=school, on=on)
    event = _log_contact(
        case=case,
        kind=kind,
        by=by,
        role=role,
        on=on,
        now=now,
        outcome=outcome,
        note=note.strip(),
        with_whom=with_whom,
        parent=parent,
    )
    audit.record(action=f"{kind} recorded", subject=case, by=by, role=role, at=now, school=school, detail={"outcome": outcome})
    return event


@transaction.atomic
def mark_stage_done(*, record: StageRecord, on: dt.date, by: User | None, role: str, now: dt.datetime) -> StageRecord:
    """The stage's action was recorded: its period begins on that day, what follows becomes a task. A second call changes nothing."""
    changes = {"state": StageRecord.State.DONE, "done_on": on, "decided_by": by, "decided_at": now}
    if StageRecord.objects.filter(pk=record.pk, state__in=StageRecord.OPEN).update(**changes):
        for name, value in changes.items():
            setattr(record, name, value)
    else:
        record.refresh_from_db()
        if record.state == StageRecord.State.DONE:
            return record
        raise Refused(f"Stage {record.stage} was {record.get_state_display().lower()}: it cannot be recorded as done.")
    stage = ruleset_of(record.version).stage(record.stage)
    if stage.begins_period:
        _begin_period(case=record.case, stage=record.stage, on=on, weeks=stage.begins_period)
    _plan_what_follows(record, stage, on)
    if any(action.kind == "referral" and not action.when_asked for action in stage.actions):
        Case.objects.filter(pk=record.case_id, with_authority_since__isnull=True).update(with_authority_since=on)
    add_event(case=record.case, kind="stage", text=f"Stage {record.stage} done: {record.name}.", on=on, now=now, by=by, role=role,
              record=record)  # fmt: skip
    audit.record(action="stage done", subject=record, by=by, role=role, at=now, school=record.case.school, detail={"on": str(on)})
    return record


def _plan_what_follows(record: StageRecord, stage: Stage, on: dt.date) -> None:
    """The stage's further letters are planned, and its further actions become tasks of whoever acts."""
    plan_actions(record, stage, letters=letters_that_follow(stage), tasks=tasks_that_follow(stage), on=on)


def plan_actions(record: StageRecord, stage: Stage, *, letters: list[Action], tasks: list[Action], on: dt.date) -> None:
    """The letters are planned and the tasks given to whoever holds the role; what was planned before is left as it is."""
    PlannedLetter.objects.bulk_create([planned_letter(record, stage, action, on) for action in letters], ignore_conflicts=True)
    if not tasks:
        return
    case = record.case
    days = school_days(case.school, [case.year])
    placement = placement_on(case.pupil_id, case.school_id, on)
    year_group, form = (placement.year_group, placement.form) if placement else (None, "")
    held = StaffDirectory.of(case.school, on).who(stage.acts, year_group, form)
    made = [
        Task(
            case=case,
            stage_record=record,
            kind=action.kind,
            title=task_title(action, stage),
            role=stage.acts,
            owner=held.user if held else None,
            due_on=due_on(days, on, action.due_days),
        )
        for action in tasks
    ]
    Task.objects.bulk_create(made, ignore_conflicts=True)


def _begin_period(*, case: Case, stage: str, on: dt.date, weeks: int) -> Period:
    ends = on + dt.timedelta(days=7 * weeks)
    return Period.objects.get_or_create(case=case, stage=stage, starts_on=on, defaults={"weeks": weeks, "ends_on": ends})[0]


@transaction.atomic
def hold_stage(*, record: StageRecord, by: User, role: str, until: dt.date, reason: str, now: dt.datetime) -> StageRecord:
    """Nothing goes out for this stage before ``until``."""
    _decide(record=record, state=StageRecord.State.HELD, by=by, role=role, reason=reason, ask_again_on=until, now=now)
    return record


@transaction.atomic
def decline_stage(
    *, record: StageRecord, by: User, role: str, reason: str, ask_again_on: dt.date | None = None, now: dt.datetime
) -> StageRecord:
    """The stage is not taken; it may come again after ``ask_again_on``, or this year not at all. What waits for it is cancelled."""
    _decide(record=record, state=StageRecord.State.DECLINED, by=by, role=role, reason=reason, ask_again_on=ask_again_on, now=now)
    cancel_what_waits(record=record)
    return record


def _decide(
    *, record: StageRecord, state: str, by: User, role: str, reason: str, ask_again_on: dt.date | None, now: dt.datetime
) -> None:
    if not reason.strip():
        raise Refused("Give a reason: it is kept with the case.")
    changed = StageRecord.objects.filter(pk=record.pk, state__in=StageRecord.OPEN).update(
        state=state, reason=reason, ask_again_on=ask_again_on, decided_by=by, decided_at=now
    )
    record.refresh_from_db()
    if not changed:
        raise Refused(f"Stage {record.stage} is already {record.get_state_display().lower()}.")
    until = f" until {ask_again_on:%-d %B %Y}" if ask_again_on else ""
    text = f"Stage {record.stage} {record.get_state_display().lower()}{until}: {reason}"
    add_event(case=record.case, kind="decision", text=text, on=now.date(), now=now, by=by, role=role, record=record)
    audit.record(action=f"stage {state}", subject=record, by=by, role=role, at=now, school=record.case.school, reason=reason)


def cancel_what_waits(*, record: StageRecord) -> None:
    """Open tasks of a stage that will not be taken are cancelled, and letters not yet drafted are withdrawn."""
    record.tasks.filter(state=Task.State.OPEN).update(state=Task.State.CANCELLED)
    record.planned_letters.filter(state=PlannedLetter.State.PLANNED).update(state=PlannedLetter.State.WITHDRAWN)


@transaction.atomic
def hand_on(*, task: Task, to: User, by: User, role: str, now: dt.datetime) -> Task:
    """The task becomes somebody else's."""
    if not Task.objects.filter(pk=task.pk, state=Task.State.OPEN).update(owner=to):
        raise Refused("This task is no longer open.")
    audit.record(action="task handed on", subject=task, by=by, role=role, at=now, school=task.case.school, detail={"to": to.pk})
    task.refresh_from_db()
    return task


@transaction.atomic
def set_task(
    *,
    pupil: Pupil,
    school: School,
    kind: str,
    title: str,
    for_role: str,
    why: str,
    due: dt.date,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Task:
    """A task that a person sets for whoever holds a role for the pupil, outside any stage; opens the year's case where there is none.

    Refused while one of the same kind is open for the pupil, and where the school has nobody in the role or in one that stands in.
    """
    case = Case.objects.select_for_update().get(pk=open_case(pupil=pupil, school=school, on=on).pk)
    placement = placement_on(pupil.pk, school.pk, on)
    year_group, form = (placement.year_group, placement.form) if placement else (None, "")
    held = StaffDirectory.of(school, on).who(for_role, year_group, form)
    if held is None:
        raise Refused(
            f"{school.name} has nobody as {Role(for_role).label.lower()}: tell the head, and see to the role under Set-up."
        )
    standing = Task.objects.filter(case=case, kind=kind, state=Task.State.OPEN).select_related("owner").first()
    if standing is not None:
        raise Refused(f"This is with {standing.owner or Role(standing.role).label.lower()} already.")
    task = Task.objects.create(case=case, kind=kind, title=title, role=for_role, owner=held.user, due_on=due)
    text = f"{title}: asked of {held.user}. {why}".strip()
    add_event(case=case, kind="note", text=text, on=on, now=now, by=by, role=role)
    audit.record(action="task set", subject=task, by=by, role=role, at=now, school=school, detail={"kind": kind})
    return task


@transaction.atomic
def close_watch_entry(*, entry: WatchEntry, by: User, role: str, reason: str, now: dt.datetime) -> WatchEntry:
    """A watch entry has been seen to, or needs nothing; why is kept."""
    if not reason.strip():
        raise Refused("Say what was done, or why nothing is needed: it is kept with the entry.")
    changed = WatchEntry.objects.filter(pk=entry.pk, state=WatchEntry.State.OPEN).update(
        state=WatchEntry.State.CLOSED, closed_by=by, closed_at=now, reason=reason
    )
    if not changed:
        raise Refused("This entry is already closed.")
    audit.record(action="watch entry closed", subject=entry, by=by, role=role, at=now, school=entry.school, reason=reason)
    entry.refresh_from_db()
    return entry
