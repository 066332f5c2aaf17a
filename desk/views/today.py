"""Today: the attendance officer's page. What is recorded from it is in ``acts``."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from desk.queries import today as queries
from desk.requests import StaffRequest, chosen, schools_for
from desk.views.calling import for_recording
from schools.clock import now, today
from schools.models import Role, School, User


@login_required
def page(request: StaffRequest) -> HttpResponse:
    """What must be done today, in what order; filters and the open row stand in the address."""
    allowed = schools_for(request.scope, "see_today")
    filters = _filters(request)
    schools = chosen(allowed, filters.school)
    shown = queries.today(
        scope=request.scope, user=request.user, schools=schools, on=today(), now=now(), filters=filters, all_schools=allowed
    )
    context = {
        "shown": shown,
        "open_act": request.GET.get("act", ""),
        "colleagues": _colleagues(request, schools),
        **for_recording(request, schools, shown.place),
    }
    return render(request, "desk/today.html", context)


def _filters(request: StaffRequest) -> queries.Filters:
    named = {name: request.GET.get(name, "") for name in ("school", "year", "form", "flag", "owner")}
    tab = request.GET.get("tab", "ring")
    return queries.Filters(**named, tab=tab if tab in queries.TABS else "ring")


def _colleagues(request: StaffRequest, schools: list[School]) -> list[User]:
    """To whom something can be handed; read only while a row asks for it."""
    if not request.GET.get("act", "").startswith("hand-"):
        return []
    held = User.objects.filter(is_active=True, roles__school__in=schools, roles__starts__lte=today())
    return list(
        held.exclude(roles__role__in=[Role.GOVERNOR, Role.ADMINISTRATOR]).exclude(pk=request.user.pk).distinct().order_by("name")
    )
