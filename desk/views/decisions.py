"""Decisions: the letters that wait, the one that is open with all that bears on it, and what may be done with it.

Every change is a POST that ends in a redirect; each works without a script. What a rule refuses is shown as the rule's own sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk.decision_forms import DeclineForm, EditForm, HoldForm
from desk.queries.decisions import (
    WITH,
    Item,
    Queue,
    beside,
    decided_today,
    drawn_letters,
    letter_in_scope,
    letters_in_scope,
    queue,
)
from desk.requests import StaffRequest, chosen, may_anywhere, schools_for
from letters.appointments import asks_for_a_time
from letters.catalogue import wording_for
from letters.fields import MERGE_FIELDS
from letters.models import Letter
from letters.policies import why_not_approve, why_not_decide
from letters.queries import OF_THE_MEETING, LiveLetter
from letters.services import TO_BARRED, approve_letters, decline_letter, edit_letter, hold_letter, undo_approval
from letters.sheet import letter_html_fragment
from letters.states import WAITING
from schools.clock import now, today
from schools.rules import Refused

LONGEST_NUMBER = 18
"""Digits that a row's number has at most."""
MANY = 40
"""Letters that may be approved from one summary: as many as a person can look through."""


@login_required
@require_GET
def decisions(request: StaffRequest) -> HttpResponse:
    """The queue at the left, the open letter and why at the right."""
    schools = schools_for(request.scope, "see_decisions")
    here = chosen(schools, request.GET.get("school", ""))
    everyone = request.GET.get("whose") == "all"
    waiting = queue(request.scope, today(), everyone=everyone, school=here[0] if len(here) == 1 else None)
    item, letter = _open(request, waiting)
    context = {
        "queue": waiting,
        "everyone": everyone,
        "address": _address(request),
        "select": max(_numbers([request.GET.get("select", "")]), default=0),
        "decided": decided_today(request.scope, request.user, today(), now()),
        "schools": schools,
        "school": here[0] if len(here) == 1 and len(schools) > 1 else None,
        "may_offer_times": may_anywhere(request.scope, "offer_times"),
    }
    if item and letter:
        context |= _opened(request, waiting, item, letter)
    return render(request, "desk/decisions.html", context)


def _open(request: StaffRequest, waiting: Queue) -> tuple[Item | None, Letter | None]:
    """The decision and the letter that the address names, or the first. A letter that was decided meanwhile leads to its own page."""
    named = request.GET.get("letter", "")
    if not named:
        first = next(iter(waiting.items), None)
        return first, first.first if first else None
    (number,) = _numbers([named]) or (0,)
    item = waiting.find(number)
    if item is None:
        letter_in_scope(request.scope, number)
        return None, None
    return item, next(letter for letter in item.letters if letter.pk == number)


def _numbers(values: Iterable[str]) -> set[int]:
    """The numbers among ``values`` that can be a row's; whatever else stands there is nobody's."""
    return {int(value) for value in values if value.isdecimal() and len(value) <= LONGEST_NUMBER}


def _opened(request: StaffRequest, waiting: Queue, item: Item, letter: Letter) -> dict[str, object]:
    """What the right-hand side shows of one decision."""
    group, following = waiting.group_of(item), waiting.after(item)
    drawn, fault = drawn_letters(item.letters, today())
    refused = [why_not(request, drawn[each.pk]) for each in item.letters] if drawn else [fault]
    side = beside(request.scope, item, today())
    return {
        "item": item,
        "letter": letter,
        "sheet": sheet(drawn[letter.pk]) if drawn else "",
        "fault": fault,
        "seen": [(pk, each.token) for pk, each in drawn.items()],
        "beside": side,
        "calendar": side.year.calendar(until=today()),
        "position": group.items.index(item) + 1 if group else 0,
        "group": group,
        "next": following,
        "why_not": next(filter(None, refused), ""),
        "why_not_decide": why_not_decide(letter, request.scope),
        "hold_form": HoldForm(on=today(), auto_id="hold_%s"),
        "decline_form": DeclineForm(on=today(), auto_id="decline_%s"),
        "gaps": [] if fault else gaps_of(letter),
        "asks_for_a_time": any(asks_for_a_time(each) for each in drawn.values()),
    }


