"""Where a policy is out of step with the national rules or with itself: points that were read, and points that are worked out.

What a policy prints is data (``rulesets/contradictions.yaml``). Whether a letter speaks of an earlier one that the ladder does not
require, and whether a later stage's figure can come first, is worked out from the school's own ruleset, so that a changed ladder is
judged as it now is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from escalation.engine.conditions import All, Any, Comparison, Condition
from escalation.engine.ruleset import FOLDER, Ruleset, Stage
from escalation.engine.schema import Key, StageId, Words
from escalation.engine.sentences import figure
from escalation.engine.source import Fault, RulesetError, read_source, read_text
from escalation.engine.words import condition_in_words

KINDS = {
    "fines": "Fines",
    "notices": "Notices to improve",
    "codes": "Register codes",
    "register": "The register",
    "duties": "Duties towards the authority",
    "decides": "Who decides",
    "figures": "Figures",
    "letters": "Letters",
    "order": "Order of the stages",
    "laws": "Laws and guidance",
}
"""Kinds of points in the order of the page, and their names."""
Kind = Literal["fines", "notices", "codes", "register", "duties", "decides", "figures", "letters", "order", "laws"]
PolicyKey = Literal["federation", "coventry", "vale", "wigston", "goldington"]
FILE = "contradictions.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Point(_Strict):
    """One contradiction. ``source`` is the law or guidance, or "itself" where the policy contradicts itself."""

    id: Key
    policy: PolicyKey
    kind: Kind
    point: Words
    prints: Words
    in_force: Words
    clause: Words
    source: Words
    handrail: Words


class Reference(_Strict):
    """A letter or form of ``stage`` that speaks of one of the stages ``speaks_of``; ``a_letter``: of a letter sent there."""

    policy: PolicyKey
    stage: StageId
    speaks_of: list[StageId] = Field(min_length=1)
    what: Words
    clause: Words
    a_letter: bool = False


class _File(_Strict):
    points: list[Point]
    references: list[Reference]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A point as the page shows it; ``worked_out`` from the ruleset and not typed."""

    id: str
    kind: str
    point: str
    prints: str
    in_force: str
    clause: str
    source: str
    handrail: str
    worked_out: bool = False


def parse_contradictions(text: str, file: str = FILE) -> tuple[list[Point], list[Reference]]:
    """Strictly: RulesetError names the line of everything unknown, missing, empty or twice."""
    read = read_source(text, file)
    if read.faults:
        raise RulesetError(read.faults)
    try:
        found = _File.model_validate(read.data)
    except ValidationError as error:
        raise RulesetError([read.fault(tuple(each["loc"]), each["msg"]) for each in error.errors(include_url=False)]) from error
    if twice := _twice(found.points):
        raise RulesetError([Fault(file, 0, (), f"the point {twice} stands twice; give one of them another id.")])
    return found.points, found.references


def _twice(points: list[Point]) -> str:
    keys = [f"{point.policy}/{point.id}" for point in points]
    return next((key for key in keys if keys.count(key) > 1), "")


@cache
def shipped() -> tuple[list[Point], list[Reference]]:
    return parse_contradictions(read_text(FOLDER / FILE))


def contradictions(ruleset: Ruleset) -> list[Contradiction]:
    """Every point about the policy of ``ruleset``, typed and worked out, in the order of ``KINDS``."""
    points, references = shipped()
    typed = [
        Contradiction(p.id, p.kind, p.point, p.prints, p.in_force, p.clause, p.source, p.handrail)
        for p in points
        if p.policy == ruleset.key
    ]
    found = [*typed, *_loose_references(ruleset, references), *_same_figures(ruleset), *_figures_before_counts(ruleset)]
    return sorted(found, key=lambda point: list(KINDS).index(point.kind))


# Letters that speak of an earlier one


def _loose_references(ruleset: Ruleset, references: list[Reference]) -> Iterator[Contradiction]:
    ids = {stage.id for stage in ruleset.stages}
    for reference in references:
        known = reference.policy == ruleset.key and {reference.stage, *reference.speaks_of} <= ids
        if known and (fault := _loose(ruleset, reference)):
            yield _reference_point(reference, fault)


def _loose(ruleset: Ruleset, reference: Reference) -> str:
    """Why the reference may point at nothing; empty where the ladder requires what it speaks of."""
    named = " or ".join(reference.speaks_of)
    if reference.a_letter and not any(_sends(ruleset.stage(each)) for each in reference.speaks_of):
        return f"The ladder sends no letter at stage {named}; its first letter is that of stage {_first_letter(ruleset)}."
    if not required_before(ruleset, reference.stage) & set(reference.speaks_of):
        return f"The ladder lets stage {reference.stage} be reached without stage {named}."
    return ""


def required_before(ruleset: Ruleset, stage: str) -> set[str]:
    """The stages that must be done before ``stage``, directly or through another."""
    needed: set[str] = set()
    left = list(ruleset.stage(stage).needs)
    while left:
        each = left.pop()
        if each not in needed:
            needed.add(each)
            left += ruleset.stage(each).needs
    return needed


