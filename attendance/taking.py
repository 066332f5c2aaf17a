"""Taking a form's register in the browser: one write for thirty pupils, and nothing of a colleague's is lost.

Every mark comes with the one that was seen when it was made. Where another stands there by now it is left alone and handed back, so that
the person can look; all others are written in one transaction. What is entered for the first time is kept with the register
(``RegisterEntry``), what replaces a mark is kept as a change with its reason.

Law: School Attendance (Pupil Registration) (England) Regulations 2024: a register is taken at the start of the morning session and once in
the afternoon (regulation 10), and an amended entry keeps the original (regulation 13).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from attendance import bulk, history
from attendance.codes import CODES, NO_MARK
from attendance.comparing import code_of
from attendance.grid import EMPTY_ROW, SESSIONS, academic_year_of, slot
from attendance.imports import why_not_a_school_day
from attendance.models import Figures, FormRegister, MarkChange, MarkDetail, RegisterEntry, RegisterRow
from attendance.offered import AT_THE_REGISTER, why_not_offered
from attendance.opening import AHEAD, Opening, clock, opening_of, why_not_late
from attendance.queries import school_matrix
from attendance.services import ATTEMPTS, make_rows, store_figures
from schools import audit
from schools.access import ACTS
from schools.models import ClosedDay, Placement, RegisterTime, School, User
from schools.queries import school_days
from schools.rules import Refused

CAME_LATER = "Arrived after the register was taken."
CORRECTED = "Corrected at the register."
ONLY_HERE = "Whoever takes the register enters present, N and L; every other code is the attendance officer's."


class TakenMark(NamedTuple):
    """One pupil's mark as a person gave it. ``code`` empty: none yet; ``saw``: the code that stood there when they looked."""

    code: str
    minutes_late: int | None = None
    comment: str = ""
    saw: str = ""


class Overtaken(NamedTuple):
    """A mark that a colleague changed in the meantime: it was left as it is now. Codes, empty for no mark."""

    enrolment_id: int
    saw: str
    wanted: str
    now_is: str


class Taken(NamedTuple):
    """What became of a save: ``entered`` for the first time, ``changed``, ``overtaken``, and how many are still without a mark."""

    register: FormRegister
    entered: int
    changed: int
    overtaken: tuple[Overtaken, ...]
    without_mark: int


class Pupil(NamedTuple):
    """A pupil of the form on the day, with the mark that is stored for the session."""

    enrolment_id: int
    pupil_id: int
    name: str
    year_group: int
    date_of_birth: dt.date
    row_id: int
    code: str


class _OvertakenWhileWriting(Exception):
    """A mark was changed between reading and writing."""


@dataclass
class _Sheet:
    """A form's register of one session while it is being written."""

    school: School
    date: dt.date
    session: str
    pupils: dict[int, Pupil]
    register: FormRegister
    wanted: dict[int, TakenMark] = field(default_factory=dict)
    """The marks that are to be written, by enrolment."""
    overtaken: list[Overtaken] = field(default_factory=list)

    @property
    def slot(self) -> int:
        return slot(self.date, self.session)

    @property
    def place(self) -> tuple[dt.date, str]:
        return self.date, self.session


def take_register(
    *,
    school: School,
    form: str,
    date: dt.date,
    session: str,
    marks: Mapping[int, TakenMark],
    by: User,
    role: str,
    now: dt.datetime,
    opened_at: dt.datetime | None = None,
    reason: str = "",
) -> Taken:
    """Saves a form's register, in part or in full.

    ``marks`` by enrolment id. ``role`` decides what may be entered: the officer and the lead every code that is offered for the pupil, all
    others present, N and L, and U once the register has closed; what was arranged beforehand they leave alone. ``opened_at``: when the
    person opened it, if known. ``reason``: kept with marks that replace others.
    Refused, with nothing written, for a day that is not today's (an earlier one of the year is the officer's), a code that is not offered,
    a lateness that contradicts the register's times. The register is closed once every pupil has a mark.
    """
    zone = timezone.get_current_timezone()
    local = now.astimezone(zone)
    if refusal := why_not_take(school=school, date=date, session=session, role=role, now=local):
        raise Refused(refusal)
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                sheet = _sheet(school, form, date, session, by, _opened(opened_at, date, local))
                opening = opening_on(school, date, session, {pupil.year_group for pupil in sheet.pupils.values()})
                _sort(sheet, marks, role, opening, local)
                return _write(sheet, marks, by=by, role=role, now=now, reason=reason)
        except _OvertakenWhileWriting:
            continue
    raise Refused("Others are changing this register at this moment. Nothing was saved: try again.")


