"""What is recorded from the lists: calls, outcomes, hand-overs, refusals. Every act is a POST that ends on the page it came from.

Each form names two addresses: ``next``, where to go when it is done, and ``again``, where the form stands open when something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from attendance.grid import SESSIONS
from attendance.models import RegisterRow
from attendance.services import change_mark
from desk.contact_form import TaskForm
from desk.forms import CallForm, ReasonForm, first_fault
from desk.queries.registers import BECOMES_O, old_n_codes
from desk.queries.roll import places, roll
from desk.requests import StaffRequest, school_or_404
from escalation import services
from escalation.models import StageRecord, Task, WatchEntry
from letters.phrases import count
from schools.clock import now, today
from schools.models import Enrolment, PupilParent, Role, School, User
from schools.rules import Refused

RECORDING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD, Role.SAFEGUARDING_LEAD)


@login_required
@require_POST
def call(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Records a call home; where a reason was given, the pupil's N codes of the call's day become its code."""
    found = get_object_or_404(request.scope.enrolments.select_related("pupil", "school"), pk=enrolment)
    request.scope.authorise("record_contact", found.school)
    form = CallForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return _go(request, "again")
    try:
        changed = _record_call(request, found, form)
    except Refused as refused:
        messages.error(request, str(refused))
        return _go(request, "again")
    marks = f" and {count(changed, 'mark')} changed to {form.cleaned_data['code']}" if changed else ""
    messages.success(request, f"Call for {found.pupil.name} recorded{marks}.")
    return _go(request)


@transaction.atomic
def _record_call(request: StaffRequest, enrolment: Enrolment, form: CallForm) -> int:
    """How many marks were changed; nothing is recorded where one of them is refused."""
    values, school = form.cleaned_data, enrolment.school
    if values["code"]:
        request.scope.authorise("change_marks", school)
    role = request.scope.acting_as(school, *RECORDING_ROLES)
    link = PupilParent.objects.filter(pupil=enrolment.pupil, parent=values["parent"]).select_related("parent").first()
    until = f"Back after {values['until']:%A %-d %B}." if values["until"] else ""
    services.record_contact(
        pupil=enrolment.pupil,
        school=school,
        kind="call",
        by=request.user,
        role=role,
        on=today(),
        now=now(),
        outcome=values["outcome"],
        note=" ".join(part for part in (values["note"], until) if part),
        parent=link.parent if link else None,
    )
    said = values["note"] or "Reason given on the telephone"
    return _explain(request, enrolment, values["code"], said[:200], role) if values["code"] else 0


def _explain(request: StaffRequest, enrolment: Enrolment, code: str, reason: str, role: str) -> int:
    """Changes today's N codes of the pupil to ``code``."""
    line = roll(request.scope, [enrolment.school], today()).get((enrolment.pupil_id, enrolment.school_id))
    if line is None or line.row is None:
        return 0
    open_sessions = [session for session in SESSIONS if line.code(today(), session) == "N"]
    row = RegisterRow.objects.select_related("enrolment", "school").get(pk=line.row)
    for session in open_sessions:
        change_mark(row=row, date=today(), session=session, to=code, reason=reason, by=request.user, role=role, now=now())
    return len(open_sessions)


