"""What happens to a meeting: planned, moved, called off, held. One atomic service a change, with its line in the timeline.

A change is a conditional UPDATE on the meeting as the person saw it, so that of two people who act at once one does; the other reads who
was first. A moved meeting keeps every time that it had.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from casework.models import Attendee, Meeting, MeetingMove, MeetingSlot
from casework.policies import why_not_at, why_not_begin, why_not_change, why_not_for_stage, why_not_invite, why_not_record
from casework.queries.meetings import enrolment_of, task_of
from casework.slots import claim_slot, release_slot
from casework.words import day_and_time
from escalation.models import Case, StageRecord
from escalation.services import add_event, complete_task
from schools import audit
from schools.models import Parent, PupilParent, User
from schools.rules import Refused

OUTCOMES: dict[str, str] = {
    Meeting.State.HELD: "attended",
    Meeting.State.IN_ABSENCE: "held_in_absence",
    Meeting.State.NOT_HELD: "not_attended",
}
"""How a meeting ended, as the stage's task records it; a meeting to which nobody came leaves the task open."""
OTHERS_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Where:
    """When and where: ``starts_at`` aware, ``minutes`` how long."""

    starts_at: dt.datetime
    minutes: int
    place: str
    led_by: User | None = None
    slot: MeetingSlot | None = None

    @classmethod
    def of(cls, slot: MeetingSlot) -> Where:
        return cls(slot.starts_at, slot.minutes, slot.place, slot.led_by, slot)


