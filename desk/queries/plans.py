"""Plans for the staff's pages: those of a case with their figures in words, what ends this week, what waits for a review, the summer's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from casework.models import Plan, StandingApproval
from casework.monitoring import proposed_after, series_of
from casework.plan_kinds import offered
from casework.plans import ends_on, target_words, title_of
from casework.queries.plans import (
    Recovery,
    Tested,
    ending,
    over_the_summer,
    plans_of,
    recovery_of,
    standing,
    tested,
    to_review,
    whole_plans,
)
from desk.words import stage_label
from escalation.models import Case, Period, StageRecord, Task
from letters.phrases import count, percent
from schools.access import Scope
from schools.models import Role, School

HEIRS = {Role.HEAD, Role.TRUST_LEAD, Role.ATTENDANCE_LEAD}
"""Roles that may stand in for whoever the ladder names."""


@dataclass(frozen=True, slots=True)
class PeriodLine:
    """A period in words: "41 of 46 sessions, 89.1%, target 92%: missed"."""

    period: Period
    result: Tested
    plan: Plan | None = None

    @property
    def name(self) -> str:
        kind = title_of(self.plan) if self.plan else "Monitoring"
        return f"{kind}, {stage_label(self.period.stage).lower()}"

    @property
    def weeks(self) -> str:
        return count(self.period.weeks, "week")

    @property
    def words(self) -> str:
        return outcome_words(self.result)

    @property
    def look(self) -> str:
        """CSS class of the outcome."""
        return "" if not self.result.ended else {True: "good", False: "bad", None: "soft"}[self.result.met]

    @property
    def falls_short(self) -> str:
        """ "Better than before, and short of the target": where the policy leaves the case to people."""
        result = self.result
        if not result.ended or result.met is not False or result.period.target is None or not result.before_possible:
            return ""
        better = result.attended * result.before_possible > result.before_attended * result.possible
        return "Better than before it, and short of the target: what follows is yours to decide." if better else ""


def outcome_words(result: Tested) -> str:
    """The tested outcome, or how it stands today, in a line."""
    if not result.possible:
        return "No session was possible." if result.ended else "No session yet."
    figure = f"{result.attended} of {count(result.possible, 'session')}, {percent(result.attended, result.possible)}"
    target = result.period.target
    if target is not None:
        asked = f"target {target.normalize():f}%"
    elif result.before_possible:
        asked = f"to improve on {percent(result.before_attended, result.before_possible)}"
    else:
        asked = "to improve"
    if not result.ended:
        return f"{figure} so far, {asked}"
    return f"{figure}, {asked}: {'met' if result.met else 'missed' if result.met is False else 'not measured'}"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan with its period's figures, where it has a period."""

    plan: Plan
    line: PeriodLine | None

    @property
    def title(self) -> str:
        return title_of(self.plan)

    @property
    def target(self) -> str:
        return target_words(self.plan)

    @property
    def ends_on(self) -> dt.date:
        return ends_on(self.plan)

    @property
    def wants_review(self) -> bool:
        return self.plan.state == Plan.State.IN_FORCE and bool(self.line and self.line.result.ended)


@dataclass(frozen=True, slots=True)
class RecoveryLine:
    """ "Attendance is stable: 91.3% (84 of 92); 94% is needed."."""

    name: str
    words: str
    leads_to: str
    holds: bool


@dataclass(frozen=True, slots=True)
class CasePlans:
    """What a case's page shows of plans. ``open_to``: (stage record, kind, its name) of what may be drawn up, the usual one first.

    ``series``: the stage whose weekly messages may be approved; ``approvals`` the latest first."""

    plans: tuple[PlanLine, ...]
    monitoring: tuple[PeriodLine, ...]
    recovery: tuple[RecoveryLine, ...]
    open_to: tuple[tuple[StageRecord, str, str], ...]
    series: StageRecord | None
    approvals: tuple[StandingApproval, ...]
    on: dt.date

    @property
    def draft(self) -> Plan | None:
        return next((line.plan for line in self.plans if line.plan.state == Plan.State.DRAFT), None)

    @property
    def current(self) -> StandingApproval | None:
        return next((one for one in self.approvals if one.ended_on is None and one.until >= self.on), None)

    @property
    def expired(self) -> StandingApproval | None:
        """The latest approval where its time is over and nobody has renewed it."""
        latest = self.approvals[0] if self.approvals else None
        return latest if latest and latest.ended_on is None and latest.until < self.on else None

    @property
    def is_empty(self) -> bool:
        return not (self.plans or self.monitoring or self.recovery or self.approvals)


def case_plans(case: Case, records: Sequence[StageRecord], on: dt.date) -> CasePlans:
    """Everything about plans for one case's page. About twenty-five statements where a period has run, however many there were."""
    plans = plans_of(case)
    periods = list(Period.objects.filter(case=case).select_related("case").order_by("-starts_on"))
    results = tested(periods, on)
    of_period = {plan.period_id: plan for plan in plans if plan.period_id}
    lines = {period.pk: PeriodLine(period, results[period.pk], of_period.get(period.pk)) for period in periods}
    has_run = any(record.state == StageRecord.State.DONE for record in records)
    return CasePlans(
        plans=tuple(PlanLine(plan, lines.get(plan.period_id or 0)) for plan in plans),
        monitoring=tuple(line for line in lines.values() if line.plan is None),
        recovery=tuple(_recovery_line(each) for each in recovery_of(case, on)) if has_run else (),
        open_to=tuple(may_be_drawn_up(case, on)),
        series=next((record for record in _with_version(case) if series_of(record)), None),
        approvals=tuple(standing([case.pk]).get(case.pk, [])),
        on=on,
    )


