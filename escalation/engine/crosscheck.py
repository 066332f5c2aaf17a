"""What a ruleset's parts say about each other: names that lead somewhere, thresholds and windows that can be, stages in order.

It walks the plain data of the file rather than the parsed models, so that these faults are reported in one go with those of shape.
Whatever has the wrong shape is stepped over here: the schema reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attendance.codes import CODES
from escalation.engine.conditions import (
    CASE_CONDITIONS,
    COUNTS,
    MEASURES,
    NUMBERED_WINDOWS,
    OPERATORS,
    PERCENTAGES,
    RUNS,
    STAGE_CONDITIONS,
    STAGE_WINDOWS,
    WINDOWED,
)
from escalation.engine.schema import WINDOW_KEYS
from escalation.engine.source import Fault, Place, Source

REQUIRED_PARAMETERS = {
    "settling_in": "possible sessions in the year before its % is judged",
    "reopen_after": "evaluated days on which a watch condition must fail before its entry can open again",
}
REQUIRED_FOR_STAGES = {
    "gap": "school days between stages",
    "review_sessions": "possible sessions before 'no improvement' is judged",
}
TAKES_CODES = (*COUNTS[:-1], "days_with", *RUNS, "age_of_mark")
NEEDS_CODES = ("days_with", "age_of_mark")


def cross_faults(source: Source) -> list[Fault]:
    """Every fault of the ruleset's references, in no particular order."""
    if not isinstance(source.data, dict):
        return []
    return list(_Checker(source, source.data).faults())


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> Iterator[tuple[int, dict]]:
    return ((number, item) for number, item in enumerate(_list(value)) if isinstance(item, dict))


def _whole_between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