def _sends(stage: Stage) -> bool:
    return any(action.kind == "letter" for action in stage.actions)


def _first_letter(ruleset: Ruleset) -> str:
    return next((stage.id for stage in ruleset.stages if _sends(stage)), "none")


def _reference_point(reference: Reference, fault: str) -> Contradiction:
    return Contradiction(
        id=f"speaks-of-{reference.stage}",
        kind="letters",
        point=f"Stage {reference.stage} speaks of something that may not have happened",
        prints=f"It speaks of {reference.what}.",
        in_force=fault,
        clause=reference.clause,
        source="itself",
        handrail="Letters mention only what is on the record for that family.",
        worked_out=True,
    )


# Figures that come in the wrong order


def _same_figures(ruleset: Ruleset) -> Iterator[Contradiction]:
    """A stage whose only figure can never be reached before that of a later stage."""
    for number, stage in enumerate(ruleset.stages):
        later = [other for other in ruleset.stages[number + 1 :] if _never_before(stage, other)]
        if later:
            yield _order_point(stage, later)


def _never_before(stage: Stage, later: Stage) -> bool:
    """``later`` has, by itself, a figure that holds whenever that of ``stage`` does."""
    mine, others = _alternatives(stage.condition), _alternatives(later.condition)
    return bool(mine) and all(any(_as_easy(other, each) for other in others) for each in mine)


def _alternatives(condition: Condition) -> list[Comparison]:
    """The comparisons of which one is enough; nothing where a stage also asks for something else (then it is not comparable)."""
    if isinstance(condition, Comparison):
        return [condition]
    if isinstance(condition, Any) and all(isinstance(part, Comparison) for part in condition.parts):
        return [part for part in condition.parts if isinstance(part, Comparison)]
    return []


def _as_easy(other: Comparison, mine: Comparison) -> bool:
    """``other`` holds wherever ``mine`` does: the same measure, with a limit that is as easy to reach."""
    same = ("measure", "window", "codes", "op")
    if any(getattr(other, name) != getattr(mine, name) for name in same):
        return False
    return other.limit >= mine.limit if mine.op in ("below", "at_most") else other.limit <= mine.limit


def _order_point(stage: Stage, later: list[Stage]) -> Contradiction:
    ids = " and ".join(other.id for other in later)
    kept_apart = all(other.needs for other in later)
    return Contradiction(
        id=f"order-{stage.id}",
        kind="order",
        point=f"Stage {stage.id} can never be reached before stage {ids} by its figure",
        prints=f"Stage {stage.id} comes when {condition_in_words(stage.condition)}.",
        in_force=f"The figure of stage {ids} holds as soon as that of stage {stage.id} does.",
        clause=stage.clause,
        source="itself",
        handrail="Asks that the earlier stage was done first, so they come one after the other." if kept_apart else _MENDS,
        worked_out=True,
    )


_MENDS = "Proposes the higher of the two: change a figure, or let the later stage need the earlier one."


def _figures_before_counts(ruleset: Ruleset) -> Iterator[Contradiction]:
    """A stage on the year's % whose figure comes, early in the year, before the count of a stage that must be done first."""
    for stage in ruleset.stages:
        percent = _only_percent(stage.condition)
        for need in stage.needs:
            counts = _counts(ruleset.stage(need).condition)
            if percent and counts and (until := _earlier_until(percent, min(counts))) > percent.settling_in:
                yield _count_point(stage, ruleset.stage(need), percent, min(counts), until)


def _only_percent(condition: Condition) -> Comparison | None:
    parts = condition.parts if isinstance(condition, All) else (condition,)
    return next((p for p in parts if isinstance(p, Comparison) and (p.measure, p.op) == ("percent", "below")), None)


def _counts(condition: Condition) -> list[int]:
    """Sessions missed from which a stage on counts begins; nothing where it is no stage on counts alone."""
    found = [each for each in _alternatives(condition) if each.measure == "missed"]
    if len(found) != len(_alternatives(condition)):
        return []
    return [int(each.threshold) + (each.op == "more_than") for each in found if each.op in ("at_least", "more_than")]


def _earlier_until(percent: Comparison, count: int) -> int:
    """Possible sessions up to which fewer than ``count`` missed already give a figure below the limit."""
    most = count - 1
    possible = count
    while 100 * (possible - most) < percent.limit * possible and possible < 400:
        possible += 1
    return possible - 1


def _count_point(stage: Stage, need: Stage, percent: Comparison, count: int, until: int) -> Contradiction:
    limit = figure(percent.threshold)
    return Contradiction(
        id=f"early-{stage.id}",
        kind="order",
        point=f"Stage {stage.id} would come before stage {need.id} early in the year",
        prints=f"Stage {stage.id} begins below {limit} %, stage {need.id} with {count} sessions missed.",
        in_force=f"Up to {until} possible sessions, {count - 1} sessions missed are already below {limit} %, "
        f"and too few for stage {need.id}.",
        clause=stage.clause,
        source="itself",
        handrail=f"Waits until stage {need.id} was done; a person may go faster, with a reason.",
        worked_out=True,
    )
