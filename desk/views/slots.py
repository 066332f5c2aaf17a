"""Times that a school offers in blocks, and giving them to all letters of one kind that wait for a meeting's date."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.models import MeetingSlot
from casework.queries.meetings import free_slots
from casework.slots import make_slots, withdraw_slot
from casework.words import day
from desk.case_forms import NOBODY, BlockForm, users
from desk.queries.decisions import WITH, drawn_letters, letters_in_scope
from desk.queries.roll import Staff
from desk.queries.times import taken_slots
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.views.case import attempt
from desk.views.decisions import LONGEST_NUMBER
from letters.appointments import Given, Proposal, give_slots, propose_slots
from letters.models import Letter
from letters.policies import why_not_decide
from letters.states import WAITING
from schools.clock import now, today
from schools.models import Role, School
from schools.rules import Refused

ROLES = (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD_OF_YEAR, Role.HEAD)


def _form(request: StaffRequest, school: School) -> BlockForm:
    given = request.POST if request.method == "POST" else None
    staff = [NOBODY, *users(Staff([school], today()).at(school.pk))]
    return BlockForm(given, offers={"led_by": staff}, initial={"led_by": str(request.user.pk)})


def _page(request: StaffRequest, school: School, schools: list[School], form: BlockForm) -> HttpResponse:
    context = {
        "school": school,
        "schools": schools,
        "form": form,
        "free": list(free_slots(school, first=today())),
        "taken": taken_slots(request.scope, school, today()),
    }
    return render(request, "desk/slots.html", context, status=400 if form.errors else 200)


@login_required
@require_GET
def slots(request: StaffRequest) -> HttpResponse:
    """The times that are free, those that are given, and a form for a new block."""
    schools = schools_for(request.scope, "offer_times")
    school = chosen(schools, request.GET.get("school", ""))[0]
    return _page(request, school, schools, _form(request, school))


@login_required
@require_POST
def make(request: StaffRequest, urn: str) -> HttpResponse:
    """Offers a block of times."""
    school = school_or_404(request.scope, urn, "offer_times")
    form = _form(request, school)
    if form.is_valid():
        led_by = next(
            (role.user for role in Staff([school], today()).at(school.pk) if str(role.user_id) == form.cleaned_data["led_by"]),
            None,
        )
        try:
            made = make_slots(
                school=school, block=form.block(), place=form.cleaned_data["place"], led_by=led_by, by=request.user,
                role=request.scope.acting_as(school, *ROLES), on=today(), now=now(),
            )  # fmt: skip
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{len(made)} times offered on {day(form.cleaned_data['date'])}.")
            return redirect(f"{reverse('desk:slots')}?school={school.urn}")
    return _page(request, school, schools_for(request.scope, "offer_times"), form)


@login_required
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """Takes back a time that nobody has."""
    slot = get_object_or_404(MeetingSlot.objects.filter(school__in=request.scope.schools).select_related("school"), pk=pk)
    request.scope.authorise("offer_times", slot.school)
    role = request.scope.acting_as(slot.school, *ROLES)
    attempt(request, lambda: withdraw_slot(slot=slot, by=request.user, role=role, now=now()), "Taken back.")
    return redirect(f"{reverse('desk:slots')}?school={slot.school.urn}")


@login_required
@require_http_methods(["GET", "POST"])
def give(request: StaffRequest) -> HttpResponse:
    """Shows which waiting letter would get which time; the POST plans those meetings, so that the letters can be approved together."""
    named = request.POST if request.method == "POST" else request.GET
    schools = schools_for(request.scope, "offer_times")
    school = chosen(schools, named.get("school", ""))[0]
    letters = _waiting(request, school, named.get("wording", ""))
    drawn, fault = drawn_letters(letters, today())
    proposal = propose_slots([drawn[letter.pk] for letter in letters if letter.pk in drawn], _free(school), today())
    if request.method == "POST":
        return _given(request, school, _as_shown(request, school, proposal))
    context = {
        "school": school,
        "wording": named.get("wording", ""),
        "proposal": proposal,
        "fault": fault,
        "letters": sum(len(each.letters) for each in proposal.given),
    }
    return render(request, "desk/slots_give.html", context)


def _free(school: School) -> list[MeetingSlot]:
    return list(free_slots(school, first=today()))


def _waiting(request: StaffRequest, school: School, wording: str) -> list[Letter]:
    """Drafts of that wording that are the viewer's to decide, in the order of form and name."""
    waiting = letters_in_scope(request.scope).filter(school=school, state__in=WAITING, wording=wording)
    found = waiting.select_related(*WITH).order_by("case__pupil__last_name", "case__pupil__first_name", "case", "pk")
    return [letter for letter in found if not why_not_decide(letter, request.scope)]


def _as_shown(request: StaffRequest, school: School, proposal: Proposal) -> list[Given]:
    """The ticked cases with the very times that the person looked at; a time that is gone is refused by the service."""
    shown = dict(pair.split(":", 1) for pair in request.POST.getlist("give") if ":" in pair)
    numbers = [number for number in shown.values() if number.isdecimal() and len(number) <= LONGEST_NUMBER]
    slots = MeetingSlot.objects.filter(pk__in=numbers, school=school).select_related("led_by")
    by_number = {str(slot.pk): slot for slot in slots}
    return [
        Given(each.letters, by_number[shown[str(each.first.case_id)]])
        for each in proposal.given
        if shown.get(str(each.first.case_id)) in by_number
    ]


def _given(request: StaffRequest, school: School, given: list[Given]) -> HttpResponse:
    if not given:
        raise Http404("No letter was named.")
    role = request.scope.acting_as(school, *ROLES)
    outcomes = give_slots(given=given, by=request.user, role=role, on=today(), now=now())
    planned = [outcome for outcome in outcomes if outcome.meeting]
    if planned:
        number = len(planned)
        meetings = (
            "1 meeting is planned. Its letters name it"
            if number == 1
            else f"{number} meetings are planned. Their letters name them"
        )
        messages.success(request, f"{meetings}, and can be approved together.")
    for outcome in outcomes:
        if outcome.sentence:
            messages.error(request, f"{outcome.letter.case.pupil.name}: {outcome.sentence}")
    return redirect(f"{reverse('desk:decisions')}?school={school.urn}")
