"""Penalty notices and notices to improve: the lists, a family's counter and ledger, and each act a form of its own.

The product prepares; whoever holds ``request_penalty`` sends. Every act is refused with the rule's own sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from casework.models import ImprovementNotice, PenaltyGround, PenaltyNotice, PenaltyRequest
from casework.penalty import ledger, services
from casework.penalty.improvement import SEVEN, usual_length
from casework.penalty.improving import begin_improvement, decide_improvement, stop_improvement
from casework.penalty.parameters import code_of, framework
from casework.penalty.rules import Answers
from desk import penalty_forms as forms
from desk.queries import penalties as queries
from desk.queries.pupil import enrolment_for
from desk.requests import StaffRequest, chosen, schools_for
from schools.clock import now, today
from schools.models import Enrolment, Parent, PupilParent, Role, School
from schools.rules import Refused

PAGE = 50
"""Rows of a list on one page."""
ACTING = (Role.HEAD, Role.ATTENDANCE_LEAD, Role.OFFICER)
TABS = (("near", "Near ten"), ("requests", "Requests"), ("improve", "Notices to improve"), ("notices", "Notices to settle"))
NOBODY = Answers(False, "", False, "", "", False)


@login_required
@require_GET
def penalties(request: StaffRequest) -> HttpResponse:
    """Who is near ten, what waits, which chances run, which notices are unsettled."""
    allowed = schools_for(request.scope, "see_penalties")
    schools, on = chosen(allowed, request.GET.get("school", "")), today()
    lists: dict[str, list[Any]] = {
        "near": queries.near_ten(request.scope, schools, on),
        "requests": queries.open_requests(schools),
        "improve": queries.chances(schools, on),
        "notices": queries.unsettled_notices(schools, on),
    }
    tab = request.GET.get("show", "near")
    tab = tab if tab in lists else "near"
    page, asked = Paginator(lists[tab], PAGE).get_page(request.GET.get("page")), request.GET.get("school", "")
    context = {
        "tabs": [(key, title, len(lists[key])) for key, title in TABS],
        "tab": tab,
        "page": page,
        "rows": list(page.object_list),
        "address_without_page": f"?show={tab}{f'&school={asked}' if asked else ''}&",
        "codes": [code_of(school.local_authority) for school in {s.local_authority: s for s in schools}.values()],
        "schools": [(school.urn, school.short_name or school.name) for school in allowed],
        "asked_school": asked,
        "many": len(schools) > 1,
        "on": on,
        "near_from": queries.NEAR,
    }
    return render(request, "desk/penalties.html", context)


def _enrolment(request: StaffRequest, pk: int, act: str) -> Enrolment:
    """The pupil's enrolment in scope. 404 outside it, 403 without the act."""
    urn = request.GET.get("school", "") or request.POST.get("school", "")
    enrolment = enrolment_for(request.scope, pk, urn, today())
    request.scope.authorise(act, enrolment.school)
    return enrolment


def _who(request: StaffRequest, school: School) -> dict[str, Any]:
    return {"by": request.user, "role": request.scope.acting_as(school, *ACTING), "on": today(), "now": now()}


@login_required
@require_GET
def pupil_penalties(request: StaffRequest, pk: int) -> HttpResponse:
    """One child: the window week by week, each parent's ledger, requests, notices to improve."""
    enrolment = _enrolment(request, pk, "see_penalties")
    page = queries.family_page(enrolment, today())
    may = not request.scope.refusal("prepare_penalty", enrolment.school)
    context = {
        "page": page,
        "pupil": enrolment.pupil,
        "school": enrolment.school,
        "may_prepare": may,
        "why_not": request.scope.refusal("prepare_penalty", enrolment.school),
        "third": framework().third,
        "notice_form": forms.NoticeForm(parents=_parents(enrolment), auto_id="notice_%s"),
        "moves": {
            line.notice.pk: forms.MoveForm(
                state=line.notice.state, initial={"state_on": today()}, auto_id=f"move{line.notice.pk}_%s"
            )
            for one in page.ledgers
            for line in one.lines
        }
        if may
        else {},
        "on": today(),
    }
    return render(request, "desk/penalty_pupil.html", context)


def _parents(enrolment: Enrolment) -> list[tuple[int, str]]:
    links = PupilParent.objects.filter(pupil=enrolment.pupil).select_related("parent")
    return [(link.parent_id, f"{link.parent.name}, {link.relationship}") for link in links]


