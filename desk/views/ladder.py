"""The school's ladder in plain English: what happens when, who does what, and what brings a pupil back."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from desk.queries.ladder import ladder_page
from desk.requests import StaffRequest, chosen
from escalation.queries import adopted
from schools.clock import today
from schools.rules import Refused


@login_required
@require_GET
def ladder(request: StaffRequest) -> HttpResponse:
    """Public to all staff of the school; with several schools the address names one, otherwise the first is shown."""
    schools = list(request.scope.schools)
    if not schools:
        raise PermissionDenied("The ladder is shown to the staff of a school: no role of yours is in force today.")
    school = chosen(schools, request.GET.get("school", ""))[0]
    try:
        version, ruleset = adopted(school, today())
    except Refused as refused:
        context = {"school": school, "schools": schools, "refused": str(refused)}
        return render(request, "desk/ladder.html", context | {"may_change": not request.scope.refusal("edit_ladder", school)})
    context = {"page": ladder_page(school, ruleset, today()), "school": school, "schools": schools, "version": version}
    context["may_try"] = not request.scope.refusal("try_ladder", school)
    context["may_change"] = not request.scope.refusal("edit_ladder", school)
    return render(request, "desk/ladder.html", context)
