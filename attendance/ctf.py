"""Reading a common transfer file (CTF): pupils, contacts, totals and marks of their years at school. No database, no clock.

Versions 19 to 26 are read, with or without namespaces, ``Gender`` or ``Sex``. What the file does not say stays ``None``. A year's totals
are kept even where its string of marks cannot be used; the year says why. Marks of the school that reads the file become register entries;
those of earlier schools are shown apart (``earlier``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from attendance.grid import academic_year_of
from attendance.imports import Entry, Roll, shown
from attendance.mark_string import CLOSED, Marks, Totals, read_marks
from attendance.safe_xml import Element, read_xml, truth
from schools.arrivals import Arrivals, ArrivingContact, ArrivingPupil
from schools.models import PupilFlag
from schools.rules import FileRefused, Refusal, Refused

ROOT = "CTfile"
VERSIONS = range(19, 27)
MOST_SESSIONS = 530
YEARS = range(1900, 2100)
RELATIONSHIPS = {
    "PAM": "Mother",
    "PAF": "Father",
    "STP": "Step-parent",
    "FOM": "Foster mother",
    "FOF": "Foster father",
    "CAR": "Carer",
    "FAM": "Other family member",
    "REL": "Other relative",
    "SWR": "Social worker",
    "CHM": "Childminder",
    "OTH": "Other contact",
}
_PHONES = ("M", "H", "D", "A", "W")
"""Kinds of telephone, the most useful for a call about an absence first."""
_NOT_AN_ADDRESS_LINE = {"AddressAsPupil", "UniquePropertyReferenceNumber", "UPRN", "Easting", "Northing", "Country"}
_ENGLISH = {"ENG", "ENB"}
_LANGUAGE_NOT_SAID = {"NOT", "REF", "ZZZ"}


class SchoolNumber(NamedTuple):
    """A school as the Department numbers it: local authority and establishment."""

    authority: str
    establishment: str
    name: str = ""

    @property
    def is_known(self) -> bool:
        """Whether both are numbers; a file may hold letters where nobody knew them."""
        return self.authority.isdigit() and self.establishment.isdigit()

    @property
    def key(self) -> tuple[str, str]:
        return self.authority, self.establishment

    def __str__(self) -> str:
        return f"{self.authority}/{self.establishment}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True, slots=True)
class SchoolYear:
    """A pupil's year at one school. ``row`` is the file's line; ``fault`` says why there are no marks although the file gives some."""

    row: int
    year: int
    school: SchoolNumber
    totals: Totals | None
    marks: Marks | None = None
    fault: str = ""

    @property
    def contradiction(self) -> str:
        """A sentence where marks and totals of the file do not agree, or an empty string."""
        if self.marks is None or self.totals is None or self.marks.totals == self.totals:
            return ""
        counted, told = self.marks.totals, self.totals
        return (
            f"The marks of {self.year}/{(self.year + 1) % 100:02} give {counted.attended} of {counted.possible} sessions, "
            f"the totals {told.attended} of {told.possible}: both are kept as the file has them."
        )


@dataclass(frozen=True, slots=True)
class PupilInFile:
    arriving: ArrivingPupil
    years: Sequence[SchoolYear]


@dataclass(frozen=True)
class TransferFile:
    """What a common transfer file says. ``refusals`` and ``notices`` carry line numbers."""

    version: str
    made_on: dt.date | None
    source: SchoolNumber
    destination: SchoolNumber
    pupils: Sequence[PupilInFile]
    refusals: Sequence[Refusal]
    notices: Sequence[Refusal]

    def arrivals(self) -> Arrivals:
        """The pupils and contacts, to be looked at and taken in."""
        return Arrivals("ctf", [pupil.arriving for pupil in self.pupils], self.refusals, notices=self.notices)

    def entries(self, school: SchoolNumber, roll: Roll) -> Iterator[Entry]:
        """The marks that were made at this school; closed days on which the school is not open anyway are left out."""
        for pupil in self.pupils:
            for year in pupil.years:
                if year.marks is not None and year.school.key == school.key:
                    yield from _entries(pupil.arriving, year, roll)

    def earlier(self, school: SchoolNumber) -> Iterator[tuple[ArrivingPupil, SchoolYear]]:
        """The years at other schools."""
        for pupil in self.pupils:
            for year in pupil.years:
                if year.school.key != school.key:
                    yield pupil.arriving, year


def _entries(pupil: ArrivingPupil, year: SchoolYear, roll: Roll) -> Iterator[Entry]:
    assert year.marks is not None
    for date, session, code in year.marks.sessions():
        if code != CLOSED or roll.days.index(date) is not None:
            yield Entry(year.row, pupil.upn, pupil.admission_number, date, session, code)


def read_ctf(data: bytes, *, school: SchoolNumber | None = None, on: dt.date, slots_a_week: int | None = None) -> TransferFile:
    """Reads a file as of a day. ``school``: whose it should be. FileRefused where it is no such file, or another school's.

    ``slots_a_week``: 10 or 14 places a week in the strings of marks; None: told from each string.
    """
    root = read_xml(data)
    if root.name != ROOT:
        raise FileRefused(
            f"Line {root.line}: the file begins with {shown(root.name)}, so it is not a common transfer file (<{ROOT}>)."
        )
    header = root.find("Header") or Element("Header", root.line)
    source, destination = _school(header, "SourceSchool"), _school(header, "DestSchool")
    _refuse_another_schools(school, source, destination, header.line)
    reader = _Reader(_made_on(header), source, school, on, slots_a_week)
    pupils = [read for element in root.each("CTFpupilData/Pupil") if (read := reader.pupil(element))]
    if not pupils:
        raise FileRefused(
            f"Line {root.line}: the file holds no pupil that can be read in. Export it again with pupils.", reader.refusals
        )
    version = header.value("CTFversion")
    notices = _version_notice(version, header) + reader.notices
    return TransferFile(
        version, reader.made_on, source, destination, _dated(pupils, reader.made_on or on), reader.refusals, notices
    )


def _school(header: Element, name: str) -> SchoolNumber:
    element = header.find(name) or Element(name, header.line)
    return SchoolNumber(
        element.value("LEA", "LA")[:3], element.value("Estab")[:4], element.value("SchoolName", "AcademyName")[:120]
    )


def _refuse_another_schools(school: SchoolNumber | None, source: SchoolNumber, destination: SchoolNumber, line: int) -> None:
    """A file that neither comes from nor goes to this school is somebody else's."""
    if school is None or not school.is_known or not destination.is_known:
        return
    if school.key not in (source.key, destination.key):
        raise FileRefused(
            f"Line {line}: the file is for school {destination}, and this is {school}. Nothing of it was read in: "
            "check the file, or the school's numbers in its set-up."
        )


