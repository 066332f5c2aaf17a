"""One day's decisions for all pupils of a school: stages proposed, watch entries opened, recovery seen, periods ended.

The proposing rule, as the policies' common words have it: a stage is a candidate when its condition holds, what it needs is done and it
does not wait for the gap; the highest candidate is proposed, one at a time, never at or below the highest stage already done, proposed
or passed over this year, and never over a lower stage that may not be passed over and whose condition and needs hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from escalation.engine.judge import Judge
from escalation.engine.periods import PeriodEnd, end_periods
from escalation.engine.reasons import Reason, reasons_for
from escalation.engine.register import Register
from escalation.engine.ruleset import Ruleset, Stage, WatchRule
from escalation.engine.sentences import sentence
from escalation.engine.state import CaseState, WatchMemory
from escalation.engine.windows import Moment

KINDS = ("period", "stage", "watch", "recovery")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the engine proposes for one pupil (a row of the register) on one day, and why.

    ``kind``: stage, watch, recovery or period; ``id`` and ``name``: of the stage or the rule; ``passed_over``: ids of the stages
    between the highest one reached before and this one; ``period``: for a period that ended, its figures and outcome.
    """

    pupil: int
    date: dt.date
    kind: str
    id: str
    name: str
    because: tuple[Reason, ...] = ()
    passed_over: tuple[str, ...] = ()
    period: PeriodEnd | None = field(default=None, compare=False)

    def sentences(self) -> list[str]:
        """The reasons as sentences, in the order of the ruleset."""
        subject = f"stage {self.id}" if self.kind == "stage" else self.name
        return [sentence(reason, subject) for reason in self.because]


def new_state(pupils: int, ruleset: Ruleset, national: Ruleset | None) -> CaseState:
    """Empty cases for a school: no stage done, no watch entry ever opened."""
    rules = [f"watch:{rule.id}" for rule in watch_rules(ruleset, national)] + [f"recovery:{rule.id}" for rule in ruleset.recovery]
    return CaseState(pupils, tuple(stage.id for stage in ruleset.stages), tuple(rules))


def watch_rules(ruleset: Ruleset, national: Ruleset | None) -> tuple[WatchRule, ...]:
    """The national watch rules and the ladder's own."""
    return (*(national.watch if national else ()), *ruleset.watch)


def judge_for(register: Register, ruleset: Ruleset, national: Ruleset | None, state: CaseState, day: dt.date) -> Judge:
    """The judge of a day: what holds for whom."""
    watch = {rule.id: rule.condition for rule in watch_rules(ruleset, national)}
    return Judge(register, state, Moment(register.days, day), watch)


def evaluate(
    register: Register,
    ruleset: Ruleset,
    national: Ruleset | None,
    state: CaseState,
    day: dt.date,
    pupils: np.ndarray | None = None,
    of_age: np.ndarray | None = None,
) -> list[Decision]:
    """Every decision of ``day``, after that day's register, by pupil, then kind, then id.

    Pupils are those on roll that day, or ``pupils`` (row numbers). ``of_age``, bool[pupils of the register]: who is of compulsory school
    age on the day; None takes everybody to be, as the back-test does. ``state`` holds the cases as they stood before the day; its periods
    and watch memories are brought up to date (both give the same answer when the day is judged again), stages are left as they were:
    whether a proposed stage counts as proposed, done or declined is the caller's to record.
    """
    judge = judge_for(register, ruleset, national, state, day)
    rows = register.evaluated(judge.moment.last) if pupils is None else pupils
    ended = end_periods(register, state, judge.moment, rows)
    decisions = [_period_decision(end, ruleset, day) for end in ended]
    decisions += propose(judge, ruleset, rows)
    for rule in watch_rules(ruleset, national):
        asked = rows if of_age is None or not rule.compulsory_age_only else rows[of_age[rows]]
        decisions += _watch(judge, rule, "watch", state.watch[f"watch:{rule.id}"], asked)
    for rule in ruleset.recovery:
        if judge.moment.ends_week or not rule.weekly:
            decisions += _watch(judge, rule, "recovery", state.watch[f"recovery:{rule.id}"], rows)
    decisions.sort(key=lambda decision: (decision.pupil, KINDS.index(decision.kind), decision.id))
    return decisions


def _period_decision(end: PeriodEnd, ruleset: Ruleset, day: dt.date) -> Decision:
    stage = ruleset.stages[end.column]
    return Decision(end.pupil, day, "period", stage.id, stage.name, period=end)


def propose(judge: Judge, ruleset: Ruleset, rows: np.ndarray) -> list[Decision]:
    """At most one stage for each pupil, with its reasons."""
    columns = proposed_columns(judge, ruleset, rows)
    highest = judge.state.highest(judge.moment.ordinal)[rows]
    decisions: list[Decision] = []
    for column in np.unique(columns[columns >= 0]):
        at = np.flatnonzero(columns == column)
        decisions += _stage_decisions(judge, ruleset, int(column), rows[at], highest[at])
    return decisions


