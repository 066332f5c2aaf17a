"""What the lead's list shows, and the one thing that everybody else is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from casework.models import SafeguardingNote
from schools.models import Pupil, School

SPEAK_FIRST = "Speak to the safeguarding lead first."


def speak_first(pupil_ids: Collection[int], schools: Iterable[School]) -> set[int]:
    """Those of the pupils about whom a note is open at one of the schools. One statement."""
    opened = SafeguardingNote.objects.filter(
        pupil__in=pupil_ids, school__in=[school.pk for school in schools], closed_at__isnull=True
    )
    return set(opened.values_list("pupil", flat=True))


@dataclass(frozen=True, slots=True)
class LeadsLine:
    """A pupil on the lead's list: notes in all, those not yet read by anyone but their writer, and whether any is open."""

    pupil: Pupil
    school: School
    notes: int
    unread: int
    open: int
    latest: object


def leads_list(schools: Iterable[School]) -> list[LeadsLine]:
    """Pupils with a note, unread ones first, then open ones, newest first. Three statements."""
    by_id = {school.pk: school for school in schools}
    rows = (
        SafeguardingNote.objects.filter(school__in=by_id)
        .values("pupil", "school")
        .annotate(
            notes=Count("pk"), latest=Max("at"),
            unread=Count("pk", filter=Q(read_at__isnull=True, kind="concern")), open=Count("pk", filter=Q(closed_at__isnull=True)),
        )
        .order_by("-latest")
    )  # fmt: skip
    pupils = Pupil.objects.in_bulk([row["pupil"] for row in rows])
    lines = [
        LeadsLine(pupils[row["pupil"]], by_id[row["school"]], row["notes"], row["unread"], row["open"], row["latest"])
        for row in rows
    ]
    return sorted(lines, key=lambda line: (not line.unread, not line.open))


def count_unread(schools: Iterable[School]) -> int:
    """Concerns that nobody has read yet. One statement."""
    unread = SafeguardingNote.objects.filter(school__in=[school.pk for school in schools], read_at__isnull=True)
    return unread.filter(kind=SafeguardingNote.Kind.CONCERN).count()
