"""What a rule is made of: windows, comparisons and conditions on the case, with every parameter already filled in.

The loader (``ruleset``) turns a file into these; the engine only ever sees these. They are small frozen records without behaviour
beyond naming themselves, so that a condition can be walked, put into words and judged by separate rooms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

COUNTS = ("missed", "authorised", "unauthorised", "possible", "attended", "late")
"""Counts of sessions."""
DAY_COUNTS = ("days_absent", "days_with")
RUNS = ("run_of_days", "run_of_sessions")
WINDOWED = (*COUNTS, *DAY_COUNTS, "percent")
"""Measures that are taken over a window; the others carry their own span of time."""
PERCENTAGES = ("percent", "best_possible", "change")
MEASURES = (*COUNTS, "percent", *DAY_COUNTS, *RUNS, "age_of_mark", "best_possible", "change")

OPERATORS = ("at_least", "more_than", "below", "at_most")

PLAIN_WINDOWS = ("half_term", "any_half_term", "term", "year", "previous_year", "monitoring")
NUMBERED_WINDOWS = ("weeks", "school_weeks", "school_days")
STAGE_WINDOWS = ("since", "from_half_term_of")

STAGE_CONDITIONS = ("done", "no_improvement_since", "plan_ended", "target_missed", "target_met")
CASE_CONDITIONS = (*STAGE_CONDITIONS, "watch")

UNITS = {
    **dict.fromkeys(COUNTS, "sessions"),
    **dict.fromkeys(DAY_COUNTS, "school days"),
    "percent": "%",
    "best_possible": "%",
    "change": "percentage points",
    "run_of_days": "school days",
    "run_of_sessions": "sessions",
    "age_of_mark": "school days",
}


@cache
def _exactly(number: str) -> Fraction:
    return Fraction(number)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of school days; ``number`` belongs to weeks, school_weeks and school_days, ``stage`` to since and from_half_term_of.

    ``closes_next_term``: the count closes at the end of the term after the one in which the stage was done and keeps its value.
    """

    kind: str
    number: int = 0
    stage: str = ""
    closes_next_term: bool = False

    @property
    def text(self) -> str:
        """As it stands in a reason: "half_term", "school_weeks: 10", "since: 4"."""
        if self.kind in NUMBERED_WINDOWS:
            return f"{self.kind}: {self.number}"
        if self.kind in STAGE_WINDOWS:
            return f"{self.kind}: {self.stage}"
        return self.kind


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measure over a window compared with a threshold. ``weekly``: judged on the last school day of each week only.

    ``threshold`` is the number as the ruleset writes it, ``limit`` the same exactly; ``parameter`` its name, or empty.
    ``settling_in``: possible sessions in the year below which the year's % is undefined.
    """

    measure: str
    window: Window | None
    codes: tuple[str, ...]
    op: str
    threshold: int | float
    parameter: str
    weekly: bool
    settling_in: int

    @property
    def limit(self) -> Fraction:
        return _exactly(str(self.threshold))


@dataclass(frozen=True, slots=True)
class CaseCondition:
    """A condition on the case: ``kind`` is one of CASE_CONDITIONS, ``ref`` the stage (or the watch rule) that it asks about."""

    kind: str
    ref: str
    weekly: bool
    review_sessions: int


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition
    weekly: bool


Leaf = Comparison | CaseCondition
Condition = Comparison | CaseCondition | All | Any | Not


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The comparisons and case conditions in the order in which the ruleset states them; what stands under ``not`` is left out."""
    if isinstance(condition, All | Any):
        for part in condition.parts:
            yield from leaves(part)
    elif not isinstance(condition, Not):
        yield condition


def all_leaves(condition: Condition) -> Iterator[Leaf]:
    """Every comparison and case condition, those under ``not`` included."""
    if isinstance(condition, All | Any):
        for part in condition.parts:
            yield from all_leaves(part)
    elif isinstance(condition, Not):
        yield from all_leaves(condition.part)
    else:
        yield condition
