"""Every write to the register: entering marks, changing one, reading a file in, and keeping the figures.

A mark is entered once for the first time and then changed, never taken away; each change keeps the original entry, the amended one, the
reason, the date and the name and role of who made it (Regulations 2024, regulation 13), in the same transaction as the change itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from django.db import transaction

from attendance import bulk, conflicts, figures, history
from attendance.codes import CODES, NO_MARK
from attendance.comparing import Comparison, code_of, compare
from attendance.grid import EMPTY_ROW, SESSIONS, SLOTS, academic_year_of, as_grid, first_monday, session_of, slot
from attendance.imports import X_WARNING, Detail, Reading, read, shown, why_not_a_school_day, why_not_on_roll
from attendance.models import Figures, ImportBatch, MarkChange, MarkDetail, RegisterConflict, RegisterRow
from attendance.queries import Enrolled, Preview, preview_of, roll_of, school_matrix
from schools import ages, audit
from schools.models import ClosedDay, Enrolment, School, User
from schools.queries import school_days, year_label
from schools.rules import Refused
from schools.schooldays import SchoolDays

ATTEMPTS = 3
"""So often an import is begun again when somebody changes one of its marks between its reading and its writing."""
BY_IMPORT = "Imported."
FIRST_ENTRY = "Entered by hand."
Result = TypeVar("Result")


class _Overtaken(Exception):
    """A mark was changed by somebody else between reading and writing."""


def enter_marks(
    *,
    school: School,
    rows: Mapping[tuple[int, int], str],
    file_name: str,
    file_format: str,
    by: User | None,
    role: str = "",
    now: dt.datetime,
) -> ImportBatch:
    """Enters marks in bulk, one batch for all of them.

    ``rows``: for each (enrolment id, academic year) a register row of 530 characters as ``grid`` lays it out, "." where there is nothing
    to enter. Refused for an enrolment of another school. The caller answers for codes and dates; files from outside go through
    ``import_register``. Figures are not recomputed here.
    """
    known = set(Enrolment.objects.filter(school=school).values_list("pk", flat=True))
    if strangers := {enrolment for enrolment, _ in rows} - known:
        raise Refused(
            f"{len(strangers)} of the enrolments are not this school's (number {min(strangers)} is one): nothing was entered."
        )
    batch = ImportBatch(school=school, file_name=file_name, format=file_format, by=by, at=now, rows=len(rows), refused=0)
    batch.sha256 = hashlib.sha256("".join(rows.values()).encode()).hexdigest()
    keys, wanted = list(rows), as_grid(list(rows.values()))
    _unless_overtaken(lambda: _enter(batch, compare(_locked(school), keys, wanted), role))
    return batch


def import_register(
    *,
    school: School,
    data: bytes,
    file_name: str,
    file_format: str | None = None,
    by: User | None,
    role: str = "",
    now: dt.datetime,
) -> tuple[ImportBatch, Preview]:
    """Reads a register file in: all rows that can be, in one transaction, or (imports.FileRefused) nothing of it.

    ``file_format``: "long", "weeks", or None to tell from the header. What the file gives again as it stands is left alone, so that the
    same file twice changes nothing; only the batch is recorded, for "last read in at". Figures are brought up to ``now``'s day.
    """
    reading = read(data, roll_of(school), file_format)
    sha256 = hashlib.sha256(data).hexdigest()
    return import_reading(
        school=school, reading=reading, data_sha256=sha256, file_name=file_name, format=reading.format, by=by, role=role, now=now
    )


def import_reading(
    *,
    school: School,
    reading: Reading,
    data_sha256: str,
    file_name: str,
    format: str,
    by: User | None,
    role: str = "",
    now: dt.datetime,
) -> tuple[ImportBatch, Preview]:
    """Takes in what was read elsewhere (``imports.read`` or ``read_entries``), all of it in one transaction; see ``import_register``.

    ``format``: one of ``ImportBatch.format``'s choices. ``data_sha256``: of the bytes that were read, as 64 hexadecimal digits.
    """
    batch = ImportBatch(
        school=school,
        file_name=file_name[-200:],
        sha256=data_sha256,
        format=format,
        by=by,
        at=now,
        rows=reading.rows,
        refused=reading.refused,
        refusals=[refusal._asdict() for refusal in reading.refusals],
        latest_date=reading.latest_date,
    )

    def commit() -> Preview:
        preview = preview_of(_locked(school), reading)
        comparison = _enter(batch, preview.comparison, role)
        ours = {(each.enrolment_id, each.date, each.session) for each in (*preview.conflicts, *preview.kept)}
        _enter_details(comparison, {place: detail for place, detail in reading.details.items() if place not in ours})
        conflicts.keep(batch=batch, comparison=comparison, asked=preview.conflicts)
        if batch.new or batch.changed:
            refresh_figures(school=school, as_of=now.date())
        return preview

    return batch, _unless_overtaken(commit)


def _locked(school: School) -> School:
    """One import a school at a time; pages and single changes go on. (The embedded database has one writer anyway.)"""
    return School.objects.select_for_update(no_key=True).get(pk=school.pk)


def _unless_overtaken(enter: Callable[[], Result]) -> Result:
    """Runs ``enter`` in a transaction, and again where somebody changed one of its marks meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return enter()
        except _Overtaken:
            continue
    raise Refused("The register is being changed by others at this moment. Nothing was read in: try again in a minute.")


