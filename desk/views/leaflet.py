"""The school's ladder as a leaflet for parents, to print or to put on the school's website."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from desk.queries.ladder import role_titles
from desk.requests import StaffRequest, chosen
from escalation.queries import adopted
from letters.leaflet import leaflet_pdf
from schools.clock import today
from schools.rules import Refused


@login_required
@require_GET
def leaflet(request: StaffRequest) -> HttpResponse:
    """The leaflet of ``?school=URN`` (or the first school) as a PDF, by the ladder in force today; open to all staff of the school."""
    schools = list(request.scope.schools)
    if not schools:
        raise PermissionDenied("The leaflet is for the staff of a school: no role of yours is in force today.")
    school = chosen(schools, request.GET.get("school", ""))[0]
    try:
        _, ruleset = adopted(school, today())
    except Refused as refused:
        raise Http404(str(refused)) from refused
    pdf = leaflet_pdf(school, ruleset, titles=role_titles(school, today()), on=today())
    name = f"attendance-ladder-{school.urn}.pdf"
    return HttpResponse(pdf, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})
