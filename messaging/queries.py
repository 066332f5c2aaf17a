"""What pages ask of the outbox. Whoever calls gives pupils and schools from a person's scope."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Prefetch, Q, QuerySet

from messaging.hours import SCHOOL_TIME
from messaging.models import Message, Reply, Sender
from messaging.states import OPEN
from schools.models import Pupil, School

STUCK = dt.timedelta(hours=1)
"""After which a message that should have left is shown to a person."""


def messages_about(pupil_ids: Collection[int], since: date) -> dict[int, list[Message]]:
    """Messages to parents about each of these pupils from ``since`` on, newest first, with parent and who asked. Two statements.

    ``message.fault`` says why one failed; ``message.get_state_display()`` is its state in a word.
    """
    found: dict[int, list[Message]] = defaultdict(list)
    start = dt.datetime.combine(since, dt.time.min, SCHOOL_TIME)
    messages = Message.objects.filter(pupils__in=list(pupil_ids), asked_at__gte=start).distinct()
    for message in messages.select_related("parent", "asked_by", "school").prefetch_related("pupils"):
        for pupil in message.pupils.all():
            if pupil.pk in pupil_ids:
                found[pupil.pk].append(message)
    return dict(found)


def replies_about(pupil_ids: Collection[int], since: date) -> dict[int, list[Reply]]:
    """Replies about each of these pupils from ``since`` on, newest first, with parent, who read it, and answers. Three statements."""
    found: dict[int, list[Reply]] = defaultdict(list)
    start = dt.datetime.combine(since, dt.time.min, SCHOOL_TIME)
    for reply in _replies().filter(pupils__in=list(pupil_ids), received_at__gte=start).distinct():
        for pupil in reply.pupils.all():
            if pupil.pk in pupil_ids:
                found[pupil.pk].append(reply)
    return dict(found)


def _replies() -> QuerySet[Reply]:
    answers = Message.objects.select_related("asked_by").order_by("asked_at")
    related = Reply.objects.select_related("parent", "read_by", "message", "school")
    return related.prefetch_related("pupils", Prefetch("answers", queryset=answers))


def unread_replies(schools: Collection[School]) -> list[Reply]:
    """Replies that nobody has read, newest first, with parent, pupils and answers. Three statements."""
    return list(_replies().filter(school__in=schools, read_at__isnull=True))


def read_lately(schools: Collection[School], since: dt.datetime) -> list[Reply]:
    """Replies that somebody has read, newest first. Three statements."""
    return list(_replies().filter(school__in=schools, read_at__isnull=False, received_at__gte=since))


def reply_in(schools: Collection[School], pk: int) -> Reply | None:
    return _replies().filter(school__in=schools, pk=pk).first()


def count_unread(schools: Collection[School]) -> int:
    """One statement."""
    return Reply.objects.filter(school__in=schools, read_at__isnull=True).count()


def late(schools: Collection[School], now: dt.datetime) -> QuerySet[Message]:
    """Messages that should have left more than an hour ago and have not."""
    return Message.objects.filter(school__in=schools, state__in=OPEN, not_before__lt=now - STUCK)


@dataclass(frozen=True)
class Health:
    """How a school's sending stands."""

    school: School
    sender: Sender | None
    late: int

    @property
    def is_troubled(self) -> bool:
        return bool(self.late or (self.sender and self.sender.fault))


def health(schools: Collection[School], now: dt.datetime) -> list[Health]:
    """How sending stands, school by school. Two statements."""
    senders = {sender.school_id: sender for sender in Sender.objects.filter(school__in=schools).select_related("changed_by")}
    counts = dict(late(schools, now).order_by().values_list("school").annotate(Count("pk")))
    return [Health(school, senders.get(school.pk), counts.get(school.pk, 0)) for school in schools]


def listed(schools: Collection[School], since: dt.datetime, *, state: str = "", find: str = "") -> QuerySet[Message]:
    """The outbox of these schools, newest first, with what a list shows. ``state``: one state, or "open" for what has not left."""
    messages = Message.objects.filter(school__in=schools, asked_at__gte=since)
    if state:
        messages = messages.filter(state__in=OPEN) if state == "open" else messages.filter(state=state)
    if find:
        named = Pupil.objects.filter(Q(first_name__icontains=find) | Q(last_name__icontains=find) | Q(known_as__icontains=find))
        messages = messages.filter(pupils__in=named).distinct()
    return messages.select_related("parent", "asked_by", "school").prefetch_related("pupils")


def states(schools: Collection[School], since: dt.datetime) -> dict[str, int]:
    """How many messages stand in each state. One statement."""
    messages = Message.objects.filter(school__in=schools, asked_at__gte=since).order_by()
    return dict(messages.values_list("state").annotate(Count("pk")))