def _enter(batch: ImportBatch, comparison: Comparison, role: str) -> Comparison:
    """Writes what is new or changed, with its history, the batch and the audit row; returns the comparison with all its register rows."""
    comparison, made = _with_rows(batch.school, comparison)
    patches = _patches(comparison, leave_out=made)
    if patches and bulk.patch_rows(patches) != len(patches):
        raise _Overtaken
    batch.new, batch.changed, batch.unchanged = int(comparison.new.sum()), int(comparison.changed.sum()), comparison.unchanged
    again = _after_a_mark_taken_back(batch.school, comparison)
    batch.first_entries = history.pack(_first_entries(comparison, again))
    if batch.latest_date is None:
        batch.latest_date = _latest_date(comparison)
    batch.save(force_insert=True)
    _keep_changes(batch, comparison, again, role)
    counts = {name: getattr(batch, name) for name in ("rows", "new", "changed", "unchanged", "refused")}
    audit.record(action="marks read in", subject=batch, by=batch.by, role=role, at=batch.at, school=batch.school, detail=counts)
    return comparison


def _with_rows(school: School, comparison: Comparison) -> tuple[Comparison, np.ndarray]:
    """Makes the register rows that are missing, their marks in them; (the comparison with all row ids, bool[rows]: made here)."""
    missing = comparison.row_ids == 0
    if not missing.any():
        return comparison, missing
    positions = np.flatnonzero(missing).tolist()
    made = make_rows(school, [(comparison.keys[at], _text(comparison.wanted[at])) for at in positions])
    if made != len(positions):
        raise _Overtaken
    now = compare(school, comparison.keys, comparison.wanted)
    return replace(comparison, row_ids=now.row_ids), missing


def make_rows(school: School, rows: Iterable[tuple[tuple[int, int], str]]) -> int:
    """Inserts register rows, given as ((enrolment id, year), marks), where there is none yet; returns how many."""
    return bulk.upsert(
        RegisterRow,
        key=["enrolment_id", "year"],
        columns=["enrolment_id", "year", "school_id", "marks"],
        rows=[(*key, school.pk, marks) for key, marks in rows],
        only_new=True,
    )


def _patches(comparison: Comparison, leave_out: np.ndarray) -> list[bulk.Patch]:
    """One stretch for each row that changes, but for those left out: from its first slot that does to its last."""
    to_write = comparison.new | comparison.changed
    amended = np.where(to_write, comparison.wanted, comparison.stored)
    rows = np.flatnonzero(to_write.any(axis=1) & ~leave_out)
    first = to_write[rows].argmax(axis=1)
    last = SLOTS - to_write[rows, ::-1].argmax(axis=1)
    return [
        bulk.Patch(
            int(comparison.row_ids[row]), start, _text(comparison.stored[row, start:stop]), _text(amended[row, start:stop])
        )
        for row, start, stop in zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
    ]


def _text(characters: np.ndarray) -> str:
    return characters.tobytes().decode("ascii")


def _after_a_mark_taken_back(school: School, comparison: Comparison) -> np.ndarray:
    """bool[rows, slots]: new marks of sessions that had one which was taken back, as leave that is no longer agreed. One statement."""
    again = np.zeros_like(comparison.new)
    years = {year for _, year in comparison.keys}
    at_row = {int(row_id): position for position, row_id in enumerate(comparison.row_ids)}
    taken_back = MarkChange.objects.filter(school=school, amended="", row__year__in=years)
    for row_id, date, session in taken_back.values_list("row", "date", "session").distinct():
        if row_id in at_row:
            again[at_row[row_id], slot(date, session)] = True
    return again & comparison.new


def _first_entries(comparison: Comparison, again: np.ndarray) -> history.FirstEntries:
    """Every new mark but those that follow one that was taken back: they are changes, since history is replayed in that order."""
    rows, slots = np.nonzero(comparison.new & ~again)
    return history.FirstEntries(comparison.row_ids[rows], slots, comparison.wanted[rows, slots])


def _latest_date(comparison: Comparison) -> dt.date | None:
    """The latest day that any of the marks is for."""
    given = comparison.wanted != ord(NO_MARK)
    dates = [
        session_of(year, SLOTS - 1 - int(row[::-1].argmax()))[0]
        for (_, year), row in zip(comparison.keys, given, strict=True)
        if row.any()
    ]
    return max(dates, default=None)


