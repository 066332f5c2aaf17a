"""Who would get a text, who would not and why: worked out before anybody confirms, and once more when they do. Reads only.

A text goes to each parent who gets the family's correspondence, whom no order keeps away, and whose number takes texts. It names the
parent's own children alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import Q

from messaging.hours import SCHOOL_TIME, closing, next_opening
from messaging.models import Message, Sender
from messaging.numbers import as_known, mobile
from messaging.states import State
from messaging.wording import Length, Purpose, check, listed, measure, merge, names_somebody, too_long
from schools.models import Enrolment, Parent, Pupil, PupilParent, School
from schools.rules import Refused

MOST_PUPILS = 400
"""In one go: a year group of a large school."""


@dataclass(frozen=True)
class Recipient:
    """One text as it would leave."""

    parent: Parent
    pupils: tuple[Pupil, ...]
    number: str
    body: str
    relationship: str = ""

    @property
    def shown_number(self) -> str:
        return as_known(self.number)

    @property
    def length(self) -> Length:
        return measure(self.body)


@dataclass(frozen=True)
class Unreached:
    """Someone who gets no text. ``parent`` None: nobody is on record for the pupil. ``is_told``: they read it all the same."""

    pupil: Pupil
    parent: Parent | None
    sentence: str
    is_told: bool = False


@dataclass(frozen=True)
class Plan:
    """What would happen at ``leaves_at``; ``fault`` says why nothing can be sent at all."""

    recipients: tuple[Recipient, ...]
    unreached: tuple[Unreached, ...]
    leaves_at: dt.datetime
    not_after: dt.datetime | None
    fault: str = ""

    @property
    def nobody(self) -> list[Pupil]:
        """Pupils about whom nobody would be told."""
        told = {pupil.pk for recipient in self.recipients for pupil in recipient.pupils}
        told |= {each.pupil.pk for each in self.unreached if each.is_told}
        return list({each.pupil.pk: each.pupil for each in self.unreached if each.pupil.pk not in told}.values())

    @property
    def nobody_told(self) -> list[Unreached]:
        """Who gets none about a pupil about whom nobody is told."""
        nobody = {pupil.pk for pupil in self.nobody}
        return [each for each in self.unreached if each.pupil.pk in nobody]

    @property
    def others(self) -> list[Unreached]:
        """Who gets none, while somebody else is told about the pupil."""
        nobody = {pupil.pk for pupil in self.nobody}
        return [each for each in self.unreached if each.pupil.pk not in nobody]

    @property
    def parts(self) -> int:
        """Text parts in all: what the account is charged for."""
        return sum(recipient.length.parts for recipient in self.recipients)

    @property
    def odd(self) -> str:
        """Characters that make texts Unicode."""
        return "".join(dict.fromkeys("".join(recipient.length.odd for recipient in self.recipients)))

    @property
    def token(self) -> str:
        """Stands for exactly these words to exactly these people: who confirms, confirms what they saw."""
        lines = [[each.parent.pk, each.number, each.body, [pupil.pk for pupil in each.pupils]] for each in self.recipients]
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:32]


@dataclass
class _Family:
    """A parent and those of the pupils that are theirs."""

    link: PupilParent
    number: str
    pupils: list[Pupil] = field(default_factory=list)


def plan_texts(*, school: School, pupils: Sequence[Pupil], purpose: Purpose, wording: str, on: dt.date, now: dt.datetime) -> Plan:
    """Who gets what. Refused where the wording cannot be used at all. Four statements for any number of pupils."""
    if not pupils:
        raise Refused("Choose at least one pupil.")
    if len(pupils) > MOST_PUPILS:
        raise Refused(f"{len(pupils)} pupils are too many for one go: choose {MOST_PUPILS} at most.")
    return _plan(school, pupils, purpose, check(wording), on, now)


def plan_without_words(*, school: School, pupils: Sequence[Pupil], purpose: Purpose, on: dt.date, now: dt.datetime) -> Plan:
    """Who would get a text, before it has words: nothing can be sent by it."""
    return replace(_plan(school, pupils, purpose, "", on, now), fault="Write what the text should say.")


def _plan(school: School, pupils: Sequence[Pupil], purpose: Purpose, text: str, on: dt.date, now: dt.datetime) -> Plan:
    families, unreached = _families(school, pupils, on)
    if len(families) > 1 and (sentence := names_somebody(text, [(pupil.called, pupil.last_name) for pupil in pupils])):
        raise Refused(sentence)
    sender = Sender.objects.filter(school=school).first()
    opens, closes = (sender.opens, sender.closes) if sender else (Sender().opens, Sender().closes)
    leaves_at = next_opening(now, opens, closes)
    recipients = [_recipient(family, school, text, on) for family in families]
    if purpose.of_the_day:
        recipients, told = _without_the_told(recipients, purpose, on)
        unreached += told
    recipients, doubled = _once_a_number(recipients)
    return Plan(
        recipients=tuple(recipients),
        unreached=tuple(unreached + doubled),
        leaves_at=leaves_at,
        not_after=closing(on, closes) if purpose.of_the_day else None,
        fault=_fault(recipients, sender, purpose, leaves_at, closing(on, closes)),
    )


def _fault(
    recipients: Sequence[Recipient], sender: Sender | None, purpose: Purpose, leaves_at: dt.datetime, closes_at: dt.datetime
) -> str:
    """Why nothing can be sent."""
    if sender is None:
        return "This school cannot send texts yet: an administrator has to enter its Notify key."
    if purpose.of_the_day and leaves_at >= closes_at:
        return f"Texts leave again at {leaves_at.astimezone(SCHOOL_TIME):%-H.%M on %A %-d %B}: too late for one about today. Ring instead."
    if not recipients:
        return "There is nobody to whom this text could go: why stands beside each parent."
    return next((sentence for each in recipients if (sentence := too_long(each.length))), "")


def _families(school: School, pupils: Sequence[Pupil], on: dt.date) -> tuple[list[_Family], list[Unreached]]:
    """Parents who may be texted with their children among ``pupils``, in the order of these; and everybody else with the reason."""
    on_roll = _on_roll(school, pupils, on)
    links = _links(on_roll)
    unreached = [
        Unreached(pupil, None, f"{pupil.called} is not on the roll of {school.name}.") for pupil in pupils if pupil not in on_roll
    ]
    families: dict[int, _Family] = {}
    for pupil in on_roll:
        if not links[pupil.pk]:
            unreached.append(Unreached(pupil, None, "No parent is on record."))
        for link in links[pupil.pk]:
            try:
                number = _number(link, on)
            except Refused as refused:
                unreached.append(Unreached(pupil, link.parent, str(refused)))
            else:
                families.setdefault(link.parent_id, _Family(link, number)).pupils.append(pupil)
    return list(families.values()), unreached


def _on_roll(school: School, pupils: Sequence[Pupil], on: dt.date) -> list[Pupil]:
    current = Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))
    here = set(Enrolment.objects.filter(current, school=school, pupil__in=pupils).values_list("pupil", flat=True))
    return [pupil for pupil in dict.fromkeys(pupils) if pupil.pk in here]


def _links(pupils: Collection[Pupil]) -> dict[int, list[PupilParent]]:
    found: dict[int, list[PupilParent]] = {pupil.pk: [] for pupil in pupils}
    for link in PupilParent.objects.filter(pupil__in=pupils).select_related("parent").order_by("priority", "id"):
        found[link.pupil_id].append(link)
    return found


def _number(link: PupilParent, on: dt.date) -> str:
    """The parent's mobile number. Refused, with the sentence that the list shows, where nothing may or can be sent."""
    if sentence := why_not_text(link, on):
        raise Refused(sentence)
    try:
        return mobile(link.parent.telephone)
    except Refused as refused:
        sentence = str(refused)
        raise Refused(f"{sentence[0].upper()}{sentence[1:]}.") from refused


