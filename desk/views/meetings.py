"""Meetings of a case: planned, moved, recorded, called off; who is invited; and the meeting for a calendar."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from casework.meetings import invite, plan_meeting, record_meeting, uninvite
from casework.models import Meeting
from casework.policies import why_not_begin, why_not_change, why_not_invite, why_not_record
from casework.queries.meetings import enrolment_of, free_slots
from casework.words import day_and_time
from desk.case_forms import (
    NOBODY,
    MeetingForm,
    MoveForm,
    ReasonForm,
    RecordForm,
    parents,
    slot_choices,
    stage_choices,
    users,
    when_of,
)
from desk.queries.case import case_in_scope, staff_around
from desk.requests import StaffRequest
from desk.views.case import attempt, case_to_work, form_page, saved, to_case, who
from escalation.models import Case, StageRecord
from letters.appointments import cancel_and_tell, move_and_tell
from letters.invitation import meeting_ics
from schools.clock import now, today
from schools.models import PupilParent, User


def _found(pk: int) -> Meeting:
    joined = Meeting.objects.select_related("case__pupil", "case__school", "stage_record__version", "led_by", "recorded_by")
    meeting = joined.filter(pk=pk).first()
    if meeting is None:
        raise Http404("No such meeting.")
    return meeting


def _to_work(request: StaffRequest, pk: int) -> Meeting:
    """A meeting that the viewer may change: 404 outside scope, 403 without the right."""
    meeting = _found(pk)
    case_to_work(request, meeting.case_id)
    return meeting


def _may_be_invited(case: Case) -> list[PupilParent]:
    links = PupilParent.objects.filter(pupil=case.pupil_id).select_related("parent")
    return [link for link in links if not why_not_invite(link, today())]


@login_required
@require_http_methods(["GET", "POST"])
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    """Plans a meeting; the letters of its stage then name its time and place."""
    found = case_to_work(request, pk)
    links, roles = _may_be_invited(found), staff_around(found, today())
    slots = list(free_slots(found.school, first=today()))
    stages = stage_choices(StageRecord.objects.filter(case=found).order_by("proposed_on", "id"))
    form = MeetingForm(
        request.POST or None,
        offers={
            "slot": slot_choices(slots), "stage": stages, "led_by": [NOBODY, *users(roles)],
            "parents": parents(links), "colleagues": users(roles),
        },
        initial={
            "led_by": str(request.user.pk), "parents": [str(link.parent_id) for link in links],
            "stage": request.GET.get("stage") or stages[0][0],
        },
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        people = {str(role.user_id): role.user for role in roles}
        if saved(
            request, form, lambda: _plan(request, found, form, links, people, slots), "Meeting planned. Its letters name it."
        ):
            return to_case(found, "meetings")
    why_not = why_not_begin(found, enrolment_of(found), today())
    return form_page(
        request, found, form, title="Plan a meeting", verb="Plan the meeting", note=_not_invited(found), why_not=why_not
    )


def _plan(
    request: StaffRequest, case: Case, form: MeetingForm, links: list[PupilParent], people: dict[str, User], slots: list
) -> None:
    given = form.cleaned_data
    plan_meeting(
        case=case,
        kind=given["kind"],
        where=form.where(slots, people.get(given["led_by"])),
        parents=[link.parent for link in links if str(link.parent_id) in given["parents"]],
        colleagues=[people[number] for number in given["colleagues"]],
        others=form.named,
        stage_record=StageRecord.objects.filter(case=case, pk=given["stage"] or 0).first(),
        **who(request, case),
    )


def _not_invited(case: Case) -> str:
    """Who is not in the list, and why, in a sentence each."""
    links = PupilParent.objects.filter(pupil=case.pupil_id).select_related("parent")
    return " ".join(f"{link.parent.name}: {why}" for link in links if (why := why_not_invite(link, today())))


@login_required
@require_http_methods(["GET", "POST"])
def move(request: StaffRequest, pk: int) -> HttpResponse:
    """Another time or place; the letters that named the old one are seen to."""
    meeting = _to_work(request, pk)
    slots = list(free_slots(meeting.case.school, first=today()))
    form = MoveForm(request.POST or None, offers={"slot": slot_choices(slots)}, initial=when_of(meeting))
    told = []
    if request.method == "POST" and form.is_valid():
        given, where = form.cleaned_data, form.where(slots, meeting.led_by)

        def change() -> None:
            told.append(
                move_and_tell(
                    meeting=meeting, where=where, seen=given["seen"], reason=given["reason"], **who(request, meeting.case)
                )
            )

        if saved(request, form, change, f"Moved to {day_and_time(where.starts_at)}."):
            if told[0].sentence:
                messages.info(request, told[0].sentence)
            return to_case(meeting.case, "meetings")
    note = f"It is on {day_and_time(meeting.starts_at)}, {meeting.place}. The old time is kept."
    return form_page(
        request, meeting.case, form, title="Move the meeting", verb="Move it", note=note, why_not=why_not_change(meeting)
    )


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Calls the meeting off; who has a letter about it gets another."""
    meeting = _to_work(request, pk)
    form = ReasonForm(request.POST or None)
    told = []
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]

        def change() -> None:
            told.append(cancel_and_tell(meeting=meeting, reason=reason, **who(request, meeting.case)))

        if saved(request, form, change, "The meeting is called off. The task stays open."):
            if told[0].sentence:
                messages.info(request, told[0].sentence)
            return to_case(meeting.case, "meetings")
    return form_page(
        request, meeting.case, form, title="Call the meeting off", verb="Call it off", note=_when(meeting),
        why_not=why_not_change(meeting),
    )  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def record(request: StaffRequest, pk: int) -> HttpResponse:
    """How the meeting went; it completes the stage's task."""
    meeting = _to_work(request, pk)
    form = RecordForm(request.POST or None, attendees=list(meeting.attendees.select_related("parent", "user")))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        words = {name: given[name] for name in ("outcome", "summary", "agreed")}
        if saved(
            request,
            form,
            lambda: record_meeting(meeting=meeting, came=form.came(), **words, **who(request, meeting.case)),
            "The meeting is recorded.",
        ):
            return to_case(meeting.case, "meetings")
    return form_page(
        request, meeting.case, form, title="Record the meeting", verb="Save", note=_when(meeting),
        why_not=why_not_record(meeting, today()),
    )  # fmt: skip


