"""Finding pupils: by name, UPN, admission number or a parent's name, always within the person's scope; and the list of pupils on roll."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import and_

from django.db.models import Prefetch, Q, QuerySet

from attendance.grid import academic_year_of
from attendance.models import Figures
from desk.queries.registers import natural
from desk.queries.roll import RollLine, roll
from escalation.models import StageRecord
from schools.access import Scope
from schools.models import Enrolment, Parent, Pupil, PupilParent, School

MOST = 50
"""Results shown; more than that is a reason to type more."""
SHORTEST = 2
PAGE = 50


@dataclass(frozen=True, slots=True)
class FoundPupil:
    pupil: Pupil
    school: School
    form: str
    has_left: bool


@dataclass(frozen=True, slots=True)
class FoundParent:
    parent: Parent
    children: list[tuple[Pupil, str]]
    """(child in scope, what the person is to the child)"""


@dataclass(frozen=True)
class Found:
    query: str
    pupils: list[FoundPupil]
    parents: list[FoundParent]
    is_cut: bool = False

    @property
    def is_too_short(self) -> bool:
        return 0 < len(self.query) < SHORTEST


def find(scope: Scope, text: str, on: dt.date) -> Found:
    """Pupils and parents in scope whom every word of ``text`` fits. Eight statements at most."""
    query = " ".join(text.split())[:100]
    if len(query) < SHORTEST:
        return Found(query, [], [])
    pupils = _pupils(scope, query, on)
    return Found(query, pupils[:MOST], _parents(scope, query)[:MOST], is_cut=len(pupils) > MOST)


def _every_word(query: str, *fields: str) -> Q:
    words = ([Q(**{f"{field}__icontains": word}) for field in fields] for word in query.split())
    return reduce(and_, (reduce(lambda one, other: one | other, options) for options in words))


def _pupils(scope: Scope, query: str, on: dt.date) -> list[FoundPupil]:
    named = _every_word(query, "pupil__first_name", "pupil__last_name", "pupil__known_as")
    numbered = Q(pupil__upn__iexact=query) | Q(admission_number__iexact=query)
    enrolments = scope.enrolments.filter(named | numbered).select_related("pupil", "school").prefetch_related("placements")
    latest: dict[int, Enrolment] = {}
    for enrolment in enrolments.order_by("pupil__last_name", "pupil__first_name", "pupil", "starts")[: 2 * MOST + 2]:
        latest[enrolment.pupil_id] = enrolment
    return [_found_pupil(enrolment, on) for enrolment in latest.values()]


def _found_pupil(enrolment: Enrolment, on: dt.date) -> FoundPupil:
    placements = [placement for placement in enrolment.placements.all() if placement.starts <= on]
    has_left = bool(enrolment.ends and enrolment.ends < on)
    return FoundPupil(enrolment.pupil, enrolment.school, placements[-1].form if placements else "", has_left)


def _parents(scope: Scope, query: str) -> list[FoundParent]:
    links = PupilParent.objects.filter(pupil__in=scope.pupils).select_related("pupil")
    parents = Parent.objects.filter(_every_word(query, "first_name", "last_name"), pupil_links__pupil__in=scope.pupils).distinct()
    found = parents.prefetch_related(Prefetch("pupil_links", links, to_attr="links_in_scope"))[:MOST]
    return [FoundParent(parent, [(link.pupil, link.relationship) for link in parent.links_in_scope]) for parent in found]  # type: ignore[attr-defined]


# The list of pupils on roll


@dataclass(frozen=True, slots=True)
class ListRow:
    line: RollLine
    school: School
    figures: Figures | None
    stage: StageRecord | None = None

    @property
    def is_low(self) -> bool:
        """Below 90%: the national line of persistent absence."""
        return bool(self.figures and 100 * self.figures.attended < 90 * self.figures.possible)

    @property
    def share(self) -> float:
        """For the order by attendance; pupils without a figure come last."""
        return self.figures.attended / self.figures.possible if self.figures and self.figures.possible else 2.0


def pupil_rows(scope: Scope, schools: Collection[School], on: dt.date) -> list[ListRow]:
    """Everyone in scope on roll, by name, without stages. Four statements."""
    by_key = {school.pk: school for school in schools}
    lines = list(roll(scope, schools, on).values())
    figures = _figures(schools, on)
    return [ListRow(line, by_key[line.school], figures.get(line.row or 0)) for line in lines]


def _figures(schools: Collection[School], on: dt.date) -> dict[int, Figures]:
    return {
        figures.pk: figures
        for figures in Figures.objects.filter(school__in=schools, row__year=academic_year_of(on))
    }  # fmt: skip


def with_stages(rows: Collection[ListRow], on: dt.date) -> list[ListRow]:
    """The rows of one page with where each pupil stands on the ladder. One statement."""
    standing = _standing([row.line.pupil for row in rows], on)
    return [ListRow(row.line, row.school, row.figures, standing.get(row.line.key)) for row in rows]


def _standing(pupils: Collection[int], on: dt.date) -> dict[tuple[int, int], StageRecord]:
    """The highest stage that was reached this year, by pupil and school."""
    reached: QuerySet[StageRecord] = StageRecord.objects.filter(
        case__pupil__in=pupils, case__year=academic_year_of(on), state__in=["proposed", "held", "done"]
    ).select_related("case")
    return {(record.case.pupil_id, record.case.school_id): record for record in reached.order_by("level", "proposed_on", "id")}


def in_form_order(rows: Collection[ListRow]) -> list[ListRow]:
    return sorted(rows, key=lambda row: (natural(row.line.form), row.line.name))
