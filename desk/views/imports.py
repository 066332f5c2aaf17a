"""Reading files in: upload, the columns where they are not certain, a preview with counts and numbered refusals, then commit.

Nothing is written before the commit. Between upload and commit the file lies in the file store under a name that only the person's session
knows; the preview is made anew each time it is looked at, so that it says what the commit would do now.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from attendance.codes import CODES
from attendance.freshness import freshness
from attendance.imports import Reading, read_table
from attendance.models import ImportBatch
from attendance.queries import Preview, preview_of, roll_of
from attendance.remembering import KINDS, remember_code, remember_columns
from attendance.safe_xml import looks_like_xml
from attendance.services import import_reading
from desk.forms import ImportForm
from desk.queries.imports import (
    OpenedFile,
    choices,
    open_conflicts,
    open_file,
    people_batches,
    register_batches,
    unknown_codes,
)
from desk.requests import StaffRequest, may_anywhere, school_or_404, schools_for
from desk.views.import_xml import keep_xml
from letters.phrases import count
from schools.arrivals import Arrivals
from schools.clock import now, today
from schools.models import Enrolment, PeopleBatch, Role, School
from schools.people import preview_people, take_in_people
from schools.people_table import arrivals_of
from schools.rules import FileRefused, Refused
from schools.tables import MAX_BYTES

ACT = "import_register"
SESSION_KEY = "register_import"
SHOWN = 100
"""Conflicts, refusals and changes that the preview lists; more are counted."""
RECENT = 10
IMPORTING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.ADMINISTRATOR)
GONE = "There is no file to look at any more: choose it again."


class Kept(NamedTuple):
    """The file that the session knows, and what was said of it."""

    school: School
    data: bytes
    said: dict[str, str]

    def open(self) -> OpenedFile:
        return open_file(self.school, self.data, kind=self.said["kind"], sheet=self.said["sheet"])


@login_required
def upload(request: StaffRequest) -> HttpResponse:
    """Chooses a file and a school; what is refused whole says why, and the last imports stand below."""
    schools = schools_for(request.scope, ACT)
    names = [(school.urn, school.name) for school in schools]
    form = ImportForm(request.POST or None, request.FILES or None, schools=names)
    refused: FileRefused | None = None
    if request.method == "POST" and form.is_valid():
        school = school_or_404(request.scope, form.cleaned_data["school"], ACT)
        try:
            return redirect(_keep(request, school, form))
        except FileRefused as fault:
            refused = fault
    context = {
        "form": form,
        "refused": refused,
        "batches": register_batches(schools, RECENT),
        "people_batches": people_batches(schools, RECENT),
        "fresh": freshness(schools, today()),
        "conflicts": open_conflicts(schools).count(),
        "several": len(schools) > 1,
        "may_connect": may_anywhere(request.scope, "connect_mis"),
        "limit": MAX_BYTES // 1024**2,
    }
    return render(request, "desk/import.html", context, status=422 if refused or form.errors else 200)


def _keep(request: StaffRequest, school: School, form: ImportForm) -> str:
    """Keeps the file; returns the page that comes next. FileRefused, before anything is kept, where it is refused whole."""
    file = form.cleaned_data["file"]
    if file.size > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024**2} MB: split it by term and import the parts.")
    said = {"file_name": file.name, "urn": school.urn, "kind": form.cleaned_data["kind"], "sheet": ""}
    said["whole"] = "yes" if form.cleaned_data["whole"] else ""
    kept = Kept(school, file.read(), said)
    if looks_like_xml(kept.data):
        return keep_xml(request, school, file.name, kept.data)
    opened = kept.open()
    if not opened.asks:
        _looked_at(kept, opened)
    _forget(request)
    said["name"] = default_storage.save(f"imports/{school.urn}/{uuid.uuid4()}", ContentFile(kept.data))
    request.session[SESSION_KEY] = said
    return "desk:import-columns" if opened.asks else "desk:import-preview"


def _forget(request: StaffRequest) -> None:
    """Takes the kept file away."""
    said = request.session.pop(SESSION_KEY, None)
    if said:
        default_storage.delete(said["name"])


def _kept(request: StaffRequest) -> Kept | None:
    """What the session keeps; None where there is nothing, or no longer."""
    said = request.session.get(SESSION_KEY)
    if not said or not default_storage.exists(said["name"]):
        return None
    school = school_or_404(request.scope, said["urn"], ACT)
    with default_storage.open(said["name"]) as file:
        return Kept(school, file.read(), said)


def _looked_at(kept: Kept, opened: OpenedFile) -> dict[str, Any]:
    """What the preview's page shows. FileRefused where the file is refused whole."""
    if opened.is_people:
        return {"people": preview_people(kept.school, _arrivals(kept, opened), today())}
    seen = preview_of(kept.school, _reading(kept, opened))
    return {"preview": seen, **_listed(seen)}


