"""Rulesets: a policy's ladder as a file, read, checked, and made ready for the engine.

A ruleset file is YAML that a head teacher can read. It is checked on load; a file that cannot be used is refused with every fault in it,
each with its line and what was expected. What comes out is a ``Ruleset``: plain records in which every named parameter is filled in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import ValidationError

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
from escalation.engine.crosscheck import cross_faults
from escalation.engine.schema import (
    Action,
    AllSpec,
    AnySpec,
    Band,
    CarryOverSpec,
    CaseSpec,
    Checklist,
    ComparisonSpec,
    NotSpec,
    Policy,
    Prompt,
    RecoverySpec,
    RulesetSpec,
    StageSpec,
    WatchSpec,
    WindowSpec,
)
from escalation.engine.source import Fault, Place, RulesetError, Source, read_source, read_text

SHIPPED = ("federation", "coventry", "vale", "wigston", "goldington")
"""Keys of the five shipped ladders."""
FOLDER = Path(__file__).parent.parent / "rulesets"

Spec = AllSpec | AnySpec | NotSpec | CaseSpec | ComparisonSpec


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value that a school can change. ``open``: the policy leaves it open; ``note`` says what it is and what we use."""

    name: str
    value: int | float | bool
    unit: str
    note: str
    open: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a ladder; ``condition`` is ready to be judged, ``begins_period`` is in weeks, roles are role keys."""

    id: str
    name: str
    short: str
    band: str
    condition: Condition
    needs: tuple[str, ...]
    may_be_passed_over: bool
    waits_for_gap: bool
    begins_period: int | None
    period_is: str
    acts: str
    approves: str | None
    actions: tuple[Action, ...]
    clause: str
    what_school_does: str
    what_family_can_do: str
    what_brings_back: str
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchRule:
    """A watch or recovery rule. ``reopen_after``: evaluated days in a row on which it must have failed to hold before it opens again.

    ``afresh_each_year``: on the year's own figures; ``new_period_codes``: opens again with each new period of these codes;
    ``each_period_of``: opens again for each period of these stages that ended with its target met; ``letter``: for recovery rules.
    """

    id: str
    name: str
    condition: Condition
    reopen_after: int
    afresh_each_year: bool
    new_period_codes: tuple[str, ...]
    each_period_of: tuple[str, ...]
    weekly: bool
    who: str
    clause: str
    what_to_do: str
    letter: str | None
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CarryOver:
    condition: Condition
    stages: tuple[str, ...]
    letter: str | None
    clause: str
    note: str


@dataclass(frozen=True)
class Ruleset:
    """A checked ruleset. ``text`` is the file, ``sha256`` its hash: a version that was used is known by it for ever."""

    key: str
    name: str
    version: str
    policy: Policy
    weekly: bool
    parameters: Mapping[str, Parameter]
    bands: tuple[Band, ...]
    stages: tuple[Stage, ...]
    watch: tuple[WatchRule, ...]
    recovery: tuple[WatchRule, ...]
    carry_over: CarryOver | None
    prompts: tuple[Prompt, ...]
    checklists: tuple[Checklist, ...]
    source: str
    text: str = field(repr=False)

    @property
    def cadence(self) -> str:
        return "weekly" if self.weekly else "daily"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def gap(self) -> int:
        """School days that a stage waits after any stage was done."""
        return int(self._number("gap"))

    @property
    def settling_in(self) -> int:
        """Possible sessions in the year before its % is judged."""
        return int(self._number("settling_in"))

    @property
    def review_sessions(self) -> int:
        """Possible sessions after a stage before "no improvement" is judged."""
        return int(self._number("review_sessions"))

    @property
    def reopen_after(self) -> int:
        return int(self._number("reopen_after"))

    def _number(self, name: str) -> int | float:
        parameter = self.parameters.get(name)
        return parameter.value if parameter else 0

    def stage(self, stage_id: str) -> Stage:
        """KeyError where the ladder has no such stage."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise KeyError(stage_id)

    def band(self, stage: Stage) -> Band:
        return next(band for band in self.bands if band.id == stage.band)

    @property
    def left_open(self) -> tuple[Parameter, ...]:
        """The parameters on which the policy is silent."""
        return tuple(parameter for parameter in self.parameters.values() if parameter.open)


def load_ruleset(key_or_path: str | Path) -> Ruleset:
    """A shipped ruleset by its key, or one from a file. RulesetError names every fault."""
    if str(key_or_path) in SHIPPED:
        return _shipped(str(key_or_path))
    path = Path(key_or_path)
    if not path.exists():
        known = ", ".join(SHIPPED)
        raise RulesetError([Fault(str(key_or_path), 0, (), f"no such ruleset; expected a file, or one of {known}.")])
    return parse_ruleset(read_text(path), path.name)


@cache
def _shipped(name: str) -> Ruleset:
    path = FOLDER / f"{name}.yaml"
    return parse_ruleset(read_text(path), path.name)


def national_rules() -> Ruleset:
    """The national rules that run beside every ladder: watch rules only."""
    return _shipped("national")


def parse_ruleset(text: str, source: str) -> Ruleset:
    """The ruleset in ``text``; ``source`` is the name that faults are reported under."""
    read = read_source(text, source)
    if not isinstance(read.data, dict):
        raise RulesetError([*read.faults, read.fault((), "a ruleset begins with 'key:' and 'name:'; this file has none.")])
    faults = read.faults + cross_faults(read)
    try:
        spec = RulesetSpec.model_validate(read.data)
    except ValidationError as error:
        raise RulesetError(_distinct(_shape_faults(read, error) + faults)) from error
    if faults:
        raise RulesetError(faults)
    return _Builder(spec).ruleset(source, text)


def _distinct(faults: list[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))


def _shape_faults(source: Source, error: ValidationError) -> list[Fault]:
    faults = []
    for detail in error.errors(include_url=False):
        place = _place(source.data, detail["loc"])
        faults.append(source.fault(place, _expected(detail["type"], detail["msg"], detail["loc"], detail.get("ctx", {}))))
    return faults


def _place(data: object, steps: tuple[str | int, ...]) -> Place:
    """The file's own path out of a model's: names of alternatives that stand in between are left out."""
    place: list[str | int] = []
    for step in steps:
        if isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        elif isinstance(data, dict) and step in data:
            data = data[str(step)]
        else:
            continue
        place.append(step)
    return tuple(place)


def _expected(kind: str, message: str, steps: tuple[str | int, ...], context: Mapping) -> str:
    last = steps[-1] if steps else ""
    if kind == "missing":
        return f"'{last}' is missing here."
    if kind == "extra_forbidden":
        return f"'{last}' is not known here; leave it out or check its spelling."
    if kind == "literal_error":
        return f"unknown {'measure' if last == 'measure' else 'value'}; expected one of {context.get('expected', '')}."
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return "expected a condition: measure, all, any, not, or a condition on the case."
    return f"{message[0].lower()}{message[1:]}."


class _Builder:
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


__all__ = ["SHIPPED", "Fault", "Ruleset", "RulesetError", "Stage", "WatchRule", "load_ruleset", "national_rules", "parse_ruleset"]
