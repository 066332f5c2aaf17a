"""Pupils and contacts out of a table: which column is which, and each value in the words of ``arrivals``. No database.

One row a pupil, with up to three contacts in columns of their own (contact 1 surname, contact 1 e-mail …), as the MIS's lists give them.
An empty cell says nothing; only a plain no ends a flag.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from schools.arrivals import Arrivals, ArrivingContact, ArrivingPupil
from schools.columns import Column, guessed
from schools.models import PupilFlag
from schools.rules import FileRefused, Refusal
from schools.tables import Table

CONTACTS = 3
NEEDED = "UPN or admission number"
_KIND = PupilFlag.Kind
PUPIL = (
    Column("upn", "UPN", ("uniquepupilnumber", "pupilupn", "studentupn")),
    Column("admissionnumber", "Admission number", ("admissionno", "admissionnum", "adno", "admno", "studentid")),
    Column("firstname", "First name", ("forename", "legalforename", "legalfirstname", "givenname")),
    Column("lastname", "Surname", ("surname", "legalsurname", "legallastname", "familyname")),
    Column("knownas", "Known as", ("preferredfirstname", "preferredforename", "chosenname", "preferredname")),
    Column("dateofbirth", "Date of birth", ("dob", "birthdate", "dateofbirthddmmyyyy")),
    Column("sex", "Sex", ("gender", "gendercode", "legalsex")),
    Column("yeargroup", "Year group", ("year", "yeartaughtin", "yeartaughtincode", "ncyear", "yeargroupname", "ncyearactual")),
    Column("form", "Form", ("tutorgroup", "tutorgroupname", "reggroup", "registrationgroup", "registrationform", "class", "formgroup")),
    Column("house", "House", ("housegroup", "housename")),
    Column("admitted", "Admitted on", ("admissiondate", "dateofadmission", "entrydate", "dateofentry", "startdate", "enrolmentstartdate")),
    Column("left", "Left on", ("leavingdate", "dateofleaving", "leavedate", "enddate", "enrolmentenddate", "dol")),
)  # fmt: skip
FLAGS = (
    Column(_KIND.FSM, "Free school meals", ("fsmeligible", "freeschoolmeals", "fsmflag", "freeschoolmealseligible")),
    Column(_KIND.PUPIL_PREMIUM, "Pupil premium", ("pupilpremium", "premiumpupilflag", "pupilpremiumindicator", "ppindicator", "pp")),
    Column("sen", "SEN stage", ("sencode", "senstatus", "senprovision", "senneed", "provisionname")),
    Column(_KIND.LOOKED_AFTER, "Looked after", ("lookedafter", "cla", "incare", "incareflag", "childlookedafter", "lac")),
    Column(_KIND.SOCIAL_WORKER, "Social worker", ("socialworker", "hassocialworker", "childinneed")),
    Column(_KIND.CHILD_PROTECTION, "Child protection plan", ("childprotection", "childprotectionplan", "cpplan")),
    Column(_KIND.YOUNG_CARER, "Young carer", ("youngcarer", "youngcarerflag")),
    Column(_KIND.EAL, "English as an additional language", ("ealflag", "ealstatus", "englishadditionallanguage")),
    Column(_KIND.ETHNICITY, "Ethnicity", ("ethnicitycode", "ethnicgroup", "ethniccode")),
    Column(_KIND.FIRST_DAY_LIST, "First-day list", ("firstdaylist", "firstdaycalling")),
)  # fmt: skip
_OF_A_CONTACT = (
    ("title", "title", ("salutation",)),
    ("name", "full name", ()),
    ("firstname", "first name", ("forename",)),
    ("lastname", "surname", ("surname",)),
    ("relationship", "relationship", ("relation", "relationshiptopupil")),
    ("parentalresponsibility", "parental responsibility", ("pr", "hasparentalresponsibility")),
    ("liveswith", "lives with the pupil", ("liveswithpupil", "residence")),
    ("letters", "receives letters", ("correspondence", "receivesletters")),
    ("courtorder", "court order", ("nocontact",)),
    ("telephone", "telephone", ("phone", "mobile", "tel", "phonenumber", "mobilenumber")),
    ("email", "e-mail", ("emailaddress", "primaryemail")),
    ("address", "address", ("homeaddress",)),
    ("language", "language", ("preferredlanguage",)),
    ("id", "number in the MIS", ("contactid", "personid")),
)


def _contact_columns(number: int) -> tuple[Column, ...]:
    heads = (f"contact{number}", f"parent{number}", f"priority{number}contact")
    return tuple(
        Column(
            f"contact{number}{name}",
            f"Contact {number}: {words}",
            tuple(f"{head}{each}" for head in heads for each in (name, *also)),
        )
        for name, words, also in _OF_A_CONTACT
    )


COLUMNS: tuple[Column, ...] = (
    *PUPIL,
    *FLAGS,
    *(column for number in range(1, CONTACTS + 1) for column in _contact_columns(number)),
)
_NAMES = {column.name: column for column in COLUMNS}
YES = {"yes", "y", "true", "t", "1", "x", "✓"}
NO = {"no", "n", "false", "f", "0"}
_SEN = {"e": _KIND.EHC_PLAN, "k": _KIND.SEN_SUPPORT, "ehcp": _KIND.EHC_PLAN, "ehc": _KIND.EHC_PLAN, "s": _KIND.EHC_PLAN}


class _RowRefused(ValueError):
    pass


def guessed_columns(headings: Sequence[str]) -> dict[str, int]:
    """The position of each of ``COLUMNS`` that the headings certainly give."""
    return guessed(headings, COLUMNS)


def missing_columns(columns: Mapping[str, int]) -> list[str]:
    """What a table of people cannot be without, in words, and that is not there."""
    missing = [] if {"upn", "admissionnumber"} & set(columns) else [NEEDED]
    useful = set(columns) - {"upn", "admissionnumber"}
    return missing if useful else [*missing, "anything about the pupils"]


def looks_like_people(headings: Sequence[str]) -> bool:
    """Whether the headings are rather a list of people than a register."""
    found = guessed_columns(headings)
    return bool({"firstname", "lastname", "dateofbirth", "form"} & set(found)) and len(found) >= 3


def arrivals_of(table: Table, columns: Mapping[str, int], *, is_whole_roll: bool = False) -> Arrivals:
    """The people of a table. A row that cannot be read is refused with its number and the others stand; FileRefused without the columns."""
    if missing := missing_columns(columns):
        raise FileRefused(f"The header has no column for {', '.join(missing)}: say which column it is, or export it too.")
    pupils, refusals = [], []
    for row, fields in table.rows:
        if not any(fields):
            continue
        fields = [*fields, *[""] * (len(table.headings) - len(fields))]
        try:
            pupils.append(_pupil(row, {name: fields[position] for name, position in columns.items() if name in _NAMES}))
        except _RowRefused as refused:
            refusals.append(Refusal(row, str(refused)))
    return Arrivals("table", pupils, refusals, is_whole_roll, table.notices)


def _pupil(row: int, said: Mapping[str, str]) -> ArrivingPupil:
    return ArrivingPupil(
        row=row,
        upn=said.get("upn", "").upper(),
        admission_number=said.get("admissionnumber", ""),
        first_name=said.get("firstname", ""),
        last_name=said.get("lastname", ""),
        known_as=said.get("knownas") or None,
        date_of_birth=_date(said, "dateofbirth"),
        sex=_sex(said.get("sex", "")),
        year_group=_year_group(said.get("yeargroup", "")),
        form=said.get("form") or None,
        house=said.get("house") or None,
        admitted=_date(said, "admitted"),
        left=_date(said, "left"),
        flags=_flags(said),
        contacts=_contacts(said),
    )


def _date(said: Mapping[str, str], column: str) -> dt.date | None:
    text = re.sub(r"[T ]00:00(:00(\.0+)?)?Z?$", "", said.get(column, ""))
    if not text:
        return None
    for pattern in (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", r"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{4})"):
        if found := re.fullmatch(pattern, text, re.ASCII):
            try:
                return dt.date(*(int(found[part]) for part in ("year", "month", "day")))
            except ValueError:
                break
    raise _RowRefused(f"{_NAMES[column].words} “{text[:40]}” is not a date: write it as 2014-01-05.")


def _sex(text: str) -> str:
    return {"female": "F", "male": "M", "f": "F", "m": "M", "girl": "F", "boy": "M"}.get(text.lower(), text)


def _year_group(text: str) -> int | None:
    """7, Year 7, Y7; R and reception are 0; N1 and N2 nursery."""
    if not text:
        return None
    plain = text.lower().removeprefix("year").removeprefix("yr").removeprefix("y").strip()
    known = {"r": 0, "reception": 0, "n1": -2, "n2": -1, "nursery": -1}
    if plain in known:
        return known[plain]
    if plain.isascii() and plain.isdigit() and len(plain) <= 2:
        return int(plain)
    raise _RowRefused(f"Year group “{text[:40]}” is not known: write a number from 1 to 14, or R for reception.")


def _said_yes(text: str, words: str) -> bool | None:
    """None: the cell says nothing."""
    if not text:
        return None
    if text.lower() in YES or text.lower() in NO:
        return text.lower() in YES
    raise _RowRefused(f"{words} “{text[:40]}” is neither yes nor no: write one of them, or nothing.")


def _flags(said: Mapping[str, str]) -> dict[str, str | None]:
    flags: dict[str, str | None] = {}
    for column in FLAGS:
        text = said.get(column.name, "")
        if not text:
            continue
        if column.name == "sen":
            flags |= _sen(text)
        elif column.name == _KIND.ETHNICITY:
            flags[column.name] = text
        else:
            flags[column.name] = "" if _said_yes(text, column.words) else None
    return flags


def _sen(text: str) -> dict[str, str | None]:
    """E is a plan, K is support, N is neither (as the school census says it)."""
    plain = text.lower().strip()
    if plain in NO | {"none", "no special educational need"}:
        return {_KIND.EHC_PLAN: None, _KIND.SEN_SUPPORT: None}
    for code, kind in (*_SEN.items(), ("education, health and care plan", _KIND.EHC_PLAN), ("sen support", _KIND.SEN_SUPPORT)):
        if plain == code:
            other = _KIND.SEN_SUPPORT if kind == _KIND.EHC_PLAN else _KIND.EHC_PLAN
            return {kind: "", other: None}
    raise _RowRefused(f"SEN stage “{text[:40]}” is not known: write E for a plan, K for support or N for neither.")


def _contacts(said: Mapping[str, str]) -> list[ArrivingContact] | None:
    found = []
    for number in range(1, CONTACTS + 1):
        of = {name: said.get(f"contact{number}{name}", "") for name, _, _ in _OF_A_CONTACT}
        if any(of.values()):
            found.append(_contact(number, of))
    return found or None


def _contact(number: int, of: Mapping[str, str]) -> ArrivingContact:
    title, first, last = _named(of)
    return ArrivingContact(
        title=title,
        first_name=first,
        last_name=last,
        relationship=of["relationship"],
        priority=number,
        has_parental_responsibility=_said_yes(of["parentalresponsibility"], f"Contact {number}: parental responsibility"),
        lives_with_pupil=_said_yes(of["liveswith"], f"Contact {number}: lives with the pupil"),
        receives_letters=_said_yes(of["letters"], f"Contact {number}: receives letters"),
        court_order=bool(_said_yes(of["courtorder"], f"Contact {number}: court order")),
        telephone=of["telephone"],
        email=of["email"],
        address=re.sub(r"\s*(?:[\r\n]+|,)\s*", "\n", of["address"]).strip(),
        language=of["language"],
        mis_id=of["id"],
    )


_TITLES = {"mr", "mrs", "ms", "miss", "mx", "dr", "rev", "prof", "sir", "lady"}


def _named(of: Mapping[str, str]) -> tuple[str, str, str]:
    """Title, first name and surname; out of a full name where there are no columns of their own."""
    if of["firstname"] or of["lastname"]:
        return of["title"], of["firstname"], of["lastname"]
    words = of["name"].split()
    title = words.pop(0) if len(words) > 1 and words[0].lower().rstrip(".") in _TITLES else of["title"]
    return title, " ".join(words[:-1]), words[-1] if words else ""
