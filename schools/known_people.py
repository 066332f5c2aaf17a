"""What is stored about the people whom a file names: read in a dozen statements, whatever their number, and looked up from there."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q, QuerySet

from schools.arrivals import ArrivingContact, ArrivingPupil
from schools.models import ContactNumber, Enrolment, Parent, Placement, Pupil, PupilFlag, PupilParent, School

AT_ONCE = 5000
"""So many values stand in one IN list."""

Named = tuple[str, str]
"""First and last name, as ``same_name`` compares them."""


def same_name(first: str, last: str) -> Named:
    """Names as they are compared: without capitals and doubled spaces."""
    return plain(first), plain(last)


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Known:
    """The school's people, and those of the group whom the file names by UPN or whose UPN is missing."""

    school: School
    pupils: Sequence[Pupil]
    enrolments: dict[int, list[Enrolment]]
    """By pupil, at this school, oldest first."""
    elsewhere: dict[int, list[str]]
    """By pupil, the names of other schools of the group on whose roll the pupil is today."""
    placements: dict[int, list[Placement]]
    """By enrolment, oldest first."""
    flags: dict[tuple[int, str], list[PupilFlag]]
    """By pupil and kind, oldest first."""
    links: dict[int, list[PupilParent]]
    """By pupil, each with its parent."""

    @cached_property
    def by_upn(self) -> dict[str, Pupil]:
        return {pupil.upn: pupil for pupil in self.pupils if pupil.upn}

    @cached_property
    def by_number(self) -> dict[str, Pupil]:
        pupils = {pupil.pk: pupil for pupil in self.pupils}
        return {enrolment.admission_number: pupils[pk] for pk, all_of in self.enrolments.items() for enrolment in all_of}

    @cached_property
    def by_name(self) -> dict[tuple[Named, dt.date], list[Pupil]]:
        found = defaultdict(list)
        for pupil in self.pupils:
            found[same_name(pupil.first_name, pupil.last_name), pupil.date_of_birth].append(pupil)
        return found

    @cached_property
    def parents(self) -> ParentIndex:
        return ParentIndex.of(self.school, [link.parent for links in self.links.values() for link in links])

    def load_parents(self, contacts: Iterable[ArrivingContact]) -> None:
        """Reads the group's parents whom the contacts may be; nothing where there are no contacts."""
        contacts = list(contacts)
        if contacts:
            self.parents.load(pk for contact in contacts if (pk := self.parents.find(contact)))


@dataclass(frozen=True)
class ParentIndex:
    """The group's parents, found by the MIS's number at this school, by e-mail address and name, or by name and address."""

    loaded: dict[int, Parent]
    by_number: dict[str, int]
    by_email: dict[tuple[str, str], int]
    by_address: dict[tuple[Named, str], int]

    @classmethod
    def of(cls, school: School, loaded: Iterable[Parent]) -> ParentIndex:
        stored = Parent.objects.filter(group=school.group_id).order_by("-pk")
        rows = list(stored.values_list("pk", "first_name", "last_name", "email", "address"))
        return cls(
            {parent.pk: parent for parent in loaded},
            dict(ContactNumber.objects.filter(school=school).values_list("number", "parent")),
            {(email.lower(), plain(first)): pk for pk, first, _, email, _ in rows if email},
            {(same_name(first, last), plain(address)): pk for pk, first, last, _, address in rows if address},
        )

    def find(self, contact: ArrivingContact) -> int | None:
        """The parent's id; None where nobody is certainly the same person."""
        first = plain(contact.first_name)
        named = same_name(contact.first_name, contact.last_name)
        return (
            self.by_number.get(contact.mis_id)
            or self.by_email.get((contact.email.lower(), first))
            or self.by_address.get((named, plain(contact.address)))
        )

    def load(self, ids: Iterable[int]) -> None:
        """Reads those parents that are not loaded yet."""
        missing = sorted(set(ids) - set(self.loaded))
        for part in in_parts(missing):
            self.loaded.update(Parent.objects.in_bulk(part))


def in_parts(values: Sequence) -> Iterable[Sequence]:
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def known_people(school: School, arriving: Sequence[ArrivingPupil], on: dt.date) -> Known:
    """What is stored about the school's people and about those whom the file names."""
    pupils = _pupils(school, arriving)
    ids = [pupil.pk for pupil in pupils]
    enrolments, elsewhere = _enrolments(school, ids, on)
    return Known(school, pupils, enrolments, elsewhere, _placements(school), _flags(ids), _links(ids))


def _pupils(school: School, arriving: Sequence[ArrivingPupil]) -> list[Pupil]:
    here = Pupil.objects.filter(enrolments__school=school)
    found = {pupil.pk: pupil for pupil in here}
    in_group = Pupil.objects.filter(group=school.group_id)
    found.update({pupil.pk: pupil for pupil in in_group.filter(upn__isnull=True)})
    for part in in_parts(sorted({pupil.upn for pupil in arriving if pupil.upn})):
        found.update({pupil.pk: pupil for pupil in in_group.filter(upn__in=part)})
    born = {pupil.date_of_birth for pupil in arriving if not pupil.upn and pupil.date_of_birth}
    if born:
        found.update({pupil.pk: pupil for pupil in in_group.filter(date_of_birth__in=born)})
    return list(found.values())


def _enrolments(school: School, pupils: Sequence[int], on: dt.date) -> tuple[dict[int, list[Enrolment]], dict[int, list[str]]]:
    here, elsewhere = defaultdict(list), defaultdict(list)
    for part in in_parts(pupils):
        for enrolment in Enrolment.objects.filter(pupil__in=part).select_related("school").order_by("starts"):
            if enrolment.school_id == school.pk:
                here[enrolment.pupil_id].append(enrolment)
            elif enrolment.starts <= on and (enrolment.ends is None or enrolment.ends >= on):
                elsewhere[enrolment.pupil_id].append(enrolment.school.name)
    return here, elsewhere


def _placements(school: School) -> dict[int, list[Placement]]:
    found = defaultdict(list)
    for placement in Placement.objects.filter(enrolment__school=school).order_by("starts"):
        found[placement.enrolment_id].append(placement)
    return found


def _flags(pupils: Sequence[int]) -> dict[tuple[int, str], list[PupilFlag]]:
    found = defaultdict(list)
    for flag in _of(PupilFlag.objects.order_by("starts"), pupils):
        found[flag.pupil_id, flag.kind].append(flag)
    return found


def _links(pupils: Sequence[int]) -> dict[int, list[PupilParent]]:
    found = defaultdict(list)
    for link in _of(PupilParent.objects.select_related("parent"), pupils):
        found[link.pupil_id].append(link)
    return found


def _of(rows: QuerySet, pupils: Sequence[int]) -> Iterable:
    for part in in_parts(pupils):
        yield from rows.filter(Q(pupil__in=part))
