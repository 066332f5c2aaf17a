"""Where a pupil stands: how far each stage is, what takes the pupil on, and what brings the pupil back.

What is to come is found by trying it: the pupil's own register is written on into the future, missed or attended, and the same engine
judges the days. Nothing here is stored and nothing here decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from attendance.codes import CODES
from escalation.engine.conditions import Comparison, leaves
from escalation.engine.evaluate import judge_for, proposed_columns
from escalation.engine.judge import Judge
from escalation.engine.measures import holds
from escalation.engine.periods import end_periods
from escalation.engine.reasons import Reason, comparison_reason, rounded_ratio
from escalation.engine.register import Register, field
from escalation.engine.ruleset import Ruleset, Stage
from escalation.engine.sentences import figure, long_date, plural
from escalation.engine.state import CaseState
from escalation.engine.windows import Moment

MOST_SESSIONS = 40
"""How many further missed sessions are tried: four school weeks."""
DAYS_AHEAD = 30
"""School days that are tried for what takes a pupil on."""
ENDS_AT_ONCE = 20
"""Last days that are tried together, until one comes too late."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One comparison of a stage as it stands: ``reason`` has its figures and dates (None where it has no figure yet).

    ``short_by``: what is missing until it holds, in the measure's unit and as it is shown; 0 where it holds.
    """

    comparison: Comparison
    holds: bool
    reason: Reason | None
    short_by: int | float | None


@dataclass(frozen=True, slots=True)
class StageOutlook:
    """A stage for one pupil on one day. ``waits_for``: stages it needs that are not done; ``not_before``: the day on which the gap ends."""

    stage: Stage
    done_on: dt.date | None
    reached: bool
    holds: bool
    standings: tuple[Standing, ...]
    waits_for: tuple[str, ...]
    not_before: dt.date | None


@dataclass(frozen=True, slots=True)
class NextStage:
    """What takes a pupil on. ``sessions``: further sessions missed (0: it comes by itself), ``on``: the first day on which the stage would
    be proposed, ``by``: the last day on which as many missed sessions would still reach it."""

    stage: Stage
    sessions: int
    unauthorised: bool
    on: dt.date
    by: dt.date | None
    sentence: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """What brings a pupil back: ``sessions`` attended in a row, up to ``by``, and the stage's condition no longer holds."""

    stage: Stage
    sessions: int
    by: dt.date
    sentence: str


def explain(
    register: Register, ruleset: Ruleset, state: CaseState, pupil: int, day: dt.date, national: Ruleset | None = None
) -> list[StageOutlook]:
    """Every stage of the ladder for one pupil, as of ``day``; what is judged weekly is shown as it stands today."""
    judge = judge_for(register, ruleset, national, state, day)
    highest = int(state.highest(day.toordinal())[pupil])
    return [_stage_outlook(judge, ruleset, column, pupil, highest) for column in range(len(ruleset.stages))]


def _stage_outlook(judge: Judge, ruleset: Ruleset, column: int, pupil: int, highest: int) -> StageOutlook:
    stage, state, rows = ruleset.stages[column], judge.state, np.array([pupil])
    done = int(state.done[pupil, column])
    comparisons = [leaf for leaf in leaves(stage.condition) if isinstance(leaf, Comparison)]
    return StageOutlook(
        stage=stage,
        done_on=dt.date.fromordinal(done) if done else None,
        reached=column <= highest,
        holds=bool(judge.as_it_stands(stage.condition, rows)[0]),
        standings=tuple(standing(judge, comparison, pupil) for comparison in comparisons),
        waits_for=tuple(need for need in stage.needs if not state.done[pupil, state.position[need]]),
        not_before=_gap_ends(judge, ruleset, pupil) if stage.waits_for_gap else None,
    )


def standing(judge: Judge, comparison: Comparison, pupil: int) -> Standing:
    """One comparison for one pupil (a row of the register), as it stands on the judge's day."""
    rows = np.array([pupil])
    now = judge.figures(comparison, rows)
    if now.defined is not None and not now.defined[0]:
        return Standing(comparison, False, None, None)
    held = bool(holds(comparison, now)[0])
    reason = comparison_reason(judge, comparison, now, rows, 0)
    return Standing(comparison, held, reason, 0 if held else _short_by(comparison, reason))


def _short_by(comparison: Comparison, reason: Reason) -> int | float:
    """How far the shown figure is from the threshold; one more for "more than" a count."""
    value, threshold = reason.value or 0, comparison.threshold
    if reason.ratio_of is None:
        return abs(int(threshold) - int(value)) + (comparison.op in ("more_than", "below"))
    return round(abs(threshold - value), 2)


