"""What was already done for each pupil this academic year: the case, as arrays over all pupils of a school.

The night fills one from its database rows with the plain methods below, lets ``evaluate`` judge a day, and reads the changes back.
Days are proleptic ordinals (``date.toordinal()``), 0 meaning "not". Stages are columns in the order of the ladder.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


class PeriodArrays:
    """The latest plan or period of each stage, and how the earlier ones ended: arrays [pupils, stages].

    ``start``: day on which the latest began; ``weeks``: its length; ``target``: a Fraction in % by (pupil, stage) where a person set one,
    else "improve"; ``active``: still open, or succeeded when it ends; ``ended``: last day of the latest ended one;
    ``met``: last day of the latest ended one where its target was met, else 0; ``missed``: last day of the first one that was missed.
    """

    def __init__(self, pupils: int, stages: int) -> None:
        self.start, self.weeks, self.ended, self.met, self.missed = (np.zeros((pupils, stages), dtype=np.int32) for _ in range(5))
        self.active = np.zeros((pupils, stages), dtype=bool)
        self.target: dict[tuple[int, int], Fraction] = {}


@dataclass(frozen=True, slots=True)
class WatchRow:
    """The small facts that are kept of one watch (or recovery) rule for one pupil between two nights.

    ``opened_on``: day of the latest entry; ``clear_since``: day on which the condition stopped holding (None while it holds);
    ``changed_on``, ``was_opened_on``, ``was_clear_since``: day of the last change and what stood before it, so that the same day can be
    judged again, also on a corrected register, with the same answer as if it were judged for the first time.
    """

    opened_on: dt.date | None = None
    clear_since: dt.date | None = None
    changed_on: dt.date | None = None
    was_opened_on: dt.date | None = None
    was_clear_since: dt.date | None = None


class WatchMemory:
    """``WatchRow`` for every pupil, as arrays int32[pupils] of ordinals."""

    NAMES = ("opened_on", "clear_since", "changed_on", "was_opened_on", "was_clear_since")

    def __init__(self, pupils: int) -> None:
        self.opened_on, self.clear_since, self.changed_on, self.was_opened_on, self.was_clear_since = (
            np.zeros(pupils, dtype=np.int32) for _ in self.NAMES
        )

    def set(self, pupil: int, row: WatchRow) -> None:
        for name in self.NAMES:
            getattr(self, name)[pupil] = _ordinal(getattr(row, name))

    def get(self, pupil: int) -> WatchRow:
        return WatchRow(**{name: _date(int(getattr(self, name)[pupil])) for name in self.NAMES})

    def changed(self, date: dt.date) -> list[int]:
        """Pupils whose facts changed in the evaluation of ``date``."""
        return np.flatnonzero(self.changed_on == date.toordinal()).tolist()

    def before(self, ordinal: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """opened_on and clear_since as they stood before the day was judged (for the first time or again)."""
        opened, clear = self.opened_on[rows], self.clear_since[rows]
        again = self.changed_on[rows] == ordinal
        if again.any():
            opened[again], clear[again] = self.was_opened_on[rows[again]], self.was_clear_since[rows[again]]
        return opened, clear

    def record(self, ordinal: int, rows: np.ndarray, opened: np.ndarray, clear: np.ndarray) -> None:
        """Keep what the day made of the rule; a day judged again without a change leaves no trace of the first judgement."""
        was_opened, was_clear = self.before(ordinal, rows)
        changes = (opened != was_opened) | (clear != was_clear)
        touched = changes | (self.changed_on[rows] == ordinal)
        if not touched.any():
            return
        at, changes = rows[touched], changes[touched]
        self.opened_on[at], self.clear_since[at] = opened[touched], clear[touched]
        self.was_opened_on[at] = np.where(changes, was_opened[touched], 0)
        self.was_clear_since[at] = np.where(changes, was_clear[touched], 0)
        self.changed_on[at] = np.where(changes, ordinal, 0)


class CaseState:
    """The cases of one academic year: stages done and proposed, plans and periods, watch entries.

    ``stage_ids``: the ladder in order; ``rule_ids``: watch and recovery rules as "watch:<id>" and "recovery:<id>".
    """

    def __init__(self, pupils: int, stage_ids: tuple[str, ...], rule_ids: tuple[str, ...] = ()) -> None:
        self.pupils = pupils
        self.stage_ids = stage_ids
        self.position = {stage: number for number, stage in enumerate(stage_ids)}
        shape = (pupils, len(stage_ids))
        self.done = np.zeros(shape, dtype=np.int32)
        self.carried = np.zeros(shape, dtype=bool)
        self.taken = np.zeros(shape, dtype=bool)
        self.declined_until = np.zeros(shape, dtype=np.int32)
        self.periods = PeriodArrays(*shape)
        self.watch = {rule: WatchMemory(pupils) for rule in rule_ids}

    def mark_done(self, pupil: int, stage: str, on: dt.date, *, carried: bool = False) -> None:
        """The stage's action was recorded on ``on``. ``carried``: counted as done from the year before (no gap runs from it)."""
        column = self.position[stage]
        self.done[pupil, column] = on.toordinal()
        self.carried[pupil, column] = carried

    def mark_proposed(self, pupil: int, stage: str) -> None:
        self.taken[pupil, self.position[stage]] = True

    def mark_passed_over(self, pupil: int, stage: str) -> None:
        self.taken[pupil, self.position[stage]] = True

    def decline(self, pupil: int, stage: str, until: dt.date | None = None) -> None:
        """A person declined the stage: for this year, or until and including a date, after which it may come again."""
        column = self.position[stage]
        self.taken[pupil, column] = True
        self.declined_until[pupil, column] = _ordinal(until)

    def begin_period(
        self, pupil: int, stage: str, start: dt.date, weeks: int, target: Fraction | int | float | None = None
    ) -> None:
        """A plan or period began; ``target`` is a %, or None for "improve"."""
        column = self.position[stage]
        self.periods.start[pupil, column] = start.toordinal()
        self.periods.weeks[pupil, column] = weeks
        self.periods.active[pupil, column] = True
        self.periods.target.pop((pupil, column), None)
        if target is not None:
            self.periods.target[pupil, column] = Fraction(str(target))

    def end_period(self, pupil: int, stage: str, ended: dt.date, outcome: str) -> None:
        """The latest period's outcome is known: "met", "missed" or "no sessions" (as the engine's own period decisions name them)."""
        column, day = self.position[stage], ended.toordinal()
        self.periods.ended[pupil, column] = day
        self.periods.met[pupil, column] = day if outcome == "met" else 0
        if outcome == "missed":
            self.periods.active[pupil, column] = False
            if not self.periods.missed[pupil, column]:
                self.periods.missed[pupil, column] = day

    def stop_periods(self, pupil: int, stage: str) -> None:
        """Recovery or a person's decision: no further period follows."""
        self.periods.active[pupil, self.position[stage]] = False

    def copies(self, pupil: int, number: int) -> CaseState:
        """One pupil's case, ``number`` times over, for asking "what if"; watch memories are left out."""
        other = CaseState(number, self.stage_ids)
        for name in ("done", "carried", "taken", "declined_until"):
            getattr(other, name)[...] = getattr(self, name)[pupil]
        for name in ("start", "weeks", "ended", "met", "missed", "active"):
            getattr(other.periods, name)[...] = getattr(self.periods, name)[pupil]
        targets = {column: target for (row, column), target in self.periods.target.items() if row == pupil}
        other.periods.target = {(row, column): target for row in range(number) for column, target in targets.items()}
        return other

    def highest(self, ordinal: int) -> np.ndarray:
        """int64[pupils]: column of the highest stage done, proposed or passed over this year; -1 for none.

        A stage declined until a date does not count after that date.
        """
        expired = (self.declined_until > 0) & (self.declined_until < ordinal)
        taken = (self.done > 0) | (self.taken & ~expired)
        columns = len(self.stage_ids)
        if not columns:
            return np.full(self.pupils, -1)
        return np.where(taken.any(axis=1), columns - 1 - np.argmax(taken[:, ::-1], axis=1), -1)

    def last_done(self) -> np.ndarray:
        """int32[pupils]: the latest day on which a stage was done (carried ones aside), 0 for none."""
        if not self.stage_ids:
            return np.zeros(self.pupils, dtype=np.int32)
        return np.where(self.carried, 0, self.done).max(axis=1)

    def begin_year(self) -> None:
        """A new academic year starts new cases; watch entries run on."""
        for array in (self.done, self.declined_until, self.carried, self.taken):
            array[...] = 0
        self.periods = PeriodArrays(self.pupils, len(self.stage_ids))


def _ordinal(date: dt.date | None) -> int:
    return date.toordinal() if date else 0


def _date(ordinal: int) -> dt.date | None:
    return dt.date.fromordinal(ordinal) if ordinal else None
