"""Reads about plans and periods: those of a case, each with its figures of today or of its end, what ends soon, and what recovery needs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from django.db.models import Prefetch, QuerySet

from attendance.grid import academic_year_of
from attendance.queries import school_matrix
from casework.models import Plan, PlanReview, PlanSignature, StandingApproval
from escalation.engine.conditions import CaseCondition, Comparison, leaves
from escalation.engine.evaluate import judge_for
from escalation.engine.periods import PeriodEnd
from escalation.engine.register import Register, field
from escalation.engine.words import condition_in_words
from escalation.loading import LoadedSchool, load_school
from escalation.models import Case, Period
from schools.models import Enrolment, School
from schools.queries import school_days
from schools.schooldays import SchoolDays


@dataclass(frozen=True, slots=True)
class Tested:
    """A period's figures. ``before_attended`` and ``before_possible``: the year as of its first day, on which "improve" is measured.

    ``ended``: the day up to which it was counted is the last of the period; ``outcome`` is then final, and before it as it would be today.
    ``met``: None where no session was possible.
    """

    period: Period
    attended: int
    possible: int
    before_attended: int
    before_possible: int
    outcome: str
    ended: bool

    @property
    def met(self) -> bool | None:
        return {Period.Outcome.MET: True, Period.Outcome.MISSED: False}.get(Period.Outcome(self.outcome))

    @property
    def needed(self) -> tuple[int, int] | None:
        """What had to be reached, as hundred times a part and a whole; None where neither a target nor a year's figure stands."""
        if self.period.target is not None:
            target = Fraction(self.period.target)
            return target.numerator, 100 * target.denominator
        return (self.before_attended, self.before_possible) if self.before_possible else None


def tested(periods: Collection[Period], on: dt.date) -> dict[int, Tested]:
    """Each period's figures as of ``on``, by number, counted from the register: for one that has ended as it ended. Give periods with
    their case joined. Four statements a school, and one for the schools."""
    by_school: dict[int, list[Period]] = defaultdict(list)
    for period in periods:
        by_school[period.case.school_id].append(period)
    found: dict[int, Tested] = {}
    for school, of_school in School.objects.in_bulk(list(by_school)).items():
        found |= _of_school(by_school[school], of_school, on)
    return found


def _of_school(periods: list[Period], school: School, on: dt.date) -> dict[int, Tested]:
    years = sorted({period.case.year for period in periods} | {academic_year_of(period.ends_on) for period in periods})
    days = school_days(school, years)
    pupils = {period.case.pupil_id for period in periods}
    enrolments = list(Enrolment.objects.filter(school=school, pupil__in=pupils).values_list("pk", flat=True))
    enrolled, marks = school_matrix(school, years, enrolment_ids=enrolments, days=days)
    rows = {pupil.pupil_id: number for number, pupil in enumerate(enrolled)}
    counted = _Sums(days, Register(days, marks))
    return {period.pk: _tested(period, counted, rows.get(period.case.pupil_id), on) for period in periods}


class _Sums:
    """Sessions attended and possible of one pupil over days of a register."""

    def __init__(self, days: SchoolDays, register: Register) -> None:
        self.days, self.register = days, register

    def after(self, row: int | None, first: dt.date, last: dt.date) -> tuple[int, int]:
        """Over the days after ``first`` up to and with ``last``: (attended, possible)."""
        if row is None or not len(self.days):
            return 0, 0
        start, stop = self.days.first_after(first), max(self.days.first_after(last), self.days.first_after(first))
        words = self.register.words(start, stop, np.array([row]))
        return int(field(words, "attended")[0]), int(field(words, "possible")[0])

    def year_until(self, row: int | None, on: dt.date) -> tuple[int, int]:
        """Over the academic year of ``on`` up to and with it."""
        return self.after(row, dt.date(academic_year_of(on), 8, 1) - dt.timedelta(days=1), on)


def _tested(period: Period, counted: _Sums, row: int | None, on: dt.date) -> Tested:
    """The night's own outcome where it has tested the period; otherwise what it would be today, by the same rule."""
    before = counted.year_until(row, period.starts_on)
    if period.outcome:
        return Tested(period, period.attended or 0, period.possible or 0, *before, period.outcome, True)
    attended, possible = counted.after(row, period.starts_on, min(on, period.ends_on))
    target = None if period.target is None else Fraction(period.target)
    began, ends = period.starts_on.toordinal(), period.ends_on.toordinal()
    end = PeriodEnd(0, 0, began, ends, attended, possible, *before, target=target)
    return Tested(period, attended, possible, *before, end.outcome, on >= period.ends_on)