@login_required
def new_request(request: StaffRequest, pk: int) -> HttpResponse:
    """The checklist, the parents, and what a person answers; a POST prepares."""
    enrolment = _enrolment(request, pk, "prepare_penalty")
    pupil, school, on = enrolment.pupil, enrolment.school, today()
    page = queries.family_page(enrolment, on)
    thirds = {one.parent.pk for one in page.ledgers if one.standing.is_third}
    form = forms.RequestForm(request.POST if request.method == "POST" else None, liabilities=page.kin.liabilities, thirds=thirds)
    if request.method == "POST" and form.is_valid():
        try:
            ground = services.prepare_ground(
                pupil=pupil, school=school, parents=form.parents, answers=form.answers, **_who(request, school)
            )
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "Prepared. Nothing has been sent: an authorised person sends it.")
            return redirect("desk:penalty-ground", ground.pk)
    checks = services.checks_of(pupil=pupil, school=school, on=on, answers=NOBODY, family_=page.kin, window=page.window)
    context = {
        "form": form,
        "page": page,
        "pupil": pupil,
        "school": school,
        "checks": [check for check in checks if check.key not in ("support", "equality", "prosecution")],
        "stops": [check for check in checks if check.blocks and not check.passed and check.key in RECORDED],
        "not_choosable": [one for one in page.kin.liabilities if not form.may(one)],
        "thirds": {one.parent.pk: one.standing.sentence for one in page.ledgers if one.standing.is_third},
        "third": framework().third,
    }
    return render(request, "desk/penalty_request.html", context, status=422 if form.errors else 200)


RECORDED = ("threshold", "open_n", "age", "on_roll", "improvement")
"""Checks that the record itself answers: where one stands in the way, the form says so before anything is filled in."""


def _ground(request: StaffRequest, pk: int, act: str) -> PenaltyGround:
    grounds = PenaltyGround.objects.filter(pk=pk, pupil__in=request.scope.pupils, school__in=request.scope.schools)
    ground = grounds.select_related("pupil", "school", "by").first()
    if ground is None:
        raise Http404("No such request.")
    request.scope.authorise(act, ground.school)
    return ground


@login_required
@require_GET
def ground(request: StaffRequest, pk: int) -> HttpResponse:
    """What a request rests on: its sessions, its checks, and each parent's request with what may be done now."""
    found, on = _ground(request, pk, "see_penalties"), today()
    stands = services.stands_today(found, on)
    asked = list(found.requests.select_related("parent", "sent_by"))
    context = {
        "ground": found,
        "pupil": found.pupil,
        "marks": list(found.marks.all()),
        "stands": stands,
        "requests": [
            (one, services.why_not_send(one, on) if one.state == PenaltyRequest.State.PREPARED else [], _forms_for(one))
            for one in asked
        ],
        "why_not_send": request.scope.refusal("request_penalty", found.school),
        "may_prepare": not request.scope.refusal("prepare_penalty", found.school),
        "code": code_of(found.school.local_authority),
    }
    return render(request, "desk/penalty_ground.html", context)


def _forms_for(asked: PenaltyRequest) -> dict[str, Any]:
    at, on = f"r{asked.pk}_%s", today()
    return {
        "issued": forms.IssuedForm(initial={"issued_on": on}, auto_id=f"i{at}"),
        "refused": forms.RefusedForm(initial={"answered_on": on}, auto_id=f"f{at}"),
        "drop": forms.ReasonOnlyForm(auto_id=f"d{at}"),
    }


