"""What happens to a plan or contract: drafted, put in force, signed, reviewed, ended, replaced. One atomic service a change.

A change is a conditional UPDATE on the plan as the person saw it, so that of two people who act at once one does; the other reads who was
first. A plan in force is bound to the period of its stage: its dates and its target are what the night tests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from attendance.models import Figures
from casework.models import Document, Plan, PlanAction, PlanSignature, Side
from casework.plan_kinds import SIDES, barrier_names, kind_of, offered, part_names, plan_kinds
from casework.policies import why_not_begin
from casework.queries.meetings import enrolment_of
from casework.words import day
from escalation.models import Case, Period, StageRecord, Task
from escalation.services import add_event, complete_task
from schools import audit
from schools.models import Parent, PupilParent, User
from schools.rules import Refused

MOST_ACTIONS = 20
MOST_LINES = 12
AHEAD = dt.timedelta(days=28)
"""A plan may begin this far ahead."""
SESSIONS = {"am": "mornings", "pm": "afternoons", "day": "the whole day"}
"""Which sessions an engagement plan asks for from a day on."""
TASKS = ("plan", "contract")
"""Kinds of task that putting a plan in force completes."""


@dataclass(frozen=True, slots=True)
class Act:
    """An action of a plan. ``side``: school, parent, pupil or other; ``name``: who exactly."""

    what: str
    side: str
    name: str = ""
    due_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a person writes into a plan. ``target`` in %, None for "improve"; ``steps``: (day, am, pm or day) in order.

    ``low_target_meant``: a target at or below today's figure is meant."""

    kind: str
    starts_on: dt.date
    weeks: int
    review_on: dt.date
    target: Decimal | None = None
    concern: str = ""
    barriers: Mapping[str, str] = field(default_factory=dict)
    promises: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[tuple[dt.date, str]] = ()
    actions: Sequence[Act] = ()
    authority_from: dt.date | None = None
    low_target_meant: bool = False

    @property
    def ends_on(self) -> dt.date:
        return self.starts_on + dt.timedelta(days=7 * self.weeks)


def ends_on(plan: Plan) -> dt.date:
    """The last day of the plan's weeks."""
    return plan.starts_on + dt.timedelta(days=7 * plan.weeks)


def why_not_content(content: Content, record: StageRecord, figures: Figures | None, on: dt.date) -> str:
    """What is wrong with a plan as it was written; an empty string where nothing is."""
    if content.kind not in offered(record.version.key, record.stage):
        return "Choose which plan it is: this stage does not use that kind."
    faults = (_wrong_weeks(content), _wrong_dates(content, record, on), _wrong_target(content, figures), _wrong_lines(content))
    return next(filter(None, faults), "")


def _wrong_weeks(content: Content) -> str:
    longest = kind_of(content.kind).longest
    name = kind_of(content.kind).name.lower()
    if content.weeks < 1:
        return f"Weeks: {_a(name)} lasts at least one week."
    if content.weeks > longest:
        return f"Weeks: {_a(name)} lasts {longest} weeks at most. Review it after them, and go on with a new one."
    return ""


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _wrong_dates(content: Content, record: StageRecord, on: dt.date) -> str:
    if record.done_on and content.starts_on < record.done_on and record.state == StageRecord.State.DONE:
        return f"The plan cannot begin before stage {record.stage} was done, on {_date(record.done_on)}."
    if content.starts_on > on + AHEAD:
        return f"{_date(content.starts_on)} is more than four weeks ahead: draw the plan up nearer to its first day."
    if content.ends_on <= on:
        return f"{content.weeks} weeks from {_date(content.starts_on)} are over on {_date(content.ends_on)}: choose a later first day."
    if content.review_on <= content.starts_on:
        return f"The review, {_date(content.review_on)}, is not after the first day, {_date(content.starts_on)}."
    return ""


