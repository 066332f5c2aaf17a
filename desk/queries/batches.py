"""What waits for the printer and for the post, by school."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from letters.models import Letter, PrintBatch
from letters.queries import not_to_post
from schools.models import School

RECENT = 12
"""Batches of each school that stay on the page."""


@dataclass(frozen=True)
class Post:
    """One school's. ``ready`` may be printed; ``settling`` were approved less than ten minutes ago and can still be undone."""

    school: School
    ready: list[Letter]
    settling: list[Letter]
    batches: list[PrintBatch]
    take_out: dict[int, list[tuple[Letter, str]]]

    @property
    def unposted(self) -> list[tuple[PrintBatch, list[tuple[Letter, str]]]]:
        """Each with the letters to take out of its pile, and why."""
        return [(batch, self.take_out.get(batch.pk, [])) for batch in self.batches if not batch.posted_on]

    @property
    def posted(self) -> list[PrintBatch]:
        return [batch for batch in self.batches if batch.posted_on][:RECENT]


def post(schools: Collection[School], on: dt.date, now: dt.datetime) -> list[Post]:
    """Five statements."""
    approved = Letter.objects.filter(
        school__in=schools, state=Letter.State.APPROVED, channel=Letter.Channel.PRINT, batch__isnull=True
    ).select_related("parent", "case__pupil", "approved_by")
    ready: dict[int, list[Letter]] = defaultdict(list)
    settling: dict[int, list[Letter]] = defaultdict(list)
    for letter in approved.order_by("leaves_at", "id"):
        (ready if letter.leaves_at and letter.leaves_at <= now else settling)[letter.school_id].append(letter)
    made: dict[int, list[PrintBatch]] = defaultdict(list)
    for batch in PrintBatch.objects.filter(school__in=schools).select_related("made_by", "posted_by"):
        made[batch.school_id].append(batch)
    take_out = not_to_post([batch for of_school in made.values() for batch in of_school], on)
    return [Post(school, ready[school.pk], settling[school.pk], made[school.pk], take_out) for school in schools]
