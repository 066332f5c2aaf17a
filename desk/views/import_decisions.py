"""After a file was read in: deciding between our mark and the file's, and undoing a whole file."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from attendance.models import ImportBatch, RegisterConflict
from attendance.services import decide_conflict
from attendance.undoing import NOT_FILES, undo_import, why_not_undo
from desk.queries.imports import open_conflicts, questions
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from letters.phrases import count
from schools.clock import now, today
from schools.models import PeopleBatch, Role
from schools.people_undo import undo_people, why_not_undo_people
from schools.rules import Refused

SHOWN = 100
DECIDING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD)
IMPORTING_ROLES = (*DECIDING_ROLES, Role.ADMINISTRATOR)


@login_required
def conflicts(request: StaffRequest) -> HttpResponse:
    """Marks of ours that a file contradicts, of ``?school=URN`` or all: who decides, decides here."""
    allowed = schools_for(request.scope, "change_marks")
    schools = chosen(allowed, request.GET.get("school", ""))
    listed = questions(schools, today(), SHOWN)
    more = open_conflicts(schools).count() - len(listed)
    return render(request, "desk/import_conflicts.html", {"questions": listed, "more": more, "several": len(allowed) > 1})


@login_required
@require_POST
def decide(request: StaffRequest) -> HttpResponse:
    """Keeps ours or takes the file's for the marks that were ticked, with one reason."""
    schools = schools_for(request.scope, "change_marks")
    numbers = [int(number) for number in request.POST.getlist("conflict") if number.isascii() and number.isdigit()][:SHOWN]
    take = request.POST.get("decision") == "take"
    found = list(RegisterConflict.objects.filter(pk__in=numbers, school__in=schools).select_related("row", "school"))
    if not found:
        messages.error(request, "Tick the marks that you decide about.")
        return redirect("desk:import-conflicts")
    done, refused = 0, []
    for conflict in found:
        role = request.scope.acting_as(conflict.school, *DECIDING_ROLES)
        try:
            decide_conflict(
                conflict=conflict, take=take, reason=request.POST.get("reason", ""), by=request.user, role=role, now=now()
            )
            done += 1
        except Refused as fault:
            refused.append(str(fault))
    for sentence in dict.fromkeys(refused):
        messages.error(request, sentence)
    if done:
        messages.success(request, f"{count(done, 'mark')}: {'the file’s was taken' if take else 'ours was kept'}.")
    return redirect("desk:import-conflicts")


@login_required
def undo(request: StaffRequest, pk: int) -> HttpResponse:
    """Asks whether a file of marks is to be undone, with what stands in the way; then undoes it."""
    batch = get_object_or_404(_marks().filter(school__in=request.scope.schools), pk=pk)
    school = school_or_404(request.scope, batch.school.urn, "import_register")
    if request.method == "POST":
        role = request.scope.acting_as(school, *IMPORTING_ROLES)
        try:
            undo_import(batch=batch, by=request.user, role=role, now=now())
        except Refused as fault:
            messages.error(request, str(fault))
            return redirect("desk:import-undo", pk)
        messages.success(request, f"{batch.file_name} was undone: its marks stand as before.")
        return redirect("desk:import")
    return render(request, "desk/import_undo.html", {"batch": batch, "obstacles": why_not_undo(batch), "is_people": False})


@login_required
def undo_of_people(request: StaffRequest, pk: int) -> HttpResponse:
    """The same for a file of pupils and contacts."""
    batch = get_object_or_404(PeopleBatch.objects.filter(school__in=request.scope.schools).select_related("school", "by"), pk=pk)
    school = school_or_404(request.scope, batch.school.urn, "import_register")
    if request.method == "POST":
        role = request.scope.acting_as(school, *IMPORTING_ROLES)
        try:
            undo_people(batch=batch, by=request.user, role=role, now=now())
        except Refused as fault:
            messages.error(request, str(fault))
            return redirect("desk:people-undo", pk)
        messages.success(request, f"{batch.file_name} was undone: its pupils and contacts stand as before.")
        return redirect("desk:import")
    context = {"batch": batch, "obstacles": why_not_undo_people(batch), "is_people": True}
    return render(request, "desk/import_undo.html", context)


def _marks() -> QuerySet[ImportBatch]:
    return ImportBatch.objects.exclude(format__in=NOT_FILES).select_related("school", "by")
