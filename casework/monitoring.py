"""What becomes of a plan or a period: looked at early, tested at its end, thanked for, extended, carried into a new year; and standing
approvals of a weekly series.

The night ends periods by itself (``escalation.recording``). What follows from the outcome is a person's choice: praise, the same again, or
the next stage, which comes through the ladder or is taken by hand.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from attendance.grid import academic_year_of
from casework.models import Plan, PlanAction, PlanReview, StandingApproval
from casework.plans import target_words, title_of
from casework.policies import why_not_begin
from casework.queries.meetings import enrolment_of
from casework.queries.plans import Tested, tested
from casework.words import day
from escalation.by_hand import take_stage
from escalation.engine.conditions import CaseCondition, leaves
from escalation.engine.ruleset import Ruleset, WatchRule
from escalation.engine.schema import Action
from escalation.models import Case, Event, Period, PlannedLetter, RulesetVersion, StageRecord
from escalation.queries import adopted, ruleset_of
from escalation.services import add_event, decline_stage, open_case
from schools import audit
from schools.models import School, User
from schools.queries import year_label
from schools.rules import Refused

Decision = PlanReview.Decision
LONGEST_APPROVAL = dt.timedelta(days=7 * 12)
"""A standing approval lasts twelve weeks at most; then somebody looks again."""


def choices(result: Tested) -> tuple[str, ...]:
    """What a review may decide, by the outcome: before the end nothing but going on."""
    if not result.ended:
        return (Decision.GOES_ON,)
    if result.met is None:
        return (Decision.GOES_ON, Decision.CLOSED)
    return (Decision.PRAISE, Decision.CLOSED) if result.met else (Decision.EXTEND, Decision.NEXT_STAGE, Decision.CLOSED)


def test_words(result: Tested) -> str:
    """ "41 of 46 sessions attended, target 92%: missed"; without a target, what it was measured on."""
    if not result.possible:
        return "no session was possible yet" if not result.ended else "no session was possible"
    figure = f"{result.attended} of {result.possible} sessions attended"
    target = result.period.target
    asked = f"target {target.normalize():f}%" if target is not None else _improve(result)
    if not result.ended:
        return f"{figure}, {asked}"
    return f"{figure}, {asked}: {'no sessions' if result.met is None else 'met' if result.met else 'missed'}"


def _improve(result: Tested) -> str:
    if not result.before_possible:
        return "to improve"
    return f"to improve on {result.before_attended} of {result.before_possible} before it"


@transaction.atomic
def review_plan(
    *,
    plan: Plan,
    seen: int,
    decision: str,
    note: str = "",
    next_stage: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PlanReview:
    """A plan in force is looked at. Before its period has ended this is recorded as early and the period goes on; afterwards
    ``decision`` is what follows. ``next_stage``: taken by hand where the night has proposed none. An extension and the next stage need a
    ``note``."""
    Case.objects.select_for_update().get(pk=plan.case_id)
    plan.refresh_from_db()
    if plan.state != Plan.State.IN_FORCE or plan.version != seen:
        raise Refused(_no_longer(plan))
    if on <= plan.starts_on:
        raise Refused(f"The plan begins on {day(plan.starts_on)}: there is nothing to look at yet.")
    assert plan.period_id is not None, "a plan in force has its period"
    period = Period.objects.select_related("case").get(pk=plan.period_id)
    result = tested([period], on)[period.pk]
    _must_be_open(result, decision, note)
    review = PlanReview.objects.create(
        plan=plan, on=on, is_early=not result.ended, attended=result.attended, possible=result.possible, decision=decision,
        note=note.strip(), by=by, role=role, at=now,
    )  # fmt: skip
    _say(plan, review, result, by=by, role=role, on=on, now=now)
    who = {"by": by, "role": role, "on": on, "now": now}
    if decision == Decision.EXTEND:
        _extend_plan(plan, result, note.strip(), by=by, role=role, on=on, now=now)
    elif decision != Decision.GOES_ON:
        _close(plan, by=by, on=on)
    if decision == Decision.PRAISE:
        _plan_praise(plan.case, period, on)
    if decision == Decision.NEXT_STAGE and next_stage and not _open_above(period):
        take_stage(case=plan.case, stage_id=next_stage, reason=note, **who)  # type: ignore[arg-type]
    return review


def _no_longer(plan: Plan) -> str:
    if plan.state != Plan.State.IN_FORCE:
        who = f" by {plan.over_by}" if plan.over_by else ""
        return f"The plan is {plan.get_state_display().lower()} already{who}: look again."
    return "Somebody has changed the plan while you looked: look again before you review it."


def _must_be_open(result: Tested, decision: str, note: str) -> None:
    if decision not in choices(result):
        if decision in Decision and not result.ended:
            raise Refused(
                f"The period runs until {day(result.period.ends_on)}: until then the plan goes on. What was said is recorded as early."
            )
        raise Refused("Choose what follows from the outcome.")
    if decision in (Decision.EXTEND, Decision.NEXT_STAGE, Decision.CLOSED) and not note.strip():
        raise Refused("Say why: it is kept with the case, and the family may ask.")


def _say(plan: Plan, review: PlanReview, result: Tested, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    early = "early, before its end" if review.is_early else "after its end"
    text = f"{title_of(plan)} reviewed {early}: {test_words(result)}. {review.get_decision_display()}. {review.note}".strip()
    add_event(case=plan.case, kind="plan", text=text, on=on, now=now, by=by, role=role, record=plan.stage_record)
    detail = {"decision": review.decision, "attended": result.attended, "possible": result.possible, "early": review.is_early}
    audit.record(action="plan reviewed", subject=plan, by=by, role=role, at=now, school=plan.case.school, detail=detail)


def _close(plan: Plan, *, by: User, on: dt.date) -> None:
    Plan.objects.filter(pk=plan.pk).update(state=Plan.State.REVIEWED, over_on=on, over_by=by, version=plan.version + 1)
    plan.refresh_from_db()


def _extend_plan(plan: Plan, result: Tested, reason: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    period = extend_period(period=result.period, reason=reason, by=by, role=role, on=on, now=now)
    Plan.objects.filter(pk=plan.pk).update(
        starts_on=period.starts_on, weeks=period.weeks, review_on=period.ends_on, version=plan.version + 1
    )
    plan.refresh_from_db()


@transaction.atomic
def extend_period(*, period: Period, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Period:
    """The same length again from today, with the same target, after a period that ended with its target missed. Its figures stay in the
    timeline and the audit trail; the ladder waits for the new end, and the stage that was proposed on the old one is put off until then.

    Refused without a reason, for a period that runs or was met, and once a later stage was done."""
    if not reason.strip():
        raise Refused("Say why the time is extended: it is kept with the case.")
    case = Case.objects.select_for_update().select_related("school").get(pk=period.case_id)
    period.refresh_from_db()
    if period.outcome != Period.Outcome.MISSED:
        raise Refused("Only a period that has ended with its target missed is extended: one that was met goes on by itself.")
    above = _standing_above(period)
    if done := [record for record in above if record.state == StageRecord.State.DONE]:
        raise Refused(f"Stage {done[0].stage} was done after it: the case has gone on.")
    ends = on + dt.timedelta(days=7 * period.weeks)
    before = {"starts_on": str(period.starts_on), "possible": period.possible, "attended": period.attended}
    changed = Period.objects.filter(pk=period.pk, outcome=Period.Outcome.MISSED).update(
        starts_on=on, ends_on=ends, outcome="", possible=None, attended=None
    )
    if not changed:
        raise Refused("Somebody has extended this period while you looked: look again.")
    period.refresh_from_db()
    for record in above:
        decline_stage(
            record=record, by=by, role=role, reason=f"The time was extended: {reason.strip()}", ask_again_on=ends, now=now
        )
    text = f"Extended by {_weeks(period.weeks)}, from {day(on)} to {day(ends)}: {reason.strip()}"
    add_event(case=case, kind="period", text=text, on=on, now=now, by=by, role=role)
    audit.record(
        action="period extended",
        subject=period,
        by=by,
        role=role,
        at=now,
        school=case.school,
        reason=reason.strip(),
        detail=before,
    )
    return period


def _weeks(number: int) -> str:
    return f"{number} week" + ("" if number == 1 else "s")


def _standing_above(period: Period) -> list[StageRecord]:
    """Records of stages above the period's that are proposed, held or done."""
    states = (*StageRecord.OPEN, StageRecord.State.DONE)
    records = list(StageRecord.objects.filter(case=period.case_id, state__in=states).select_related("case__school", "version"))
    if not records:
        return []
    ids = [stage.id for stage in ruleset_of(records[-1].version).stages]
    if period.stage not in ids:
        return []
    return [record for record in records if record.stage in ids[ids.index(period.stage) + 1 :]]


