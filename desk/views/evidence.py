"""Evidence packs of a case: asked for, watched while they are made, opened with a line in the audit trail, tested against their seal."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods

from desk.penalty_forms import first_fault
from desk.queries.case import case_in_scope
from desk.queries.referrals import pack_in_scope, packs_of
from desk.referral_forms import PackForm
from desk.requests import StaffRequest
from escalation.tasks import has_workers
from evidence.keys import sealing_key
from evidence.models import EvidencePack
from evidence.seal import public_hex
from evidence.services import ask_for_pack, make_pack, open_pack
from evidence.tasks import start_pack
from evidence.verifying import verify
from schools.clock import now, today
from schools.models import PupilParent, Role, School
from schools.rules import Refused

ACTING = (Role.ATTENDANCE_LEAD, Role.HEAD)
OVER = (EvidencePack.State.DONE, EvidencePack.State.FAILED)


@login_required
@require_http_methods(["GET", "POST"])
def packs(request: StaffRequest, pk: int) -> HttpResponse:
    """The case's packs; a new one is asked for."""
    case = case_in_scope(request.scope, pk)
    request.scope.authorise("make_pack", case.school)
    links = list(PupilParent.objects.filter(pupil=case.pupil_id).select_related("parent"))
    form = PackForm(request.POST or None, links=links)
    if request.method == "POST" and form.is_valid():
        parent = next((link.parent for link in links if str(link.parent_id) == form.cleaned_data["parent"]), None)
        who: dict[str, Any] = {"by": request.user, "role": _role(request, case.school), "on": today(), "now": now()}
        try:
            made = ask_for_pack(case=case, purpose=form.cleaned_data["purpose"], parent=parent, **who)
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            start_pack(made.pk)
            return redirect("desk:pack", made.pk)
    elif request.method == "POST":
        messages.error(request, first_fault(form))
    context = {"case": case, "pupil": case.pupil, "school": case.school, "packs": packs_of(case), "form": form}
    return render(request, "desk/packs.html", context, status=400 if form.errors else 200)


def _role(request: StaffRequest, school: School) -> str:
    return request.scope.acting_as(school, *ACTING)


@login_required
@require_GET
def pack(request: StaffRequest, pk: int) -> HttpResponse:
    """How far it is; once it is made, its checklist, its file, and on request whether it is still as it was sealed."""
    found = pack_in_scope(request.scope, pk)
    if "again" in request.GET and _moved_on(found):
        found.refresh_from_db()
    context = {"pack": found, "case": found.case, "pupil": found.case.pupil, "checklist": found.manifest.get("checklist", [])}
    if found.state == EvidencePack.State.DONE and "verify" in request.GET:
        with found.pdf.open() as kept:
            context["report"] = verify(kept.read(), keys={public_hex(sealing_key())}, beside=found.manifest)
    return render(request, "desk/pack.html", context)


@login_required
@require_GET
def progress(request: StaffRequest, pk: int) -> HttpResponse:
    """The part of the page that says how far it is; once it is over, the browser is told to read the page anew."""
    found = pack_in_scope(request.scope, pk)
    if _moved_on(found):
        found.refresh_from_db()
    response = render(request, "desk/pack_progress.html", {"pack": found})
    if found.state in OVER:
        response["HX-Refresh"] = "true"
    return response


def _moved_on(found: EvidencePack) -> bool:
    """Without workers whoever looks at a pack makes it; it is the same work, whoever does it."""
    return found.state not in OVER and not has_workers() and make_pack(pack_id=found.pk, clock=now, key=sealing_key())


@login_required
@require_GET
def file(request: StaffRequest, pk: int, ending: str) -> HttpResponse:
    """The sealed file, or the manifest that is kept beside it."""
    if ending not in ("pdf", "json"):
        raise Http404("A pack is a PDF with a manifest in JSON.")
    found = pack_in_scope(request.scope, pk)
    try:
        content = open_pack(pack=found, by=request.user, role=_role(request, found.case.school), now=now())
    except Refused as refused:
        return HttpResponse(str(refused), status=409, content_type="text/plain; charset=utf-8")
    if ending == "json":
        response = HttpResponse(json.dumps(found.manifest, indent=1, ensure_ascii=False), content_type="application/json")
    else:
        response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="evidence-pack-{found.pk}.{ending}"'
    add_never_cache_headers(response)
    return response
