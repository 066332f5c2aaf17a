"""Changing the ladder: drafts, review by a second person, publishing from a day, history, and a sixth school's wizard."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_POST
from ruamel.yaml.comments import CommentedMap

from desk.draft_requests import draft_or_404, editing_role, posts, when_seen
from desk.queries.rules import changes_of, draft_page, history, open_drafts, writer_names
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.wizard_form import WizardForm
from escalation import drafts
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.engine.source import LONGEST_FILE, RulesetError
from escalation.foresight import forecast
from escalation.models import LadderDraft, RulesetVersion
from escalation.queries import adopted
from escalation.ruleset_text import edited, write
from escalation.shapes import ladder_text
from letters.catalogue import has_wording
from schools.access import ACTS
from schools.clock import now, today
from schools.models import School
from schools.rules import Refused


@login_required
@require_GET
def rules(request: StaffRequest) -> HttpResponse:
    """The ladder in force, the drafts under way, the ways to begin one, and the history."""
    schools = schools_for(request.scope, "edit_ladder")
    school = chosen(schools, request.GET.get("school", ""))[0]
    shipped = [load_ruleset(key) for key in SHIPPED]
    context = {
        "school": school,
        "schools": schools,
        "drafts": open_drafts(school),
        "history": history(school, today()),
        "shipped": shipped,
    }
    return render(request, "desk/rules.html", context)


@login_required
@require_GET
def rules_history(request: StaffRequest) -> HttpResponse:
    """Every version with its differences in words; open to all staff of the school, as the ladder itself is."""
    schools = list(request.scope.schools)
    if not schools:
        raise PermissionDenied("The ladder is shown to the staff of a school: no role of yours is in force today.")
    school = chosen(schools, request.GET.get("school", ""))[0]
    return render(request, "desk/rules_history.html", {"school": school, "schools": schools, "history": history(school, today())})


@login_required
@require_GET
def version_file(request: StaffRequest, pk: int) -> HttpResponse:
    """A version's file, for whoever works at a school that ran it."""
    found = RulesetVersion.objects.filter(pk=pk, adoptions__school__in=request.scope.schools).first()
    if found is None:
        raise Http404
    return _file(found.text, f"{found.key}-{found.sha256[:8]}.yaml")


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_POST
def start(request: StaffRequest, urn: str) -> HttpResponse:
    """Begins a draft from the ladder in force, a shipped one or a file."""
    school = school_or_404(request.scope, urn, "edit_ladder")
    try:
        text, based_on = _source(request, school)
        draft = drafts.begin_draft(
            school=school, text=text, based_on=based_on, by=request.user, role=editing_role(request, school), now=now()
        )
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect(f"{reverse('desk:rules')}?school={school.urn}")
    return redirect("desk:rules-draft", draft.pk)


def _source(request: StaffRequest, school: School) -> tuple[str, RulesetVersion | None]:
    """The text that a draft begins with, and the version in force, which its changes are told against."""
    source = request.POST.get("source", "")
    based_on = _in_force(school)
    if source == "file":
        return _uploaded(request), based_on
    if source in SHIPPED:
        return load_ruleset(source).text, based_on
    if source != "in-force":
        raise Refused("Choose what the change begins with: the ladder in force, another policy's, or a file.")
    if based_on is None:
        raise Refused("No ladder is in force here yet: begin with a shipped one, a file, or a new one.")
    return based_on.text, based_on


def _in_force(school: School) -> RulesetVersion | None:
    try:
        return adopted(school, today())[0]
    except Refused:
        return None


def _uploaded(request: StaffRequest) -> str:
    file = request.FILES.get("file")
    if file is None:
        raise Refused("Choose the ladder's file (YAML) first.")
    if file.size and file.size > drafts.MAX_BYTES:
        raise Refused(f"The file is larger than {drafts.MAX_BYTES // 1000} kB: a ladder's file is text of some pages.")
    return drafts.decode_file(file.read())


@login_required
def new(request: StaffRequest, urn: str) -> HttpResponse:
    """The wizard: a few answers, and a ladder that can be edited, tried and reviewed."""
    school = school_or_404(request.scope, urn, "edit_ladder")
    form = WizardForm(request.POST if request.method == "POST" else request.GET, school)
    if request.method == "POST" and form.is_valid():
        text = ladder_text(form.answers())
        draft = drafts.begin_draft(
            school=school, text=text, based_on=_in_force(school), by=request.user, role=editing_role(request, school), now=now()
        )
        messages.success(
            request, "Your ladder stands as a draft. Change what you like, try it, then ask a second person to review it."
        )
        return redirect("desk:rules-draft", draft.pk)
    status = 422 if form.faults else 200
    return render(request, "desk/rules_new.html", {"school": school, "form": form}, status=status)


@login_required
@require_GET
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """A draft: what is wrong with it, its parts, what it changes, in words, and what can be done with it now."""
    found = draft_or_404(request, pk)
    page = draft_page(found, today())
    names = writer_names(found)
    context = {
        "page": page,
        "draft": found,
        "school": found.school,
        "changes": changes_of(page),
        "writers": names,
        "wrote_it": request.user.pk in drafts.writers(found),
        "may_review": not request.scope.refusal("review_ladder", found.school),
        "may_try": not request.scope.refusal("try_ladder", found.school),
        "why_no_review": ACTS["review_ladder"][1],
    }
    return render(request, "desk/rules_draft.html", context)


