"""Leave of absence and part-time timetables: the list, what is entered for a parent, the head's decision, and what follows."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.leave import Decided, ask_leave, decide_leave, withdraw_leave
from casework.leave_rules import leave_rules
from casework.models import LeaveRequest, PartTimeTimetable
from casework.part_time import agree_timetable, end_timetable, extend_timetable, review_timetable, too_long
from casework.queries.leave import span_of
from desk.leave_forms import DecideForm, EndForm, ExtendForm, LeaveForm, PartTimeForm, ReviewForm, WithdrawForm, today_or
from desk.queries.leave import leave_list, request_in_scope, request_page, timetable_in_scope, timetable_page
from desk.queries.pupil import enrolment_for
from desk.requests import StaffRequest, chosen, schools_for
from letters.phrases import count
from letters.services import draft_planned
from schools.ages import is_compulsory
from schools.clock import now, today
from schools.models import Enrolment, PupilFlag, PupilParent, Role
from schools.rules import Refused

DECIDES = (Role.HEAD, Role.ATTENDANCE_LEAD, Role.OFFICER)


@login_required
@require_GET
def leave(request: StaffRequest) -> HttpResponse:
    """Requests that wait, leave that is decided, who is not back, and part-time timetables."""
    allowed = schools_for(request.scope, "see_leave")
    schools = chosen(allowed, request.GET.get("school", ""))
    context = {
        "list": leave_list(schools, today()),
        "schools": [(school.urn, school.short_name or school.name) for school in allowed],
        "asked_school": request.GET.get("school", ""),
        "many": len(allowed) > 1,
    }
    return render(request, "desk/leave.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest, pk: int) -> HttpResponse:
    """A request for leave is entered for a parent."""
    enrolment = _enrolment(request, pk, "enter_leave")
    links = _links(enrolment)
    if request.method == "GET":
        return _leave_form(
            request,
            enrolment,
            LeaveForm(links=links, initial={"asked_on": today(), "asked_by": links[0].parent_id if links else ""}),
        )
    form = LeaveForm(request.POST, request.FILES, links=links)
    if not form.is_valid():
        return _leave_form(request, enrolment, form, status=400)
    given = form.cleaned_data
    try:
        asked = ask_leave(
            pupil=enrolment.pupil, school=enrolment.school, asked_by=form.parent, asked_by_name=given["asked_by_name"],
            asked_on=given["asked_on"], span=form.span, ground=given["ground"], reason=given["reason"], evidence=form.kept,
            by=request.user, role=request.scope.acting_as(enrolment.school, Role.OFFICER, *DECIDES), on=today(), now=now(),
        )  # fmt: skip
    except Refused as refused:
        form.add_error(None, str(refused))
        return _leave_form(request, enrolment, form, status=400)
    messages.success(request, f"Entered: leave for {enrolment.pupil.called}, {form.span.in_words}. The head decides on it.")
    return redirect("desk:leave-request", asked.pk)


def _enrolment(request: StaffRequest, pk: int, act: str) -> Enrolment:
    """The enrolment that the address names. 404 outside scope, 403 without the right."""
    urn = request.POST.get("school", "") or request.GET.get("school", "")
    enrolment = enrolment_for(request.scope, pk, urn, today())
    request.scope.authorise(act, enrolment.school)
    return enrolment


def _links(enrolment: Enrolment) -> list[PupilParent]:
    return list(PupilParent.objects.filter(pupil=enrolment.pupil).select_related("parent"))


def _leave_form(request: StaffRequest, enrolment: Enrolment, form: LeaveForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "pupil": enrolment.pupil, "school": enrolment.school, "grounds": leave_rules().grounds}
    return render(request, "desk/leave_new.html", context, status=status)


@login_required
@require_GET
def leave_request(request: StaffRequest, pk: int) -> HttpResponse:
    """One request: what was asked, what speaks against it, and, for the head, the decision."""
    return _request_page(request, _request(request, pk))


def _request(request: StaffRequest, pk: int, act: str = "see_leave") -> LeaveRequest:
    found = request_in_scope(request.scope, pk)
    request.scope.authorise(act, found.school)
    return found


def _request_page(
    request: StaffRequest, found: LeaveRequest, decide_form: DecideForm | None = None, withdraw_form: WithdrawForm | None = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    page = request_page(found, today())
    context = {
        "page": page,
        "line": page.line,
        "leave": found,
        "pupil": found.pupil,
        "decide_form": decide_form or DecideForm(asked=span_of(found), initial=_as_asked(found)),
        "withdraw_form": withdraw_form or WithdrawForm(initial={"seen": found.decided}, auto_id="withdraw_%s"),
        "grounds": [ground for ground in leave_rules().grounds if ground.code],
        "why_not_decide": request.scope.refusal("decide_leave", found.school) or page.why_not_decide,
        "why_not_withdraw": request.scope.refusal("enter_leave", found.school) or page.why_not_withdraw,
    }
    return render(request, "desk/leave_request.html", context, status=status)


def _as_asked(found: LeaveRequest) -> dict[str, object]:
    """What the decision's form begins with."""
    ground = leave_rules().ground(found.ground)
    return {
        "seen": found.decided,
        "ground": found.ground if ground and ground.code else "",
        "first_day": found.first_day,
        "first_session": found.first_session,
        "last_day": found.last_day,
        "last_session": found.last_session,
    }


