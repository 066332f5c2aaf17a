"""Reading a report of SIMS's CommandReporter (``SuperStarReport``): pupils with their flags, and attendance totals. No database, no clock.

The columns of a report are whatever the school put into it, with what XML does not allow in a name written as ``_x0020_``; they are known
by their letters alone. A totals report has no dates, so that no rule can be run on it: it is compared with our own figures, and the
differences are listed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from attendance.imports import shown
from attendance.safe_xml import Element, read_xml, truth
from schools.arrivals import Arrivals, ArrivingPupil
from schools.models import PupilFlag
from schools.rules import FileRefused, Refusal, Refused

ROOT = "SuperStarReport"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_COLUMNS = {
    "adno": "admission",
    "admissionnumber": "admission",
    "legalforename": "first",
    "legalsurname": "legallast",
    "forename": "called",
    "preferredforename": "called",
    "chosenname": "called",
    "surname": "last",
    "preferredsurname": "last",
    "dateofbirth": "dob",
    "gender": "sex",
    "year": "yeargroup",
    "yeartaughtin": "yeargroup",
    "yeartaughtincode": "yeargroup",
    "reg": "form",
    "reggroup": "form",
    "registrationgroup": "form",
    "housename": "house",
    "sencode": "sen",
    "senstatus": "sen",
    "senprovision": "sen",
    "freeschoolmeals": "fsm",
    "fsmeligible": "fsm",
    "incare": "cla",
    "lookedafter": "cla",
    "pp": "pupilpremium",
    "pupilpremiumindicator": "pupilpremium",
    "englishasadditionallanguage": "eal",
    "dateofadmission": "admitted",
    "admissiondate": "admitted",
    "dateofleaving": "left",
    "leavingdate": "left",
    "presentplusaea": "attended",
    "presentmarks": "present",
    "approvededactivity": "aea",
    "possiblemarks": "possible",
    "authorisedabsences": "authorised",
    "unauthorisedabsences": "unauthorised",
    "unexplainedabsences": "noreason",
    "latebeforereg": "late",
}
_TOTALS = ("possible", "attended", "authorised", "unauthorised")
_COMPARED = {
    "possible": "possible sessions",
    "attended": "sessions attended",
    "authorised": "authorised absences",
    "unauthorised": "unauthorised absences",
    "no_reason_yet": "absences without a reason yet",
    "late": "late marks before the register closed",
}


class PupilTotals(NamedTuple):
    """A pupil's sessions in a totals report; None where it has no such column. ``row`` is the file's line."""

    row: int
    upn: str
    admission_number: str
    possible: int | None
    attended: int | None
    authorised: int | None
    unauthorised: int | None
    no_reason_yet: int | None
    late: int | None


class Ours(NamedTuple):
    """What stands here for the pupil, in sessions of the year up to the last night."""

    pupil_id: int
    possible: int
    attended: int
    authorised: int
    unauthorised: int
    no_reason_yet: int
    late: int


class Difference(NamedTuple):
    """A figure of a pupil that the report gives otherwise."""

    row: int
    pupil_id: int
    what: str
    theirs: int
    ours: int


@dataclass(frozen=True)
class Report:
    """What a report says: people, totals, or both. ``refusals`` carry line numbers."""

    pupils: Sequence[ArrivingPupil]
    totals: Sequence[PupilTotals]
    refusals: Sequence[Refusal]

    def arrivals(self) -> Arrivals:
        """The pupils, to be looked at and taken in."""
        return Arrivals("sims", self.pupils, self.refusals)


def read_sims(data: bytes) -> Report:
    """Reads a report. FileRefused where it is none, or where neither pupils nor totals can be read from its columns."""
    root = read_xml(data)
    if root.name != ROOT:
        raise FileRefused(f"Line {root.line}: the file begins with {shown(root.name)}, so it is not a report of SIMS (<{ROOT}>).")
    records = list(root.each("Record"))
    columns = {name for record in records for name in _values(record)}
    if not columns & {"upn", "admission"}:
        raise FileRefused(
            f"Line {root.line}: the report has no column UPN or Adno, so nobody can be found by it. Add one of them."
        )
    has_people = bool(columns & {"last", "legallast"})
    has_totals = "possible" in columns
    if not has_people and not has_totals:
        raise FileRefused(f"Line {root.line}: the report has neither surnames nor Possible_marks. Add the columns that you need.")
    return _report(records, has_people=has_people, has_totals=has_totals)


def _report(records: Sequence[Element], *, has_people: bool, has_totals: bool) -> Report:
    pupils: list[ArrivingPupil] = []
    totals: list[PupilTotals] = []
    refusals: list[Refusal] = []
    seen: set[tuple[str, str]] = set()
    for record in records:
        values = _values(record)
        who = values.get("upn", "").upper(), values.get("admission", "")
        try:
            if not any(who):
                raise Refused("The record has neither a UPN nor an admission number: nobody can be found by it.")
            if who in seen:
                raise Refused("An earlier record is about the same pupil: leave one of them out of the report.")
            seen.add(who)
            if has_people:
                pupils.append(_pupil(record.line, values))
            if has_totals:
                totals.append(_totals(record.line, values))
        except Refused as refused:
            refusals.append(Refusal(record.line, str(refused)))
    return Report(pupils, totals, refusals)


def _values(record: Element) -> dict[str, str]:
    """The record's texts by column, without empty ones."""
    return {_column(field.name): text for field in record.children if (text := field.text.strip())}


