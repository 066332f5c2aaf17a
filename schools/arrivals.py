"""Pupils and contacts as a file gives them, whatever its format: plain data, checked one by one. No database, no clock.

``None`` everywhere means that the file says nothing about it, which never deletes or empties what is stored; an empty string in a column
that the file has means nothing either. Formats (table, CTF, SIMS report, Wonde, API) make ``Arrivals``; ``people`` takes them in.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schools.models import PupilFlag
from schools.rules import Refusal

UPN = re.compile(r"[A-Z][0-9]{11}[0-9A-Z]", re.ASCII)
"""A unique pupil number or a temporary one: a letter, eleven digits, and a digit or letter."""


@dataclass(frozen=True, slots=True)
class ArrivingContact:
    """A person to whom a pupil's school writes or telephones. ``None``: the file does not say."""

    title: str = ""
    first_name: str = ""
    last_name: str = ""
    relationship: str = ""
    priority: int | None = None
    has_parental_responsibility: bool | None = None
    lives_with_pupil: bool | None = None
    receives_letters: bool | None = None
    is_emergency_contact: bool | None = None
    court_order: bool = False
    """The MIS knows an order about this person: nobody writes to them until a named person has read it and says so."""
    telephone: str = ""
    email: str = ""
    address: str = ""
    """One line each, the postcode last."""
    language: str = ""
    """A language tag such as en or pl."""
    mis_id: str = ""
    """The MIS's own number of the person; it holds at the one school only."""


@dataclass(frozen=True, slots=True)
class ArrivingPupil:
    """A pupil on the roll of the school that the file is for. ``row`` is the number that a refusal names."""

    row: int
    upn: str = ""
    admission_number: str = ""
    first_name: str = ""
    last_name: str = ""
    known_as: str | None = None
    date_of_birth: dt.date | None = None
    sex: str = ""
    """F or M, or empty."""
    year_group: int | None = None
    """0 is reception, -1 and -2 nursery."""
    form: str | None = None
    house: str | None = None
    admitted: dt.date | None = None
    left: dt.date | None = None
    flags: Mapping[str, str | None] | None = None
    """By ``PupilFlag.Kind``: its value ("" for a flag that simply stands), or None where the file says that it does not stand. A kind
    that is not there: the file does not say."""
    contacts: Sequence[ArrivingContact] | None = None


@dataclass(frozen=True)
class Arrivals:
    """What a file says about a school's people. ``is_whole_roll``: who is not in it has left."""

    format: str
    pupils: Sequence[ArrivingPupil]
    refusals: Sequence[Refusal] = field(default_factory=tuple)
    is_whole_roll: bool = False
    notices: Sequence[Refusal] = field(default_factory=tuple)


_LONGEST = {"first_name": 60, "last_name": 60, "known_as": 60, "admission_number": 20, "form": 20, "house": 30}
_LONGEST_OF_CONTACT = {
    "title": 10,
    "first_name": 60,
    "last_name": 60,
    "relationship": 30,
    "telephone": 20,
    "language": 10,
    "mis_id": 40,
}
_EMAIL = re.compile(r"[^@\s,;<>()\"']+@[^@\s,;<>()\"']+\.[^@\s,;<>()\"'.]{2,}")
_YEAR_GROUPS = range(-2, 15)
_EARLIEST_BIRTH = dt.date(1990, 1, 1)


def faults(pupil: ArrivingPupil, on: dt.date) -> list[str]:
    """A sentence for everything in which the pupil's row cannot be right, whoever the pupil is; empty where it can."""
    found = [
        f"The {name.replace('_', ' ')} has {len(value)} characters: shorten it to {longest}."
        for name, longest in _LONGEST.items()
        if len(value := getattr(pupil, name) or "") > longest
    ]
    found += _unprintable(pupil)
    if not pupil.upn and not pupil.admission_number:
        found.append("The row names no pupil: give a UPN or an admission number.")
    if pupil.upn and not UPN.fullmatch(pupil.upn):
        found.append(f"UPN “{_short(pupil.upn)}” is not a unique pupil number: a letter, eleven digits and a digit or letter.")
    if pupil.date_of_birth and not _EARLIEST_BIRTH <= pupil.date_of_birth <= on:
        found.append(f"Date of birth {pupil.date_of_birth:%d %B %Y} cannot be a pupil's: correct it.")
    if pupil.sex not in ("", "F", "M"):
        found.append(f"Sex “{_short(pupil.sex)}” is neither F nor M: write one of them.")
    if pupil.year_group is not None and pupil.year_group not in _YEAR_GROUPS:
        found.append(f"Year group {pupil.year_group} does not exist: write a number from 1 to 14, or 0 for reception.")
    if pupil.admitted and pupil.left and pupil.left < pupil.admitted:
        found.append(f"The leaving date {pupil.left:%d %B %Y} is before the admission on {pupil.admitted:%d %B %Y}: correct one.")
    if unknown := sorted(set(pupil.flags or {}) - set(PupilFlag.Kind.values)):
        found.append(f"“{_short(unknown[0])}” is not something that is kept about a pupil.")
    for number, contact in enumerate(pupil.contacts or (), start=1):
        found += [f"Contact {number}: {fault}" for fault in contact_faults(contact)]
    return found


def contact_faults(contact: ArrivingContact) -> list[str]:
    """A sentence for everything in which the contact cannot be right; empty where it can."""
    found = [
        f"the {name.replace('_', ' ')} has {len(value)} characters: shorten it to {longest}."
        for name, longest in _LONGEST_OF_CONTACT.items()
        if len(value := getattr(contact, name)) > longest
    ]
    if not contact.first_name and not contact.last_name:
        found.append("it has no name: give at least a surname, or leave the contact out.")
    if contact.email and (len(contact.email) > 254 or not _EMAIL.fullmatch(contact.email)):
        found.append(f"“{_short(contact.email)}” is not an e-mail address: correct it or leave it empty.")
    if len(contact.address) > 400:
        found.append(f"the address has {len(contact.address)} characters: shorten it to 400.")
    return found


def _unprintable(pupil: ArrivingPupil) -> list[str]:
    """Characters that cannot be seen, which a name never needs and by which two names may look alike."""
    texts = [(name.replace("_", " "), getattr(pupil, name) or "") for name in ("upn", *_LONGEST)]
    for number, contact in enumerate(pupil.contacts or (), start=1):
        texts += [
            (f"{name.replace('_', ' ')} of contact {number}", getattr(contact, name)) for name in (*_LONGEST_OF_CONTACT, "email")
        ]
        texts.append((f"address of contact {number}", contact.address.replace("\n", "")))
    return [
        f"The {name} holds a character that cannot be seen (\\u{ord(character):04x}): type it again."
        for name, text in texts
        if not text.isprintable()
        for character in [next(each for each in text if not each.isprintable())]
    ]


def _short(text: str) -> str:
    visible = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text[:40])
    return visible + ("…" if len(text) > 40 else "")
