"""Correcting a mark, with its history and what rests on it; or several of a pupil's sessions at once."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from attendance.codes import CODES
from attendance.correcting import Place, change_marks, why_not_correct
from attendance.grid import EMPTY_ROW, SESSIONS, academic_year_of
from attendance.models import RegisterRow
from attendance.opening import opening_of, why_not_late
from attendance.services import change_mark, make_rows
from desk.queries.marks import MarkPage, Span, last_week, mark_page, row_of, span_of
from desk.requests import StaffRequest
from letters.phrases import count
from schools.clock import now, today
from schools.models import Enrolment, Placement, Role
from schools.queries import placement_on
from schools.rules import Refused


def _enrolment(request: StaffRequest, pk: int) -> Enrolment:
    return get_object_or_404(request.scope.enrolments.select_related("pupil", "school"), pk=pk)


def _date_or_404(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as fault:
        raise Http404("No such day.") from fault
    if day.weekday() > 4:
        raise Http404("No register on a weekend.")
    return day


@login_required
@require_http_methods(["GET", "POST"])
def mark(request: StaffRequest, enrolment: int, date: str, session: str) -> HttpResponse:
    """One session's mark. Everyone who may see the pupil sees its history; the officer and the lead change it."""
    found, day = _enrolment(request, enrolment), _date_or_404(date)
    if session not in SESSIONS:
        raise Http404("No such session.")
    if request.method == "POST":
        request.scope.authorise("change_marks", found.school)
        return _change(request, found, day, session)
    return _mark_shown(request, found, day, session)


def _mark_shown(
    request: StaffRequest, enrolment: Enrolment, day: dt.date, session: str, *, fault: str = "", status: int = 200
) -> HttpResponse:
    page = mark_page(enrolment, day, session, today())
    context = {
        "page": page,
        "pupil": enrolment.pupil,
        "school": enrolment.school,
        "typed": _typed(request, page),
        "fault": fault,
        "why_not": request.scope.refusal("change_marks", enrolment.school) or _why_not_there(page),
    }
    return render(request, "desk/mark.html", context, status=status)


def _typed(request: StaffRequest, page: MarkPage) -> dict[str, str]:
    """What the form shows: what was sent, or the mark as it stands."""
    if request.method == "POST":
        return {name: request.POST.get(name, "") for name in ("code", "reason", "minutes", "comment")}
    minutes = page.detail.minutes_late if page.detail else None
    return {
        "code": page.code, "reason": "", "minutes": "" if minutes is None else str(minutes),
        "comment": page.detail.comment if page.detail else "",
    }  # fmt: skip


def _why_not_there(page: MarkPage) -> str:
    """Why the session bears no mark at all, whatever its code; otherwise empty."""
    row = page.row or RegisterRow(enrolment=page.enrolment, school=page.enrolment.school, year=academic_year_of(page.date))
    return why_not_correct(row, [(page.date, page.session)], "N", "asked", today())


def _row(enrolment: Enrolment, year: int) -> RegisterRow:
    """The pupil's register of the year, made where it is missing."""
    found = row_of(enrolment, year)
    if found is None:
        make_rows(enrolment.school, [((enrolment.pk, year), EMPTY_ROW)])
        found = row_of(enrolment, year)
    assert found is not None
    return found


def _change(request: StaffRequest, enrolment: Enrolment, day: dt.date, session: str) -> HttpResponse:
    given = {name: request.POST.get(name, "").strip() for name in ("code", "reason", "minutes", "comment", "saw")}
    try:
        minutes = _minutes(given["minutes"]) if given["code"] in ("L", "U") else None
        _refuse_what_is_not_offered(enrolment, day, session, given, minutes)
        change_mark(
            row=_row(enrolment, academic_year_of(day)), date=day, session=session, to=given["code"], reason=given["reason"],
            by=request.user, role=_role(request, enrolment), now=now(), was=given["saw"], minutes_late=minutes,
            comment=given["comment"][:200],
        )  # fmt: skip
    except Refused as refused:
        return _mark_shown(request, enrolment, day, session, fault=str(refused), status=422)
    half = "morning" if session == "AM" else "afternoon"
    messages.success(request, f"{day:%A} {day.day} {day:%B}, {half}, is now {given['code']}. What rests on it is shown below.")
    return redirect("desk:mark", enrolment.pk, day.isoformat(), session)


