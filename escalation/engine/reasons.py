"""Why: each comparison that held, with its dates, its figures and the marks that the count rests on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np

from attendance.codes import characters
from escalation.engine.conditions import COUNTS, RUNS, CaseCondition, Comparison, Condition, Leaf, leaves
from escalation.engine.judge import Judge
from escalation.engine.measures import Figures, holds
from escalation.engine.register import Register, SeenMark, counted_characters
from escalation.engine.register import field as counter
from escalation.engine.windows import Numbers


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a reason's figure comes from, so that its marks can be listed when somebody asks."""

    register: Register
    pupil: int
    start: int
    stop: int

    def possible(self) -> int:
        """Possible sessions of the pupil in the window."""
        words = self.register.words(self.start, self.stop, np.array([self.pupil]))
        return int(counter(words, "possible")[0])

    def marks(self, chosen: np.ndarray) -> list[SeenMark]:
        return self.register.marks_between(self.pupil, self.start, self.stop, chosen)


@dataclass(frozen=True, slots=True)
class Reason:
    """One comparison that held, or one condition on the case (then only ``measure`` and ``window``, which names the stage).

    ``start`` and ``end``: the window's dates. ``value``: a count, or a percentage rounded half up to two places; ``numerator`` and
    ``denominator`` are the exact figures behind it (for a count of sessions the denominator is the possible sessions of the window).
    ``threshold``: as the ruleset writes it; ``parameter``: its name there, or empty. For "no improvement since" ``numerator`` and
    ``ratio_of`` are attended and possible since the stage, ``before`` the same of the year as of that day.
    """

    measure: str
    window: str | None
    start: dt.date | None = None
    end: dt.date | None = None
    value: int | float | None = None
    op: str = ""
    threshold: int | float | None = None
    parameter: str = ""
    codes: tuple[str, ...] = ()
    numerator: int | None = None
    ratio_of: int | None = None
    before: tuple[int, int] | None = None
    basis: Basis | None = field(default=None, compare=False, repr=False)

    @property
    def on_the_case(self) -> bool:
        return not self.op

    @property
    def denominator(self) -> int | None:
        """Of a percentage its possible sessions; of a count of sessions the possible sessions in the window; else None."""
        if self.ratio_of is not None or self.basis is None or self.measure not in COUNTS:
            return self.ratio_of
        return self.basis.possible()

    def marks(self) -> list[SeenMark]:
        """The marks (date, session, code) that the figure rests on, in order of time: for a percentage the sessions missed."""
        return self.basis.marks(_resting_on(self.measure, self.codes)) if self.basis else []

    def as_json(self) -> dict[str, object]:
        """As the back-test prints it."""
        if self.on_the_case:
            return {"measure": self.measure, "window": self.window}
        return {
            "measure": self.measure,
            "window": self.window,
            "from": self.start.isoformat() if self.start else None,
            "to": self.end.isoformat() if self.end else None,
            "value": self.value,
            "op": self.op,
            "threshold": self.threshold,
        }


def reasons_for(judge: Judge, condition: Condition, rows: np.ndarray) -> list[tuple[Reason, ...]]:
    """For each of ``rows`` the comparisons and case conditions that hold, in the order in which the ruleset states them."""
    found: list[list[Reason]] = [[] for _ in rows]
    for leaf in leaves(condition):
        if leaf.weekly and not judge.moment.ends_week:
            continue
        for at, reason in _held(judge, leaf, rows):
            found[at].append(reason)
    return [tuple(reasons) for reasons in found]


def _held(judge: Judge, leaf: Leaf, rows: np.ndarray) -> list[tuple[int, Reason]]:
    if isinstance(leaf, CaseCondition):
        return [(int(at), _case_reason(judge, leaf, int(rows[at]))) for at in np.flatnonzero(judge.holds(leaf, rows))]
    figure = judge.figures(leaf, rows)
    return [(int(at), comparison_reason(judge, leaf, figure, rows, int(at))) for at in np.flatnonzero(holds(leaf, figure))]


def _case_reason(judge: Judge, leaf: CaseCondition, pupil: int) -> Reason:
    if leaf.kind != "no_improvement_since":
        return Reason(measure=leaf.kind, window=leaf.ref)
    column = judge.state.position[leaf.ref]
    attended, possible, attended_then, possible_then = (
        int(count[0]) for count in judge.since_and_before(column, np.array([pupil]))
    )
    done = dt.date.fromordinal(int(judge.state.done[pupil, column]))
    return Reason(
        measure=leaf.kind,
        window=leaf.ref,
        start=done + dt.timedelta(days=1),
        end=judge.moment.date,
        numerator=attended,
        ratio_of=possible,
        before=(attended_then, possible_then),
        basis=Basis(judge.register, pupil, judge.register.days.first_after(done), judge.moment.stop),
    )


def comparison_reason(judge: Judge, leaf: Comparison, figure: Figures, rows: np.ndarray, at: int) -> Reason:
    """The reason for row number ``at`` of ``rows``; the figure must be defined there."""
    pupil, numerator = int(rows[at]), int(figure.numerator[at])
    start, stop, opens = (_at(number, at) for number in (figure.span.start, figure.span.stop, figure.span.opens))
    denominator = None if figure.denominator is None else int(figure.denominator[at])
    if leaf.measure in RUNS and numerator:
        by_session = leaf.measure == "run_of_sessions"
        start = judge.register.run_begins(pupil, leaf.codes, judge.moment.last, numerator, by_session=by_session)
        opens = int(judge.register.days.ordinals[start])
    return Reason(
        measure=leaf.measure,
        window=leaf.window.text if leaf.window else None,
        start=dt.date.fromordinal(opens) if opens else None,
        end=dt.date.fromordinal(_at(figure.span.closes, at)),
        value=numerator if denominator is None else rounded_ratio(numerator, denominator),
        op=leaf.op,
        threshold=leaf.threshold,
        parameter=leaf.parameter,
        codes=leaf.codes,
        numerator=numerator,
        ratio_of=denominator,
        basis=Basis(judge.register, pupil, start, stop),
    )


def rounded_ratio(part: int, whole: int) -> float:
    """part / whole in %, rounded half up to two places, as figures are shown; never used to compare."""
    return (20_000 * part + whole) // (2 * whole) / 100


def _at(number: Numbers, at: int) -> int:
    return int(number[at]) if isinstance(number, np.ndarray) else int(number)


def _resting_on(measure: str, codes: tuple[str, ...]) -> np.ndarray:
    """bool[256]: the mark characters that a figure of this measure rests on."""
    if measure in COUNTS:
        return counted_characters(measure, codes)
    if measure in ("days_with", "age_of_mark"):
        chosen = np.zeros(256, dtype=bool)
        chosen[characters(codes)] = True
        return chosen
    return counted_characters("missed", codes)
