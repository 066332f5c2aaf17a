"""The connection to a school's MIS: setting it up, trying it, reading now, saying what the MIS's own codes mean, and looking at people.

People are never taken in by themselves: what the MIS says lies in the file store under a name that only the session knows, until the person
has looked at the preview.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from attendance import mis as services
from attendance.codes import CODES
from attendance.models import ImportBatch, MisConnection, RawCode
from attendance.remembering import forget_code, remember_code
from desk.forms import first_fault
from desk.mis_form import CodeForm, ConnectionForm
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from letters.phrases import count
from schools.clock import now, today
from schools.models import PeopleBatch, Role, School
from schools.people import preview_people, take_in_people
from schools.rules import Refused

ACT = "connect_mis"
SESSION_KEY = "mis_people"
FILE_NAME = "Wonde: pupils and contacts"
ROLES = (Role.OFFICER, Role.ADMINISTRATOR)
SHOWN = 100


@login_required
@require_GET
def mis(request: StaffRequest) -> HttpResponse:
    """The connection of ``?school=URN`` (or the first school), with its last readings and the codes that were explained."""
    allowed = schools_for(request.scope, ACT)
    school = chosen(allowed, request.GET.get("school", ""))[0]
    return _page(request, school, allowed)


def _page(request: StaffRequest, school: School, allowed: list[School], form: ConnectionForm | None = None) -> HttpResponse:
    connection = MisConnection.objects.filter(school=school).select_related("by").first()
    initial = {"wonde_id": connection.wonde_id, "is_active": connection.is_active} if connection else None
    context = {
        "school": school,
        "schools": [(each.urn, each.short_name or each.name) for each in allowed],
        "connection": connection,
        "form": form or ConnectionForm(initial=initial, has_token=connection is not None),
        "code_form": CodeForm(auto_id="code_%s"),
        "codes": [(explained, CODES[explained.code]) for explained in RawCode.objects.filter(school=school).select_related("by")],
        "batches": ImportBatch.objects.filter(school=school, format="wonde").defer("first_entries")[:5],
    }
    return render(request, "desk/mis.html", context, status=422 if form else 200)


def _to(school: School) -> HttpResponse:
    return redirect(f"{reverse('desk:mis')}?school={school.urn}")


def _who(request: StaffRequest, school: School) -> dict[str, Any]:
    return {"by": request.user, "role": request.scope.acting_as(school, *ROLES), "now": now()}


def _connection(request: StaffRequest, urn: str) -> MisConnection:
    """The school's connection. 404 outside scope and where there is none, 403 without the right."""
    school = school_or_404(request.scope, urn, ACT)
    found = MisConnection.objects.filter(school=school).select_related("school").first()
    if found is None:
        raise Http404("This school has no connection.")
    return found


@login_required
@require_POST
def save(request: StaffRequest, urn: str) -> HttpResponse:
    """Sets the connection up, or changes it."""
    school = school_or_404(request.scope, urn, ACT)
    form = ConnectionForm(request.POST, has_token=MisConnection.objects.filter(school=school).exists())
    if not form.is_valid():
        return _page(request, school, schools_for(request.scope, ACT), form)
    try:
        services.connect(school=school, **form.cleaned_data, **_who(request, school))
    except Refused as refused:
        form.add_error(None, str(refused))
        return _page(request, school, schools_for(request.scope, ACT), form)
    messages.success(request, "The connection is kept. Try it below.")
    return _to(school)


@login_required
@require_POST
def attempt(request: StaffRequest, urn: str) -> HttpResponse:
    """Asks Wonde for the school's name and says what came of it."""
    connection = _connection(request, urn)
    try:
        name = services.try_connection(connection)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Wonde answers and knows the school as “{name}”.")
    return _to(connection.school)


@login_required
@require_POST
def read(request: StaffRequest, urn: str) -> HttpResponse:
    """Reads the register now; with ``everything``, all marks that the MIS has."""
    connection = _connection(request, urn)
    who = _who(request, connection.school)
    if request.POST.get("everything"):
        services.read_all_again(connection=connection, **who)
        connection.refresh_from_db()
    done = services.read_marks(connection=connection, **who)
    if done.error:
        messages.error(request, done.error)
    else:
        messages.success(request, _said(done.batch))
    return _to(connection.school)


