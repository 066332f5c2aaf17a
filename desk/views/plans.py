"""Plans of a case: written, printed, put in force, signed, reviewed; monitoring that ended; weekly messages; the list of what waits."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.models import Document, Plan, PlanAction, PlanReview, StandingApproval
from casework.monitoring import approve_series, carry_plan, end_series, extend_period, review_plan
from casework.plan_kinds import barrier_names, kind_of, part_names
from casework.plans import SESSIONS, change_plan, draft_plan, end_plan, finish_action, put_in_force, sign_plan, title_of
from casework.queries.plans import whole_plans
from casework.queries.tracking import tracking_sheet
from desk.case_forms import ReasonForm
from desk.plan_forms import (
    CarryForm,
    EndSeriesForm,
    ForceForm,
    PlanForm,
    ReviewForm,
    SeenReasonForm,
    SeriesForm,
    SignForm,
    new_plan,
    papers,
    signers,
    written,
)
from desk.queries.case import case_in_scope
from desk.queries.plans import board, may_be_drawn_up, plan_line, what_is_proposed, why_not_approve_series
from desk.requests import StaffRequest, schools_for
from desk.views.case import attempt, case_to_work, form_page, saved, to_case, who
from escalation.by_hand import stages_above
from escalation.models import Case, Period, StageRecord
from escalation.queries import ruleset_of
from letters.pdf import MissingGlyphs
from letters.plan_sheet import plan_pdf, tracking_csv, tracking_pdf
from schools.clock import now, today
from schools.models import PupilParent

CHANGES_THE_LADDER = (PlanReview.Decision.EXTEND, PlanReview.Decision.NEXT_STAGE)


def posted(request: StaffRequest) -> QueryDict | None:
    """What was sent, so that a form without a single answer is still judged."""
    return request.POST if request.method == "POST" else None


@login_required
@require_GET
def plans(request: StaffRequest) -> HttpResponse:
    """What ends this week with its outcome, what waits for a review, drafts, and what runs over the summer."""
    schools = schools_for(request.scope, "see_cases")
    found = board(request.scope, schools, today())
    return render(request, "desk/plans.html", {"board": found, "schools": schools, "many": len(schools) > 1})


def _found(pk: int) -> Plan:
    plan = whole_plans().filter(pk=pk).first()
    if plan is None:
        raise Http404("No such plan.")
    return plan


def _to_work(request: StaffRequest, pk: int) -> Plan:
    """A plan that the viewer may change: 404 outside scope, 403 without the right."""
    plan = _found(pk)
    case_to_work(request, plan.case_id)
    return plan


def _to_plan(plan: Plan) -> HttpResponse:
    return redirect("desk:plan", plan.pk)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest, pk: int) -> HttpResponse:
    """A new draft. ``stage`` and ``kind`` choose which; left out, the usual one of the stage that asks for it."""
    found = case_to_work(request, pk)
    offers = may_be_drawn_up(found, today())
    wanted = request.GET.get("stage", ""), request.GET.get("kind", "")
    chosen = next(((record, kind) for record, kind, _ in offers if (str(record.pk), kind) == wanted), None)
    if chosen is None and offers:
        chosen = offers[0][:2]
    if chosen is None:
        messages.error(request, "No stage stands in this case: a plan belongs to one. Take a stage out of turn first.")
        return to_case(found, "plans")
    record, kind = chosen
    if draft := Plan.objects.filter(case=found, state=Plan.State.DRAFT).first():
        messages.error(request, "A draft of a plan stands in this case already: go on with it, or withdraw it first.")
        return _to_plan(draft)
    form = PlanForm(posted(request), kind=kind, initial=new_plan(kind_of(kind), *_usual_time(record, kind)))
    if request.method == "POST" and not form.asks_for_more and form.is_valid():
        made: list[Plan] = []
        if saved(
            request,
            form,
            lambda: made.append(draft_plan(case=found, record=record, content=form.content(), **who(request, found))),
            "Draft saved. Print it for the meeting, or put it in force.",
        ):
            return _to_plan(made[0])
    return _form(request, found, form, record, offers=offers)


def _usual_time(record: StageRecord, kind: str) -> tuple[dt.date, int]:
    """First day and weeks: those of the stage's running period; otherwise today and what the ladder or the kind says."""
    period = Period.objects.filter(case=record.case_id, stage=record.stage, outcome="").order_by("-starts_on").first()
    if period and period.ends_on > today():
        return period.starts_on, min(period.weeks, kind_of(kind).longest)
    stage = next((stage for stage in ruleset_of(record.version).stages if stage.id == record.stage), None)
    weeks = stage.begins_period if stage and stage.begins_period else kind_of(kind).weeks
    return today(), min(weeks, kind_of(kind).longest)