def _open_above(period: Period) -> list[StageRecord]:
    return [record for record in _standing_above(period) if record.state in StageRecord.OPEN]


def proposed_after(period: Period) -> StageRecord | None:
    """The stage above it that waits for a person; None where the night has proposed none. Two statements."""
    return next(iter(_open_above(period)), None)


def _plan_praise(case: Case, period: Period, on: dt.date) -> None:
    """The letter of praise, where the ladder has one and the night has not planned it since the period ended."""
    try:
        version, ruleset = adopted(case.school, on)
    except Refused:
        return
    rule = _praise_rule(ruleset, period.stage)
    if rule is None or rule.letter is None:
        return
    cause = f"recovery {rule.id}"
    if not PlannedLetter.objects.filter(case=case, cause=cause, on__gte=period.ends_on).exists():
        PlannedLetter.objects.create(case=case, version=version, letter=rule.letter, cause=cause, on=on, approves=rule.who)


def _praise_rule(ruleset: Ruleset, stage: str) -> WatchRule | None:
    return next((rule for rule in ruleset.recovery if stage in rule.each_period_of), None)


# Into a new year


@transaction.atomic
def carry_plan(*, plan: Plan, weeks: int, by: User, role: str, on: dt.date, now: dt.datetime) -> Plan:
    """A plan of last year's case goes on in this year's: the same words, for ``weeks`` from today, tested on this year's sessions.

    The stages of the new year begin afresh: its period belongs to no stage of the new year's ladder and moves nobody up it."""
    old_case = Case.objects.select_for_update().select_related("school", "pupil").get(pk=plan.case_id)
    if old_case.year >= academic_year_of(on):
        raise Refused("The plan is of this year’s case: there is nothing to carry over.")
    if not 1 <= weeks <= 26:
        raise Refused("Weeks: between 1 and 26.")
    if fault := why_not_begin(old_case, enrolment_of(old_case), on):
        raise Refused(fault)
    case = open_case(pupil=old_case.pupil, school=old_case.school, on=on)
    reason = f"Carried into {year_label(case.year)}."
    closed = Plan.objects.filter(pk=plan.pk, state=Plan.State.IN_FORCE, version=plan.version).update(
        state=Plan.State.ENDED, over_on=on, over_by=by, reason=reason, version=plan.version + 1
    )
    if not closed:
        raise Refused("Somebody has closed the plan or carried it over already: look again.")
    carried = _copy(plan, case, weeks, by=by, on=on, now=now)
    add_event(case=old_case, kind="plan", text=f"{title_of(plan)}: {reason}", on=on, now=now, by=by, role=role)
    text = f"{title_of(plan)} carried over from {year_label(old_case.year)}: {_weeks(weeks)} from {day(on)}, {target_words(carried)}."
    add_event(case=case, kind="plan", text=text, on=on, now=now, by=by, role=role)
    audit.record(
        action="plan carried over", subject=carried, by=by, role=role, at=now, school=case.school, detail={"from": plan.pk}
    )
    return carried


