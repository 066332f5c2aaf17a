"""Statutory clocks: the list, one clock with its evidence, the return as CSV and PDF, and each act a form of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_POST

from casework import clocks as services
from casework.models import Clock
from desk import clock_forms as forms
from desk.penalty_forms import first_fault
from desk.queries import clocks as queries
from desk.queries.pupil import enrolment_for
from desk.queries.roll import in_force, places
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from letters.returns import Sheet, return_csv, return_pdf
from schools.clock import now, today
from schools.models import Role, School, StaffRole, User
from schools.rules import Refused

ACTING = (Role.SAFEGUARDING_LEAD, Role.ATTENDANCE_LEAD, Role.OFFICER, Role.HEAD)
TYPES = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@login_required
@require_GET
def clocks(request: StaffRequest) -> HttpResponse:
    """What runs, by the day on which it is due; what was closed lately; the termly lists."""
    allowed = schools_for(request.scope, "see_clocks")
    schools, on = chosen(allowed, request.GET.get("school", "")), today()
    lines = queries.clock_lines(schools, places(schools, on), on)
    kind = request.GET.get("kind", "")
    context = {
        "lines": [line for line in lines if not kind or line.clock.kind == kind],
        "overdue": sum(line.late > 0 for line in lines),
        "closed": queries.closed_lately(schools, on),
        "termly": [school for school in schools if any(_is_termly(line, school) for line in lines)],
        "kinds": [(key, title) for key, title in Clock.Kind.choices if any(line.clock.kind == key for line in lines)],
        "asked_kind": kind,
        "schools": [(school.urn, school.short_name or school.name) for school in allowed],
        "asked_school": request.GET.get("school", ""),
        "many": len(schools) > 1,
    }
    return render(request, "desk/clocks.html", context)


def _is_termly(line: queries.ClockLine, school: School) -> bool:
    return line.clock.kind == Clock.Kind.TERMLY and line.clock.school_id == school.pk


def _clock(request: StaffRequest, pk: int, act: str) -> Clock:
    """404 outside the person's pupils, 403 without the act."""
    clocks = Clock.objects.filter(pk=pk, pupil__in=request.scope.pupils, school__in=request.scope.schools)
    found = clocks.select_related("pupil", "school", "owner", "watch_entry", "closed_by", "prepared_by").first()
    if found is None:
        raise Http404("No such clock.")
    request.scope.authorise(act, found.school)
    return found


@login_required
@require_GET
def clock(request: StaffRequest, pk: int) -> HttpResponse:
    """One clock: why, by when, what the authority would be told, its gaps, its evidence, and what may be done."""
    found, on = _clock(request, pk, "see_clocks"), today()
    page = queries.clock_page(found, on)
    context = {
        "page": page,
        "clock": found,
        "pupil": found.pupil,
        "is_late": found.state in Clock.RUNNING and found.due_on < on,
        "is_running": found.state in Clock.RUNNING,
        "why_not": request.scope.refusal("record_clock", found.school),
        "prepare_form": forms.PrepareForm(kind=found.kind, initial=found.answers, auto_id="prepare_%s"),
        "sent_form": forms.SentForm(initial={"sent_on": on}, auto_id="sent_%s"),
        "not_needed_form": forms.NotNeededForm(auto_id="not_%s"),
        "hand_on_form": forms.HandOnForm(people=_people(found.school), auto_id="hand_%s"),
    }
    return render(request, "desk/clock.html", context)


def _people(school: School) -> list[tuple[int, str]]:
    """Who may have a clock: those who may record it. One statement."""
    roles = StaffRole.objects.filter(in_force(today()), school=school, role__in=ACTING, user__is_active=True)
    held = roles.select_related("user").order_by("user__name")
    return list({role.user_id: (role.user_id, f"{role.user.name}, {role.shown_title.lower()}") for role in held}.values())


