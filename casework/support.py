"""What is tried to help: visits at home, and support that is offered, answered and ended; each with its line in the timeline."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from casework.models import HomeVisit, SupportOffer
from casework.words import day
from escalation.models import Case
from escalation.services import add_event
from schools import audit
from schools.models import Parent, PupilParent, User
from schools.rules import Refused


@transaction.atomic
def record_visit(
    *,
    case: Case,
    visited_on: dt.date,
    outcome: str,
    accompanied_by: str = "",
    parent: Parent | None = None,
    note: str = "",
    next_step: str = "",
    visitor: User,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> HomeVisit:
    """A visit at the pupil's home. ``parent``: who was spoken to; an order that keeps them away does not undo that it happened."""
    if outcome not in HomeVisit.Outcome:
        raise Refused("Choose how the visit went.")
    if visited_on > on:
        raise Refused(f"{day(visited_on)} lies ahead: record the visit once it was made.")
    if outcome == HomeVisit.Outcome.SPOKE and parent is None:
        raise Refused("Say which parent was spoken to: letters may then mention the visit to them.")
    visit = HomeVisit.objects.create(
        case=case, on=visited_on, visitor=visitor, accompanied_by=accompanied_by.strip()[:120], parent=parent, outcome=outcome,
        note=note.strip(), next_step=next_step.strip()[:200], recorded_by=by, recorded_at=now,
    )  # fmt: skip
    who = f" by {visitor}" + (f" with {visit.accompanied_by}" if visit.accompanied_by else "")
    spoken = f" ({parent.name})" if parent else ""
    text = f"Home visit{who}: {visit.get_outcome_display().lower()}{spoken}. {visit.note}".strip()
    text += f" Next: {visit.next_step}" if visit.next_step else ""
    add_event(
        case=case, kind="visit", text=text, on=visited_on, now=now, by=by, role=role, outcome=outcome, parent=parent
    )  # fmt: skip
    audit.record(action="home visit recorded", subject=visit, by=by, role=role, at=now, school=case.school)
    return visit


@transaction.atomic
def offer_support(
    *,
    case: Case,
    kind: str,
    detail: str = "",
    offered_on: dt.date,
    parent: Parent | None = None,
    answer: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> SupportOffer:
    """Support offered to a parent, or (``parent`` None) to the pupil; ``answer`` where it was given at once."""
    if kind not in SupportOffer.Kind:
        raise Refused("Choose what was offered.")
    if kind == SupportOffer.Kind.OTHER and not detail.strip():
        raise Refused("Say what was offered: “other help” alone tells nobody anything.")
    if offered_on > on:
        raise Refused(f"{day(offered_on)} lies ahead: record the offer once it was made.")
    if parent and not PupilParent.objects.filter(pupil=case.pupil_id, parent=parent).exists():
        raise Refused(f"{parent.name} is no parent or contact of this pupil.")
    offer = SupportOffer.objects.create(
        case=case, kind=kind, detail=detail.strip()[:200], offered_on=offered_on, offered_by=by, parent=parent,
        answer=_answer(answer), answered_on=offered_on if answer else None, recorded_at=now,
    )  # fmt: skip
    said = f" {offer.get_answer_display()}." if offer.answer else ""
    to = parent.name if parent else case.pupil.called
    text = f"{said_kind(offer)} offered to {to}.{said}"
    add_event(case=case, kind="support", text=text, on=offered_on, now=now, by=by, role=role, outcome=answer, parent=parent)
    audit.record(
        action="support offered",
        subject=offer,
        by=by,
        role=role,
        at=now,
        school=case.school,
        detail={"kind": kind, "answer": answer},
    )
    return offer


def _answer(answer: str) -> str:
    if answer and answer not in SupportOffer.Answer:
        raise Refused("Choose an answer: accepted, declined or no answer.")
    return answer


def said_kind(offer: SupportOffer) -> str:
    """ "Mentoring: Tuesdays with Mr Birch", or what the other help is."""
    if offer.kind == SupportOffer.Kind.OTHER:
        return offer.detail
    return offer.get_kind_display() + (f": {offer.detail}" if offer.detail else "")


@transaction.atomic
def answer_offer(*, offer: SupportOffer, answer: str, by: User, role: str, on: dt.date, now: dt.datetime) -> SupportOffer:
    """What the family said. No answer may later become accepted or declined; a given answer is not written over."""
    if not _answer(answer):
        raise Refused("Choose an answer: accepted, declined or no answer.")
    open_states = ["", SupportOffer.Answer.NO_ANSWER]
    changed = SupportOffer.objects.filter(pk=offer.pk, answer__in=open_states, ended_on=None).update(
        answer=answer, answered_on=on
    )
    offer.refresh_from_db()
    if not changed:
        state = f"ended on {day(offer.ended_on)}" if offer.ended_on else offer.get_answer_display().lower()
        raise Refused(f"This offer is already recorded as {state}: offer it again if that has changed.")
    text = f"{said_kind(offer)}: {offer.get_answer_display().lower()}."
    add_event(case=offer.case, kind="support", text=text, on=on, now=now, by=by, role=role, outcome=answer, parent=offer.parent)
    audit.record(
        action="support answered", subject=offer, by=by, role=role, at=now, school=offer.case.school, detail={"answer": answer}
    )
    return offer


@transaction.atomic
def end_support(
    *, offer: SupportOffer, ended_on: dt.date, because: str = "", by: User, role: str, on: dt.date, now: dt.datetime
) -> SupportOffer:
    """Support that was accepted comes to its end."""
    if not offer.offered_on <= ended_on <= on:
        raise Refused(f"Support ends between the day it was offered, {day(offer.offered_on)}, and today: change the day.")
    changed = SupportOffer.objects.filter(pk=offer.pk, answer=SupportOffer.Answer.ACCEPTED, ended_on=None).update(
        ended_on=ended_on, ended_because=because.strip()[:200]
    )
    offer.refresh_from_db()
    if not changed:
        raise Refused("Only support that was accepted and still runs can end.")
    why = f" {offer.ended_because}" if offer.ended_because else ""
    add_event(case=offer.case, kind="support", text=f"{said_kind(offer)} ended.{why}", on=ended_on, now=now, by=by, role=role)
    audit.record(action="support ended", subject=offer, by=by, role=role, at=now, school=offer.case.school)
    return offer
