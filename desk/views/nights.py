"""The nights: run reports, what was put off, and starting one by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from desk.queries import nights as queries
from desk.requests import StaffRequest, chosen, may_anywhere, school_or_404, schools_for
from escalation.night import NightReport, last_school_day
from letters.night import whole_night
from letters.phrases import count
from schools.clock import now, today


@login_required
def nights(request: StaffRequest) -> HttpResponse:
    """Each school's runs of the last four weeks."""
    allowed = schools_for(request.scope, "see_nights")
    schools = chosen(allowed, request.GET.get("school", ""))
    context = {
        "nights": queries.nights(schools, today()),
        "allowed": allowed,
        "schools": [(school.urn, school.short_name or school.name) for school in allowed],
        "asked_school": request.GET.get("school", ""),
        "startable": [school for school in allowed if not request.scope.refusal("run_night", school)],
        "may_import": may_anywhere(request.scope, "import_register"),
        "may_export": may_anywhere(request.scope, "export_school"),
    }
    return render(request, "desk/nights.html", context)


@login_required
@require_POST
def run(request: StaffRequest, urn: str) -> HttpResponse:
    """Runs the night of the last school day for one school, now; run again, it changes nothing."""
    school = school_or_404(request.scope, urn, "run_night")
    on = last_school_day(school, today())
    if on is None:
        messages.error(request, f"{school.name} has no school day up to today: set up its calendar first.")
    else:
        _say(request, whole_night(school=school, on=on, now=now(), today=today()))
    return redirect("desk:nights")


def _say(request: StaffRequest, report: NightReport) -> None:
    day = f"{report.on:%A} {report.on.day} {report.on:%B}"
    if report.errors or (report.skipped and not report.evaluated):
        messages.error(request, f"{report.school}, {day}: {' '.join([*report.errors, *report.skipped])}")
        return
    said = [
        f"{count(report.evaluated, 'pupil')} looked at",
        f"{count(report.proposed, 'stage')} proposed",
        f"{count(report.drafted, 'letter')} drafted",
    ]
    messages.success(request, f"{report.school}, {day}: {', '.join(said)}.")
