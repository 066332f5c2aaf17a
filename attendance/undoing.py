"""Taking a whole file back, while nothing rests on it. Marks return by entries in the history, with the name of who undid it.

Other rooms say what rests on marks by adding a question to ``WHAT_RESTS``; this room itself looks for later changes of the same marks.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import transaction

from attendance import bulk, history
from attendance.codes import CODES, NO_MARK
from attendance.comparing import code_of
from attendance.grid import session_of, slot
from attendance.models import ImportBatch, MarkChange, MarkDetail, RegisterConflict, RegisterRow
from attendance.services import BY_IMPORT, refresh_figures
from schools import audit
from schools.models import School, User
from schools.rules import Refused

NOT_FILES = ("leave", "demo")
"""Formats that nobody reads in from a file and that are taken back elsewhere, if at all."""
UNDONE = "Import undone"


class Written(NamedTuple):
    """A mark as the batch wrote it, and what stood there before; codes, empty for no mark."""

    row_id: int
    date: dt.date
    session: str
    before: str
    after: str


@dataclass(frozen=True)
class Resting:
    """What the batch wrote, for those who are asked what rests on it: days by pupil."""

    batch: ImportBatch
    days: Mapping[int, Sequence[dt.date]]


WHAT_RESTS: list[Callable[[Resting], list[str]]] = []
"""Each gives a sentence for everything of its room that rests on the batch's marks; filled when the applications start."""


def why_not_undo(batch: ImportBatch) -> list[str]:
    """A sentence for everything that stands in the way of undoing the batch; empty where nothing does."""
    if batch.undone_at:
        return [f"It was undone on {batch.undone_at:%-d %B %Y} already."]
    if batch.format in NOT_FILES:
        return ["It was not read in from a file."]
    written = _written(batch)
    if not written:
        return ["It entered and changed no mark, so there is nothing to undo."]
    resting = Resting(batch, _days(written))
    return [*_later_changes(batch, written), *(sentence for ask in WHAT_RESTS for sentence in ask(resting))]


@transaction.atomic
def undo_import(*, batch: ImportBatch, by: User, role: str, now: dt.datetime) -> ImportBatch:
    """Puts back what stood before the batch, mark by mark, with history; all or nothing. Refused with what stands in the way.

    First entries leave empty marks; the file's own conflicts are closed. Minutes and comments of the batch's marks go with them.
    """
    School.objects.select_for_update(no_key=True).get(pk=batch.school_id)
    batch.refresh_from_db()
    if obstacles := why_not_undo(batch):
        raise Refused(" ".join(obstacles))
    written = _written(batch)
    if bulk.patch_rows(_patches(written)) != len({each.row_id for each in written}):
        raise Refused("The register is being changed by others at this moment. Nothing was undone: try again in a minute.")
    _keep_history(batch, written, by=by, role=role, now=now)
    _drop_details(written)
    RegisterConflict.objects.filter(batch=batch, state=RegisterConflict.State.OPEN).update(
        state=RegisterConflict.State.KEPT, decided_at=now, reason=f"{UNDONE}."
    )
    batch.undone_at, batch.undone_by = now, by
    batch.save(update_fields=["undone_at", "undone_by"])
    audit.record(
        action="import undone", subject=batch, by=by, role=role, at=now, school=batch.school, detail={"marks": len(written)}
    )
    refresh_figures(school=batch.school, as_of=now.date())
    return batch


def _written(batch: ImportBatch) -> list[Written]:
    first = history.unpack(bytes(batch.first_entries))
    years = dict(RegisterRow.objects.filter(school=batch.school_id).values_list("pk", "year"))
    entered = [
        Written(row, *session_of(years[row], place), "", code_of(chr(character)))
        for row, place, character in zip(*(column.tolist() for column in first), strict=True)
    ]
    changes = batch.changes.filter(reason=BY_IMPORT).order_by("pk")
    changed = changes.values_list("row", "date", "session", "original", "amended")
    return [*entered, *(Written(*change) for change in changed)]


def _days(written: Sequence[Written]) -> dict[int, list[dt.date]]:
    rows = {each.row_id for each in written}
    school_rows = RegisterRow.objects.filter(school=_school_of(rows)).values_list("pk", "enrolment__pupil")
    pupil_of = dict(school_rows)
    days: dict[int, set[dt.date]] = defaultdict(set)
    for each in written:
        days[pupil_of[each.row_id]].add(each.date)
    return {pupil: sorted(dates) for pupil, dates in days.items()}


def _school_of(rows: set[int]) -> int:
    return RegisterRow.objects.values_list("school", flat=True).get(pk=min(rows))


def _later_changes(batch: ImportBatch, written: Sequence[Written]) -> list[str]:
    """Changes of the same marks since then, by a person or a later file."""
    places = {(each.row_id, each.date, each.session) for each in written}
    dates = {each.date for each in written}
    since = MarkChange.objects.filter(school=batch.school_id, date__range=(min(dates), max(dates)), at__gt=batch.at)
    found = [
        (date, session)
        for row, date, session in since.exclude(batch=batch).order_by("date").values_list("row", "date", "session")
        if (row, date, session) in places
    ]
    if not found:
        return []
    date, session = found[0]
    marks = "1 of its marks was changed" if len(found) == 1 else f"{len(found)} of its marks were changed"
    return [
        f"{marks} since, the earliest of {date:%-d %B %Y} {session}: correct the marks by hand, or undo the later file first."
    ]


def _patches(written: Sequence[Written]) -> list[bulk.Patch]:
    """One stretch a row: what stands between the batch's marks is written as it is."""
    rows = RegisterRow.objects.in_bulk({each.row_id for each in written})
    by_row: dict[int, dict[int, Written]] = defaultdict(dict)
    for each in written:
        by_row[each.row_id][slot(each.date, each.session)] = each
    patches = []
    for row_id, places in by_row.items():
        start, stop = min(places), max(places) + 1
        was = list(rows[row_id].marks[start:stop])
        becomes = list(was)
        for place, each in places.items():
            was[place - start], becomes[place - start] = _character(each.after), _character(each.before)
        patches.append(bulk.Patch(row_id, start, "".join(was), "".join(becomes)))
    return patches


def _character(code: str) -> str:
    return CODES[code].character if code else NO_MARK


def _keep_history(batch: ImportBatch, written: Sequence[Written], *, by: User, role: str, now: dt.datetime) -> None:
    made = {"school_id": batch.school_id, "reason": f"{UNDONE}.", "by_id": by.pk, "role": role, "batch_id": batch.pk, "at": now}
    bulk.insert(
        MarkChange,
        columns=["row_id", "date", "session", "original", "amended", *made],
        rows=[(each.row_id, each.date, each.session, each.after, each.before, *made.values()) for each in written],
    )


def _drop_details(written: Sequence[Written]) -> None:
    places = {(each.row_id, each.date, each.session) for each in written}
    stored = MarkDetail.objects.filter(row__in={each.row_id for each in written}, date__in={each.date for each in written})
    gone = [pk for pk, *place in stored.values_list("pk", "row", "date", "session") if tuple(place) in places]
    MarkDetail.objects.filter(pk__in=gone).delete()
