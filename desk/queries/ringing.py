"""Whom to ring this morning: pupils absent today without a reason, in the order in which they are rung, with why each stands there.

Order (first-day calling in all five policies): the first-day list and pupils with a safeguarding flag first, then the longest without a
reason, then by form and name.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from desk.queries.registers import natural
from desk.queries.roll import Place, RollLine
from escalation.models import Event
from schools.models import PupilFlag, PupilParent

Flag = PupilFlag.Kind
FIRST = (Flag.FIRST_DAY_LIST, Flag.CHILD_PROTECTION, Flag.SOCIAL_WORKER, Flag.LOOKED_AFTER)
TRIES = ("call", "conversation")

IF_NOBODY_ANSWERS = {
    Flag.CHILD_PROTECTION: "If nobody is reached, tell the safeguarding lead and the social worker today.",
    Flag.SOCIAL_WORKER: "If nobody is reached, tell the social worker today.",
    Flag.LOOKED_AFTER: "If the carer is not reached, tell the social worker and the virtual school today.",
    Flag.YOUNG_CARER: "Looks after someone at home: ask how things are.",
    Flag.EHC_PLAN: "Has an EHC plan: ask whether something in school is hard.",
}
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}
OUTCOMES = {"no_answer": "no answer", "left_message": "message left", "wrong_number": "wrong number", "spoke": "spoke"}


@dataclass(frozen=True, slots=True)
class Ring:
    """One row. ``days`` counts school days in a row with an N, today included, since ``since``."""

    line: RollLine
    days: int
    since: dt.date
    on: dt.date
    school: str
    contacts: list[PupilParent] = field(default_factory=list)
    tries: list[Event] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        return any(flag in FIRST for flag in self.line.flags)

    @property
    def why(self) -> str:
        """The bold words: what puts the pupil in this place."""
        if Flag.FIRST_DAY_LIST in self.line.flags:
            return "First-day list"
        if self.is_first:
            return Flag(self.line.flags[0]).label
        return f"{ORDINALS.get(self.days, f'{self.days}th')} day without a reason" if self.days > 1 else ""

    @property
    def then(self) -> str:
        """What the flags ask for, or that it began this morning."""
        advice = next((IF_NOBODY_ANSWERS[Flag(flag)] for flag in self.line.flags if flag in IF_NOBODY_ANSWERS), "")
        if advice:
            return advice
        if self.days == 1:
            return "Absent this morning." if self.line.code(self.on, "AM") == "N" else "Absent this afternoon."
        return "If nobody answers today, ask for a home visit." if self.days >= 4 else ""

    @property
    def whom(self) -> PupilParent | None:
        return self.contacts[0] if self.contacts else None

    @property
    def otherwise(self) -> list[PupilParent]:
        return self.contacts[1:]

    @property
    def tried(self) -> str:
        """ "none yet", "1 today", "6 since Wed"."""
        if not self.tries:
            return "none yet"
        first = min(event.on for event in self.tries)
        return f"{len(self.tries)} {'today' if first == self.on else f'since {first:%a}'}"

    @property
    def last_try(self) -> str:
        """ "8.41, no answer", "Fri, message left"."""
        if not self.tries:
            return ""
        last = self.tries[0]
        at = timezone.localtime(last.at)
        when = f"{at.hour}.{at.minute:02}" if last.on == self.on else f"last {last.on:%a}"
        said = OUTCOMES.get(last.outcome, "")
        return f"{when}, {said}" if said else when


def ring_list(places: Mapping[int, Place], lines: Iterable[RollLine]) -> list[Ring]:
    """In the order in which they are rung. Two statements."""
    rings = [ring for line in lines if (ring := _ring(line, places[line.school]))]
    contacts, tries = _contacts(rings), _tries(rings)
    for ring in rings:
        ring.contacts.extend(contacts.get(ring.line.pupil, []))
        ring.tries.extend(event for event in tries.get(ring.line.pupil, []) if event.on >= ring.since)
    return sorted(rings, key=_order)


def _order(ring: Ring) -> tuple[bool, int, tuple[int, str], str]:
    return (not ring.is_first, -ring.days, natural(ring.line.form), ring.line.name)


def _ring(line: RollLine, place: Place) -> Ring | None:
    """None where the pupil's last mark of today is not an N."""
    if not place.is_school_day or line.codes(place.on)[-1:] != ["N"]:
        return None
    since, days = place.on, 0
    for date in place.until_now():
        if "N" not in line.codes(date):
            break
        since, days = date, days + 1
    return Ring(line, days, since, place.on, place.school.short_name or place.school.name)


def _contacts(rings: list[Ring]) -> dict[int, list[PupilParent]]:
    """Whom to ring, by pupil: with a number, and kept away by no order today."""
    links = PupilParent.objects.filter(pupil__in=[ring.line.pupil for ring in rings]).exclude(parent__telephone="")
    found: dict[int, list[PupilParent]] = defaultdict(list)
    today = {ring.line.pupil: ring.on for ring in rings}
    for link in links.select_related("parent"):
        if not link.is_barred(today[link.pupil_id]):
            found[link.pupil_id].append(link)
    return found


def _tries(rings: list[Ring]) -> dict[int, list[Event]]:
    """Calls since the first day without a reason, newest first, by pupil."""
    earliest = min((ring.since for ring in rings), default=dt.date.max)
    events = Event.objects.filter(case__pupil__in=[ring.line.pupil for ring in rings], kind__in=TRIES, on__gte=earliest)
    found: dict[int, list[Event]] = defaultdict(list)
    for event in events.select_related("case"):
        found[event.case.pupil_id].append(event)
    return found