def _gap_ends(judge: Judge, ruleset: Ruleset, pupil: int) -> dt.date | None:
    """The first school day on which a stage no longer waits for the gap; None where nothing waits, or the calendar ends before."""
    last = int(judge.state.last_done()[pupil])
    days = judge.register.days
    if not last:
        return None
    at = days.first_after(dt.date.fromordinal(last)) + ruleset.gap - 1
    return days.dates[at] if judge.moment.stop <= at < len(days) else None


def best_possible(register: Register, pupil: int, day: dt.date) -> tuple[int, int] | None:
    """The year's figure if every session still to come this year is attended, as (attended, possible); None where there are no sessions."""
    moment = Moment(register.days, day)
    words = register.words(moment.year_start, moment.stop, np.array([pupil]))
    to_come = 2 * (moment.year_stop - moment.stop)
    attended, possible = int(field(words, "attended")[0]) + to_come, int(field(words, "possible")[0]) + to_come
    return (attended, possible) if possible else None


def next_stage(
    register: Register, ruleset: Ruleset, state: CaseState, pupil: int, day: dt.date, national: Ruleset | None = None
) -> NextStage | None:
    """The fewest further sessions missed, beginning with the next one, that have a stage proposed; None where none has it in four weeks."""
    plan = _Future(register, ruleset, national, state, pupil, day)
    for sessions, unauthorised, on, column in plan.missing_the_next():
        stage = ruleset.stages[column]
        by = plan.still_reached_by(sessions, unauthorised, column) if sessions else None
        return NextStage(stage, sessions, unauthorised, on, by, _takes_on(stage, sessions, unauthorised, on, by))
    return None


def _takes_on(stage: Stage, sessions: int, unauthorised: bool, on: dt.date, by: dt.date | None) -> str:
    if not sessions:
        return f"Stage {stage.id} follows on {long_date(on)} as things stand."
    without = " without authorisation" if unauthorised else ""
    return f"{plural(sessions, 'more session')} missed{without} by {long_date(by or on)} and stage {stage.id} is reached."


def way_back(
    register: Register, ruleset: Ruleset, state: CaseState, pupil: int, day: dt.date, national: Ruleset | None = None
) -> WayBack | None:
    """How many sessions attended in a row end the condition of the highest stage reached; None where no number does this year, where
    no stage was reached, or where the condition does not hold any more."""
    highest = int(state.highest(day.toordinal())[pupil])
    if highest < 0:
        return None
    plan = _Future(register, ruleset, national, state, pupil, day)
    stage = ruleset.stages[highest]
    found = plan.attended_until_it_ends(stage)
    if found is None:
        return None
    sessions, by = found
    return WayBack(stage, sessions, by, _brings_back(stage, sessions, by, _year_after(register, pupil, day, sessions)))


def _year_after(register: Register, pupil: int, day: dt.date, sessions: int) -> tuple[int, int]:
    """The year's attended and possible once ``sessions`` more are attended."""
    moment = Moment(register.days, day)
    words = register.words(moment.year_start, moment.stop, np.array([pupil]))
    return int(field(words, "attended")[0]) + sessions, int(field(words, "possible")[0]) + sessions


def _brings_back(stage: Stage, sessions: int, by: dt.date, year: tuple[int, int]) -> str:
    """Names the figure only where it is reached: a stage may also end because attendance improved below it."""
    below = [
        leaf
        for leaf in leaves(stage.condition)
        if isinstance(leaf, Comparison)
        and leaf.op == "below"
        and leaf.measure == "percent"
        and 100 * year[0] >= leaf.limit * year[1]
    ]
    back = f": back at {figure(below[0].threshold)} %" if below else ""
    return f"{plural(sessions, 'session')} attended in a row, to {long_date(by)}{back}."


def what_brings_back(
    register: Register, ruleset: Ruleset, state: CaseState, pupil: int, day: dt.date, national: Ruleset | None = None
) -> str:
    """The way back as a sentence, the ladder's own words where no number of sessions says it."""
    highest = int(state.highest(day.toordinal())[pupil])
    if highest < 0:
        return "No stage is reached this year."
    found = way_back(register, ruleset, state, pupil, day, national)
    if found:
        return found.sentence
    best = best_possible(register, pupil, day)
    ladder = ruleset.stages[highest].what_brings_back
    return f"{ladder} The best figure still possible this year is {figure(rounded_ratio(*best))} %." if best else ladder


