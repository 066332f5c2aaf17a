"""Who goes to the demo's schools: invented families, pupils and their parents, seeded and repeatable, as plain records.

Children of one family share surname, address, parents, free school meals and part of their latent absence, and may go to different
schools of a group. Rates of the flags follow England's; nobody here exists.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from demo.structure import DATA, YEARS, Form, GroupPlan, SchoolPlan

SEED = 20260615
FIRST_DAYS = {year: dt.date(year, 9, 1) for year in range(2014, 2027)}

FSM = {"primary": 0.25, "secondary": 0.26, "special": 0.47}
SEN_SUPPORT = {"primary": 0.14, "secondary": 0.13, "special": 0.0}
EHC_PLAN = {"primary": 0.025, "secondary": 0.03, "special": 1.0}
RARE_FLAGS = {"looked_after": 0.007, "social_worker": 0.025, "child_protection": 0.005, "young_carer": 0.012}
FAMILY_SIZES, FAMILY_SHARES = (1, 2, 3), (0.62, 0.31, 0.07)
HOMES = ("together", "apart", "alone", "carer")
HOME_SHARES = (0.68, 0.20, 0.11, 0.01)
BOTH_GET_LETTERS = 0.08
"""Share of couples under one roof of whom both, rather than one, asked for the school's letters."""
ORDER_FROM = dt.date(2025, 6, 2)
JOINS_MID_YEAR, LEAVES_MID_YEAR = 0.03, 0.02


@dataclass
class ParentPlan:
    title: str
    first_name: str
    last_name: str
    email: str
    telephone: str
    address: str
    language: str


@dataclass
class LinkPlan:
    parent: ParentPlan
    relationship: str
    priority: int
    has_parental_responsibility: bool = True
    lives_with_pupil: bool = True
    receives_letters: bool = True
    is_emergency_contact: bool = True
    no_contact_from: dt.date | None = None
    no_contact_note: str = ""


@dataclass
class PlacementPlan:
    year_group: int
    form: str
    house: str
    starts: dt.date
    ends: dt.date | None


@dataclass
class EnrolmentPlan:
    school: SchoolPlan
    admission_number: str
    starts: dt.date
    ends: dt.date | None
    placements: list[PlacementPlan]
    is_main: bool = True

    def placement_in(self, year: int) -> PlacementPlan | None:
        """The placement that stands at the end of the academic year (or on leaving), if the pupil was on roll in it."""
        return next((place for place in reversed(self.placements) if place.starts < dt.date(year + 1, 8, 1)
                     and (place.ends is None or place.ends >= FIRST_DAYS[year] - dt.timedelta(days=10))), None)  # fmt: skip


@dataclass
class PupilPlan:
    group: GroupPlan
    school: SchoolPlan
    form: Form
    number: int
    first_name: str = ""
    last_name: str = ""
    known_as: str = ""
    sex: str = "F"
    date_of_birth: dt.date = dt.date(2014, 1, 1)
    upn: str | None = None
    heritage: str = "british"
    family: int = 0
    flags: dict[str, str] = field(default_factory=dict)
    links: list[LinkPlan] = field(default_factory=list)
    enrolments: list[EnrolmentPlan] = field(default_factory=list)
    latent: float = 0.0
    """Standard normal before flags and school are added: how often the pupil is absent compared with the year group."""


@dataclass
class FamilyPlan:
    number: int
    heritage: str
    last_name: str
    latent: float
    fsm: float
    links: list[LinkPlan]


