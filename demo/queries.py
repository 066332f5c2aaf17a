"""What the chooser shows: every person of the demo by group, school and role, with what waits for them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, F, Q

from escalation.models import Adoption
from letters.models import Letter
from letters.states import WAITING
from schools.models import Enrolment, Group, Role, School, StaffRole
from schools.staff import StaffDirectory

SEES: dict[str, str] = {
    Role.OFFICER: "Today: whom to ring and text, which registers are missing, what is due",
    Role.HEAD_OF_YEAR: "Decisions: the letters of the years or the house; their meetings",
    Role.TUTOR: "My form: the register, this week’s marks, whom to talk to",
    Role.HEAD: "Decisions: the letters that the head approves; leave that waits",
    Role.ATTENDANCE_LEAD: "Cases: every stage and meeting, notices, returns to the authority",
    Role.SAFEGUARDING_LEAD: "Safeguarding: concerns that nobody else reads",
    Role.TRUST_LEAD: "All schools of the group",
    Role.ADMINISTRATOR: "Nights and imports; no pupil",
    Role.GOVERNOR: "The school’s ladder; no pupil",
}
"""What each role sees first, for the chooser."""
ORDER = tuple(SEES)
"""Roles in the order in which the chooser lists them: those with daily work first."""


@dataclass
class Choice:
    """A person in one role. ``letters``: drafts that wait for them."""

    user_id: int
    name: str
    role: str
    title: str
    sees: str
    where: str = ""
    letters: int = 0


@dataclass
class SchoolChoices:
    school: School
    pupils: int
    people: list[Choice] = field(default_factory=list)
    tutors: list[Choice] = field(default_factory=list)


@dataclass
class GroupChoices:
    group: Group
    ladder: str
    leads: list[Choice] = field(default_factory=list)
    schools: list[SchoolChoices] = field(default_factory=list)


def choices(on: dt.date) -> list[GroupChoices]:
    """Every group with its schools and people. A constant number of statements for each school."""
    pupils = dict(
        Enrolment.objects.filter(starts__lte=on)
        .filter(Q(ends__isnull=True) | Q(ends__gte=on))
        .values_list("school")
        .annotate(Count("pk"))
    )
    waiting = _waiting(on)
    ladders = dict(Adoption.objects.filter(starts__lte=on).order_by("starts").values_list("school__group", "version__name"))
    groups = {group.pk: GroupChoices(group, ladders.get(group.pk, "")) for group in Group.objects.order_by("name")}
    for school in School.objects.order_by("urn"):
        directory = StaffDirectory.of(school, on)
        shown = SchoolChoices(school, pupils.get(school.pk, 0))
        letters = _by_person(directory, waiting.get(school.pk, Counter()))
        for choice in _choices(directory.roles, letters):
            _put(choice, shown, groups[school.group_id])
        groups[school.group_id].schools.append(shown)
    return list(groups.values())


def start_here(groups: Iterable[GroupChoices]) -> list[Choice]:
    """People of one secondary school to begin with: officer, head of year with most letters, tutor, attendance lead, safeguarding lead."""
    schools = [school for group in groups for school in group.schools if school.school.phase == School.Phase.SECONDARY]
    if not schools:
        return []
    school = max(
        schools, key=lambda school: max((each.letters for each in school.people if each.role == Role.HEAD_OF_YEAR), default=0)
    )
    officer, lead, safeguarding = (
        next((each for each in school.people if each.role == role), None)
        for role in (Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD)
    )
    head = max((each for each in school.people if each.role == Role.HEAD_OF_YEAR), key=lambda each: each.letters, default=None)
    tutor = next(iter(school.tutors), None)
    return [_at(choice, school.school) for choice in (officer, head, tutor, lead, safeguarding) if choice]


def _at(choice: Choice, school: School) -> Choice:
    return Choice(choice.user_id, choice.name, choice.role, choice.title, choice.sees, school.name, choice.letters)


def _put(choice: Choice, school: SchoolChoices, group: GroupChoices) -> None:
    if choice.role == Role.TUTOR:
        school.tutors.append(choice)
    elif choice.role == Role.TRUST_LEAD:
        if not group.leads:
            group.leads.append(choice)
    else:
        school.people.append(choice)


def _choices(roles: Iterable[StaffRole], letters: Counter[int]) -> list[Choice]:
    ordered = sorted(roles, key=lambda held: (ORDER.index(held.role), held.pk))
    return [
        Choice(held.user_id, held.user.name, held.role, held.shown_title, SEES[held.role],
               ", ".join(held.forms) if held.role == Role.TUTOR else "", letters[held.user_id])
        for held in ordered
    ]  # fmt: skip


Waiting = Counter[tuple[str, int, str]]
"""How many letters wait, by role that approves, year group and form."""


def _waiting(on: dt.date) -> dict[int, Waiting]:
    """By school. One statement."""
    placed = {
        "case__pupil__enrolments__school": F("school"),
        "case__pupil__enrolments__placements__starts__lte": on,
    }
    place = "case__pupil__enrolments__placements"
    found = Letter.objects.filter(state__in=WAITING, **placed).filter(
        Q(**{f"{place}__ends__isnull": True}) | Q(**{f"{place}__ends__gte": on})
    )
    waiting: dict[int, Waiting] = {}
    for school, approves, year_group, form, letters in (
        found.order_by()
        .values_list("school", "approves", f"{place}__year_group", f"{place}__form")
        .annotate(Count("pk", distinct=True))
    ):
        waiting.setdefault(school, Counter())[approves, year_group, form] += letters
    return waiting


def _by_person(directory: StaffDirectory, waiting: Waiting) -> Counter[int]:
    """How many letters wait for each person who approves them."""
    letters: Counter[int] = Counter()
    for (approves, year_group, form), count in waiting.items():
        if held := directory.who(approves, year_group, form):
            letters[held.user_id] += count
    return letters
