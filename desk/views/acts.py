"""What is recorded from the lists: calls, outcomes, hand-overs, refusals. Every act is a POST that ends on the page it came from.

Each form names two addresses: ``next``, where to go when it is done, and ``again``, where the form stands open when something is wrong.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from attendance.chasing import confirm_unexplained, log_call
from desk.calling_form import CallForm
from desk.contact_form import TaskForm
from desk.forms import ReasonForm, first_fault
from desk.queries.chasing import chasing_rules
from desk.requests import StaffRequest, school_or_404
from escalation import services
from escalation.models import StageRecord, Task, WatchEntry
from letters.phrases import count
from schools.clock import now, today
from schools.models import Enrolment, Parent, Role, User
from schools.rules import Refused

HALVES = {"AM": ("AM",), "PM": ("PM",), "AM+PM": ("AM", "PM")}
RECORDING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD, Role.SAFEGUARDING_LEAD)


@login_required
@require_POST
def call(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Records a call about an absence; where a reason was given, the pupil's N codes become its code."""
    found = get_object_or_404(request.scope.enrolments.select_related("pupil", "school"), pk=enrolment)
    request.scope.authorise("record_contact", found.school)
    form = CallForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return go_back(request, "again")
    try:
        changed = _record_call(request, found, form)
    except Refused as refused:
        messages.error(request, str(refused))
        return go_back(request, "again")
    marks = f" and {count(changed, 'mark')} changed to {form.cleaned_data['code']}" if changed else ""
    messages.success(request, f"Call for {found.pupil.name} recorded{marks}.")
    return go_back(request)


def _record_call(request: StaffRequest, enrolment: Enrolment, form: CallForm) -> int:
    """How many marks were settled; nothing is recorded where one of them is refused."""
    values, school = form.cleaned_data, enrolment.school
    if values["code"]:
        request.scope.authorise("change_marks", school)
    logged = log_call(
        pupil=enrolment.pupil,
        school=school,
        about=values["about"] or today(),
        since=values["since"],
        outcome=values["outcome"],
        channel=values["channel"],
        parent=_whom(enrolment, values["parent"]),
        code=values["code"],
        said=values["note"],
        expected_return=values["back"],
        next_try_at=form.next_try_at(today()),
        by=request.user,
        role=request.scope.acting_as(school, *RECORDING_ROLES),
        now=now(),
    )
    return logged.marks


def _whom(enrolment: Enrolment, number: int | None) -> Parent | None:
    """The parent of that number in the school's group; None where somebody else was tried."""
    if number is None:
        return None
    parent = Parent.objects.filter(pk=number, group=enrolment.school.group_id).first()
    if parent is None:
        raise Refused(f"Whom: this person is none of {enrolment.pupil.called}’s contacts. Choose one of those listed.")
    return parent


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
    """The ticked N codes that nobody explained in time become O, with the name and role of whoever confirmed them."""
    school = school_or_404(request.scope, urn, "change_marks")
    try:
        changed = confirm_unexplained(
            school=school,
            sessions=_sessions(request),
            after=chasing_rules([school], today())[school.pk].settle.days,
            by=request.user,
            role=request.scope.acting_as(school, *RECORDING_ROLES),
            on=today(),
            now=now(),
        )
    except Refused as refused:
        messages.error(request, str(refused))
        return go_back(request, "again")
    messages.success(request, f"{count(changed, 'N code')} {'is' if changed == 1 else 'are'} now O, in your name.")
    return go_back(request)


def _sessions(request: StaffRequest) -> list[tuple[int, dt.date, str]]:
    """The ticked sessions: "row:day:half" each, or "row:day:AM+PM". Refused where one cannot be read."""
    try:
        parts = [value.split(":") for value in request.POST.getlist("session")]
        return [(int(row), dt.date.fromisoformat(day), half) for row, day, halves in parts for half in HALVES[halves]]
    except (ValueError, KeyError) as fault:
        raise Refused("One of the ticked sessions could not be read: open the list again.") from fault


@login_required
@require_POST
def decline_stage(request: StaffRequest, number: int) -> HttpResponse:
    """The proposed stage is not taken, with a reason."""
    record = _stage_or_404(request, number)
    form = ReasonForm(request.POST, on=today())
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return go_back(request, "again")
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
        return go_back(request, "again")
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
        return go_back(request, "again")
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
        return go_back(request, "again")
    messages.success(request, said)
    return go_back(request)


def go_back(request: StaffRequest, name: str = "next") -> HttpResponse:
    """To the address that the form gave, where it is one of ours."""
    address = request.POST.get(name) or request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(address if is_ours else "desk:home")
