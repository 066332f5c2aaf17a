"""Measures: one figure for every pupil at once, kept as exact whole numbers.

A figure is ``numerator`` alone (a count) or ``numerator / denominator`` (a percentage: 100 x attended / possible). Comparisons are made
on the whole numbers, never after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from escalation.engine.conditions import COUNTS, RUNS, Comparison
from escalation.engine.register import Register, field
from escalation.engine.state import CaseState
from escalation.engine.windows import Moment, Numbers, Span, half_terms_so_far, span


@dataclass(frozen=True, slots=True)
class Figures:
    """int64[rows] each. ``denominator`` is None for counts; ``defined`` is None where every row has a figure.

    A percentage is ``100 * numerator / denominator``. ``span`` says over which days.
    """

    numerator: np.ndarray
    denominator: np.ndarray | None
    defined: np.ndarray | None
    span: Span


def figures(comparison: Comparison, register: Register, moment: Moment, state: CaseState, rows: np.ndarray) -> Figures:
    """The comparison's measure for the pupils ``rows`` as of the moment."""
    measure = comparison.measure
    if measure in RUNS:
        return _run(comparison, register, moment, rows)
    if measure == "age_of_mark":
        return _age_of_mark(comparison, register, moment, rows)
    if measure == "best_possible":
        return _best_possible(register, moment, rows)
    if measure == "change":
        return _change(comparison, register, moment, rows)
    assert comparison.window is not None
    if comparison.window.kind == "any_half_term":
        return _greatest(comparison, register, half_terms_so_far(moment), rows)
    where = span(comparison.window, moment, state, rows)
    if measure == "percent":
        return _percent(comparison, register, where, rows)
    return Figures(_counted(comparison, register, where, rows), None, where.defined, where)


def holds(comparison: Comparison, figure: Figures) -> np.ndarray:
    """bool[rows]: the comparison holds, exactly; an undefined figure never does."""
    limit = comparison.limit
    if figure.denominator is None:
        left, right = figure.numerator * limit.denominator, np.array(limit.numerator)
    else:
        left = 100 * figure.numerator * limit.denominator
        right = limit.numerator * figure.denominator
    answer = _COMPARE[comparison.op](left, right)
    return answer if figure.defined is None else answer & figure.defined


_COMPARE = {"at_least": np.greater_equal, "more_than": np.greater, "below": np.less, "at_most": np.less_equal}


def year_words(register: Register, moment: Moment, through: Numbers, rows: np.ndarray) -> np.ndarray:
    """Packed counts of the year up to and including the dates ``through`` (ordinals): the year's % "as of that day", taken raw."""
    stop = np.searchsorted(register.days.ordinals, through, side="right")
    return register.words(moment.year_start, np.maximum(stop, moment.year_start), rows)


def _counted(comparison: Comparison, register: Register, where: Span, rows: np.ndarray) -> np.ndarray:
    if comparison.measure in COUNTS:
        return register.count(comparison.measure, comparison.codes, where.start, where.stop, rows)
    if comparison.measure == "days_with":
        return register.days_with(comparison.codes, where.start, where.stop, rows)
    return register.days_absent(where.start, where.stop, rows)


def _percent(comparison: Comparison, register: Register, where: Span, rows: np.ndarray) -> Figures:
    words = register.words(where.start, where.stop, rows)
    possible = field(words, "possible")
    least = max(comparison.settling_in, 1) if comparison.window and comparison.window.kind == "year" else 1
    defined = possible >= least
    if where.defined is not None:
        defined &= where.defined
    return Figures(field(words, "attended"), possible, defined, where)


def _greatest(comparison: Comparison, register: Register, spans: list[Span], rows: np.ndarray) -> Figures:
    """The greatest count over the half terms; of equal ones the earliest gives its dates."""
    counts = np.stack([_counted(comparison, register, where, rows) for where in spans])
    best = counts.argmax(axis=0)
    start, stop, opens, closes = (
        np.array([getattr(s, name) for s in spans])[best] for name in ("start", "stop", "opens", "closes")
    )
    return Figures(counts.max(axis=0), None, None, Span(start, stop, opens, closes))


def _run(comparison: Comparison, register: Register, moment: Moment, rows: np.ndarray) -> Figures:
    by_session = comparison.measure == "run_of_sessions"
    lengths = register.run_length(comparison.codes, moment.last, rows, by_session=by_session)
    return Figures(lengths, None, None, Span(0, moment.stop, 0, moment.ordinal))


def _age_of_mark(comparison: Comparison, register: Register, moment: Moment, rows: np.ndarray) -> Figures:
    oldest = register.oldest_day(comparison.codes)[rows]
    defined = oldest < moment.stop
    opens = register.days.ordinals[np.minimum(oldest, moment.last)]
    return Figures(moment.last - oldest, None, defined, Span(np.minimum(oldest, moment.stop), moment.stop, opens, moment.ordinal))


def _best_possible(register: Register, moment: Moment, rows: np.ndarray) -> Figures:
    words = register.words(moment.year_start, moment.stop, rows)
    to_come = 2 * (moment.year_stop - moment.stop)
    possible = field(words, "possible") + to_come
    where = Span(moment.year_start, moment.stop, int(register.days.ordinals[moment.year_start]), moment.ordinal)
    return Figures(field(words, "attended") + to_come, possible, possible > 0, where)


def _change(comparison: Comparison, register: Register, moment: Moment, rows: np.ndarray) -> Figures:
    """Percentage points: the year's % less that of the end of last week, over the product of both denominators."""
    monday = moment.ordinal - (moment.ordinal - 1) % 7
    now = register.words(moment.year_start, moment.stop, rows)
    then = year_words(register, moment, monday - 1, rows)
    possible_now, possible_then = field(now, "possible"), field(then, "possible")
    least = max(comparison.settling_in, 1)
    rise = field(now, "attended") * possible_then - field(then, "attended") * possible_now
    defined = (possible_now >= least) & (possible_then >= least)
    return Figures(rise, possible_now * possible_then, defined, Span(moment.year_start, moment.stop, monday, moment.ordinal))