@login_required
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """The head grants, grants a part or refuses; the letter is drafted at once and waits among the decisions."""
    found = _request(request, pk, "decide_leave")
    form = DecideForm(request.POST, asked=span_of(found))
    if not form.is_valid():
        return _request_page(request, found, decide_form=form, status=400)
    given = form.cleaned_data
    try:
        done = decide_leave(
            request=found, seen=given["seen"], granted=form.granted, ground=given["ground"], reason=given["reason"],
            by=request.user, role=request.scope.acting_as(found.school, *DECIDES), on=today(), now=now(),
        )  # fmt: skip
    except Refused as refused:
        form.add_error(None, str(refused))
        return _request_page(request, request_in_scope(request.scope, pk), decide_form=form, status=409)
    draft_planned(now=now(), on=today(), school=found.school)
    messages.success(request, _said(done, found))
    return redirect("desk:leave-request", pk)


def _said(done: Decided, found: LeaveRequest) -> str:
    """What the decision did, for the line at the head of the page."""
    parts = [f"{found.get_state_display()}."]
    if done.marks.entered:
        parts.append(f"{count(len(done.marks.entered), 'session')} marked {done.decision.code} ahead.")
    if done.marks.left:
        kept = ", ".join(sorted(set(done.marks.left.values())))
        parts.append(f"{count(len(done.marks.left), 'session')} left as marked: {kept}.")
    if done.taken_back:
        parts.append(f"{count(len(done.taken_back), 'mark')} taken back.")
    return " ".join([*parts, "The letter to each parent waits under Decisions."])


@login_required
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """The family does not want it any more, or it was entered in error."""
    found = _request(request, pk, "enter_leave")
    form = WithdrawForm(request.POST, auto_id="withdraw_%s")
    if not form.is_valid():
        return _request_page(request, found, withdraw_form=form, status=400)
    try:
        gone = withdraw_leave(
            request=found, seen=form.cleaned_data["seen"], reason=form.cleaned_data["reason"], by=request.user,
            role=request.scope.acting_as(found.school, Role.OFFICER, *DECIDES), on=today(), now=now(),
        )  # fmt: skip
    except Refused as refused:
        form.add_error(None, str(refused))
        return _request_page(request, request_in_scope(request.scope, pk), withdraw_form=form, status=409)
    draft_planned(now=now(), on=today(), school=found.school)
    messages.success(request, f"Withdrawn. {count(len(gone), 'mark')} taken back." if gone else "Withdrawn.")
    return redirect("desk:leave-request", pk)


@login_required
@require_http_methods(["GET", "POST"])
def new_part_time(request: StaffRequest, pk: int) -> HttpResponse:
    """A part-time timetable is agreed."""
    enrolment = _enrolment(request, pk, "agree_part_time")
    asks: dict[str, Any] = {"links": _links(enrolment), "has_social_worker": _has_social_worker(enrolment)}
    if request.method == "GET":
        return _part_time_form(request, enrolment, PartTimeForm(**asks, initial={"agreed_on": today()}))
    form = PartTimeForm(request.POST, **asks)
    if not form.is_valid():
        return _part_time_form(request, enrolment, form, status=400)
    role = request.scope.acting_as(enrolment.school, *DECIDES)
    try:
        timetable, entered = agree_timetable(
            pupil=enrolment.pupil, school=enrolment.school, terms=form.terms, by=request.user, role=role, on=today(), now=now()
        )
    except Refused as refused:
        form.add_error(None, str(refused))
        return _part_time_form(request, enrolment, form, status=400)
    messages.success(request, f"Agreed. {count(len(entered.entered), 'session')} marked ahead.")
    if warning := too_long(timetable.starts, timetable.ends):
        messages.warning(request, warning)
    return redirect("desk:part-time", timetable.pk)