def _wrong_target(content: Content, figures: Figures | None) -> str:
    target = content.target
    if target is None:
        return ""
    if not 0 < target <= 100:
        return "Target: give a percentage above 0 and up to 100, or leave it empty for “improve”."
    if figures and figures.possible and target * figures.possible <= 100 * figures.attended and not content.low_target_meant:
        return (
            f"Attendance for the year is {figures.attended} of {figures.possible} sessions today: a target of {target.normalize():f}% "
            "asks for no more than that. Raise it, or say that it is meant."
        )
    return ""


def _wrong_lines(content: Content) -> str:
    barriers, parts = barrier_names(content.kind), part_names(content.kind)
    if any(key not in barriers for key in content.barriers):
        return "A kind of difficulty is not one of this plan’s."
    if not content.barriers.get("other", "x").strip():
        return "Other: say what gets in the way."
    if any(key not in parts for key in content.parts) or any(sessions not in SESSIONS for _, sessions in content.steps):
        return "A part of the day is not one of this plan’s."
    return _wrong_steps(content) or _wrong_actions(content)


def _wrong_steps(content: Content) -> str:
    if content.steps and not part_names(content.kind):
        return f"{_a(kind_of(content.kind).name).capitalize()} has no steps from day to day."
    days = [first for first, _ in content.steps]
    if days != sorted(set(days)):
        return "Each step begins on a day of its own, in order."
    outside = [first for first in days if not content.starts_on <= first <= content.ends_on]
    return f"The step from {_date(outside[0])} lies outside the plan." if outside else ""


def _wrong_actions(content: Content) -> str:
    if len(content.actions) > MOST_ACTIONS:
        return f"A plan has {MOST_ACTIONS} actions at most: a family cannot keep more in mind."
    for number, act in enumerate(content.actions, start=1):
        if not act.what.strip():
            return f"Action {number}: say what is to be done, or clear the row."
        if act.side not in Side:
            return f"Action {number}: say who does it."
        if act.side == Side.OTHER and not act.name.strip():
            return f"Action {number}: say who exactly does it."
        if act.due_on and act.due_on < content.starts_on:
            return f"Action {number}: {_date(act.due_on)} is before the plan begins."
    if any(side not in SIDES or len(lines) > MOST_LINES for side, lines in content.promises.items()):
        return f"A side promises {MOST_LINES} things at most."
    return ""


