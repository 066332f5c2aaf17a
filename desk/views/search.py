"""Search, and the list of pupils: both within scope, both in the address."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from desk.queries import search as queries
from desk.queries.registers import LAST_DAY_TO_ASK, natural, old_n_codes
from desk.queries.roll import places
from desk.requests import StaffRequest, chosen
from desk.words import year_name
from schools.clock import today
from schools.models import PupilFlag, School

ORDERS = {"name": "by name", "form": "by form", "attendance": "lowest attendance first"}


@login_required
def search(request: StaffRequest) -> HttpResponse:
    """One box for pupils and their parents."""
    found = queries.find(request.scope, request.GET.get("q", ""), today())
    template = "desk/search_results.html" if request.htmx else "desk/search.html"
    return render(request, template, {"found": found, "query": found.query})


@login_required
def pupils(request: StaffRequest) -> HttpResponse:
    """The pupils on roll in scope, with their figures; filters and order stand in the address."""
    allowed = list(request.scope.schools)
    if not allowed:
        raise PermissionDenied("No role of yours is in force today: ask your administrator.")
    asked = {name: request.GET.get(name, "") for name in ("school", "year", "form", "flag", "order", "n")}
    schools = chosen(allowed, asked["school"])
    everyone = queries.pupil_rows(request.scope, schools, today())
    rows = _in_order(_kept(everyone, schools, asked), asked["order"])
    page = Paginator(rows, queries.PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": queries.with_stages(list(page.object_list), today()),
        "page": page,
        "asked": asked,
        "orders": list(ORDERS.items()),
        "several_schools": len(allowed) > 1,
        "address_without_page": f"?{urlencode({name: value for name, value in asked.items() if value})}&".replace("?&", "?"),
        **_choices(everyone, allowed),
    }
    return render(request, "desk/pupils.html", context)


def _kept(rows: list[queries.ListRow], schools: list[School], asked: dict[str, str]) -> list[queries.ListRow]:
    if asked["n"]:
        calendars = places(schools, today())
        waiting = {old.line.key for old in old_n_codes(calendars, (row.line for row in rows)) if old.age == LAST_DAY_TO_ASK}
        rows = [row for row in rows if row.line.key in waiting]
    return [
        row
        for row in rows
        if asked["year"] in ("", str(row.line.year_group))
        and asked["form"] in ("", row.line.form)
        and (not asked["flag"] or asked["flag"] in row.line.flags)
    ]


def _in_order(rows: list[queries.ListRow], order: str) -> list[queries.ListRow]:
    if order == "attendance":
        return sorted(rows, key=lambda row: row.share)
    return queries.in_form_order(rows) if order == "form" else rows


def _choices(rows: list[queries.ListRow], schools: list[School]) -> dict[str, list[tuple[str, str]]]:
    flags = {flag for row in rows for flag in row.line.flags}
    return {
        "schools": [(school.urn, school.short_name or school.name) for school in schools],
        "years": [(str(year), year_name(year)) for year in sorted({row.line.year_group for row in rows})],
        "forms": [(form, form) for form in sorted({row.line.form for row in rows}, key=natural)],
        "flags": [(kind.value, kind.label) for kind in PupilFlag.CHANGES_HOW_TO_ACT if kind in flags],
    }