def _copy(plan: Plan, case: Case, weeks: int, *, by: User, on: dt.date, now: dt.datetime) -> Plan:
    ends = on + dt.timedelta(days=7 * weeks)
    stage = f"{plan.stage_record.stage} of {year_label(plan.case.year)}"[:20]
    if Plan.objects.filter(case=case, state=Plan.State.IN_FORCE).exists():
        raise Refused("A plan of this year is in force already: close last year’s.")
    period = Period.objects.create(case=case, stage=stage, starts_on=on, weeks=weeks, ends_on=ends, target=plan.target)
    actions = list(plan.actions.all())
    copied = Plan.objects.create(
        case=case, stage_record=plan.stage_record, period=period, replaces=plan, kind=plan.kind, state=Plan.State.IN_FORCE,
        starts_on=on, weeks=weeks, review_on=ends, target=plan.target, concern=plan.concern, barriers=plan.barriers,
        promises=plan.promises, parts=plan.parts, in_absence=plan.in_absence, how_tried=plan.how_tried,
        made_by=by, made_at=now, in_force_on=on, in_force_by=by,
    )  # fmt: skip
    for action in actions:
        action.pk, action.plan = None, copied
        action.due_on = action.due_on if action.due_on and action.due_on >= on else None
    PlanAction.objects.bulk_create(actions)
    return copied


@transaction.atomic
def end_carried_periods(*, school: School, on: dt.date, now: dt.datetime) -> int:
    """Periods that belong to no stage of the year's ladder (carried over from last year) are tested once they have ended; returns how many.
    One statement where there is none; run again, it changes nothing."""
    due = Period.objects.filter(
        case__school=school, case__year=academic_year_of(on), outcome="", ends_on__lte=on, stage__contains=" of "
    )
    periods = list(due.select_related("case"))
    for period_id, result in tested(periods, on).items():
        values = {"outcome": result.outcome, "attended": result.attended, "possible": result.possible}
        if Period.objects.filter(pk=period_id, outcome="").update(**values):
            text = f"{_weeks(result.period.weeks)} from {day(result.period.starts_on)} ended: {test_words(result)}."
            Event.objects.create(case=result.period.case, kind="period", on=on, at=now, text=text)
    return len(periods)


