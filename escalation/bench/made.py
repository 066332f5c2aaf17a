"""A school for the bench: seeded, so that two runs see the same marks; absences drawn so that every ladder has something to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from attendance.codes import NO_MARK
from attendance.grid import SLOTS, as_rows, slot
from attendance.services import enter_marks
from escalation.adoption import adopt
from schools.models import AcademicYear, Enrolment, Group, HalfTerm, Placement, Pupil, Role, School, StaffRole, User

YEARS = (2024, 2025)
HALF_TERMS = (
    ("Autumn", "Autumn 1", dt.date(2025, 9, 3), dt.date(2025, 10, 24)),
    ("Autumn", "Autumn 2", dt.date(2025, 11, 3), dt.date(2025, 12, 19)),
    ("Spring", "Spring 1", dt.date(2026, 1, 5), dt.date(2026, 2, 13)),
    ("Spring", "Spring 2", dt.date(2026, 2, 23), dt.date(2026, 3, 27)),
    ("Summer", "Summer 1", dt.date(2026, 4, 13), dt.date(2026, 5, 22)),
    ("Summer", "Summer 2", dt.date(2026, 6, 1), dt.date(2026, 7, 21)),
)
"""Of 2025/26; 2024/25 has the same, 52 weeks earlier."""
NIGHTS = tuple(dt.date(2026, 3, 16) + dt.timedelta(days=number) for number in range(5))
"""Monday to Friday: the first opens the cases, the others are timed, and on Friday what is judged weekly is judged."""
IMPORT_DAYS = tuple(dt.date(2026, 3, 25) + dt.timedelta(days=number) for number in range(3))
"""Left without marks, for the imports."""
SEED = 20260316
_STAFF = (Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD)
_ABSENCES = np.frombuffer(b"IIIIIIIIIIMMMCGGUNOO", dtype=np.uint8)


@dataclass(frozen=True)
class MadeSchool:
    school: School
    pupils: list[Pupil]


def make_school(pupils: int, *, ladder: str, now: dt.datetime) -> MadeSchool:
    """A school of that size with two years of marks, staff for every role, and a ladder; in the caller's transaction."""
    urn = _free_urn()
    group = Group.objects.create(name=f"Bench {urn}", slug=f"bench-{urn}")
    school = School.objects.create(
        group=group,
        urn=urn,
        name=f"Bench School {urn}",
        phase=School.Phase.SECONDARY,
        local_authority="Fenshire",
        address="1 School Lane\nFenwold",
        telephone="01632 960100",
        email="office@bench.example",
    )
    _calendar(school)
    _staff(school)
    people, enrolments = _roll(school, pupils)
    rows = {
        (enrolment.pk, year): row
        for year, grid in zip(YEARS, _marks(pupils), strict=True)
        for enrolment, row in zip(enrolments, as_rows(grid), strict=True)
    }
    enter_marks(school=school, rows=rows, file_name="bench", file_format="demo", by=None, now=now)
    adopt(school=school, key=ladder, starts=dt.date(YEARS[0], 8, 1), by=None, now=now)
    return MadeSchool(school, people)


def _free_urn() -> str:
    taken = set(School.objects.values_list("urn", flat=True))
    return next(urn for urn in (str(number) for number in range(999999, 0, -1)) if urn not in taken)


def _half_terms(year: int) -> list[tuple[str, str, dt.date, dt.date]]:
    back = dt.timedelta(weeks=52 * (YEARS[-1] - year))
    return [(term, name, starts - back, ends - back) for term, name, starts, ends in HALF_TERMS]


def _calendar(school: School) -> None:
    for year in YEARS:
        made = AcademicYear.objects.create(school=school, start_year=year)
        HalfTerm.objects.bulk_create(
            HalfTerm(academic_year=made, term=term, name=name, starts=starts, ends=ends)
            for term, name, starts, ends in _half_terms(year)
        )


def _staff(school: School) -> None:
    for role in _STAFF:
        user = User.objects.create(email=f"{role}.{school.urn}@bench.example", name=f"Ms {role.title()}", password="!")
        StaffRole.objects.create(user=user, role=role, school=school, group=school.group, starts=dt.date(2024, 9, 1))


def _roll(school: School, count: int) -> tuple[list[Pupil], list[Enrolment]]:
    starts = _half_terms(YEARS[0])[0][2]
    people = Pupil.objects.bulk_create(
        Pupil(
            group=school.group,
            upn=f"B{100_000_000_000 + number}",
            first_name="Robin",
            last_name=f"Bench{number:05}",
            date_of_birth=dt.date(2013, 10, 1),
            sex="FM"[number % 2],
        )
        for number in range(count)
    )
    enrolments = Enrolment.objects.bulk_create(
        Enrolment(pupil=pupil, school=school, admission_number=f"{number:06}", starts=starts)
        for number, pupil in enumerate(people)
    )
    Placement.objects.bulk_create(
        Placement(
            enrolment=enrolment, year_group=7 + number % 5, form=f"{7 + number % 5}{'ABCDEF'[number // 5 % 6]}", starts=starts
        )
        for number, enrolment in enumerate(enrolments)
    )
    return people, enrolments


def _marks(pupils: int) -> list[np.ndarray]:
    """uint8[pupils, slots] for each year: spells of absence, more of them for some pupils, and a little lateness."""
    random = np.random.default_rng(SEED)
    share = random.beta(1.1, 14, size=pupils)
    grids = []
    for year in YEARS:
        places = np.array([slot(date, "AM") for date in _dates(year)])
        begins = random.random((pupils, len(places))) < share[:, None] * 0.6
        goes_on = random.random((pupils, len(places))) < 0.4
        absent = begins.copy()
        for day in range(1, len(places)):
            absent[:, day] |= absent[:, day - 1] & goes_on[:, day]
        codes = random.choice(_ABSENCES, size=(pupils, len(places)))
        grid = np.full((pupils, SLOTS), ord(NO_MARK), dtype=np.uint8)
        late = random.random((pupils, len(places))) < 0.02
        grid[:, places] = np.where(absent, codes, np.where(late, ord("L"), ord("/")))
        grid[:, places + 1] = np.where(absent, codes, ord("\\"))
        grids.append(grid)
    return grids


def _dates(year: int) -> list[dt.date]:
    return [
        date
        for _, _, starts, ends in _half_terms(year)
        for date in (starts + dt.timedelta(days=number) for number in range((ends - starts).days + 1))
        if date.weekday() < 5 and date not in IMPORT_DAYS
    ]
