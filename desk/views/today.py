"""Today: the attendance officer's page. What is recorded from it is in ``acts``."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from desk.forms import CALL_OUTCOMES, REASON_CODES
from desk.queries import today as queries
from desk.requests import StaffRequest, chosen, schools_for
from schools.clock import now, today
from schools.models import Role, School, User


@login_required
def page(request: StaffRequest) -> HttpResponse:
    """What must be done today, in what order; filters and the open row stand in the address."""
    allowed = schools_for(request.scope, "see_today")
    filters = _filters(request)
    schools = chosen(allowed, filters.school)
    shown = queries.today(
        scope=request.scope, user=request.user, schools=schools, on=today(), filters=filters, all_schools=allowed
    )
    context = {
        "shown": shown,
        "now": now(),
        "open_row": request.GET.get("open", ""),
        "open_act": request.GET.get("act", ""),
        "outcomes": CALL_OUTCOMES,
        "reasons": REASON_CODES,
        "next_days": _next_days(shown),
        "colleagues": _colleagues(request, schools),
        "recordable": _where(request, schools, "record_contact"),
        "changeable": _where(request, schools, "change_marks"),
        "why_not_record": request.scope.refusal("record_contact", schools[0]),
        "why_not_change": request.scope.refusal("change_marks", schools[0]),
    }
    return render(request, "desk/today.html", context)


def _where(request: StaffRequest, schools: list[School], act: str) -> set[int]:
    """The schools at which the person may do ``act``: elsewhere its button gives way to the rule's sentence."""
    return {school.pk for school in schools if not request.scope.refusal(act, school)}


def _filters(request: StaffRequest) -> queries.Filters:
    named = {name: request.GET.get(name, "") for name in ("school", "year", "form", "flag", "owner")}
    tab = request.GET.get("tab", "ring")
    return queries.Filters(**named, tab=tab if tab in queries.TABS else "ring")


def _next_days(shown: queries.Today) -> list[dt.date]:
    """The school days until which somebody may be away: two weeks ahead."""
    days = shown.place.days
    start = days.first_after(shown.place.on)
    return list(days.dates[start : start + 10])


def _colleagues(request: StaffRequest, schools: list[School]) -> list[User]:
    """To whom something can be handed; read only while a row asks for it."""
    if not request.GET.get("act", "").startswith("hand-"):
        return []
    held = User.objects.filter(is_active=True, roles__school__in=schools, roles__starts__lte=today())
    return list(
        held.exclude(roles__role__in=[Role.GOVERNOR, Role.ADMINISTRATOR]).exclude(pk=request.user.pk).distinct().order_by("name")
    )
