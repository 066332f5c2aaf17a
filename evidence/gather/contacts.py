"""What was done with the family: conversations and calls, meetings, offers of help and visits, each with what came of it."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from attendance.models import AbsenceCall
from casework.models import Attendee, HomeVisit, Meeting, SupportOffer
from casework.queries.meetings import meetings_of
from casework.support import said_kind
from escalation.models import Event
from evidence.exhibits import Check, Exhibit, Part, Table, counted, day, rows_of
from evidence.scope import Scope

TALKS = ("conversation", "call", "note")


def contacts(scope: Scope) -> Part:
    """Conversations, calls and notes of the case, and the calls about single days of absence."""
    all_events = list(
        Event.objects.filter(case=scope.case, kind__in=TALKS, on__lte=scope.on, at__lt=scope.end)
        .select_related("by", "parent")
        .order_by("on", "at")
    )
    calls = AbsenceCall.objects.filter(
        pupil=scope.case.pupil_id, school=scope.school, about__gte=scope.first, about__lte=scope.on
    )
    all_calls = list(calls.filter(at__lt=scope.end).select_related("by", "parent").order_by("at", "pk"))
    events = [event for event in all_events if scope.concerns(event.parent_id)]
    shown = [call for call in all_calls if scope.concerns(call.parent_id)]
    others = len(all_events) + len(all_calls) - len(events) - len(shown)
    exhibits = [Exhibit("Conversations, calls and notes", [_talks(events)])] if events else []
    exhibits += [Exhibit("Calls and texts about days of absence", [_calls(shown)])] if shown else []
    reached = sum(event.outcome == "spoke" for event in events) + sum(call.outcome == "spoke" for call in shown)
    words = f"{counted(len(events), 'note')} and {counted(len(shown), 'call')} on record; spoken with {counted(reached, 'time')}"
    return Part(
        key="contacts",
        title="Conversations and calls",
        exhibits=exhibits,
        rows=[*rows_of(events), *rows_of(shown)],
        checks=[Check("Contacts", bool(events or shown), words if events or shown else "No conversation or call is recorded.")],
        left_out=f"{counted(others, 'contact')} with another parent: left out of this pack." if others else "",
        missing="" if exhibits else "No conversation or call is recorded.",
    )


def _talks(events: list[Event]) -> Table:
    rows = [(day(event.on), event.text, event.by.name if event.by else "the night") for event in events]
    return Table("As they were recorded", ("Day", "What was said and came of it", "By"), rows)


def _calls(calls: list[AbsenceCall]) -> Table:
    rows = [
        (
            f"{timezone.localtime(call.at):%-d %B %Y, %H:%M}",
            day(call.about),
            f"{call.get_channel_display()}: {call.get_outcome_display().lower()}{f', {call.parent.name}' if call.parent else ''}",
            call.said,
            call.by.name,
        )
        for call in calls
    ]
    return Table("First-day calling and each further day", ("When", "About", "How it went", "What was said", "By"), rows)


def meetings(scope: Scope) -> Part:
    """Every meeting with who was asked and who came, held in absence or moved, and what was agreed."""
    found = sorted(meetings_of([scope.case.pk]).get(scope.case.pk, []), key=lambda meeting: meeting.starts_at)
    shown = [meeting for meeting in found if meeting.planned_at < scope.end]
    held = [meeting for meeting in shown if meeting.state in (Meeting.State.HELD, Meeting.State.IN_ABSENCE)]
    rows = [row for meeting in shown for row in rows_of([meeting, *_people(meeting, scope), *meeting.history.all()])]
    words = f"{counted(len(shown), 'meeting')}, {len(held)} held" if shown else "No meeting is recorded."
    exhibits = [Exhibit(_title(meeting), [_meeting(meeting, scope)]) for meeting in shown]
    return Part(
        key="meetings", title="Meetings", exhibits=exhibits, rows=rows, checks=[Check("Meetings", bool(held), words)],
        missing="" if exhibits else "No meeting is recorded.",
    )  # fmt: skip


def _people(meeting: Meeting, scope: Scope) -> list[Attendee]:
    return [person for person in meeting.attendees.all() if scope.concerns(person.parent_id)]


def _title(meeting: Meeting) -> str:
    return f"{meeting.get_kind_display()} of {day(timezone.localtime(meeting.starts_at).date())}"


def _meeting(meeting: Meeting, scope: Scope) -> Table:
    told = [
        ("When and where", f"{_at(meeting.starts_at)}, {meeting.minutes} minutes, {meeting.place}"),
        ("How it went", meeting.get_state_display()),
        ("Led by", meeting.led_by.name if meeting.led_by else "not recorded"),
        ("Asked and came", "; ".join(_person(person) for person in _people(meeting, scope)) or "nobody is recorded"),
        ("What was said", meeting.summary),
        ("What was agreed", meeting.agreed),
        ("Why it was called off", meeting.reason),
        ("Planned by", f"{meeting.planned_by.name}, {_at(meeting.planned_at)}"),
    ]
    told += [
        (f"Moved, time {move.number}", f"from {_at(move.starts_at)}, {move.place}; {move.by.name}. {move.reason}")
        for move in meeting.history.all()
    ]
    if meeting.recorded_by and meeting.recorded_at:
        told.append(("Recorded by", f"{meeting.recorded_by.name}, {_at(meeting.recorded_at)}"))
    return Table("The meeting as it was recorded", ("What", "On record"), [row for row in told if row[1]])


def _person(person: Attendee) -> str:
    name = person.parent.name if person.parent else person.user.name if person.user else person.name
    if not person.is_invited:
        return f"{name}: not invited. {person.why_not_invited}".strip()
    return f"{name}: {person.get_came_display().lower() if person.came else 'asked'}"


def _at(moment: dt.datetime) -> str:
    return f"{timezone.localtime(moment):%-d %B %Y, %H:%M}"


def support(scope: Scope) -> Part:
    """Offers of help with the family's answer, and visits at home."""
    offers = [
        offer
        for offer in SupportOffer.objects.filter(case=scope.case, offered_on__lte=scope.on).select_related("parent", "offered_by")
        if scope.concerns(offer.parent_id)
    ]
    visits = [
        visit
        for visit in HomeVisit.objects.filter(case=scope.case, on__lte=scope.on).select_related("parent", "visitor")
        if scope.concerns(visit.parent_id)
    ]
    offers, visits = sorted(offers, key=lambda offer: offer.offered_on), sorted(visits, key=lambda visit: visit.on)
    exhibits = [Exhibit("Support offered", [_offers(offers)])] if offers else []
    exhibits += [Exhibit("Home visits", [_visits(visits)])] if visits else []
    answered = sum(bool(offer.answer) for offer in offers)
    said = (
        f"{counted(len(offers), 'offer')}, {answered} answered"
        if offers
        else "No offer is recorded: a court asks whether support came first."
    )
    return Part(
        key="support", title="Support offered and home visits", exhibits=exhibits, rows=[*rows_of(offers), *rows_of(visits)],
        checks=[Check("Support first", bool(offers), said), Check("Home visits", True, counted(len(visits), "visit"))],
        missing="" if exhibits else "No offer and no visit is recorded.",
    )  # fmt: skip


def _offers(offers: list[SupportOffer]) -> Table:
    rows = [
        (
            day(offer.offered_on),
            said_kind(offer),
            offer.parent.name if offer.parent else "the pupil",
            f"{offer.get_answer_display()}, {day(offer.answered_on)}" if offer.answer else "Not answered yet",
            f"{day(offer.ended_on)}. {offer.ended_because}".strip() if offer.ended_on else "",
            offer.offered_by.name,
        )
        for offer in offers
    ]
    return Table("Offers of help", ("Offered", "What", "To", "Answer", "Ended", "By"), rows)


def _visits(visits: list[HomeVisit]) -> Table:
    rows = [(day(visit.on), visit.get_outcome_display(), visit.note, visit.next_step, visit.visitor.name) for visit in visits]
    return Table("Visits at home", ("Day", "How it went", "Note", "Next", "By"), rows)
