"""Papers of a case: added, handed out as a download with a line in the audit trail, and those whose time of keeping is over."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.documents import add_document, delete_document, read_document
from casework.models import Document, Meeting
from casework.queries.documents import expired
from casework.retention import retention
from casework.words import day_and_time
from desk.case_forms import DocumentForm, parents
from desk.queries.case import DocumentLine, case_in_scope
from desk.requests import StaffRequest, schools_for
from desk.views.case import attempt, case_to_work, form_page, saved, to_case, who
from schools.clock import now, today
from schools.models import PupilParent
from schools.rules import Refused

A_PAGE = 50


@login_required
@require_http_methods(["GET", "POST"])
def add(request: StaffRequest, pk: int) -> HttpResponse:
    """Adds a paper that a parent or a colleague brought."""
    found = case_to_work(request, pk)
    request.scope.authorise("open_documents", found.school)
    links = list(PupilParent.objects.filter(pupil=found.pupil_id).select_related("parent"))
    meetings = list(Meeting.objects.filter(case=found).order_by("-starts_at"))
    form = DocumentForm(
        request.POST or None,
        request.FILES or None,
        offers={
            "parent": [("", "Staff"), *parents(links)],
            "meeting": [("", "None"), *((str(one.pk), day_and_time(one.starts_at)) for one in meetings)],
        },
    )
    if request.method == "POST" and form.is_valid():
        given: dict[str, Any] = {name: form.cleaned_data[name] for name in ("title", "kind")}
        given["parent"] = next((link.parent for link in links if str(link.parent_id) == form.cleaned_data["parent"]), None)
        given["meeting"] = next((one for one in meetings if str(one.pk) == form.cleaned_data["meeting"]), None)
        file = form.cleaned_data["file"]
        given |= {"file_name": file.name, "content": file.read()}
        if saved(request, form, lambda: add_document(case=found, **given, **who(request, found)), "Document added."):
            return to_case(found, "documents")
    return form_page(request, found, form, title="Add a document", verb="Add it")


@login_required
@require_GET
def document(request: StaffRequest, pk: int) -> HttpResponse:
    """Hands the file out as a download, never shown in the page; who fetched it stands in the audit trail."""
    found = get_object_or_404(Document.objects.select_related("case__school", "case__pupil"), pk=pk)
    case_in_scope(request.scope, found.case_id)
    request.scope.authorise("open_documents", found.case.school)
    by = {name: value for name, value in who(request, found.case).items() if name != "on"}
    try:
        content = read_document(document=found, **by)
    except Refused as refused:
        messages.error(request, str(refused))
        return to_case(found.case, "documents")
    response = HttpResponse(content, content_type=found.media_type)
    response["Content-Disposition"] = content_disposition_header(True, found.file_name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    add_never_cache_headers(response)
    return response


@login_required
@require_GET
def over(request: StaffRequest) -> HttpResponse:
    """Documents whose time of keeping is over, for a person to delete. Whose they are is not shown."""
    schools = schools_for(request.scope, "delete_documents")
    page = Paginator(expired(schools, today()), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [DocumentLine(each) for each in page],
        "address_without_page": "?",
        "rules": list(retention().values()),
        "schools": schools,
    }
    return render(request, "desk/documents.html", context)


@login_required
@require_POST
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Deletes one of them."""
    found = (
        Document.objects.select_related("case__school", "deleted_by")
        .filter(pk=pk, case__school__in=request.scope.schools)
        .first()
    )
    if found is None:
        raise Http404("No such document.")
    school = found.case.school
    request.scope.authorise("delete_documents", school)
    role = request.scope.acting_as(school, "administrator")
    attempt(
        request,
        lambda: delete_document(document=found, by=request.user, role=role, on=today(), now=now()),
        "Deleted. That it was there, and who deleted it, is kept.",
    )
    return redirect("desk:documents")
