"""My form: the tutor's page; others who lead attendance may open any form in their scope."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from desk.queries.form import form_page, forms_in_scope
from desk.requests import StaffRequest, school_or_404, schools_for
from schools.clock import today
from schools.models import Role


@login_required
def forms(request: StaffRequest) -> HttpResponse:
    """Straight to the tutor's form where there is one; otherwise the forms to choose from."""
    schools = schools_for(request.scope, "see_form")
    found = forms_in_scope(request.scope, schools, today())
    own = [(role.school, form) for role in request.scope.roles if role.role == Role.TUTOR for form in role.forms]
    if len(own) == 1 and own[0][0] is not None:
        return redirect("desk:form", own[0][0].urn, own[0][1])
    return render(request, "desk/forms.html", {"forms": found})


@login_required
def form(request: StaffRequest, urn: str, form: str) -> HttpResponse:
    """The form's pupils. 404 where the person may see none of them."""
    school = school_or_404(request.scope, urn, "see_form")
    page = form_page(request.scope, request.user, school, form, today())
    if not page.rows and not _is_own(request, urn, form):
        raise Http404
    context = {
        "page": page,
        "open_row": request.GET.get("open", ""),
        "may_record": not request.scope.refusal("record_contact", school),
        "forms": forms_in_scope(request.scope, [school], today()),
    }
    return render(request, "desk/form.html", context)


def _is_own(request: StaffRequest, urn: str, form: str) -> bool:
    """A tutor's form without pupils yet shows its empty page."""
    return any(role.school and role.school.urn == urn and form in role.forms for role in request.scope.roles)