def _keep_changes(batch: ImportBatch, comparison: Comparison, again: np.ndarray, role: str) -> None:
    """Appends the history of the batch's changed marks, and of those that follow one that was taken back."""
    entered = [
        (row, *session_of(comparison.keys[row][1], place), "", code_of(chr(comparison.wanted[row, place])))
        for row, place in np.argwhere(again).tolist()
    ]
    changes = [*entered, *comparison.changes]
    if not changes:
        return
    made = {
        "school_id": batch.school.pk,
        "reason": BY_IMPORT,
        "by_id": batch.by_id,
        "role": role,
        "batch_id": batch.pk,
        "at": batch.at,
    }
    bulk.insert(
        MarkChange,
        columns=["row_id", "date", "session", "original", "amended", *made],
        rows=[(int(comparison.row_ids[position]), *change, *made.values()) for position, *change in changes],
    )


def _enter_details(comparison: Comparison, details: Mapping[tuple[int, dt.date, str], Detail]) -> None:
    """Stores minutes and comments of the file's marks, and drops those of marks that the file replaced without any."""
    row_of = {key: int(row_id) for key, row_id in zip(comparison.keys, comparison.row_ids, strict=True)}
    given = {
        (row_of[enrolment, academic_year_of(date)], date, session): detail
        for (enrolment, date, session), detail in details.items()
    }
    _drop_details({(int(comparison.row_ids[at]), date, session) for at, date, session, _, _ in comparison.changes} - set(given))
    if given:
        bulk.upsert(
            MarkDetail,
            key=["row_id", "date", "session"],
            columns=["row_id", "date", "session", "minutes_late", "comment", "raw_code"],
            rows=[(*place, *detail) for place, detail in given.items()],
        )


def _drop_details(places: set[tuple[int, dt.date, str]]) -> None:
    if not places:
        return
    stored = MarkDetail.objects.filter(date__in={date for _, date, _ in places}).values_list("pk", "row", "date", "session")
    MarkDetail.objects.filter(pk__in=[pk for pk, *place in stored if tuple(place) in places]).delete()


def change_mark(
    *,
    row: RegisterRow,
    date: dt.date,
    session: str,
    to: str,
    reason: str,
    by: User | None,
    role: str,
    now: dt.datetime,
    was: str | None = None,
    minutes_late: int | None = None,
    comment: str = "",
) -> MarkChange:
    """Changes one mark, or enters it where there is none; returns the change, and brings the pupil's figures up to date.

    ``to``: a code in force on the date. ``was``: the code that the person saw ("" for none); left out, the one that is stored. Refused
    with a sentence for an unknown code, a day or pupil to whom no mark belongs, an amendment without a reason, and where somebody else
    was faster. See ``warning_about`` for what is allowed but worth asking about.
    """
    refusal = why_not_change(row, date=date, session=session, to=to)
    if refusal:
        raise Refused(refusal)
    with transaction.atomic():
        original = stored_code(row, date, session) if was is None else was
        _refuse_idle_change(original, to, reason)
        _swap(row, date, session, original, to)
        change = MarkChange.objects.create(
            row=row, school=row.school, date=date, session=session, original=original, amended=to,
            reason=reason.strip() or FIRST_ENTRY, by=by, role=role, at=now,
        )  # fmt: skip
        _enter_detail(row, date, session, minutes_late, comment)
        audit.record(
            action="mark changed", subject=change, by=by, role=role, at=now, school=row.school, reason=change.reason,
            detail={"date": date.isoformat(), "session": session},
        )  # fmt: skip
        refresh_row(row)
    return change


@transaction.atomic
def decide_conflict(
    *, conflict: RegisterConflict, take: bool, reason: str, by: User, role: str, now: dt.datetime
) -> RegisterConflict:
    """A person decides between our mark and the file's: ours is kept, or the file's taken, with its own history. Refused without a
    reason, where somebody decided already, and where the mark was changed in the meantime."""
    decided = conflicts.claim(conflict=conflict, take=take, reason=reason, by=by, role=role, now=now)
    if take:
        change_mark(
            row=conflict.row, date=conflict.date, session=conflict.session, to=conflict.theirs, was=conflict.ours,
            reason=reason, by=by, role=role, now=now,
        )  # fmt: skip
    return decided


