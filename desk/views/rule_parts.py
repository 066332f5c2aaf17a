"""The editor of a draft's parts: its numbers and bands, its stages, rules, prompts and checklists, and what carries over.

Every button is a form that is sent; each first saves what was entered. Faults are kept with the draft and shown where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from ruamel.yaml.comments import CommentedMap

from desk.band_forms import BandsForm
from desk.draft_requests import draft_or_404, posts, save_draft, write_all
from desk.number_forms import NewNumber, NumbersForm, title_of, why_kept
from desk.queries.rules import PARTS, DraftPage, draft_page
from desk.requests import StaffRequest
from desk.rule_forms import ON_THE_CASE, WHAT, PartForm, joint_of, maps_of, place_of
from escalation.engine.source import Place
from escalation.models import LadderDraft
from escalation.ruleset_text import add, at, move, place_part, remove, write
from escalation.shapes import new_carry_over, new_checklist, new_prompt, new_rule, new_stage
from schools.clock import today
from schools.rules import Refused

ITEM_PARTS = {key: one for key, _, one in PARTS}
Change = Callable[[CommentedMap], None]


def _kept(request: StaffRequest, draft: LadderDraft, change: Change, said: str = "Saved.") -> str:
    """Saves the change and says so on the next page; otherwise the sentence that refuses it."""
    try:
        save_draft(request, draft, change)
    except (Refused, ValueError) as fault:
        return str(fault)
    messages.success(request, said)
    return ""


# The numbers


@login_required
def numbers(request: StaffRequest, pk: int) -> HttpResponse:
    """Every named number of the ladder, with its unit and what it means; a new one, and removing one that nothing uses."""
    found = draft_or_404(request, pk)
    page = draft_page(found, today())
    form = NumbersForm(page.data, page.faults)
    new = NewNumber(list(form.parameters), request.POST or None)
    refused = ""
    if request.method == "POST":
        what, _, name = request.POST.get("do", "save").partition(":")
        refused = _add_number(request, found, new) if what == "add" else _change_numbers(request, found, form, what, name)
        if not (refused or form.wrong or new.wrong):
            return redirect("desk:rules-numbers", pk)
    context = {"page": page, "draft": found, "school": found.school, "form": form, "new": new, "refused": refused}
    return render(request, "desk/rules_numbers.html", context, status=422 if form.wrong or new.wrong or refused else 200)


def _change_numbers(request: StaffRequest, draft: LadderDraft, form: NumbersForm, what: str, name: str) -> str:
    """What was entered, and where asked one number less; a sentence where it was refused."""
    changes = form.changes(request.POST)
    if form.wrong:
        return ""

    def change(data: CommentedMap) -> None:
        write_all(data, (), changes)
        if what == "remove":
            _remove_number(data, name)

    said = f"“{title_of(name)}” was removed." if what == "remove" else "Saved." if changes else "Nothing was changed."
    return _kept(request, draft, change, said)


def _remove_number(data: CommentedMap, name: str) -> None:
    if kept := why_kept(data, name):
        raise Refused(f"“{title_of(name)}” cannot be removed. {kept}")
    remove(data, ("parameters", name))


def _add_number(request: StaffRequest, draft: LadderDraft, new: NewNumber) -> str:
    parameter = new.parameter()
    if parameter is None:
        return ""

    def change(data: CommentedMap) -> None:
        place_part(data, "parameters", {}, before=("bands", "stages"))
        write(data, ("parameters", new.key), parameter)

    return _kept(request, draft, change, f"“{title_of(new.key)}” was added. Stages and rules can name it now.")


# The bands


@login_required
def bands(request: StaffRequest, pk: int) -> HttpResponse:
    """The ladder's bands: names, colours and order; a new one, and removing one in which no stage stands."""
    found = draft_or_404(request, pk)
    page = draft_page(found, today())
    form = BandsForm(page.data, page.faults)
    refused = ""
    if request.method == "POST":
        refused = _change_bands(request, found, form)
        if not (refused or form.wrong):
            return redirect("desk:rules-bands", pk)
    context = {"page": page, "draft": found, "school": found.school, "form": form, "refused": refused}
    return render(request, "desk/rules_bands.html", context, status=422 if form.wrong or refused else 200)


def _change_bands(request: StaffRequest, draft: LadderDraft, form: BandsForm) -> str:
    """One button of the bands' page; what was entered is saved with it. A sentence where it was refused."""
    what, _, path = request.POST.get("do", "save").partition(":")
    place = place_of(path)
    if what == "add":
        added = form.added(request.POST)
        return _kept(request, draft, lambda data: _add_band(data, added)) if added else ""
    if what != "save" and (what not in ("up", "down", "remove") or len(place) != 2 or place[0] != "bands"):
        return "Choose what to do with which band."
    changes = form.changes(request.POST)
    return _kept(request, draft, lambda data: _with_band(data, changes, what, place))


def _add_band(data: CommentedMap, band: dict[str, object]) -> None:
    add(data, ("bands",), band)


def _with_band(data: CommentedMap, changes: list[tuple[Place, object]], what: str, place: Place) -> None:
    write_all(data, (), changes)
    if what == "remove":
        _remove_band(data, place)
    elif what in ("up", "down"):
        move(data, place, -1 if what == "up" else 1)


def _remove_band(data: CommentedMap, place: Place) -> None:
    row = next((row for row in BandsForm(data).rows if row.number == place[1]), None)
    if row and row.stages:
        raise Refused(
            f"“{row.title}” cannot be removed while a stage stands in it: {row.stages}. Choose another band there first."
        )
    remove(data, place)


# Stages, rules, prompts, checklists