@posts
def about(request: StaffRequest, pk: int) -> HttpResponse:
    """The ladder's name and cadence, the policy's title, and why the change is made."""
    found = draft_or_404(request, pk)
    fields = {("name",): "name", ("policy", "title"): "title", ("judged",): "judged"}

    def change(data: CommentedMap) -> None:
        for place, name in fields.items():
            if given := request.POST.get(name, "").strip():
                write(data, place, given)

    drafts.change_draft(
        draft=found, seen=when_seen(request), text=edited(found.text, change), note=request.POST.get("note", ""), by=request.user,
        role=editing_role(request, found.school), now=now(),
    )  # fmt: skip
    messages.success(request, "Saved.")
    return redirect("desk:rules-draft", pk)


@login_required
def text(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft as text: read, change, replace by a file."""
    found = draft_or_404(request, pk)
    refused, given = "", found.text
    if request.method == "POST":
        given = request.POST.get("text", "").replace("\r\n", "\n")
        try:
            given = _uploaded(request) if request.FILES else given
            drafts.change_draft(
                draft=found,
                seen=when_seen(request),
                text=given,
                by=request.user,
                role=editing_role(request, found.school),
                now=now(),
            )
            messages.success(request, "Saved.")
            return redirect("desk:rules-text", pk)
        except Refused as fault:
            refused = str(fault)
    context = {"page": draft_page(found, today()), "draft": found, "school": found.school, "text": given, "refused": refused,
               "longest": LONGEST_FILE}  # fmt: skip
    return render(request, "desk/rules_text.html", context, status=422 if refused else 200)


@login_required
@require_GET
def draft_file(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft as a file, as it stands, faults and all."""
    found = draft_or_404(request, pk)
    return _file(found.text, f"ladder-{found.school.urn}-draft-{found.pk}.yaml")


@posts
def review(request: StaffRequest, pk: int) -> HttpResponse:
    """A second person agrees, or sends the draft back with what has to change."""
    found = draft_or_404(request, pk, "review_ladder")
    common: dict[str, Any] = {"draft": found, "seen": when_seen(request), "note": request.POST.get("note", ""), "by": request.user,
                              "role": editing_role(request, found.school), "now": now()}  # fmt: skip
    if request.POST.get("do") == "back":
        drafts.send_back(**common)
        messages.success(request, "Sent back: it is being written again.")
    else:
        drafts.review_draft(**common, has_letter=has_wording)
        messages.success(request, "Reviewed. It can now be published from a day that you choose.")
    return redirect("desk:rules-draft", pk)


@posts
def discard(request: StaffRequest, pk: int) -> HttpResponse:
    """Gives a draft up; it stays on record."""
    found = draft_or_404(request, pk)
    drafts.discard_draft(
        draft=found, seen=when_seen(request), by=request.user, role=editing_role(request, found.school), now=now()
    )
    messages.success(request, "The draft was given up. Nothing of the ladder in force has changed.")
    return redirect(f"{reverse('desk:rules')}?school={found.school.urn}")


@login_required
def publish(request: StaffRequest, pk: int) -> HttpResponse:
    """What the ladder would have done on the school's own register, and the day from which it is in force."""
    found = draft_or_404(request, pk, "review_ladder")
    page = draft_page(found, today())
    if page.ruleset is None or found.state != LadderDraft.State.REVIEWED:
        messages.error(request, "Only a reviewed draft without faults can be published.")
        return redirect("desk:rules-draft", pk)
    refused = ""
    if request.method == "POST":
        try:
            return _published(request, found)
        except (Refused, RulesetError) as fault:
            refused = str(fault)
    foreseen, earliest = forecast(found.school, page.ruleset, today()), drafts.earliest_start(found.school, today())
    context = {
        "page": page, "draft": found, "school": found.school, "changes": changes_of(page), "refused": refused,
        "foreseen": foreseen, "by_stage": [(page.ruleset.stage(stage), number) for stage, number in foreseen.by_stage],
        "earliest": earliest, "starts": request.POST.get("starts", earliest.isoformat()),
    }  # fmt: skip
    return render(request, "desk/rules_publish.html", context, status=422 if refused else 200)


def _published(request: StaffRequest, found: LadderDraft) -> HttpResponse:
    starts = _day(request.POST.get("starts", ""))
    adoption = drafts.publish_draft(
        draft=found, seen=when_seen(request), starts=starts, warning_read=bool(request.POST.get("read")), has_letter=has_wording,
        by=request.user, role=editing_role(request, found.school), on=today(), now=now(),
    )  # fmt: skip
    messages.success(request, f"Published: this ladder is in force from {adoption.starts:%A %-d %B %Y}.")
    return redirect(f"{reverse('desk:rules-history')}?school={found.school.urn}")


def _day(given: str) -> dt.date:
    try:
        found = parse_date(given)
    except ValueError:
        found = None
    if found is None:
        raise Refused("Choose the day from which the ladder is in force.")
    return found