def _form(
    request: StaffRequest, of: Case, form: PlanForm, record: StageRecord, *, offers: Any = (), plan: Plan | None = None
) -> HttpResponse:
    others = [each for each in offers if (each[0].pk, each[1]) != (record.pk, form.kind)]
    context = {
        "form": form, "case": of, "pupil": of.pupil, "school": of.school, "record": record, "others": others, "plan": plan,
        "title": f"{kind_of(form.kind).name}: {'change the draft' if plan else 'draw it up'}",
    }  # fmt: skip
    wrong = form.is_bound and not form.asks_for_more and bool(form.errors)
    if form.asks_for_more:
        form.errors.clear()
    return render(request, "desk/plan_form.html", context, status=400 if wrong else 200)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """A draft is written anew."""
    plan = _to_work(request, pk)
    if plan.state != Plan.State.DRAFT:
        messages.error(request, f"The plan is {plan.get_state_display().lower()}: draw up a new one to change it.")
        return _to_plan(plan)
    rows, steps = max(3, plan.actions.count() + 1), max(2, len(plan.steps) + 1)
    form = PlanForm(posted(request), kind=plan.kind, rows=rows, steps=steps, initial=written(plan))
    if request.method == "POST" and not form.asks_for_more and form.is_valid():
        seen = form.cleaned_data["seen"] or 0
        change = {"plan": plan, "content": form.content(), "seen": seen, **who(request, plan.case)}
        if saved(request, form, lambda: change_plan(**change), "Draft saved."):
            return _to_plan(plan)
    return _form(request, plan.case, form, plan.stage_record, plan=plan)


@login_required
@require_GET
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    """One plan with its figures, its signatures and its reviews."""
    found = _found(pk)
    case_in_scope(request.scope, found.case_id)
    names, parts = barrier_names(found.kind), part_names(found.kind)
    context = {
        "plan": found, "line": plan_line(found, today()), "case": found.case, "pupil": found.case.pupil,
        "school": found.case.school, "title": title_of(found),
        "barriers": [(name, found.barriers[key]) for key, name in names.items() if key in found.barriers],
        "promises": [(label, found.promises[side]) for side, label in _PROMISES if found.promises.get(side)],
        "parts": [(name, found.parts.get(key, "")) for key, name in parts.items()],
        "steps": [(dt.date.fromisoformat(step["from"]), SESSIONS[step["sessions"]]) for step in found.steps],
        "may_record": not request.scope.refusal("record_contact", found.case.school),
        "is_draft": found.state == Plan.State.DRAFT, "in_force": found.state == Plan.State.IN_FORCE,
    }  # fmt: skip
    return render(request, "desk/plan.html", context)


_PROMISES = (("school", "The school"), ("parent", "The parents"), ("pupil", "The pupil"))


