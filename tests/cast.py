"""The fixed cast of the tests: Alice owns, Bob belongs, Charlie must see nothing.

``assemble()`` makes one group with two schools under the calendar of 2025/26. *Here* is where the stories happen: Alice is its
attendance officer, Bob is the tutor of 7A, and every other role is held by one person (``staff``). Charlie is the attendance
officer *there*, at the other school, and must find nothing of here. Registers are empty: a test enters the marks it is about.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from attendance.models import RegisterRow
from schools.models import Group, Parent, Pupil, PupilFlag, Role, School, User
from tests import factories as make

TODAY = dt.date(2025, 11, 20)
"""A Thursday, the 51st school day of the calendar."""
NOW = dt.datetime(2025, 11, 20, 16, 30, tzinfo=ZoneInfo("Europe/London"))


@dataclass(frozen=True)
class Cast:
    """Pupils are given as their register rows of 2025/26: ``imogen.enrolment.pupil``."""

    group: Group
    here: School
    there: School
    alice: User
    """Attendance officer here."""
    bob: User
    """Form tutor of 7A here."""
    charlie: User
    """Attendance officer there; must see nothing of here."""
    staff: dict[str, User]
    """Everyone who works here by role key (Alice and Bob among them); the trust lead works for the whole group."""
    imogen: RegisterRow
    """Year 7, form 7A; her parents live apart, letters go to both."""
    theo: RegisterRow
    """Year 7, form 7A; one parent, and one whom a court order keeps away."""
    priya: RegisterRow
    """Year 8, form 8B; looked after; her parent reads Polish."""
    leaver: RegisterRow
    """Year 8, form 8B; left here on 17 October 2025."""
    newcomer: RegisterRow
    """Year 7, form 7A; admitted here on 3 November 2025; no parent may be written to."""
    edith: RegisterRow
    """Imogen's sister, year 4, form Willow, there."""
    parents: dict[str, Parent]
    """By first name: Morwenna and Piers (Imogen, Edith), Grace and Stefan (Theo, Stefan is barred), Halina (Priya)."""

    @property
    def pupils_here(self) -> list[RegisterRow]:
        return [self.imogen, self.theo, self.priya, self.leaver, self.newcomer]


def assemble() -> Cast:
    """Makes the cast; needs the database."""
    group = make.GroupFactory(name="Fenwold Trust", slug="fenwold")
    here = make.SchoolFactory(group=group, urn="900001", name="Fenwold Academy")
    there = make.SchoolFactory(group=group, urn="900002", name="Marsh Lane Primary School", phase=School.Phase.PRIMARY)
    for school in (here, there):
        make.calendar(school)
    staff = _staff(here)
    pupils = _pupils(here, there)
    return Cast(
        group=group,
        here=here,
        there=there,
        alice=staff[Role.OFFICER],
        bob=staff[Role.TUTOR],
        charlie=_member(there, Role.OFFICER, "charlie", "Mr C. Crane"),
        staff=staff,
        parents=_parents(pupils),
        **pupils,
    )


def _staff(here: School) -> dict[str, User]:
    """One person a role at the school."""
    people: dict[str, tuple[str, str, dict]] = {
        Role.OFFICER: ("alice", "Ms A. Arden", {}),
        Role.TUTOR: ("bob", "Mr B. Birch", {"year_groups": [7], "forms": ["7A"]}),
        Role.HEAD_OF_YEAR: ("hilary", "Ms H. Hazel", {"year_groups": [7]}),
        Role.ATTENDANCE_LEAD: ("laurie", "Mr L. Larch", {}),
        Role.SAFEGUARDING_LEAD: ("saskia", "Ms S. Sorrel", {}),
        Role.HEAD: ("henrik", "Dr H. Hawthorn", {}),
        Role.TRUST_LEAD: ("tamsin", "Ms T. Thorne", {"school": None, "group": here.group}),
        Role.GOVERNOR: ("gareth", "Mr G. Gorse", {}),
        Role.ADMINISTRATOR: ("adela", "Ms A. Alder", {}),
    }
    return {role: _member(here, role, mailbox, name, **more) for role, (mailbox, name, more) in people.items()}


def _member(at: School, role: str, mailbox: str, name: str, **more: object) -> User:
    user = make.UserFactory(email=f"{mailbox}@fenwold.example", name=name)
    make.StaffRoleFactory(**{"user": user, "role": role, "school": at, **more})
    return user


def _pupils(here: School, there: School) -> dict[str, RegisterRow]:
    pupils = {
        "imogen": make.on_roll(here, first_name="Imogen", last_name="Marlow"),
        "theo": make.on_roll(here, first_name="Theo", last_name="Okafor", sex="M"),
        "priya": make.on_roll(here, year_group=8, form="8B", first_name="Priya", last_name="Nowak"),
        "leaver": make.on_roll(here, year_group=8, form="8B", ends=dt.date(2025, 10, 17), first_name="Lee", last_name="Gone"),
        "newcomer": make.on_roll(here, starts=dt.date(2025, 11, 3), first_name="Nia", last_name="Newell"),
        "edith": make.on_roll(
            there, year_group=4, form="Willow", first_name="Edith", last_name="Marlow", date_of_birth=dt.date(2017, 2, 1)
        ),
    }
    make.PupilFlagFactory(pupil=pupils["priya"].enrolment.pupil, kind=PupilFlag.Kind.LOOKED_AFTER)
    return pupils


def _parents(pupils: dict[str, RegisterRow]) -> dict[str, Parent]:
    group = pupils["imogen"].school.group
    parents = {
        "Morwenna": make.ParentFactory(group=group, first_name="Morwenna", last_name="Marlow"),
        "Piers": make.ParentFactory(group=group, title="Mr", first_name="Piers", last_name="Quill", address="9 Low Row\nFenwold"),
        "Grace": make.ParentFactory(group=group, first_name="Grace", last_name="Okafor"),
        "Stefan": make.ParentFactory(group=group, title="Mr", first_name="Stefan", last_name="Okafor"),
        "Halina": make.ParentFactory(group=group, first_name="Halina", last_name="Nowak", language="pl"),
    }

    def link(row: RegisterRow, parent: str, relationship: str, **more: object) -> Pupil:
        pupil = row.enrolment.pupil
        make.PupilParentFactory(pupil=pupil, parent=parents[parent], relationship=relationship, **more)
        return pupil

    for sister in ("imogen", "edith"):
        link(pupils[sister], "Morwenna", "mother")
        link(pupils[sister], "Piers", "father", priority=2, lives_with_pupil=False)
    link(pupils["theo"], "Grace", "mother")
    link(pupils["theo"], "Stefan", "father", priority=2, lives_with_pupil=False, no_contact_from=dt.date(2025, 1, 6))
    link(pupils["priya"], "Halina", "mother")
    return parents