def may_use_every_code(role: str) -> bool:
    return role in ACTS["change_marks"][0]


def why_not_take(*, school: School, date: dt.date, session: str, role: str, now: dt.datetime) -> str:
    """An empty string where somebody in that role may save a register of the session now; otherwise the sentence that says why not.

    ``now`` in local time. Two statements.
    """
    if session not in SESSIONS:
        return "A register is of the morning (AM) or of the afternoon (PM)."
    if date > now.date():
        return f"{date:%A %-d %B %Y} has not come yet: a register is taken on its day. Leave that is agreed ahead is entered as leave."
    days = school_days(school, [academic_year_of(now.date())])
    closed = {day.date: day.get_kind_display() for day in ClosedDay.objects.filter(school=school, date=date)}
    if academic_year_of(date) != academic_year_of(now.date()):
        return f"{date:%-d %B %Y} lies in another school year: its register can only be corrected mark by mark."
    if refusal := why_not_a_school_day(date, days, closed):
        return refusal
    if may_use_every_code(role):
        return ""
    if school.register_source == School.RegisterSource.MIS:
        return (
            "This school takes its registers in its management information system: take it there, and it is read in from there."
        )
    return "" if date == now.date() else f"The register of {date:%A %-d %B} is past: ask the attendance officer to complete it."


def opening_on(school: School, date: dt.date, session: str, year_groups: Iterable[int]) -> Opening | None:
    """The register time in force for a form of these years. One statement."""
    times = RegisterTime.objects.filter(school=school, session=session)
    return opening_of(times, session, set(year_groups), date, timezone.get_current_timezone())


def _opened(opened_at: dt.datetime | None, date: dt.date, now: dt.datetime) -> dt.datetime:
    """When the register was opened: not on another day, and not later than now."""
    return opened_at if opened_at and opened_at.astimezone(now.tzinfo).date() == date and opened_at <= now else now


def form_of(school: School, form: str, date: dt.date, session: str) -> list[Pupil]:
    """The form's pupils on the day, by name, with their stored marks (``row_id`` 0 where there is no register row yet). Two statements."""
    in_force = Q(starts__lte=date) & (Q(ends__isnull=True) | Q(ends__gte=date))
    on_roll = Q(enrolment__starts__lte=date) & (Q(enrolment__ends__isnull=True) | Q(enrolment__ends__gte=date))
    placed = Placement.objects.filter(in_force & on_roll, enrolment__school=school, form=form).select_related("enrolment__pupil")
    ordered = placed.order_by("enrolment__pupil__last_name", "enrolment__pupil__first_name", "enrolment__pupil", "starts")
    found = {placement.enrolment_id: placement for placement in ordered}
    rows = RegisterRow.objects.filter(enrolment__in=found, year=academic_year_of(date)).values_list("enrolment", "pk", "marks")
    stored = {enrolment: (pk, marks[slot(date, session)]) for enrolment, pk, marks in rows}
    return [_pupil(placement, *stored.get(placement.enrolment_id, (0, NO_MARK))) for placement in found.values()]


def _pupil(placement: Placement, row_id: int, mark: str) -> Pupil:
    pupil = placement.enrolment.pupil
    return Pupil(
        enrolment_id=placement.enrolment_id,
        pupil_id=pupil.pk,
        name=pupil.name,
        year_group=placement.year_group,
        date_of_birth=pupil.date_of_birth,
        row_id=row_id,
        code=code_of(mark),
    )


def _sheet(school: School, form: str, date: dt.date, session: str, by: User, opened_at: dt.datetime) -> _Sheet:
    """The register's row, made where it is missing and held until the transaction ends, and its pupils with their rows."""
    fresh = FormRegister(school=school, form=form, date=date, session=session, opened_at=opened_at, opened_by=by)
    FormRegister.objects.bulk_create([fresh], ignore_conflicts=True)
    held = FormRegister.objects.select_for_update(no_key=True)
    register = held.get(school=school, form=form, date=date, session=session)
    pupils = form_of(school, form, date, session)
    if not pupils:
        raise Refused(f"Nobody is in form {form} on {date:%-d %B %Y}: there is no register to take.")
    if missing := [pupil.enrolment_id for pupil in pupils if not pupil.row_id]:
        make_rows(school, [((enrolment, academic_year_of(date)), EMPTY_ROW) for enrolment in missing])
        pupils = form_of(school, form, date, session)
    return _Sheet(school, date, session, {pupil.enrolment_id: pupil for pupil in pupils}, register)