def whole_plans() -> QuerySet[Plan]:
    """Plans with everything that a page shows: five statements for any number."""
    signatures = PlanSignature.objects.select_related("parent", "document", "recorded_by")
    reviews = PlanReview.objects.select_related("by")
    joined = Plan.objects.select_related("case__pupil", "case__school__group", "stage_record__version", "period__case", "in_force_by",
                                         "made_by", "over_by", "replaces")  # fmt: skip
    return joined.prefetch_related("actions", Prefetch("signatures", signatures), Prefetch("reviews", reviews))


def plans_of(case: Case) -> list[Plan]:
    """All plans of a case, drafts first, then the one in force, then those that are over, the latest first."""
    order = {Plan.State.DRAFT: 0, Plan.State.IN_FORCE: 1}
    return sorted(whole_plans().filter(case=case), key=lambda plan: (order.get(Plan.State(plan.state), 2), -plan.pk))


def ending(schools: Collection[School], first: dt.date, last: dt.date) -> list[Period]:
    """Periods of the schools' cases that end from ``first`` to ``last``, tested or not, in order. One statement."""
    found = Period.objects.filter(case__school__in=schools, ends_on__range=(first, last))
    return list(found.select_related("case__pupil", "case__school").order_by("ends_on", "id"))


def to_review(schools: Collection[School], on: dt.date) -> list[Plan]:
    """Plans in force whose day of review has come or whose period has ended, the oldest first. One statement."""
    plans = Plan.objects.filter(case__school__in=schools, state=Plan.State.IN_FORCE, review_on__lte=on)
    return list(plans.select_related("case__pupil", "case__school", "period").order_by("review_on", "pk"))


def over_the_summer(schools: Collection[School], on: dt.date) -> list[Plan]:
    """Plans of an earlier academic year that are still in force: each is carried into the new year or closed. One statement."""
    plans = Plan.objects.filter(case__school__in=schools, state=Plan.State.IN_FORCE, case__year__lt=academic_year_of(on))
    return list(plans.select_related("case__pupil", "case__school", "period").order_by("case__pupil__last_name", "pk"))


def standing(cases: Collection[int]) -> dict[int, list[StandingApproval]]:
    """Standing approvals by case, ended ones too, the latest first. One statement."""
    found: dict[int, list[StandingApproval]] = defaultdict(list)
    for approval in StandingApproval.objects.filter(case__in=cases).select_related("by", "ended_by"):
        found[approval.case_id].append(approval)
    return found


@dataclass(frozen=True, slots=True)
class Recovery:
    """A rule of recovery: its name, what it asks in words, what it leads to, and for each % that it asks for how far it is.

    ``parts``: (attended, possible, the % asked for) of each figure, in the order of the rule."""

    name: str
    asks: str
    leads_to: str
    holds: bool
    parts: tuple[tuple[int, int, Fraction], ...]


def recovery_of(case: Case, on: dt.date) -> list[Recovery]:
    """What recovery still needs of a pupil for whom its rule has begun to matter: every stage that the rule names is done, and it asks for
    a % (``vale``: 94 over six school weeks). Empty on a case of an earlier year. Some ten statements."""
    enrolment = Enrolment.objects.filter(pupil=case.pupil_id, school=case.school_id).order_by("-starts").first()
    if enrolment is None or case.year != academic_year_of(on):
        return []
    loaded = load_school(case.school, on, enrolment_ids=[enrolment.pk])
    number = loaded.by_pupil.get(case.pupil_id)
    return [] if number is None else list(_recovering(loaded, number, on))


def _recovering(loaded: LoadedSchool, number: int, on: dt.date) -> Iterable[Recovery]:
    from_rules = loaded.ruleset.recovery
    judge = judge_for(loaded.register, loaded.ruleset, loaded.national, loaded.state, on)
    rows = np.array([number])
    for rule in from_rules:
        percents = [leaf for leaf in leaves(rule.condition) if isinstance(leaf, Comparison) and leaf.measure == "percent"]
        stages = [leaf for leaf in leaves(rule.condition) if isinstance(leaf, CaseCondition)]
        if not percents or not all(judge.as_it_stands(stage, rows)[0] for stage in stages):
            continue
        figures = [judge.figures(percent, rows) for percent in percents]
        parts = tuple(
            (int(figure.numerator[0]), int(figure.denominator[0]), Fraction(percent.limit))
            for figure, percent in zip(figures, percents, strict=True)
            if figure.denominator is not None
        )
        asks = "; ".join(condition_in_words(percent) for percent in percents)
        yield Recovery(rule.name, asks, rule.what_to_do, bool(judge.as_it_stands(rule.condition, rows)[0]), parts)