def _when(meeting: Meeting) -> str:
    return f"{meeting.get_kind_display()} of {day_and_time(meeting.starts_at)}, {meeting.place}."


@login_required
@require_POST
def invitation(request: StaffRequest, pk: int) -> HttpResponse:
    """Invites a parent who was added (``parent``), or takes an invitation back (``attendee`` with a reason)."""
    meeting = _to_work(request, pk)
    of = who(request, meeting.case)
    number = request.POST.get("attendee", "")
    if number.isdecimal():
        person = meeting.attendees.select_related("meeting__case__school").filter(pk=int(number[:18])).first()
        if person is None:
            raise Http404("Nobody of that meeting.")
        reason = request.POST.get("reason", "")
        by = {name: value for name, value in of.items() if name != "on"}
        attempt(
            request,
            lambda: uninvite(attendee=person, reason=reason, **by),
            "No longer invited; the reason stands beside the name.",
        )
        return to_case(meeting.case, "meetings")
    chosen = request.POST.get("parent", "")
    link = PupilParent.objects.filter(pupil=meeting.case.pupil_id, parent=int(chosen[:18]) if chosen.isdecimal() else 0).first()
    if link is None:
        messages.error(request, "Choose a parent of this pupil.")
        return to_case(meeting.case, "meetings")
    attempt(request, lambda: invite(meeting=meeting, parent=link.parent, **of), f"{link.parent.name} is invited.")
    return to_case(meeting.case, "meetings")


@login_required
@require_GET
def ics(request: StaffRequest, pk: int) -> HttpResponse:
    """The meeting for a calendar; its title says no more than a stranger may read."""
    meeting = _found(pk)
    case_in_scope(request.scope, meeting.case_id)
    text = meeting_ics(
        uid=f"meeting-{meeting.pk}@{meeting.case.school.urn}.handrail",
        title=f"Meeting at {meeting.case.school.name}",
        place=meeting.place,
        starts=meeting.starts_at,
        minutes=meeting.minutes,
        now=now(),
        sequence=meeting.moves,
        cancelled=meeting.state == Meeting.State.CANCELLED,
    )
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="meeting-{meeting.pk}.ics"'
    add_never_cache_headers(response)
    return response
