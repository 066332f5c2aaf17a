"""Referrals: the list, a new one with the policy's conditions, one with its lines, gaps and steps, and its file as PDF and CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework import referrals as services
from casework.models import Referral
from casework.referral_forms import form_of
from casework.referrals import TRANSITIONS
from desk import referral_forms as forms
from desk.penalty_forms import first_fault
from desk.queries import referrals as queries
from desk.queries.case import case_in_scope
from desk.requests import StaffRequest, chosen, schools_for
from letters.pdf import MissingGlyphs
from letters.referral_form import file_of, fill, make_ready, referral_csv
from schools.clock import now, today
from schools.models import Role, School
from schools.rules import Refused

ACTING = (Role.ATTENDANCE_LEAD, Role.HEAD, Role.SAFEGUARDING_LEAD, Role.OFFICER, Role.HEAD_OF_YEAR)
TYPES = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@login_required
@require_GET
def referrals(request: StaffRequest) -> HttpResponse:
    """What is under way, those that wait longest first, and what is over."""
    allowed, on = schools_for(request.scope, "see_referrals"), today()
    schools = chosen(allowed, request.GET.get("school", ""))
    lines = queries.referral_lines(request.scope, schools, on)
    context = {
        "lines": lines,
        "late": sum(line.is_late for line in lines),
        "over": queries.referral_lines(request.scope, schools, on, over=True),
        "schools": [(school.urn, school.short_name or school.name) for school in allowed],
        "asked_school": request.GET.get("school", ""),
        "many": len(schools) > 1,
    }
    return render(request, "desk/referrals.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest, pk: int) -> HttpResponse:
    """The forms that fit the ladder, each with how its conditions stand; one is begun."""
    case = case_in_scope(request.scope, pk)
    request.scope.authorise("prepare_referral", case.school)
    if request.method == "POST":
        try:
            made = services.open_referral(case=case, form=request.POST.get("form", ""), **_who(request, case.school))
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, "Begun. Read what the record says, add what only you know, then make it ready.")
            return redirect("desk:referral", made.pk)
    context = {
        "case": case,
        "pupil": case.pupil,
        "school": case.school,
        "offered": queries.offered_forms(case, today()),
        "clocks": queries.clocks_beside(case),
    }
    return render(request, "desk/referral_new.html", context)


def _who(request: StaffRequest, school: School) -> dict[str, Any]:
    return {"by": request.user, "role": request.scope.acting_as(school, *ACTING), "on": today(), "now": now()}


@login_required
@require_GET
def referral(request: StaffRequest, pk: int) -> HttpResponse:
    """One referral: what the service is told, what is missing, how the policy's conditions stand, and what may be done now."""
    found = queries.referral_in_scope(request.scope, pk)
    school, form, on = found.case.school, form_of(found.form), today()
    request.scope.authorise("see_referrals", school)
    context = {
        "referral": found,
        "case": found.case,
        "pupil": found.case.pupil,
        "form": form,
        "filled": fill(found, on),
        "events": found.events.select_related("by"),
        "why_not": request.scope.refusal("prepare_referral", school),
        "why_not_send": request.scope.refusal("send_referral", school),
        "may": TRANSITIONS[found.state],
        **_forms(found, on),
    }
    return render(request, "desk/referral.html", context)


def _forms(found: Referral, on: Any) -> dict[str, Any]:
    """The forms of the acts that may come next."""
    return {
        "answers_form": forms.AnswersForm(form=form_of(found.form), initial=found.answers, auto_id="answers_%s"),
        "ready_form": forms.ReadyForm(auto_id="ready_%s"),
        "sent_form": forms.SentForm(initial={"sent_on": on}, auto_id="sent_%s"),
        "acknowledged_form": forms.AcknowledgedForm(initial={"answered_on": on}, auto_id="ack_%s"),
        "taken_form": forms.TakenForm(initial={"taken_on": on}, auto_id="taken_%s"),
        "returned_form": forms.ReturnedForm(initial={"ended_on": on}, auto_id="returned_%s"),
        "withdraw_form": forms.WithdrawForm(auto_id="withdraw_%s"),
    }


Act = tuple[str, Callable[..., Any], type[django_forms.Form] | None, str]
DO: dict[str, Act] = {
    "write": ("prepare_referral", lambda of, given, who: services.answer(referral=of, answers=given, **who), None, "Saved."),
    "ready": (
        "prepare_referral",
        lambda of, given, who: make_ready(referral=of, **given, **who),
        forms.ReadyForm,
        "Ready: download the file, send it, then say so here.",
    ),
    "reopen": (
        "prepare_referral",
        lambda of, given, who: services.back_to_writing(referral=of, **who),
        django_forms.Form,
        "Taken back to writing.",
    ),
    "sent": (
        "send_referral",
        lambda of, given, who: services.mark_sent(referral=of, **given, **who),
        forms.SentForm,
        "Recorded as sent; the file is kept.",
    ),
    "acknowledged": (
        "prepare_referral",
        lambda of, given, who: services.acknowledge(referral=of, **given, **who),
        forms.AcknowledgedForm,
        "Recorded: the service has it.",
    ),
    "taken": (
        "send_referral",
        lambda of, given, who: services.hand_over(referral=of, **given, **who),
        forms.TakenForm,
        "Recorded: the service leads.",
    ),
    "returned": (
        "send_referral",
        lambda of, given, who: services.take_back(referral=of, **given, **who),
        forms.ReturnedForm,
        "Recorded: the school leads again.",
    ),
    "withdrawn": (
        "send_referral",
        lambda of, given, who: services.withdraw(referral=of, **given, **who),
        forms.WithdrawForm,
        "Withdrawn.",
    ),
}
"""By the word in the address: the right it asks for, what is done, the form that it reads, and what is said then."""


@login_required
@require_POST
def act(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """One step of a referral."""
    if act not in DO:
        raise Http404("No such act.")
    found = queries.referral_in_scope(request.scope, pk)
    right, do, form_class, said = DO[act]
    request.scope.authorise(right, found.case.school)
    form = form_class(request.POST) if form_class else forms.AnswersForm(request.POST, form=form_of(found.form))
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return redirect("desk:referral", pk)
    try:
        do(found, form.cleaned_data, _who(request, found.case.school))
    except (Refused, MissingGlyphs) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, said)
    return redirect("desk:referral", pk)


@login_required
@require_GET
def file(request: StaffRequest, pk: int, ending: str) -> HttpResponse:
    """The form as PDF with its enclosures, or its lines as CSV."""
    if ending not in TYPES:
        raise Http404("A referral is a CSV or a PDF.")
    found = queries.referral_in_scope(request.scope, pk)
    request.scope.authorise("prepare_referral", found.case.school)
    try:
        content: Any = file_of(found, today(), now()) if ending == "pdf" else "\ufeff" + referral_csv(found, fill(found, today()))
    except ValueError as fault:
        return HttpResponse(str(fault), status=422, content_type="text/plain; charset=utf-8")
    response = HttpResponse(content, content_type=TYPES[ending])
    response["Content-Disposition"] = f'attachment; filename="referral-{found.pk}.{ending}"'
    add_never_cache_headers(response)
    return response
