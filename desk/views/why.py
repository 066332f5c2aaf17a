"""Why, and why not: one pupil, one date, every stage and rule with its figures and marks."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from attendance.models import Figures
from desk.queries.pupil import enrolment_for
from desk.queries.why import why_page
from desk.requests import StaffRequest
from schools.clock import today
from schools.models import Enrolment
from schools.rules import Refused
from schools.schooldays import CalendarError


class BadDate(ValueError):
    """A date in the address that cannot be answered; str() says what to write instead."""


@login_required
@require_GET
def why(request: StaffRequest, pk: int) -> HttpResponse:
    """The page as of ``?on=2025-11-20`` (left out: the last night's date). Http404 outside scope, 400 for a date that is none."""
    enrolment = enrolment_for(request.scope, pk, request.GET.get("school", ""), today())
    context: dict[str, object] = {"pupil": enrolment.pupil, "school": enrolment.school, "latest": today()}
    given = request.GET.get("on", "").strip()
    try:
        on = _date(given) if given else _last_night(enrolment)
    except BadDate as bad:
        return render(request, "desk/why.html", context | {"bad_date": str(bad), "given": given}, status=400)
    context["on"] = on
    try:
        return render(request, "desk/why.html", context | {"page": why_page(enrolment, on)})
    except (Refused, CalendarError) as fault:
        return render(request, "desk/why.html", context | {"fault": str(fault)})


def _date(text: str) -> dt.date:
    """A day that has been; BadDate for anything else."""
    try:
        on = dt.date.fromisoformat(text)
    except ValueError:
        raise BadDate(f"“{text[:20]}” is not a date. Write year, month and day, for example {today().isoformat()}.") from None
    if on > today():
        raise BadDate(f"{on:%-d %B %Y} is still to come: choose a day up to {today():%-d %B %Y}.")
    if on.year < 2000:
        raise BadDate(f"{on.isoformat()} is before any register: choose a day of a school year that is kept here.")
    return on


def _last_night(enrolment: Enrolment) -> dt.date:
    """The date of the latest figures, or today where there are none. One statement."""
    as_of = Figures.objects.filter(row__enrolment=enrolment).order_by("-as_of").values_list("as_of", flat=True).first()
    return min(as_of or today(), today())