def sheet(drawn: LiveLetter) -> str:
    """The letter as it will print, to stand in a page."""
    return letter_html_fragment(drawn.merged, drawn.facts, heading_level=3)


def why_not(request: StaffRequest, drawn: LiveLetter) -> str:
    """The sentence on the disabled button; empty where the viewer may approve the letter now."""
    if drawn.barred:
        return TO_BARRED
    return why_not_approve(drawn.letter, scope=request.scope, merged_missing=drawn.merged.missing_fills, pause=drawn.pause)


def _address(request: StaffRequest, **changes: object) -> str:
    """The query string of the present view without the open letter, ready for one to be added."""
    kept = {name: request.GET[name] for name in ("school", "whose") if request.GET.get(name)}
    query = urlencode(kept | {name: str(value) for name, value in changes.items()})
    return f"?{query}&" if query else "?"


def _back(request: StaffRequest, letter: Letter | None = None) -> HttpResponse:
    """To the queue as it was; ``letter`` opens a decision there."""
    kept = {name: request.POST[name] for name in ("school", "whose") if request.POST.get(name)}
    query = urlencode(kept | ({"letter": str(letter.pk)} if letter else {}))
    return redirect(reverse("desk:decisions") + (f"?{query}" if query else ""))


def _back_to_next(request: StaffRequest) -> HttpResponse:
    """To the decision that stood below, where it still waits for the viewer."""
    following = _numbers([request.POST.get("next", "")])
    return _back(request, letters_in_scope(request.scope).filter(pk__in=following, state__in=WAITING).first())


def _named(request: StaffRequest, ids: Iterable[str]) -> list[Letter]:
    """The letters of those numbers. Http404 where one of them is outside the viewer's scope."""
    wanted = _numbers(ids)
    found = list(letters_in_scope(request.scope).filter(pk__in=wanted).select_related(*WITH).order_by("id"))
    if not wanted or len(found) != len(wanted):
        raise Http404("No such letter.")
    return found


def _must_decide(request: StaffRequest, letters: Iterable[Letter]) -> None:
    """PermissionDenied, with the rule's sentence, where a letter is another role's to decide."""
    for letter in letters:
        if sentence := why_not_decide(letter, request.scope):
            raise PermissionDenied(sentence)


def _role(request: StaffRequest, letter: Letter) -> str:
    return request.scope.acting_as(letter.school, letter.approves)


@login_required
@require_GET
def review(request: StaffRequest) -> HttpResponse:
    """The summary before many letters are approved: whose, which, and which of them cannot go, with the reason."""
    schools_for(request.scope, "see_decisions")
    picked = [number for value in request.GET.getlist("item") for number in value.split(",")]
    if not picked:
        messages.info(request, "Nothing was ticked: tick the pupils whose letters you want to approve together.")
        return redirect(reverse("desk:decisions") + _address(request).rstrip("?&"))
    letters = _named(request, picked)
    _must_decide(request, letters)
    drawn, fault = drawn_letters(letters, today())
    refusals = [(letter, why_not(request, drawn[letter.pk]) if drawn else fault) for letter in letters]
    ready = [letter for letter, sentence in refusals if not sentence]
    lines = lines_by_letter(request)
    return render(
        request,
        "desk/decisions_review.html",
        {
            "ready": [(letter, lines.get(letter.pk)) for letter in ready[:MANY]],
            "left": len(ready[MANY:]),
            "refused": [(letter, sentence) for letter, sentence in refusals if sentence],
            "pupils": len({letter.case.pupil_id for letter in ready[:MANY]}),
            "seen": [(letter.pk, drawn[letter.pk].token) for letter in ready[:MANY]],
        },
    )


def lines_by_letter(request: StaffRequest) -> dict[int, Item]:
    """The waiting decisions by letter, for form and figures in the summary."""
    waiting = queue(request.scope, today(), everyone=True)
    return {letter.pk: item for item in [*waiting.items, *waiting.held] for letter in item.letters}


