"""The ladder as a leaflet for parents: one A4 page, drawn from the ruleset, so that it can say nothing else than the rule."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.template import Context

from attendance.codes import CODES
from escalation.engine.conditions import CaseCondition, Comparison, Leaf, all_leaves
from escalation.engine.ruleset import Ruleset, Stage
from escalation.engine.words import condition_in_words
from letters.merge import clean
from letters.pdf import html_to_pdf, pages_of
from letters.phrases import full_date
from letters.sheet import engine
from schools.models import School

POINTS = (10.5, 10, 9.5, 9, 8.5, 8, 7.5)
"""Sizes of type that are tried, largest first, until the ladder fits on one page; below the last one it takes a second page."""

_SMALL_PRINT = re.compile(r" \((?:judged once|counted to|provisional:) [^()]*\)")


@dataclass(frozen=True, slots=True)
class Step:
    """One stage for parents: band in words and by its level's colour, when it comes, and the three things to know."""

    band: str
    level: int
    name: str
    when: str
    school_does: str
    family_can: str
    brings_back: str


def leaflet_pdf(school: School, ruleset: Ruleset, *, titles: Mapping[str, str], on: dt.date) -> bytes:
    """The leaflet as PDF/UA-1. ``titles``: the school's own word for each role. Raises MissingGlyphs as a letter does."""
    for points in POINTS:
        document = leaflet_html(school, ruleset, titles=titles, on=on, points=points)
        if pages_of(document) == 1:
            break
    return html_to_pdf(document)


def leaflet_html(school: School, ruleset: Ruleset, *, titles: Mapping[str, str], on: dt.date, points: float) -> str:
    """The page before it is set, in type of ``points``."""
    first, then = _whom_to_ask(ruleset, titles)
    context = {
        "title": f"When your child misses school: how {clean(school.name)} helps",
        "school": {name: clean(getattr(school, name)) for name in ("name", "telephone", "email", "office_hours")},
        "steps": steps(ruleset),
        "first": first,
        "then": then,
        "codes": "; ".join(codes_named(ruleset)),
        "policy": ruleset.policy.title,
        "on": full_date(on),
        "version": ruleset.sha256[:8],
        "points": str(points),
    }
    return str(engine().get_template("leaflet.html").render(Context(context)))


def steps(ruleset: Ruleset) -> list[Step]:
    """Every stage of the ladder, in order."""
    return [_step(ruleset, stage) for stage in ruleset.stages]


def codes_named(ruleset: Ruleset) -> list[str]:
    """What the register codes mean that the stages' conditions name: "G: holiday not granted by the school"."""
    comparisons = [leaf for stage in ruleset.stages for leaf in _leaves(ruleset, stage) if isinstance(leaf, Comparison)]
    codes = dict.fromkeys(code for comparison in comparisons for code in comparison.codes)
    return [f"{code}: {_SMALL_PRINT.sub('', CODES[code].description)}" for code in codes]


def _leaves(ruleset: Ruleset, stage: Stage) -> Iterator[Leaf]:
    """The conditions of a stage, and in place of a watch rule's name those of the rule."""
    rules = {rule.id: rule for rule in ruleset.watch}
    for leaf in all_leaves(stage.condition):
        if isinstance(leaf, CaseCondition) and leaf.kind == "watch" and leaf.ref in rules:
            yield from all_leaves(rules[leaf.ref].condition)
        else:
            yield leaf


def _step(ruleset: Ruleset, stage: Stage) -> Step:
    band = ruleset.band(stage)
    return Step(
        band=band.name,
        level=band.level,
        name=f"{_label(stage.id)}: {stage.name}",
        when=_when(ruleset, stage),
        school_does=stage.what_school_does,
        family_can=stage.what_family_can_do,
        brings_back=stage.what_brings_back,
    )


def _label(stage: str) -> str:
    """ "Stage 3", or the policy's own word ("Clinic")."""
    return f"Stage {stage}" if stage[:1].isdigit() else stage.replace("-", " ").capitalize()


def _when(ruleset: Ruleset, stage: Stage) -> str:
    """When the stage comes, without the small print of how it is counted, which the school's own page has."""
    after = f", after stage {' and '.join(stage.needs)}" if stage.needs else ""
    text = _SMALL_PRINT.sub("", condition_in_words(stage.condition))
    for rule in ruleset.watch:
        text = text.replace(f"the watch rule “{rule.id}” holds", _SMALL_PRINT.sub("", condition_in_words(rule.condition)))
    return f"When {text}{after}.".replace(" %", "\N{NO-BREAK SPACE}%")


def _whom_to_ask(ruleset: Ruleset, titles: Mapping[str, str]) -> tuple[str, str]:
    """Who acts at the first stage, and the next other one on the ladder, by their titles in the school."""
    in_order = list(dict.fromkeys(titles[stage.acts] for stage in ruleset.stages))
    named = [title[:1].lower() + title[1:] for title in in_order[:2]]
    return (named[0] if named else "school office"), (named[1] if len(named) > 1 else "")
