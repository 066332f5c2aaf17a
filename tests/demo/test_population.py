"""The demo's schools and people: structures of the five policies, invented names, the unusual homes that offices meet."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict

import pytest

from demo.absence import absence_shares
from demo.population import PupilPlan, check_letter, make_pupils, single_out
from demo.structure import YEARS, read_groups
from demo.workforce import make_staff
from schools.models import PupilFlag, Role

TODAY = dt.date(2026, 6, 15)


@pytest.fixture(scope="module")
def pupils() -> list[PupilPlan]:
    made = [pupil for group in read_groups() for pupil in make_pupils(group)]
    single_out(made, absence_shares(made)[YEARS[-1]])
    return made


def test_five_groups_have_the_structures_of_their_policies() -> None:
    groups = {group.ruleset: group for group in read_groups()}
    assert set(groups) == {"federation", "coventry", "vale", "wigston", "goldington"}
    assert [(school.phase, school.years) for school in groups["federation"].schools] == [
        ("primary", (3, 6)),
        ("primary", (0, 2)),
        ("primary", (0, 2)),
    ]
    assert [school.phase for school in groups["vale"].schools] == ["special", "special"]
    assert [school.target for school in groups["vale"].schools] == [92, 87]
    assert [(school.phase, school.years) for school in groups["coventry"].schools] == [("secondary", (7, 11))]
    assert [(school.phase, school.years) for school in groups["goldington"].schools] == [("secondary", (7, 11))]
    assert len(groups["coventry"].schools[0].register_times) == 3, "two afternoon times by lunch sitting"


def test_about_four_thousand_pupils(pupils: list[PupilPlan]) -> None:
    assert 3800 <= len(pupils) <= 4200


@pytest.mark.parametrize("school", [school for group in read_groups() for school in group.schools], ids=lambda school: school.urn)
def test_calendars_have_staff_days_bank_holidays_and_a_day_today(school) -> None:
    for year in YEARS:
        assert 185 <= len(school.days[year]) <= 195
        ends = [half_term.ends for half_term in school.half_terms[year]]
        starts = [half_term.starts for half_term in school.half_terms[year]]
        assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
    assert school.days[2025].index(TODAY) is not None
    assert school.days[2025].index(dt.date(2026, 5, 4)) is None, "early May bank holiday"
    assert {day.kind for day in school.closed_days} >= {"staff", "bank_holiday"}


def test_the_same_people_come_out_each_time(pupils: list[PupilPlan]) -> None:
    again = make_pupils(read_groups()[0])
    first = pupils[: len(again)]
    assert [(p.first_name, p.last_name, p.upn, p.date_of_birth) for p in again] == [
        (p.first_name, p.last_name, p.upn, p.date_of_birth) for p in first
    ]


def test_pupil_numbers_are_well_formed_unique_and_of_no_real_authority(pupils: list[PupilPlan]) -> None:
    numbers = [pupil.upn for pupil in pupils if pupil.upn]
    assert len(numbers) == len(set(numbers)) < len(pupils)
    assert all(re.fullmatch(r"[A-HJ-NP-RT-Z]999\d{9}", number) and number[0] == check_letter(number[1:]) for number in numbers)


def test_addresses_of_every_kind_lead_nowhere(pupils: list[PupilPlan]) -> None:
    parents = [link.parent for pupil in pupils for link in pupil.links]
    assert all(not parent.email or parent.email.endswith(".example") for parent in parents)
    assert all(not parent.telephone or re.fullmatch(r"07700 900\d{3}", parent.telephone) for parent in parents)
    assert all(not parent.address or re.search(r"\nZZ\d+ \d[A-Z]{2}$", parent.address) for parent in parents)


def test_age_fits_the_year_group(pupils: list[PupilPlan]) -> None:
    for pupil in pupils:
        fifth_birthday_year = pupil.date_of_birth.year + 5 + (pupil.date_of_birth.month >= 9)
        assert fifth_birthday_year == 2026 - pupil.form.year_group


def test_some_in_reception_are_below_compulsory_school_age(pupils: list[PupilPlan]) -> None:
    """Compulsory school age begins with the term after the fifth birthday: for a child of April 2021 in September 2026."""
    assert any(pupil.form.year_group == 0 and pupil.date_of_birth >= dt.date(2021, 4, 1) for pupil in pupils)


def test_brothers_and_sisters_go_to_different_schools_of_a_group(pupils: list[PupilPlan]) -> None:
    families = defaultdict(set)
    for pupil in pupils:
        families[pupil.group.slug, pupil.family].add(pupil.school.urn)
    assert sum(len(schools) > 1 for schools in families.values()) > 50


def test_unusual_homes_are_there(pupils: list[PupilPlan]) -> None:
    links = [link for pupil in pupils for link in pupil.links]
    assert any(link.no_contact_from for link in links), "a parent barred by an order"
    assert any(link.relationship == "Father" and not link.lives_with_pupil for link in links), "parents at two addresses"
    assert any(not link.parent.email for link in links) and any(not link.parent.telephone for link in links)
    assert any(not link.parent.address for link in links)
    assert sum(link.parent.language != "en" for link in links) > 200
    assert any(len(pupil.links) == 1 for pupil in pupils), "fewer than two contacts"


def test_for_some_pupils_nobody_may_be_written_to(pupils: list[PupilPlan]) -> None:
    silent = [pupil for pupil in pupils if not any(link.receives_letters and not link.no_contact_from for link in pupil.links)]
    assert len({pupil.school.urn for pupil in silent}) >= 3


def test_flags_come_at_plausible_rates(pupils: list[PupilPlan]) -> None:
    def share(kind: str, phase: str) -> float:
        there = [pupil for pupil in pupils if pupil.school.phase == phase]
        return sum(kind in pupil.flags for pupil in there) / len(there)

    assert {kind for pupil in pupils for kind in pupil.flags} == set(PupilFlag.Kind.values)
    assert 0.2 < share("fsm", "secondary") < 0.32 and 0.4 < share("fsm", "special") < 0.55
    assert share("ehc_plan", "special") == 1
    assert 0.08 < share("sen_support", "primary") < 0.2
    assert 0.002 < share("looked_after", "secondary") < 0.02


def test_every_role_is_held_at_every_school_and_every_form_has_its_tutor() -> None:
    for group in read_groups():
        staff = make_staff(group)
        assert len({person.email for person in staff}) == len(staff)
        assert all(person.email.endswith(".example") for person in staff)
        roles = [role for person in staff for role in person.roles]
        assert any(role.role == Role.TRUST_LEAD for role in roles)
        for school in group.schools:
            there = [role for role in roles if role.school is school]
            assert {role.role for role in there} == set(Role.values) - {Role.TRUST_LEAD}
            assert {form for role in there if role.role == Role.TUTOR for form in role.forms} == {
                form.name for form in school.forms
            }


def test_heads_of_year_share_out_all_pupils_without_overlap() -> None:
    for group in read_groups():
        roles = [role for person in make_staff(group) for role in person.roles if role.role == Role.HEAD_OF_YEAR]
        for school in group.schools:
            for form in school.forms:
                heads = [
                    role for role in roles
                    if role.school is school and (form.year_group in role.year_groups or form.name in role.forms)
                ]  # fmt: skip
                assert len(heads) == 1, f"{school.name} {form.name}"
