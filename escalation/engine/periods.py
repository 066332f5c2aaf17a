"""Plans and periods: when one ends, whether its target was met, and what follows.

A period of n weeks that began on day d covers the sessions after d up to and including d + 7n. It has ended on the first evaluated day
on or after that. Met, or without a possible session, it is followed by another of the same length from d + 7n; missed, by none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from escalation.engine.measures import year_words
from escalation.engine.register import Register, field
from escalation.engine.state import CaseState
from escalation.engine.windows import Moment

MET, MISSED, NO_SESSIONS = "met", "missed", "no sessions"


@dataclass(frozen=True, slots=True)
class PeriodEnd:
    """A period that has ended: days as ordinals; attended and possible over its own sessions, and of the year as of its first day.

    ``target``: the % that a person set, or None for "improve". Unless it was missed the next one begins on ``ended``.
    """

    pupil: int
    column: int
    began: int
    ended: int
    attended: int
    possible: int
    attended_before: int
    possible_before: int
    target: Fraction | None

    @property
    def outcome(self) -> str:
        if self.possible == 0 or (self.target is None and self.possible_before == 0):
            return NO_SESSIONS
        if self.target is not None:
            return MET if 100 * self.attended >= self.target * self.possible else MISSED
        return MET if self.attended * self.possible_before > self.attended_before * self.possible else MISSED


def end_periods(register: Register, state: CaseState, moment: Moment, pupils: np.ndarray) -> list[PeriodEnd]:
    """Close every period of ``pupils`` that has ended by the moment and begin the ones that follow; ``state`` is brought up to date."""
    ended: list[PeriodEnd] = []
    while True:
        due = state.periods.active[pupils] & (state.periods.start[pupils] + 7 * state.periods.weeks[pupils] <= moment.ordinal)
        if not due.any():
            return ended
        at, columns = np.nonzero(due)
        ends = _judged(register, state, moment, pupils[at], columns)
        for end in ends:
            _record(state, end)
        ended.extend(ends)


def _judged(register: Register, state: CaseState, moment: Moment, rows: np.ndarray, columns: np.ndarray) -> list[PeriodEnd]:
    periods = state.periods
    began = periods.start[rows, columns].astype(np.int64)
    ended = began + 7 * periods.weeks[rows, columns]
    start, stop = (np.searchsorted(register.days.ordinals, day, side="right") for day in (began, ended))
    own = register.words(start, stop, rows)
    before = year_words(register, moment, began, rows)
    return [
        PeriodEnd(
            pupil=int(rows[at]),
            column=int(columns[at]),
            began=int(began[at]),
            ended=int(ended[at]),
            attended=int(field(own, "attended")[at]),
            possible=int(field(own, "possible")[at]),
            attended_before=int(field(before, "attended")[at]),
            possible_before=int(field(before, "possible")[at]),
            target=periods.target.get((int(rows[at]), int(columns[at]))),
        )
        for at in range(len(rows))
    ]


def _record(state: CaseState, end: PeriodEnd) -> None:
    periods, at = state.periods, (end.pupil, end.column)
    periods.ended[at] = end.ended
    periods.met[at] = end.ended if end.outcome == MET else 0
    if end.outcome == MISSED:
        periods.active[at] = False
        periods.missed[at] = periods.missed[at] or end.ended
    else:
        periods.start[at] = end.ended
        periods.target.pop(at, None)
