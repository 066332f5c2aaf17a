"""What every page that changes a draft of a ladder begins with: the draft in scope, what the person had seen, and the save."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST
from ruamel.yaml.comments import CommentedMap

from desk.requests import StaffRequest
from escalation import drafts
from escalation.engine.source import Place
from escalation.models import LadderDraft
from escalation.ruleset_text import edited, write
from schools.clock import now
from schools.models import School
from schools.rules import Refused

EDITORS = ("attendance_lead", "head", "trust_lead", "administrator")
View = Callable[..., HttpResponse]


def editing_role(request: StaffRequest, school: School) -> str:
    """The role by which the person changes ladders there."""
    return request.scope.acting_as(school, *EDITORS)


def draft_or_404(request: StaffRequest, pk: int, act: str = "edit_ladder") -> LadderDraft:
    """Http404 outside the person's schools, PermissionDenied where no role of theirs may do ``act``."""
    of_mine = LadderDraft.objects.filter(school__in=request.scope.schools)
    draft = get_object_or_404(of_mine.select_related("school__group", "by", "reviewed_by", "based_on", "published_as"), pk=pk)
    request.scope.authorise(act, draft.school)
    return draft


def when_seen(request: StaffRequest) -> dt.datetime:
    """When the draft was changed as the person saw it; a moment that never was where the form does not say."""
    try:
        found = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        found = None
    return found if found and found.tzinfo else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def posts(view: View) -> View:
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


def save_draft(request: StaffRequest, draft: LadderDraft, change: Callable[[CommentedMap], None]) -> None:
    """Keeps the draft's text after ``change``. Raises Refused or ValueError with a sentence."""
    text = edited(draft.text, change)
    role = editing_role(request, draft.school)
    drafts.change_draft(draft=draft, seen=when_seen(request), text=text, by=request.user, role=role, now=now())


def write_all(data: CommentedMap, below: Place, changes: list[tuple[Place, object]]) -> None:
    """Writes each value at its place below ``below``."""
    for place, value in changes:
        write(data, (*below, *place), value)
