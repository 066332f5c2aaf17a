"""To the designated safeguarding lead, and what only the lead and the head read."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.models import SafeguardingNote
from casework.queries.safeguarding import leads_list
from casework.safeguarding import close_note, read_notes, take_to_the_lead
from desk.queries.pupil import enrolment_for
from desk.requests import StaffRequest, schools_for
from schools.clock import now, today
from schools.models import Enrolment, Role
from schools.rules import Refused
from schools.staff import StaffDirectory

READING_ROLES = (Role.SAFEGUARDING_LEAD, Role.HEAD)


class NoteForm(forms.Form):
    text = forms.CharField(
        label="What you have seen or heard", max_length=10_000, widget=forms.Textarea(attrs={"class": "area", "rows": 6}),
        help_text="Facts, with day and place, and the child’s own words where you can. Not what you make of it.",
        error_messages={"required": "Write what you have seen or heard."},
    )  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def concern(request: StaffRequest, pk: int) -> HttpResponse:
    """Writes to the lead. What was sent cannot be read again by whoever sent it."""
    given = request.POST if request.method == "POST" else request.GET
    enrolment = enrolment_for(request.scope, pk, given.get("school", ""), today())
    request.scope.authorise("raise_concern", enrolment.school)
    form = NoteForm(request.POST if request.method == "POST" else None)
    lead = StaffDirectory.of(enrolment.school, today()).who(Role.SAFEGUARDING_LEAD)
    if form.is_bound and form.is_valid():
        take_to_the_lead(
            pupil=enrolment.pupil, school=enrolment.school, text=form.cleaned_data["text"], by=request.user,
            role=request.scope.acting_as(enrolment.school), now=now(),
        )  # fmt: skip
        messages.success(
            request, f"{lead.user.name if lead else 'The head'} has it. If a child is in danger now, tell them in person as well."
        )
        return redirect(f"{reverse('desk:pupil', args=[pk])}?school={enrolment.school.urn}")
    context = {"form": form, "pupil": enrolment.pupil, "school": enrolment.school, "lead": lead}
    return render(request, "desk/concern.html", context, status=422 if form.is_bound else 200)


@login_required
@require_GET
def safeguarding(request: StaffRequest) -> HttpResponse:
    """The lead's list: pupils with a note, unread first."""
    schools = schools_for(request.scope, "see_safeguarding")
    return _kept_nowhere(render(request, "desk/safeguarding.html", {"lines": leads_list(schools), "several": len(schools) > 1}))


def _enrolment(request: StaffRequest, pk: int) -> Enrolment:
    given = request.POST if request.method == "POST" else request.GET
    enrolment = enrolment_for(request.scope, pk, given.get("school", ""), today())
    request.scope.authorise("see_safeguarding", enrolment.school)
    return enrolment


@login_required
@require_http_methods(["GET", "POST"])
def notes(request: StaffRequest, pk: int) -> HttpResponse:
    """A pupil's notes; that they are read is kept. The lead adds notes of their own here."""
    enrolment = _enrolment(request, pk)
    role = request.scope.acting_as(enrolment.school, *READING_ROLES)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        take_to_the_lead(
            pupil=enrolment.pupil, school=enrolment.school, kind=SafeguardingNote.Kind.NOTE, text=form.cleaned_data["text"],
            by=request.user, role=role, now=now(),
        )  # fmt: skip
        messages.success(request, "The note is kept.")
        return _to_notes(enrolment)
    read = read_notes(pupil=enrolment.pupil, school=enrolment.school, by=request.user, role=role, now=now())
    context = {"form": form, "pupil": enrolment.pupil, "school": enrolment.school, "notes": read}
    return _kept_nowhere(render(request, "desk/safeguarding_notes.html", context, status=422 if form.is_bound else 200))


@login_required
@require_POST
def close(request: StaffRequest, pk: int, number: int) -> HttpResponse:
    """A note has been seen to."""
    enrolment = _enrolment(request, pk)
    note = get_object_or_404(SafeguardingNote, pk=number, pupil=enrolment.pupil, school=enrolment.school)
    role = request.scope.acting_as(enrolment.school, *READING_ROLES)
    try:
        close_note(note=note, because=request.POST.get("because", ""), by=request.user, role=role, now=now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Closed. The note stays on record.")
    return _to_notes(enrolment)


def _to_notes(enrolment: Enrolment) -> HttpResponse:
    return redirect(f"{reverse('desk:safeguarding-notes', args=[enrolment.pupil_id])}?school={enrolment.school.urn}")


def _kept_nowhere(response: HttpResponse) -> HttpResponse:
    """Neither the browser nor anything between keeps a copy."""
    add_never_cache_headers(response)
    return response
