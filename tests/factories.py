"""Factories for the tables of ``schools`` and ``attendance``: each makes one valid row, and the rows that it cannot be without.

``calendar(school)`` gives a school the academic year 2025/26; ``on_roll(school, ...)`` makes a pupil with enrolment, form and
register row. All names, numbers and addresses are invented.
"""

from __future__ import annotations

import datetime as dt
import functools

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from attendance.models import ImportBatch, RegisterRow
from schools import models

PASSWORD = "a-long-enough-pass-phrase"
"""Every user's."""

YEAR = 2025
HALF_TERMS = (
    ("Autumn", "Autumn 1", dt.date(2025, 9, 3), dt.date(2025, 10, 24)),
    ("Autumn", "Autumn 2", dt.date(2025, 11, 3), dt.date(2025, 12, 19)),
    ("Spring", "Spring 1", dt.date(2026, 1, 5), dt.date(2026, 2, 13)),
    ("Spring", "Spring 2", dt.date(2026, 2, 23), dt.date(2026, 3, 27)),
    ("Summer", "Summer 1", dt.date(2026, 4, 13), dt.date(2026, 5, 22)),
    ("Summer", "Summer 2", dt.date(2026, 6, 1), dt.date(2026, 7, 21)),
)
STAFF_DAYS = (dt.date(2025, 10, 24), dt.date(2026, 1, 5), dt.date(2026, 6, 26))
BANK_HOLIDAYS = (dt.date(2026, 5, 4),)


class GroupFactory(DjangoModelFactory):
    class Meta:
        model = models.Group

    name = factory.Sequence(lambda n: f"Trust {n}")
    slug = factory.Sequence(lambda n: f"trust-{n}")


class SchoolFactory(DjangoModelFactory):
    class Meta:
        model = models.School

    group = factory.SubFactory(GroupFactory)
    urn = factory.Sequence(lambda n: f"{800000 + n}")
    name = factory.Sequence(lambda n: f"School {n}")
    phase = models.School.Phase.SECONDARY
    local_authority = "Fenshire"
    address = "1 School Lane\nFenwold\nFW1 1AA"
    telephone = "01632 960100"
    email = "office@school.example"


class AcademicYearFactory(DjangoModelFactory):
    class Meta:
        model = models.AcademicYear

    school = factory.SubFactory(SchoolFactory)
    start_year = YEAR


class HalfTermFactory(DjangoModelFactory):
    class Meta:
        model = models.HalfTerm

    academic_year = factory.SubFactory(AcademicYearFactory)
    term = "Autumn"
    name = "Autumn 1"
    starts = dt.date(2025, 9, 3)
    ends = dt.date(2025, 10, 24)


class ClosedDayFactory(DjangoModelFactory):
    class Meta:
        model = models.ClosedDay

    school = factory.SubFactory(SchoolFactory)
    date = STAFF_DAYS[0]
    kind = models.ClosedDay.Kind.STAFF


class PupilFactory(DjangoModelFactory):
    class Meta:
        model = models.Pupil

    group = factory.SubFactory(GroupFactory)
    upn = factory.Sequence(lambda n: f"A{800000000000 + n}")
    first_name = "Robin"
    last_name = factory.Sequence(lambda n: f"Example{n:04}")
    date_of_birth = dt.date(2013, 10, 1)
    sex = "F"


class EnrolmentFactory(DjangoModelFactory):
    class Meta:
        model = models.Enrolment

    school = factory.SubFactory(SchoolFactory)
    pupil = factory.SubFactory(PupilFactory, group=factory.SelfAttribute("..school.group"))
    admission_number = factory.Sequence(lambda n: f"{n:06}")
    starts = dt.date(2024, 9, 3)


class PlacementFactory(DjangoModelFactory):
    class Meta:
        model = models.Placement

    enrolment = factory.SubFactory(EnrolmentFactory)
    year_group = 7
    form = "7A"
    starts = factory.SelfAttribute("enrolment.starts")


class PupilFlagFactory(DjangoModelFactory):
    class Meta:
        model = models.PupilFlag

    pupil = factory.SubFactory(PupilFactory)
    kind = models.PupilFlag.Kind.FSM
    starts = dt.date(2025, 9, 1)


class ParentFactory(DjangoModelFactory):
    class Meta:
        model = models.Parent

    group = factory.SubFactory(GroupFactory)
    title = "Ms"
    first_name = "Sam"
    last_name = factory.Sequence(lambda n: f"Example{n:04}")
    email = factory.Sequence(lambda n: f"parent{n}@home.example")
    telephone = "07700 900100"
    address = "2 Mill Road\nFenwold\nFW1 2BB"


class PupilParentFactory(DjangoModelFactory):
    class Meta:
        model = models.PupilParent

    pupil = factory.SubFactory(PupilFactory)
    parent = factory.SubFactory(ParentFactory, group=factory.SelfAttribute("..pupil.group"))
    relationship = "mother"


@functools.cache
def _hashed_password() -> str:
    """Hashed once: the hasher is slow on purpose."""
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = models.User

    email = factory.Sequence(lambda n: f"staff{n}@school.example")
    name = factory.Sequence(lambda n: f"Ms S. Staff{n}")
    password = factory.LazyFunction(_hashed_password)


class StaffRoleFactory(DjangoModelFactory):
    class Meta:
        model = models.StaffRole

    user = factory.SubFactory(UserFactory)
    role = models.Role.OFFICER
    school = factory.SubFactory(SchoolFactory)
    group = factory.SelfAttribute("school.group")
    starts = dt.date(2024, 9, 1)


class RegisterRowFactory(DjangoModelFactory):
    class Meta:
        model = RegisterRow

    enrolment = factory.SubFactory(EnrolmentFactory)
    school = factory.SelfAttribute("enrolment.school")
    year = YEAR


class ImportBatchFactory(DjangoModelFactory):
    class Meta:
        model = ImportBatch

    school = factory.SubFactory(SchoolFactory)
    file_name = "register.csv"
    sha256 = "0" * 64
    format = "long"
    at = dt.datetime(2025, 11, 20, 9, 30, tzinfo=dt.UTC)
    rows = new = changed = unchanged = refused = 0


def calendar(school: models.School) -> models.AcademicYear:
    """Gives the school the academic year 2025/26: six half terms, three staff days, one bank holiday; 191 school days."""
    year = AcademicYearFactory(school=school)
    for term, name, starts, ends in HALF_TERMS:
        HalfTermFactory(academic_year=year, term=term, name=name, starts=starts, ends=ends)
    for date in STAFF_DAYS:
        ClosedDayFactory(school=school, date=date)
    for date in BANK_HOLIDAYS:
        ClosedDayFactory(school=school, date=date, kind=models.ClosedDay.Kind.BANK_HOLIDAY)
    return year


def on_roll(
    school: models.School,
    *,
    year_group: int = 7,
    form: str = "7A",
    starts: dt.date = dt.date(2024, 9, 3),
    ends: dt.date | None = None,
    pupil: models.Pupil | None = None,
    **named: object,
) -> RegisterRow:
    """A pupil on the school's roll, in a form, with an empty register row of 2025/26. ``named`` goes to the pupil."""
    pupil = pupil or PupilFactory(group=school.group, **named)
    enrolment = EnrolmentFactory(school=school, pupil=pupil, starts=starts, ends=ends)
    PlacementFactory(enrolment=enrolment, year_group=year_group, form=form, ends=ends)
    return RegisterRowFactory(enrolment=enrolment)
