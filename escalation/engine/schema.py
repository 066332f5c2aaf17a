"""What a ruleset file may say: its shape, checked strictly, before anything in it is looked up or used.

Whether names refer to something (stages, parameters, bands, codes) is checked in ``crosscheck``; this room knows shapes only.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from escalation.engine.conditions import CASE_CONDITIONS, MEASURES, NUMBERED_WINDOWS, OPERATORS, PLAIN_WINDOWS, STAGE_WINDOWS

Role = Literal["officer", "tutor", "head_of_year", "attendance_lead", "safeguarding_lead", "head", "trust_lead"]
"""Who may act or agree: the fixed role keys; titles are the school's own."""
Judged = Literal["daily", "weekly"]
ActionKind = Literal["conversation", "call", "letter", "meeting", "plan", "contract", "referral", "review", "clinic"]


def _as_text(value: object) -> object:
    """Stage ids are text; in the file they may be written as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_date(value: object) -> object:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


StageId = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=20, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Date = Annotated[dt.date, BeforeValidator(_as_date)]
Number = Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Named = Number | Key
"""A number, or the name of a parameter."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Policy(_Model):
    """The school's own document."""

    title: Words
    school: Words
    valid_from: Date | None = None
    note: Words | None = None


class Parameter(_Model):
    """A value that a school can change. ``open``: the policy leaves it open, ``note`` then says what we use and why."""

    value: bool | Number
    unit: Words
    note: Words
    open: bool = False


class Band(_Model):
    """``level``: colour from 1 (lightest) to 5 (darkest)."""

    id: Key
    name: Words
    level: Annotated[int, Field(ge=1, le=5)]


class WindowSpec(_Model):
    weeks: Named | None = None
    school_weeks: Named | None = None
    school_days: Named | None = None
    since: StageId | None = None
    from_half_term_of: StageId | None = None
    through: Literal["next_term"] | None = None


WINDOW_KEYS = (*NUMBERED_WINDOWS, *STAGE_WINDOWS)


def _window_tag(value: object) -> str:
    return "words" if isinstance(value, str) else "spec"


WindowField = Annotated[
    Annotated[Literal[PLAIN_WINDOWS], Tag("words")] | Annotated[WindowSpec, Tag("spec")],  # type: ignore[valid-type]
    Discriminator(_window_tag),
]


class ComparisonSpec(_Model):
    measure: Literal[MEASURES]  # type: ignore[valid-type]
    window: WindowField | None = None
    codes: Annotated[list[str], Field(min_length=1, max_length=60)] | None = None
    at_least: Named | None = None
    more_than: Named | None = None
    below: Named | None = None
    at_most: Named | None = None
    judged: Judged | None = None


class CaseSpec(_Model):
    done: StageId | None = None
    no_improvement_since: StageId | None = None
    plan_ended: StageId | None = None
    target_missed: StageId | None = None
    target_met: StageId | None = None
    watch: Key | None = None
    judged: Judged | None = None


class AllSpec(_Model):
    all: Annotated[list[ConditionField], Field(min_length=1, max_length=40)]
    judged: Judged | None = None


class AnySpec(_Model):
    any: Annotated[list[ConditionField], Field(min_length=1, max_length=40)]
    judged: Judged | None = None


class NotSpec(_Model):
    not_: Annotated[ConditionField, Field(alias="not")]
    judged: Judged | None = None


def _condition_tag(value: object) -> str | None:
    keys = set(value) if isinstance(value, dict) else set()
    for tag in ("all", "any", "not"):
        if tag in keys:
            return tag
    if keys & set(CASE_CONDITIONS):
        return "case"
    return "comparison" if isinstance(value, dict) else None


ConditionField = Annotated[
    Annotated[AllSpec, Tag("all")]
    | Annotated[AnySpec, Tag("any")]
    | Annotated[NotSpec, Tag("not")]
    | Annotated[CaseSpec, Tag("case")]
    | Annotated[ComparisonSpec, Tag("comparison")],
    Discriminator(_condition_tag),
]