def _made_on(header: Element) -> dt.date | None:
    try:
        return dt.date.fromisoformat(header.value("DateTime")[:10])
    except ValueError:
        return None


def _version_notice(version: str, header: Element) -> list[Refusal]:
    number = re.match(r"\d{1,3}", version)
    if number and int(number[0]) in VERSIONS:
        return []
    told = f"version {version[:10]}" if version else "no version"
    return [
        Refusal(header.line, f"The file gives {told}; versions {VERSIONS[0]} to {VERSIONS[-1]} are known. Look at it closely.")
    ]


def _dated(pupils: list[PupilInFile], on: dt.date) -> list[PupilInFile]:
    """The years as those in which they begin: some products write the year in which one ends, as a start date or a year to come shows."""
    years = [year for pupil in pupils for year in pupil.years]
    ends = any(academic_year_of(year.marks.starts) == year.year - 1 for year in years if year.marks) or any(
        year.year > academic_year_of(on) for year in years
    )
    if not ends:
        return pupils
    return [replace(pupil, years=[replace(year, year=year.year - 1) for year in pupil.years]) for pupil in pupils]


class _Reader:
    """Takes the pupils of one file, one after the other."""

    def __init__(
        self, made_on: dt.date | None, source: SchoolNumber, school: SchoolNumber | None, on: dt.date, slots: int | None
    ) -> None:
        self.made_on, self.source, self.school, self.on, self.slots = made_on, source, school, on, slots
        self.refusals: list[Refusal] = []
        self.notices: list[Refusal] = []
        self._seen: set[str] = set()

    def pupil(self, element: Element) -> PupilInFile | None:
        """A pupil with contacts and years; None, with a refusal, where it cannot be read."""
        try:
            arriving = self._arriving(element)
        except Refused as refused:
            self.refusals.append(Refusal(element.line, str(refused)))
            return None
        years = [year for data in element.each("Attendance/YearData") if (year := self._year(data))]
        return PupilInFile(arriving, years)

    def _arriving(self, element: Element) -> ArrivingPupil:
        upn = element.value("UPN").upper()
        if upn in self._seen:
            raise Refused(f"An earlier pupil in the file has the UPN {upn} already: leave one of them out.")
        self._seen.update({upn} - {""})
        if not element.value("Surname") or not element.value("Forename"):
            raise Refused("The pupil has no surname or no forename: complete the file.")
        preferred = element.value("BasicDetails/PreferredForename", "PreferredForename")
        admitted, left = self._at_this_school(element)
        home = _address(element.find("Address"))
        return ArrivingPupil(
            row=element.line,
            upn=upn,
            first_name=element.value("Forename"),
            last_name=element.value("Surname"),
            known_as=preferred if preferred and preferred != element.value("Forename") else None,
            date_of_birth=_date(element, "DOB"),
            sex=_sex(element.value("Sex", "Gender", "BasicDetails/Sex", "BasicDetails/Gender")),
            year_group=_year_group(element.value("BasicDetails/NCyearActual", "NCyearActual")),
            admitted=admitted,
            left=left,
            flags=_flags(element, self.on),
            contacts=[_contact(contact, home) for contact in element.each("Contacts/Contact")] or None,
        )

    def _at_this_school(self, element: Element) -> tuple[dt.date | None, dt.date | None]:
        """When the pupil was admitted to this school and left it, where the file's history names it."""
        for stay in element.each("SchoolHistory/School"):
            if self.school and self.school.is_known and (stay.value("LEA"), stay.value("Estab")) == self.school.key:
                return _date(stay, "EntryDate"), _date(stay, "LeavingDate")
        return None, None

    def _year(self, data: Element) -> SchoolYear | None:
        """A year; None, with a refusal, where not even its totals can be read."""
        try:
            totals = _totals(data)
            sessions = data.find("AttendSessions")
            starts = _date(sessions, "AttendanceStartDate") if sessions else None
            year = SchoolYear(data.line, _year_number(data, starts), self._school_of(data), totals)
        except Refused as refused:
            self.refusals.append(Refusal(data.line, str(refused)))
            return None
        return self._with_marks(year, sessions, starts) if sessions else year

    def _school_of(self, data: Element) -> SchoolNumber:
        if not data.value("LEA") and not data.value("Estab"):
            return self.source
        return SchoolNumber(data.value("LEA")[:3], data.value("Estab")[:4], data.value("SchoolName")[:120])

    def _with_marks(self, year: SchoolYear, sessions: Element, starts: dt.date | None) -> SchoolYear:
        """The year with its marks, or with why it has none."""
        string = sessions.find("AttendanceMarks")
        if string is None or not string.text.strip():
            return year
        try:
            if starts is None:
                raise Refused("The marks have no start date.")
            marks = read_marks(string.text, starts, slots_a_week=self.slots, totals=year.totals)
        except Refused as refused:
            fault = f"{refused} Only the totals are kept."
            self.notices.append(Refusal(string.line, fault))
            return replace(year, row=string.line, fault=fault)
        year = replace(year, row=string.line, marks=marks)
        if year.contradiction:
            self.notices.append(Refusal(string.line, year.contradiction))
        return year