@posts
def part(request: StaffRequest, pk: int) -> HttpResponse:
    """Adds, removes or moves a stage or a rule: ``do`` is "add:stages", "remove:watch.0", "up:stages.2"."""
    found = draft_or_404(request, pk)
    what, _, path = request.POST.get("do", "").partition(":")
    place = place_of(path)
    steps = {"add": 1, "remove": 2, "up": 2, "down": 2}
    if not place or place[0] not in ITEM_PARTS or len(place) != steps.get(what):
        raise Refused("Choose what to do with which stage or rule.")
    added: list[int] = []

    def change(data: CommentedMap) -> None:
        if what == "add":
            added.append(add(data, (place[0],), _beginning(data, str(place[0]))))
        elif what == "remove":
            remove(data, place[:2])
        else:
            move(data, place[:2], -1 if what == "up" else 1)

    save_draft(request, found, change)
    if added:
        return redirect("desk:rules-item", pk, place[0], added[0])
    return redirect(f"{reverse('desk:rules-draft', args=[pk])}#{place[0]}")


def _beginning(data: CommentedMap, part_key: str) -> dict[str, object]:
    """A new stage, rule, prompt or checklist with an id that is not taken yet."""
    taken = {str(item.get("id")) for item in maps_of(data.get(part_key))}
    prefix = {"stages": "", "prompts": "prompt-", "checklists": "checklist-"}.get(part_key, "rule-")
    new_id = next(f"{prefix}{number}" for number in range(1, 999) if f"{prefix}{number}" not in taken)
    if part_key == "stages":
        bands = [band.get("id") for band in maps_of(data.get("bands"))]
        return new_stage(new_id, str(bands[-1]) if bands else "first-help")
    if part_key == "checklists":
        return new_checklist(new_id, _first_stage(data, "A checklist"))
    return new_prompt(new_id) if part_key == "prompts" else new_rule(new_id)


def _first_stage(data: CommentedMap, what: str) -> str:
    stages = maps_of(data.get("stages"))
    if not stages:
        raise Refused(f"{what} leans on a stage: add the first stage, then come back.")
    return str(stages[0].get("id", ""))


@login_required
def item(request: StaffRequest, pk: int, part: str, number: int) -> HttpResponse:
    """The editor of one stage, rule, prompt or checklist; every button first saves what was entered."""
    found = draft_or_404(request, pk)
    page = draft_page(found, today())
    listed = page.data.get(part) if part in ITEM_PARTS else None
    if not isinstance(listed, list) or number >= len(listed) or not isinstance(listed[number], dict):
        raise Http404
    form = PartForm(page.data, (part, number), page.faults)
    refused = ""
    if request.method == "POST":
        try:
            save_draft(request, found, lambda data: _change_item(data, (part, number), form, request.POST))
            done = request.POST.get("do", "save")
            return redirect(f"{reverse('desk:rules-item', args=[pk, part, number])}{'#condition' if ':' in done else ''}")
        except (Refused, ValueError) as fault:
            refused = str(fault)
    items = next(items for key, _, _, items in page.parts if key == part)
    context = {"here": items[number], "one": ITEM_PARTS[part], "refused": refused, **_of_part(page, form)}
    return render(request, "desk/rules_item.html", context, status=422 if refused else 200)


def _of_part(page: DraftPage, form: PartForm) -> dict[str, Any]:
    return {
        "page": page,
        "draft": page.draft,
        "school": page.draft.school,
        "form": form,
        "what": (("Counted in the register", WHAT), ("The case so far", ON_THE_CASE)),
        "known_what": {key for key, _ in (*WHAT, *ON_THE_CASE)},
    }


# What carries over


@login_required
def carry_over(request: StaffRequest, pk: int) -> HttpResponse:
    """Who begins the next year with which stages counted as done; a ladder has one such rule, or none."""
    found = draft_or_404(request, pk)
    page = draft_page(found, today())
    form = PartForm(page.data, ("carry_over",), page.faults) if isinstance(page.data.get("carry_over"), dict) else None
    refused = ""
    if request.method == "POST":
        refused = _change_carry_over(request, found, form)
        if not refused:
            anchor = "#condition" if ":" in request.POST.get("do", "") else ""
            return redirect(f"{reverse('desk:rules-carry-over', args=[pk])}{anchor}")
    status = 422 if refused else 200
    if form is None:
        context = {"page": page, "draft": found, "school": found.school, "refused": refused}
        return render(request, "desk/rules_carry_none.html", context, status=status)
    context = {"here": {"part": "carry_over", "label": "What carries over"}, "one": "rule", "refused": refused}
    return render(request, "desk/rules_item.html", {**context, **_of_part(page, form)}, status=status)


def _change_carry_over(request: StaffRequest, draft: LadderDraft, form: PartForm | None) -> str:
    what = request.POST.get("do", "save")
    if what == "add":
        return _kept(request, draft, _begin_carry_over, "Added: say below whom it is for and what it means.")
    if what == "remove":
        return _kept(request, draft, lambda data: remove(data, ("carry_over",)), "Nothing carries over any more.")
    if form is None:
        return "Nothing carries over here: add the rule first."
    return _kept(request, draft, lambda data: _change_item(data, ("carry_over",), form, request.POST))


def _begin_carry_over(data: CommentedMap) -> None:
    place_part(data, "carry_over", new_carry_over(_first_stage(data, "What carries over")), before=("prompts", "checklists"))


# The rows of a condition and of the actions

NEW_ROW = {"measure": "missed", "window": "year", "at_least": 10}
NEW_ACTION = {"kind": "conversation", "due_days": 5}


def _change_item(data: CommentedMap, below: Place, form: PartForm, posted: QueryDict) -> None:
    write_all(data, below, form.changes(posted, posted.getlist))
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