def _said(batch: ImportBatch | None) -> str:
    if batch is None:
        return "The register was read: nothing has changed in the MIS."
    refused = f" {count(batch.refused, 'mark')} refused, with the reasons below." if batch.refused else ""
    return f"The register was read: {count(batch.new, 'new mark')}, {count(batch.changed, 'changed mark')}.{refused}"


@login_required
@require_POST
def remove(request: StaffRequest, urn: str) -> HttpResponse:
    """Takes the connection and its token away."""
    connection = _connection(request, urn)
    school = connection.school
    services.disconnect(connection=connection, **_who(request, school))
    messages.success(request, "The connection and its token are gone. What was read stays.")
    return _to(school)


@login_required
@require_POST
def code(request: StaffRequest, urn: str) -> HttpResponse:
    """Says what a code of the MIS means, or (with ``forget``) takes that back."""
    school = school_or_404(request.scope, urn, ACT)
    if forget := request.POST.get("forget", ""):
        explained = RawCode.objects.filter(school=school, raw=forget).first()
        if explained is None:
            raise Http404("No such code.")
        forget_code(kept=explained, **_who(request, school))
        messages.success(request, f"“{forget}” is not explained any more. Marks that were read stay.")
        return _to(school)
    form = CodeForm(request.POST, auto_id="code_%s")
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return _to(school)
    try:
        kept = remember_code(school=school, **form.cleaned_data, **_who(request, school))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"“{kept.raw}” is read as {kept.code} from now on; the next reading asks for every mark again.")
    return _to(school)


@login_required
@require_POST
def fetch_people(request: StaffRequest, urn: str) -> HttpResponse:
    """Reads the people out of the MIS and keeps them for the preview."""
    connection = _connection(request, urn)
    try:
        data = services.read_people(connection)
    except Refused as refused:
        messages.error(request, str(refused))
        return _to(connection.school)
    _forget(request)
    name = default_storage.save(f"imports/{urn}/{uuid.uuid4()}.json", ContentFile(data))
    request.session[SESSION_KEY] = {"name": name, "urn": urn}
    return redirect("desk:mis-people")


def _forget(request: StaffRequest) -> None:
    kept = request.session.pop(SESSION_KEY, None)
    if kept:
        default_storage.delete(kept["name"])


def _kept(request: StaffRequest) -> tuple[School, bytes] | None:
    """The school and what was read; None where there is nothing, or no longer."""
    kept = request.session.get(SESSION_KEY)
    if not kept or not default_storage.exists(kept["name"]):
        return None
    school = school_or_404(request.scope, kept["urn"], ACT)
    with default_storage.open(kept["name"]) as file:
        return school, file.read()


@login_required
def people(request: StaffRequest) -> HttpResponse:
    """What taking the people in would do; a POST takes them in, or forgets them."""
    schools_for(request.scope, ACT)
    found = _kept(request)
    if found is None:
        messages.info(request, "There is nothing to look at any more: read the people again.")
        return redirect("desk:mis")
    school, data = found
    try:
        if request.method == "POST":
            return _decide(request, school, data)
        preview = preview_people(school, services.people_in(data), today())
    except Refused as refused:
        messages.error(request, str(refused))
        _forget(request)
        return _to(school)
    return render(request, "desk/mis_people.html", {"school": school, "preview": preview, "shown": SHOWN})


def _decide(request: StaffRequest, school: School, data: bytes) -> HttpResponse:
    if request.POST.get("decision") != "commit":
        _forget(request)
        messages.info(request, "Nobody was taken in.")
        return _to(school)
    batch = take_in_people(
        school=school,
        arrivals=services.people_in(data),
        file_name=FILE_NAME,
        sha256=hashlib.sha256(data).hexdigest(),
        on=today(),
        **_who(request, school),
    )
    _forget(request)
    messages.success(request, _taken_in(batch))
    return _to(school)


def _taken_in(batch: PeopleBatch) -> str:
    left = f", {count(batch.leavers, 'leaver')}" if batch.leavers else ""
    return f"Taken in: {count(batch.new, 'new pupil')}, {count(batch.changed, 'changed pupil')}{left}."
