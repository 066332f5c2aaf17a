"""The first page after signing in, by role; and the switch for single-key shortcuts."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from desk.navigation import first_page
from desk.requests import StaffRequest
from schools.models import User


@login_required
def home(request: StaffRequest) -> HttpResponse:
    """Sends each role to the page that answers its question; says so where no role is in force."""
    view = first_page(request.scope)
    return redirect(view) if view else render(request, "desk/no_role.html")


@login_required
@require_POST
def keys(request: StaffRequest) -> HttpResponse:
    """Turns single-key shortcuts on or off for the person (WCAG 2.1.4), and goes back to where they were."""
    User.objects.filter(pk=request.user.pk).update(uses_shortcuts=request.POST.get("keys") == "on")
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(address if is_ours else "desk:home")