@login_required
@require_POST
def approve(request: StaffRequest) -> HttpResponse:
    """Approves the named letters; says what became of each. Who comes second is told who approved."""
    letters = _named(request, request.POST.getlist("letter"))
    _must_decide(request, letters)
    outcomes = []
    for role in sorted({_role(request, letter) for letter in letters}):
        batch = [letter for letter in letters if _role(request, letter) == role]
        try:
            outcomes += approve_letters(letters=batch, by=request.user, role=role, now=now(), on=today(), seen=_seen(request))
        except ValueError as fault:
            messages.error(request, f"Nothing was approved: {fault}")
    done = [outcome.letter for outcome in outcomes if outcome.ok]
    if done:
        messages.success(request, _approved_sentence(done))
    for sentence in dict.fromkeys(outcome.sentence for outcome in outcomes if not outcome.ok):
        messages.error(request, sentence)
    return _back_to_next(request)


def _seen(request: StaffRequest) -> dict[int, str]:
    """The figures that the person looked at, by letter: fields ``seen-12``."""
    tokens = ((name.removeprefix("seen-"), str(value)) for name, value in request.POST.items() if name.startswith("seen-"))
    return {number: value for name, value in tokens for number in _numbers([name])}


def _approved_sentence(letters: list[Letter]) -> str:
    names = list(dict.fromkeys(letter.case.pupil.name for letter in letters))
    what = "Letter approved" if len(letters) == 1 else f"{len(letters)} letters approved"
    whom = names[0] if len(names) == 1 else f"{len(names)} pupils"
    return f"{what}: {whom}. You can undo this for ten minutes."


@login_required
@require_POST
def undo(request: StaffRequest) -> HttpResponse:
    """Takes back an approval while its ten minutes last; only one's own."""
    letters = _named(request, request.POST.getlist("letter"))
    _must_decide(request, letters)
    return _each(
        request,
        letters,
        lambda letter: undo_approval(letter=letter, by=request.user, role=_role(request, letter), now=now()),
        lambda names: f"Approval taken back: {names}. It waits for you again.",
        lambda: _back(request, letters[0]),
    )


def _each(
    request: StaffRequest,
    letters: list[Letter],
    change: Callable[[Letter], object],
    sentence: Callable[[str], str],
    then: Callable[[], HttpResponse],
) -> HttpResponse:
    """Applies a change to each letter; one message for those it was done to, one for each refusal."""
    done = []
    for letter in letters:
        try:
            change(letter)
            done.append(letter.case.pupil.name)
        except Refused as refused:
            messages.error(request, str(refused))
    if done:
        messages.success(request, sentence(", ".join(dict.fromkeys(done))))
    return then()


def _siblings_of(request: StaffRequest, letter: Letter) -> list[Letter]:
    """The letters that are decided with this one: of the same stage, or of the same plan, still waiting."""
    of = {"stage_record": letter.stage_record_id} if letter.stage_record_id else {"planned": letter.planned_id}
    together = letters_in_scope(request.scope).filter(state__in=WAITING, **of).order_by("planned", "id")
    joined = together.select_related(*WITH)
    return [each for each in joined if not why_not_decide(each, request.scope)]


@login_required
@require_http_methods(["GET", "POST"])
def hold(request: StaffRequest, letter_id: int) -> HttpResponse:
    """Nothing leaves before a day that the person chooses; the letters come back to the queue on it."""
    letter = letter_in_scope(request.scope, letter_id)
    _must_decide(request, [letter])
    form = HoldForm(request.POST or None, on=today())
    if request.method == "POST" and form.is_valid():
        until, reason = form.cleaned_data["until"], form.cleaned_data["reason"]
        return _each(
            request,
            _siblings_of(request, letter),
            lambda each: hold_letter(
                letter=each, until=until, reason=reason, by=request.user, role=_role(request, each), now=now()
            ),
            lambda names: f"Held until {until:%A} {until.day} {until:%B}: {names}.",
            lambda: _back_to_next(request),
        )
    note = "It comes back to your queue on that day; until then nothing leaves."
    return _form_page(request, letter, form, "Hold until a day", "Hold", note)