def _totals(data: Element) -> Totals | None:
    """The year's sessions; None where the file gives none. Refused where they cannot be right."""
    texts = [data.value(f"Sessions{name}") for name in ("Possible", "Attended", "Authorised", "Unauthorised")]
    if not any(texts):
        return None
    if not all(not text or (text.isascii() and text.isdigit() and len(text) < 5) for text in texts):
        raise Refused("A number of sessions is not a whole number: correct the file.")
    possible, attended, authorised, unauthorised = (int(text or 0) for text in texts)
    if not texts[0]:
        possible = attended + authorised + unauthorised
    if possible > MOST_SESSIONS or attended + authorised + unauthorised > possible:
        raise Refused(
            f"{attended} sessions attended, {authorised} authorised and {unauthorised} unauthorised do not go into {possible} possible "
            "ones: correct the file."
        )
    return Totals(possible, attended, authorised, unauthorised)


def _year_number(data: Element, starts: dt.date | None) -> int:
    text = data.value("Year")
    if re.fullmatch(r"(19|20)\d\d", text, re.ASCII):
        return int(text)
    if starts is not None and not text:
        return academic_year_of(starts)
    raise Refused(f"Year {shown(text)} is not a year such as 2025: correct the file.")


def _date(element: Element, path: str) -> dt.date | None:
    """A date, perhaps with a time after it. Refused where there is one that is none."""
    text = element.value(path)
    if not text:
        return None
    try:
        date = dt.date.fromisoformat(text.partition("T")[0])
    except ValueError:
        date = dt.date.min
    if date.year not in YEARS:
        raise Refused(f"{path} {shown(text)} is not a date: write it as 2013-10-01.")
    return date


def _sex(text: str) -> str:
    return text.upper() if text.upper() in ("F", "M") else ""


