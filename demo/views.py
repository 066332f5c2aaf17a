"""The demo's front door: choose a person, and be signed in as them. Open only with DEBUG and HANDRAIL_DEMO on."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from demo.queries import SEES, choices, start_here
from schools.clock import today
from schools.models import Role, User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def _only_in_the_demo() -> None:
    if not (settings.DEBUG and settings.HANDRAIL_DEMO):
        raise Http404


@never_cache
@require_GET
def chooser(request: HttpRequest) -> HttpResponse:
    """Everyone whom one can be, by group, school and role."""
    _only_in_the_demo()
    groups = choices(today())
    roles = [(Role(key).label, sees) for key, sees in SEES.items()]
    return render(
        request, "demo/chooser.html", {"groups": groups, "start_here": start_here(groups), "day": today(), "roles": roles}
    )


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in as the chosen person, with a session of their own, and opens their first page."""
    _only_in_the_demo()
    number = request.POST.get("person", "")
    person = get_object_or_404(User, pk=number if number.isdecimal() else 0, is_active=True)
    login(request, person, backend=BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)