@login_required
@require_POST
def conversation(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Records in one click that the tutor spoke with the pupil; closes the conversation that was due, where the form names it."""
    found = get_object_or_404(request.scope.enrolments.select_related("pupil", "school"), pk=enrolment)
    request.scope.authorise("record_contact", found.school)
    number = request.POST.get("task", "")
    task = _task_or_404(request, int(number)) if number.isdigit() else None
    return _try(request, lambda: _converse(request, found, task), f"Recorded for {found.pupil.name}.")


def _converse(request: StaffRequest, enrolment: Enrolment, task: Task | None) -> None:
    role = request.scope.acting_as(enrolment.school, Role.TUTOR, *RECORDING_ROLES)
    outcome, note = request.POST.get("outcome", ""), request.POST.get("note", "").strip()[:2000]
    whom = enrolment.pupil.called
    if task:
        services.complete_task(
            task=task, by=request.user, role=role, on=today(), now=now(), outcome=outcome, note=note, with_whom=whom
        )
        return
    services.record_contact(
        pupil=enrolment.pupil,
        school=enrolment.school,
        kind="conversation",
        by=request.user,
        role=role,
        on=today(),
        now=now(),
        outcome=outcome,
        note=note,
        with_whom=whom,
    )


@login_required
@require_POST
def confirm_n_codes(request: StaffRequest, urn: str) -> HttpResponse:
    """N codes whose five school days are over become O, with the name and role of whoever confirmed the list."""
    school = school_or_404(request.scope, urn, "change_marks")
    return _try(
        request, lambda: _confirm(request, school), "N codes that nobody explained in five school days are now O, in your name."
    )


@transaction.atomic
def _confirm(request: StaffRequest, school: School) -> None:
    calendars = places([school], today())
    lines = roll(request.scope, [school], today()).values()
    due = [code for code in old_n_codes(calendars, lines) if code.age >= BECOMES_O]
    role = request.scope.acting_as(school, *RECORDING_ROLES)
    rows = RegisterRow.objects.select_related("enrolment", "school").in_bulk([code.line.row for code in due if code.line.row])
    for code in due:
        change_mark(
            row=rows[code.line.row],
            date=code.date,
            session=code.session,
            to="O",
            reason="No reason was established within five school days.",
            by=request.user,
            role=role,
            now=now(),
        )


@login_required
@require_POST
def decline_stage(request: StaffRequest, number: int) -> HttpResponse:
    """The proposed stage is not taken, with a reason."""
    record = _stage_or_404(request, number)
    form = ReasonForm(request.POST, on=today())
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return _go(request, "again")
    role = request.scope.acting_as(record.case.school, record.acts, record.approves, *RECORDING_ROLES)
    return _try(
        request,
        lambda: services.decline_stage(record=record, by=request.user, role=role, now=now(), **form.cleaned_data),
        f"Declined for {record.case.pupil.name}. The reason is kept with the case.",
    )


@login_required
@require_POST
def close_watch(request: StaffRequest, number: int) -> HttpResponse:
    """A watch entry has been seen to, or needs nothing."""
    entries = WatchEntry.objects.filter(pupil__in=request.scope.pupils, school__in=request.scope.schools)
    entry = get_object_or_404(entries.select_related("school", "pupil"), pk=number)
    request.scope.authorise("record_contact", entry.school)
    role = request.scope.acting_as(entry.school, entry.role, *RECORDING_ROLES)
    reason = request.POST.get("reason", "")
    return _try(
        request,
        lambda: services.close_watch_entry(entry=entry, by=request.user, role=role, reason=reason, now=now()),
        f"Closed for {entry.pupil.name}. The reason is kept with the entry.",
    )


@login_required
@require_POST
def hand_on(request: StaffRequest, number: int) -> HttpResponse:
    """An open task becomes somebody else's at the same school."""
    task = _task_or_404(request, number)
    to = User.objects.filter(pk=request.POST.get("to") or 0, roles__school=task.case.school, is_active=True).first()
    if to is None:
        messages.error(request, "Choose a colleague at this school to hand it to.")
        return _go(request, "again")
    role = request.scope.acting_as(task.case.school, task.role, *RECORDING_ROLES)
    return _try(
        request, lambda: services.hand_on(task=task, to=to, by=request.user, role=role, now=now()), f"Handed on to {to.name}."
    )


@login_required
@require_POST
def task_done(request: StaffRequest, number: int) -> HttpResponse:
    """How a conversation, call or meeting went: done, or a try that is logged."""
    task = _task_or_404(request, number)
    form = TaskForm(request.POST, kind=task.kind)
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return _go(request, "again")
    role = request.scope.acting_as(task.case.school, task.role, *RECORDING_ROLES)
    return _try(
        request,
        lambda: services.complete_task(task=task, by=request.user, role=role, on=today(), now=now(), **form.cleaned_data),
        f"Recorded for {task.case.pupil.name}.",
    )


def _stage_or_404(request: StaffRequest, number: int) -> StageRecord:
    records = StageRecord.objects.filter(case__pupil__in=request.scope.pupils, case__school__in=request.scope.schools)
    record = get_object_or_404(records.select_related("case__school", "case__pupil"), pk=number)
    request.scope.authorise("record_contact", record.case.school)
    if not request.scope.role_keys_at(record.case.school) & {record.acts, record.approves, *RECORDING_ROLES}:
        who = Role(record.acts).label.lower()
        raise PermissionDenied(f"This stage is the {who}’s to decide, or that of those who lead attendance.")
    return record


def _task_or_404(request: StaffRequest, number: int) -> Task:
    tasks = Task.objects.filter(case__pupil__in=request.scope.pupils, case__school__in=request.scope.schools)
    task = get_object_or_404(tasks.select_related("case__school", "case__pupil", "stage_record"), pk=number)
    request.scope.authorise("record_contact", task.case.school)
    return task


def _try(request: StaffRequest, change: Callable[[], object], said: str) -> HttpResponse:
    """Does the change and says so; where a rule says no, shows its sentence."""
    try:
        change()
    except Refused as refused:
        messages.error(request, str(refused))
        return _go(request, "again")
    messages.success(request, said)
    return _go(request)


def _go(request: StaffRequest, name: str = "next") -> HttpResponse:
    """To the address that the form gave, where it is one of ours."""
    address = request.POST.get(name) or request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(address if is_ours else "desk:home")
