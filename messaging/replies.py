"""Replies read back: each text that came in is stored once, beside the parent and the pupils that it is about.

Schools may share one Notify service; then a reply belongs to the school that last texted the number.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction
from django.db.models import Q

from messaging.models import Message, Reply, Sender
from messaging.numbers import comparable
from messaging.providers import Fault, Incoming, Opener
from messaging.sending import PACE, Clock, Pace, note_fault, note_working
from messaging.states import REACHED
from schools.models import Parent, Pupil, PupilParent, School

ENDS = 2
"""Digits at the end of a number by which parents are looked for before the numbers are compared: entered with spaces anywhere."""


def read_replies(*, clock: Clock, open_provider: Opener, school: School | None = None, pace: Pace = PACE) -> int:
    """Reads what came in to every service, or to one school's; returns how many replies are new. May run twice and at the same time."""
    senders = Sender.objects.select_related("school").order_by("service", "pk")
    if school:
        senders = senders.filter(service__in=Sender.objects.filter(school=school).values("service"))
    return sum(
        _read_service(list(same), clock, open_provider, pace) for _, same in groupby(senders, key=lambda each: each.service)
    )


def _read_service(senders: list[Sender], clock: Clock, open_provider: Opener, pace: Pace) -> int:
    """One service with the first key that works."""
    moment = clock()
    for sender in senders:
        if sender.paused_until and sender.paused_until > moment:
            continue
        try:
            incoming = open_provider(sender, pace.seconds).replies(_known)
        except Fault as fault:
            note_fault(sender, fault, moment, pace)
            continue
        note_working(sender)
        stored = store(incoming, senders, moment)
        Sender.objects.filter(pk__in=[each.pk for each in senders]).update(replies_read_at=moment)
        return stored
    return 0


def _known(ids: list[str]) -> set[str]:
    return set(Reply.objects.filter(provider_id__in=ids).values_list("provider_id", flat=True))


@transaction.atomic
def store(incoming: Sequence[Incoming], senders: Sequence[Sender], moment: dt.datetime) -> int:
    """Stores replies with whom they are from; one that is there already stays as it is. Returns how many are new."""
    schools = [sender.school for sender in senders]
    known = _known([text.provider_id for text in incoming])
    new = [text for text in incoming if text.provider_id not in known]
    matches = [_match(text, schools) for text in new]
    replies = [
        Reply(
            school=match.school, provider_id=text.provider_id, number=comparable_or_raw(text.number), body=text.body,
            received_at=text.at, stored_at=moment, message=match.message, parent=match.parent,
        )
        for text, match in zip(new, matches, strict=True)
    ]  # fmt: skip
    Reply.objects.bulk_create(replies, ignore_conflicts=True)
    rows = Reply.objects.in_bulk([reply.provider_id for reply in replies], field_name="provider_id")
    about = Reply.pupils.through
    about.objects.bulk_create(
        [
            about(reply_id=rows[text.provider_id].pk, pupil_id=pupil)
            for text, match in zip(new, matches, strict=True)
            for pupil in match.pupils
        ],
        ignore_conflicts=True,
    )
    return len(new)


def comparable_or_raw(number: str) -> str:
    """A British mobile in full; a short code or a foreign number as it came."""
    known = comparable(number)
    return known if known.startswith("+44") else number


@dataclass(frozen=True)
class _Match:
    """Whom a reply is from, as far as we know."""

    school: School
    message: Message | None = None
    parent: Parent | None = None
    pupils: tuple[int, ...] = ()


def _match(text: Incoming, schools: Sequence[School]) -> _Match:
    """By the last text that went to the number before; otherwise by the parents who have it."""
    number = comparable(text.number)
    sent = Message.objects.filter(
        to=number, school__in=schools, channel=Message.Channel.TEXT, state__in=REACHED, sent_at__lte=text.at
    ).select_related("school", "parent")
    last = sent.order_by("-sent_at", "-pk").first()
    if last:
        return _Match(last.school, last, last.parent, tuple(last.pupils.values_list("pk", flat=True)))
    return _match_by_record(number, schools, text.at) or _Match(schools[0])


def _match_by_record(number: str, schools: Sequence[School], at: dt.datetime) -> _Match | None:
    """The parent on record with this number, where there is one only, and their children on roll."""
    groups = {school.group_id for school in schools}
    candidates = Parent.objects.filter(group__in=groups, telephone__endswith=number[-ENDS:]) if len(number) > ENDS else []
    parents = [parent for parent in candidates if comparable(parent.telephone) == number]
    if len(parents) != 1:
        return None
    for school in schools:
        pupils = _children(parents[0], school, at.date())
        if pupils:
            return _Match(school, None, parents[0], tuple(pupils))
    return None


def _children(parent: Parent, school: School, on: dt.date) -> Iterable[int]:
    links = PupilParent.objects.filter(parent=parent).values("pupil")
    current = Q(enrolments__starts__lte=on) & (Q(enrolments__ends__isnull=True) | Q(enrolments__ends__gte=on))
    return list(Pupil.objects.filter(current, pk__in=links, enrolments__school=school).distinct().values_list("pk", flat=True))
