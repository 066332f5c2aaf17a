"""The officer's work on absences: the calling list, N codes to settle, long illness, missing registers. Calls are recorded in ``acts``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from attendance.chasing import ask_for_register, enter_same_reason
from desk.calling_form import CALL_OUTCOMES, REASON_CODES, Channel, try_times
from desk.queries.calling import STATES, chase
from desk.queries.registers import MissingRegister
from desk.queries.ringing import SAFEGUARDING, Ring, State, numbers_of
from desk.queries.roll import Place
from desk.queries.today import Filters
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.views.acts import RECORDING_ROLES, go_back
from escalation.services import set_task
from letters.phrases import count, joined
from schools.clock import now, today
from schools.models import Enrolment, PupilParent, Role, School
from schools.rules import Refused

DAYS_AHEAD = 10
"""School days ahead that may be chosen as the day of return."""


@login_required
def calling(request: StaffRequest) -> HttpResponse:
    """Whom to call about today's absences, in order, with everything that was tried."""
    return _page(request, "desk/calling.html")


@login_required
def n_codes(request: StaffRequest) -> HttpResponse:
    """Sessions without a reason by their age; those whose days are over are confirmed as O."""
    row = request.GET.get("open", "").partition(":")[0]
    return _page(request, "desk/calling_n_codes.html", open_contacts=_contacts(request, int(row)) if row.isdigit() else [])


def _contacts(request: StaffRequest, row: int) -> list[PupilParent]:
    """Whom to ring about the pupil of a register row within the person's scope."""
    pupils = request.scope.enrolments.filter(register_rows=row).values_list("pupil", flat=True)
    return next(iter(numbers_of(list(pupils), today()).values()), [])


@login_required
def illness(request: StaffRequest) -> HttpResponse:
    """Long illness, and when each family is to be called again."""
    return _page(request, "desk/calling_illness.html")


@login_required
def missing(request: StaffRequest) -> HttpResponse:
    """Registers of today that are not in, who takes them, and who has been asked."""
    return _page(request, "desk/calling_missing.html")


def _page(request: StaffRequest, template: str, **more: object) -> HttpResponse:
    allowed = schools_for(request.scope, "see_today")
    filters = _filters(request)
    schools = chosen(allowed, filters.school)
    shown = chase(
        scope=request.scope, user=request.user, schools=schools, on=today(), now=now(), filters=filters, all_schools=allowed
    )
    return render(request, template, {"shown": shown, **for_recording(request, schools, shown.place), **more})


def _filters(request: StaffRequest) -> Filters:
    named = {name: request.GET.get(name, "") for name in ("school", "year", "form", "flag")}
    tab = request.GET.get("tab", State.RING)
    return Filters(**named, tab=tab if tab in STATES else State.RING)


def for_recording(request: StaffRequest, schools: list[School], place: Place) -> dict[str, Any]:
    """What a page with the form of a call needs: what may be chosen in it, and where the person may record and change."""
    return {
        "now": now(),
        "open_row": request.GET.get("open", ""),
        "open_channel": request.GET.get("how", ""),
        "outcomes": CALL_OUTCOMES,
        "channels": Channel.choices,
        "reasons": REASON_CODES,
        "next_days": next_days(place),
        "try_times": try_times(now()),
        "recordable": where(request, schools, "record_contact"),
        "changeable": where(request, schools, "change_marks"),
        "may_text": len(schools) == 1 and not request.scope.refusal("send_texts", schools[0]),
        "why_not_record": request.scope.refusal("record_contact", schools[0]),
        "why_not_change": request.scope.refusal("change_marks", schools[0]),
    }


def where(request: StaffRequest, schools: list[School], act: str) -> set[int]:
    """The schools at which the person may do ``act``: elsewhere its button gives way to the rule's sentence."""
    return {school.pk for school in schools if not request.scope.refusal(act, school)}


def next_days(place: Place) -> list[dt.date]:
    """The school days on which somebody may be back: two weeks ahead."""
    start = place.days.first_after(place.on)
    return list(place.days.dates[start : start + DAYS_AHEAD])


