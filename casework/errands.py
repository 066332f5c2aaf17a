"""Tasks that a person sets in a case, beside those that the ladder sets; and closing what nobody needs any more."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from escalation.models import Case, Task
from escalation.services import add_event
from schools import audit
from schools.models import StaffRole, User
from schools.rules import Refused

KINDS: dict[str, str] = {"task": "To do", "conversation": "Conversation", "call": "Call", "review": "Look at the case"}


@transaction.atomic
def add_task(
    *,
    case: Case,
    title: str,
    owner: StaffRole,
    due_on: dt.date,
    kind: str = "task",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Task:
    """Something that somebody has to do by a day. ``owner``: the role in which they do it."""
    if not title.strip():
        raise Refused("Say what is to be done.")
    if kind not in KINDS:
        raise Refused(f"Choose what kind of task it is: {', '.join(KINDS.values()).lower()}.")
    if due_on < on:
        raise Refused(f"{due_on.day} {due_on:%B %Y} has passed: choose today or a later day.")
    task = Task.objects.create(
        case=case, kind=kind, title=title.strip()[:120], role=owner.role, owner=owner.user, due_on=due_on
    )  # fmt: skip
    text = f"Task for {owner.user}: {task.title}, due {due_on.day} {due_on:%B}."
    add_event(case=case, kind="task", text=text, on=on, now=now, by=by, role=role)
    audit.record(action="task added", subject=task, by=by, role=role, at=now, school=case.school, detail={"owner": owner.user_id})
    return task


@transaction.atomic
def close_task(*, task: Task, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Task:
    """A task that is not needed any more (the pupil has left, the stage was withdrawn) is closed with a reason."""
    if not reason.strip():
        raise Refused("Say why the task is not needed any more: it is kept with the case.")
    closed = {"state": Task.State.CANCELLED, "note": reason.strip(), "done_by": by, "done_on": on}
    changed = Task.objects.filter(pk=task.pk, state=Task.State.OPEN).update(**closed)
    task.refresh_from_db()
    if not changed:
        who = f" by {task.done_by}" if task.done_by else ""
        raise Refused(f"Already recorded{who}: {task.get_state_display().lower()}.")
    text = f"Task closed: {task.title}. {reason.strip()}"
    add_event(case=task.case, kind="task", text=text, on=on, now=now, by=by, role=role, record=task.stage_record)
    audit.record(action="task closed", subject=task, by=by, role=role, at=now, school=task.case.school, reason=reason.strip())
    return task