@cache
def _names(file: str, *keys: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Names of a data file by its leading columns."""
    found: dict[tuple[str, ...], list[str]] = {}
    with (DATA / file).open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            found.setdefault(tuple(row[key] for key in keys), []).append(row["name"])
    return {key: tuple(names) for key, names in found.items()}


def adult_names(*sexes: str) -> tuple[str, ...]:
    """First names of grown-ups, of both sexes unless one is asked for."""
    return tuple(name for sex in sexes or ("F", "M") for name in _names("adult_first_names.csv", "sex")[(sex,)])


def surnames() -> tuple[str, ...]:
    return tuple(name for names in _names("surnames.csv", "heritage").values() for name in names)


@cache
def heritages() -> dict[str, dict[str, str]]:
    with (DATA / "heritages.csv").open(encoding="utf-8") as rows:
        return {row["key"]: row for row in csv.DictReader(rows)}


@cache
def _streets() -> tuple[str, ...]:
    return tuple((DATA / "streets.csv").read_text(encoding="utf-8").split("\n")[1:-1])


def make_pupils(group: GroupPlan) -> list[PupilPlan]:
    """Every pupil of a group who is or was on roll this year, with families and flags, in a fixed order."""
    rng = np.random.default_rng([SEED, int(group.schools[0].urn)])
    pupils = [
        PupilPlan(group, school, form, number)
        for school in group.schools
        for number, form in enumerate((form for form in school.forms for _ in range(school.form_size)), start=1)
    ]
    _into_families(pupils, group, rng)
    for pupil in pupils:
        _born(pupil, rng)
        _flag(pupil, rng)
    _untypical_homes(pupils, rng)
    _number(pupils, rng)
    _enrol(pupils, group, rng)
    return pupils


def _pick(rng: np.random.Generator, values: Sequence[str]) -> str:
    return values[int(rng.integers(len(values)))]


def _into_families(pupils: list[PupilPlan], group: GroupPlan, rng: np.random.Generator) -> None:
    """Gives every pupil a family; brothers and sisters are in different year groups, or twins now and then."""
    waiting = [pupils[number] for number in rng.permutation(len(pupils))]
    number = 0
    while waiting:
        size = int(rng.choice(FAMILY_SIZES, p=FAMILY_SHARES))
        children = [waiting.pop()]
        while len(children) < size and waiting:
            children.append(waiting.pop(_next_child(children, waiting, rng)))
        family = _family(number, group, children[0].school, rng)
        for child in children:
            _join(child, family, rng)
        number += 1


def _next_child(children: list[PupilPlan], waiting: list[PupilPlan], rng: np.random.Generator) -> int:
    """Place in ``waiting`` of someone of another year group (twins: one pair in forty)."""
    if rng.random() < 0.025:
        return len(waiting) - 1
    taken = {child.form.year_group for child in children}
    last = range(len(waiting) - 1, max(len(waiting) - 12, -1), -1)
    return next((place for place in last if waiting[place].form.year_group not in taken), len(waiting) - 1)


def _family(number: int, group: GroupPlan, school: SchoolPlan, rng: np.random.Generator) -> FamilyPlan:
    keys, weights = list(group.heritages), np.array(list(group.heritages.values()), dtype=float)
    heritage = keys[int(rng.choice(len(keys), p=weights / weights.sum()))]
    surname = _pick(rng, _names("surnames.csv", "heritage")[(heritage,)])
    links = _links(heritage, surname, _address(school, rng), school, rng)
    return FamilyPlan(number, heritage, surname, float(rng.normal()), float(rng.random()), links)


def _links(heritage: str, surname: str, address: str, school: SchoolPlan, rng: np.random.Generator) -> list[LinkPlan]:
    """Parents and contacts of a family: two together, two apart, one alone with a grandparent to ring, or a foster carer."""
    home = HOMES[int(rng.choice(len(HOMES), p=HOME_SHARES))]
    language = _language(heritage, rng)
    mother = _adult("F", heritage, surname, address, language, rng)
    if home == "carer":
        carer = _adult("F", "british", _pick(rng, _names("surnames.csv", "heritage")[("british",)]), address, "en", rng)
        return [LinkPlan(carer, "Foster carer", 1, has_parental_responsibility=False)]
    if home == "alone":
        grandmother = _adult("F", heritage, surname, _address(school, rng), language, rng)
        return [LinkPlan(mother, "Mother", 1), _emergency(grandmother, "Grandmother")]
    father = _adult("M", heritage, surname, address, language, rng)
    if home == "together":
        both = rng.random() < BOTH_GET_LETTERS
        return [LinkPlan(mother, "Mother", 1), LinkPlan(father, "Father", 2, receives_letters=both)]
    father.address = _address(school, rng)
    if rng.random() < 0.5:
        mother.last_name = _pick(rng, _names("surnames.csv", "heritage")[(heritage,)])
    return [LinkPlan(mother, "Mother", 1), LinkPlan(father, "Father", 2, lives_with_pupil=False)]


def _emergency(parent: ParentPlan, relationship: str) -> LinkPlan:
    return LinkPlan(parent, relationship, 2, has_parental_responsibility=False, lives_with_pupil=False, receives_letters=False)


def _adult(sex: str, heritage: str, surname: str, address: str, language: str, rng: np.random.Generator) -> ParentPlan:
    names = _names("adult_first_names.csv", "sex")[(sex,)] if heritage in ("british", "caribbean") else (
        _names("first_names.csv", "heritage", "sex")[(heritage, sex)])  # fmt: skip
    first = _pick(rng, names)
    title = "Mr" if sex == "M" else _pick(rng, ("Mrs", "Ms", "Ms", "Miss"))
    telephone = f"07700 900{int(rng.integers(1000)):03}" if rng.random() > 0.02 else ""
    email = f"{first}.{surname}{int(rng.integers(10, 100))}@post.example".lower() if rng.random() > 0.08 else ""
    return ParentPlan(title, first, surname, email, telephone, address, language)


def _language(heritage: str, rng: np.random.Generator) -> str:
    draw = rng.random() * 100
    for entry in heritages()[heritage]["languages"].split():
        language, share = entry.split(":")
        draw -= float(share)
        if draw < 0:
            return language
    return "en"


def _address(school: SchoolPlan, rng: np.random.Generator) -> str:
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    postcode = f"ZZ{int(rng.integers(1, 20))} {int(rng.integers(1, 10))}{_pick(rng, letters)}{_pick(rng, letters)}"
    return f"{int(rng.integers(1, 160))} {_pick(rng, _streets())}\n{school.town}\n{postcode}"


def _join(pupil: PupilPlan, family: FamilyPlan, rng: np.random.Generator) -> None:
    pupil.family, pupil.heritage, pupil.last_name, pupil.links = (
        family.number,
        family.heritage,
        family.last_name,
        list(family.links),
    )
    pupil.sex = "M" if rng.random() < (0.72 if pupil.school.phase == "special" else 0.51) else "F"
    pupil.first_name = _pick(rng, _names("first_names.csv", "heritage", "sex")[(family.heritage, pupil.sex)])
    pupil.latent = 0.6 * family.latent + 0.8 * float(rng.normal())
    if family.fsm < FSM[pupil.school.phase]:
        pupil.flags["fsm"] = ""


SHORT = {"Matilda": "Tilly", "Florence": "Flo", "Theo": "Teddy", "Aleksander": "Alek", "Mateusz": "Mat", "Oliver": "Ollie",
         "Isaiah": "Zay", "Katerina": "Kat", "Beatrix": "Bea", "Harriet": "Hattie", "Solomiia": "Solya"}  # fmt: skip


def _born(pupil: PupilPlan, rng: np.random.Generator) -> None:
    """Born in the school year that belongs to the year group; four or five years old in reception."""
    first = dt.date(YEARS[-1] - 5 - pupil.form.year_group, 9, 1)
    pupil.date_of_birth = first + dt.timedelta(days=int(rng.integers(365)))
    pupil.known_as = SHORT.get(pupil.first_name, "") if rng.random() < 0.5 else ""


def _flag(pupil: PupilPlan, rng: np.random.Generator) -> None:
    """Dated attributes at England's rates. Foster carers look after looked-after children, and no one else does."""
    phase, flags = pupil.school.phase, pupil.flags
    flags["ethnicity"] = heritages()[pupil.heritage]["ethnicity"]
    if heritages()[pupil.heritage]["languages"] and rng.random() < 0.75:
        flags["eal"] = ""
    draw = rng.random()
    if draw < EHC_PLAN[phase]:
        flags["ehc_plan"] = ""
    elif draw < EHC_PLAN[phase] + SEN_SUPPORT[phase] * (1.6 if "fsm" in flags else 0.8):
        flags["sen_support"] = ""
    rare = {key: rng.random() < rate * (2 if "fsm" in flags else 0.7) for key, rate in RARE_FLAGS.items()}
    rare["looked_after"] = pupil.links[0].relationship == "Foster carer"
    rare["social_worker"] |= rare["looked_after"] | rare["child_protection"]
    flags.update({key: "" for key, held in rare.items() if held})
    if "fsm" in flags or rare["looked_after"] or rng.random() < 0.06:
        flags["pupil_premium"] = ""
    if rare["child_protection"] or rare["social_worker"] and rng.random() < 0.5 or rng.random() < 0.008:
        flags["first_day_list"] = ""


def _untypical_homes(pupils: list[PupilPlan], rng: np.random.Generator) -> None:
    """What school offices meet: one contact only, a parent without an address, a separated father who asked for no letters."""
    for pupil in pupils:
        pupil.links = [replace(link) for link in pupil.links]
        draw = rng.random()
        if draw < 0.01:
            del pupil.links[1:]
        elif draw < 0.015:
            pupil.links[-1].parent.address = ""
        for link in pupil.links:
            if link.relationship == "Father" and not link.lives_with_pupil and rng.random() < 0.25:
                link.receives_letters = False


def single_out(pupils: Sequence[PupilPlan], shares: np.ndarray) -> None:
    """In each larger school: a parent whom an order bars, and a pupil for whom nobody may be written to, both absent enough to matter."""
    for school in {pupil.school.urn: pupil.school for pupil in pupils}.values():
        there = [pupil for pupil, share in zip(pupils, shares, strict=True) if pupil.school is school and 0.11 < share < 0.25]
        apart = [pupil for pupil in there if any(link.receives_letters and not link.lives_with_pupil for link in pupil.links[1:])]
        for pupil in apart[: 2 if len(school.forms) > 20 else 1]:
            _bar(pupil.links[1], "Court order: no contact with the child or the school")
        alone = [pupil for pupil in there if pupil.links[-1].relationship == "Grandmother" and len(school.forms) > 5]
        for pupil in alone[:1]:
            _bar(pupil.links[0], "Court order: lives with grandmother, no letters to the mother")
            pupil.links[0].lives_with_pupil, pupil.links[1].lives_with_pupil = False, True


def _bar(link: LinkPlan, note: str) -> None:
    link.no_contact_from, link.no_contact_note, link.is_emergency_contact = ORDER_FROM, note, False


def _number(pupils: list[PupilPlan], rng: np.random.Generator) -> None:
    """Unique pupil numbers of authority 999, which does not exist; one new arrival in 150 has none yet."""
    for serial, pupil in enumerate(pupils):
        started = YEARS[-1] - pupil.form.year_group
        digits = f"999{pupil.school.urn[2:]}{started % 100:02}{serial % 1000:03}"
        pupil.upn = None if rng.random() < 0.007 else check_letter(digits) + digits


def check_letter(digits: str) -> str:
    """The first letter of a UPN: the weighted sum of its twelve digits, modulo 23 (Department for Education, UPN guide)."""
    return "ABCDEFGHJKLMNPQRTUVWXYZ"[sum(weight * int(digit) for weight, digit in enumerate(digits, start=2)) % 23]


def _enrol(pupils: list[PupilPlan], group: GroupPlan, rng: np.random.Generator) -> None:
    schools = {school.urn: school for school in group.schools}
    numbers = dict.fromkeys(schools, 1000)
    for pupil in pupils:
        starts, ends = _from_to(pupil.school, rng)
        before = _school_before(pupil, schools, rng) if starts < FIRST_DAYS[YEARS[-1]] or _is_new_here(pupil) else None
        if before and starts <= pupil.school.half_terms[YEARS[-1]][0].starts:
            pupil.enrolments.append(_enrolment_before(pupil, before, numbers))
        pupil.enrolments.append(_enrolment(pupil, pupil.school, starts, ends, numbers))
        if ends and (other := _moves_to(pupil, schools)):
            pupil.enrolments.append(_enrolment(pupil, other, _monday_after(ends), None, numbers))


def _is_new_here(pupil: PupilPlan) -> bool:
    return pupil.form.year_group == pupil.school.years[0]


def _from_to(school: SchoolPlan, rng: np.random.Generator) -> tuple[dt.date, dt.date | None]:
    """First and last day on roll: the long-standing ones start on 1 September of last year's beginning or earlier."""
    draw, days = rng.random(), school.days[YEARS[-1]].dates
    if draw < JOINS_MID_YEAR:
        return days[int(rng.integers(15, len(days) - 40))], None
    if draw < JOINS_MID_YEAR + LEAVES_MID_YEAR:
        return school.half_terms[YEARS[0]][0].starts, days[int(rng.integers(20, len(days) - 40))]
    return school.half_terms[YEARS[0]][0].starts, None


def _school_before(pupil: PupilPlan, schools: dict[str, SchoolPlan], rng: np.random.Generator) -> SchoolPlan | None:
    """Where a pupil of the first year group was last year, if in a school of the group."""
    if not _is_new_here(pupil) or not pupil.school.previous:
        return None
    fits = [schools[urn] for urn in pupil.school.previous if schools[urn].years[1] == pupil.form.year_group - 1]
    places = sum(school.form_size * len(school.form_letters) for school in fits)
    here = pupil.school.form_size * len(pupil.school.form_letters)
    return fits[int(rng.integers(len(fits)))] if fits and rng.random() < places / here else None


def _moves_to(pupil: PupilPlan, schools: dict[str, SchoolPlan]) -> SchoolPlan | None:
    """Another school of the group that has the same year groups: a move inside the group."""
    return next(
        (school for school in schools.values() if school is not pupil.school and school.years == pupil.school.years), None
    )


def _monday_after(date: dt.date) -> dt.date:
    return date + dt.timedelta(days=7 - date.weekday())


def _next_number(numbers: dict[str, int], school: SchoolPlan) -> str:
    numbers[school.urn] += 1
    return str(numbers[school.urn])


def _enrolment_before(pupil: PupilPlan, school: SchoolPlan, numbers: dict[str, int]) -> EnrolmentPlan:
    starts, ends = school.half_terms[YEARS[0]][0].starts, school.half_terms[YEARS[0]][-1].ends
    year = pupil.form.year_group - 1
    form = next(form for form in school.forms if form.year_group == year)
    place = PlacementPlan(year, form.name, form.house, starts, ends)
    return EnrolmentPlan(school, _next_number(numbers, school), starts, ends, [place])


def _enrolment(
    pupil: PupilPlan, school: SchoolPlan, starts: dt.date, ends: dt.date | None, numbers: dict[str, int]
) -> EnrolmentPlan:
    """On roll from ``starts`` (but not before the school's first year group), placed in each year's form."""
    this_year = school.half_terms[YEARS[-1]][0].starts
    is_new = pupil.form.year_group == school.years[0]
    starts = max(starts, this_year) if is_new else starts
    placements = []
    if starts < this_year:
        form = next(form for form in school.forms if form.year_group == pupil.form.year_group - 1 and _same_set(form, pupil.form))
        placements.append(PlacementPlan(form.year_group, form.name, form.house, starts, this_year - dt.timedelta(days=1)))
    placements.append(PlacementPlan(pupil.form.year_group, pupil.form.name, pupil.form.house, max(starts, this_year), ends))
    return EnrolmentPlan(school, _next_number(numbers, school), starts, ends, placements)


def _same_set(one: Form, other: Form) -> bool:
    """Whether two forms of different years bear the same letter: 7B and 8B, RA and 1A."""
    return one.name.lstrip("R0123456789") == other.name.lstrip("R0123456789")
