"""Where the school's policy is out of step with the national rules or with itself."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from desk.queries.contradictions import points_page
from desk.requests import StaffRequest, chosen
from escalation.contradictions import KINDS
from schools.clock import today


@login_required
@require_GET
def contradictions(request: StaffRequest) -> HttpResponse:
    """Open to all staff, as the ladder is; several schools are shown together, ``?school=URN`` and ``?kind=fines`` narrow them."""
    schools = list(request.scope.schools)
    if not schools:
        raise PermissionDenied("This page is for the staff of a school: no role of yours is in force today.")
    urn, kind = request.GET.get("school", ""), request.GET.get("kind", "")
    context = {
        "page": points_page(chosen(schools, urn), today(), kind),
        "schools": schools,
        "urn": urn,
        "kind": kind if kind in KINDS else "",
    }
    return render(request, "desk/contradictions.html", context)