@login_required
@require_POST
def same_reason(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Today's N codes of a pupil who is expected back later take the code of the reason that was given."""
    found = _enrolment(request, enrolment, "change_marks")
    try:
        marks = enter_same_reason(
            pupil=found.pupil, school=found.school, about=today(), by=request.user, role=_role(request, found.school), now=now()
        )
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{count(marks, 'mark')} of {found.pupil.name} settled by the reason that was given.")
    return go_back(request)


@login_required
@require_POST
def tell_safeguarding(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Hands a pupil about whom nobody can be reached to the safeguarding lead: a task for today."""
    found = _enrolment(request, enrolment, "record_contact")
    try:
        task = set_task(
            pupil=found.pupil,
            school=found.school,
            kind=SAFEGUARDING,
            title="Away without a reason, nobody reached",
            for_role=Role.SAFEGUARDING_LEAD,
            why=_what_was_tried(_ring(request, found)),
            due=today(),
            by=request.user,
            role=_role(request, found.school),
            on=today(),
            now=now(),
        )
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{found.pupil.name} is with {task.owner}, due today. Keep trying until somebody is reached.")
    return go_back(request)


def _ring(request: StaffRequest, enrolment: Enrolment) -> Ring:
    """The pupil's row of the calling list as it stands now. Refused where there is none."""
    one = [enrolment.school]
    shown = chase(scope=request.scope, user=request.user, schools=one, on=today(), now=now(), filters=Filters(), all_schools=one)
    ring = shown.ring_of(enrolment.pk)
    if ring is None:
        raise Refused(f"{enrolment.pupil.name} is not away without a reason today: nothing was handed on.")
    return ring


def _what_was_tried(ring: Ring) -> str:
    days = f"{count(ring.days, 'school day')} without a reason."
    calls = f"{count(len(ring.tries), 'call')} since {ring.since:%A} {ring.since.day} {ring.since:%B}." if ring.tries else ""
    return " ".join(part for part in (days, ring.nobody_reached, calls) if part)


@login_required
@require_POST
def nudge(request: StaffRequest, urn: str) -> HttpResponse:
    """Asks the tutors of the named forms for today's register, by e-mail."""
    school = school_or_404(request.scope, urn, "see_today")
    asked, refusals = [], []
    for register in _registers(request, school):
        try:
            _ask(request, register)
            asked.append(register)
        except Refused as refused:
            refusals.append(str(refused))
    if asked:
        names = joined([f"{register.tutor} ({register.form})" for register in asked])
        messages.success(request, f"Asked by e-mail for the register: {names}.")
    for sentence in refusals or ([] if asked else ["This register is in by now, or none was chosen."]):
        messages.error(request, sentence)
    return go_back(request)


def _registers(request: StaffRequest, school: School) -> list[MissingRegister]:
    """Those that the form names and that are still missing."""
    shown = chase(
        scope=request.scope, user=request.user, schools=[school], on=today(), now=now(), filters=Filters(), all_schools=[school]
    )
    return [register for register in shown.missing if register.key in request.POST.getlist("register")]


def _ask(request: StaffRequest, register: MissingRegister) -> None:
    address = reverse("desk:register", args=[register.school.urn, today().isoformat(), register.session, register.form])
    ask_for_register(
        school=register.school,
        form=register.form,
        date=today(),
        session=register.session,
        to=register.tutor,
        by=request.user,
        role=_role(request, register.school),
        now=now(),
        address=request.build_absolute_uri(address),
    )


def _enrolment(request: StaffRequest, number: int, act: str) -> Enrolment:
    """404 outside the person's pupils, 403 where they may not do ``act``."""
    found = get_object_or_404(request.scope.enrolments.select_related("pupil", "school"), pk=number)
    request.scope.authorise(act, found.school)
    return found


def _role(request: StaffRequest, school: School) -> str:
    return request.scope.acting_as(school, *RECORDING_ROLES)
