"""The post: approved letters as one PDF for the school's printer, and the day on which they were posted."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from desk.forms import PostedForm, first_fault
from desk.queries.batches import post
from desk.requests import StaffRequest, school_or_404, schools_for
from letters import services
from letters.models import PrintBatch
from letters.phrases import count
from schools.clock import now, today
from schools.models import Role
from schools.rules import Refused

PRINTING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD)


@login_required
def batches(request: StaffRequest) -> HttpResponse:
    """What waits for the printer, what waits for the post, and what has left."""
    schools = schools_for(request.scope, "print_letters")
    return render(request, "desk/batches.html", {"posts": post(schools, today(), now()), "several": len(schools) > 1})


@login_required
@require_POST
def make(request: StaffRequest, urn: str) -> HttpResponse:
    """Puts every approved letter of the school that may leave into one PDF."""
    school = school_or_404(request.scope, urn, "print_letters")
    role = request.scope.acting_as(school, *PRINTING_ROLES)
    try:
        batch = services.make_print_batch(school=school, by=request.user, role=role, now=now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        number = count(len(batch.manifest), "letter")
        messages.success(request, f"{number} put together. Print the PDF, post the letters, then say so here.")
    return redirect("desk:batches")


@login_required
def pdf(request: StaffRequest, number: int) -> HttpResponse:
    """The batch's PDF, in posting order."""
    batch = _batch_or_404(request, number)
    if not batch.pdf:
        raise Http404("This batch has no PDF.")
    response = HttpResponse(batch.pdf.read(), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="letters-{batch.school.urn}-{batch.pk}.pdf"'
    return response


@login_required
@require_POST
def posted(request: StaffRequest, number: int) -> HttpResponse:
    """Somebody says on which day the letters were posted: their stages are done on that day."""
    batch = _batch_or_404(request, number)
    form = PostedForm(request.POST, made=timezone.localtime(batch.made_at).date(), on=today())
    if not form.is_valid():
        messages.error(request, first_fault(form))
        return redirect("desk:batches")
    role = request.scope.acting_as(batch.school, *PRINTING_ROLES)
    try:
        left = services.mark_posted(batch=batch, on=form.cleaned_data["on"], by=request.user, role=role, now=now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{count(left, 'letter')} recorded as posted on {form.cleaned_data['on']:%A %-d %B}.")
    return redirect("desk:batches")


def _batch_or_404(request: StaffRequest, number: int) -> PrintBatch:
    batch = get_object_or_404(PrintBatch.objects.filter(school__in=request.scope.schools).select_related("school"), pk=number)
    request.scope.authorise("print_letters", batch.school)
    return batch
