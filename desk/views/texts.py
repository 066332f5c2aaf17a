"""Texts to parents: who would get what, sending it, what became of it, what was written back; and a school's Notify set-up."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from desk.queries import texts as shown
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.text_form import AnswerForm, SetUpForm, WordsForm, new_batch
from letters.phrases import count
from messaging import queries, services
from messaging.models import Message, Reply, Sender
from messaging.opening import is_rehearsal, open_provider
from messaging.planning import Plan, plan_texts, plan_without_words
from messaging.providers import Fault
from messaging.tasks import look_now, start_sending
from messaging.wording import FIELDS, FIRST_DAY, OFFERED, Purpose
from schools.clock import now, today
from schools.models import Pupil, Role, School
from schools.rules import Refused

SENDING_ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD)
PAGE = 50
SECONDS_TO_TRY = 10
"""How long a person waits for Notify when they try the set-up."""


@login_required
@require_GET
def texts(request: StaffRequest) -> HttpResponse:
    """What was written back, what left and what became of it, of the last two weeks."""
    allowed = schools_for(request.scope, "send_texts")
    schools = chosen(allowed, request.GET.get("school", ""))
    since, state = now() - dt.timedelta(days=shown.SHOWN_DAYS), request.GET.get("state", "")
    page = Paginator(queries.listed(schools, since, state=state), PAGE).get_page(request.GET.get("page"))
    context = {
        "schools": allowed,
        "asked_school": request.GET.get("school", ""),
        "health": queries.health(schools, now()),
        "unread": shown.came(queries.unread_replies(schools), today()),
        "read": shown.came(queries.read_lately(schools, since)[:20], today()),
        "lines": shown.outbox(list(page.object_list)),
        "page": page,
        "tabs": shown.tabs(schools, since, state),
        "state": state,
        "rehearsal": is_rehearsal(),
        "days": shown.SHOWN_DAYS,
    }
    return render(request, "desk/texts.html", context)


@login_required
def new(request: StaffRequest) -> HttpResponse:
    """Who would get which text. ``?school=URN&pupils=1,2,3&purpose=first-day``; without pupils they are chosen first."""
    asked = request.POST if request.method == "POST" else request.GET
    allowed = schools_for(request.scope, "send_texts")
    school = chosen(allowed, asked.get("school", ""))[0]
    pupils = _pupils_or_404(request, ",".join(asked.getlist("pupils")))
    purpose = _purpose(asked.get("purpose", FIRST_DAY.key))
    if not pupils:
        return _choosing(request, school, allowed, purpose)
    form = WordsForm(request.POST if request.method == "POST" else None, initial={"body": purpose.wording})
    return _looking(request, school, pupils, purpose, form)


def _purpose(key: str) -> Purpose:
    if key not in OFFERED:
        raise Http404
    return OFFERED[key]


def _pupils_or_404(request: StaffRequest, numbers: str) -> list[Pupil]:
    """The pupils that the address names; 404 where one of them does not exist for the person."""
    ids = {int(number) for number in re.findall(r"\d{1,18}", numbers)}
    found = shown.pupils_named(request.scope, ids)
    if len(found) != len(ids):
        raise Http404
    return found


def _choosing(request: StaffRequest, school: School, allowed: list[School], purpose: Purpose) -> HttpResponse:
    choice = shown.whom_to_text(request.scope, school, today(), request.GET.get("form", ""))
    context = {"choice": choice, "school": school, "schools": allowed, "purpose": purpose}
    return render(request, "desk/texts_choose.html", context)


def _looking(
    request: StaffRequest, school: School, pupils: list[Pupil], purpose: Purpose, form: WordsForm, status: int = 200
) -> HttpResponse:
    """The words, and exactly who gets them."""
    body = form["body"].value() or ""
    plan = _plan(school, pupils, purpose, body, form)
    numbers = ",".join(str(pupil.pk) for pupil in pupils)
    address = f"{reverse('desk:texts-new')}?school={school.urn}&pupils={numbers}"
    context = {
        "form": form,
        "body": body,
        "plan": plan,
        "school": school,
        "pupils": pupils,
        "numbers": numbers,
        "purpose": purpose,
        "purposes": [(each, f"{address}&purpose={each.key}", each == purpose) for each in OFFERED.values()],
        "fields": FIELDS.items(),
        "batch": form["batch"].value() or new_batch(),
        "leaves_later": plan.leaves_at > now(),
        "rehearsal": is_rehearsal(),
    }
    return render(request, "desk/texts_new.html", context, status=422 if form.errors else status)


def _plan(school: School, pupils: list[Pupil], purpose: Purpose, body: str, form: WordsForm) -> Plan:
    given: dict[str, Any] = {"school": school, "pupils": pupils, "purpose": purpose, "on": today(), "now": now()}
    if not body.strip():
        return plan_without_words(**given)
    try:
        return plan_texts(wording=body, **given)
    except Refused as refused:
        if form.is_bound and not form.errors:
            form.add_error("body", str(refused))
        return plan_without_words(**given)


@login_required
@require_POST
def send(request: StaffRequest) -> HttpResponse:
    """Puts the texts that the person looked at into the outbox; where they would be others by now, they are shown once more."""
    school = school_or_404(request.scope, request.POST.get("school", ""), "send_texts")
    pupils = _pupils_or_404(request, request.POST.get("pupils", ""))
    purpose = _purpose(request.POST.get("purpose", ""))
    form = WordsForm(request.POST)
    if not pupils:
        return redirect(f"{reverse('desk:texts-new')}?school={school.urn}&purpose={purpose.key}")
    if not form.is_valid():
        return _looking(request, school, pupils, purpose, form)
    try:
        asked = services.ask_for_texts(
            school=school,
            pupils=pupils,
            purpose=purpose.key,
            body=form.cleaned_data["body"],
            by=request.user,
            role=request.scope.acting_as(school, *SENDING_ROLES),
            now=now(),
            on=today(),
            batch=form.cleaned_data["batch"],
            seen=form.cleaned_data["seen"],
        )
    except Refused as refused:
        form.add_error("body", str(refused))
        return _looking(request, school, pupils, purpose, form)
    start_sending(school)
    messages.success(request, _promise(len(asked.messages), asked.leaves_at))
    return _back(school)


def _promise(number: int, leaves_at: dt.datetime) -> str:
    """What happens now to texts that were put into the outbox."""
    if leaves_at <= now():
        return f"{count(number, 'text')} on the way. What becomes of each stands below."
    local = timezone.localtime(leaves_at)
    return f"{count(number, 'text')} will leave at {local.hour}.{local.minute:02} on {local:%A}. Until then each can be taken back below."


def _back(school: School) -> HttpResponse:
    return redirect(f"{reverse('desk:texts')}?school={school.urn}")


@login_required
@require_POST
def look(request: StaffRequest, urn: str) -> HttpResponse:
    """Asks Notify at once: what became of texts, and what was written back."""
    school = school_or_404(request.scope, urn, "send_texts")
    found = look_now(school)
    news = {0: "No new reply", 1: "One new reply"}.get(found, f"{found} new replies")
    messages.success(request, f"{news}. The list below is up to date.")
    return _back(school)


@login_required
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """A text that has not left is not sent after all."""
    message = Message.objects.filter(pk=pk, school__in=request.scope.schools).select_related("school").first()
    if message is None:
        raise Http404
    request.scope.authorise("send_texts", message.school)
    try:
        services.cancel(message=message, by=request.user, role=request.scope.acting_as(message.school, *SENDING_ROLES), now=now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"The text to {message.parent.name} was taken back.")
    return _back(message.school)


def _reply_or_404(request: StaffRequest, pk: int) -> Reply:
    reply = queries.reply_in(list(request.scope.schools), pk)
    if reply is None:
        raise Http404
    request.scope.authorise("send_texts", reply.school)
    return reply


@login_required
@require_POST
def read(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody has read a reply."""
    reply = _reply_or_404(request, pk)
    role = request.scope.acting_as(reply.school, *SENDING_ROLES)
    services.mark_read(reply=reply, by=request.user, role=role, now=now())
    return _back(reply.school)


