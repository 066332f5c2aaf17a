"""Long illness: pupils away ill for more days in a row than the ladder allows without a word, and when the weekly contact is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils import timezone

from attendance.chasing import calls_about
from attendance.codes import CODES, Meaning
from attendance.models import AbsenceCall
from desk.queries.chasing import CONTACT_EVERY, Chasing, Limit
from desk.queries.ringing import numbers_of
from desk.queries.roll import Key, Place, RollLine
from desk.queries.todo import Reader
from escalation.models import Event
from escalation.services import COMPLETING
from schools.models import PupilParent

POSSIBLE = {Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED}
TALKS = ("call", "conversation", "meeting")


@dataclass(frozen=True, slots=True)
class Contact:
    """The latest time that somebody of the family was spoken with."""

    on: dt.date
    by: str
    said: str


@dataclass(frozen=True, slots=True)
class Ill:
    """``days`` school days in a row coded I, since ``since``, until ``last``; ``due``: the day of the next contact."""

    line: RollLine
    place: Place
    limit: Limit
    days: int
    since: dt.date
    last: dt.date
    due: dt.date
    contact: Contact | None
    numbers: list[PupilParent]

    @property
    def days_over(self) -> int:
        """School days since the contact was due."""
        return self.place.age(self.due) if self.due < self.place.on else 0

    @property
    def is_due(self) -> bool:
        return self.due <= self.place.on


def long_illness(reader: Reader, lines: Iterable[RollLine], rules: Mapping[int, Chasing]) -> list[Ill]:
    """Those whose run of days coded I has reached the limit, the contact that is due first. Three statements."""
    runs = {line.key: run for line in lines if (run := illness_run(line, reader.places[line.school]))}
    limits = {school: rule.illness for school, rule in rules.items()}
    long = {key: run for key, run in runs.items() if len(run) >= limits[key[1]].days}
    talks, numbers = _talks(reader, long), numbers_of([pupil for pupil, _ in long], reader.on)
    found = []
    for key, run in long.items():
        limit, contact = limits[key[1]], talks.get(key)
        due = contact.on + CONTACT_EVERY if contact else run[limit.days - 1]
        line, place = reader.lines[key], reader.places[key[1]]
        found.append(Ill(line, place, limit, len(run), run[0], run[-1], due, contact, numbers[key[0]]))
    return sorted(found, key=lambda ill: (ill.due, -ill.days, ill.line.name))


def illness_run(line: RollLine, place: Place) -> list[dt.date]:
    """The school days in a row, up to the last one with a mark, on which every possible session was coded I; first one first.

    As the engine's ``run_of_days``: days without a possible session or without a mark are stepped over.
    """
    run: list[dt.date] = []
    for date in place.until_now():
        possible = [code for code in line.codes(date) if CODES[code].meaning in POSSIBLE]
        if possible and set(possible) != {"I"}:
            break
        run += [date] if possible else []
    return run[::-1]


def _talks(reader: Reader, long: Mapping[Key, list[dt.date]]) -> dict[Key, Contact]:
    """The latest contact within each illness, by pupil and school. Two statements."""
    found: dict[Key, Contact] = {}
    earliest = min((run[0] for run in long.values()), default=dt.date.max)
    pupils = [pupil for pupil, _ in long]
    events = Event.objects.filter(case__pupil__in=pupils, kind__in=TALKS, outcome__in=COMPLETING, on__gte=earliest)
    said = [
        ((event.case.pupil_id, event.case.school_id), Contact(event.on, str(event.by or ""), event.text))
        for event in events.select_related("case", "by")
    ]
    for calls in calls_about(pupils, earliest).values():
        said += [
            ((call.pupil_id, call.school_id), Contact(timezone.localdate(call.at), call.by.name, call.said))
            for call in calls
            if call.outcome == AbsenceCall.Outcome.SPOKE
        ]
    for key, contact in sorted(said, key=lambda item: item[1].on):
        if key in long and contact.on >= long[key][0]:
            found[key] = contact
    return found