class _Future:
    """One pupil's register written on into the days to come, in as many ways as are asked about at once."""

    def __init__(
        self, register: Register, ruleset: Ruleset, national: Ruleset | None, state: CaseState, pupil: int, day: dt.date
    ) -> None:
        self.register, self.ruleset, self.national, self.state, self.pupil = register, ruleset, national, state, pupil
        self.now = Moment(register.days, day)
        self.ahead = min(self.now.year_stop - self.now.stop, DAYS_AHEAD)

    def missing_the_next(self) -> Iterator[tuple[int, bool, dt.date, int]]:
        """(sessions missed, unauthorised?, day, column) in the order of fewest sessions, for those that have a stage proposed."""
        tries = [(0, False)] + [
            (number, how) for number in range(1, min(MOST_SESSIONS, 2 * self.ahead) + 1) for how in (False, True)
        ]
        futures = self._written(len(tries))
        first = 2 * self.now.stop
        for row, (number, unauthorised) in enumerate(tries):
            futures[row, first : first + number] = _mark("O" if unauthorised else "I")
        found: dict[int, tuple[dt.date, int]] = {}
        for date, decisions in self._days(futures, range(self.now.stop, self.now.stop + self.ahead)):
            for row, column in decisions:
                found.setdefault(row, (date, column))
        for row in sorted(found):
            yield (*tries[row], *found[row])

    def still_reached_by(self, sessions: int, unauthorised: bool, column: int) -> dt.date | None:
        """The last day (without a break from the first possible one) on which the last of ``sessions`` missed still reaches the stage."""
        last = None
        first = self.now.stop + (sessions - 1) // 2
        for start in range(first, self.now.year_stop, ENDS_AT_ONCE):
            ends = range(start, min(start + ENDS_AT_ONCE, self.now.year_stop))
            reached = self._reached(ends, sessions, unauthorised, column)
            for end in ends:
                if end not in reached:
                    return last
                last = self.register.days.dates[end]
        return last

    def _reached(self, ends: range, sessions: int, unauthorised: bool, column: int) -> set[int]:
        """Those of ``ends`` for which the stage, or a higher one, is proposed within a week of ``sessions`` missed up to that day."""
        futures = self._written(len(ends))
        for row, end in enumerate(ends):
            futures[row, 2 * end + 2 - sessions : 2 * end + 2] = _mark("O" if unauthorised else "I")
        dates = self.register.days.dates
        found: set[int] = set()

        def within_a_week(day: int, rows: np.ndarray) -> np.ndarray:
            return np.array([row for row in rows if 0 <= (dates[day] - dates[ends[row]]).days < 7], dtype=np.int64)

        for _, proposed in self._days(futures, range(ends[0], min(ends[-1] + 7, self.now.year_stop)), within_a_week):
            found |= {ends[row] for row, reached in proposed if reached >= column}
        return found

    def attended_until_it_ends(self, stage: Stage) -> tuple[int, dt.date] | None:
        """Sessions attended in a row until the stage's condition no longer holds, and the day of the last; None where it never ends."""
        futures = self._written(1)
        if not self._holds_on(futures, self.now.last, stage):
            return None
        for day in range(self.now.stop, self.now.year_stop):
            if not self._holds_on(futures, day, stage):
                half = futures.copy()
                half[0, 2 * day + 1] = _mark("#")
                sessions = 2 * (day - self.now.stop + 1)
                return sessions - (not self._holds_on(half, day, stage)), self.register.days.dates[day]
        return None

    def _holds_on(self, futures: np.ndarray, day: int, stage: Stage) -> bool:
        register = Register(self.register.days, futures)
        state = self.state.copies(self.pupil, len(futures))
        judge = judge_for(register, self.ruleset, self.national, state, register.days.dates[day])
        return bool(judge.as_it_stands(stage.condition, np.arange(1))[0])

    def _written(self, number: int) -> np.ndarray:
        """uint8[number, sessions]: the pupil's marks to date, and every session after it attended."""
        row = self.register.marks[self.pupil].copy()
        row[2 * self.now.stop :: 2] = _mark("/")
        row[2 * self.now.stop + 1 :: 2] = _mark("\\")
        return np.tile(row, (number, 1))

    def _days(
        self, futures: np.ndarray, days: range, looked_at: Callable[[int, np.ndarray], np.ndarray] | None = None
    ) -> Iterator[tuple[dt.date, list[tuple[int, int]]]]:
        """For each day the rows that have a stage proposed for the first time, and its column; ``looked_at`` chooses the rows of a day."""
        register = Register(self.register.days, futures)
        state = self.state.copies(self.pupil, len(futures))
        left = np.arange(len(futures))
        for day in days:
            rows = left if looked_at is None else looked_at(day, left)
            if len(rows):
                judge = judge_for(register, self.ruleset, self.national, state, register.days.dates[day])
                end_periods(register, state, judge.moment, rows)
                columns = proposed_columns(judge, self.ruleset, rows)
                at = columns >= 0
                yield judge.moment.date, list(zip(rows[at].tolist(), columns[at].tolist(), strict=True))
                left = np.setdiff1d(left, rows[at])


def _mark(code: str) -> int:
    return ord(CODES[code].character)


__all__ = [
    "NextStage",
    "StageOutlook",
    "Standing",
    "WayBack",
    "best_possible",
    "explain",
    "next_stage",
    "standing",
    "way_back",
    "what_brings_back",
]
