"""The back-test: a ruleset over a register. What would this ladder have proposed, when, and how much work for whom?

The same core as the night, in a loop over the school days. ``same-day``: every proposed stage counts as done on the day it is proposed
and every period is followed by the next; ``never``: nothing is ever done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from escalation.engine.backtest_files import MarksReader, Report, Row, read_calendar
from escalation.engine.evaluate import Decision, carries_over, evaluate, judge_for, new_state
from escalation.engine.register import Register
from escalation.engine.ruleset import Ruleset, national_rules
from escalation.engine.state import CaseState

Act = Literal["same-day", "never"]
REPORTED = ("stage", "watch", "recovery")


def run_backtest(
    ruleset: Ruleset,
    calendar_rows: Iterable[Row],
    marks_rows: Iterable[Row],
    start: dt.date,
    end: dt.date,
    act: Act,
    report: Report = lambda what, row, fault: None,
) -> Iterator[dict[str, object]]:
    """The proposals of every school day from ``start`` to ``end`` as plain objects, by date, UPN, kind and id.

    ``calendar_rows``: date, half_term, term, academic_year; ``marks_rows``: upn, date, session, code, all as text, without the heading.
    Rows that cannot be used are skipped and handed to ``report``.
    """
    days = read_calendar(calendar_rows, report)
    register, upns = MarksReader(days, report).read(marks_rows)
    return (as_json(decision, upns) for decision in backtest(ruleset, register, start, end, act))


def backtest(
    ruleset: Ruleset, register: Register, start: dt.date, end: dt.date, act: Act, national: Ruleset | None = None
) -> Iterator[Decision]:
    """The decisions (stage, watch, recovery) of every school day from ``start`` to ``end``, over a register from any source."""
    run = _Run(ruleset, national or national_rules(), register, act)
    days = register.days
    for day in range(days.first_on_or_after(start), days.first_after(end)):
        yield from run.day(day)


def as_json(decision: Decision, upns: list[str]) -> dict[str, object]:
    """The object that stands on one line of the back-test."""
    return {
        "date": decision.date.isoformat(),
        "upn": upns[decision.pupil],
        "kind": decision.kind,
        "id": decision.id,
        "name": decision.name,
        "because": [reason.as_json() for reason in decision.because],
    }


class _Run:
    """The cases of one run: they begin empty and carry over only what the run itself saw."""

    def __init__(self, ruleset: Ruleset, national: Ruleset, register: Register, act: Act) -> None:
        self.ruleset, self.national, self.register, self.acts = ruleset, national, register, act == "same-day"
        self.state: CaseState = new_state(register.pupils, ruleset, national)
        self.year = -1
        self.carried: dict[int, list[int]] = {}

    def day(self, day: int) -> list[Decision]:
        date = self.register.days.dates[day]
        self._turn_of_year(int(self.register.days.year[day]), day)
        pupils = self.register.evaluated(day)
        if not len(pupils):
            return []
        decisions = evaluate(self.register, self.ruleset, self.national, self.state, date, pupils)
        for decision in decisions:
            if decision.kind == "stage":
                self._follow(decision)
        self._see_last_days(day, pupils)
        return [decision for decision in decisions if decision.kind in REPORTED]

    def _follow(self, decision: Decision) -> None:
        for stage in (*decision.passed_over, decision.id):
            self.state.mark_proposed(decision.pupil, stage)
        if not self.acts:
            return
        self.state.mark_done(decision.pupil, decision.id, decision.date)
        weeks = self.ruleset.stage(decision.id).begins_period
        if weeks:
            self.state.begin_period(decision.pupil, decision.id, decision.date, weeks)

    def _turn_of_year(self, year: int, day: int) -> None:
        if year == self.year:
            return
        self.year = year
        self.state.begin_year()
        eve = self.register.days.dates[day] - dt.timedelta(days=1)
        for pupil in self.carried.get(year - 1, ()):
            for stage in self.ruleset.carry_over.stages if self.ruleset.carry_over else ():
                self.state.mark_done(pupil, stage, eve, carried=True)

    def _see_last_days(self, day: int, pupils: np.ndarray) -> None:
        """Whose last day with a mark in this year it is, and who begins the next one with stages counted as done."""
        if not self.acts or self.ruleset.carry_over is None:
            return
        leaving = pupils[self.register.on_roll_to[pupils, self.year] == day]
        if len(leaving):
            judge = judge_for(self.register, self.ruleset, self.national, self.state, self.register.days.dates[day])
            self.carried.setdefault(self.year, []).extend(carries_over(judge, self.ruleset, leaving))
