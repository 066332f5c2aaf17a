"""Changing the ladder: drafts, their editor, review by a second person, publishing from a day, history, and a sixth school's wizard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_GET, require_POST
from ruamel.yaml.comments import CommentedMap

from desk.queries.rules import PARTS, DraftPage, changes_of, draft_page, history, open_drafts, writer_names
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.rule_forms import ON_THE_CASE, WHAT, NumbersForm, PartForm, joint_of, place_of
from desk.wizard_form import WizardForm
from escalation import drafts
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.engine.source import LONGEST_FILE, Place, RulesetError
from escalation.foresight import forecast
from escalation.models import LadderDraft, RulesetVersion
from escalation.queries import adopted
from escalation.ruleset_text import add, at, edited, move, remove, write
from escalation.shapes import ladder_text, new_rule, new_stage
from letters.catalogue import has_wording
from schools.access import ACTS
from schools.clock import now, today
from schools.models import School
from schools.rules import Refused

EDITORS = ("attendance_lead", "head", "trust_lead", "administrator")
ITEM_PARTS = {key: one for key, _, one in PARTS}
View = Callable[..., HttpResponse]


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


def _role(request: StaffRequest, school: School) -> str:
    return request.scope.acting_as(school, *EDITORS)


@login_required
@require_POST
def start(request: StaffRequest, urn: str) -> HttpResponse:
    """Begins a draft from the ladder in force, a shipped one or a file."""
    school = school_or_404(request.scope, urn, "edit_ladder")
    try:
        text, based_on = _source(request, school)
        draft = drafts.begin_draft(
            school=school, text=text, based_on=based_on, by=request.user, role=_role(request, school), now=now()
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
            school=school, text=text, based_on=_in_force(school), by=request.user, role=_role(request, school), now=now()
        )
        messages.success(
            request, "Your ladder stands as a draft. Change what you like, try it, then ask a second person to review it."
        )
        return redirect("desk:rules-draft", draft.pk)
    status = 422 if form.faults else 200
    return render(request, "desk/rules_new.html", {"school": school, "form": form}, status=status)


def _draft_or_404(request: StaffRequest, pk: int, act: str = "edit_ladder") -> LadderDraft:
    of_mine = LadderDraft.objects.filter(school__in=request.scope.schools)
    draft = get_object_or_404(of_mine.select_related("school__group", "by", "reviewed_by", "based_on", "published_as"), pk=pk)
    request.scope.authorise(act, draft.school)
    return draft


def _seen(request: StaffRequest) -> dt.datetime:
    """When the draft was changed as the person saw it; a moment that never was where the form does not say."""
    try:
        found = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        found = None
    return found if found and found.tzinfo else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _posts(view: View) -> View:
    """A change of a draft that a rule may refuse: the sentence is shown on the page that the person came from."""

    @login_required
    @require_POST
    @wraps(view)
    def wrapped(request: StaffRequest, pk: int, *args: Any, **named: Any) -> HttpResponse:
        try:
            return view(request, pk, *args, **named)
        except (Refused, ValueError) as refused:
            messages.error(request, str(refused))
            return redirect("desk:rules-draft", pk)

    return wrapped


def _save(request: StaffRequest, draft: LadderDraft, change: Callable[[CommentedMap], None]) -> None:
    """Keeps the draft's text after ``change``. Raises Refused or ValueError with a sentence."""
    text = edited(draft.text, change)
    drafts.change_draft(
        draft=draft, seen=_seen(request), text=text, by=request.user, role=_role(request, draft.school), now=now()
    )


@login_required
@require_GET
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """A draft: what is wrong with it, its parts, what it changes, in words, and what can be done with it now."""
    found = _draft_or_404(request, pk)
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


@_posts
def about(request: StaffRequest, pk: int) -> HttpResponse:
    """The ladder's name and cadence, the policy's title, and why the change is made."""
    found = _draft_or_404(request, pk)
    fields = {("name",): "name", ("policy", "title"): "title", ("judged",): "judged"}

    def change(data: CommentedMap) -> None:
        for place, name in fields.items():
            if given := request.POST.get(name, "").strip():
                write(data, place, given)

    drafts.change_draft(
        draft=found, seen=_seen(request), text=edited(found.text, change), note=request.POST.get("note", ""), by=request.user,
        role=_role(request, found.school), now=now(),
    )  # fmt: skip
    messages.success(request, "Saved.")
    return redirect("desk:rules-draft", pk)


