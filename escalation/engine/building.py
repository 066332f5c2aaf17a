"""From the shape of a ruleset file to a ladder: named parameters are filled in, and what is judged weekly is handed down to each part."""

from __future__ import annotations

from escalation.engine.conditions import (
    CASE_CONDITIONS,
    NUMBERED_WINDOWS,
    OPERATORS,
    All,
    Any,
    CaseCondition,
    Comparison,
    Condition,
    Not,
    Window,
)
from escalation.engine.ladder import CarryOver, Parameter, Ruleset, Stage, WatchRule
from escalation.engine.schema import (
    AllSpec,
    AnySpec,
    CarryOverSpec,
    CaseSpec,
    ComparisonSpec,
    NotSpec,
    RecoverySpec,
    RulesetSpec,
    StageSpec,
    WatchSpec,
    WindowSpec,
)

Spec = AllSpec | AnySpec | NotSpec | CaseSpec | ComparisonSpec


class Builder:
    """Fills the named parameters in and hands what is judged weekly down to each comparison."""

    def __init__(self, spec: RulesetSpec) -> None:
        self.spec = spec
        self.values = {name: parameter.value for name, parameter in spec.parameters.items()}
        self.settling_in = int(self.values["settling_in"])
        self.review_sessions = int(self.values.get("review_sessions", 0))

    def ruleset(self, source: str, text: str) -> Ruleset:
        spec = self.spec
        return Ruleset(
            key=spec.key,
            name=spec.name,
            version=spec.version,
            policy=spec.policy,
            weekly=spec.judged == "weekly",
            parameters={
                name: Parameter(name, given.value, given.unit, given.note, given.open) for name, given in spec.parameters.items()
            },
            bands=tuple(spec.bands),
            stages=tuple(map(self._stage, spec.stages)),
            watch=tuple(map(self._watch, spec.watch)),
            recovery=tuple(map(self._recovery, spec.recovery)),
            carry_over=self._carry_over(spec.carry_over) if spec.carry_over else None,
            prompts=tuple(spec.prompts),
            checklists=tuple(spec.checklists),
            source=source,
            text=text,
        )

    def _stage(self, spec: StageSpec) -> Stage:
        weekly = self._weekly(spec.judged, self.spec.judged == "weekly")
        return Stage(
            id=spec.id,
            name=spec.name,
            short=spec.short,
            band=spec.band,
            condition=self._condition(spec.when, weekly),
            needs=tuple(spec.needs),
            may_be_passed_over=bool(self._value(spec.may_be_passed_over)),
            waits_for_gap=spec.waits_for_gap,
            begins_period=None if spec.begins_period is None else int(self._value(spec.begins_period)),
            period_is=spec.period_is,
            acts=spec.acts,
            approves=spec.approves,
            actions=tuple(spec.actions),
            clause=spec.clause,
            what_school_does=spec.what_school_does,
            what_family_can_do=spec.what_family_can_do,
            what_brings_back=spec.what_brings_back,
            open=tuple(spec.open),
        )

    def _watch(self, spec: WatchSpec) -> WatchRule:
        return WatchRule(
            id=spec.id,
            name=spec.name,
            condition=self._condition(spec.when, False),
            reopen_after=int(self.values["reopen_after"]),
            afresh_each_year=spec.reopens != "after_days",
            new_period_codes=tuple(spec.period_codes or ()),
            each_period_of=(),
            weekly=False,
            who=spec.who,
            clause=spec.clause,
            what_to_do=spec.what_to_do,
            letter=None,
            open=tuple(spec.open),
            compulsory_age_only=spec.compulsory_age_only,
        )

    def _recovery(self, spec: RecoverySpec) -> WatchRule:
        return WatchRule(
            id=spec.id,
            name=spec.name,
            condition=self._condition(spec.when, False),
            reopen_after=int(self.values["reopen_after"]),
            afresh_each_year=True,
            new_period_codes=(),
            each_period_of=tuple(spec.stages) if spec.reopens == "each_period_met" else (),
            weekly=self._weekly(spec.judged, self.spec.judged == "weekly"),
            who=spec.who,
            clause=spec.clause,
            what_to_do=spec.what_to_do,
            letter=spec.letter,
            open=tuple(spec.open),
        )

    def _carry_over(self, spec: CarryOverSpec) -> CarryOver:
        return CarryOver(self._condition(spec.when, False), tuple(spec.stages), spec.letter, spec.clause, spec.note)

    @staticmethod
    def _weekly(judged: str | None, inherited: bool) -> bool:
        return inherited if judged is None else judged == "weekly"

    def _condition(self, spec: Spec, inherited: bool) -> Condition:
        weekly = self._weekly(spec.judged, inherited)
        if isinstance(spec, AllSpec):
            return All(tuple(self._condition(part, weekly) for part in spec.all))
        if isinstance(spec, AnySpec):
            return Any(tuple(self._condition(part, weekly) for part in spec.any))
        if isinstance(spec, NotSpec):
            return Not(self._condition(spec.not_, weekly), weekly)
        if isinstance(spec, CaseSpec):
            kind = next(name for name in CASE_CONDITIONS if getattr(spec, name) is not None)
            return CaseCondition(kind, getattr(spec, kind), weekly, self.review_sessions)
        return self._comparison(spec, weekly)

    def _comparison(self, spec: ComparisonSpec, weekly: bool) -> Comparison:
        op = next(name for name in OPERATORS if getattr(spec, name) is not None)
        threshold = getattr(spec, op)
        return Comparison(
            measure=spec.measure,
            window=self._window(spec.window),
            codes=tuple(spec.codes or ()),
            op=op,
            threshold=self._value(threshold),
            parameter=threshold if isinstance(threshold, str) else "",
            weekly=weekly,
            settling_in=self.settling_in,
        )

    def _window(self, spec: str | WindowSpec | None) -> Window | None:
        if spec is None or isinstance(spec, str):
            return None if spec is None else Window(spec)
        for kind in NUMBERED_WINDOWS:
            if getattr(spec, kind) is not None:
                return Window(kind, number=int(self._value(getattr(spec, kind))))
        kind = "since" if spec.since is not None else "from_half_term_of"
        return Window(kind, stage=getattr(spec, kind), closes_next_term=spec.through is not None)

    def _value(self, given: int | float | bool | str) -> int | float:
        return self.values[given] if isinstance(given, str) else given
