"""What a page may ask of its request: the signed-in person, their scope, and the schools at which they may do what the page does."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from schools.access import ACTS, Scope
from schools.models import School, User


class StaffRequest(HttpRequest):
    """A request after ``ScopeMiddleware``, of somebody who is signed in."""

    user: User
    scope: Scope
    htmx: Any


def may_anywhere(scope: Scope, act: str) -> bool:
    """Whether the person holds a role for ``act`` at any school; asks the database nothing beyond the roles."""
    return any(role.role in ACTS[act][0] for role in scope.roles)


def schools_for(scope: Scope, act: str) -> list[School]:
    """The schools at which the person may do ``act``. PermissionDenied, with the act's sentence, where there is none."""
    allowed = [school for school in scope.schools if not scope.refusal(act, school)]
    if not allowed:
        raise PermissionDenied(ACTS[act][1])
    return allowed


def school_or_404(scope: Scope, urn: str, act: str) -> School:
    """The school with this URN. 404 outside the person's schools, 403 where they may see it but not do ``act``."""
    school = next((school for school in scope.schools if school.urn == urn), None)
    if school is None:
        raise Http404
    scope.authorise(act, school)
    return school


def chosen(schools: Collection[School], urn: str) -> list[School]:
    """Those of ``schools`` that the address names (``?school=URN``), or all; 404 for one that is not among them."""
    if not urn:
        return list(schools)
    found = [school for school in schools if school.urn == urn]
    if not found:
        raise Http404
    return found