@cache
def _column(name: str) -> str:
    """The column's own word for a name such as ``Year_x0020_taught_x0020_in``."""
    plain = re.sub(r"[\W_]", "", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name).lower())
    return _COLUMNS.get(plain, plain)


def _pupil(row: int, values: Mapping[str, str]) -> ArrivingPupil:
    legal, called = values.get("first", ""), values.get("called", "")
    if not (values.get("last") or values.get("legallast")) or not (legal or called):
        raise Refused("The record has no surname or no forename: complete it.")
    return ArrivingPupil(
        row=row,
        upn=values.get("upn", "").upper(),
        admission_number=values.get("admission", ""),
        first_name=legal or called,
        last_name=values.get("last") or values["legallast"],
        known_as=called if legal and called and called != legal else None,
        date_of_birth=_date(values, "dob"),
        sex=values.get("sex", "")[:1].upper() if values.get("sex", "")[:1].upper() in ("F", "M") else "",
        year_group=_year_group(values.get("yeargroup", "")),
        form=values.get("form"),
        house=values.get("house"),
        admitted=_date(values, "admitted"),
        left=_date(values, "left"),
        flags=_flags(values),
    )


def _date(values: Mapping[str, str], column: str) -> dt.date | None:
    """A day, which the report may write with a time and a zone: the day in England is meant, whatever hour stands there."""
    text = values.get(column, "")
    if not text:
        return None
    bare = text.partition("T")[0].partition(" ")[0]
    for pattern in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return dt.datetime.strptime(bare, pattern).date()
        except ValueError:
            continue
    raise Refused(f"{column} {shown(text)} is not a date: write it as 2013-10-01.")


def _year_group(text: str) -> int | None:
    """ "7", "07", "Year  7" or "R"."""
    bare = re.sub(r"(?i)^(national curriculum )?year\s*", "", text).strip()
    if bare.isascii() and bare.isdigit() and len(bare) < 3:
        return int(bare)
    return {"r": 0, "reception": 0, "n2": -1, "n1": -2}.get(bare.lower())


def _flags(values: Mapping[str, str]) -> dict[str, str | None]:
    """What the report says about the pupil; a column that it does not have says nothing."""
    kind = PupilFlag.Kind
    flags: dict[str, str | None] = {}
    for column, flag in (("fsm", kind.FSM), ("cla", kind.LOOKED_AFTER), ("eal", kind.EAL), ("pupilpremium", kind.PUPIL_PREMIUM)):
        said = truth(values.get(column, ""))
        if said is not None:
            flags[flag] = "" if said else None
    if sen := values.get("sen", "")[:1].upper():
        flags[kind.SEN_SUPPORT] = "" if sen == "K" else None
        flags[kind.EHC_PLAN] = "" if sen in ("E", "S") else None
    if "ethnicity" in values:
        flags[kind.ETHNICITY] = values["ethnicity"][:80]
    return flags


def _totals(row: int, values: Mapping[str, str]) -> PupilTotals:
    count = {name: _count(values, name) for name in (*_TOTALS, "present", "aea", "noreason", "late")}
    attended = count["attended"]
    if attended is None and count["present"] is not None:
        attended = count["present"] + (count["aea"] or 0)
    return PupilTotals(
        row, values.get("upn", "").upper(), values.get("admission", ""), count["possible"], attended, count["authorised"],
        count["unauthorised"], count["noreason"], count["late"],
    )  # fmt: skip


def _count(values: Mapping[str, str], column: str) -> int | None:
    text = re.sub(r"\.0*$", "", values.get(column, ""))
    if text and not (text.isascii() and text.isdigit() and len(text) < 5):
        raise Refused(f"{shown(text)} is not a whole number of marks: correct the report.")
    return int(text) if text else None


def differences(
    totals: Sequence[PupilTotals], by_upn: Mapping[str, Ours], by_admission_number: Mapping[str, Ours]
) -> tuple[list[Difference], list[Refusal]]:
    """(every figure that the report gives otherwise than it stands here, the lines about pupils who are not known here)."""
    found: list[Difference] = []
    unknown: list[Refusal] = []
    for line in totals:
        ours = by_upn.get(line.upn) if line.upn else None
        ours = ours or by_admission_number.get(line.admission_number)
        if ours is None:
            unknown.append(Refusal(line.row, "There are no figures here for this pupil: check the UPN, or run the night first."))
            continue
        for name, words in _COMPARED.items():
            theirs, own = getattr(line, name), getattr(ours, name)
            if theirs is not None and theirs != own:
                found.append(Difference(line.row, ours.pupil_id, words, theirs, own))
    return found, unknown
