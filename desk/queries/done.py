"""Done today: what people recorded, changed and approved, so that the page shows the work done."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from django.utils import timezone

from attendance.models import AbsenceCall, MarkChange
from desk.queries.todo import About, Reader
from desk.words import call_text
from escalation.models import Event
from letters.models import Letter
from letters.phrases import count


@dataclass(frozen=True, slots=True)
class Done:
    kind: str
    at: dt.datetime
    text: str
    about: About
    by: str


@dataclass(frozen=True)
class DoneToday:
    items: list[Done] = field(default_factory=list)
    marks_changed: int = 0
    letters_approved: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return len(self.items) + self.marks_changed + self.letters_approved

    @property
    def summary(self) -> str:
        """ "7 calls recorded, 3 codes changed, 2 letters approved"."""
        words = [f"{count(number, kind)} recorded" for kind, number in self.kinds.items()]
        words += [f"{count(self.marks_changed, 'code')} changed"] if self.marks_changed else []
        words += [f"{count(self.letters_approved, 'letter')} approved"] if self.letters_approved else []
        return ", ".join(words)


def done_today(reader: Reader) -> DoneToday:
    """What people (not the night) recorded, rang about, changed and approved today. Four statements."""
    events = Event.objects.filter(case__school__in=reader.schools, on=reader.on, by__isnull=False)
    items = [
        Done(event.kind, event.at, event.text, reader.about(event.case.pupil, event.case.school_id), _by(reader, event))
        for event in events.select_related("case__pupil", "by")
    ]
    midnight = timezone.make_aware(dt.datetime.combine(reader.on, dt.time()))
    today = (midnight, midnight + dt.timedelta(days=1))
    items += _calls(reader, today)
    items.sort(key=lambda item: item.at, reverse=True)
    kinds = Counter(item.kind for item in items)
    changed = MarkChange.objects.filter(school__in=reader.schools, at__range=today, by__isnull=False).count()
    approved = Letter.objects.filter(school__in=reader.schools, approved_at__range=today).count()
    return DoneToday(items, changed, approved, dict(kinds))


def _calls(reader: Reader, today: tuple[dt.datetime, dt.datetime]) -> list[Done]:
    calls = AbsenceCall.objects.filter(school__in=reader.schools, at__range=today).select_related("pupil", "parent", "by")
    return [Done("call", call.at, call_text(call), reader.about(call.pupil, call.school_id), _by(reader, call)) for call in calls]


def _by(reader: Reader, done: Event | AbsenceCall) -> str:
    return "You" if done.by_id == reader.user.pk else str(done.by)
