"""Marks that a person entered or corrected here and that a file contradicts: ours stands until a person decides.

The same rule holds where the register is kept in the MIS and where it is kept here: a file fills what is empty and replaces what files
brought, but never what a person wrote. A pair of marks that somebody decided about is not asked again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from django.db import transaction

from attendance import history
from attendance.codes import NO_MARK
from attendance.comparing import Comparison
from attendance.grid import slot
from attendance.models import ImportBatch, MarkChange, RegisterConflict, RegisterEntry
from schools import audit
from schools.models import School, User
from schools.rules import Refused

Place = tuple[int, dt.date, str]
"""Register row, date, session."""
AGREES_NOW = "A later file says the same."


class Conflict(NamedTuple):
    """A mark that somebody entered or corrected here and that a file contradicts; codes."""

    enrolment_id: int
    date: dt.date
    session: str
    by_hand: str
    in_file: str
    row_id: int

    @property
    def place(self) -> Place:
        return self.row_id, self.date, self.session


class Contradictions(NamedTuple):
    """``asked``: those that a person has to decide. ``kept``: those where somebody decided before that ours stays."""

    asked: list[Conflict]
    kept: list[Conflict]


def contradictions(school: School, comparison: Comparison) -> Contradictions:
    """What of the comparison's changes would replace a person's mark. Three statements, and none where nothing changes."""
    if not comparison.changes:
        return Contradictions([], [])
    by_hand = entered_by_hand(school, {date for _, date, *_ in comparison.changes})
    found = [
        Conflict(comparison.keys[position][0], date, session, stored, wanted, int(comparison.row_ids[position]))
        for position, date, session, stored, wanted in comparison.changes
        if (int(comparison.row_ids[position]), date, session) in by_hand
    ]
    decided = _decided(school, found)
    return Contradictions(
        [each for each in found if (*each.place, each.by_hand, each.in_file) not in decided],
        [each for each in found if (*each.place, each.by_hand, each.in_file) in decided],
    )


def entered_by_hand(school: School, dates: Collection[dt.date]) -> set[Place]:
    """The marks of those days that a person wrote last: in a register taken here, or as a change. Two statements."""
    taken = RegisterEntry.objects.filter(school=school, register__date__in=dates)
    by_hand = {
        (int(row), date, session)
        for date, session, packed in taken.values_list("register__date", "register__session", "first_entries")
        for row in history.unpack(bytes(packed)).row_ids
    }
    changes = MarkChange.objects.filter(school=school, date__in=dates).order_by("pk")
    for row, date, session, batch in changes.values_list("row", "date", "session", "batch"):
        (by_hand.add if batch is None else by_hand.discard)((row, date, session))
    return by_hand


def _decided(school: School, found: Sequence[Conflict]) -> set[tuple[int, dt.date, str, str, str]]:
    if not found:
        return set()
    kept = RegisterConflict.objects.filter(
        school=school, state=RegisterConflict.State.KEPT, decided_by__isnull=False, date__in={each.date for each in found}
    )
    return set(kept.values_list("row", "date", "session", "ours", "theirs"))


def without(comparison: Comparison, conflicts: Iterable[Conflict]) -> Comparison:
    """The comparison as if the file gave no mark in those places."""
    wanted = comparison.wanted.copy()
    at_row = {int(row): position for position, row in enumerate(comparison.row_ids)}
    for each in conflicts:
        wanted[at_row[each.row_id], slot(each.date, each.session)] = ord(NO_MARK)
    return replace(comparison, wanted=wanted)


def keep(*, batch: ImportBatch, comparison: Comparison, asked: Sequence[Conflict]) -> None:
    """Writes what a person has to decide, once a session, and closes what the file now agrees with. Within the import's transaction."""
    opened = {
        (each.row_id, each.date, each.session): each
        for each in RegisterConflict.objects.filter(school=batch.school, state=RegisterConflict.State.OPEN)
    }
    made = []
    for conflict in asked:
        standing = opened.get(conflict.place)
        if standing is None:
            made.append(_made(batch, conflict))
        elif (standing.ours, standing.theirs) != (conflict.by_hand, conflict.in_file):
            standing.ours, standing.theirs, standing.batch = conflict.by_hand, conflict.in_file, batch
            standing.save(update_fields=["ours", "theirs", "batch"])
    RegisterConflict.objects.bulk_create(made)
    _close(batch, [each for place, each in opened.items() if place in _agreed(comparison, opened)])


def _made(batch: ImportBatch, conflict: Conflict) -> RegisterConflict:
    return RegisterConflict(
        row_id=conflict.row_id, school=batch.school, date=conflict.date, session=conflict.session,
        ours=conflict.by_hand, theirs=conflict.in_file, batch=batch,
    )  # fmt: skip


def _agreed(comparison: Comparison, places: Iterable[Place]) -> set[Place]:
    """Those of the places for which the file gives the mark that is stored."""
    at_row = {int(row): position for position, row in enumerate(comparison.row_ids)}
    agreed = set()
    for row, date, session in places:
        position, at = at_row.get(row), slot(date, session)
        if position is not None and comparison.wanted[position, at] == comparison.stored[position, at] != ord(NO_MARK):
            agreed.add((row, date, session))
    return agreed


def _close(batch: ImportBatch, conflicts: Sequence[RegisterConflict]) -> None:
    """Without a name: nobody decided, the MIS was put right."""
    if conflicts:
        RegisterConflict.objects.filter(pk__in=[each.pk for each in conflicts]).update(
            state=RegisterConflict.State.KEPT, decided_at=batch.at, reason=AGREES_NOW
        )


@transaction.atomic
def claim(*, conflict: RegisterConflict, take: bool, reason: str, by: User, role: str, now: dt.datetime) -> RegisterConflict:
    """Records a person's decision, once. Refused without a reason, or where somebody was faster. See ``services.decide_conflict``."""
    if not reason.strip():
        raise Refused("Give the reason: it stands in the history of the mark.")
    state = RegisterConflict.State.TAKEN if take else RegisterConflict.State.KEPT
    claimed = RegisterConflict.objects.filter(pk=conflict.pk, state=RegisterConflict.State.OPEN).update(
        state=state, decided_by=by, decided_at=now, reason=reason.strip()[:200]
    )
    if not claimed:
        raise Refused("Somebody has decided this already: look at the list again.")
    audit.record(
        action="conflict decided", subject=conflict, by=by, role=role, at=now, school=conflict.school, reason=reason.strip(),
        detail={"state": state, "date": conflict.date.isoformat(), "session": conflict.session},
    )  # fmt: skip
    conflict.refresh_from_db()
    return conflict
