"""Whom the pack is about, and the register: every code week by week, the absences by date, and every amendment with who made it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from attendance.grid import slot
from attendance.models import MarkChange, RegisterRow
from evidence.exhibits import Check, Exhibit, Part, Row, Sheet, Table, counted, day, row_of, rows_of
from evidence.scope import Scope
from letters.certificate import Mark
from letters.give_out import certificate_html
from letters.queries import marks_until
from schools.models import PupilFlag, PupilParent
from schools.queries import year_label
from schools.rules import Refused

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_TOLD = (PupilFlag.Kind.SEN_SUPPORT, PupilFlag.Kind.EHC_PLAN, PupilFlag.Kind.LOOKED_AFTER, PupilFlag.Kind.SOCIAL_WORKER)


def people(scope: Scope) -> Part:
    """Pupil, school and the parents who are shown: names and responsibility, no addresses."""
    pupil, enrolment = scope.case.pupil, scope.enrolment
    flags = [
        flag
        for flag in PupilFlag.objects.filter(pupil=pupil, kind__in=_TOLD, starts__lte=scope.on)
        if flag.ends is None or flag.ends >= scope.on
    ]
    told = [
        ("Pupil", f"{pupil.first_name} {pupil.last_name}"),
        ("Date of birth", day(pupil.date_of_birth)),
        ("UPN", pupil.upn or "not recorded"),
        ("School", f"{scope.school.name} (URN {scope.school.urn})"),
        ("Local authority", scope.school.local_authority),
        ("On roll", _roll(scope)),
        ("SEN and care", "; ".join(flag.get_kind_display() for flag in flags) or "none recorded"),
    ]
    told += [("Parent", _parent(link)) for link in scope.shown]
    hidden = len(scope.hidden_ids)
    return Part(
        key="people",
        title="Whom it is about",
        exhibits=[Exhibit("Pupil, school and parents", [Table("Whom it is about", ("What", "On record"), told)])],
        rows=[row_of(pupil), *([row_of(enrolment)] if enrolment else []), *rows_of(scope.shown), *rows_of(flags)],
        checks=[_responsible(scope), Check("UPN", bool(pupil.upn), pupil.upn or "It is not recorded.")],
        left_out=f"{counted(hidden, 'other parent')} on record: left out of this pack." if hidden else "",
    )


def _roll(scope: Scope) -> str:
    enrolment = scope.enrolment
    if enrolment is None:
        return "not on record"
    return f"since {day(enrolment.starts)}" + (f" until {day(enrolment.ends)}" if enrolment.ends else "")


def _parent(link: PupilParent) -> str:
    responsible = "parental responsibility" if link.has_parental_responsibility else "no parental responsibility recorded"
    return f"{link.parent.name}, {link.relationship}: {responsible}; {'lives' if link.lives_with_pupil else 'does not live'} with the pupil"


def _responsible(scope: Scope) -> Check:
    if not scope.shown:
        return Check("Parent", False, "No parent is recorded who may be named.")
    without = [link.parent.name for link in scope.shown if not (link.has_parental_responsibility or link.lives_with_pupil)]
    if without:
        return Check(
            "Parent", False, f"{', '.join(without)}: neither parental responsibility nor living with the pupil is recorded."
        )
    return Check("Parent", True, ", ".join(link.parent.name for link in scope.shown))


def register(scope: Scope) -> Part:
    """The year's register up to the day, and every amendment of it."""
    rows = list(RegisterRow.objects.filter(enrolment__pupil=scope.case.pupil_id, school=scope.school, year=scope.case.year))
    marks = sorted((mark for row in rows for mark in marks_until(row, scope.on)), key=lambda mark: (mark.on, mark.session))
    changes = list(_changes(scope, rows))
    exhibits = []
    if marks and scope.enrolment:
        exhibits = [
            Exhibit(f"Register {year_label(scope.case.year)}, every code", [_weeks(marks)]),
            Exhibit("Absences by date", [Sheet(_record(scope))]),
            Exhibit("Amendments of the register", [_amendments(changes)]),
        ]
    return Part(
        key="register",
        title="Register",
        exhibits=exhibits,
        rows=[*(_row(row, scope.on) for row in rows), *rows_of(changes)],
        checks=_checks(marks, changes),
        missing="" if exhibits else "There are no marks of the year.",
    )


def _record(scope: Scope) -> str:
    assert scope.enrolment is not None
    try:
        return certificate_html(scope.enrolment, copy="evidence", on=scope.on)
    except Refused as refused:
        return f"<p>{refused}</p>"


def _changes(scope: Scope, rows: list[RegisterRow]) -> list[MarkChange]:
    found = MarkChange.objects.filter(row__in=rows, date__lte=scope.on, at__lt=scope.end)
    return list(found.select_related("by", "batch").defer("batch__first_entries").order_by("at", "pk"))


def _row(row: RegisterRow, on: dt.date) -> Row:
    """Only the marks up to the day: what is marked later is no change of what the pack shows."""
    last = on if on.weekday() < 5 else on - dt.timedelta(days=on.weekday() - 4)
    return row_of(row, marks=row.marks[: slot(last, "PM") + 1])


def _weeks(marks: list[Mark]) -> Table:
    weeks: dict[dt.date, dict[int, str]] = defaultdict(lambda: defaultdict(str))
    for mark in marks:
        monday = mark.on - dt.timedelta(days=mark.on.weekday())
        weeks[monday][mark.on.weekday()] += f"{' ' if weeks[monday][mark.on.weekday()] else ''}{mark.code}"
    rows = [(f"{day(monday)}", *(weeks[monday][number] or "–" for number in range(5))) for monday in sorted(weeks)]
    return Table("Morning and afternoon code of each day, in the national codes", ("Week beginning", *DAYS), rows)


def _amendments(changes: list[MarkChange]) -> Table | Sheet:
    if not changes:
        return Sheet("<p>No mark of the year was amended after it was entered.</p>")
    rows = [
        (
            f"{day(change.date)}, {'morning' if change.session == 'AM' else 'afternoon'}",
            change.original or "none",
            change.amended or "none",
            change.reason,
            f"{change.by.name if change.by else 'the import'}{f', {change.role}'.replace('_', ' ') if change.role else ''}",
            f"{change.at.astimezone(dt.UTC):%-d %B %Y, %H:%M} UTC",
        )
        for change in changes
    ]
    return Table("Every entry that was amended", ("Session", "Original", "Amended", "Reason", "By", "When"), rows)


def _checks(marks: list[Mark], changes: list[MarkChange]) -> list[Check]:
    open_codes = sum(mark.code == "N" for mark in marks)
    return [
        Check("Register", bool(marks), f"{counted(len(marks), 'session')} up to {day(marks[-1].on)}" if marks else "No marks."),
        Check(
            "Amendments",
            True,
            f"{counted(len(changes), 'amendment')}, each with original, reason and name" if changes else "none",
        ),
        Check(
            "Reasons",
            not open_codes,
            f"{counted(open_codes, 'session')} still N: no reason found" if open_codes else "no N is open",
        ),
    ]
