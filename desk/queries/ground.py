"""What no longer stands on today's register: stages and letters whose ground a late or corrected mark took away, worked out live.

The night withdraws or flags them (``escalation.corrections``); this is the same judgement at once, for one pupil, with nothing written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from desk.words import stage_label
from escalation.corrections import lost_ground, touched_since
from escalation.loading import LoadedSchool, load_school
from escalation.models import StageRecord
from letters.models import Letter
from schools.models import Enrolment

State = StageRecord.State
UNSENT = (Letter.State.DRAFTED, Letter.State.HELD, Letter.State.APPROVED)
SENT = (Letter.State.SENDING, Letter.State.SENT, Letter.State.POSTED, Letter.State.DELIVERED, Letter.State.FAILED)


@dataclass(frozen=True, slots=True)
class LostGround:
    """A stage that today's register would not propose. ``is_flagged``: the night has said so already."""

    record: StageRecord
    letters: tuple[Letter, ...]
    is_flagged: bool

    @property
    def label(self) -> str:
        return f"{stage_label(self.record.stage)}: {self.record.name}"

    @property
    def sentence(self) -> str:
        """What that means for the stage and its letters."""
        if self.record.state == State.DONE:
            what = "would not have been sent" if self._any(SENT) else "would not have been reached"
            since = self.record.not_on_todays_register_since
            flagged = (
                f" It has been flagged since {since.day} {since:%B}." if since else " Tonight it is flagged; it is never deleted."
            )
            return f"It {what} on today's register.{flagged}"
        draft = ", and its letter that has not left with it" if self._any(UNSENT) else ""
        return f"It would not be proposed on today's register: tonight it is withdrawn{draft}."

    def _any(self, states: Sequence[str]) -> bool:
        return any(letter.state in states for letter in self.letters)


def load_for(enrolment: Enrolment, on: dt.date) -> LoadedSchool:
    """The engine's view of one pupil; raises Refused without a ladder, CalendarError for a calendar that contradicts itself."""
    return load_school(enrolment.school, on, enrolment_ids=[enrolment.pk])


def ground_lost(loaded: LoadedSchool, enrolment: Enrolment, records: Sequence[StageRecord], on: dt.date) -> list[LostGround]:
    """Which of the pupil's ``records`` (their case loaded) lost their ground, in order. Six statements at most, none without records."""
    judged = [record for record in records if record.state in (*StageRecord.OPEN, State.DONE)]
    if not judged:
        return []
    first = min(record.proposed_on for record in judged)
    since = dt.datetime.combine(first, dt.time(), tzinfo=timezone.get_current_timezone())
    touched = touched_since(enrolment.school, since=since, until=on, pupils=[enrolment.pupil_id])
    fresh = {record.pk for record in lost_ground(loaded, judged, touched)} if touched else set()
    lost = [record for record in judged if record.pk in fresh or record.not_on_todays_register_since]
    letters = letters_of(lost)
    return [
        LostGround(record, letters.get(record.pk, ()), is_flagged=bool(record.not_on_todays_register_since)) for record in lost
    ]


def letters_of(records: Iterable[StageRecord]) -> dict[int, tuple[Letter, ...]]:
    """The letters of each record. One statement, none for no record."""
    keys = [record.pk for record in records]
    found: dict[int, tuple[Letter, ...]] = {}
    for letter in Letter.objects.filter(stage_record__in=keys).select_related("parent") if keys else ():
        found[letter.stage_record_id or 0] = (*found.get(letter.stage_record_id or 0, ()), letter)
    return found