@login_required
@require_http_methods(["GET", "POST"])
def decline(request: StaffRequest, letter_id: int) -> HttpResponse:
    """The letters are not sent; the stage may come again after a day, or this year not at all."""
    letter = letter_in_scope(request.scope, letter_id)
    _must_decide(request, [letter])
    form = DeclineForm(request.POST or None, on=today())
    if request.method == "POST" and form.is_valid():
        reason, again = form.cleaned_data["reason"], form.cleaned_data["ask_again_on"]
        return _each(
            request,
            _siblings_of(request, letter),
            lambda each: decline_letter(
                letter=each, reason=reason, ask_again_on=again, by=request.user, role=_role(request, each), now=now()
            ),
            lambda names: f"Declined: {names}. The reason is kept with the case.",
            lambda: _back_to_next(request),
        )
    return _form_page(request, letter, form, "Decline", "Decline", "No letter leaves. The reason is kept with the case.")


def _form_page(
    request: StaffRequest, letter: Letter, form: HoldForm | DeclineForm, title: str, verb: str, note: str
) -> HttpResponse:
    context = {"letter": letter, "form": form, "title": title, "verb": verb, "note": note, "next": request.POST.get("next", "")}
    return render(request, "desk/decisions_form.html", context, status=400 if form.errors else 200)


_FIELD = re.compile(r"\{\{\s*([a-z0-9_]+)\s*\}\}")


def gaps_of(letter: Letter) -> list[str]:
    """The merge fields of the letter's wording that a person fills in, in the order in which the letter says them."""
    wording = wording_for(letter.ruleset, letter.wording)
    named = [*_FIELD.findall(wording.source), *wording.head.asks]
    return [name for name in dict.fromkeys(named) if name in MERGE_FIELDS and MERGE_FIELDS[name].fill]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: StaffRequest, letter_id: int) -> HttpResponse:
    """Fills the letter's gaps and adds a paragraph; the letter stands beside the form as it will print."""
    letter = letter_in_scope(request.scope, letter_id)
    _must_decide(request, [letter])
    together = _siblings_of(request, letter)
    drawn, fault = drawn_letters([letter], today())
    if fault:
        messages.error(request, fault)
        return _back(request, letter)
    meeting = drawn[letter.pk].facts.meeting
    form = EditForm(
        request.POST or None,
        on=today(),
        names=[name for name in gaps_of(letter) if not (meeting.on and name in OF_THE_MEETING)],
        fills=letter.fills,
        initial={"extra_paragraph": letter.extra_paragraph},
    )
    if request.method == "POST" and form.is_valid():
        return _save_edit(request, letter, form, together)
    context = {
        "letter": letter,
        "form": form,
        "others": [each for each in together if each.pk != letter.pk and each.wording == letter.wording],
        "sheet": sheet(drawn[letter.pk]),
        "meeting": meeting,
    }
    return render(request, "desk/decisions_edit.html", context, status=400 if form.errors else 200)


def _save_edit(request: StaffRequest, letter: Letter, form: EditForm, together: list[Letter]) -> HttpResponse:
    """Meeting and dates go into the other parent's copy as well, where that is ticked; the paragraph only into this one."""
    fills = form.fills()
    same = (
        [each for each in together if each.wording == letter.wording and each.pk != letter.pk] if request.POST.get("both") else []
    )
    for each in [letter, *same]:
        paragraph = form.cleaned_data["extra_paragraph"] if each.pk == letter.pk else each.extra_paragraph
        try:
            edit_letter(
                letter=each, fills=fills, extra_paragraph=paragraph, by=request.user, role=_role(request, each), now=now()
            )
        except Refused as refused:
            messages.error(request, str(refused))
            return _back(request, letter)
    messages.success(request, "Saved in both letters." if same else "Saved in the letter.")
    return _back(request, letter)
