"""Transfer files and SIMS reports on their way in: kept between upload and commit, looked at, then taken in whole or forgotten."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.shortcuts import redirect, render

from attendance.transfer import Seen, TakenIn, preview_xml, take_in_xml
from desk.requests import StaffRequest, school_or_404, schools_for
from letters.phrases import count, joined
from schools.clock import now, today
from schools.models import Pupil, Role, School
from schools.rules import Refused

ACT = "import_register"
SESSION_KEY = "xml_import"
ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.ADMINISTRATOR)
SHOWN = 100


def keep_xml(request: StaffRequest, school: School, file_name: str, data: bytes) -> str:
    """Keeps the file for its preview; returns the page that shows it. FileRefused, before anything is kept, where it is refused whole."""
    preview_xml(data=data, **_given(request, school, file_name))
    _forget(request)
    name = default_storage.save(f"imports/{school.urn}/{uuid.uuid4()}.xml", ContentFile(data))
    request.session[SESSION_KEY] = {"name": name, "file_name": file_name, "urn": school.urn}
    return "desk:import-xml"


def _given(request: StaffRequest, school: School, file_name: str) -> dict[str, Any]:
    role = request.scope.acting_as(school, *ROLES)
    return {"school": school, "file_name": file_name, "by": request.user, "role": role, "now": now(), "on": today()}


def _forget(request: StaffRequest) -> None:
    kept = request.session.pop(SESSION_KEY, None)
    if kept:
        default_storage.delete(kept["name"])


@login_required
def xml(request: StaffRequest) -> HttpResponse:
    """What taking the kept file in would do; a POST takes it in, or forgets it."""
    schools_for(request.scope, ACT)
    kept = request.session.get(SESSION_KEY)
    if not kept or not default_storage.exists(kept["name"]):
        messages.info(request, "There is no file to look at any more: choose it again.")
        return redirect("desk:import")
    school = school_or_404(request.scope, kept["urn"], ACT)
    with default_storage.open(kept["name"]) as file:
        data = file.read()
    given = _given(request, school, kept["file_name"])
    try:
        if request.method == "POST":
            return _decide(request, data, given)
        seen = preview_xml(data=data, **given)
    except Refused as refused:
        messages.error(request, str(refused))
        _forget(request)
        return redirect("desk:import")
    return render(request, "desk/import_xml.html", {"kept": kept, "school": school, "seen": seen, **_listed(seen)})


def _listed(seen: Seen) -> dict[str, Any]:
    """The first differences with their pupils, and whether there is anything to take in."""
    first = seen.differences[:SHOWN]
    pupils = Pupil.objects.in_bulk({difference.pupil_id for difference in first})
    done = seen.done
    people = seen.people and (seen.people.new or seen.people.changed)
    marks = done.marks and (done.marks.new or done.marks.changed)
    return {
        "differing": [(pupils[difference.pupil_id], difference) for difference in first],
        "changes_something": bool(people or marks or done.earlier.new or done.earlier.changed),
    }


def _decide(request: StaffRequest, data: bytes, given: dict[str, Any]) -> HttpResponse:
    if request.POST.get("decision") != "commit":
        _forget(request)
        messages.info(request, "Nothing was taken in.")
        return redirect("desk:import")
    done = take_in_xml(data=data, **given)
    _forget(request)
    messages.success(request, _said(done))
    return redirect("desk:import")


def _said(done: TakenIn) -> str:
    """What was done, in a sentence."""
    parts = []
    if done.people:
        parts += [count(done.people.new, "new pupil"), count(done.people.changed, "changed pupil")]
    if done.marks:
        parts.append(count(done.marks.new + done.marks.changed, "mark"))
    earlier = len(done.earlier.new) + len(done.earlier.changed)
    if earlier:
        parts.append(f"{count(earlier, 'year')} at earlier schools")
    return f"Taken in: {joined(parts)}." if parts else "Looked at: there was nothing to take in."
