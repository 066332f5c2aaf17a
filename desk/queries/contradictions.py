"""The contradictions of the policies that a person's schools run on, by school and by kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from escalation.contradictions import KINDS, Contradiction, contradictions
from escalation.engine.ruleset import Ruleset
from escalation.queries import adopted
from schools.models import School
from schools.rules import Refused


@dataclass(frozen=True, slots=True)
class PolicyPoints:
    """One policy's points, with the schools that run on the same version of its ladder."""

    ruleset: Ruleset
    schools: tuple[School, ...]
    points: tuple[Contradiction, ...]


@dataclass(frozen=True, slots=True)
class PointsPage:
    """``kinds``: those that occur, as (key, name, how many), before the filter; ``without``: schools that have adopted no ladder."""

    policies: tuple[PolicyPoints, ...]
    kinds: tuple[tuple[str, str, int], ...]
    without: tuple[str, ...]


def points_page(schools: Iterable[School], on: dt.date, kind: str) -> PointsPage:
    """The points of each policy in force at ``schools``, narrowed to ``kind`` where it is one of KINDS. One statement a school."""
    running: dict[str, tuple[Ruleset, list[School]]] = {}
    without: list[str] = []
    for school in schools:
        try:
            version, ruleset = adopted(school, on)
        except Refused as refused:
            without.append(str(refused))
            continue
        running.setdefault(version.sha256, (ruleset, []))[1].append(school)
    every = [(ruleset, tuple(at), contradictions(ruleset)) for ruleset, at in running.values()]
    shown = [
        (ruleset, at, [point for point in points if kind not in KINDS or point.kind == kind]) for ruleset, at, points in every
    ]
    return PointsPage(
        policies=tuple(PolicyPoints(ruleset, at, tuple(points)) for ruleset, at, points in shown),
        kinds=_kinds([point for _, _, points in every for point in points]),
        without=tuple(without),
    )


def _kinds(points: list[Contradiction]) -> tuple[tuple[str, str, int], ...]:
    counts = {key: sum(point.kind == key for point in points) for key in KINDS}
    return tuple((key, name, counts[key]) for key, name in KINDS.items() if counts[key])
