"""Whom a file names as a pupil's contacts: each matched to one record in the group, so that brothers and sisters share it. No writes.

A file sets a bar where the MIS knows a court order, and never lifts one. A contact whom the file no longer names stays, with a notice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from schools.arrivals import ArrivingContact, ArrivingPupil
from schools.changes import Changes
from schools.known_people import Known, Named, plain, same_name
from schools.models import ContactNumber, Parent, Pupil, PupilParent
from schools.rules import Refusal

ORDER_IN_THE_MIS = "The MIS knows a court order: a named person must read it, and clear this if it allows contact."
NOBODY_TO_WRITE_TO = "nobody may be written to"
NOBODY_TO_RING = "nobody to ring"
WITH_RESPONSIBILITY = ("mother", "father", "parent", "guardian", "carer", "adopt")
"""Where a file does not say who has parental responsibility, these relationships are taken to have it."""
MOST_CONTACTS = 30
_OF_THE_PERSON = ("title", "telephone", "email", "address", "language")
_OF_THE_LINK = (
    "relationship",
    "priority",
    "has_parental_responsibility",
    "lives_with_pupil",
    "receives_letters",
    "is_emergency_contact",
)
Difference = tuple[str, str, str]


def reached(links: Iterable[PupilParent], on: dt.date) -> set[str]:
    """What is missing: ``NOBODY_TO_WRITE_TO``, ``NOBODY_TO_RING``, both, or nothing."""
    open_links = [link for link in links if not link.is_barred(on)]
    missing = set()
    if not any(link.receives_letters and (link.parent.address or link.parent.email) for link in open_links):
        missing.add(NOBODY_TO_WRITE_TO)
    if not any(link.parent.telephone for link in open_links):
        missing.add(NOBODY_TO_RING)
    return missing


class ContactsPlanner:
    def __init__(self, known: Known, writes: Changes, on: dt.date) -> None:
        self.known, self.writes, self.on = known, writes, on
        self.notices: list[Refusal] = []
        self.seen: list[tuple[int, Pupil, set[str]]] = []
        """(row, pupil, what was missing before) of each pupil of the file."""
        self._made: dict[object, Parent] = {}
        self._made_links: dict[int, list[PupilParent]] = {}
        """By ``id`` of the pupil: not all have a number yet."""
        self._said: dict[tuple[int, str], int] = {}
        """(``id`` of a parent, column): the row that first said what is in it; a file's first word stands."""

    def links_of(self, pupil: Pupil) -> list[PupilParent]:
        stored = self.known.links.get(pupil.pk, []) if pupil.pk else []
        return [*stored, *self._made_links.get(id(pupil), [])]

    def take(self, arriving: ArrivingPupil, pupil: Pupil) -> list[Difference]:
        """Plans a pupil's contacts; what differs, in words."""
        stored = self.known.links.get(pupil.pk, []) if pupil.pk else []
        for link in stored:
            link.parent = self.known.parents.loaded.get(link.parent_id, link.parent)
        self.seen.append((arriving.row, pupil, reached(stored, self.on) if pupil.pk else set()))
        differing: list[Difference] = []
        named: set[int] = set()
        for place, contact in enumerate((arriving.contacts or ())[:MOST_CONTACTS], start=1):
            parent = self._parent(contact, stored)
            if id(parent) in named:
                continue
            named.add(id(parent))
            differing += self._person(arriving.row, parent, contact)
            differing += self._link(pupil, parent, contact, place, stored)
        self._notice_missing(arriving, stored, named)
        return differing

    def _notice_missing(self, arriving: ArrivingPupil, stored: Sequence[PupilParent], named: set[int]) -> None:
        gone = sum(1 for link in stored if id(link.parent) not in named)
        if arriving.contacts and gone:
            who = "a contact who is" if gone == 1 else f"{gone} contacts who are"
            self.notices.append(
                Refusal(arriving.row, f"The file does not name {who} kept here: take them out by hand if that is right.")
            )
        if len(arriving.contacts or ()) > MOST_CONTACTS:
            self.notices.append(Refusal(arriving.row, f"Only the first {MOST_CONTACTS} contacts were taken."))

    # who it is

    def _parent(self, contact: ArrivingContact, stored: Sequence[PupilParent]) -> Parent:
        found = self._among(contact, stored) or self._in_group(contact) or self._in_file(contact)
        parent = found or self.writes.make(
            Parent(group_id=self.known.school.group_id, first_name=contact.first_name, last_name=contact.last_name)
        )
        if found is None:
            self._remember(contact, parent)
        self._number(contact, parent)
        return parent

    def _among(self, contact: ArrivingContact, stored: Sequence[PupilParent]) -> Parent | None:
        """One of the pupil's own contacts: by the MIS's number, else by name."""
        number = self.known.parents.by_number.get(contact.mis_id) if contact.mis_id else None
        if number:
            return next((link.parent for link in stored if link.parent_id == number), None)
        name = same_name(contact.first_name, contact.last_name)
        alike = [link.parent for link in stored if same_name(link.parent.first_name, link.parent.last_name) == name]
        return alike[0] if len(alike) == 1 else None

    def _in_group(self, contact: ArrivingContact) -> Parent | None:
        index = self.known.parents
        pk = index.find(contact)
        return index.loaded[pk] if pk else None

    def _in_file(self, contact: ArrivingContact) -> Parent | None:
        return next((self._made[key] for key in _keys(contact) if key in self._made), None)

    def _remember(self, contact: ArrivingContact, parent: Parent) -> None:
        for key in _keys(contact):
            self._made.setdefault(key, parent)

    def _number(self, contact: ArrivingContact, parent: Parent) -> None:
        key = ("number", contact.mis_id)
        if contact.mis_id and contact.mis_id not in self.known.parents.by_number and ("kept", *key) not in self._made:
            self._made["kept", *key] = parent
            self._made.setdefault(key, parent)
            self.writes.make(ContactNumber(school=self.known.school, number=contact.mis_id, parent=parent))

    # what is said of the person, and of the person to the pupil

    def _person(self, row: int, parent: Parent, contact: ArrivingContact) -> Iterator[Difference]:
        columns = _OF_THE_PERSON + (("first_name", "last_name") if contact.mis_id else ())
        for column in columns:
            value = getattr(contact, column)
            if not value:
                continue
            first = self._said.setdefault((id(parent), column), row)
            if first != row:
                if getattr(parent, column) != value:
                    words = f"Another {column.replace('_', ' ')} of the same contact stands in row {first}, which was taken."
                    self.notices.append(Refusal(row, words))
                continue
            was = getattr(parent, column)
            if self.writes.alter(parent, column, value) and parent.pk:
                yield f"Contact's {column.replace('_', ' ')}", str(was), str(value)

    def _link(
        self, pupil: Pupil, parent: Parent, contact: ArrivingContact, place: int, stored: Sequence[PupilParent]
    ) -> Iterator[Difference]:
        link = next((each for each in stored if each.parent is parent), None)
        if link is None:
            link = self._made_link(pupil, parent, contact, place)
            if pupil.pk:
                yield "Contact", "", contact.relationship or "new"
        else:
            for column in _OF_THE_LINK:
                value = getattr(contact, column)
                was = getattr(link, column)
                if value not in (None, "") and self.writes.alter(link, column, value):
                    yield f"Contact's {column.replace('_', ' ')}", _yes(was), _yes(value)
        if contact.court_order and link.no_contact_from is None:
            self.writes.alter(link, "no_contact_from", self.on)
            self.writes.alter(link, "no_contact_note", ORDER_IN_THE_MIS)
            yield "Court order", "", "no contact until somebody has read it"

    def _made_link(self, pupil: Pupil, parent: Parent, contact: ArrivingContact, place: int) -> PupilParent:
        responsible = contact.has_parental_responsibility
        if responsible is None:
            responsible = any(word in contact.relationship.lower() for word in WITH_RESPONSIBILITY)
        link = self.writes.make(
            PupilParent(
                pupil=pupil,
                parent=parent,
                relationship=contact.relationship or "contact",
                priority=place if contact.priority is None else contact.priority,
                has_parental_responsibility=responsible,
                lives_with_pupil=bool(contact.lives_with_pupil),
                receives_letters=responsible if contact.receives_letters is None else contact.receives_letters,
                is_emergency_contact=contact.is_emergency_contact is not False,
            )
        )
        self._made_links.setdefault(id(pupil), []).append(link)
        return link


def _keys(contact: ArrivingContact) -> Iterator[object]:
    """By what a later row may name the same person again; with a number of the MIS, by nothing else."""
    name: Named = same_name(contact.first_name, contact.last_name)
    if contact.mis_id:
        yield "number", contact.mis_id
        return
    if contact.email:
        yield "email", contact.email.lower(), plain(contact.first_name)
    if contact.address:
        yield "address", name, plain(contact.address)


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