def _file(content: bytes | str, media_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(False, name) or "inline"
    return response


@login_required
@require_GET
def sheet(request: StaffRequest, pk: int) -> HttpResponse:
    """The plan as a PDF with lines to sign."""
    found = _found(pk)
    case_in_scope(request.scope, found.case_id)
    try:
        content = plan_pdf(found, today())
    except MissingGlyphs as fault:
        messages.error(request, str(fault))
        return _to_plan(found)
    return _file(content, "application/pdf", f"plan-{found.pk}.pdf")


@login_required
@require_http_methods(["GET", "POST"])
def force(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft comes into force, also without the parents."""
    plan = _to_work(request, pk)
    old = Plan.objects.filter(case=plan.case_id, state=Plan.State.IN_FORCE).first()
    form = ForceForm(posted(request), replaces=title_of(old) if old else "", initial={"seen": plan.version})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if saved(request, form, lambda: put_in_force(plan=plan, **given, **who(request, plan.case)), "The plan is in force."):
            return _to_plan(plan)
    note = "From now on it holds: the night tests its weeks and its target, and its words are not changed any more."
    return form_page(
        request, plan.case, form, title=f"Put the {title_of(plan).lower()} in force", verb="Put it in force", note=note
    )


@login_required
@require_http_methods(["GET", "POST"])
def sign(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody signed on paper."""
    plan = _to_work(request, pk)
    links = list(PupilParent.objects.filter(pupil=plan.case.pupil_id).select_related("parent"))
    documents = Document.objects.filter(case=plan.case_id, deleted_at=None)
    if request.scope.refusal("open_documents", plan.case.school):
        documents = documents.none()
    form = SignForm(
        posted(request),
        offers={"who": signers(links, plan.case.pupil.called, request.user.name), "document": papers(documents)},
        initial={"signed_on": today()},
    )
    if request.method == "POST" and form.is_valid():
        paper = next((one for one in documents if str(one.pk) == form.cleaned_data["document"]), None)
        given = {**form.person(links), "signed_on": form.cleaned_data["signed_on"], "document": paper}
        if saved(request, form, lambda: sign_plan(plan=plan, **given, **who(request, plan.case)), "Signature recorded."):
            return _to_plan(plan)
    return form_page(request, plan.case, form, title="Record a signature", verb="Save the signature")


@login_required
@require_POST
def action(request: StaffRequest, pk: int) -> HttpResponse:
    """An action of the plan was done."""
    found = get_object_or_404(PlanAction.objects.select_related("plan__case__school", "plan__stage_record", "done_by"), pk=pk)
    case_to_work(request, found.plan.case_id)
    attempt(request, lambda: finish_action(action=found, done_on=today(), **who(request, found.plan.case)), "Recorded as done.")
    return _to_plan(found.plan)


@login_required
@require_http_methods(["GET", "POST"])
def review(request: StaffRequest, pk: int) -> HttpResponse:
    """The plan is looked at: before its end the period goes on, afterwards a person chooses what follows."""
    plan = _to_work(request, pk)
    line = plan_line(plan, today())
    if line.line is None or plan.state != Plan.State.IN_FORCE:
        messages.error(request, f"The plan is {plan.get_state_display().lower()}: only a plan in force is reviewed.")
        return _to_plan(plan)
    proposed = what_is_proposed(plan)
    form = ReviewForm(
        posted(request), result=line.line.result, stages=_stages(request, plan, proposed), initial={"seen": plan.version}
    )
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["decision"] in CHANGES_THE_LADDER:
            request.scope.authorise("use_discretion", plan.case.school)
        if saved(
            request, form, lambda: review_plan(plan=plan, **form.cleaned_data, **who(request, plan.case)), "Review recorded."
        ):
            return _to_plan(plan)
    note = f"{line.line.words[0].upper()}{line.line.words[1:]}. {line.line.falls_short}".strip()
    if proposed:
        note += f" The night has proposed stage {proposed.stage}: {proposed.name}."
    if not line.line.result.ended:
        note += f" The period runs until {plan.period.ends_on:%-d %B}: this review is recorded as early." if plan.period else ""
    return form_page(request, plan.case, form, title=f"Review the {title_of(plan).lower()}", verb="Save the review", note=note)


def _stages(request: StaffRequest, plan: Plan, proposed: StageRecord | None) -> list[tuple[str, str]]:
    if proposed or request.scope.refusal("use_discretion", plan.case.school):
        return []
    above = stages_above(plan.case, ruleset_of(plan.stage_record.version))
    return [("", "Leave it to the ladder"), *((stage.id, f"{stage.id}: {stage.name}") for stage in above)]


@login_required
@require_http_methods(["GET", "POST"])
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """A plan ends before its review, or a draft is withdrawn."""
    plan = _to_work(request, pk)
    is_draft = plan.state == Plan.State.DRAFT
    form = SeenReasonForm(posted(request), initial={"seen": plan.version})
    if request.method == "POST" and form.is_valid():
        done = "Withdrawn." if is_draft else "The plan has ended; its monitoring goes on."
        if saved(request, form, lambda: end_plan(plan=plan, **form.cleaned_data, **who(request, plan.case)), done):
            return _to_plan(plan)
    verb = "Withdraw the draft" if is_draft else "End the plan"
    return form_page(request, plan.case, form, title=verb, verb=verb)


@login_required
@require_http_methods(["GET", "POST"])
def carry(request: StaffRequest, pk: int) -> HttpResponse:
    """A plan of last year goes on in this year's case."""
    plan = _to_work(request, pk)
    form = CarryForm(posted(request), initial={"weeks": min(plan.weeks, 6)})
    if request.method == "POST" and form.is_valid():
        made: list[Plan] = []
        given = {"plan": plan, **form.cleaned_data, **who(request, plan.case)}
        if saved(request, form, lambda: made.append(carry_plan(**given)), "The plan goes on in this year’s case."):
            return _to_plan(made[0])
    note = "The same words, from today, tested on this year’s sessions. The stages of the new year begin afresh."
    return form_page(request, plan.case, form, title="Carry the plan into this year", verb="Carry it over", note=note)


@login_required
@require_http_methods(["GET", "POST"])
def extend(request: StaffRequest, pk: int) -> HttpResponse:
    """Monitoring that ended with its target missed goes on for the same length."""
    period = get_object_or_404(Period.objects.select_related("case"), pk=pk)
    found = case_to_work(request, period.case_id)
    request.scope.authorise("use_discretion", found.school)
    form = ReasonForm(posted(request))
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        if saved(
            request, form, lambda: extend_period(period=period, reason=reason, **who(request, found)), "Extended from today."
        ):
            return to_case(found, "plans")
    note = f"{period.weeks} weeks more from today. A stage proposed on the missed target is put off until they have ended."
    return form_page(request, found, form, title="The same time again", verb="Extend it", note=note)


# Weekly messages


@login_required
@require_http_methods(["GET", "POST"])
def series(request: StaffRequest, pk: int) -> HttpResponse:
    """A standing approval of a stage's weekly messages, by name and until a day."""
    joined = StageRecord.objects.select_related("case__pupil", "case__school__group", "version")
    record = get_object_or_404(joined, pk=pk)
    found = case_to_work(request, record.case_id)
    why_not = why_not_approve_series(request.scope, record, found.school)
    if why_not and request.method == "POST":
        raise PermissionDenied(why_not)
    form = SeriesForm(posted(request), initial={"until": today() + dt.timedelta(days=42)})
    if request.method == "POST" and form.is_valid():
        acting = who(request, found) | {"role": request.scope.acting_as(found.school, record.approves or record.acts)}
        until = form.cleaned_data["until"]
        if saved(request, form, lambda: approve_series(record=record, until=until, **acting), "Weekly messages approved."):
            return to_case(found, "plans")
    note = (
        "Each week, after its last school day, a short message says whether attendance rose or fell. It leaves under your name."
    )
    return form_page(
        request, found, form, title="Approve the weekly messages", verb="Approve them", note=note, why_not=why_not
    )  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def series_end(request: StaffRequest, pk: int) -> HttpResponse:
    """The weekly messages stop."""
    joined = StandingApproval.objects.select_related("case__school", "stage_record__version")
    approval = get_object_or_404(joined, pk=pk)
    found = case_to_work(request, approval.case_id)
    form = EndSeriesForm(posted(request))
    if request.method == "POST" and form.is_valid():
        given = {"approval": approval, **form.cleaned_data, **who(request, found)}
        if saved(request, form, lambda: end_series(**given), "The weekly messages stop."):
            return to_case(found, "plans")
    return form_page(request, found, form, title="Stop the weekly messages", verb="Stop them")


# The tracking sheet


@login_required
@require_GET
def tracking(request: StaffRequest, pk: int) -> HttpResponse:
    """The year by half terms."""
    found = case_in_scope(request.scope, pk)
    context = {"case": found, "pupil": found.pupil, "school": found.school, "lines": tracking_sheet(found, today()), "at": now()}
    return render(request, "desk/plan_tracking.html", context)


@login_required
@require_GET
def tracking_file(request: StaffRequest, pk: int, ending: str) -> HttpResponse:
    """The same as PDF or CSV."""
    found = case_in_scope(request.scope, pk)
    if ending == "csv":
        return _file("\ufeff" + tracking_csv(found, today()), "text/csv; charset=utf-8", f"tracking-{found.pk}.csv")
    if ending != "pdf":
        raise Http404("There is no such file.")
    try:
        return _file(tracking_pdf(found, today()), "application/pdf", f"tracking-{found.pk}.pdf")
    except MissingGlyphs as fault:
        messages.error(request, str(fault))
        return redirect("desk:tracking", found.pk)
