"""Marks entered before their day: leave that was granted and part-time timetables, and taking back what is no longer agreed.

A mark ahead counts only when its day has come: figures and the engine are as of a day. Each is a ``MarkChange`` with reason, name and role,
as one entered by hand is; so an import that contradicts it is a conflict for a person, and taking it back keeps what was there before.
Only a session without a mark, or one that is still N, is given the code; whatever else stands there is left and told.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from django.db import transaction

from attendance import bulk
from attendance.codes import CODES, NO_MARK
from attendance.grid import EMPTY_ROW, academic_year_of, slot
from attendance.models import MarkChange, RegisterRow
from attendance.queries import code_of
from attendance.services import refresh_row
from schools import audit
from schools.models import Enrolment, Pupil, School, User
from schools.rules import Refused

Session = tuple[dt.date, str]
"""A school day and "AM" or "PM"."""
OPEN_TO = ("", "N")
"""What a code entered ahead may take the place of."""


class Entered(NamedTuple):
    """The sessions that were given their code, and the mark of each that was left as it stands."""

    entered: list[Session]
    left: dict[Session, str]


def enter_ahead(
    *, school: School, pupil: Pupil, marks: Mapping[Session, str], reason: str, by: User, role: str, now: dt.datetime
) -> Entered:
    """Enters the code of each session where no mark stands yet or the one that stands is N. The caller answers for codes and school days;
    a session while the pupil is not on the school's roll is Refused. All or nothing."""
    wanted = {session: code for session, code in marks.items() if code in CODES}
    if len(wanted) != len(marks):
        raise Refused("One of the codes is not known: choose a national attendance code.")

    def chosen(row: RegisterRow, session: Session) -> str | None:
        return wanted[session] if _stored(row, session) in OPEN_TO else None

    rows = _rows_of(school, pupil, list(wanted), make=True)
    changed = _change(school, rows, chosen, reason=reason, by=by, role=role, now=now)
    left = {session: _stored(row, session) for row, sessions in rows for session in sessions if session not in changed}
    return Entered(changed, {session: code for session, code in left.items() if code != wanted[session]})


def take_back(
    *, school: School, pupil: Pupil, marks: Mapping[Session, str], reason: str, by: User, role: str, now: dt.datetime
) -> list[Session]:
    """Takes back the marks whose day has not come and that still read as given; returns their sessions. History keeps them."""
    coming = {session: code for session, code in marks.items() if session[0] > now.date()}

    def emptied(row: RegisterRow, session: Session) -> str | None:
        return "" if _stored(row, session) == coming[session] else None

    return _change(school, _rows_of(school, pupil, list(coming)), emptied, reason=reason, by=by, role=role, now=now)


Rows = list[tuple[RegisterRow, list[Session]]]


def _rows_of(school: School, pupil: Pupil, sessions: list[Session], *, make: bool = False) -> Rows:
    """The register rows that the sessions stand in; those that are missing are made where ``make`` says so."""
    by_row: dict[tuple[int, int], list[Session]] = defaultdict(list)
    enrolments = list(Enrolment.objects.filter(pupil=pupil, school=school))
    for session in sorted(sessions):
        by_row[_enrolment_on(enrolments, session[0]).pk, academic_year_of(session[0])].append(session)
    found: Rows = []
    for (enrolment, year), of_row in by_row.items():
        if make:
            RegisterRow.objects.get_or_create(enrolment_id=enrolment, year=year, defaults={"school": school, "marks": EMPTY_ROW})
        row = RegisterRow.objects.select_for_update().filter(enrolment=enrolment, year=year).first()
        found += [(row, of_row)] if row else []
    return found


def _enrolment_on(enrolments: list[Enrolment], date: dt.date) -> Enrolment:
    for enrolment in enrolments:
        if enrolment.starts <= date and (enrolment.ends is None or date <= enrolment.ends):
            return enrolment
    raise Refused(f"On {date:%-d %B %Y} the pupil is not on the school's roll: no mark can be entered for that day.")


def _stored(row: RegisterRow, session: Session) -> str:
    return code_of(row.marks[slot(*session)])


def _change(
    school: School,
    rows: Rows,
    becomes: Callable[[RegisterRow, Session], str | None],
    *,
    reason: str,
    by: User,
    role: str,
    now: dt.datetime,
) -> list[Session]:
    """Gives each session what ``becomes`` says (None: nothing), with history and one line in the audit trail; returns what changed."""
    changed: list[Session] = []
    with transaction.atomic():
        for row, sessions in rows:
            new = {session: code for session in sessions if (code := becomes(row, session)) is not None}
            changes = [_kept(row, session, code, reason, by, role, now) for session, code in new.items()]
            if changes:
                _write(row, new)
                MarkChange.objects.bulk_create(changes)
                refresh_row(row)
                changed += new
        if changed:
            detail = {"sessions": len(changed), "from": str(changed[0][0]), "to": str(changed[-1][0])}
            audit.record(
                action="marks ahead", subject=rows[0][0], by=by, role=role, at=now, school=school, reason=reason, detail=detail
            )
    return changed


def _kept(row: RegisterRow, session: Session, code: str, reason: str, by: User, role: str, now: dt.datetime) -> MarkChange:
    date, half = session
    return MarkChange(
        row=row, school=row.school, date=date, session=half, original=_stored(row, session), amended=code, reason=reason[:200],
        by=by, role=role, at=now,
    )  # fmt: skip


def _write(row: RegisterRow, new: Mapping[Session, str]) -> None:
    """One stretch of the row, where it still reads as it was read; ``row`` then says what is stored."""
    places = {slot(*session): CODES[code].character if code else NO_MARK for session, code in new.items()}
    start, stop = min(places), max(places) + 1
    was = row.marks[start:stop]
    now_reads = "".join(places.get(number, row.marks[number]) for number in range(start, stop))
    if not bulk.patch_row(bulk.Patch(row.pk, start, was, now_reads)):
        raise Refused("Somebody changed one of these marks at this moment. Nothing was entered: try again.")
    row.marks = row.marks[:start] + now_reads + row.marks[stop:]
