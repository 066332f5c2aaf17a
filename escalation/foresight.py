"""What a ladder would have done on the school's own register of the last weeks: the count that stands before it may be published."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

import numpy as np

from attendance.grid import academic_year_of
from escalation.engine.backtest import backtest
from escalation.engine.register import Register
from escalation.engine.ruleset import Ruleset
from escalation.past_register import past_register
from schools.models import School

SCHOOL_DAYS = 30
"""How far it looks back."""
ALMOST_ALL = 0.75
"""Share of the pupils proposed on one day from which a ladder counts as proposing (almost) everything at once."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Stages proposed over the school days from ``starts`` to ``ends``, with nothing done. ``first_day``: the first with a proposal;
    ``pupils``: on roll on it.

    ``starts`` is None where the register has no school day yet: then nothing can be foreseen.
    """

    starts: dt.date | None
    ends: dt.date | None
    pupils: int
    proposals: int
    on_the_first_day: int
    first_day: dt.date | None
    by_stage: tuple[tuple[str, int], ...]

    @property
    def warning(self) -> str:
        """A sentence for a ladder that would have proposed nothing, or (almost) everything on its first day; otherwise empty."""
        if self.starts is None or self.ends is None or not self.pupils:
            return "The school's register is still empty, so nobody can say whom this ladder would reach."
        span = f"from {self.starts:%-d %B} to {self.ends:%-d %B %Y}"
        if not self.proposals:
            return f"On the school's own register {span} this ladder would have proposed nothing for any of {self.pupils} pupils."
        if self.first_day and self.on_the_first_day >= ALMOST_ALL * self.pupils:
            return (
                f"On the school's own register this ladder would have proposed a stage for {self.on_the_first_day} of {self.pupils} "
                f"pupils on one day, {self.first_day:%-d %B %Y}."
            )
        return ""


def forecast(school: School, ruleset: Ruleset, on: dt.date) -> Forecast:
    """The last ``SCHOOL_DAYS`` school days up to ``on`` that bear a mark, judged by ``ruleset`` from empty cases. Four statements.

    Raises CalendarError where the calendar contradicts itself.
    """
    register = past_register(school, [academic_year_of(on)]).register
    days = register.days
    span = _span(register, on)
    if span is None:
        return Forecast(None, None, 0, 0, 0, None, ())
    starts, ends = span
    proposed = [each for each in backtest(ruleset, register, starts, ends, "never") if each.kind == "stage"]
    first = min((each.date for each in proposed), default=None)
    pupils = len(register.evaluated(days.index(first or ends) or 0))
    by_stage = Counter(each.id for each in proposed)
    return Forecast(
        starts, ends, pupils, len(proposed), sum(each.date == first for each in proposed), first,
        tuple((stage.id, by_stage[stage.id]) for stage in ruleset.stages),
    )  # fmt: skip


def _span(register: Register, on: dt.date) -> tuple[dt.date, dt.date] | None:
    """First and last of the days looked at: up to the last day with a mark, within one academic year."""
    days = register.days
    before = days.first_after(on)
    marked = np.flatnonzero((register.marks[:, : 2 * before] != ord(".")).any(axis=0)) if register.pupils else np.empty(0)
    if not len(marked):
        return None
    last = int(marked[-1]) // 2
    first = max(last - SCHOOL_DAYS + 1, int(np.argmax(days.year == days.year[last])))
    return days.dates[first], days.dates[last]