def _has_social_worker(enrolment: Enrolment) -> bool:
    kinds = (PupilFlag.Kind.SOCIAL_WORKER, PupilFlag.Kind.CHILD_PROTECTION)
    flags = PupilFlag.objects.filter(pupil=enrolment.pupil, kind__in=kinds, starts__lte=today())
    return any(flag.ends is None or flag.ends >= today() for flag in flags)


def _part_time_form(request: StaffRequest, enrolment: Enrolment, form: PartTimeForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "pupil": enrolment.pupil,
        "school": enrolment.school,
        "code": "C2" if is_compulsory(enrolment.pupil.date_of_birth, today()) else "X",
    }
    return render(request, "desk/part_time_new.html", context, status=status)


@login_required
@require_GET
def part_time(request: StaffRequest, pk: int) -> HttpResponse:
    """One timetable: what was agreed, what was done about it, and reviewing, extending or ending it."""
    return _timetable_page(request, _timetable(request, pk))


def _timetable(request: StaffRequest, pk: int, act: str = "see_leave") -> PartTimeTimetable:
    found = timetable_in_scope(request.scope, pk)
    request.scope.authorise(act, found.school)
    return found


def _timetable_page(request: StaffRequest, found: PartTimeTimetable, status: int = 200, **given: Form) -> HttpResponse:
    page = timetable_page(found, today())
    week = found.ends + dt.timedelta(days=7)
    forms: dict[str, Form] = {
        "review_form": ReviewForm(auto_id="review_%s"),
        "extend_form": ExtendForm(auto_id="extend_%s", initial={"ends": week, "review_on": week}),
        "end_form": EndForm(auto_id="end_%s", initial={"last_day": today_or(found.starts, today())}),
    }
    context = {
        "page": page,
        "line": page.line,
        "timetable": found,
        "pupil": found.pupil,
        "why_not_change": request.scope.refusal("agree_part_time", found.school) or page.why_not_change,
        **forms,
        **given,
    }
    return render(request, "desk/part_time.html", context, status=status)


@login_required
@require_POST
def review(request: StaffRequest, pk: int) -> HttpResponse:
    form = ReviewForm(request.POST, auto_id="review_%s")
    return _changed(request, pk, "review_form", form)


@login_required
@require_POST
def extend(request: StaffRequest, pk: int) -> HttpResponse:
    form = ExtendForm(request.POST, auto_id="extend_%s")
    return _changed(request, pk, "extend_form", form)


@login_required
@require_POST
def end(request: StaffRequest, pk: int) -> HttpResponse:
    form = EndForm(request.POST, auto_id="end_%s")
    return _changed(request, pk, "end_form", form)


def _changed(request: StaffRequest, pk: int, name: str, form: ReviewForm | ExtendForm | EndForm) -> HttpResponse:
    """Does what the form asks for; with what is wrong in it the page is shown again."""
    found = _timetable(request, pk, "agree_part_time")
    if not form.is_valid():
        return _timetable_page(request, found, status=400, **{name: form})
    try:
        said = _do(request, found, form)
    except Refused as refused:
        form.add_error(None, str(refused))
        return _timetable_page(request, timetable_in_scope(request.scope, pk), status=409, **{name: form})
    messages.success(request, said)
    return redirect(f"{reverse('desk:part-time', args=[pk])}")


def _do(request: StaffRequest, found: PartTimeTimetable, form: ReviewForm | ExtendForm | EndForm) -> str:
    """The service behind the form, and what it did in words."""
    given, on, at = form.cleaned_data, today(), now()
    role = request.scope.acting_as(found.school, *DECIDES)
    if isinstance(form, ReviewForm):
        review_timetable(timetable=found, **given, by=request.user, role=role, on=on, now=at)
        return "The review is recorded."
    if isinstance(form, ExtendForm):
        _, entered = extend_timetable(timetable=found, **given, by=request.user, role=role, on=on, now=at)
        return f"Extended. {count(len(entered.entered), 'session')} marked ahead."
    _, gone = end_timetable(timetable=found, **given, by=request.user, role=role, on=on, now=at)
    return f"Ended. {count(len(gone), 'mark')} taken back."