def proposed_columns(judge: Judge, ruleset: Ruleset, rows: np.ndarray) -> np.ndarray:
    """int64[rows]: the column of the stage proposed, -1 for none."""
    state = judge.state
    highest = state.highest(judge.moment.ordinal)[rows]
    waiting = waits_for_gap(judge, ruleset, rows)
    proposed = np.full(len(rows), -1)
    blocked = np.zeros(len(rows), dtype=bool)
    for column, stage in enumerate(ruleset.stages):
        open_to = np.flatnonzero((highest < column) & ~blocked & needs_done(state, stage, rows))
        if not len(open_to):
            continue
        ready = open_to[judge.holds(stage.condition, rows[open_to])]
        proposed[ready[~waiting[ready]] if stage.waits_for_gap else ready] = column
        if not stage.may_be_passed_over:
            blocked[ready] = True
    return proposed


def _stage_decisions(judge: Judge, ruleset: Ruleset, column: int, rows: np.ndarray, highest: np.ndarray) -> list[Decision]:
    stage = ruleset.stages[column]
    because = reasons_for(judge, stage.condition, rows)
    ids = tuple(other.id for other in ruleset.stages)
    return [
        Decision(int(row), judge.moment.date, "stage", stage.id, stage.name, why, ids[int(low) + 1 : column])
        for row, low, why in zip(rows, highest, because, strict=True)
    ]


def needs_done(state: CaseState, stage: Stage, rows: np.ndarray) -> np.ndarray:
    """bool[rows]: every stage that this one needs is done."""
    done = np.ones(len(rows), dtype=bool)
    for need in stage.needs:
        done &= state.done[rows, state.position[need]] > 0
    return done


def waits_for_gap(judge: Judge, ruleset: Ruleset, rows: np.ndarray) -> np.ndarray:
    """bool[rows]: fewer than ``gap`` school days lie after the day on which a stage was last done."""
    last = judge.state.last_done()[rows]
    since = judge.moment.stop - np.searchsorted(judge.register.days.ordinals, last, side="right")
    return (last > 0) & (since < ruleset.gap)


def _watch(judge: Judge, rule: WatchRule, kind: str, memory: WatchMemory, rows: np.ndarray) -> list[Decision]:
    """Entries of one rule: opened when the condition begins to hold, and again as the rule says."""
    moment = judge.moment
    holding = judge.holds(rule.condition, rows)
    opened, clear = memory.before(moment.ordinal, rows)
    if rule.afresh_each_year:
        stale = (opened > 0) & (opened < int(moment.days.ordinals[moment.year_start]))
        opened, clear = np.where(stale, 0, opened), np.where(stale, 0, clear)
    begins = holding & ((opened == 0) | _may_open_again(judge, rule, rows, holding, opened, clear))
    opened = np.where(begins, moment.ordinal, opened)
    clear = np.where(holding | (opened == 0), 0, np.where(clear > 0, clear, moment.ordinal))
    memory.record(moment.ordinal, rows, opened, clear)
    at = rows[begins]
    if not len(at):
        return []
    because = reasons_for(judge, rule.condition, at)
    return [Decision(int(row), moment.date, kind, rule.id, rule.name, why) for row, why in zip(at, because, strict=True)]


def _may_open_again(
    judge: Judge, rule: WatchRule, rows: np.ndarray, holding: np.ndarray, opened: np.ndarray, clear: np.ndarray
) -> np.ndarray:
    again = np.zeros(len(rows), dtype=bool)
    if rule.new_period_codes:
        return _illness_begins(judge, rule.new_period_codes, rows) & (opened > 0)
    if rule.each_period_of:
        columns = np.array([judge.state.position[stage] for stage in rule.each_period_of])
        return (judge.state.periods.met[np.ix_(rows, columns)] > opened[:, None]).any(axis=1) & (opened > 0)
    for at in np.flatnonzero(holding & (opened > 0) & (clear > 0)):
        again[at] = _evaluated_days(judge, int(rows[at]), int(clear[at])) >= rule.reopen_after
    return again


def _illness_begins(judge: Judge, codes: tuple[str, ...], rows: np.ndarray) -> np.ndarray:
    """bool[rows]: a school day with a session of ``codes`` whose school day before has none."""
    register, last = judge.register, judge.moment.last
    if not judge.moment.is_school_day:
        return np.zeros(len(rows), dtype=bool)
    today = register.has_code(codes, last, rows)
    return today & ~register.has_code(codes, last - 1, rows) if last else today


def _evaluated_days(judge: Judge, pupil: int, since: int) -> int:
    """Evaluated days of a pupil from the ordinal ``since`` up to but not including the moment's day."""
    register, days = judge.register, judge.register.days
    start = int(np.searchsorted(days.ordinals, since, side="left"))
    stop = int(np.searchsorted(days.ordinals, judge.moment.ordinal, side="left"))
    first, last = register.on_roll_from[pupil], register.on_roll_to[pupil]
    return int(np.maximum(np.minimum(last + 1, stop) - np.maximum(first, start), 0).sum())


def carries_over(judge: Judge, ruleset: Ruleset, rows: Iterable[int]) -> list[int]:
    """Those of ``rows`` for whom next year begins with the ruleset's carried stages; to be asked on a pupil's last day of the year."""
    at = np.array(list(rows), dtype=np.int64)
    if ruleset.carry_over is None or not len(at):
        return []
    return at[judge.holds(ruleset.carry_over.condition, at)].tolist()