def _reading(kept: Kept, opened: OpenedFile) -> Reading:
    headings = opened.table.headings
    said = {name: headings[position] for name, position in opened.columns.items()}
    return read_table(opened.table, roll_of(kept.school), opened.kind, said)


def _arrivals(kept: Kept, opened: OpenedFile) -> Arrivals:
    return arrivals_of(opened.table, opened.columns, is_whole_roll=bool(kept.said["whole"]))


@login_required
def columns(request: StaffRequest) -> HttpResponse:
    """Asks which sheet, what is in it and which column is which, where the headings do not say; remembers the answer."""
    schools_for(request.scope, ACT)
    kept = _kept(request)
    if kept is None:
        messages.info(request, GONE)
        return redirect("desk:import")
    refused = ""
    try:
        if request.method == "POST":
            refused = _say(request, kept)
            if not refused:
                return redirect("desk:import-preview" if request.POST.get("step") == "columns" else "desk:import-columns")
        opened = kept.open()
    except FileRefused as fault:
        messages.error(request, str(fault))
        _forget(request)
        return redirect("desk:import")
    context = {
        "opened": opened,
        "kept": kept.said,
        "school": kept.school,
        "choices": [(*choice, request.POST.get(f"column-{choice.column.name}", choice.heading)) for choice in choices(opened)],
        "kinds": KINDS,
        "refused": refused,
    }
    return render(request, "desk/import_columns.html", context, status=422 if refused else 200)


def _say(request: StaffRequest, kept: Kept) -> str:
    """Takes what was said about the sheet and the kind, or about the columns; returns the rule's sentence where it cannot be so."""
    kept.said["sheet"] = request.POST.get("sheet", kept.said["sheet"])
    kind = request.POST.get("kind", "")
    kept.said["kind"] = kind if kind in KINDS else kept.said["kind"]
    request.session[SESSION_KEY] = kept.said
    if request.POST.get("step") != "columns":
        return ""
    opened = kept.open()
    said = {choice.column.name: request.POST.get(f"column-{choice.column.name}", "") for choice in choices(opened)}
    try:
        remember_columns(
            school=kept.school,
            kind=opened.kind,
            headings=opened.table.headings,
            columns=said,
            by=request.user,
            role=request.scope.acting_as(kept.school, *IMPORTING_ROLES),
            now=now(),
        )
    except Refused as fault:
        return str(fault)
    return ""


@login_required
def preview(request: StaffRequest) -> HttpResponse:
    """What reading the file in would do, in counts, with each refused row."""
    schools_for(request.scope, ACT)
    kept = _kept(request)
    if kept is None:
        messages.info(request, GONE)
        return redirect("desk:import")
    try:
        opened = kept.open()
        if opened.asks:
            return redirect("desk:import-columns")
        seen = _looked_at(kept, opened)
    except FileRefused as fault:
        messages.error(request, str(fault))
        _forget(request)
        return redirect("desk:import")
    page = "desk/import_people.html" if opened.is_people else "desk/import_preview.html"
    return render(request, page, {"kept": kept.said, "school": kept.school, "opened": opened, "shown": SHOWN, **seen})