@transaction.atomic
def plan_meeting(
    *,
    case: Case,
    kind: str,
    where: Where,
    parents: Collection[Parent] | None = None,
    colleagues: Iterable[User] = (),
    others: Sequence[str] = (),
    stage_record: StageRecord | None = None,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Meeting:
    """Plans a meeting and names whom it concerns. ``parents`` None invites everyone who may be invited; naming one who may not is
    refused. A parent who is not invited stands in the list with the reason."""
    Case.objects.select_for_update().get(pk=case.pk)
    faults = (
        why_not_begin(case, enrolment_of(case), on),
        why_not_for_stage(stage_record),
        why_not_at(kind, where.starts_at, where.minutes, where.place, on),
    )
    if fault := next(filter(None, faults), ""):
        raise Refused(fault)
    links = list(PupilParent.objects.filter(pupil=case.pupil_id).select_related("parent"))
    family = _family(links, parents, on)
    _only_once(case, stage_record, {attendee.parent_id for attendee in family if attendee.is_invited})
    if where.slot:
        claim_slot(slot=where.slot, pupil_id=case.pupil_id, now=now)
    meeting = Meeting.objects.create(
        case=case, kind=kind, stage_record=stage_record, slot=where.slot, starts_at=where.starts_at, minutes=where.minutes,
        place=where.place.strip(), led_by=where.led_by, planned_by=by, planned_at=now,
    )  # fmt: skip
    staff = dict.fromkeys([*([where.led_by] if where.led_by else []), *colleagues])
    named = [name.strip() for name in others if name.strip()][:OTHERS_AT_MOST]
    people = [*family, *(Attendee(user=user) for user in staff), *(Attendee(name=name[:120]) for name in named)]
    for person in people:
        person.meeting = meeting
    Attendee.objects.bulk_create(people)
    _tell(meeting, f"{meeting.get_kind_display()} planned for {_when(meeting)}.", by=by, role=role, on=on, now=now)
    audit.record(action="meeting planned", subject=meeting, by=by, role=role, at=now, school=case.school)
    return meeting


def _family(links: Sequence[PupilParent], chosen: Collection[Parent] | None, on: dt.date) -> list[Attendee]:
    """A row for each parent: invited, or why not. Raises Refused for one who was chosen and may not be invited."""
    wanted = None if chosen is None else {parent.pk for parent in chosen}
    rows = []
    for link in links:
        why_not = why_not_invite(link, on)
        if wanted is not None and link.parent_id in wanted and why_not:
            raise Refused(f"{link.parent.name} cannot be invited. {why_not}")
        if wanted is not None and link.parent_id not in wanted and not why_not:
            why_not = "Not asked to this meeting."
        rows.append(Attendee(parent=link.parent, is_invited=not why_not, why_not_invited=why_not))
    return rows


def _only_once(case: Case, record: StageRecord | None, parents: set[int | None]) -> None:
    """One planned meeting a stage for the same parent; parents who come apart have one each."""
    planned = Meeting.objects.filter(case=case, stage_record=record, state=Meeting.State.PLANNED)
    same = planned.filter(attendees__parent__in=parents, attendees__is_invited=True) if parents else planned
    if record and (other := same.select_related("planned_by").first()):
        raise Refused(
            f"A meeting for stage {record.stage} is already planned for {_when(other)}, by {other.planned_by}: "
            "move it, or call it off first."
        )


@transaction.atomic
def move_meeting(
    *, meeting: Meeting, where: Where, seen: int, reason: str = "", by: User, role: str, on: dt.date, now: dt.datetime
) -> Meeting:
    """Gives a planned meeting another time or place. ``seen``: how often it had been moved when the person looked; somebody else's move
    in between is shown, not overwritten. A parent who has been barred meanwhile is no longer invited."""
    if fault := why_not_at(Meeting.Kind.MEETING, where.starts_at, where.minutes, where.place, on):
        raise Refused(fault)
    if (where.starts_at, where.place.strip()) == (meeting.starts_at, meeting.place):
        raise Refused("That is the time and place that the meeting has: change one of them.")
    before = MeetingMove(
        meeting=meeting, number=seen + 1, starts_at=meeting.starts_at, place=meeting.place, reason=reason.strip(), by=by, at=now
    )
    old, old_slot = _when(meeting), meeting.slot_id
    if where.slot and where.slot.pk != old_slot:
        claim_slot(slot=where.slot, pupil_id=meeting.case.pupil_id, now=now)
    changed = Meeting.objects.filter(pk=meeting.pk, state=Meeting.State.PLANNED, moves=seen).update(
        starts_at=where.starts_at, minutes=where.minutes, place=where.place.strip(), slot=where.slot,
        led_by=where.led_by or meeting.led_by, moves=seen + 1,
    )  # fmt: skip
    meeting.refresh_from_db()
    if not changed:
        raise Refused(why_not_change(meeting) or _moved_by_another(meeting))
    before.save(force_insert=True)
    release_slot(old_slot)
    _uninvite_barred(meeting, on)
    because = f" {reason.strip()}" if reason.strip() else ""
    _tell(meeting, f"{meeting.get_kind_display()} of {old} moved to {_when(meeting)}.{because}", by=by, role=role, on=on, now=now)
    audit.record(
        action="meeting moved", subject=meeting, by=by, role=role, at=now, school=meeting.case.school, reason=reason.strip(),
        detail={"moves": meeting.moves},
    )  # fmt: skip
    return meeting


def _moved_by_another(meeting: Meeting) -> str:
    last = meeting.history.select_related("by").last()
    who = f" by {last.by}" if last else ""
    return f"The meeting was moved{who} while you looked: it is now on {_when(meeting)}. Look again before you move it."


@transaction.atomic
def cancel_meeting(*, meeting: Meeting, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Meeting:
    """Calls a planned meeting off, with a reason; its time is free for another family. The stage's task stays open."""
    if not reason.strip():
        raise Refused("Say why the meeting is called off: it is kept with the case.")
    _end(meeting, Meeting.State.CANCELLED, by=by, now=now, reason=reason.strip())
    release_slot(meeting.slot_id)
    text = f"{meeting.get_kind_display()} of {_when(meeting)} called off: {reason.strip()}"
    _tell(meeting, text, by=by, role=role, on=on, now=now)
    audit.record(
        action="meeting cancelled", subject=meeting, by=by, role=role, at=now, school=meeting.case.school, reason=reason.strip()
    )
    return meeting


@transaction.atomic
def record_meeting(
    *,
    meeting: Meeting,
    outcome: str,
    came: Mapping[int, str],
    summary: str = "",
    agreed: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Meeting:
    """How the meeting went. ``outcome``: held, in_absence or not_held; ``came``: by attendee came, absent or apologies.

    Held (with or without the parents), it completes the stage's task, and with it a stage that begins with the meeting."""
    if outcome not in OUTCOMES:
        raise Refused("Choose how the meeting went: held, held in the parents’ absence, or nobody came.")
    if fault := why_not_record(meeting, on):
        raise Refused(fault)
    attendees = list(meeting.attendees.select_related("parent", "user"))
    _must_fit(outcome, attendees, came)
    _end(meeting, outcome, by=by, now=now, summary=summary.strip(), agreed=agreed.strip())
    for attendee in attendees:
        if attendee.is_invited:
            attendee.came = came.get(attendee.pk, Attendee.Came.ABSENT)
    Attendee.objects.bulk_update(attendees, ["came"])
    _report(meeting, outcome, attendees, by=by, role=role, on=on, now=now)
    audit.record(
        action="meeting recorded",
        subject=meeting,
        by=by,
        role=role,
        at=now,
        school=meeting.case.school,
        detail={"outcome": outcome},
    )
    return meeting


def _must_fit(outcome: str, attendees: Sequence[Attendee], came: Mapping[int, str]) -> None:
    """Refuses an outcome that contradicts who came."""
    there = [person for person in attendees if came.get(person.pk) == Attendee.Came.CAME]
    if any(not person.is_invited for person in there):
        raise Refused("Somebody is ticked who was not invited: invite them first, or untick them.")
    family = [person for person in there if not person.user_id]
    if outcome == Meeting.State.HELD and not family:
        raise Refused("Nobody of the family is ticked as having come: tick who came, or choose one of the other two outcomes.")
    if outcome != Meeting.State.HELD and any(person.parent_id for person in there):
        raise Refused("A parent is ticked as having come: choose “held”, or untick them.")


def _report(
    meeting: Meeting, outcome: str, attendees: Sequence[Attendee], *, by: User, role: str, on: dt.date, now: dt.datetime
) -> None:
    """Into the timeline, one line for each parent concerned, so that a letter may name what its own reader took part in; the stage's
    task is completed with the first of them."""
    wanted = Attendee.Came.CAME if outcome == Meeting.State.HELD else Attendee.Came.ABSENT
    parents = [person.parent for person in attendees if person.parent and person.is_invited and person.came == wanted]
    first, rest = (parents[0], parents[1:]) if parents else (None, [])
    there = ", ".join(_name(person) for person in attendees if person.came == Attendee.Came.CAME and not person.user_id)
    note = " ".join(part for part in (meeting.summary, f"Agreed: {meeting.agreed}" if meeting.agreed else "") if part)
    result, task = OUTCOMES[outcome], task_of(meeting)
    if task:
        complete_task(
            task=task, by=by, role=role, on=on, now=now, outcome=result, note=note, with_whom=there, parent=first
        )  # fmt: skip
    else:
        text = f"{meeting.get_kind_display()}{f' with {there}' if there else ''}: {meeting.get_state_display().lower()}. {note}"
        _tell(meeting, text.strip(), by=by, role=role, on=on, now=now, outcome=result, parent=first)
    for parent in rest:
        text = (
            f"{parent.name}: {'came to' if outcome == Meeting.State.HELD else 'did not come to'} the meeting of {_when(meeting)}."
        )
        _tell(meeting, text, by=by, role=role, on=on, now=now, outcome=result, parent=parent)


def _name(person: Attendee) -> str:
    return person.parent.name if person.parent else person.user.name if person.user else person.name


@transaction.atomic
def invite(*, meeting: Meeting, parent: Parent, by: User, role: str, on: dt.date, now: dt.datetime) -> Attendee:
    """A parent who was added to the pupil, or not asked at first, is invited after all."""
    if fault := why_not_change(meeting):
        raise Refused(fault)
    link = PupilParent.objects.filter(pupil=meeting.case.pupil_id, parent=parent).select_related("parent").first()
    if link is None:
        raise Refused(f"{parent.name} is no parent or contact of this pupil.")
    if why_not := why_not_invite(link, on):
        raise Refused(f"{parent.name} cannot be invited. {why_not}")
    person, _ = Attendee.objects.update_or_create(
        meeting=meeting, parent=parent, defaults={"is_invited": True, "why_not_invited": ""}
    )
    audit.record(action="meeting invitation added", subject=meeting, by=by, role=role, at=now, school=meeting.case.school)
    return person


@transaction.atomic
def uninvite(*, attendee: Attendee, reason: str, by: User, role: str, now: dt.datetime) -> Attendee:
    """Somebody is no longer asked to come; why stands beside the name."""
    if fault := why_not_change(attendee.meeting):
        raise Refused(fault)
    if not reason.strip():
        raise Refused("Say why they are not asked to come any more.")
    attendee.is_invited, attendee.why_not_invited = False, reason.strip()[:160]
    attendee.save(update_fields=["is_invited", "why_not_invited"])
    audit.record(
        action="meeting invitation taken back", subject=attendee.meeting, by=by, role=role, at=now,
        school=attendee.meeting.case.school, reason=attendee.why_not_invited,
    )  # fmt: skip
    return attendee


def _uninvite_barred(meeting: Meeting, on: dt.date) -> None:
    """Parents whom an order keeps away since they were invited."""
    invited = {person.parent_id: person for person in meeting.attendees.filter(is_invited=True, parent__isnull=False)}
    for link in PupilParent.objects.filter(pupil=meeting.case.pupil_id, parent__in=invited):
        if link.is_barred(on):
            meeting.attendees.filter(parent=link.parent_id).update(is_invited=False, why_not_invited=why_not_invite(link, on))


def _end(meeting: Meeting, state: str, *, by: User, now: dt.datetime, **words: str) -> None:
    """From planned to over: the conditional UPDATE. Raises Refused where somebody was first."""
    changes = {"state": state, "recorded_by": by, "recorded_at": now, **words}
    changed = Meeting.objects.filter(pk=meeting.pk, state=Meeting.State.PLANNED).update(**changes)
    meeting.refresh_from_db()
    if not changed:
        raise Refused(why_not_change(meeting))


def _when(meeting: Meeting) -> str:
    return f"{day_and_time(meeting.starts_at)}, {meeting.place}"


def _tell(
    meeting: Meeting,
    text: str,
    *,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
    outcome: str = "",
    parent: Parent | None = None,
) -> None:
    """A line of the timeline; only those with an outcome say that something took place."""
    add_event(
        case=meeting.case, kind="meeting", text=text, on=on, now=now, by=by, role=role, record=meeting.stage_record,
        outcome=outcome, parent=parent,
    )  # fmt: skip
