"""What was tried, for the case page, letters, referrals and the evidence pack."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from casework.models import HomeVisit, SupportOffer
from casework.support import said_kind
from schools.models import Parent


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried. ``kind``: a ``SupportOffer.Kind`` or "visit"; ``outcome``: the answer or how the visit went, in words.

    ``parent``: to whom it was offered or who was spoken to; None: the pupil, or nobody. ``is_open``: still running or unanswered."""

    on: dt.date
    kind: str
    what: str
    outcome: str
    by: str
    parent: Parent | None
    until: dt.date | None = None
    is_open: bool = False
    offer: SupportOffer | None = None
    visit: HomeVisit | None = None


def support_of(case_ids: Collection[int]) -> dict[int, list[Tried]]:
    """Offers and home visits by case, oldest first. Two statements for any number of cases."""
    found: dict[int, list[Tried]] = defaultdict(list)
    for offer in SupportOffer.objects.filter(case__in=case_ids).select_related("parent", "offered_by"):
        found[offer.case_id].append(_offer(offer))
    for visit in HomeVisit.objects.filter(case__in=case_ids).select_related("parent", "visitor"):
        found[visit.case_id].append(_visit(visit))
    return {case: sorted(tried, key=lambda each: each.on) for case, tried in found.items()}


def _offer(offer: SupportOffer) -> Tried:
    runs = offer.answer == SupportOffer.Answer.ACCEPTED and offer.ended_on is None
    return Tried(
        on=offer.offered_on,
        kind=offer.kind,
        what=said_kind(offer),
        outcome=offer.get_answer_display() if offer.answer else "Not answered yet",
        by=offer.offered_by.name,
        parent=offer.parent,
        until=offer.ended_on,
        is_open=runs or offer.answer in ("", SupportOffer.Answer.NO_ANSWER),
        offer=offer,
    )


def _visit(visit: HomeVisit) -> Tried:
    return Tried(
        on=visit.on,
        kind="visit",
        what="Home visit" + (f" with {visit.accompanied_by}" if visit.accompanied_by else ""),
        outcome=visit.get_outcome_display(),
        by=visit.visitor.name,
        parent=visit.parent,
        visit=visit,
    )
