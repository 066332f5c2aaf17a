"""Correcting several of a pupil's marks at once, with one reason, in one conditional statement.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 13: an amended entry keeps the original, the amended one,
the reason, the date, and the name and role of who amended it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db import transaction

from attendance import bulk
from attendance.codes import CODES, NO_MARK
from attendance.comparing import code_of
from attendance.grid import SESSIONS, slot
from attendance.imports import why_not_a_school_day, why_not_on_roll
from attendance.models import MarkChange, MarkDetail, RegisterRow
from attendance.offered import present, why_not_offered
from attendance.services import refresh_row
from schools import audit
from schools.models import ClosedDay, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import SchoolDays

Place = tuple[dt.date, str]
"""A session: its date, and AM or PM."""
LONGEST_SPAN = 60
"""School days that one correction may span: more is a mistake in a date."""
UNSETTLED = ("N", "O", "U", "")
"""What a span of illness or leave usually replaces; marks of a pupil who was in school are left alone unless somebody names them."""


class Corrected(NamedTuple):
    """``changes`` as they were kept, in order of time; ``unchanged``: sessions that bore the mark already."""

    changes: tuple[MarkChange, ...]
    unchanged: int


def change_marks(
    *,
    row: RegisterRow,
    seen: Mapping[Place, str],
    to: str,
    reason: str,
    by: User | None,
    role: str,
    now: dt.datetime,
    comment: str = "",
) -> Corrected:
    """Gives every session of ``seen`` (the code that the person saw there, "" for none) the code ``to``, with one reason.

    "/" stands for present in either half of the day. All or nothing: Refused, with the sentence, for a session that does not belong to the
    pupil, a code that is not offered, days to come, a missing reason, and where a colleague changed one of the marks meanwhile.
    """
    if refusal := why_not_correct(row, seen, to, reason, now.date()):
        raise Refused(refusal)
    wanted = {place: _code(to, place) for place in sorted(seen) if seen[place] != _code(to, place)}
    if not wanted:
        raise Refused("Every one of these sessions bears that mark already: nothing was changed.")
    with transaction.atomic():
        _patch(row, {place: seen[place] for place in wanted}, wanted)
        changes = [
            MarkChange(
                row=row, school=row.school, date=place[0], session=place[1], original=seen[place], amended=code, reason=reason.strip(),
                by=by, role=role, at=now,
            )
            for place, code in wanted.items()
        ]  # fmt: skip
        MarkChange.objects.bulk_create(changes)
        _replace_details(row, wanted, comment)
        audit.record(
            action="marks changed", subject=row, by=by, role=role, at=now, school=row.school, reason=reason.strip(),
            detail={"from": changes[0].date.isoformat(), "to": changes[-1].date.isoformat(), "sessions": len(changes)},
        )  # fmt: skip
        refresh_row(row)
    return Corrected(tuple(changes), len(seen) - len(wanted))


def _code(to: str, place: Place) -> str:
    return present(place[1]) if to in ("/", "\\") else to


def why_not_correct(row: RegisterRow, places: Iterable[Place], to: str, reason: str, today: dt.date) -> str:
    """An empty string where these sessions may be given that code; otherwise the sentence that says why not. Two statements."""
    places = list(places)
    if not places:
        return "Choose at least one session."
    if not reason.strip():
        return "Give the reason: a register keeps why a mark was amended."
    if len(reason.strip()) > 200:
        return "Shorten the reason to 200 characters."
    if len({date for date, _ in places}) > LONGEST_SPAN:
        return f"One correction spans {LONGEST_SPAN} school days at most: check the dates."
    days = school_days(row.school, [row.year])
    closed = {day.date: day.get_kind_display() for day in ClosedDay.objects.filter(school=row.school_id)}
    refusals = (_why_not_there(row, place, to, days, closed, today) for place in places)
    return next((refusal for refusal in refusals if refusal), "")


def _why_not_there(
    row: RegisterRow, place: Place, to: str, days: SchoolDays, closed: Mapping[dt.date, str], today: dt.date
) -> str:
    date, session = place
    if session not in SESSIONS:
        return "A session is a morning (AM) or an afternoon (PM)."
    if date > today:
        return f"{date:%A %-d %B %Y} has not come yet: leave that is agreed ahead is entered as leave."
    enrolment = row.enrolment
    return (
        why_not_a_school_day(date, days, closed)
        or why_not_on_roll(enrolment.starts, enrolment.ends, date)
        or why_not_offered(_code(to, place), date, session, enrolment.pupil.date_of_birth)
    )


def sessions_between(row: RegisterRow, first: Place, last: Place) -> dict[Place, str]:
    """The stored code of every session on roll from ``first`` to ``last``, both included, on school days, in order. Two statements."""
    days = school_days(row.school, [row.year])
    marks = RegisterRow.objects.values_list("marks", flat=True).get(pk=row.pk)
    enrolment = row.enrolment
    places = [(date, session) for date in days.dates for session in SESSIONS]
    return {
        place: code_of(marks[slot(*place)])
        for place in places
        if _order(first) <= _order(place) <= _order(last)
        and enrolment.starts <= place[0]
        and (enrolment.ends is None or place[0] <= enrolment.ends)
    }


def _order(place: Place) -> tuple[dt.date, int]:
    return place[0], SESSIONS.index(place[1])


def _patch(row: RegisterRow, seen: Mapping[Place, str], wanted: Mapping[Place, str]) -> None:
    """One stretch from the first session to the last, written where all the marks are still those that were seen."""
    slots = {slot(*place): place for place in wanted}
    start, stop = min(slots), max(slots) + 1
    stored = RegisterRow.objects.values_list("marks", flat=True).get(pk=row.pk)
    for number, place in slots.items():
        if stored[number] != _character(seen[place]):
            raise Refused(_overtaken(place, code_of(stored[number])))
    becomes = "".join(_character(wanted[slots[number]]) if number in slots else stored[number] for number in range(start, stop))
    if not bulk.patch_row(bulk.Patch(row.pk, start, stored[start:stop], becomes)):
        raise Refused("Somebody changed one of these marks at this moment: look at them again before you change them.")


def _overtaken(place: Place, now_is: str) -> str:
    half = "morning" if place[1] == "AM" else "afternoon"
    return (
        f"Somebody changed {place[0]:%A %-d %B}, {half}, in the meantime: it is now {now_is or 'empty'}. "
        "Look at the marks again before you change them."
    )


def _character(code: str) -> str:
    if code and code not in CODES:
        raise Refused("One of the marks is not known: open the page again.")
    return CODES[code].character if code else NO_MARK


def _replace_details(row: RegisterRow, wanted: Mapping[Place, str], comment: str) -> None:
    dates = {date for date, _ in wanted}
    stored = MarkDetail.objects.filter(row=row, date__in=dates).values_list("pk", "date", "session")
    MarkDetail.objects.filter(pk__in=[pk for pk, date, session in stored if (date, session) in wanted]).delete()
    if comment.strip():
        MarkDetail.objects.bulk_create(
            MarkDetail(row=row, date=date, session=session, comment=comment.strip()[:200]) for date, session in wanted
        )