def _listed(shown: Preview) -> dict[str, Any]:
    """The first conflicts with their pupils, the first refusals, and the codes that nobody has explained."""
    first = shown.conflicts[:SHOWN]
    enrolments = Enrolment.objects.select_related("pupil").in_bulk({conflict.enrolment_id for conflict in first})
    return {
        "conflicts": [(enrolments[conflict.enrolment_id].pupil, conflict) for conflict in first],
        "refusals": shown.reading.refusals[:SHOWN],
        "notices": shown.reading.notices[:SHOWN],
        "more_refusals": max(shown.refused - SHOWN, 0),
        "unknown": unknown_codes(shown.reading.unknown_codes),
        "codes": [code for code in CODES.values() if not code.valid_to],
    }


@login_required
@require_POST
def code(request: StaffRequest) -> HttpResponse:
    """Says which national code one of the MIS's own stands for; the preview then counts its marks."""
    schools_for(request.scope, ACT)
    kept = _kept(request)
    if kept is None:
        messages.info(request, GONE)
        return redirect("desk:import")
    role = request.scope.acting_as(kept.school, *IMPORTING_ROLES)
    raw, national = request.POST.get("raw", ""), request.POST.get("code", "")
    try:
        remember_code(school=kept.school, raw=raw, code=national, by=request.user, role=role, now=now())
    except Refused as fault:
        messages.error(request, str(fault))
    return redirect("desk:import-preview")


@login_required
@require_POST
def commit(request: StaffRequest) -> HttpResponse:
    """Reads the kept file in, or forgets it where the person says so."""
    schools_for(request.scope, ACT)
    kept = _kept(request)
    if kept is None or request.POST.get("decision") != "commit":
        _forget(request)
        messages.info(request, "Nothing was read in.")
        return redirect("desk:import")
    try:
        said = _commit(request, kept)
    except Refused as fault:
        messages.error(request, str(fault))
        return redirect("desk:import-preview")
    _forget(request)
    messages.success(request, said)
    return redirect("desk:import")


def _commit(request: StaffRequest, kept: Kept) -> str:
    """Reads it in; returns what it did, in a sentence."""
    given: dict[str, Any] = {
        "school": kept.school,
        "file_name": kept.said["file_name"],
        "by": request.user,
        "role": request.scope.acting_as(kept.school, *IMPORTING_ROLES),
        "now": now(),
    }
    opened = kept.open()
    sha256 = hashlib.sha256(kept.data).hexdigest()
    if opened.is_people:
        return _people_said(take_in_people(arrivals=_arrivals(kept, opened), sha256=sha256, on=today(), **given))
    reading = _reading(kept, opened)
    batch, seen = import_reading(reading=reading, data_sha256=sha256, format=reading.format, **given)
    return _said(batch, len(seen.conflicts))


def _said(batch: ImportBatch, conflicts: int) -> str:
    waiting = f" {count(conflicts, 'mark')} that you corrected here waits for a decision." if conflicts == 1 else ""
    waiting = f" {conflicts} marks that were entered here wait for a decision." if conflicts > 1 else waiting
    if not batch.new and not batch.changed:
        return f"The register of {batch.school.name} stands as the file says: nothing changed.{waiting}"
    refused = f" {count(batch.refused, 'row')} refused." if batch.refused else ""
    done = f"Read in for {batch.school.name}: {count(batch.new, 'new mark')}, {count(batch.changed, 'changed mark')}."
    return f"{done}{refused}{waiting}"


def _people_said(batch: PeopleBatch) -> str:
    if not batch.new and not batch.changed and not batch.leavers:
        return f"The roll of {batch.school.name} stands as the file says: nothing changed."
    left = f" {count(batch.leavers, 'pupil')} left." if batch.leavers else ""
    refused = f" {count(batch.refused, 'row')} refused." if batch.refused else ""
    new = f"{count(batch.new, 'new pupil')}, {count(batch.changed, 'changed pupil')}"
    return f"Taken in for {batch.school.name}: {new}.{left}{refused}"
