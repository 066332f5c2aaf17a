"""Reading a register in: upload, preview with counts and numbered refusals, then commit. Nothing is written before the commit.

Between preview and commit the file lies in the file store under a name that only the person's session knows; the preview is made anew
each time it is looked at, so that it says what the commit would do now.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from attendance.models import ImportBatch
from attendance.queries import Preview, preview_import
from attendance.services import import_register
from desk.forms import ImportForm
from desk.requests import StaffRequest, school_or_404, schools_for
from letters.phrases import count
from schools.clock import now
from schools.models import Enrolment, Role, School
from schools.rules import FileRefused, Refused
from schools.tables import MAX_BYTES

SESSION_KEY = "register_import"
SHOWN = 100
"""Conflicts and refusals that the preview lists; more are counted."""
RECENT = 10
IMPORTING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.ADMINISTRATOR)


@login_required
def upload(request: StaffRequest) -> HttpResponse:
    """Chooses a file and a school; what is refused whole says why, and the last imports stand below."""
    schools = schools_for(request.scope, "import_register")
    names = [(school.urn, school.name) for school in schools]
    form = ImportForm(request.POST or None, request.FILES or None, schools=names)
    refused: FileRefused | None = None
    if request.method == "POST" and form.is_valid():
        school = school_or_404(request.scope, form.cleaned_data["school"], "import_register")
        try:
            _keep(request, school, form)
            return redirect("desk:import-preview")
        except FileRefused as fault:
            refused = fault
    context = {
        "form": form,
        "refused": refused,
        "batches": _recent(schools),
        "several": len(schools) > 1,
        "limit": MAX_BYTES // 1024**2,
    }
    return render(request, "desk/import.html", context, status=422 if refused or form.errors else 200)


def _recent(schools: list[School]) -> list[ImportBatch]:
    batches = ImportBatch.objects.filter(school__in=schools).defer("first_entries").select_related("by", "school")
    return list(batches[:RECENT])


def _keep(request: StaffRequest, school: School, form: ImportForm) -> None:
    """Keeps the file for its preview. FileRefused, before anything is kept, where it is refused whole."""
    file = form.cleaned_data["file"]
    if file.size > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024**2} MB: split it by term and import the parts.")
    data = file.read()
    preview_import(school=school, data=data, file_format=form.cleaned_data["format"] or None)
    _forget(request)
    name = default_storage.save(f"imports/{school.urn}/{uuid.uuid4()}.csv", ContentFile(data))
    request.session[SESSION_KEY] = {
        "name": name,
        "file_name": file.name,
        "urn": school.urn,
        "format": form.cleaned_data["format"],
    }


def _forget(request: StaffRequest) -> None:
    """Takes the kept file away."""
    kept = request.session.pop(SESSION_KEY, None)
    if kept:
        default_storage.delete(kept["name"])


def _kept(request: StaffRequest) -> tuple[dict[str, str], School, bytes] | None:
    """What the session keeps, its school and the file; None where there is nothing, or no longer."""
    kept = request.session.get(SESSION_KEY)
    if not kept or not default_storage.exists(kept["name"]):
        return None
    school = school_or_404(request.scope, kept["urn"], "import_register")
    with default_storage.open(kept["name"]) as file:
        return kept, school, file.read()


@login_required
def preview(request: StaffRequest) -> HttpResponse:
    """What reading the file in would do, in counts, with each refused row."""
    schools_for(request.scope, "import_register")
    found = _kept(request)
    if found is None:
        messages.info(request, "There is no file to look at any more: choose it again.")
        return redirect("desk:import")
    kept, school, data = found
    try:
        shown = preview_import(school=school, data=data, file_format=kept["format"] or None)
    except FileRefused as fault:
        messages.error(request, str(fault))
        _forget(request)
        return redirect("desk:import")
    return render(request, "desk/import_preview.html", {"preview": shown, "kept": kept, "school": school, **_listed(shown)})


def _listed(shown: Preview) -> dict[str, Any]:
    """The first conflicts with their pupils, and the first refusals."""
    first = shown.conflicts[:SHOWN]
    enrolments = Enrolment.objects.select_related("pupil").in_bulk({conflict.enrolment_id for conflict in first})
    return {
        "conflicts": [(enrolments[conflict.enrolment_id].pupil, conflict) for conflict in first],
        "refusals": shown.reading.refusals[:SHOWN],
        "notices": shown.reading.notices[:SHOWN],
        "more_refusals": max(shown.refused - SHOWN, 0),
    }


@login_required
@require_POST
def commit(request: StaffRequest) -> HttpResponse:
    """Reads the kept file in, or forgets it where the person says so."""
    schools_for(request.scope, "import_register")
    found = _kept(request)
    if found is None or request.POST.get("decision") != "commit":
        _forget(request)
        messages.info(request, "Nothing was read in.")
        return redirect("desk:import")
    kept, school, data = found
    role = request.scope.acting_as(school, *IMPORTING_ROLES)
    try:
        batch, _ = import_register(
            school=school,
            data=data,
            file_name=kept["file_name"],
            file_format=kept["format"] or None,
            by=request.user,
            role=role,
            now=now(),
        )
    except Refused as fault:
        messages.error(request, str(fault))
        return redirect("desk:import-preview")
    _forget(request)
    messages.success(request, _said(batch))
    return redirect("desk:import")


def _said(batch: ImportBatch) -> str:
    if not batch.new and not batch.changed:
        return f"The register of {batch.school.name} stands as the file says: nothing changed."
    refused = f" {count(batch.refused, 'row')} refused." if batch.refused else ""
    return f"Read in for {batch.school.name}: {count(batch.new, 'new mark')}, {count(batch.changed, 'changed mark')}.{refused}"