def _sort(sheet: _Sheet, marks: Mapping[int, TakenMark], role: str, opening: Opening | None, now: dt.datetime) -> None:
    """Tells what is to be written from what was overtaken; Refused for whatever may not be entered."""
    if strangers := set(marks) - set(sheet.pupils):
        raise Refused(
            f"{len(strangers)} of the pupils are not in this form on that day: open the register again. Nothing was saved."
        )
    for enrolment, mark in marks.items():
        pupil = sheet.pupils[enrolment]
        if mark.code in ("", mark.saw, pupil.code):
            continue
        if pupil.code != mark.saw:
            sheet.overtaken.append(Overtaken(enrolment, mark.saw, mark.code, pupil.code))
        elif refusal := why_not_enter(pupil, mark, sheet.place, role, opening, now):
            raise Refused(f"{pupil.name}: {refusal}")
        else:
            sheet.wanted[enrolment] = mark


def why_not_enter(
    pupil: Pupil, mark: TakenMark, place: tuple[dt.date, str], role: str, opening: Opening | None, now: dt.datetime
) -> str:
    """An empty string where the mark may be entered for the pupil; otherwise the sentence that says why not."""
    date, session = place
    if refusal := why_not_offered(mark.code, date, session, pupil.date_of_birth):
        return refusal
    if may_use_every_code(role):
        return why_not_late(mark.code, opening, mark.minutes_late, now) if date == now.date() else ""
    if mark.code not in AT_THE_REGISTER:
        return ONLY_HERE
    if is_arranged(pupil.code):
        return f"{pupil.code} was entered for this session beforehand: only the attendance officer changes it."
    if opening and now < opening.opens - AHEAD:
        return f"this register opens at {clock(opening.opens)}."
    if mark.code == "U" and opening and now <= opening.closes and mark.minutes_late is None:
        return "U is for who comes after the register has closed: until then it is L."
    return why_not_late(mark.code, opening, mark.minutes_late, now)


def is_arranged(code: str) -> bool:
    """Whether a mark was arranged beforehand or found out by the office, so that whoever takes the register leaves it alone."""
    return bool(code) and code not in AT_THE_REGISTER


def _write(sheet: _Sheet, marks: Mapping[int, TakenMark], *, by: User, role: str, now: dt.datetime, reason: str) -> Taken:
    first, changes = _first_and_changed(sheet)
    _patch(sheet)
    _keep_first(sheet, first, by=by, role=role, now=now)
    _keep_changes(sheet, changes, by=by, role=role, now=now, reason=reason)
    _keep_details(sheet, marks)
    without = _close_when_full(sheet, by=by, now=now)
    if first or changes:
        _refresh_figures(sheet)
        audit.record(
            action="register taken", subject=sheet.register, by=by, role=role, at=now, school=sheet.school,
            detail={"entered": len(first), "changed": len(changes), "overtaken": len(sheet.overtaken), "without": without},
        )  # fmt: skip
    return Taken(sheet.register, len(first), len(changes), tuple(sheet.overtaken), without)


def _first_and_changed(sheet: _Sheet) -> tuple[list[int], list[int]]:
    """Enrolments whose mark is a first entry, and those whose mark replaces something (or follows one that was taken back)."""
    taken_back = MarkChange.objects.filter(
        row__in=[sheet.pupils[enrolment].row_id for enrolment in sheet.wanted], date=sheet.date, session=sheet.session, amended=""
    )
    again = set(taken_back.values_list("row", flat=True)) if sheet.wanted else set()
    first = [
        enrolment
        for enrolment in sheet.wanted
        if not sheet.pupils[enrolment].code and sheet.pupils[enrolment].row_id not in again
    ]
    return first, [enrolment for enrolment in sheet.wanted if enrolment not in set(first)]


