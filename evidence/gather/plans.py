"""Plans and contracts with what each side promised, who signed, and how every period ended as the night tested it."""

from __future__ import annotations

from casework.models import Plan, PlanAction, PlanReview, PlanSignature
from casework.plan_kinds import barrier_names, kind_of
from escalation.models import Period
from evidence.exhibits import Block, Check, Exhibit, Part, Row, Table, counted, day, rows_of
from evidence.scope import Scope


def plans(scope: Scope) -> Part:
    """Every plan that came into force, and every monitoring period."""
    found = Plan.objects.filter(case=scope.case, starts_on__lte=scope.on, in_force_on__isnull=False).order_by("starts_on", "pk")
    made = list(found.select_related("made_by", "in_force_by", "over_by"))
    periods = list(Period.objects.filter(case=scope.case, starts_on__lte=scope.on))
    tested = [period for period in periods if period.outcome]
    exhibits = [Exhibit(f"{kind_of(plan.kind).name} of {day(plan.starts_on)}", _plan(plan, scope)) for plan in made]
    exhibits += [Exhibit("Monitoring periods and their outcome", [_periods(periods)])] if periods else []
    words = f"{counted(len(periods), 'period')}, {len(tested)} ended and tested; {counted(len(made), 'written plan')}"
    return Part(
        key="plans", title="Plans and monitoring", exhibits=exhibits, rows=[*rows_of(periods), *_rows(made)],
        checks=[Check("Plan and outcome", bool(tested), words if periods or made else "No plan and no period is recorded.")],
        missing="" if exhibits else "No plan and no monitoring period is recorded.",
    )  # fmt: skip


def _rows(made: list[Plan]) -> list[Row]:
    parts = [*PlanAction.objects.filter(plan__in=made), *PlanSignature.objects.filter(plan__in=made)]
    return [*rows_of(made), *rows_of(parts), *rows_of(PlanReview.objects.filter(plan__in=made))]


def _plan(plan: Plan, scope: Scope) -> list[Block]:
    names = barrier_names(plan.kind)
    told = [
        ("From", f"{day(plan.starts_on)}, {plan.weeks} weeks; review on {day(plan.review_on)}"),
        ("Target", f"{plan.target.normalize():f}%" if plan.target else "to improve on the year’s figure"),
        ("State", plan.get_state_display()),
        ("Why", plan.concern),
        *((f"Difficulty: {names.get(key, key)}", str(words)) for key, words in plan.barriers.items()),
        *((f"Promised by the {side}", "; ".join(lines)) for side, lines in plan.promises.items()),
        ("Without the parents", plan.how_tried if plan.in_absence else ""),
        ("Put in force by", f"{plan.in_force_by.name}, {day(plan.in_force_on)}" if plan.in_force_by else ""),
        ("Ended", f"{day(plan.over_on)}. {plan.reason}".strip() if plan.over_on else ""),
    ]
    blocks: list[Block] = [Table("The plan", ("What", "On record"), [row for row in told if row[1]])]
    actions = [
        (each.what, f"{each.get_side_display()} {each.name}".strip(), day(each.due_on), day(each.done_on))
        for each in plan.actions.all()
    ]
    blocks += [Table("Actions", ("What", "By whom", "Due", "Done"), actions)] if actions else []
    signed = [
        (each.name, each.get_side_display(), day(each.signed_on))
        for each in plan.signatures.all()
        if scope.concerns(each.parent_id)
    ]
    blocks += [Table("Signed", ("Who", "For", "On"), signed)] if signed else []
    reviews = [
        (day(each.on), f"{each.attended} of {each.possible} sessions", each.get_decision_display(), each.note)
        for each in plan.reviews.all()
    ]
    return blocks + ([Table("Reviews", ("Day", "Figures", "What was decided", "Note"), reviews)] if reviews else [])


def _periods(periods: list[Period]) -> Table:
    rows = [
        (
            f"{day(period.starts_on)} to {day(period.ends_on)}",
            f"stage {period.stage}",
            f"{period.target.normalize():f}%" if period.target else "to improve",
            f"{period.attended} of {period.possible}" if period.possible else "",
            period.get_outcome_display() if period.outcome else "not ended",
        )
        for period in periods
    ]
    return Table("Tested on their own sessions", ("Period", "Of", "Target", "Attended", "Outcome"), rows)
