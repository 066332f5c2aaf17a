"""What leaves the house: everything that a school holds as a ZIP of CSV, a pupil's attendance record as PDF, and a transfer file.

Each is asked for by a POST, since it is recorded who took what.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from attendance.ctf_out import write_transfer
from attendance.exports import export_school
from casework.exports import ALL_TABLES
from desk.queries.pupil import enrolment_for
from desk.requests import StaffRequest, school_or_404, schools_for
from letters.give_out import certificate_pdf
from letters.pdf import MissingGlyphs
from schools import audit
from schools.clock import now, today
from schools.models import AuditEntry, Enrolment, Role
from schools.rules import Refused

ACT = "export_school"
ROLES = (Role.HEAD, Role.ADMINISTRATOR)
GIVING = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD)


@login_required
@require_GET
def export(request: StaffRequest) -> HttpResponse:
    """What the export holds, and who took it last."""
    schools = schools_for(request.scope, ACT)
    taken = AuditEntry.objects.filter(action="export", school__in=schools).select_related("by", "school")[:10]
    return render(request, "desk/export.html", {"schools": schools, "tables": ALL_TABLES, "taken": taken})


@login_required
@require_POST
def take(request: StaffRequest, urn: str) -> HttpResponseBase:
    """Sends the ZIP while it is made."""
    school = school_or_404(request.scope, urn, ACT)
    role = request.scope.acting_as(school, *ROLES)
    pieces = export_school(school=school, tables=ALL_TABLES, by=request.user, role=role, now=now())
    headers = {
        "Content-Disposition": f'attachment; filename="handrail-{school.urn}-{today():%Y-%m-%d}.zip"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(pieces, content_type="application/zip", headers=headers)


def _allowed(request: StaffRequest, pk: int) -> tuple[Enrolment, str]:
    """The pupil's enrolment and the role in which the record is given out. 404 outside scope, 403 without the right."""
    enrolment = enrolment_for(request.scope, pk, request.POST.get("school", ""), today())
    request.scope.authorise("give_record", enrolment.school)
    return enrolment, request.scope.acting_as(enrolment.school, *GIVING)


@login_required
@require_POST
def certificate(request: StaffRequest, pk: int) -> HttpResponse:
    """The attendance record: ``copy`` "evidence" with codes, anything else the parents' copy."""
    enrolment, role = _allowed(request, pk)
    copy = "evidence" if request.POST.get("copy") == "evidence" else "parent"
    try:
        pdf = certificate_pdf(enrolment, copy="evidence" if copy == "evidence" else "parent", on=today())
    except (Refused, MissingGlyphs) as refused:
        return _back(request, enrolment, str(refused))
    audit.record(
        action="record given out", subject=enrolment.pupil, by=request.user, role=role, at=now(), school=enrolment.school,
        detail={"copy": copy},
    )  # fmt: skip
    return _file(pdf, "application/pdf", f"attendance-record-{enrolment.admission_number}-{copy}.pdf")


@login_required
@require_POST
def transfer(request: StaffRequest, pk: int) -> HttpResponse:
    """The pupil's common transfer file, for the next school."""
    enrolment, role = _allowed(request, pk)
    try:
        name, data = write_transfer(enrolment=enrolment, by=request.user, role=role, on=today(), now=now())
    except Refused as refused:
        return _back(request, enrolment, str(refused))
    return _file(data, "application/xml", name)


def _file(data: bytes, kind: str, name: str) -> HttpResponse:
    safe = "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"', "Cache-Control": "no-store"}
    return HttpResponse(data, content_type=kind, headers=headers)


def _back(request: StaffRequest, enrolment: Enrolment, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect(f"{reverse('desk:pupil', args=[enrolment.pupil_id])}?school={enrolment.school.urn}")