@login_required
@require_POST
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    """A text back; where it cannot be sent the words stay, with the reason."""
    reply = _reply_or_404(request, pk)
    form = AnswerForm(request.POST)
    if form.is_valid():
        try:
            message = services.answer(
                reply=reply,
                body=form.cleaned_data["body"],
                by=request.user,
                role=request.scope.acting_as(reply.school, *SENDING_ROLES),
                now=now(),
                on=today(),
                batch=form.cleaned_data["batch"],
            )
        except Refused as refused:
            form.add_error("body", str(refused))
        else:
            start_sending(reply.school)
            messages.success(request, _promise(1, message.not_before))
            return _back(reply.school)
    context = {"form": form, "came": shown.came([reply], today())[0], "batch": form["batch"].value() or new_batch()}
    return render(request, "desk/texts_answer.html", context, status=422)


# Set-up


@login_required
def set_up(request: StaffRequest) -> HttpResponse:
    """A school's Notify service: its key goes in and never comes out again."""
    allowed = schools_for(request.scope, "set_up_texts")
    school = chosen(allowed, request.GET.get("school", ""))[0]
    sender = Sender.objects.filter(school=school).select_related("changed_by").first()
    form = SetUpForm(request.POST) if request.method == "POST" else SetUpForm.of(sender)
    if request.method == "POST" and form.is_valid() and _saved(request, school, form):
        return redirect(f"{reverse('desk:texts-set-up')}?school={school.urn}")
    context = {
        "form": form,
        "school": school,
        "schools": allowed,
        "sender": sender,
        "late": queries.late([school], now()).count(),
        "rehearsal": is_rehearsal(),
    }
    return render(request, "desk/texts_set_up.html", context, status=422 if form.errors else 200)


def _saved(request: StaffRequest, school: School, form: SetUpForm) -> bool:
    """Stores the set-up and tries it at once."""
    role = request.scope.acting_as(school, Role.ADMINISTRATOR)
    try:
        sender = services.set_up(school=school, by=request.user, role=role, now=now(), **form.cleaned_data)
    except Refused as refused:
        form.add_error("closes" if "hours" in str(refused) else "key", str(refused))
        return False
    _tell_whether_it_works(request, sender)
    return True


@login_required
@require_POST
def try_set_up(request: StaffRequest, urn: str) -> HttpResponse:
    """Asks Notify whether it takes the key and has the templates. Nothing is sent."""
    school = school_or_404(request.scope, urn, "set_up_texts")
    sender = Sender.objects.filter(school=school).first()
    if sender is None:
        messages.error(request, "There is no key to try yet: enter it first.")
    else:
        _tell_whether_it_works(request, sender)
    return redirect(f"{reverse('desk:texts-set-up')}?school={school.urn}")


def _tell_whether_it_works(request: StaffRequest, sender: Sender) -> None:
    try:
        found = open_provider(sender, SECONDS_TO_TRY).check()
    except Fault as fault:
        messages.error(request, f"Stored, but it does not work yet: {fault}")
    else:
        messages.success(request, found)
