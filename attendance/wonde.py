"""A client of the Wonde API, which reads a school's MIS: people and session marks. It asks and never writes.

Every answer is ``{"data": …, "meta": {"pagination": {"more": …}}}``, a page at a time. A busy or failing service is asked again after a
pause that grows and has a limit; what still fails is a ``WondeError`` with a sentence. The token goes to the one address that it belongs to
and stands in no message and no log. Field names are those of Wonde's own client and of its consumers; anything that is missing is not said.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from attendance.imports import Entry, Roll
from attendance.mark_string import CLOSED
from schools.arrivals import Arrivals, ArrivingContact, ArrivingPupil
from schools.rules import Refusal, Refused

Json = dict[str, Any]
PEOPLE = "contacts,contacts.contact_details,year,groups,education_details"
PAGE_SIZE = 200
MOST_PAGES = 5000
MAX_BYTES = 32 * 1024 * 1024
TIMEOUT = (5, 30)
"""Seconds to connect, and between two pieces of an answer."""
TRIES = 5
LONGEST_PAUSE = 20
"""Seconds."""
_BUSY = (429, 500, 502, 503, 504)
_LINES = ("apartment", "house_name", "street", "district", "town", "county")


class WondeError(Refused):
    """The MIS could not be read; ``str()`` is the sentence for the person who looks after the connection."""


class WondeClient:
    """Reads one school's data. ``pause``: seconds before the second try, doubled with each further one."""

    def __init__(self, *, wonde_id: str, token: str, address: str, plain_http: bool = False, pause: float = 1.0) -> None:
        if urlsplit(address).scheme != "https" and not plain_http:
            raise WondeError("The address of Wonde does not begin with https://, so the token was not sent. Correct WONDE_URL.")
        if not wonde_id.isalnum() or not wonde_id.isascii():
            raise WondeError("The Wonde school id has characters other than letters and digits: correct it.")
        self.school = f"{address.rstrip('/')}/schools/{wonde_id}"
        self._session = requests.Session()
        self._session.auth = (token, "")
        self._session.trust_env = False
        retry = Retry(
            total=TRIES - 1,
            backoff_factor=pause,
            backoff_max=LONGEST_PAUSE,
            retry_after_max=LONGEST_PAUSE,
            status_forcelist=_BUSY,
            raise_on_status=False,
        )
        self._session.mount("https://", HTTPAdapter(max_retries=retry))
        self._session.mount("http://", HTTPAdapter(max_retries=retry))

    def name(self) -> str:
        """The school's name as Wonde has it; to try the connection."""
        return _text(_inside(self._get(self.school), "data"), "name")

    def students(self) -> list[Json]:
        """The pupils on roll, with their contacts, year, groups and numbers."""
        return list(self._pages("students", include=PEOPLE))

    def numbers(self) -> dict[str, tuple[str, str]]:
        """(UPN, admission number) of each pupil by Wonde's id."""
        return {_text(student, "id"): _numbers(student) for student in self._pages("students", include="education_details")}

    def session_marks(self, since: dt.datetime | None) -> list[Json]:
        """The marks of mornings and afternoons, all or those that were entered or changed since a moment."""
        return list(self._pages("attendance/session", **_since(since)))

    def attendance_codes(self) -> dict[str, str]:
        """The MIS's code of each mark by Wonde's id of the code."""
        return {_text(code, "id"): _text(code, "code") for code in self._pages("attendance-codes")}

    def deletions(self, since: dt.datetime | None) -> list[Json]:
        """What was deleted in the MIS: each with its type and Wonde's id."""
        return list(self._pages("deletions", **_since(since)))

    def _pages(self, path: str, **parameters: str) -> Iterator[Json]:
        """Every object of every page."""
        for page in range(1, MOST_PAGES + 1):
            answer = self._get(f"{self.school}/{path}/", {**parameters, "per_page": str(PAGE_SIZE), "page": str(page)})
            data = answer.get("data")
            if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
                raise WondeError(f"Wonde's answer about {path} is not a list of objects. Try again later, or ask Wonde.")
            yield from data
            if not data or not _inside(answer, "meta", "pagination").get("more"):
                return
        raise WondeError(f"Wonde's answer about {path} has no end. Nothing was read in: ask Wonde.")

    def _get(self, address: str, parameters: Mapping[str, str] | None = None) -> Json:
        try:
            with self._session.get(address, params=parameters, timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
                _refuse(response.status_code)
                answer = json.loads(_body(response))
        except (requests.RequestException, requests.exceptions.InvalidHeader) as error:
            raise WondeError(_unreachable(error)) from None
        except ValueError as error:
            if isinstance(error, WondeError):
                raise
            raise WondeError("Wonde's answer could not be understood. Try again later, or ask Wonde.") from None
        if not isinstance(answer, dict):
            raise WondeError("Wonde's answer could not be understood. Try again later, or ask Wonde.")
        return answer


def _refuse(status: int) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise WondeError("Wonde does not accept the token. Enter it again, or ask the school to approve the access.")
    if status == 404:
        raise WondeError("Wonde does not know the school under this id, or its access is not approved yet.")
    if status in _BUSY:
        raise WondeError(f"Wonde was asked {TRIES} times and was busy or failing (HTTP {status}). It is asked again by itself.")
    raise WondeError(f"Wonde answered with HTTP {status}. Try again later, or ask Wonde.")


def _body(response: requests.Response) -> bytes:
    """The answer's bytes. WondeError where it is larger than a page can be."""
    body = bytearray()
    for piece in response.iter_content(65536):
        body += piece
        if len(body) > MAX_BYTES:
            raise WondeError(f"A page of Wonde's answer is larger than {MAX_BYTES // 1024**2} MB. Ask Wonde.")
    return bytes(body)


def _unreachable(error: Exception) -> str:
    """Why there was no answer; the exception's own text may hold the address and is not shown."""
    if isinstance(error, requests.exceptions.SSLError):
        return "Wonde's certificate could not be checked, so nothing was sent. Ask whoever runs the server."
    if isinstance(error, requests.Timeout):
        return "Wonde did not answer in time. It is asked again by itself."
    return "Wonde could not be reached. It is asked again by itself; if it stays so, check the network."


def _since(moment: dt.datetime | None) -> dict[str, str]:
    return {"updated_after": f"{moment:%Y-%m-%d %H:%M:%S}"} if moment else {}


def _inside(value: Any, *path: str) -> Json:
    """The object at the path; an empty one where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _text(value: Json, name: str) -> str:
    """A text or number, without spaces around it; empty where there is none."""
    found = value.get(name)
    return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _truth(value: Json, name: str) -> bool | None:
    found = value.get(name)
    return bool(found) if isinstance(found, bool | int) else None


def day(value: Any) -> dt.date | None:
    """The day of ``{"date": "2002-09-29 00:00:00.000000", "timezone_type": 3, …}`` or of a plain date; None where there is none.

    Refused where there is one that cannot be read.
    """
    text = value.get("date") if isinstance(value, dict) else value
    if text in (None, ""):
        return None
    try:
        return dt.date.fromisoformat(str(text)[:10])
    except ValueError:
        raise Refused(f"“{str(text)[:30]}” is not a date.") from None


def _id(record: Json, name: str) -> str:
    """The id of what a record points to: plain, as ``name_id``, or an object that was included."""
    return _text(record, f"{name}_id") or _text(record, name) or _text(_inside(record, name, "data"), "id")


def _numbers(student: Json) -> tuple[str, str]:
    details = _inside(student, "education_details", "data")
    return (_text(details, "upn") or _text(student, "upn")).upper(), _text(details, "admission_number")


def arrivals(students: Sequence[Json]) -> Arrivals:
    """The people in Wonde's answer, to be looked at and taken in: the whole roll. ``row`` counts the pupils from 1.

    A pupil none of whose contacts receives letters is noticed, since letters about such a pupil would reach nobody.
    """
    pupils: list[ArrivingPupil] = []
    refusals: list[Refusal] = []
    for row, student in enumerate(students, start=1):
        try:
            pupils.append(_pupil(row, student))
        except Refused as refused:
            refusals.append(Refusal(row, f"{refused} Correct it in the MIS."))
    sentence = "No contact of this pupil is marked for correspondence, so no letter could be sent. Check the contacts in the MIS."
    alone = [
        pupil
        for pupil in pupils
        if not any(contact.receives_letters and not contact.court_order for contact in pupil.contacts or ())
    ]
    return Arrivals(
        "wonde", pupils, refusals, is_whole_roll=not refusals, notices=[Refusal(pupil.row, sentence) for pupil in alone]
    )


def _pupil(row: int, student: Json) -> ArrivingPupil:
    details = _inside(student, "education_details", "data")
    upn, admission_number = _numbers(student)
    first, called = _text(student, "legal_forename"), _text(student, "forename")
    if not (first or called) or not _text(student, "surname"):
        raise Refused("The pupil has no forename or no surname.")
    contacts = _inside(student, "contacts").get("data")
    return ArrivingPupil(
        row=row,
        upn=upn,
        admission_number=admission_number,
        first_name=first or called,
        last_name=_text(student, "surname"),
        known_as=called if first and called and called != first else None,
        date_of_birth=day(student.get("date_of_birth")),
        sex={"F": "F", "M": "M"}.get(_text(student, "gender")[:1].upper(), ""),
        year_group=_year_group(_text(details, "current_nc_year") or _text(_inside(student, "year", "data"), "code")),
        form=_form(student),
        admitted=day(details.get("admission_date")),
        left=day(details.get("leaving_date")),
        contacts=[_contact(each) for each in contacts if isinstance(each, dict)] if isinstance(contacts, list) else None,
    )


def _year_group(text: str) -> int | None:
    bare = text.lower().removeprefix("year").strip()
    if bare.isascii() and bare.isdigit() and len(bare) < 3:
        return int(bare)
    return {"r": 0, "n2": -1, "n1": -2}.get(bare)


def _form(student: Json) -> str | None:
    """The registration group's name."""
    groups = _inside(student, "groups").get("data")
    named = [group for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    return next((_text(group, "name") for group in named if _text(group, "type").upper().startswith("REG")), None)


def _contact(contact: Json) -> ArrivingContact:
    tie = contact.get("relationship")
    tie = _inside(tie, "data") or tie if isinstance(tie, dict) else {"relationship": tie}
    details = _inside(contact, "contact_details", "data")
    priority = _text(tie, "priority")
    return ArrivingContact(
        title=_text(contact, "title"),
        first_name=_text(contact, "forename"),
        last_name=_text(contact, "surname"),
        relationship=_text(tie, "relationship"),
        priority=int(priority) if priority.isascii() and priority.isdigit() and 0 < len(priority) < 4 else None,
        has_parental_responsibility=_truth(tie, "parental_responsibility"),
        lives_with_pupil=_truth(tie, "lives_with_pupil"),
        receives_letters=_truth(tie, "correspondence"),
        court_order=bool(_truth(tie, "court_order")),
        telephone=_first(_inside(details, "phones"), "mobile", "primary", "home", "phone", "work"),
        email=_first(_inside(details, "emails"), "primary", "home", "email", "work"),
        address=_address(_inside(details, "addresses")),
        mis_id=_text(contact, "id"),
    )


def _first(values: Json, *names: str) -> str:
    return next((text for name in names if (text := _text(values, name))), "")


def _address(addresses: Json) -> str:
    """The postal or home address, one line each, the postcode last."""
    where = next((found for name in ("postal", "home") if any((found := _inside(addresses, name)).values())), {})
    parts = {name: _text(where, name) for name in (*_LINES, "house_number", "postcode")}
    parts["street"] = f"{parts.pop('house_number')} {parts['street']}".strip()
    return "\n".join(filter(None, [*(parts[name] for name in _LINES), parts["postcode"]]))


@dataclass(frozen=True)
class SessionMarks:
    """Marks as they were read: ``entries`` to be checked like any file's, and the digest of what Wonde said."""

    entries: Sequence[Entry]
    sha256: str


def session_entries(
    marks: Sequence[Json], *, numbers: Mapping[str, tuple[str, str]], codes: Mapping[str, str], roll: Roll
) -> SessionMarks:
    """The marks of Wonde's answer as register entries; ``row`` counts them from 1.

    ``numbers``: (UPN, admission number) by Wonde's id of the pupil; ``codes``: the MIS's code by Wonde's id of the code. A mark of a pupil
    who is on nobody's roll any more is left out, and so is "#" on a day on which the school is closed here too.
    """
    entries = []
    for row, mark in enumerate(marks, start=1):
        who = numbers.get(_id(mark, "student"))
        entry = _entry(row, mark, who, codes) if who else None
        if entry and not (entry.code == CLOSED and isinstance(entry.date, dt.date) and roll.days.index(entry.date) is None):
            entries.append(entry)
    return SessionMarks(entries, hashlib.sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest())


def _entry(row: int, mark: Json, who: tuple[str, str], codes: Mapping[str, str]) -> Entry | None:
    code = _text(_inside(mark, "attendance_code", "data"), "code") or codes.get(_id(mark, "attendance_code"), "")
    try:
        date: dt.date | str = day(mark.get("date")) or ""
    except Refused:
        date = str(mark.get("date"))[:40]
    minutes = _text(mark, "minutes_late")
    return Entry(
        row, *who, date, _text(mark, "session"), code, minutes_late="" if minutes == "0" else minutes,
        comment=_text(mark, "comment"),
    )  # fmt: skip