@login_required
def numbers(request: StaffRequest, pk: int) -> HttpResponse:
    """Every named number of the ladder, with its unit and what it means."""
    found = _draft_or_404(request, pk)
    page = draft_page(found, today())
    form = NumbersForm(page.data, page.faults)
    refused = ""
    if request.method == "POST":
        changes = form.changes(request.POST)
        if not form.wrong:
            try:
                _save(request, found, lambda data: _write_all(data, (), changes))
                messages.success(request, "Saved." if changes else "Nothing was changed.")
                return redirect("desk:rules-numbers", pk)
            except (Refused, ValueError) as fault:
                refused = str(fault)
    context = {"page": page, "draft": found, "school": found.school, "form": form, "refused": refused}
    return render(request, "desk/rules_numbers.html", context, status=422 if form.wrong or refused else 200)


def _write_all(data: CommentedMap, below: Place, changes: list[tuple[Place, object]]) -> None:
    for place, value in changes:
        write(data, (*below, *place), value)


@_posts
def part(request: StaffRequest, pk: int) -> HttpResponse:
    """Adds, removes or moves a stage or a rule: ``do`` is "add:stages", "remove:watch.0", "up:stages.2"."""
    found = _draft_or_404(request, pk)
    what, _, path = request.POST.get("do", "").partition(":")
    place = place_of(path)
    if not place or place[0] not in ITEM_PARTS or what not in ("add", "remove", "up", "down"):
        raise Refused("Choose what to do with which stage or rule.")
    added: list[int] = []

    def change(data: CommentedMap) -> None:
        if what == "add":
            added.append(add(data, (place[0],), _beginning(data, str(place[0]))))
        elif what == "remove":
            remove(data, place[:2])
        else:
            move(data, place[:2], -1 if what == "up" else 1)

    _save(request, found, change)
    if added:
        return redirect("desk:rules-item", pk, place[0], added[0])
    return redirect(f"{reverse('desk:rules-draft', args=[pk])}#{place[0]}")


def _beginning(data: CommentedMap, part_key: str) -> dict[str, object]:
    """A new stage or rule with an id that is not taken yet."""
    taken = {str(item.get("id")) for item in _maps_of(data, part_key)}
    if part_key != "stages":
        return new_rule(next(f"rule-{number}" for number in range(1, 999) if f"rule-{number}" not in taken))
    bands = [band.get("id") for band in _maps_of(data, "bands")]
    stage_id = next(str(number) for number in range(1, 999) if str(number) not in taken)
    return new_stage(stage_id, str(bands[-1]) if bands else "first-help")


def _maps_of(data: CommentedMap, key: str) -> list[dict[str, Any]]:
    listed = data.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


@login_required
def item(request: StaffRequest, pk: int, part: str, number: int) -> HttpResponse:
    """The editor of one stage or rule; every button first saves what was entered."""
    found = _draft_or_404(request, pk)
    page = draft_page(found, today())
    listed = page.data.get(part) if part in ITEM_PARTS else None
    if not isinstance(listed, list) or number >= len(listed) or not isinstance(listed[number], dict):
        raise Http404
    form = PartForm(page.data, (part, number), page.faults)
    refused = ""
    if request.method == "POST":
        try:
            _save(request, found, lambda data: _change_item(data, (part, number), form, request.POST))
            done = request.POST.get("do", "save")
            return redirect(f"{reverse('desk:rules-item', args=[pk, part, number])}{'#condition' if ':' in done else ''}")
        except (Refused, ValueError) as fault:
            refused = str(fault)
    context = {"draft": found, "school": found.school, "form": form, "refused": refused, **_of_item(page, part, number)}
    return render(request, "desk/rules_item.html", context, status=422 if refused else 200)


def _of_item(page: DraftPage, part: str, number: int) -> dict[str, Any]:
    items = next(items for key, _, _, items in page.parts if key == part)
    return {
        "page": page,
        "one": ITEM_PARTS[part],
        "here": items[number],
        "what": (("Counted in the register", WHAT), ("The case so far", ON_THE_CASE)),
        "known_what": {key for key, _ in (*WHAT, *ON_THE_CASE)},
    }


NEW_ROW = {"measure": "missed", "window": "year", "at_least": 10}
NEW_ACTION = {"kind": "conversation", "due_days": 5}