def _date(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"


def _figures(case: Case) -> Figures | None:
    return Figures.objects.filter(school=case.school_id, row__enrolment__pupil=case.pupil_id, row__year=case.year).order_by(
        "-row__enrolment__starts"
    ).first()  # fmt: skip


@transaction.atomic
def draft_plan(*, case: Case, record: StageRecord, content: Content, by: User, role: str, on: dt.date, now: dt.datetime) -> Plan:
    """A draft for the stage ``record``; it can be printed, changed, and put in force. One draft a case."""
    Case.objects.select_for_update().get(pk=case.pk)
    if (
        fault := why_not_begin(case, enrolment_of(case), on)
        or _why_not_for(record, case)
        or why_not_content(content, record, _figures(case), on)
    ):
        raise Refused(fault)
    values = _values(content)
    try:
        with transaction.atomic():
            plan = Plan.objects.create(case=case, stage_record=record, made_by=by, made_at=now, **values)
    except IntegrityError:
        raise Refused("A draft of a plan stands in this case already: go on with it, or withdraw it first.") from None
    _write_actions(plan, content.actions)
    _tell(plan, f"{title_of(plan)} drafted.", "plan drafted", by=by, role=role, on=on, now=now)
    return plan


def _why_not_for(record: StageRecord, case: Case) -> str:
    if record.case_id != case.pk:
        return "The stage belongs to another case."
    if record.state not in StageRecord.STANDING:
        return f"Stage {record.stage} was {record.get_state_display().lower()}: choose a stage that stands."
    return ""


def title_of(plan: Plan) -> str:
    """ "Support plan", as the plan's kind is called."""
    known = plan_kinds().kinds.get(plan.kind)
    return known.name if known else "Plan"


def _values(content: Content) -> dict[str, Any]:
    weeks = kind_of(content.kind).authority_weeks
    steps = [{"from": first.isoformat(), "sessions": sessions} for first, sessions in content.steps]
    promises = {side: [line.strip() for line in lines if line.strip()] for side, lines in content.promises.items()}
    return {
        "kind": content.kind,
        "starts_on": content.starts_on,
        "weeks": content.weeks,
        "review_on": content.review_on,
        "target": content.target,
        "concern": content.concern.strip(),
        "barriers": {key: words.strip() for key, words in content.barriers.items()},
        "promises": {side: lines for side, lines in promises.items() if lines},
        "parts": {key: words.strip() for key, words in content.parts.items() if words.strip()},
        "steps": steps,
        "authority_from": content.authority_from if weeks else None,
        "authority_weeks": weeks if content.authority_from else None,
    }


def _write_actions(plan: Plan, actions: Sequence[Act]) -> None:
    PlanAction.objects.bulk_create(
        PlanAction(
            plan=plan, number=number, what=act.what.strip()[:200], side=act.side, name=act.name.strip()[:120], due_on=act.due_on
        )
        for number, act in enumerate(actions, start=1)
    )


@transaction.atomic
def change_plan(*, plan: Plan, content: Content, seen: int, by: User, role: str, on: dt.date, now: dt.datetime) -> Plan:
    """Writes a draft anew. ``seen``: its version when the person looked; somebody else's change in between is shown, not overwritten."""
    if fault := why_not_content(content, plan.stage_record, _figures(plan.case), on):
        raise Refused(fault)
    _change(plan, seen, (Plan.State.DRAFT,), **_values(content))
    plan.actions.all().delete()
    _write_actions(plan, content.actions)
    audit.record(action="plan changed", subject=plan, by=by, role=role, at=now, school=plan.case.school)
    return plan


def _change(plan: Plan, seen: int, states: Sequence[str], **values: Any) -> None:
    """One conditional UPDATE on the plan as it was seen. Raises Refused where somebody was faster."""
    changed = Plan.objects.filter(pk=plan.pk, state__in=states, version=seen).update(version=seen + 1, **values)
    plan.refresh_from_db()
    if changed:
        return
    if plan.state not in states:
        raise Refused(f"The plan is {plan.get_state_display().lower()} already: look again.")
    raise Refused("Somebody has changed the plan while you looked: look again before you change it.")


@transaction.atomic
def put_in_force(
    *,
    plan: Plan,
    seen: int,
    how_tried: str = "",
    in_absence: bool = False,
    replaces_because: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Plan:
    """The plan holds from now on: its stage's task is done, and its stage's period has its dates and target.

    ``in_absence``: without the parents; ``how_tried`` then says how they were asked. Where another plan is in force it is replaced, which
    needs ``replaces_because``. Refused while the letter of the stage has not left, and for weeks that are over."""
    Case.objects.select_for_update().get(pk=plan.case_id)
    plan.refresh_from_db()
    if fault := _why_not_force(plan, in_absence, how_tried, on):
        raise Refused(fault)
    old = _replace(plan, replaces_because.strip(), by=by, role=role, on=on, now=now)
    _finish_task(plan, in_absence, by=by, role=role, on=on, now=now)
    plan.stage_record.refresh_from_db()
    if plan.stage_record.state in StageRecord.OPEN:
        raise Refused(
            f"Stage {plan.stage_record.stage} is not done: its letter leaves first, or its first step is recorded first."
        )
    period = _bind(plan)
    _change(
        plan, seen, (Plan.State.DRAFT,), state=Plan.State.IN_FORCE, period=period, replaces=old, in_absence=in_absence,
        how_tried=how_tried.strip(), in_force_on=on, in_force_by=by,
    )  # fmt: skip
    without = f" Put in place without the parents: {plan.how_tried}" if in_absence else ""
    text = f"{title_of(plan)} in force: {_span(plan)}, {target_words(plan)}.{without}"
    _tell(plan, text, "plan in force", by=by, role=role, on=on, now=now)
    return plan


def _why_not_force(plan: Plan, in_absence: bool, how_tried: str, on: dt.date) -> str:
    if in_absence and not how_tried.strip():
        return "Say how the parents were asked: a plan without them has to show it."
    if ends_on(plan) <= on:
        return f"The plan’s weeks are over on {_date(ends_on(plan))}: change its first day before you put it in force."
    return why_not_begin(plan.case, enrolment_of(plan.case), on) or _why_not_for(plan.stage_record, plan.case)


def _replace(plan: Plan, because: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> Plan | None:
    old = Plan.objects.filter(case=plan.case_id, state=Plan.State.IN_FORCE).first()
    if old is None:
        return None
    if not because:
        raise Refused(
            f"{title_of(old)} of {day(old.starts_on)} is in force: say why it is replaced, since one plan holds at a time."
        )
    _change(old, old.version, (Plan.State.IN_FORCE,), state=Plan.State.REPLACED, over_on=on, over_by=by, reason=because)
    _tell(old, f"{title_of(old)} replaced: {because}", "plan replaced", by=by, role=role, on=on, now=now, reason=because)
    return old


def _finish_task(plan: Plan, in_absence: bool, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    """The stage's task "open the plan" or "draw up the contract" is done, and with it a stage that begins with it."""
    open_tasks = Task.objects.filter(stage_record=plan.stage_record_id, state=Task.State.OPEN, kind__in=TASKS)
    for task in open_tasks.select_related("case__school", "stage_record__version", "stage_record__case__school"):
        outcome = "held_in_absence" if in_absence else "done"
        complete_task(task=task, by=by, role=role, on=on, now=now, outcome=outcome, note=f"{title_of(plan)} in force.")


def _bind(plan: Plan) -> Period:
    """The stage's running period with the plan's dates and target; a new one where none runs. A period that was tested stays as it is."""
    dates = {"starts_on": plan.starts_on, "weeks": plan.weeks, "ends_on": ends_on(plan), "target": plan.target}
    stage = plan.stage_record.stage
    running = Period.objects.filter(case=plan.case_id, stage=stage, outcome="").order_by("-starts_on").first()
    taken = Period.objects.filter(case=plan.case_id, stage=stage, starts_on=plan.starts_on).exclude(outcome="")
    if taken.exists():
        raise Refused(f"A period that began on {_date(plan.starts_on)} has been tested already: begin the plan on a later day.")
    if running is None:
        return Period.objects.create(case=plan.case, stage=stage, **dates)
    for name, value in dates.items():
        setattr(running, name, value)
    running.save(update_fields=list(dates))
    return running


def _span(plan: Plan) -> str:
    weeks = f"{plan.weeks} week" + ("" if plan.weeks == 1 else "s")
    return f"{weeks} from {day(plan.starts_on)} to {day(ends_on(plan))}"


def target_words(plan: Plan) -> str:
    """ "target 92%", or "target: better than the year so far"."""
    return "target: better than the year so far" if plan.target is None else f"target {plan.target.normalize():f}%"


@transaction.atomic
def sign_plan(
    *,
    plan: Plan,
    side: str,
    name: str = "",
    parent: Parent | None = None,
    signed_on: dt.date,
    document: Document | None = None,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PlanSignature:
    """Somebody signed the plan on paper. ``document``: the signed paper among the case's documents. Each person signs once."""
    if plan.state not in (Plan.State.DRAFT, Plan.State.IN_FORCE):
        raise Refused(f"The plan is {plan.get_state_display().lower()}: nobody signs it any more.")
    who = parent.name if parent else name.strip()[:120]
    if fault := _why_not_sign(plan, side, who, parent, signed_on, document, on):
        raise Refused(fault)
    try:
        with transaction.atomic():
            signature = PlanSignature.objects.create(
                plan=plan,
                side=side,
                name=who,
                parent=parent,
                signed_on=signed_on,
                document=document,
                recorded_by=by,
                recorded_at=now,
            )
    except IntegrityError:
        first = PlanSignature.objects.filter(plan=plan, side=side, name=who).select_related("recorded_by").get()
        raise Refused(f"{who} signed on {day(first.signed_on)} already, recorded by {first.recorded_by}.") from None
    _tell(plan, f"{title_of(plan)} signed by {who}.", "plan signed", by=by, role=role, on=on, now=now, parent=parent)
    return signature


def _why_not_sign(
    plan: Plan, side: str, who: str, parent: Parent | None, signed_on: dt.date, document: Document | None, on: dt.date
) -> str:
    if side not in Side:
        return "Say for which side it was signed."
    if not who:
        return "Say who signed."
    if signed_on > on:
        return f"{day(signed_on)} lies ahead: record the signature once it was given."
    if signed_on < plan.made_at.date() - dt.timedelta(days=60):
        return f"{_date(signed_on)} is long before the plan was written: check the day."
    if parent and not PupilParent.objects.filter(pupil=plan.case.pupil_id, parent=parent).exists():
        return f"{parent.name} is no parent of this pupil."
    if document and (document.case_id != plan.case_id or document.deleted_at):
        return "That paper is not among this case’s documents."
    return ""


@transaction.atomic
def finish_action(*, action: PlanAction, done_on: dt.date, by: User, role: str, on: dt.date, now: dt.datetime) -> PlanAction:
    """An action of a plan in force was done."""
    plan = action.plan
    if plan.state != Plan.State.IN_FORCE:
        raise Refused(f"The plan is {plan.get_state_display().lower()}: its actions are not recorded any more.")
    if done_on > on:
        raise Refused(f"{day(done_on)} lies ahead: record it once it was done.")
    if not PlanAction.objects.filter(pk=action.pk, done_on=None).update(done_on=done_on, done_by=by):
        action.refresh_from_db()
        raise Refused(f"Already recorded by {action.done_by}: done on {day(action.done_on or on)}.")
    action.refresh_from_db()
    text = f"{title_of(plan)}, action {action.number} done: {action.what}."
    _tell(plan, text, "plan action done", by=by, role=role, on=done_on, now=now)
    return action


@transaction.atomic
def end_plan(*, plan: Plan, seen: int, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Plan:
    """A plan in force ends before its review (the pupil leaves, the family moves), a draft is withdrawn; its period goes on."""
    if not reason.strip():
        raise Refused("Say why the plan ends: it is kept with the case.")
    after = Plan.State.WITHDRAWN if plan.state == Plan.State.DRAFT else Plan.State.ENDED
    states = (Plan.State.DRAFT, Plan.State.IN_FORCE)
    _change(plan, seen, states, state=after, over_on=on, over_by=by, reason=reason.strip())
    text = f"{title_of(plan)} {plan.get_state_display().lower()}: {reason.strip()}"
    _tell(plan, text, f"plan {after}", by=by, role=role, on=on, now=now, reason=reason.strip())
    return plan


def _tell(
    plan: Plan, text: str, action: str, *, by: User, role: str, on: dt.date, now: dt.datetime, reason: str = "",
    parent: Parent | None = None,
) -> None:  # fmt: skip
    add_event(
        case=plan.case, kind="plan", text=text, on=on, now=now, by=by, role=role, record=plan.stage_record, parent=parent
    )  # fmt: skip
    audit.record(action=action, subject=plan, by=by, role=role, at=now, school=plan.case.school, reason=reason)