@login_required
@require_POST
def request_act(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Sends, answers or drops one parent's request."""
    asked = PenaltyRequest.objects.filter(pk=pk).select_related("ground", "parent").first()
    if asked is None or act not in ACTS:
        raise Http404("No such request.")
    right, form_class, do, done = ACTS[act]
    found = _ground(request, asked.ground_id, right)
    asked.ground = found
    form = form_class(request.POST) if form_class else None
    _try(request, form, lambda given: do(asked, given, _who(request, found.school)), done)
    return redirect("desk:penalty-ground", found.pk)


ACTS: dict[str, tuple[str, Any, Callable[..., Any], str]] = {
    "send": ("request_penalty", None, lambda asked, given, who: services.send_request(request=asked, **who), "Recorded as sent."),
    "issued": (
        "prepare_penalty",
        forms.IssuedForm,
        lambda asked, given, who: services.record_issued(request=asked, **given, **who),
        "The notice stands in the ledger.",
    ),
    "refused": (
        "prepare_penalty",
        forms.RefusedForm,
        lambda asked, given, who: services.record_refused(request=asked, **given, **who),
        "Recorded as refused.",
    ),
    "drop": (
        "prepare_penalty",
        forms.ReasonOnlyForm,
        lambda asked, given, who: services.drop_request(request=asked, **given, **who),
        "Not pursued: the sessions are free again.",
    ),
}
"""By the word in the address: the right, the form, the service, and what is said when it is done."""


def _try(request: StaffRequest, form: Any, do: Callable[[dict[str, Any]], Any], done: str) -> bool:
    """Does it, and says so; a fault of the form or a rule's refusal is said instead."""
    if form is not None and not form.is_valid():
        messages.error(request, forms.first_fault(form))
        return False
    try:
        do(form.cleaned_data if form is not None else {})
    except Refused as refused:
        messages.error(request, str(refused))
        return False
    messages.success(request, done)
    return True


@login_required
@require_POST
def enter_notice(request: StaffRequest, pk: int) -> HttpResponse:
    """A notice from another school or authority enters the ledger."""
    enrolment = _enrolment(request, pk, "prepare_penalty")
    form = forms.NoticeForm(request.POST, parents=_parents(enrolment))

    def enter(given: dict[str, Any]) -> None:
        parent = Parent.objects.get(pk=given.pop("parent"))
        who = _who(request, enrolment.school)
        ledger.enter_notice(parent=parent, pupil=enrolment.pupil, school=enrolment.school, **given, **who)

    _try(request, form, enter, "The notice stands in the ledger.")
    return redirect("desk:pupil-penalties", pk)


@login_required
@require_POST
def move_notice(request: StaffRequest, pk: int) -> HttpResponse:
    """Paid, not paid, prosecuted, found not guilty or withdrawn."""
    notice = PenaltyNotice.objects.filter(pk=pk, pupil__in=request.scope.pupils).select_related("pupil", "request").first()
    if notice is None:
        raise Http404("No such notice.")
    school = _enrolment(request, notice.pupil_id, "prepare_penalty").school
    form = forms.MoveForm(request.POST, state=notice.state)
    who = _who(request, school)
    _try(request, form, lambda given: ledger.move_notice(notice=notice, school=school, **given, **who), "Recorded.")
    return redirect("desk:pupil-penalties", notice.pupil_id)


@login_required
def new_improvement(request: StaffRequest, pk: int) -> HttpResponse:
    """A notice to improve with its seven things and its clock; a POST begins it and plans its letter."""
    enrolment = _enrolment(request, pk, "prepare_penalty")
    pupil, school = enrolment.pupil, enrolment.school
    code = code_of(school.local_authority)
    initial = forms.begins_with(today()) | {
        "school_days_long": usual_length(code.notice_to_improve),
        "allowed": code.allowed_unauthorised,
    }
    form = forms.ImprovementForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            notice = begin_improvement(pupil=pupil, school=school, **form.cleaned_data, **_who(request, school))
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "Begun. Its letter is drafted next: somebody approves it before it leaves.")
            return redirect("desk:improvement", notice.pk)
    context = {"form": form, "pupil": pupil, "school": school, "code": code, "seven": SEVEN}
    return render(request, "desk/penalty_improvement_new.html", context, status=422 if form.errors else 200)


def _improvement(request: StaffRequest, pk: int, act: str) -> ImprovementNotice:
    notices = ImprovementNotice.objects.filter(pk=pk, pupil__in=request.scope.pupils, school__in=request.scope.schools)
    notice = notices.select_related("pupil", "school", "case", "by", "decided_by").first()
    if notice is None:
        raise Http404("No such notice.")
    request.scope.authorise(act, notice.school)
    return notice


@login_required
@require_GET
def improvement(request: StaffRequest, pk: int) -> HttpResponse:
    """One notice to improve: its clock, how it stands, its seven things, what follows."""
    notice = _improvement(request, pk, "see_penalties")
    (chance,) = queries.chances_of([notice], notice.school, today())
    context = {
        "notice": notice,
        "pupil": notice.pupil,
        "chance": chance,
        "seven": [(name, notice.contents.get(key, "")) for key, name in SEVEN.items()],
        "stop_form": forms.ReasonOnlyForm(auto_id="stop_%s"),
        "decide_form": forms.DecideForm(auto_id="decide_%s"),
        "why_not": request.scope.refusal("prepare_penalty", notice.school),
    }
    return render(request, "desk/penalty_improvement.html", context)


@login_required
@require_POST
def improvement_act(request: StaffRequest, pk: int, act: str) -> HttpResponse:
    """Stops it early, or decides what follows it."""
    if act not in ("stop", "decide"):
        raise Http404("No such act.")
    notice = _improvement(request, pk, "prepare_penalty")
    who = _who(request, notice.school)
    if act == "stop":
        form: Any = forms.ReasonOnlyForm(request.POST)
        _try(request, form, lambda given: stop_improvement(notice=notice, **given, **who), "Stopped.")
    else:
        form = forms.DecideForm(request.POST)
        _try(request, form, lambda given: decide_improvement(notice=notice, **given, **who), "Decided.")
    return redirect("desk:improvement", notice.pk)