def _year_group(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 3:
        return int(text)
    return {"R": 0, "N2": -1, "N1": -2}.get(text.upper())


def _flags(element: Element, on: dt.date) -> dict[str, str | None]:
    """What the file says about the pupil on the day; a part of the file that is missing says nothing."""
    kind = PupilFlag.Kind
    flags: dict[str, str | None] = {}
    if (history := element.find("FSMhistory")) and list(history.each("FSMinstance")):
        flags[kind.FSM] = "" if any(_stands(instance, on) for instance in history.each("FSMinstance")) else None
    if provision := _sen(element, on):
        flags[kind.SEN_SUPPORT] = "" if provision == "K" else None
        flags[kind.EHC_PLAN] = "" if provision in ("E", "S") else None
    in_care = truth(element.value("LookedAfter/InCare", "LookedAfter/LACstatus"))
    if in_care is not None:
        flags[kind.LOOKED_AFTER] = element.value("LookedAfter/CareAuthority")[:80] if in_care else None
    carer = element.value("BasicDetails/YoungCarer", "YoungCarer").upper()
    if carer:
        flags[kind.YOUNG_CARER] = "" if carer in ("P", "S", "Y", "TRUE", "1") else None
    if ethnicity := element.value("BasicDetails/Ethnicity", "Ethnicity"):
        flags[kind.ETHNICITY] = ethnicity[:80]
    return flags | _language(element)


def _stands(instance: Element, on: dt.date) -> bool:
    starts, ends = _date(instance, "FSMstartDate"), _date(instance, "FSMendDate")
    return starts is not None and starts <= on and (ends is None or on <= ends)


def _sen(element: Element, on: dt.date) -> str:
    """The latest provision that had begun: K, E, S (a statement, before plans) or N; empty where the file says nothing."""
    stages = [
        (_date(stage, "StartDate") or dt.date.min, stage.value("SENprovision").upper())
        for path in ("SENhistory/SEN", "SEN")
        for stage in element.each(path)
        if stage.value("SENprovision")
    ]
    return max((stage for stage in stages if stage[0] <= on), default=(dt.date.min, ""))[1]


def _language(element: Element) -> dict[str, str | None]:
    """Whether English is an additional language, from the first language."""
    for language in element.each("BasicDetails/Languages/Type"):
        code = language.value("Language").upper()
        if language.value("LanguageType").upper() == "F" and code and code not in _LANGUAGE_NOT_SAID:
            return {PupilFlag.Kind.EAL: None if code in _ENGLISH else ""}
    return {}


def _contact(element: Element, home: str) -> ArrivingContact:
    """A contact; ``home`` is the pupil's address."""
    as_pupil = truth(element.value("Address/AddressAsPupil", "AddressAsPupil"))
    address = home if as_pupil else _address(element.find("Address"))
    order = element.value("Order")
    relationship = element.value("Relationship")
    return ArrivingContact(
        title=element.value("Title"),
        first_name=element.value("Forename"),
        last_name=element.value("Surname"),
        relationship=RELATIONSHIPS.get(relationship.upper(), relationship),
        priority=int(order) if order.isascii() and order.isdigit() and 0 < int(order[:5]) < 1000 else None,
        has_parental_responsibility=truth(element.value("Responsibility", "Responsible")),
        lives_with_pupil=True if as_pupil or (address and address == home) else False if address else None,
        telephone=_telephone(element),
        email=element.value("Email"),
        address=address,
    )


def _telephone(element: Element) -> str:
    """The number to ring first."""
    numbers = [(phone.value("TelephoneType").upper()[:1], phone.value("PhoneNo")) for phone in element.each("Phones/Phone")]
    ranked = sorted((number for number in numbers if number[1]), key=lambda pair: (_PHONES + (pair[0],)).index(pair[0]))
    return ranked[0][1] if ranked else element.value("Phone")


def _address(element: Element | None) -> str:
    """One line each, the postcode last; a house number stands before its street."""
    if element is None:
        return ""
    parts = [(leaf.name, leaf.text.strip()) for leaf in _leaves(element) if leaf.text.strip()]
    house = " ".join(text for name, text in parts if name in ("SAON", "PAON"))
    street = next((text for name, text in parts if name == "Street"), "")
    first = f"{house} {street}".strip() if house[:1].isdigit() or not street else f"{house}\n{street}".strip()
    others = [
        text for name, text in parts if name not in ("SAON", "PAON", "Street", "PostCode", "Postcode", *_NOT_AN_ADDRESS_LINE)
    ]
    postcode = next((text for name, text in parts if name in ("PostCode", "Postcode")), "")
    return "\n".join(dict.fromkeys(filter(None, [*first.split("\n"), *others, postcode])))


def _leaves(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield from _leaves(child) if child.children else (child,)