def why_not_text(link: PupilParent, on: dt.date) -> str:
    """A sentence where this parent may not be texted about this pupil."""
    if link.is_barred(on):
        return "An order or no-contact note stands: nothing may be sent."
    if not link.receives_letters:
        return "Gets no correspondence about this pupil."
    return ""


def _recipient(family: _Family, school: School, text: str, on: dt.date) -> Recipient:
    values = {
        "pupil first name": listed([pupil.called for pupil in family.pupils]),
        "school": school.name,
        "date": f"{on:%A} {on.day} {on:%B}",
        "telephone": school.telephone,
    }
    parent = family.link.parent
    return Recipient(parent, tuple(family.pupils), family.number, merge(text, values), family.link.relationship)


def _without_the_told(recipients: list[Recipient], purpose: Purpose, on: dt.date) -> tuple[list[Recipient], list[Unreached]]:
    """Who was already texted about all of the same pupils on that day is not texted again. Two statements."""
    day = dt.datetime.combine(on, dt.time.min, SCHOOL_TIME)
    earlier = Message.objects.filter(
        purpose=purpose.key,
        parent__in=[each.parent for each in recipients],
        asked_at__gte=day,
        asked_at__lt=day + dt.timedelta(days=1),
    ).exclude(state__in=[State.FAILED, State.CANCELLED])
    told: dict[int, dict[int, Message]] = {}
    for message in earlier.prefetch_related("pupils"):
        told.setdefault(message.parent_id, {}).update({pupil.pk: message for pupil in message.pupils.all()})
    left, already = [], []
    for each in recipients:
        before = told.get(each.parent.pk, {})
        if all(pupil.pk in before for pupil in each.pupils):
            already += [Unreached(pupil, each.parent, _already(before[pupil.pk]), True) for pupil in each.pupils]
        else:
            left.append(each)
    return left, already


def _already(message: Message) -> str:
    at = message.asked_at.astimezone(SCHOOL_TIME)
    return f"Was texted about this today already, at {at:%-H.%M}."


def _once_a_number(recipients: list[Recipient]) -> tuple[list[Recipient], list[Unreached]]:
    """Two parents with one telephone get one text."""
    seen: dict[tuple[str, str], Recipient] = {}
    doubled = []
    for each in recipients:
        first = seen.setdefault((each.number, each.body), each)
        if first is not each:
            doubled += [
                Unreached(pupil, each.parent, f"Has the same number as {first.parent.name}.", True) for pupil in each.pupils
            ]
    return list(seen.values()), doubled
