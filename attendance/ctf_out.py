"""Writing a common transfer file: a pupil with contacts, and the totals and marks of the years at our school and before it.

Contacts whom a court order or a no-contact note keeps away are left out, since the file has no place to say so and the next school would
write to them. Years stand under the year in which they begin. What is written here is read by ``ctf`` as it stood.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as xml

from django.db import transaction

from attendance.codes import NO_MARK
from attendance.ctf import RELATIONSHIPS, ROOT, SchoolNumber
from attendance.earlier import earlier_years, number_of
from attendance.grid import academic_year_of, session_of
from attendance.mark_string import CLOSED, Marks, Totals, totals_of, write_marks
from attendance.models import EarlierAttendance, RegisterRow
from attendance.queries import code_of
from schools import audit
from schools.models import Enrolment, Placement, Pupil, PupilFlag, PupilParent, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import SchoolDays

VERSION = "25.0"
SUPPLIER = "Handrail"
UNKNOWN = SchoolNumber("XXX", "XXXX")
_CODE_OF = {words.lower(): code for code, words in RELATIONSHIPS.items()}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


@dataclass(frozen=True)
class YearOut:
    """A pupil's year at one school, as the file gives it. ``marks``: first day and string."""

    year: int
    school: SchoolNumber
    totals: Totals | None
    marks: tuple[dt.date, str] | None


@transaction.atomic
def write_transfer(
    *,
    enrolment: Enrolment,
    destination: SchoolNumber = UNKNOWN,
    slots_a_week: int = 10,
    by: User | None,
    role: str = "",
    on: dt.date,
    now: dt.datetime,
) -> tuple[str, bytes]:
    """(file name, the file) of one pupil, up to and with a day; recorded as an export. Refused for a pupil without a UPN."""
    pupil, school = enrolment.pupil, enrolment.school
    if not pupil.upn:
        raise Refused("The pupil has no UPN, and a transfer file is found again by it: enter the UPN first.")
    source = number_of(school)
    years = [*_own_years(enrolment, source, slots_a_week, on), *(_earlier(row, slots_a_week) for row in earlier_years(pupil))]
    root = xml.Element(ROOT)
    root.append(_header(source, destination, now))
    xml.SubElement(root, "CTFpupilData").append(_pupil(enrolment, years, on))
    xml.indent(root)
    audit.record(action="transfer file written", subject=pupil, by=by, role=role, at=now, school=school)
    name = f"{source.authority or 'XXX'}{source.establishment or 'XXXX'}_CTF_{destination.authority}{destination.establishment}_001.xml"
    return name, xml.tostring(root, encoding="utf-8", xml_declaration=True)


def _add(parent: xml.Element, name: str, text: object) -> None:
    """An element with a text; none where there is nothing to say."""
    if text not in (None, ""):
        xml.SubElement(parent, name).text = _FORBIDDEN.sub(" ", str(text))


def _part(parent: xml.Element, name: str, **texts: object) -> xml.Element:
    """An element with elements in it, in their order."""
    part = xml.SubElement(parent, name)
    for each, text in texts.items():
        _add(part, each, text)
    return part


def _header(source: SchoolNumber, destination: SchoolNumber, now: dt.datetime) -> xml.Element:
    header = xml.Element("Header")
    _add(header, "DocumentName", "Common Transfer File")
    _add(header, "CTFversion", VERSION)
    _add(header, "DateTime", now.isoformat(timespec="seconds")[:19])
    _add(header, "DocumentQualifier", "partial")
    _add(header, "SupplierID", SUPPLIER)
    _part(
        header,
        "SourceSchool",
        LEA=source.authority,
        Estab=source.establishment,
        SchoolName=source.name,
        AcademicYear=academic_year_of(now.date()),
    )
    _part(header, "DestSchool", LEA=destination.authority, Estab=destination.establishment)
    return header


def _pupil(enrolment: Enrolment, years: Sequence[YearOut], on: dt.date) -> xml.Element:
    pupil = enrolment.pupil
    links = [link for link in pupil.parent_links.select_related("parent") if not link.is_barred(on)]
    home = next((link.parent.address for link in links if link.lives_with_pupil and link.parent.address), "")
    element = xml.Element("Pupil")
    for name, text in (
        ("UPN", pupil.upn),
        ("Surname", pupil.last_name),
        ("Forename", pupil.first_name),
        ("DOB", pupil.date_of_birth),
        ("Sex", pupil.sex),
    ):
        _add(element, name, text)
    flags = list(PupilFlag.objects.filter(pupil=pupil, starts__lte=on).order_by("starts"))
    _flags(element, flags, on)
    _basic_details(element, pupil, flags, _placement(enrolment))
    if home:
        _address(xml.SubElement(element, "Address"), home)
    contacts = xml.SubElement(element, "Contacts")
    for link in links:
        _contact(contacts, link, home)
    attendance = xml.SubElement(element, "Attendance")
    for year in years:
        _year(attendance, year)
    _history(element, enrolment)
    return element


def _placement(enrolment: Enrolment) -> Placement | None:
    return enrolment.placements.order_by("-starts").first()