class _Checker:
    def __init__(self, source: Source, data: dict) -> None:
        self.source = source
        self.data = data
        self.parameters: Mapping = data["parameters"] if isinstance(data.get("parameters"), dict) else {}
        self.stage_ids = [str(stage.get("id")) for _, stage in _dicts(data.get("stages"))]
        self.period_stages = {
            str(stage.get("id")) for _, stage in _dicts(data.get("stages")) if stage.get("begins_period") is not None
        }
        self.watch_ids = {str(rule.get("id")) for _, rule in _dicts(data.get("watch"))}

    def faults(self) -> Iterator[Fault]:
        yield from self._parameters()
        for part in ("bands", "stages", "watch", "recovery", "prompts", "checklists"):
            yield from self._twice(part)
        bands = {str(band.get("id")) for _, band in _dicts(self.data.get("bands"))}
        for number, stage in _dicts(self.data.get("stages")):
            yield from self._stage(("stages", number), stage, bands, number)
        for number, rule in _dicts(self.data.get("watch")):
            yield from self._watch(("watch", number), rule)
        for number, rule in _dicts(self.data.get("recovery")):
            yield from self._recovery(("recovery", number), rule)
        yield from self._carry_over()
        for number, checklist in _dicts(self.data.get("checklists")):
            place = ("checklists", number, "after_stage")
            yield from self._stage_reference(place, checklist.get("after_stage"), len(self.stage_ids))

    def _fault(self, place: Place, message: str) -> Fault:
        return self.source.fault(place, message)

    def _parameters(self) -> Iterator[Fault]:
        required = dict(REQUIRED_PARAMETERS, **(REQUIRED_FOR_STAGES if self.stage_ids else {}))
        for name, what in required.items():
            if name not in self.parameters:
                yield self._fault(("parameters",), f"the parameter '{name}' is missing: {what}.")
            elif not self._whole(name):
                yield self._fault(("parameters", name), f"'{name}' is a whole number from 0: {what}.")
        for name, parameter in self.parameters.items():
            if isinstance(parameter, dict) and parameter.get("value", None) is None:
                yield self._fault(("parameters", name), f"the parameter '{name}' has no value; write 'value:' with a number.")

    def _whole(self, name: str) -> bool:
        parameter = self.parameters[name]
        value = parameter.get("value") if isinstance(parameter, dict) else None
        return value is None or _whole_between(value, 0, 10_000)

    def _twice(self, part: str) -> Iterator[Fault]:
        seen: dict[str, int] = {}
        for number, item in _dicts(self.data.get(part)):
            name = str(item.get("id"))
            if name in seen:
                line = self.source.line((part, seen[name]))
                yield self._fault(
                    (part, number, "id"), f"the id '{name}' stands twice (first on line {line}); each is used once."
                )
            seen.setdefault(name, number)

    def _stage(self, place: Place, stage: dict, bands: set, number: int) -> Iterator[Fault]:
        if isinstance(stage.get("band"), str) and stage["band"] not in bands:
            yield self._fault((*place, "band"), f"unknown band '{stage['band']}'; expected one of {_listed(bands)}.")
        for at, need in enumerate(_list(stage.get("needs"))):
            yield from self._stage_reference((*place, "needs", at), need, number)
        for key, kind in (("may_be_passed_over", bool), ("begins_period", int)):
            yield from self._named(place, stage, key, kind)
        yield from self._condition((*place, "when"), stage.get("when"), number, watch_allowed=True)

    def _named(self, place: Place, stage: dict, key: str, kind: type) -> Iterator[Fault]:
        name = stage.get(key)
        if not isinstance(name, str):
            return
        what = "yes or no (true or false)" if kind is bool else "a whole number of weeks from 1 to 52"
        value = self._value_of(name)
        if name not in self.parameters:
            yield self._fault(
                (*place, key), f"unknown parameter '{name}'; expected {what}, or one of {_listed(self.parameters)}."
            )
        elif value is not None and not (type(value) is kind and (kind is bool or _whole_between(value, 1, 52))):
            yield self._fault((*place, key), f"the parameter '{name}' has the value {value}; expected {what}.")

    def _watch(self, place: Place, rule: dict) -> Iterator[Fault]:
        new_period = rule.get("reopens") == "each_new_period"
        if new_period and not rule.get("period_codes"):
            yield self._fault((*place, "reopens"), "'each_new_period' needs 'period_codes', the codes that make such a period.")
        if not new_period and rule.get("period_codes"):
            yield self._fault((*place, "period_codes"), "'period_codes' belongs to 'reopens: each_new_period' only.")
        yield from self._codes((*place, "period_codes"), rule.get("period_codes"))
        yield from self._condition((*place, "when"), rule.get("when"), len(self.stage_ids), watch_allowed=False)

    def _recovery(self, place: Place, rule: dict) -> Iterator[Fault]:
        if rule.get("reopens") == "each_period_met" and not rule.get("stages"):
            yield self._fault((*place, "reopens"), "'each_period_met' needs 'stages', those whose periods are meant.")
        for at, stage in enumerate(_list(rule.get("stages"))):
            yield from self._period_reference((*place, "stages", at), stage, len(self.stage_ids))
        yield from self._condition((*place, "when"), rule.get("when"), len(self.stage_ids), watch_allowed=True)

    def _carry_over(self) -> Iterator[Fault]:
        carry = self.data.get("carry_over")
        if isinstance(carry, dict):
            for at, stage in enumerate(_list(carry.get("stages"))):
                yield from self._stage_reference(("carry_over", "stages", at), stage, len(self.stage_ids))
            yield from self._condition(("carry_over", "when"), carry.get("when"), len(self.stage_ids), watch_allowed=True)

    def _stage_reference(self, place: Place, name: object, before: int) -> Iterator[Fault]:
        """``before``: the position of the stage that refers; it may lean on earlier stages only."""
        if not isinstance(name, str | int) or isinstance(name, bool):
            return
        if str(name) not in self.stage_ids:
            yield self._fault(place, f"unknown stage '{name}'; expected one of {_listed(self.stage_ids)}.")
        elif self.stage_ids.index(str(name)) >= before:
            yield self._fault(
                place, f"stage '{self.stage_ids[before]}' cannot lean on stage '{name}': expected an earlier stage."
            )

    def _period_reference(self, place: Place, name: object, before: int) -> Iterator[Fault]:
        faults = list(self._stage_reference(place, name, before))
        yield from faults
        if not faults and isinstance(name, str | int) and str(name) not in self.period_stages:
            yield self._fault(place, f"stage '{name}' begins no plan or period; expected one of {_listed(self.period_stages)}.")

    def _condition(self, place: Place, condition: object, before: int, *, watch_allowed: bool) -> Iterator[Fault]:
        if not isinstance(condition, dict):
            return
        for joint in ("all", "any"):
            for number, part in enumerate(_list(condition.get(joint))):
                yield from self._condition((*place, joint, number), part, before, watch_allowed=watch_allowed)
        if "not" in condition:
            yield from self._condition((*place, "not"), condition["not"], before, watch_allowed=watch_allowed)
        elif "measure" in condition:
            yield from self._comparison(place, condition, before)
        elif not {"all", "any"} & set(condition):
            yield from self._case(place, condition, before, watch_allowed)

    def _case(self, place: Place, condition: dict, before: int, watch_allowed: bool) -> Iterator[Fault]:
        stated = [name for name in CASE_CONDITIONS if condition.get(name) is not None]
        if len(stated) != 1:
            what = "two conditions in one place" if stated else "nothing to judge"
            yield self._fault(place, f"{what}; expected one of measure, all, any, not, {', '.join(CASE_CONDITIONS)}.")
        for name in stated:
            here = (*place, name)
            if name in ("plan_ended", "target_missed", "target_met"):
                yield from self._period_reference(here, condition[name], before)
            elif name in STAGE_CONDITIONS:
                yield from self._stage_reference(here, condition[name], before)
            elif not watch_allowed:
                yield self._fault(here, "a watch rule cannot rest on a watch rule; write its condition out.")
            elif isinstance(condition[name], str) and condition[name] not in self.watch_ids:
                yield self._fault(here, f"unknown watch rule '{condition[name]}'; expected one of {_listed(self.watch_ids)}.")

    def _comparison(self, place: Place, condition: dict, before: int) -> Iterator[Fault]:
        measure = condition["measure"]
        if measure not in MEASURES:
            return
        stated = [op for op in OPERATORS if condition.get(op) is not None]
        if len(stated) != 1:
            yield self._fault(place, f"expected exactly one of {', '.join(OPERATORS)}, found {len(stated)}.")
        if measure in WINDOWED and condition.get("window") is None:
            yield self._fault(place, f"'{measure}' is counted in a window; 'window:' is missing.")
        if measure not in WINDOWED and condition.get("window") is not None:
            yield self._fault((*place, "window"), f"'{measure}' has no window; leave it out.")
        if condition.get("window") == "any_half_term" and measure == "percent":
            yield self._fault((*place, "window"), "'any_half_term' is for counts; a % of the greatest half term has no meaning.")
        yield from self._window((*place, "window"), condition.get("window"), before)
        yield from self._measure_codes(place, condition, measure)
        for op in stated:
            yield from self._threshold((*place, op), condition[op], measure)

    def _measure_codes(self, place: Place, condition: dict, measure: object) -> Iterator[Fault]:
        if measure in NEEDS_CODES and not condition.get("codes"):
            yield self._fault(place, f"'{measure}' needs 'codes:', the codes that it looks for.")
        if isinstance(measure, str) and measure not in TAKES_CODES and condition.get("codes"):
            yield self._fault((*place, "codes"), f"'{measure}' takes no codes; leave them out.")
        yield from self._codes((*place, "codes"), condition.get("codes"))

    def _codes(self, place: Place, codes: object) -> Iterator[Fault]:
        for number, code in enumerate(_list(codes)):
            if isinstance(code, str) and code not in CODES:
                yield self._fault((*place, number), f"unknown attendance code '{code}'; expected one of {' '.join(CODES)}.")

    def _window(self, place: Place, window: object, before: int) -> Iterator[Fault]:
        if not isinstance(window, dict):
            return
        stated = [name for name in WINDOW_KEYS if window.get(name) is not None]
        if len(stated) != 1:
            yield self._fault(place, f"impossible window: expected exactly one of {', '.join(WINDOW_KEYS)}, found {len(stated)}.")
        if window.get("through") is not None and not set(stated) & set(STAGE_WINDOWS):
            yield self._fault((*place, "through"), f"impossible window: 'through' closes {' or '.join(STAGE_WINDOWS)} only.")
        for name in stated:
            if name in STAGE_WINDOWS:
                yield from self._stage_reference((*place, name), window[name], before)
            else:
                yield from self._window_number((*place, name), name, window[name])

    def _window_number(self, place: Place, name: str, number: object) -> Iterator[Fault]:
        assert name in NUMBERED_WINDOWS
        value = self._value_of(number) if isinstance(number, str) else number
        if isinstance(number, str) and number not in self.parameters:
            yield self._fault(place, f"unknown parameter '{number}'; expected a number, or one of {_listed(self.parameters)}.")
        elif value is not None and not _whole_between(value, 1, 400):
            yield self._fault(place, f"impossible window: {name} is a whole number from 1 to 400, not {value}.")

    def _threshold(self, place: Place, threshold: object, measure: object) -> Iterator[Fault]:
        value = self._value_of(threshold) if isinstance(threshold, str) else threshold
        if isinstance(threshold, str) and threshold not in self.parameters:
            yield self._fault(place, f"unknown parameter '{threshold}'; expected a number, or one of {_listed(self.parameters)}.")
        elif value is None:
            return
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield self._fault(place, f"a threshold is a number, not {value}.")
        elif measure in PERCENTAGES:
            low = -100 if measure == "change" else 0
            if not low <= value <= 100:
                yield self._fault(place, f"the threshold {value} is outside {low} to 100 %.")
        elif type(value) is not int or value < 0:
            yield self._fault(place, f"a count is compared with a whole number from 0, not {value}.")

    def _value_of(self, name: object) -> object:
        parameter = self.parameters.get(name)
        return parameter.get("value") if isinstance(parameter, dict) else None


def _listed(names: object) -> str:
    found = sorted(str(name) for name in names) if isinstance(names, set) else [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(found) if found else "none (there are none)"