@login_required
@require_POST
def clock_act(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Prepares, marks as sent, marks as not needed, or hands on."""
    if act not in DO:
        raise Http404("No such act.")
    found = _clock(request, pk, "record_clock")
    form = _form(act, found, request)
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return redirect("desk:clock", pk)
    who = _who(request, found.school)
    do, done = DO[act]
    try:
        do(found, form.cleaned_data, who)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return redirect("desk:clock", pk)


def _who(request: StaffRequest, school: School) -> dict[str, Any]:
    return {"by": request.user, "role": request.scope.acting_as(school, *ACTING), "on": today(), "now": now()}


def _form(act: str, found: Clock, request: StaffRequest) -> Any:
    if act == "prepare":
        return forms.PrepareForm(request.POST, kind=found.kind)
    if act == "hand-on":
        return forms.HandOnForm(request.POST, people=_people(found.school))
    return (forms.SentForm if act == "sent" else forms.NotNeededForm)(request.POST)


def _hand_on(found: Clock, given: dict[str, Any], who: dict[str, Any]) -> None:
    to = User.objects.get(pk=given["to"])
    services.hand_on(clock=found, to=to, by=who["by"], role=who["role"], now=who["now"])


DO: dict[str, tuple[Callable[[Clock, dict[str, Any], dict[str, Any]], Any], str]] = {
    "prepare": (
        lambda found, given, who: services.prepare(clock=found, answers=given, **who),
        "Prepared. Read the return, fill its gaps, send it, then say so here.",
    ),
    "sent": (
        lambda found, given, who: services.mark_sent(clock=found, **given, **who),
        "Recorded as sent; what was told is kept.",
    ),
    "not-needed": (lambda found, given, who: services.not_needed(clock=found, **given, **who), "Recorded: not needed."),
    "hand-on": (_hand_on, "Handed on."),
}
"""By the word in the address: what is done, and what is said then."""


@login_required
@require_GET
def clock_file(request: StaffRequest, pk: int, ending: str) -> HttpResponse:
    """The return of one clock as CSV or PDF."""
    found = _clock(request, pk, "see_clocks")
    told = services.the_return(found, today())
    return _file([queries.sheet_of(found, told)], told.title, ending, f"return-{found.pk}")


@login_required
@require_GET
def termly_file(request: StaffRequest, urn: str, ending: str) -> HttpResponse:
    """The school's termly list as CSV or PDF. 404 where nobody is to be named."""
    school = school_or_404(request.scope, urn, "see_clocks")
    named = queries.termly(school, today())
    if not named:
        raise Http404("Nobody is to be named this term.")
    told = services.returns(named, school, today())
    return _file([queries.sheet_of(one, told[one.pk]) for one in named], "Named to the authority", ending, f"termly-{school.urn}")


def _file(sheets: list[Sheet], title: str, ending: str, name: str) -> HttpResponse:
    if ending not in TYPES:
        raise Http404("A return is a CSV or a PDF.")
    try:
        content: Any = return_pdf(sheets, title=title, on=today()) if ending == "pdf" else "\ufeff" + return_csv(sheets)
    except ValueError as fault:
        return HttpResponse(str(fault), status=422, content_type="text/plain; charset=utf-8")
    response = HttpResponse(content, content_type=TYPES[ending])
    response["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    add_never_cache_headers(response)
    return response


@login_required
def new_clock(request: StaffRequest, pk: int) -> HttpResponse:
    """A person opens a clock before any rule does."""
    urn = request.GET.get("school", "") or request.POST.get("school", "")
    enrolment = enrolment_for(request.scope, pk, urn, today())
    school = enrolment.school
    request.scope.authorise("record_clock", school)
    form = forms.OpenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        who = _who(request, school)
        try:
            made = services.open_by_hand(pupil=enrolment.pupil, school=school, **form.cleaned_data, **who)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "Opened.")
            return redirect("desk:clock", made.pk)
    context = {"form": form, "pupil": enrolment.pupil, "school": school}
    return render(request, "desk/clock_new.html", context, status=422 if form.errors else 200)