def why_not_change(row: RegisterRow, *, date: dt.date, session: str, to: str) -> str:
    """An empty string where the mark may be changed to that code; otherwise the sentence that says why not."""
    if to not in CODES:
        return f"Code {shown(to)} is not known: choose a national attendance code."
    if session not in SESSIONS:
        return f"Session {shown(session)} is neither AM nor PM."
    if warning := CODES[to].warning_on(date):
        return f"{warning} It can be read in from a file, not entered by hand."
    if not first_monday(row.year) <= date < first_monday(row.year + 1):
        return f"{date:%d %B %Y} is not in {year_label(row.year)}: open that year's register."
    closed = {day.date: day.get_kind_display() for day in ClosedDay.objects.filter(school=row.school_id, date=date)}
    return why_not_a_school_day(date, school_days(row.school, [row.year]), closed) or why_not_on_roll(
        row.enrolment.starts, row.enrolment.ends, date
    )


def warning_about(row: RegisterRow, *, date: dt.date, to: str) -> str:
    """A sentence to show before the change is made, or an empty string."""
    return X_WARNING if to == "X" and ages.is_compulsory(row.enrolment.pupil.date_of_birth, date) else ""


def _refuse_idle_change(original: str, to: str, reason: str) -> None:
    if original == to:
        raise Refused(f"The mark is {to} already: nothing was changed.")
    if original and not reason.strip():
        raise Refused("Give the reason: a register keeps why a mark was amended.")


def _swap(row: RegisterRow, date: dt.date, session: str, original: str, to: str) -> None:
    """Replaces the mark where it is still the original; otherwise refuses with what it is now."""
    if original and original not in CODES:
        raise Refused(f"Code {shown(original)} is not known: open the register again.")
    if not bulk.patch_row(bulk.Patch(row.pk, slot(date, session), _character(original), _character(to))):
        now_is = stored_code(row, date, session) or "empty"
        raise Refused(f"Somebody changed this mark in the meantime: it is now {now_is}. Look at it again before you change it.")


def _character(code: str) -> str:
    return CODES[code].character if code else NO_MARK


def _enter_detail(row: RegisterRow, date: dt.date, session: str, minutes_late: int | None, comment: str) -> None:
    """Replaces what was known of the mark that stood there before."""
    MarkDetail.objects.filter(row=row, date=date, session=session).delete()
    if minutes_late is not None or comment:
        MarkDetail.objects.create(row=row, date=date, session=session, minutes_late=minutes_late, comment=comment)


def refresh_row(row: RegisterRow) -> None:
    """The pupil's stored figures after a change, as of the day that they were for; where there are none yet the night makes them."""
    as_of = Figures.objects.filter(row=row).values_list("as_of", flat=True).first()
    if as_of is not None:
        days = school_days(row.school, [row.year])
        enrolled, marks = school_matrix(row.school, [row.year], enrolment_ids=[row.enrolment_id], days=days)
        store_figures(school=row.school, days=days, enrolled=enrolled, marks=marks, as_of=as_of)


def refresh_figures(*, school: School, as_of: dt.date) -> int:
    """Brings the figures of all who are on roll up to a day; returns how many pupils' were written."""
    year = academic_year_of(as_of)
    days = school_days(school, [year])
    if not len(days):
        return 0
    enrolled, marks = school_matrix(school, [year], on=as_of, days=days)
    return store_figures(school=school, days=days, enrolled=enrolled, marks=marks, as_of=as_of)


def store_figures(*, school: School, days: SchoolDays, enrolled: Sequence[Enrolled], marks: np.ndarray, as_of: dt.date) -> int:
    """Computes and stores the figures of these pupils as of a day; only what differs is written. Returns how many pupils' were.

    ``enrolled`` and ``marks`` as ``queries.school_matrix`` gives them, the latest year being that of ``as_of``.
    """
    row_ids = _row_ids(school, enrolled, academic_year_of(as_of))
    computed = figures.compute(days, marks, as_of=as_of, ends=[pupil.ends for pupil in enrolled])
    columns = [computed[name].tolist() for name in figures.COLUMNS]
    return bulk.upsert(
        Figures,
        key=["row_id"],
        columns=["row_id", "school_id", "as_of", *figures.COLUMNS],
        rows=[(row_id, school.pk, as_of, *counts) for row_id, *counts in zip(row_ids, *columns, strict=True)],
    )


def _row_ids(school: School, enrolled: Sequence[Enrolled], year: int) -> list[int]:
    """The register rows of the pupils, made where they are missing."""
    missing = [((pupil.enrolment_id, year), EMPTY_ROW) for pupil in enrolled if pupil.row_id is None]
    if not missing:
        return [pupil.row_id for pupil in enrolled if pupil.row_id is not None]
    make_rows(school, missing)
    stored = dict(RegisterRow.objects.filter(school=school, year=year).values_list("enrolment", "pk"))
    return [stored[pupil.enrolment_id] for pupil in enrolled]


def stored_code(row: RegisterRow, date: dt.date, session: str) -> str:
    """The code that is stored for the session now; empty for no mark."""
    place = slot(date, session)
    marks = RegisterRow.objects.values_list("marks", flat=True).get(pk=row.pk)
    return code_of(marks[place])