# Standing approval of a weekly series


def series_of(record: StageRecord) -> Action | None:
    """The stage's weekly message, where its ladder has one."""
    stages = {stage.id: stage for stage in ruleset_of(record.version).stages}
    stage = stages.get(record.stage)
    return next((action for action in stage.actions if action.repeats == "weekly" and action.letter), None) if stage else None


@transaction.atomic
def approve_series(
    *, record: StageRecord, until: dt.date, by: User, role: str, on: dt.date, now: dt.datetime
) -> StandingApproval:
    """One named person approves the stage's weekly messages for this case until a day: each then leaves under that name."""
    action = series_of(record)
    if action is None or action.letter is None:
        raise Refused(f"Stage {record.stage} has no weekly message in this school’s ladder.")
    if record.state != StageRecord.State.DONE:
        raise Refused(f"The weekly messages begin once stage {record.stage} was done: its letter has not left yet.")
    if until <= on:
        raise Refused("Choose a day ahead, until which the messages may go out.")
    if until > on + LONGEST_APPROVAL:
        raise Refused(f"A standing approval lasts twelve weeks at most: {day(on + LONGEST_APPROVAL)} or earlier.")
    Case.objects.select_for_update().get(pk=record.case_id)
    lapsed = StandingApproval.objects.filter(case=record.case_id, series=action.letter, ended_on=None, until__lt=on)
    lapsed.update(ended_on=on, ended_because="Its time was over.")
    try:
        with transaction.atomic():
            approval = StandingApproval.objects.create(
                case=record.case,
                stage_record=record,
                series=action.letter,
                by=by,
                role=role,
                given_on=on,
                given_at=now,
                until=until,
            )
    except IntegrityError:
        standing = StandingApproval.objects.filter(case=record.case_id, series=action.letter, ended_on=None).get()
        raise Refused(f"{standing.by} has approved the weekly messages until {day(standing.until)} already.") from None
    text = f"Weekly messages approved by {by} until {day(until)}."
    add_event(case=record.case, kind="decision", text=text, on=on, now=now, by=by, role=role, record=record)
    audit.record(
        action="series approved",
        subject=approval,
        by=by,
        role=role,
        at=now,
        school=record.case.school,
        detail={"until": str(until)},
    )
    return approval


@transaction.atomic
def end_series(
    *,
    approval: StandingApproval,
    because: str,
    no_longer_a_concern: bool = False,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> StandingApproval:
    """The weekly messages stop; with "no longer a concern" the ladder's postcard is planned."""
    if not because.strip():
        raise Refused("Say why the weekly messages stop: it is kept with the case.")
    ended = StandingApproval.objects.filter(pk=approval.pk, ended_on=None).update(
        ended_on=on, ended_by=by, ended_because=because.strip()[:200]
    )
    approval.refresh_from_db()
    if not ended:
        raise Refused(f"The weekly messages were stopped on {day(approval.ended_on or on)} already.")
    concern = "No longer a concern. " if no_longer_a_concern else ""
    text = f"{concern}Weekly messages stopped: {because.strip()}"
    record = approval.stage_record
    add_event(case=approval.case, kind="decision", text=text, on=on, now=now, by=by, role=role, record=record)
    audit.record(
        action="series ended", subject=approval, by=by, role=role, at=now, school=approval.case.school, reason=because.strip()
    )
    if no_longer_a_concern:
        _plan_postcard(approval, on)
    return approval


def recovery_of_series(ruleset: Ruleset, stage: str) -> WatchRule | None:
    """The rule of recovery that ends the series of a stage: the first with a letter that asks for the stage and for a figure."""

    def asks_for(rule: WatchRule) -> bool:
        return any(
            isinstance(leaf, CaseCondition) and (leaf.kind, leaf.ref) == ("done", stage) for leaf in leaves(rule.condition)
        )

    return next((rule for rule in ruleset.recovery if rule.letter and asks_for(rule)), None)


def _plan_postcard(approval: StandingApproval, on: dt.date) -> None:
    version: RulesetVersion = approval.stage_record.version
    rule = recovery_of_series(ruleset_of(version), approval.stage_record.stage)
    if rule is None or rule.letter is None:
        return
    cause = f"recovery {rule.id}"
    if not PlannedLetter.objects.filter(case=approval.case, cause=cause, on__gte=approval.given_on).exists():
        PlannedLetter.objects.create(
            case=approval.case, version=version, letter=rule.letter, cause=cause, on=on, approves=rule.who
        )  # fmt: skip
