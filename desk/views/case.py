"""One case: the page, tasks by hand, visits and offers of help. Every form has a page of its own, so that a fault loses nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.errands import add_task, close_task
from casework.models import SupportOffer
from casework.support import answer_offer, end_support, offer_support, record_visit
from desk.case_forms import EndForm, OfferForm, ReasonForm, TaskByHandForm, VisitForm, colleagues, parents, users
from desk.contact_form import TaskForm
from desk.queries.apart import apart_of
from desk.queries.case import CasePage, case_in_scope, case_page, staff_around
from desk.queries.clocks import statutory_context
from desk.queries.ladder import owners, strip
from desk.queries.plans import case_plans
from desk.queries.pupil import TABS, TimelineEntry, enrolment_for, in_force
from desk.queries.referrals import of_case
from desk.queries.roll import Staff
from desk.requests import StaffRequest
from escalation.models import Case, Task
from escalation.queries import adopted
from escalation.services import open_case
from schools.clock import now, today
from schools.models import PupilParent, Role, StaffRole
from schools.rules import Refused

FIRST_LINES = 20
"""Lines of the timeline that are shown before "show all"."""
ROLES = (Role.ATTENDANCE_LEAD, Role.OFFICER, Role.HEAD_OF_YEAR, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TUTOR)


@login_required
@require_GET
def case(request: StaffRequest, pk: int) -> HttpResponse:
    """The case's page. Http404 outside the viewer's scope."""
    found = case_in_scope(request.scope, pk)
    page = case_page(request.scope, found, today())
    context = {
        "page": page,
        "case": found,
        "line": page.line,
        "pupil": found.pupil,
        "school": found.school,
        "strip": _strip(page),
        "apart": apart_of(request.scope, found.pupil, found.school, today()),
        "plans": case_plans(found, page.records, today()),
        "tasks": [(task, TaskForm(kind=task.kind, auto_id=f"task{task.pk}_%s")) for task in page.tasks],
        "colleagues": Staff([found.school], today()).at(found.school_id),
        "may_record": not request.scope.refusal("record_contact", found.school),
        "why_not_open": request.scope.refusal("open_documents", found.school),
        **statutory_context(request.scope, found.pupil, found.school),
        **of_case(request.scope, found, today()),
        **_timeline(page.timeline, request.GET.get("show", ""), "all" in request.GET),
    }
    return render(request, "desk/case.html", context)


def _strip(page: CasePage) -> list:
    """The ladder with where the pupil stands; empty where the school has adopted none."""
    try:
        ruleset = adopted(page.school, today())[1]
    except Refused:
        return []
    staff = StaffRole.objects.filter(in_force(today()), school=page.school).select_related("user")
    return strip(ruleset, page.records, owners(list(staff), page.line.form, page.line.year_group))


def _timeline(entries: tuple[TimelineEntry, ...], show: str, everything: bool) -> dict[str, object]:
    counts = {tab: sum(entry.tab == tab for entry in entries) for tab in TABS}
    tab = show if show in TABS else ""
    shown = [entry for entry in entries if not tab or entry.tab == tab]
    return {
        "tabs": [(key, title, counts[key]) for key, title in TABS.items() if counts[key]],
        "tab": tab,
        "entries": shown if everything else shown[:FIRST_LINES],
        "more_entries": 0 if everything else len(shown[FIRST_LINES:]),
        "all_entries": len(entries),
    }


def case_to_work(request: StaffRequest, pk: int) -> Case:
    """A case in which the viewer may record something. 404 outside scope, 403 without the right."""
    found = case_in_scope(request.scope, pk)
    request.scope.authorise("record_contact", found.school)
    return found


def who(request: StaffRequest, of: Case) -> dict[str, Any]:
    """Who acts, as which role, and when: what every service asks."""
    return {"by": request.user, "role": request.scope.acting_as(of.school, *ROLES), "on": today(), "now": now()}


def to_case(of: Case, part: str = "") -> HttpResponse:
    return redirect(f"{reverse('desk:case', args=[of.pk])}{f'#{part}' if part else ''}")


def form_page(
    request: StaffRequest, of: Case, form: forms.Form, *, title: str, verb: str, note: str = "", why_not: str = ""
) -> HttpResponse:
    """A form by itself, with what is wrong in it. ``why_not``: the rule's sentence, where the button is disabled."""
    context = {"form": form, "case": of, "pupil": of.pupil, "school": of.school, "title": title, "verb": verb}
    context |= {"note": note, "why_not": why_not}
    return render(request, "desk/case_form.html", context, status=400 if form.errors else 200)


def saved(request: StaffRequest, form: forms.Form, change: Callable[[], object], said: str) -> bool:
    """Makes the change; a rule's refusal becomes a fault of the form."""
    try:
        change()
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    messages.success(request, said)
    return True


