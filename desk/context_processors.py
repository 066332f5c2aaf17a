"""What every staff page needs: who is signed in, where, the pages open to them, the date, the demo's banner.

All of it that asks the database is put off until a template uses it: the error pages never do.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from desk.navigation import Item, navigation
from schools.access import Scope
from schools.clock import today


def desk(request: HttpRequest) -> dict[str, Any]:
    return {
        "today": today(),
        "fixed_today": settings.HANDRAIL_TODAY,
        "is_demo": settings.HANDRAIL_DEMO,
        "navigation": SimpleLazyObject(lambda: _navigation(request)),
        "person": SimpleLazyObject(lambda: _person(request)),
        "place": SimpleLazyObject(lambda: _place(request)),
    }


def _scope(request: HttpRequest) -> Scope | None:
    return getattr(request, "scope", None)


def _navigation(request: HttpRequest) -> list[Item]:
    scope, match = _scope(request), request.resolver_match
    return navigation(scope, match.view_name if match else "") if scope else []


def _person(request: HttpRequest) -> str:
    """ "P. Nair, attendance officer": the name and the title of the first role."""
    scope = _scope(request)
    if scope is None or not scope.roles:
        return str(request.user)
    title = scope.roles[0].shown_title
    return f"{request.user}, {title[0].lower()}{title[1:]}"


def _place(request: HttpRequest) -> str:
    """The school, or the group where the person works for several."""
    scope = _scope(request)
    schools = list(scope.schools) if scope else []
    if len(schools) == 1:
        return schools[0].name
    return schools[0].group.name if schools else ""