def _refuse_what_is_not_offered(
    enrolment: Enrolment, day: dt.date, session: str, given: dict[str, str], minutes: int | None
) -> None:
    if not given["code"]:
        raise Refused("Choose the code that the mark is to have.")
    if given["saw"] and given["saw"] not in CODES:
        raise Refused("Open the mark again: what you saw is not known.")
    row = row_of(enrolment, academic_year_of(day)) or RegisterRow(
        enrolment=enrolment, school=enrolment.school, year=academic_year_of(day)
    )
    if refusal := why_not_correct(row, [(day, session)], given["code"], given["reason"], today()):
        raise Refused(refusal)
    placed: Placement | None = placement_on(enrolment.pupil_id, enrolment.school_id, day)
    times = enrolment.school.register_times.all()
    opening = opening_of(times, session, {placed.year_group} if placed else (), day, timezone.get_current_timezone())
    if minutes is not None and (refusal := why_not_late(given["code"], opening, minutes, timezone.localtime(now()))):
        raise Refused(refusal)


def _minutes(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and int(text) <= 600):
        raise Refused("Minutes late are a whole number from 0 to 600.")
    return int(text) if text else None


def _role(request: StaffRequest, enrolment: Enrolment) -> str:
    return request.scope.acting_as(enrolment.school, Role.OFFICER, Role.ATTENDANCE_LEAD)


@login_required
@require_http_methods(["GET", "POST"])
def marks(request: StaffRequest, enrolment: int) -> HttpResponse:
    """Several of a pupil's sessions, one reason: ``?from=&to=``."""
    found = _enrolment(request, enrolment)
    request.scope.authorise("change_marks", found.school)
    first, last = _ends(request, found)
    if request.method == "POST":
        return _change_span(request, found, first, last)
    return _span_shown(request, span_of(found, first, last))


def _ends(request: StaffRequest, enrolment: Enrolment) -> tuple[Place, Place]:
    """The span that the address or the form names; the last school week where it names none."""
    asked = request.POST if request.method == "POST" else request.GET
    first, last = last_week(enrolment.school, today())
    first = (_given(asked.get("from", ""), first[0]), _half(asked.get("from_session", ""), first[1]))
    last = (_given(asked.get("to", ""), last[0]), _half(asked.get("to_session", ""), last[1]))
    return first, last


def _given(text: str, otherwise: dt.date) -> dt.date:
    try:
        return dt.date.fromisoformat(text) if text else otherwise
    except ValueError:
        return otherwise


def _half(text: str, otherwise: str) -> str:
    return text if text in SESSIONS else otherwise


def _span_shown(request: StaffRequest, span: Span, *, fault: str = "", status: int = 200) -> HttpResponse:
    context = {
        "span": span,
        "pupil": span.enrolment.pupil,
        "school": span.enrolment.school,
        "fault": fault,
        "typed": {name: request.POST.get(name, "") for name in ("code", "reason", "comment")},
    }
    return render(request, "desk/marks.html", context, status=status)


def _change_span(request: StaffRequest, enrolment: Enrolment, first: Place, last: Place) -> HttpResponse:
    chosen = request.POST.getlist("session")
    span = span_of(enrolment, first, last, chosen)
    seen = {(line.date, line.session): request.POST.get(f"saw-{line.key}", "") for line in span.lines if line.is_chosen}
    given = {name: request.POST.get(name, "").strip() for name in ("code", "reason", "comment")}
    try:
        if not given["code"]:
            raise Refused("Choose the code that the sessions are to have.")
        done = change_marks(
            row=_row(enrolment, academic_year_of(last[0])), seen=seen, to=given["code"], reason=given["reason"], by=request.user,
            role=_role(request, enrolment), now=now(), comment=given["comment"],
        )  # fmt: skip
    except Refused as refused:
        return _span_shown(request, span, fault=str(refused), status=422)
    messages.success(
        request, f"{count(len(done.changes), 'mark')} changed to {given['code']}. What rested on them is judged again."
    )
    return redirect(f"{reverse('desk:pupil', args=[enrolment.pupil_id])}?school={enrolment.school.urn}")