def _patch(sheet: _Sheet) -> None:
    patches = [
        bulk.Patch(sheet.pupils[enrolment].row_id, sheet.slot, _character(sheet.pupils[enrolment].code), _character(mark.code))
        for enrolment, mark in sheet.wanted.items()
    ]
    if patches and bulk.patch_rows(patches) != len(patches):
        raise _OvertakenWhileWriting


def _character(code: str) -> str:
    return CODES[code].character if code else NO_MARK


def _keep_first(sheet: _Sheet, first: Sequence[int], *, by: User, role: str, now: dt.datetime) -> None:
    if not first:
        return
    ordered = sorted(first, key=lambda enrolment: sheet.pupils[enrolment].row_id)
    entries = history.FirstEntries(
        np.array([sheet.pupils[enrolment].row_id for enrolment in ordered], dtype=np.int64),
        np.full(len(ordered), sheet.slot, dtype=np.int64),
        np.array([ord(_character(sheet.wanted[enrolment].code)) for enrolment in ordered], dtype=np.uint8),
    )
    RegisterEntry.objects.create(
        register=sheet.register,
        school=sheet.school,
        by=by,
        role=role,
        at=now,
        entered=len(first),
        first_entries=history.pack(entries),
    )


def _keep_changes(sheet: _Sheet, changes: Sequence[int], *, by: User, role: str, now: dt.datetime, reason: str) -> None:
    if not changes:
        return
    made = {"school_id": sheet.school.pk, "by_id": by.pk, "role": role, "at": now}
    bulk.insert(
        MarkChange,
        columns=["row_id", "date", "session", "original", "amended", "reason", *made],
        rows=[
            (
                (pupil := sheet.pupils[enrolment]).row_id, *sheet.place, pupil.code, (code := sheet.wanted[enrolment].code),
                reason.strip()[:200] or _why(pupil.code, code), *made.values(),
            )
            for enrolment in changes
        ],
    )  # fmt: skip


def _why(original: str, amended: str) -> str:
    """The reason of a change at the register, where the person gave none."""
    return CAME_LATER if original in ("", "N") and amended in ("L", "U") else CORRECTED


def _keep_details(sheet: _Sheet, marks: Mapping[int, TakenMark]) -> None:
    """Stores minutes and comments of the marks that stand as given; what was known of a mark that was replaced goes with it."""
    MarkDetail.objects.filter(
        row__in=[sheet.pupils[key].row_id for key in sheet.wanted], date=sheet.date, session=sheet.session
    ).delete()
    told = [
        MarkDetail(
            row_id=sheet.pupils[enrolment].row_id, date=sheet.date, session=sheet.session,
            minutes_late=mark.minutes_late, comment=mark.comment,
        )
        for enrolment, mark in marks.items()
        if mark.code and mark.code == _stands(sheet, enrolment) and (mark.minutes_late is not None or mark.comment)
    ]  # fmt: skip
    MarkDetail.objects.bulk_create(
        told, update_conflicts=True, update_fields=["minutes_late", "comment"], unique_fields=["row", "date", "session"]
    )


def _stands(sheet: _Sheet, enrolment: int) -> str:
    wanted = sheet.wanted.get(enrolment)
    return wanted.code if wanted else sheet.pupils[enrolment].code


def _close_when_full(sheet: _Sheet, *, by: User, now: dt.datetime) -> int:
    """Closes the register when every pupil first has a mark; returns how many have none."""
    without = sum(not _stands(sheet, enrolment) for enrolment in sheet.pupils)
    if not without:
        closed = FormRegister.objects.filter(pk=sheet.register.pk, closed_at__isnull=True).update(closed_at=now, closed_by=by)
        if closed:
            sheet.register.closed_at, sheet.register.closed_by = now, by
    return without


def _refresh_figures(sheet: _Sheet) -> None:
    """Brings stored figures up to date where the register is of a day that they count already."""
    row_ids = [sheet.pupils[enrolment].row_id for enrolment in sheet.wanted]
    as_of = Figures.objects.filter(row__in=row_ids).aggregate(latest=Max("as_of"))["latest"]
    if as_of is None or as_of < sheet.date:
        return
    year = academic_year_of(sheet.date)
    days = school_days(sheet.school, [year])
    enrolled, marks = school_matrix(sheet.school, [year], enrolment_ids=list(sheet.wanted), days=days)
    store_figures(school=sheet.school, days=days, enrolled=enrolled, marks=marks, as_of=as_of)
