"""Who works at the demo's schools: invented staff for every role key, with the scopes that such schools give them. Plain records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from demo.population import SEED, adult_names, surnames
from demo.structure import GroupPlan, SchoolPlan


@dataclass
class RolePlan:
    role: str
    title: str
    school: SchoolPlan | None
    year_groups: list[int] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)


@dataclass
class StaffPlan:
    name: str
    email: str
    roles: list[RolePlan]


def make_staff(group: GroupPlan) -> list[StaffPlan]:
    """Everyone who signs in for a group: the trust's lead, then school by school from the head to the form tutors."""
    rng = np.random.default_rng([SEED, int(group.schools[0].urn), 7])
    names = _names(rng)
    lead = RolePlan("trust_lead", group.trust_lead, None)
    staff = [_person(next(names), group.slug, [lead])]
    for school in group.schools:
        staff += [_person(_named(school, role) or next(names), school.slug, [role]) for role in _roles(school)]
    return _with_own_addresses(staff)


def _roles(school: SchoolPlan) -> list[RolePlan]:
    titles = school.titles
    plain = ("head", "attendance_lead", "safeguarding_lead", "officer", "administrator", "governor")
    return [
        *(RolePlan(role, titles.get(role, ""), school) for role in plain),
        *_heads_of_year(school),
        *(RolePlan("tutor", titles.get("tutor", ""), school, [form.year_group], [form.name]) for form in school.forms),
    ]


def _heads_of_year(school: SchoolPlan) -> Iterator[RolePlan]:
    """By house where the school has houses, otherwise by years."""
    if school.heads_of_year == "houses":
        for house in school.houses.values():
            forms = [form.name for form in school.forms if form.house == house]
            yield RolePlan("head_of_year", f"Head of {house} house", school, [], forms)
        return
    for years in school.heads_of_year:
        yield RolePlan("head_of_year", _year_title(school.titles.get("head_of_year", "Head of year"), years), school, list(years))


def _year_title(title: str, years: list[int]) -> str:
    if title == "Head of year":
        return f"Head of year {years[0]}" if len(years) == 1 else f"Head of years {years[0]} and {years[-1]}"
    first = f"years {years[0]}" if years[0] else "reception"
    return (
        f"{title}, {first} and {years[-1]}"
        if len(years) == 2
        else f"{title}, {first} to {'' if years[0] else 'year '}{years[-1]}"
    )


def _named(school: SchoolPlan, role: RolePlan) -> str:
    """The name that ``groups.yaml`` gives to an officer, or to the head of a year by its first year."""
    if role.role == "head_of_year" and role.year_groups:
        return school.named.get(f"head_of_year {role.year_groups[0]}", "")
    return school.named.get(role.role, "") if role.role == "officer" else ""


def _names(rng: np.random.Generator) -> Iterator[str]:
    """Names that do not come twice in a group."""
    firsts, lasts, used = adult_names(), surnames(), set()
    while True:
        name = f"{firsts[int(rng.integers(len(firsts)))]} {lasts[int(rng.integers(len(lasts)))]}"
        if name.split()[1] not in used:
            used.add(name.split()[1])
            yield name
        elif len(used) > 0.9 * len(lasts):
            used.clear()


WOMEN = ("Efua", "Anna", "Priya")


def _person(name: str, domain: str, roles: list[RolePlan]) -> StaffPlan:
    first, last = name.split(" ", 1)
    women = (*adult_names("F"), *WOMEN)
    title = ("Mrs" if len(last) % 2 else "Ms") if first in women else "Mr"
    return StaffPlan(f"{title} {first[0]}. {last}", f"{first[0]}.{last}@{domain}.example".lower(), roles)


def _with_own_addresses(staff: list[StaffPlan]) -> list[StaffPlan]:
    seen: dict[str, int] = {}
    for person in staff:
        seen[person.email] = seen.get(person.email, 0) + 1
        if seen[person.email] > 1:
            local, domain = person.email.split("@")
            person.email = f"{local}{seen[person.email]}@{domain}"
    return staff
