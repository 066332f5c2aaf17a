"""Taking a file of pupils and contacts in: what it would do, then all of it in one transaction, or nothing.

Whatever the format, ``arrivals.Arrivals`` come in here. The same file twice changes nothing; what a file does not say is left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from schools import audit
from schools.arrivals import Arrivals
from schools.known_people import known_people
from schools.models import PeopleBatch, School, User
from schools.people_plan import Leaver, PeoplePlan, PlannedPupil, Unreachable, plan
from schools.rules import Refusal, Refused


@dataclass(frozen=True)
class PeoplePreview:
    """What a file of people would do, in pupils. ``rows``: all that it gives, the refused among them."""

    rows: int
    new: Sequence[PlannedPupil]
    changed: Sequence[PlannedPupil]
    """Each with its ``changes``: what, was, becomes."""
    unchanged: int
    refused: int
    refusals: Sequence[Refusal]
    """The first thousand."""
    notices: Sequence[Refusal]
    leavers: Sequence[Leaver]
    """Who is on roll and not in a file that is the whole roll."""
    unreachable: Sequence[Unreachable]
    """Who would have nobody to write to, or nobody to ring, and had before or is new."""

    @classmethod
    def of(cls, planned: PeoplePlan) -> PeoplePreview:
        new = [each for each in planned.planned if each.is_new]
        changed = [each for each in planned.planned if not each.is_new and each.changes]
        return cls(
            rows=len(planned.planned) + planned.refused,
            new=new,
            changed=changed,
            unchanged=len(planned.planned) - len(new) - len(changed),
            refused=planned.refused,
            refusals=planned.refusals,
            notices=sorted(planned.notices),
            leavers=planned.leavers,
            unreachable=planned.unreachable,
        )


def preview_people(school: School, arrivals: Arrivals, on: dt.date) -> PeoplePreview:
    """What taking the file in on that day would do; nothing is written. Raises rules.FileRefused where it is refused whole."""
    return PeoplePreview.of(_planned(school, arrivals, on))


def take_in_people(
    *,
    school: School,
    arrivals: Arrivals,
    file_name: str,
    sha256: str,
    by: User | None,
    role: str,
    now: dt.datetime,
    on: dt.date,
) -> PeopleBatch:
    """Takes the file in: every row that can be, in one transaction, or (rules.FileRefused) nothing of it.

    New forms and flags begin on ``on``; who is missing from a whole roll left the day before. Statements do not grow with the pupils.
    """
    batch = PeopleBatch(school=school, file_name=file_name[-200:], sha256=sha256, format=arrivals.format, by=by, at=now)
    try:
        with transaction.atomic():
            School.objects.select_for_update(no_key=True).get(pk=school.pk)
            _take_in(batch, _planned(school, arrivals, on), role)
    except IntegrityError:
        raise Refused(
            "Somebody else is entering the same people at this moment. Nothing was taken in: try again in a minute."
        ) from None
    return batch


def _planned(school: School, arrivals: Arrivals, on: dt.date) -> PeoplePlan:
    return plan(known_people(school, arrivals.pupils, on), arrivals, on)


def _take_in(batch: PeopleBatch, planned: PeoplePlan, role: str) -> None:
    planned.writes.write()
    seen = PeoplePreview.of(planned)
    batch.rows, batch.unchanged, batch.refused = seen.rows, seen.unchanged, seen.refused
    batch.new, batch.changed, batch.leavers = len(seen.new), len(seen.changed), len(seen.leavers)
    batch.refusals = [refusal._asdict() for refusal in seen.refusals]
    batch.before = planned.writes.as_record()
    batch.save(force_insert=True)
    counts = {name: getattr(batch, name) for name in ("rows", "new", "changed", "unchanged", "refused", "leavers")}
    audit.record(action="people taken in", subject=batch, by=batch.by, role=role, at=batch.at, school=batch.school, detail=counts)