def attempt(request: StaffRequest, change: Callable[[], object], said: str) -> None:
    """Makes a change that has no form of its own, and says what became of it."""
    try:
        change()
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, said)


@login_required
@require_POST
def opened(request: StaffRequest, pk: int) -> HttpResponse:
    """To the pupil's case of this year; opened where there is none."""
    enrolment = enrolment_for(request.scope, pk, request.POST.get("school", ""), today())
    request.scope.authorise("record_contact", enrolment.school)
    return to_case(open_case(pupil=enrolment.pupil, school=enrolment.school, on=today()))


def _staff(of: Case) -> list[StaffRole]:
    return Staff([of.school], today()).at(of.school_id)


def _links(of: Case) -> list[PupilParent]:
    return list(PupilParent.objects.filter(pupil=of.pupil_id).select_related("parent"))


@login_required
@require_http_methods(["GET", "POST"])
def task(request: StaffRequest, pk: int) -> HttpResponse:
    """A new task, with an owner and a day."""
    found, title = case_to_work(request, pk), "New task"
    roles = staff_around(found, today())
    mine = next((str(role.pk) for role in roles if role.user_id == request.user.pk), "")
    form = TaskByHandForm(request.POST or None, offers={"owner": [("", "Choose"), *colleagues(roles)]}, initial={"owner": mine})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        owner = next(role for role in roles if str(role.pk) == given["owner"])
        given["owner"] = owner
        if saved(request, form, lambda: add_task(case=found, **given, **who(request, found)), f"Task set for {owner.user}."):
            return to_case(found, "due")
    return form_page(request, found, form, title=title, verb="Set the task")


@login_required
@require_http_methods(["GET", "POST"])
def close(request: StaffRequest, number: int) -> HttpResponse:
    """Closes a task that nobody needs any more."""
    task = get_object_or_404(Task.objects.select_related("case"), pk=number)
    found, form = case_to_work(request, task.case_id), ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        if saved(request, form, lambda: close_task(task=task, reason=reason, **who(request, found)), "Task closed."):
            return to_case(found, "due")
    note = f"{task.title}. It is not done, and nobody does it any more."
    return form_page(request, found, form, title="Close the task", verb="Close it", note=note)


@login_required
@require_http_methods(["GET", "POST"])
def visit(request: StaffRequest, pk: int) -> HttpResponse:
    """Records a visit at home."""
    found = case_to_work(request, pk)
    roles, links = staff_around(found, today()), _links(found)
    form = VisitForm(
        request.POST or None,
        offers={"visitor": users(roles), "parent": [("", "Nobody"), *parents(links)]},
        initial={"visited_on": today(), "visitor": str(request.user.pk)},
    )
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        given["visitor"] = next(role.user for role in roles if str(role.user_id) == given["visitor"])
        given["parent"] = next((link.parent for link in links if str(link.parent_id) == given["parent"]), None)
        if saved(request, form, lambda: record_visit(case=found, **given, **who(request, found)), "Visit recorded."):
            return to_case(found, "tried")
    return form_page(request, found, form, title="Record a home visit", verb="Save the visit")


@login_required
@require_http_methods(["GET", "POST"])
def offer(request: StaffRequest, pk: int) -> HttpResponse:
    """Records help that was offered."""
    found = case_to_work(request, pk)
    links = _links(found)
    form = OfferForm(
        request.POST or None,
        offers={"parent": [*parents(links), ("pupil", f"{found.pupil.called} (the pupil)")]},
        initial={"offered_on": today()},
    )
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        given["parent"] = next((link.parent for link in links if str(link.parent_id) == given["parent"]), None)
        if saved(request, form, lambda: offer_support(case=found, **given, **who(request, found)), "Offer recorded."):
            return to_case(found, "tried")
    return form_page(request, found, form, title="Record help that was offered", verb="Save the offer")


def _offer_to_work(request: StaffRequest, pk: int) -> tuple[SupportOffer, Case]:
    given = SupportOffer.objects.select_related("case__pupil", "case__school", "parent").filter(pk=pk).first()
    if given is None:
        raise Http404("No such offer.")
    return given, case_to_work(request, given.case_id)


@login_required
@require_POST
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    """What the family said to an offer."""
    given, found = _offer_to_work(request, pk)
    said = request.POST.get("answer", "")
    attempt(request, lambda: answer_offer(offer=given, answer=said, **who(request, found)), "Answer recorded.")
    return to_case(found, "tried")


@login_required
@require_http_methods(["GET", "POST"])
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """Support that was accepted comes to its end."""
    given, found = _offer_to_work(request, pk)
    form = EndForm(request.POST or None, initial={"ended_on": today()})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        if saved(request, form, lambda: end_support(offer=given, **values, **who(request, found)), "The end is recorded."):
            return to_case(found, "tried")
    return form_page(request, found, form, title=f"End: {given.get_kind_display().lower()}", verb="Save")