def _with_version(case: Case) -> list[StageRecord]:
    done = StageRecord.objects.filter(case=case, state=StageRecord.State.DONE)
    return list(done.select_related("version").order_by("proposed_on", "pk"))


def may_be_drawn_up(case: Case, on: dt.date) -> list[tuple[StageRecord, str, str]]:
    """(stage record, kind, its name) of every plan that the stages which stand use, the latest stage first. One statement."""
    standing_records = StageRecord.objects.filter(case=case, state__in=StageRecord.STANDING).exclude(
        state=StageRecord.State.PASSED_OVER
    )
    records = list(standing_records.select_related("version", "case__school", "case__pupil").order_by("-proposed_on", "-pk"))
    asked = set(
        Task.objects.filter(case=case, state=Task.State.OPEN, kind__in=("plan", "contract")).values_list(
            "stage_record", flat=True
        )
    )
    records.sort(key=lambda record: record.pk not in asked)
    return [(record, key, kind.name) for record in records for key, kind in offered(record.version.key, record.stage).items()]


def _recovery_line(each: Recovery) -> RecoveryLine:
    parts = [
        f"{percent(attended, possible)} ({attended} of {possible}), {_limit(limit)} is needed"
        for attended, possible, limit in each.parts
        if possible
    ]
    words = "; ".join(parts) or f"Nothing to count yet: {each.asks}"
    return RecoveryLine(each.name, f"{words}.", each.leads_to, each.holds)


def _limit(limit: Fraction) -> str:
    return f"{float(limit):g}%"


@dataclass(frozen=True)
class Board:
    """The list of plans: what ends this week, what waits for a review, what runs over the summer."""

    this_week: tuple[PeriodLine, ...]
    reviews: tuple[PlanLine, ...]
    summer: tuple[PlanLine, ...]
    drafts: tuple[PlanLine, ...]


def board(scope: Scope, schools: Collection[School], on: dt.date) -> Board:
    """The plans of the schools, of pupils whom the viewer may see. The statements grow with the schools, never with the plans."""
    seen = set(scope.enrolments.filter(school__in=schools).values_list("pupil", "school"))

    def visible(case: Case) -> bool:
        return (case.pupil_id, case.school_id) in seen

    monday = on - dt.timedelta(days=on.weekday())
    periods = [period for period in ending(schools, monday, monday + dt.timedelta(days=6)) if visible(period.case)]
    reviews = [plan for plan in to_review(schools, on) if visible(plan.case)]
    summer = [plan for plan in over_the_summer(schools, on) if visible(plan.case)]
    drafts = [plan for plan in _drafts(schools) if visible(plan.case)]
    of_period = {plan.period_id: plan for plan in whole_plans().filter(period__in=periods)}
    bound = list(Period.objects.filter(pk__in=[plan.period_id for plan in (*reviews, *summer)]).select_related("case"))
    results = tested([*periods, *bound], on)
    lines = {period.pk: PeriodLine(period, results[period.pk], of_period.get(period.pk)) for period in (*bound, *periods)}
    late = {plan.pk for plan in summer}
    return Board(
        this_week=tuple(lines[period.pk] for period in periods),
        reviews=tuple(_lines((plan for plan in reviews if plan.pk not in late), lines)),
        summer=tuple(_lines(summer, lines)),
        drafts=tuple(_lines(drafts, lines)),
    )


def _lines(plans: Iterable[Plan], lines: dict[int, PeriodLine]) -> list[PlanLine]:
    return [PlanLine(plan, lines.get(plan.period_id or 0)) for plan in plans]


def _drafts(schools: Collection[School]) -> list[Plan]:
    plans = Plan.objects.filter(case__school__in=schools, state=Plan.State.DRAFT)
    return list(plans.select_related("case__pupil", "case__school", "stage_record").order_by("starts_on", "pk"))


def plan_line(plan: Plan, on: dt.date) -> PlanLine:
    """One plan with its figures."""
    if plan.period is None:
        return PlanLine(plan, None)
    return PlanLine(plan, PeriodLine(plan.period, tested([plan.period], on)[plan.period.pk], plan))


def what_is_proposed(plan: Plan) -> StageRecord | None:
    """The stage above the plan's that the night has proposed."""
    return proposed_after(plan.period) if plan.period else None


def why_not_approve_series(scope: Scope, record: StageRecord, school: School) -> str:
    """The weekly messages are approved by whom the ladder names, or by whoever stands in."""
    named = record.approves or record.acts
    held = scope.role_keys_at(school)
    return "" if named in held or held & HEIRS else f"The weekly messages are approved by the {Role(named).label.lower()}."
