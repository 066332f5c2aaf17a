"""Letters of the schools in scope: the list by state, one letter with its history, and the files."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET

from desk.queries.decisions import drawn_letters, letter_in_scope, letters_in_scope
from desk.requests import StaffRequest, chosen, schools_for
from letters.fields import MERGE_FIELDS
from letters.models import Letter, PrintBatch, StoredFile
from letters.sheet import letter_html_fragment
from letters.states import WAITING
from schools.clock import today

A_PAGE = 50
STATES = (
    ("waiting", "Waiting", WAITING),
    ("approved", "Approved", (Letter.State.APPROVED, Letter.State.SENDING)),
    ("left", "Sent or posted", (Letter.State.SENT, Letter.State.POSTED, Letter.State.DELIVERED)),
    ("failed", "Failed", (Letter.State.FAILED,)),
    ("not-sent", "Not sent", (Letter.State.DECLINED, Letter.State.WITHDRAWN)),
)
"""The tabs of the list: key, title and the states under it."""


@login_required
@require_GET
def letters(request: StaffRequest) -> HttpResponse:
    """Every letter of the viewer's pupils, newest first, by state and school."""
    schools = schools_for(request.scope, "see_decisions")
    here = chosen(schools, request.GET.get("school", ""))
    found = letters_in_scope(request.scope).filter(school__in=here)
    tab = next((key for key, _, _ in STATES if key == request.GET.get("state")), "")
    counts = found.aggregate(**{key.replace("-", "_"): Count("pk", filter=Q(state__in=of)) for key, _, of in STATES})
    page = Paginator(_shown(found, tab), A_PAGE).get_page(request.GET.get("page"))
    kept = {"school": request.GET["school"]} if request.GET.get("school") else {}
    context = {
        "page": page,
        "tabs": [(key, title, counts[key.replace("-", "_")]) for key, title, _ in STATES],
        "tab": tab,
        "total": sum(counts.values()),
        "schools": schools,
        "school": here[0] if len(here) == 1 else None,
        "kept": urlencode(kept),
        "address_without_page": f"?{urlencode(kept | ({'state': tab} if tab else {}))}&",
    }
    return render(request, "desk/letters.html", context)


def _shown(found: QuerySet[Letter], tab: str) -> QuerySet[Letter]:
    of = next((states for key, _, states in STATES if key == tab), None)
    shown = found.filter(state__in=of) if of else found
    return shown.select_related("case__pupil", "parent", "school", "stage_record", "approved_by").order_by("-drafted_at", "-id")


@login_required
@require_GET
def letter(request: StaffRequest, pk: int) -> HttpResponse:
    """One letter: where it is, everything that became of it, and its words; frozen ones as they were approved."""
    found = letter_in_scope(request.scope, pk)
    waits = found.state in WAITING
    drawn, fault = drawn_letters([found], today())
    as_drawn = drawn.get(found.pk)
    context = {
        "letter": found,
        "pupil": found.case.pupil,
        "sheet": letter_html_fragment(as_drawn.merged, as_drawn.facts, heading_level=3) if as_drawn else "",
        "fault": fault,
        "missing": [MERGE_FIELDS[name].label for name in as_drawn.merged.missing_fills] if waits and as_drawn else [],
        "events": [(event, Letter.State(event.after).label) for event in found.events.select_related("by")],
        "waits": waits,
        "figures": figures_of(found),
        "others": list(letters_in_scope(request.scope).filter(planned=found.planned_id).exclude(pk=pk).select_related("parent")),
        "today": today(),
    }
    return render(request, "desk/letter.html", context)


def figures_of(found: Letter) -> dict[str, object]:
    """The year's figures that the letter states; empty where it states none."""
    year = found.facts.get("year") if isinstance(found.facts, dict) else None
    return year if isinstance(year, dict) else {}


@login_required
@require_GET
def file(request: StaffRequest, name: str) -> HttpResponse:
    """A letter's PDF or a print batch, for those who may see the letter or print. 404 outside scope; never cached."""
    if "\x00" in name or not (_is_letter(request, name) or _is_batch(request, name)):
        raise Http404("No such file.")
    stored = StoredFile.objects.filter(name=name).first()
    if stored is None:
        raise Http404("No such file.")
    response = HttpResponse(bytes(stored.content), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name.rsplit("/", 1)[-1]}"'
    response["Content-Length"] = str(stored.size)
    add_never_cache_headers(response)
    return response


def _is_letter(request: StaffRequest, name: str) -> bool:
    return letters_in_scope(request.scope).filter(pdf=name).exists()


def _is_batch(request: StaffRequest, name: str) -> bool:
    schools = [school.pk for school in request.scope.schools if not request.scope.refusal("print_letters", school)]
    return bool(name) and PrintBatch.objects.filter(pdf=name, school__in=schools).exists()
