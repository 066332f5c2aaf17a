"""Departing from the ladder for one family: letters that wait, a stage taken out of turn or left out. One page, a form a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from casework.discretion import lift_pause, pause_letters
from casework.queries.discretion import paused, why_letters_wait
from desk.discretion_forms import LiftForm, PauseForm, SkipForm, TakeForm
from desk.queries.pupil import enrolment_for
from desk.requests import StaffRequest
from desk.words import stage_label
from escalation.by_hand import skip_stage, stages_above, take_stage
from escalation.models import Case, StageRecord
from escalation.queries import adopted
from escalation.services import open_case
from letters.services import draft_planned
from schools.clock import now, today
from schools.models import Enrolment, Role
from schools.rules import Refused

DECIDING_ROLES = (Role.HEAD, Role.ATTENDANCE_LEAD, Role.HEAD_OF_YEAR, Role.TRUST_LEAD)


@login_required
@require_GET
def discretion(request: StaffRequest, pk: int) -> HttpResponse:
    """What stands, and the decisions that may be taken."""
    return _page(request, _enrolment(request, pk), {})


def _enrolment(request: StaffRequest, pk: int) -> Enrolment:
    """404 outside scope, 403 for who may not decide here."""
    given = request.POST if request.method == "POST" else request.GET
    enrolment = enrolment_for(request.scope, pk, given.get("school", ""), today())
    request.scope.authorise("use_discretion", enrolment.school)
    return enrolment


def _page(request: StaffRequest, enrolment: Enrolment, wrong: dict[str, forms.Form]) -> HttpResponse:
    """``wrong``: a form that was sent with a fault, by its name, shown with what was written in it."""
    case = Case.objects.filter(pupil=enrolment.pupil, school=enrolment.school).order_by("-year").first()
    pause = paused([case.pk], today()).get(case.pk) if case else None
    opened = list(case.stages.filter(state__in=StageRecord.OPEN).select_related("version")) if case else []
    context = {
        "pupil": enrolment.pupil,
        "school": enrolment.school,
        "case": case,
        "pause": pause,
        "waits": why_letters_wait(pause, may_read=not request.scope.refusal("see_safeguarding", enrolment.school)),
        "opened": opened,
        "pause_form": wrong.get("pause") or PauseForm(on=today(), auto_id="pause_%s"),
        "lift_form": wrong.get("lift") or LiftForm(auto_id="lift_%s"),
        "skip_form": wrong.get("skip") or SkipForm(records=opened, auto_id="skip_%s"),
        "take_form": wrong.get("take") or _take_form(enrolment, case),
        "form": next(iter(wrong.values()), None),
        "history": case.events.filter(kind="decision").select_related("by")[:20] if case else [],
    }
    return render(request, "desk/discretion.html", context, status=422 if wrong else 200)


def _take_form(enrolment: Enrolment, case: Case | None, data: object = None) -> TakeForm | None:
    """None where the school has no ladder yet, or the family stands at its top."""
    try:
        ruleset = adopted(enrolment.school, today())[1]
    except Refused:
        return None
    above = stages_above(case, ruleset) if case else list(ruleset.stages)
    offered = [(stage.id, f"{stage_label(stage.id)}: {stage.name}") for stage in above]
    return TakeForm(data, stages=offered, auto_id="take_%s") if offered else None


@login_required
@require_POST
def pause(request: StaffRequest, pk: int) -> HttpResponse:
    enrolment = _enrolment(request, pk)
    form = PauseForm(request.POST, on=today(), auto_id="pause_%s")

    def paused_now(case: Case, who: dict[str, Any]) -> None:
        pause_letters(case=case, **who, **form.cleaned_data)

    return _decide(request, enrolment, "pause", form, paused_now, "The letters wait.")


@login_required
@require_POST
def lift(request: StaffRequest, pk: int) -> HttpResponse:
    enrolment = _enrolment(request, pk)
    form = LiftForm(request.POST, auto_id="lift_%s")

    def lifted(case: Case, who: dict[str, Any]) -> None:
        standing = paused([case.pk], today()).get(case.pk)
        if standing is None:
            raise Refused("No pause stands any more.")
        lift_pause(pause=standing, **who, **form.cleaned_data)

    return _decide(request, enrolment, "lift", form, lifted, "Letters may be approved again.")


@login_required
@require_POST
def take(request: StaffRequest, pk: int) -> HttpResponse:
    enrolment = _enrolment(request, pk)
    case = Case.objects.filter(pupil=enrolment.pupil, school=enrolment.school).order_by("-year").first()
    form = _take_form(enrolment, case, request.POST)
    if form is None:
        messages.error(request, "No stage lies above the one that stands.")
        return _back(enrolment)

    def taken(case: Case, who: dict[str, Any]) -> None:
        take_stage(case=case, **who, stage_id=form.cleaned_data["stage"], reason=form.cleaned_data["reason"])

    return _decide(
        request, enrolment, "take", form, taken, "The stage was taken: its letter waits in Decisions, or its task is given."
    )


@login_required
@require_POST
def skip(request: StaffRequest, pk: int) -> HttpResponse:
    enrolment = _enrolment(request, pk)
    opened = StageRecord.objects.filter(case__pupil=enrolment.pupil, case__school=enrolment.school, state__in=StageRecord.OPEN)
    form = SkipForm(request.POST, records=list(opened), auto_id="skip_%s")

    def skipped(case: Case, who: dict[str, Any]) -> None:
        record = get_object_or_404(opened.select_related("case__school"), pk=form.cleaned_data["record"])
        skip_stage(record=record, reason=form.cleaned_data["reason"], **who)

    return _decide(request, enrolment, "skip", form, skipped, "The stage is left out; the ladder goes on above it.")


def _decide(
    request: StaffRequest,
    enrolment: Enrolment,
    name: str,
    form: forms.Form,
    decide: Callable[[Case, dict[str, Any]], None],
    said: str,
) -> HttpResponse:
    """Takes the decision where the form is whole and no rule refuses it; otherwise the page again with what was written.

    What it asks of the letters is done at once: a taken stage's is drafted, a passed-over one's withdrawn."""
    if not form.is_valid():
        return _page(request, enrolment, {name: form})
    role = request.scope.acting_as(enrolment.school, *DECIDING_ROLES)
    case = open_case(pupil=enrolment.pupil, school=enrolment.school, on=today())
    try:
        decide(case, {"by": request.user, "role": role, "on": today(), "now": now()})
    except Refused as refused:
        form.add_error(None, str(refused))
        return _page(request, enrolment, {name: form})
    draft_planned(now=now(), on=today(), school=enrolment.school)
    messages.success(request, said)
    return _back(enrolment)


def _back(enrolment: Enrolment) -> HttpResponse:
    return redirect(f"{reverse('desk:discretion', args=[enrolment.pupil_id])}?school={enrolment.school.urn}")