def _flags(element: xml.Element, flags: Sequence[PupilFlag], on: dt.date) -> None:
    """Free school meals with their dates, special educational needs, and whether the pupil is looked after."""
    kind = PupilFlag.Kind
    meals = [flag for flag in flags if flag.kind == kind.FSM]
    if meals:
        history = xml.SubElement(element, "FSMhistory")
        for flag in meals:
            _part(history, "FSMinstance", FSMstartDate=flag.starts, FSMendDate=flag.ends, UKcountry="ENG")
    stages = [flag for flag in flags if flag.kind in (kind.SEN_SUPPORT, kind.EHC_PLAN)]
    if stages:
        history = xml.SubElement(element, "SENhistory")
        for flag in stages:
            _part(history, "SEN", StartDate=flag.starts, SENprovision="E" if flag.kind == kind.EHC_PLAN else "K")
            if flag.ends and flag.ends < on and flag is stages[-1]:
                _part(history, "SEN", StartDate=flag.ends + dt.timedelta(days=1), SENprovision="N")
    if any(flag.kind == kind.LOOKED_AFTER and (flag.ends is None or flag.ends >= on) for flag in flags):
        _part(element, "LookedAfter", InCare="true")


def _basic_details(element: xml.Element, pupil: Pupil, flags: Sequence[PupilFlag], placement: Placement | None) -> None:
    ethnicity = [flag.value for flag in flags if flag.kind == PupilFlag.Kind.ETHNICITY and flag.ends is None]
    year = {0: "R", -1: "N2", -2: "N1"}.get(placement.year_group, placement.year_group) if placement else ""
    _part(
        element,
        "BasicDetails",
        PreferredForename=pupil.known_as,
        NCyearActual=year,
        Ethnicity=ethnicity[-1] if ethnicity else "",
    )


def _address(element: xml.Element, lines: str) -> None:
    """Up to five lines and a postcode, which stands last."""
    *first, last = [line for line in lines.splitlines() if line.strip()]
    for number, line in enumerate(first[:5], start=1):
        _add(element, f"AddressLine{number}", line)
    _add(element, "PostCode", last)


def _contact(contacts: xml.Element, link: PupilParent, home: str) -> None:
    parent = link.parent
    contact = _part(
        contacts,
        "Contact",
        Order=link.priority,
        Title=parent.title,
        Surname=parent.last_name,
        Forename=parent.first_name,
        Relationship=_CODE_OF.get(link.relationship.lower(), link.relationship),
        Responsibility=str(link.has_parental_responsibility).lower(),
    )
    if parent.address:
        address = xml.SubElement(contact, "Address")
        if parent.address == home:
            _add(address, "AddressAsPupil", "true")
        else:
            _address(address, parent.address)
    if parent.telephone:
        kind = "M" if parent.telephone.startswith("07") else "H"
        _part(xml.SubElement(contact, "Phones"), "Phone", TelephoneType=kind, PhoneNo=parent.telephone)
    _add(contact, "Email", parent.email)


def _year(attendance: xml.Element, year: YearOut) -> None:
    data = _part(
        attendance,
        "YearData",
        Year=year.year,
        LEA=year.school.authority,
        Estab=year.school.establishment,
        SchoolName=year.school.name,
    )
    if year.totals:
        for name, sessions in zip(("Possible", "Attended", "Authorised", "Unauthorised"), year.totals, strict=True):
            _add(data, f"Sessions{name}", sessions)
    if year.marks:
        _part(data, "AttendSessions", AttendanceStartDate=year.marks[0], AttendanceMarks=year.marks[1])


def _history(element: xml.Element, enrolment: Enrolment) -> None:
    source = number_of(enrolment.school)
    history = xml.SubElement(element, "SchoolHistory")
    _part(
        history,
        "School",
        LEA=source.authority,
        Estab=source.establishment,
        SchoolName=source.name,
        EntryDate=enrolment.starts,
        LeavingDate=enrolment.ends,
    )


def _own_years(enrolment: Enrolment, school: SchoolNumber, slots_a_week: int, on: dt.date) -> Iterable[YearOut]:
    """The years on our register, the latest first, up to and with the day."""
    rows = RegisterRow.objects.filter(enrolment__pupil=enrolment.pupil_id, school=enrolment.school_id).order_by("-year")
    by_year: dict[int, dict[tuple[dt.date, str], str]] = {}
    for row in rows:
        by_year.setdefault(row.year, {}).update(_codes(row, on))
    for year, codes in by_year.items():
        if codes:
            days = school_days(enrolment.school, [year])
            first, last = min(codes)[0], max(codes)[0]
            marks = write_marks(_with_closed_days(codes, days, first, last), first, last, slots_a_week=slots_a_week)
            yield YearOut(year, school, totals_of(codes.values()), marks)


def _codes(row: RegisterRow, on: dt.date) -> dict[tuple[dt.date, str], str]:
    found = {session_of(row.year, place): code_of(mark) for place, mark in enumerate(row.marks) if mark != NO_MARK}
    return {place: code for place, code in found.items() if place[0] <= on}


def _with_closed_days(
    codes: dict[tuple[dt.date, str], str], days: SchoolDays, first: dt.date, last: dt.date
) -> dict[tuple[dt.date, str], str]:
    """The marks, and "#" on every weekday between the first and the last on which the school is closed."""
    weekdays = (first + dt.timedelta(days=number) for number in range((last - first).days + 1))
    closed = {(day, session): CLOSED for day in weekdays if days.index(day) is None for session in ("AM", "PM")}
    return closed | codes


def _earlier(row: EarlierAttendance, slots_a_week: int) -> YearOut:
    """A year at another school, handed on as it came."""
    totals = None
    if row.possible is not None:
        totals = Totals(row.possible, row.attended or 0, row.authorised or 0, row.unauthorised or 0)
    marks = None
    if row.marks and row.marks_start and row.slots_a_week:
        codes = {(date, session): code for date, session, code in Marks(row.marks_start, row.slots_a_week, row.marks).sessions()}
        if codes:
            marks = write_marks(codes, min(codes)[0], max(codes)[0], slots_a_week=slots_a_week)
    return YearOut(row.year, SchoolNumber(row.local_authority, row.establishment, row.school_name), totals, marks)
