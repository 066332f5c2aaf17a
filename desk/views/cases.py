"""Cases: the board of the attendance lead, the safeguarding lead and the head."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from desk.queries import cases as queries
from desk.requests import StaffRequest, chosen, schools_for
from schools.clock import today


@login_required
@require_GET
def cases(request: StaffRequest) -> HttpResponse:
    """Which cases stand still, what is due, which plans end; filters stand in the address."""
    allowed = schools_for(request.scope, "see_cases")
    named = {name: request.GET.get(name, "") for name in queries.Filters.__slots__}
    filters = queries.Filters(**{**named, "show": named["show"] if named["show"] in queries.LISTS else ""})
    schools = chosen(allowed, filters.school)
    board = queries.board(
        scope=request.scope, user=request.user, schools=schools, on=today(), filters=filters, all_schools=allowed
    )
    return render(request, "desk/cases.html", {"board": board, "f": filters, "stuck_after": queries.STUCK_AFTER})