class Action(_Model):
    """``letter``: key of the letter or message; ``due_days``: school days until it is due; ``repeats``: each week while the stage
    lasts; ``when_asked``: only when a person asks for it, never planned by itself."""

    kind: ActionKind
    letter: Key | None = None
    encloses: Key | None = None
    due_days: Annotated[int, Field(ge=0, le=60)] | None = None
    repeats: Literal["weekly"] | None = None
    when_asked: bool = False
    note: Words | None = None


class StageSpec(_Model):
    id: StageId
    name: Words
    short: Annotated[str, Field(min_length=1, max_length=40)]
    band: Key
    when: ConditionField
    needs: list[StageId] = []
    may_be_passed_over: bool | Key = False
    waits_for_gap: bool = True
    begins_period: Annotated[int, Field(ge=1, le=52)] | Key | None = None
    period_is: Literal["plan", "contract", "monitoring"] = "plan"
    judged: Judged | None = None
    acts: Role
    approves: Role | None = None
    actions: Annotated[list[Action], Field(min_length=1)]
    clause: Words
    what_school_does: Words
    what_family_can_do: Words
    what_brings_back: Words
    open: list[Words] = []


class WatchSpec(_Model):
    """``reopens``: after_days (once it has failed to hold on ``reopen_after`` evaluated days in a row), each_year (the same, and afresh
    each academic year), each_new_period (afresh each year, and on the first day of each new period of ``period_codes``).
    ``compulsory_age_only``: a duty of law that ends, and begins, with compulsory school age."""

    id: Key
    name: Words
    when: ConditionField
    reopens: Literal["after_days", "each_year", "each_new_period"] = "after_days"
    period_codes: Annotated[list[str], Field(min_length=1)] | None = None
    compulsory_age_only: bool = False
    who: Role
    clause: Words
    what_to_do: Words
    open: list[Words] = []


class RecoverySpec(_Model):
    """``reopens``: after_days, or each_period_met (once for every period of ``stages`` that ended with its target met)."""

    id: Key
    name: Words
    when: ConditionField
    reopens: Literal["after_days", "each_period_met"] = "after_days"
    stages: list[StageId] = []
    letter: Key | None = None
    who: Role
    clause: Words
    what_to_do: Words
    judged: Judged | None = None
    open: list[Words] = []


class CarryOverSpec(_Model):
    """Judged on the last day of the year with a mark: whose next year begins with ``stages`` counted as done."""

    when: ConditionField
    stages: Annotated[list[StageId], Field(min_length=1)]
    letter: Key | None = None
    clause: Words
    note: Words


class Prompt(_Model):
    """Something that the policy asks of people and that no count of marks can decide."""

    id: Key
    name: Words
    text: Words
    who: Role
    clause: Words


class Checklist(_Model):
    """Steps offered on the case once ``after_terms`` terms have passed since ``after_stage`` was done."""

    id: Key
    name: Words
    after_stage: StageId
    after_terms: Annotated[int, Field(ge=0, le=6)]
    steps: Annotated[list[Words], Field(min_length=1)]
    clause: Words


class RulesetSpec(_Model):
    key: Key
    name: Words
    version: Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=40)] = "1"
    policy: Policy
    judged: Judged = "daily"
    parameters: dict[Key, Parameter] = {}
    bands: list[Band] = []
    stages: Annotated[list[StageSpec], Field(max_length=60)] = []
    watch: Annotated[list[WatchSpec], Field(max_length=60)] = []
    recovery: Annotated[list[RecoverySpec], Field(max_length=60)] = []
    carry_over: CarryOverSpec | None = None
    prompts: list[Prompt] = []
    checklists: list[Checklist] = []


assert OPERATORS == ("at_least", "more_than", "below", "at_most")
for _model in (AllSpec, AnySpec, NotSpec, RulesetSpec):
    _model.model_rebuild()
