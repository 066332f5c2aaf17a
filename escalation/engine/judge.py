"""Does a condition hold? For all pupils of a school on one day, over the register and the cases as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from escalation.engine.conditions import All, Any, CaseCondition, Comparison, Condition, Not
from escalation.engine.measures import Figures, figures, holds, year_words
from escalation.engine.register import Register, field
from escalation.engine.state import CaseState
from escalation.engine.windows import Moment


class Judge:
    """The register, the cases and the moment, and the watch conditions that others may refer to by id."""

    def __init__(self, register: Register, state: CaseState, moment: Moment, watch: Mapping[str, Condition]) -> None:
        self.register = register
        self.state = state
        self.moment = moment
        self.watch = watch

    def holds(self, condition: Condition, rows: np.ndarray) -> np.ndarray:
        """bool[rows]. What is judged weekly holds on no other day than the last school day of the week."""
        if isinstance(condition, All):
            return np.logical_and.reduce([self.holds(part, rows) for part in condition.parts])
        if isinstance(condition, Any):
            return np.logical_or.reduce([self.holds(part, rows) for part in condition.parts])
        if condition.weekly and not self.moment.ends_week:
            return np.zeros(len(rows), dtype=bool)
        if isinstance(condition, Not):
            return ~self.holds(condition.part, rows)
        if isinstance(condition, Comparison):
            return holds(condition, self.figures(condition, rows))
        return self._case(condition, rows)

    def as_it_stands(self, leaf: Condition, rows: np.ndarray) -> np.ndarray:
        """bool[rows]: the same for a page, as it stands today: what is judged weekly is looked at on any day."""
        if isinstance(leaf, Not):
            return ~self.as_it_stands(leaf.part, rows)
        if isinstance(leaf, All | Any):
            joint = np.logical_and if isinstance(leaf, All) else np.logical_or
            return joint.reduce([self.as_it_stands(part, rows) for part in leaf.parts])
        return self.holds(replace(leaf, weekly=False), rows)

    def figures(self, comparison: Comparison, rows: np.ndarray) -> Figures:
        return figures(comparison, self.register, self.moment, self.state, rows)

    def _case(self, condition: CaseCondition, rows: np.ndarray) -> np.ndarray:
        if condition.kind == "watch":
            return self.holds(self.watch[condition.ref], rows)
        column = self.state.position[condition.ref]
        periods = self.state.periods
        if condition.kind == "done":
            return self.state.done[rows, column] > 0
        if condition.kind == "plan_ended":
            return periods.ended[rows, column] > 0
        if condition.kind == "target_missed":
            return periods.missed[rows, column] > 0
        if condition.kind == "target_met":
            return periods.met[rows, column] > 0
        return self._no_improvement(column, condition.review_sessions, rows)

    def _no_improvement(self, column: int, review_sessions: int, rows: np.ndarray) -> np.ndarray:
        """At least ``review_sessions`` possible sessions after the day it was done, and their % not above the year's % as of that day."""
        attended, possible, attended_then, possible_then = self.since_and_before(column, rows)
        done = self.state.done[rows, column] > 0
        enough = (possible >= max(review_sessions, 1)) & (possible_then > 0)
        return done & enough & (attended * possible_then <= attended_then * possible)

    def since_and_before(self, column: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """int64[rows] each: attended and possible after the stage was done, and the year's attended and possible as of that day."""
        done = self.state.done[rows, column]
        then = year_words(self.register, self.moment, done, rows)
        stop = np.searchsorted(self.register.days.ordinals, done, side="right")
        since = self.register.words(np.minimum(stop, self.moment.stop), self.moment.stop, rows)
        return field(since, "attended"), field(since, "possible"), field(then, "attended"), field(then, "possible")
