"""Rulesets: a policy's ladder as a file, read, checked, and made ready for the engine.

A ruleset file is YAML that a head teacher can read. It is checked on load; a file that cannot be used is refused with every fault in it,
each with its line and what was expected. What comes out is a ``Ruleset`` (``ladder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from escalation.engine.building import Builder
from escalation.engine.crosscheck import cross_faults
from escalation.engine.ladder import CarryOver, Parameter, Ruleset, Stage, WatchRule
from escalation.engine.schema import RulesetSpec
from escalation.engine.source import Fault, Place, RulesetError, Source, read_source, read_text

SHIPPED = ("federation", "coventry", "vale", "wigston", "goldington")
"""Keys of the five shipped ladders."""
FOLDER = Path(__file__).parent.parent / "rulesets"


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
    return Builder(spec).ruleset(source, text)


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


__all__ = [
    "SHIPPED",
    "CarryOver",
    "Fault",
    "Parameter",
    "Ruleset",
    "RulesetError",
    "Stage",
    "WatchRule",
    "load_ruleset",
    "national_rules",
    "parse_ruleset",
]