def _change_item(data: CommentedMap, below: Place, form: PartForm, posted: QueryDict) -> None:
    _write_all(data, below, form.changes(posted, posted.getlist))
    what, _, path = posted.get("do", "save").partition(":")
    if what == "save":
        return
    place = (*below, *place_of(path))
    if len(place) <= len(below) or place[len(below)] not in ("when", "actions"):
        raise Refused("Choose which row is meant.")
    _change_rows(data, what, place, len(place) == len(below) + 1)


def _change_rows(data: CommentedMap, what: str, place: Place, is_root: bool) -> None:
    """One button of the condition's or the actions' rows. A root that is no group becomes one when a row is added to it."""
    if what == "action":
        add(data, place, dict(NEW_ACTION))
    elif what in ("up", "down"):
        move(data, place, -1 if what == "up" else 1)
    elif what == "remove" and is_root:
        raise Refused("A stage or rule needs a condition: change the row, or add another one first.")
    elif what == "remove":
        remove(data, place)
    elif what == "not":
        _negate(data, place)
    elif what in ("all", "any"):
        _join(data, place, what)
    elif what in ("row", "group"):
        joint = joint_of(at(data, place))
        if joint not in ("all", "any"):
            raise Refused("Make a group of it first.")
        add(data, (*place, joint), dict(NEW_ROW) if what == "row" else {"any": [dict(NEW_ROW), dict(NEW_ROW)]})
    else:
        raise Refused("Choose what to do with the row.")


def _negate(data: CommentedMap, place: Place) -> None:
    node, parent = at(data, place), at(data, place[:-1])
    parent[place[-1]] = node["not"] if joint_of(node) == "not" else CommentedMap({"not": node})


def _join(data: CommentedMap, place: Place, joint: str) -> None:
    """Turns a group into the other kind, or a row into a group with a second row."""
    node, parent = at(data, place), at(data, place[:-1])
    if joint_of(node) in ("all", "any"):
        rows = node.pop(joint_of(node))
        node[joint] = rows
        return
    parent[place[-1]] = CommentedMap({joint: [node]})
    add(data, (*place, joint), dict(NEW_ROW))


@login_required
def text(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft as text: read, change, replace by a file."""
    found = _draft_or_404(request, pk)
    refused, given = "", found.text
    if request.method == "POST":
        given = request.POST.get("text", "").replace("\r\n", "\n")
        try:
            given = _uploaded(request) if request.FILES else given
            drafts.change_draft(
                draft=found, seen=_seen(request), text=given, by=request.user, role=_role(request, found.school), now=now()
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
    found = _draft_or_404(request, pk)
    return _file(found.text, f"ladder-{found.school.urn}-draft-{found.pk}.yaml")


@_posts
def review(request: StaffRequest, pk: int) -> HttpResponse:
    """A second person agrees, or sends the draft back with what has to change."""
    found = _draft_or_404(request, pk, "review_ladder")
    common: dict[str, Any] = {"draft": found, "seen": _seen(request), "note": request.POST.get("note", ""), "by": request.user,
                              "role": _role(request, found.school), "now": now()}  # fmt: skip
    if request.POST.get("do") == "back":
        drafts.send_back(**common)
        messages.success(request, "Sent back: it is being written again.")
    else:
        drafts.review_draft(**common, has_letter=has_wording)
        messages.success(request, "Reviewed. It can now be published from a day that you choose.")
    return redirect("desk:rules-draft", pk)


@_posts
def discard(request: StaffRequest, pk: int) -> HttpResponse:
    """Gives a draft up; it stays on record."""
    found = _draft_or_404(request, pk)
    drafts.discard_draft(draft=found, seen=_seen(request), by=request.user, role=_role(request, found.school), now=now())
    messages.success(request, "The draft was given up. Nothing of the ladder in force has changed.")
    return redirect(f"{reverse('desk:rules')}?school={found.school.urn}")


@login_required
def publish(request: StaffRequest, pk: int) -> HttpResponse:
    """What the ladder would have done on the school's own register, and the day from which it is in force."""
    found = _draft_or_404(request, pk, "review_ladder")
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
        draft=found, seen=_seen(request), starts=starts, warning_read=bool(request.POST.get("read")), has_letter=has_wording,
        by=request.user, role=_role(request, found.school), on=today(), now=now(),
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
